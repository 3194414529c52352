//! The echo server.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, stdin},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::HeaderValue,
        protocol::CloseFrame,
    },
};

use crate::{Counts, Failure, Options, Transport, close_frame, header, tls};

/// In the server's order of preference.
const SUBPROTOCOLS: [&str; 2] = ["interop.v2", "interop.v1"];

const PROTOCOL_HEADER: &str = "sec-websocket-protocol";

/// Serves until standard input ends.
pub async fn run(options: &Options) -> Result<(), Failure> {
    let tls = match &options.tls {
        Some((certificate, key)) => Some(tls::acceptor(certificate, key)?),
        None => None,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    println!("{}", json!({ scheme: listener.local_addr()?.port() }));
    let tls = Arc::new(tls);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let tls = Arc::clone(&tls);
            tokio::spawn(async move {
                if let Err(error) = answer(tcp, tls.as_ref().as_ref()).await {
                    eprintln!("{error}");
                }
            });
        }
    });
    stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}

#[expect(
    clippy::result_large_err,
    reason = "the type of a refusal is tungstenite's"
)]
async fn answer(tcp: TcpStream, tls: Option<&TlsAcceptor>) -> Result<(), Failure> {
    let transport: Box<dyn Transport> = match tls {
        Some(tls) => Box::new(tls.accept(tcp).await?),
        None => Box::new(tcp),
    };
    let mut path = String::new();
    let mut opened = Value::Null;
    let mut socket = accept_hdr_async(transport, |request: &Request, response| {
        path = request.uri().to_string();
        let response = choose_subprotocol(request, response);
        opened = json!({
            "event": "open",
            "path": path,
            "subprotocol": header(response.headers(), PROTOCOL_HEADER),
            "deflate": header(response.headers(), "sec-websocket-extensions"),
        });
        Ok::<_, ErrorResponse>(response)
    })
    .await?;
    println!("{opened}");

    let mut counts = Counts::default();
    let mut received = Value::Null;
    while let Some(message) = socket.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => {
                counts.add(&message.clone().into_data());
                let answer = if path.starts_with("/close") {
                    close_as_told(&message)?
                } else {
                    message
                };
                socket.send(answer).await?;
            }
            Message::Close(frame) => received = close_frame(frame),
            _ => {}
        }
    }
    let Counts { messages, bytes } = counts;
    let closed = json!({
        "event": "close", "path": path, "messages": messages, "bytes": bytes, "received": received,
    });
    println!("{closed}");
    Ok(())
}

fn choose_subprotocol(request: &Request, mut response: Response) -> Response {
    let offers = request
        .headers()
        .get(PROTOCOL_HEADER)
        .and_then(|value| value.to_str().ok());
    let offered: Vec<_> = offers
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .collect();
    if let Some(chosen) = SUBPROTOCOLS.into_iter().find(|name| offered.contains(name)) {
        response
            .headers_mut()
            .insert(PROTOCOL_HEADER, HeaderValue::from_static(chosen));
    }
    response
}

/// The message is the code and the reason of the close frame that answers it.
fn close_as_told(message: &Message) -> Result<Message, Failure> {
    let (code, reason) = message.to_text()?.split_once(' ').unwrap_or_default();
    Ok(Message::Close(Some(CloseFrame {
        code: code.parse::<u16>()?.into(),
        reason: reason.into(),
    })))
}
