//! The echo server, on the library's asynchronous face, and its page for browsers.

use std::io;

use bowsprit::{
    CloseCode, Error, HttpRequest, Message, Response, Role, Server, ServerTls, WebSocket,
    proto::{Uri, handshake::InvalidRequest},
};

use crate::{
    Failure, Options, PATIENCE,
    report::{Counts, Report},
};

/// In the server's order of preference.
const SUBPROTOCOLS: [&str; 2] = ["interop.v2", "interop.v1"];

const PAGE: &str = include_str!("page.html");

/// Serves until standard input ends.
pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let mut builder = Server::builder()
        .config(options.config(Role::Server))
        .subprotocols(SUBPROTOCOLS)?
        .http(|request| async move { respond(&request).expect("valid headers") });
    if let Some((certificate, key)) = &options.tls {
        builder = builder.tls(ServerTls::from_files(certificate, key)?);
    }
    let address = options.listen.as_deref().unwrap_or("127.0.0.1:0");
    let server = builder.bind(address).await?;
    let scheme = if options.tls.is_some() { "wss" } else { "ws" };
    let port = server.local_addr()?.port();
    Report::default().with(scheme, port.into()).print();
    let control = server.clone();
    tokio::spawn(async move {
        // Whoever started the server holds its input open.
        let _ = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
        control.shutdown(CloseCode::GOING_AWAY, PATIENCE).await;
    });
    Ok(server.serve(answer).await?)
}

fn respond(request: &HttpRequest) -> Result<Response, InvalidRequest> {
    if request.path() != "/" {
        return Response::new(404);
    }
    let mut response = Response::new(200)?;
    response.header("Content-Type", "text/html; charset=utf-8")?;
    response.body(PAGE);
    Ok(response)
}

async fn answer(mut ws: WebSocket) -> Result<(), Error> {
    let path =
        Uri::parse(ws.info().uri()).map_or_else(|_| String::new(), |uri| uri.target().into());
    let info = ws.info().clone();
    Report::event("open", &path).opening(&info).print();
    let mut counts = Counts::default();
    // What goes wrong is part of how the connection ended.
    while let Ok(Some(message)) = ws.recv().await {
        counts.add(message.as_bytes());
        let answered = if path.starts_with("/close") {
            close_as_told(&mut ws, &message).await
        } else {
            ws.feed(message).await
        };
        if answered.is_err() {
            break;
        }
    }
    let closed = ws.close_info().cloned().unwrap_or_default();
    Report::event("close", &path)
        .closing(&counts, &closed)
        .print();
    Ok(())
}

/// The message is the code and the reason of the close frame that answers it.
async fn close_as_told(ws: &mut WebSocket, message: &Message) -> Result<(), Error> {
    let text = message.as_text().unwrap_or_default();
    let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
    let code = code.parse().map_or(CloseCode::UNSUPPORTED_DATA, CloseCode);
    ws.close(code, reason).await?;
    Ok(())
}
