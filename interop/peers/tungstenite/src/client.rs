//! The client and its conversation.

use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::{
    client_async,
    tungstenite::{
        Message,
        client::ClientRequestBuilder,
        http::Uri,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use crate::{Counts, Failure, Options, Socket, Transport, close_frame, header, tls};

const FRAGMENTS: [&str; 3] = ["in ", "three ", "pieces"];

/// Talks to the server and prints the report.
pub async fn run(options: &Options) -> Result<(), Failure> {
    let uri: Uri = options.uri.parse()?;
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
    let tcp = TcpStream::connect((host, port)).await?;
    let transport: Box<dyn Transport> = match &options.authority {
        Some(authority) => {
            let name = ServerName::try_from(host.to_owned())?;
            Box::new(tls::connector(authority)?.connect(name, tcp).await?)
        }
        None => Box::new(tcp),
    };
    let mut request = ClientRequestBuilder::new(uri.clone());
    for name in &options.subprotocols {
        request = request.with_sub_protocol(name);
    }
    let (socket, response) = client_async(request, transport).await?;

    let mut talk = Talk {
        socket,
        counts: Counts::default(),
        pong: None,
        received: Value::Null,
    };
    if uri.path() == "/close" {
        talk.socket.send("4001 fair winds ⚓".into()).await?;
    } else {
        talk.converse().await?;
    }
    if let Some(message) = talk.next().await? {
        return Err(format!("nothing more should come, but {message:?} did").into());
    }
    let report = json!({
        "subprotocol": header(response.headers(), "sec-websocket-protocol"),
        "deflate": header(response.headers(), "sec-websocket-extensions"),
        "messages": talk.counts.messages,
        "bytes": talk.counts.bytes,
        "received": talk.received,
    });
    println!("{report}");
    Ok(())
}

/// What has come so far.
struct Talk {
    socket: Socket,
    counts: Counts,
    pong: Option<Vec<u8>>,
    received: Value,
}

impl Talk {
    async fn converse(&mut self) -> Result<(), Failure> {
        for message in messages() {
            self.socket.send(message.clone()).await?;
            self.expect(&message).await?;
        }
        for (index, fragment) in FRAGMENTS.into_iter().enumerate() {
            let kind = if index == 0 {
                Data::Text
            } else {
                Data::Continue
            };
            let is_last = index + 1 == FRAGMENTS.len();
            let frame = Frame::message(fragment, OpCode::Data(kind), is_last);
            self.socket.send(Message::Frame(frame)).await?;
            self.socket.send(Message::Ping(fragment.into())).await?;
        }
        self.expect(&FRAGMENTS.concat().into()).await?;
        for message in burst() {
            self.socket.feed(message).await?;
        }
        self.socket.flush().await?;
        for message in burst() {
            self.expect(&message).await?;
        }
        self.socket
            .send(Message::Ping("are you there".into()))
            .await?;
        while self.pong.as_deref() != Some(b"are you there") {
            self.read().await?.ok_or("the server closed too early")?;
        }
        let frame = CloseFrame {
            code: 4002.into(),
            reason: "done".into(),
        };
        Ok(self.socket.send(Message::Close(Some(frame))).await?)
    }

    async fn expect(&mut self, message: &Message) -> Result<(), Failure> {
        let got = self.next().await?.ok_or("the server closed too early")?;
        if got != *message {
            return Err(format!("{} bytes came back for {}", got.len(), message.len()).into());
        }
        self.counts.add(&got.into_data());
        Ok(())
    }

    /// The next text or binary message, or `None` once the connection has ended.
    async fn next(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            match self.read().await? {
                Some(message) if message.is_text() || message.is_binary() => {
                    return Ok(Some(message));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    async fn read(&mut self) -> Result<Option<Message>, Failure> {
        let message = self.socket.next().await.transpose()?;
        match &message {
            Some(Message::Pong(payload)) => self.pong = Some(payload.to_vec()),
            Some(Message::Close(frame)) => self.received = close_frame(frame.clone()),
            _ => {}
        }
        Ok(message)
    }
}

fn messages() -> [Message; 8] {
    let mut random = vec![0; 1 << 20];
    rand::rng().fill_bytes(&mut random);
    [
        "".into(),
        "hello".into(),
        "Grüße, Привет, γειά, 你好, नमस्ते, مرحبا 👋🏽🚢".into(),
        Message::binary(vec![]),
        (0..=u8::MAX).collect::<Vec<_>>().into(),
        (0..=250).cycle().take(70_000).collect::<Vec<_>>().into(),
        "abcdefghijklmnopqrstuvwxyz 01234".repeat(32_768).into(),
        random.into(),
    ]
}

fn burst() -> impl Iterator<Item = Message> {
    (0..200).map(|number| {
        let value = number * number;
        format!(r#"{{"id":{number},"kind":"reading","pier":"north","value":{value}}}"#).into()
    })
}
