//! web-socket. The handshake, UTF-8 and the assembly of fragments are the application's.

use std::process::ExitCode;

use bowsprit_bench_servers::{Failure, handshake::shake_hands, options::Options, serve::serve};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use web_socket::{CloseCode, DataType, Event, MessageType, Stream, WebSocket};

fn main() -> ExitCode {
    let options = Options::parse(&["tls", "workers"]);
    serve(&options, talk, talk)
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
    // It reads headers byte by byte, and leaves the buffer to the application.
    let mut stream = BufReader::new(stream);
    shake_hands(&mut stream).await?;
    let mut ws = WebSocket::server(stream);
    let mut fragments = Vec::new();
    loop {
        match ws.recv().await? {
            Event::Data {
                ty: DataType::Complete(kind),
                data,
            } => {
                if !echo(&mut ws, kind, &data).await? {
                    return Ok(ws.close(CloseCode::InvalidPayload).await?);
                }
            }
            Event::Data {
                ty: DataType::Stream(part),
                data,
            } => {
                fragments.extend_from_slice(&data);
                if let Stream::End(kind) = part {
                    if !echo(&mut ws, kind, &fragments).await? {
                        return Ok(ws.close(CloseCode::InvalidPayload).await?);
                    }
                    fragments.clear();
                }
            }
            Event::Ping(payload) => ws.send_pong(payload).await?,
            Event::Pong(_) => {}
            Event::Error(_) => return Ok(ws.close(CloseCode::ProtocolError).await?),
            Event::Close { .. } => return Ok(ws.close(()).await?),
        }
        ws.flash().await?;
    }
}

/// Sends a message back, or says that it is a text without being one.
async fn echo<S: AsyncWrite + Unpin>(
    ws: &mut WebSocket<S>,
    kind: MessageType,
    payload: &[u8],
) -> Result<bool, Failure> {
    if kind.is_text() {
        let Ok(text) = str::from_utf8(payload) else {
            return Ok(false);
        };
        ws.send(text).await?;
    } else {
        ws.send(payload).await?;
    }
    Ok(true)
}
