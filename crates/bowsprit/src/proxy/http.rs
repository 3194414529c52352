//! A tunnel through an HTTP proxy: the method CONNECT (RFC 9110 §9.3.6).

use base64::{Engine, prelude::BASE64_STANDARD};
use bowsprit_proto::{
    Host, Limits,
    handshake::{ResponseHead, ResponseReader},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{ProxyErrorKind, server::Login};

/// How much of the answer is read at once.
const HEAD_READ: usize = 4 * 1024;

/// Asks for a tunnel and waits for the answer. Nothing is sent in between: a proxy that refuses might
/// take it for the next request.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    host: &Host,
    port: u16,
    login: Option<&Login>,
    limits: &Limits,
) -> Result<(), ProxyErrorKind> {
    io.write_all(request(host, port, login).as_bytes()).await?;
    io.flush().await?;
    let mut reader = ResponseReader::new(limits);
    let mut buffer = [0; HEAD_READ];
    loop {
        let len = io.read(&mut buffer).await?;
        if len == 0 {
            return Err(ProxyErrorKind::Ended);
        }
        let mut input = &buffer[..len];
        let head = reader.receive(&mut input);
        if let Some(head) = head.map_err(ProxyErrorKind::NotHttp)? {
            return judge(head, input, login.is_some());
        }
    }
}

/// Neither a host nor base64 can end a line.
fn request(host: &Host, port: u16, login: Option<&Login>) -> String {
    let authority = format!("{host}:{port}");
    let authorization = login.map_or_else(String::new, |Login { user, password }| {
        // RFC 7617 §2.
        let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
        format!("Proxy-Authorization: Basic {credentials}\r\n")
    });
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n")
}

fn judge(head: &ResponseHead, behind: &[u8], has_login: bool) -> Result<(), ProxyErrorKind> {
    match head.status() {
        // RFC 9110 §9.3.6: any 2xx, and then `Transfer-Encoding` and `Content-Length` mean nothing. The
        // server has not been spoken to, so it cannot have said anything.
        200..=299 if behind.is_empty() => Ok(()),
        200..=299 => Err(ProxyErrorKind::SpokeFirst),
        407 => Err(ProxyErrorKind::Login {
            refused: has_login,
            realm: head.header("proxy-authenticate").and_then(realm),
        }),
        status => Err(ProxyErrorKind::Status(status)),
    }
}

/// The first realm of a challenge (RFC 9110 §11.5): `Basic realm="staff"`.
fn realm(challenge: &str) -> Option<String> {
    const NAME: &str = "realm=";
    let start = challenge.to_ascii_lowercase().find(NAME)? + NAME.len();
    let value = challenge.get(start..)?;
    Some(match value.strip_prefix('"') {
        Some(quoted) => unquote(quoted),
        None => value.split([',', ' ', '\t']).next()?.to_owned(),
    })
}

/// What stands before the closing quote, without the backslashes that quote (RFC 9110 §5.6.4).
fn unquote(quoted: &str) -> String {
    let mut chars = quoted.chars();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    text
}
