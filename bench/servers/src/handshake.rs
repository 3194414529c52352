//! The least of an opening handshake (RFC 6455 §4.2), for those libraries which begin behind it.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use crate::Failure;

/// The longest head of a request.
const MAX_HEAD: usize = 8 * 1024;

/// Where the head of a request ends, once all of it is there.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// The answer to a head, if it asks for a WebSocket.
pub fn answer(head: &[u8]) -> Option<String> {
    let head = str::from_utf8(head).ok()?;
    let mut key = None;
    for line in head.lines().skip(1) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("Sec-WebSocket-Key")
        {
            key = Some(value.trim());
        }
    }
    let digest = Sha1::new()
        .chain_update(key?)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    Some(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(digest)
    ))
}

/// Reads a request and answers it. What the client sent behind the head stays in the reader's buffer.
pub async fn shake_hands(
    stream: &mut (impl AsyncBufRead + AsyncWrite + Unpin),
) -> Result<(), Failure> {
    let mut head = Vec::new();
    while head_end(&head).is_none() {
        let before = head.len();
        stream.read_until(b'\n', &mut head).await?;
        if head.len() == before || head.len() > MAX_HEAD {
            return Err("no request came".into());
        }
    }
    let answer = answer(&head).ok_or("no WebSocket was asked for")?;
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.flush().await?)
}
