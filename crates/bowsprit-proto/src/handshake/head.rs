//! The heads of a request and a response (RFC 9112 §2 to §5): cut into lines here, read by `httparse`.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::{fmt, mem};

use super::{
    ACCEPT, CONNECTION, HOST, HandshakeError, KEY, SUBPROTOCOL, UPGRADE, VERSION,
    headers::{Headers, decode, is_token_byte},
};
use crate::Limits;

/// The head of a client's request.
///
/// A header value that is not UTF-8 is read as ISO 8859-1, the charset that HTTP once had for them
/// (RFC 9110 §5.5), so that none of it is lost.
///
/// ```
/// use bowsprit_proto::{Config, handshake::ServerHandshake};
///
/// let mut server = ServerHandshake::new(&Config::server());
/// let outcome = server.receive(&mut &b"GET /chat HTTP/1.1\r\nHost: a.example\r\n\r\n"[..]);
/// assert!(outcome.is_err(), "it does not ask for an upgrade");
/// let head = server.request().unwrap();
/// assert_eq!((head.target(), head.header("host")), ("/chat", Some("a.example")));
/// ```
#[derive(Clone, Debug)]
pub struct RequestHead {
    method: String,
    /// The authority of a target in absolute form.
    authority: Option<String>,
    target: String,
    /// The number after the dot, 0 or 1; the one before it is 1.
    pub(super) minor_version: u8,
    pub(super) headers: Headers,
}

impl RequestHead {
    /// Reads a request line (RFC 9112 §3).
    pub(super) fn from_line(line: &[u8]) -> Result<Self, HandshakeError> {
        let head = [line, b"\r\n\r\n"].concat();
        let mut parsed = httparse::Request::new(&mut []);
        let (Ok(_), Some(method), Some(target), Some(minor_version)) = (
            parsed.parse(&head),
            parsed.method,
            parsed.path,
            parsed.version,
        ) else {
            let version = line.rsplit(|&byte| byte == b' ').next();
            return Err(start_line_error(line, version));
        };
        let (authority, target) = match split_absolute(target) {
            Some((authority, path)) if path.starts_with('/') => (Some(authority), path.to_owned()),
            Some((authority, path)) => (Some(authority), format!("/{path}")),
            None => (None, target.to_owned()),
        };
        Ok(Self {
            method: method.to_owned(),
            authority: authority.map(str::to_owned),
            target,
            minor_version,
            headers: Headers::default(),
        })
    }

    /// The method: `GET` in a valid request.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path and the query. Of a target in absolute form, too, only these are shown.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The host and port that the client means: of a target in absolute form, else the `Host` header.
    ///
    /// RFC 9112 §3.2.2 has the first one win. Empty if neither came.
    pub fn authority(&self) -> &str {
        self.authority
            .as_deref()
            .or_else(|| self.header(HOST))
            .unwrap_or_default()
    }

    /// The value of the first header of this name, which is compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.first(name)
    }

    /// Names and values of all headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter()
    }

    /// The headers that mean something beyond the handshake, for whoever keeps them: without
    /// `Connection`, `Upgrade`, `Sec-WebSocket-Key` and `Sec-WebSocket-Version`.
    pub fn application_headers(&self) -> Headers {
        without(&self.headers, &[CONNECTION, UPGRADE, KEY, VERSION])
    }

    /// The subprotocols that the client offers, in its order of preference (RFC 6455 §4.1, item 10).
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.headers.list(SUBPROTOCOL)
    }

    /// Whether the target has the form of a path (RFC 9112 §3.2.1).
    ///
    /// A fragment is never sent. Browsers leave other delimiters in a query as they are.
    pub(super) fn has_valid_target(&self) -> bool {
        let mut bytes = self.target.bytes();
        self.target.starts_with('/') && bytes.all(|byte| byte.is_ascii_graphic() && byte != b'#')
    }
}

/// The head of a server's response.
///
/// A header value that is not UTF-8 is read as ISO 8859-1, as in a [`RequestHead`].
///
/// ```
/// use bowsprit_proto::{Config, Uri};
/// use bowsprit_proto::handshake::{ClientHandshake, HandshakeError, Request};
///
/// let request = Request::new(Uri::parse("ws://localhost/")?);
/// let mut client = ClientHandshake::new(&request, [7; 16], &Config::client());
/// let outcome = client.receive(&mut &b"HTTP/1.1 404 Not Found\r\nServer: demo\r\n\r\n"[..]);
/// assert_eq!(outcome, Err(HandshakeError::Status(404)));
/// let head = client.response().unwrap();
/// assert_eq!((head.reason(), head.header("server")), ("Not Found", Some("demo")));
/// # Ok::<(), bowsprit_proto::InvalidUri>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResponseHead {
    status: u16,
    reason: String,
    /// As in a [`RequestHead`].
    pub(super) minor_version: u8,
    pub(super) headers: Headers,
}

impl ResponseHead {
    /// Reads a status line (RFC 9112 §4).
    pub(super) fn from_line(line: &[u8]) -> Result<Self, HandshakeError> {
        let head = [line, b"\r\n\r\n"].concat();
        let mut parsed = httparse::Response::new(&mut []);
        let (Ok(_), Some(status @ 100..), Some(reason), Some(minor_version)) = (
            parsed.parse(&head),
            parsed.code,
            parsed.reason,
            parsed.version,
        ) else {
            let version = line.split(|&byte| byte == b' ').next();
            return Err(start_line_error(line, version));
        };
        Ok(Self {
            status,
            reason: reason.to_owned(),
            minor_version,
            headers: Headers::default(),
        })
    }

    /// `HTTP/1.1`, or `HTTP/1.0`, which no valid response to an upgrade says.
    pub const fn version(&self) -> &'static str {
        match self.minor_version {
            0 => "HTTP/1.0",
            _ => "HTTP/1.1",
        }
    }

    /// The status code, from 100 to 999: 101 in a valid response.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The words after the status code: empty if there are none, or not in ASCII.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The value of the first header of this name, which is compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.first(name)
    }

    /// Names and values of all headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter()
    }

    /// As [`RequestHead::application_headers`]: without `Connection`, `Upgrade` and
    /// `Sec-WebSocket-Accept`.
    pub fn application_headers(&self) -> Headers {
        without(&self.headers, &[CONNECTION, UPGRADE, ACCEPT])
    }
}

fn without(headers: &Headers, dropped: &[&str]) -> Headers {
    headers.filtered(|name| !dropped.iter().any(|other| name.eq_ignore_ascii_case(other)))
}

/// Cuts heads into lines. Each byte is looked at once, however small the pieces that arrive.
pub(super) struct LineReader {
    /// What every head begins with.
    expected: &'static [u8],
    /// The beginning of a line whose end has not arrived yet.
    unfinished: Vec<u8>,
    /// All bytes taken so far.
    received: usize,
    is_first: bool,
    /// The header lines of this head so far.
    headers: usize,
    max_line: usize,
    max_head: usize,
    max_headers: usize,
}

impl LineReader {
    pub(super) const fn new(expected: &'static [u8], limits: &Limits) -> Self {
        Self {
            expected,
            unfinished: Vec::new(),
            received: 0,
            is_first: true,
            headers: 0,
            max_line: limits.head_line,
            max_head: limits.head,
            max_headers: limits.headers,
        }
    }

    /// How many bytes were taken so far.
    pub(super) const fn received(&self) -> usize {
        self.received
    }

    /// Takes the next line from `input`, without its end; `None` if it has not arrived whole.
    pub(super) fn next_line(
        &mut self,
        input: &mut &[u8],
    ) -> Result<Option<Vec<u8>>, HandshakeError> {
        self.check_beginning(input)?;
        let end = input.iter().position(|&byte| byte == b'\n');
        let (piece, rest) = end
            .and_then(|end| input.split_at_checked(end.saturating_add(1)))
            .unwrap_or((*input, &[]));
        self.check_limits(piece.len())?;
        self.unfinished.extend_from_slice(piece);
        self.received = self.received.saturating_add(piece.len());
        *input = rest;
        if end.is_none() {
            return Ok(None);
        }
        let mut line = mem::take(&mut self.unfinished);
        // RFC 9112 §2.2 lets a recipient take a bare LF as the end of a line, and `httparse` does. Those
        // who do and those who do not see different requests in the same bytes, so nobody should.
        line.pop();
        if line.pop() != Some(b'\r') {
            return Err(HandshakeError::BareLineFeed);
        }
        let is_header = !self.is_first && !line.is_empty();
        // Behind the end of an interim response comes another head.
        self.is_first = line.is_empty();
        self.headers = match is_header {
            true => self.headers.saturating_add(1),
            false => 0,
        };
        if self.headers > self.max_headers {
            let limit = self.max_headers;
            return Err(HandshakeError::TooManyHeaders { limit });
        }
        Ok(Some(line))
    }

    /// Fails as soon as the first bytes cannot begin a head.
    fn check_beginning(&self, input: &[u8]) -> Result<(), HandshakeError> {
        let beginning = || self.unfinished.iter().chain(input).take(64).copied();
        let is_http = beginning().next().is_none_or(is_token_byte)
            && beginning().zip(self.expected).all(|(a, b)| a == *b);
        if is_http || !self.is_first {
            return Ok(());
        }
        match beginning().next() {
            // RFC 8446 §5.1: the record types alert and handshake. No text begins with these bytes.
            Some(0x15 | 0x16) => Err(HandshakeError::Tls),
            _ => Err(HandshakeError::NotHttp {
                beginning: beginning().collect(),
            }),
        }
    }

    /// Whether `more` bytes may be kept. If both limits are in the way, the nearer one is to blame.
    fn check_limits(&self, more: usize) -> Result<(), HandshakeError> {
        let line_limit = self.max_line.saturating_add(b"\r\n".len());
        let in_line = line_limit.saturating_sub(self.unfinished.len());
        let in_head = self.max_head.saturating_sub(self.received);
        if more <= in_line.min(in_head) {
            return Ok(());
        }
        let (limit, max_head) = (self.max_line, self.max_head);
        Err(if in_head < in_line {
            HandshakeError::HeadTooLarge { limit: max_head }
        } else if self.is_first {
            HandshakeError::StartLineTooLong { limit }
        } else {
            HandshakeError::LineTooLong { limit }
        })
    }
}

/// Leaves out the unfinished line, which may carry credentials.
impl fmt::Debug for LineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a line that `httparse` refuses. It knows only the versions 1.0 and 1.1.
fn start_line_error(line: &[u8], version: Option<&[u8]>) -> HandshakeError {
    match version.and_then(|version| version.strip_prefix(b"HTTP/")) {
        Some([b'1', b'.', b'0' | b'1']) => HandshakeError::StartLine(decode(line).into_owned()),
        // RFC 9112 §2.3: each number is one digit.
        Some([major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9']) => HandshakeError::HttpVersion {
            major: major & 0x0F,
            minor: minor & 0x0F,
        },
        _ => HandshakeError::StartLine(decode(line).into_owned()),
    }
}

/// Authority and path of a target in absolute form (RFC 9112 §3.2.2), or `None` in another form.
fn split_absolute(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    let schemes = ["http", "https", "ws", "wss"];
    schemes
        .iter()
        .find(|known| scheme.eq_ignore_ascii_case(known))?;
    Some(
        rest.find(['/', '?'])
            .map_or((rest, ""), |end| rest.split_at(end)),
    )
}

/// Whether the text can be a host with a port (RFC 9110 §7.2); a user name has no place there.
pub(super) fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        // The colons inside the brackets of an IPv6 address are its own.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let name = address.unwrap_or(host);
    let is_allowed = |byte: u8| match byte {
        b':' => address.is_some(),
        _ => byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte),
    };
    !name.is_empty()
        && name.bytes().all(is_allowed)
        && port.bytes().all(|byte| byte.is_ascii_digit())
}
