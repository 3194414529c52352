//! A peer made with tokio-tungstenite: an echo server, and the client that talks to one.
//!
//!     tungstenite-peer server [--tls CERTIFICATE KEY] [--compress MODE]
//!     tungstenite-peer client URI [--ca FILE] [--compress MODE] [--subprotocol NAME]...
//!
//! interop/README.md says what every peer does, and what it prints. This one has no compression:
//! whatever MODE says, it makes no offer as a client and declines every offer as a server.

mod client;
mod server;
mod tls;

use std::{env, error::Error};

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        http::{HeaderMap, header::AsHeaderName},
        protocol::CloseFrame,
    },
};

type Failure = Box<dyn Error + Send + Sync>;

/// Plain or encrypted bytes.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}
type Socket = WebSocketStream<Box<dyn Transport>>;

#[derive(Default)]
struct Options {
    uri: String,
    tls: Option<(String, String)>,
    authority: Option<String>,
    subprotocols: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let role = arguments.next();
    let options = parse(arguments)?;
    match role.as_deref() {
        Some("server") => server::run(&options).await,
        Some("client") => client::run(&options).await,
        _ => Err("the first argument is `server` or `client`".into()),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, Failure> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or(format!("{argument} lacks its value"))
        };
        match argument.as_str() {
            "--tls" => options.tls = Some((value()?, value()?)),
            "--ca" => options.authority = Some(value()?),
            "--compress" => drop(value()?),
            "--subprotocol" => options.subprotocols.push(value()?),
            _ => options.uri = argument,
        }
    }
    Ok(options)
}

/// The messages that came, and their bytes.
#[derive(Default)]
struct Counts {
    messages: usize,
    bytes: usize,
}

impl Counts {
    fn add(&mut self, payload: &[u8]) {
        self.messages += 1;
        self.bytes += payload.len();
    }
}

/// A header's value, or `null`.
fn header(headers: &HeaderMap, name: impl AsHeaderName) -> Value {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .into()
}

/// The peer's close frame, or `null`.
fn close_frame(frame: Option<CloseFrame>) -> Value {
    frame.map_or(Value::Null, |frame| {
        json!([u16::from(frame.code), frame.reason.as_str()])
    })
}
