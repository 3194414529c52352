//! Why an opening handshake failed, and what a caller set wrongly before it began.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// A rule of the opening handshake that the peer broke, or a limit that it went over.
///
/// The section in each description is of RFC 6455 unless another is named. Text from the peer is
/// displayed as [`Quoted`]: with escapes, and no more than its beginning.
///
/// ```
/// use bowsprit_proto::handshake::HandshakeError;
///
/// let error = HandshakeError::NotHttp { beginning: b"SSH-2.0-demo\r\n".to_vec() };
/// assert_eq!(error.to_string(), r#"peer does not speak HTTP; it began with "SSH-2.0-demo\r\n""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// RFC 9112 §2.1: what came is no HTTP at all.
    NotHttp {
        /// Its first bytes, at most 64 of them.
        beginning: Vec<u8>,
    },
    /// What came is TLS: mostly `ws:` where it should be `wss:`, or the other way round.
    Tls,
    /// RFC 9112 §3 and §4: neither a request line nor a status line, whichever had to come.
    StartLine(String),
    /// A request line or status line over `limits.head_line`.
    StartLineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A header line over `limits.head_line`.
    LineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A head over `limits.head`.
    HeadTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// More header lines than `limits.headers`.
    TooManyHeaders {
        /// The limit, a count.
        limit: usize,
    },
    /// RFC 9112 §2.2: a line feed without a carriage return before it.
    BareLineFeed,
    /// RFC 9112 §5: a header line without a colon, whose name is no token, with white space before the
    /// colon, or folded.
    HeaderLine,
    /// RFC 9110 §5.5: a header value with a control character, such as half of a line end.
    HeaderValue,
    /// §4.2.1, item 1: a version of HTTP other than 1.1.
    HttpVersion {
        /// The number before the dot.
        major: u8,
        /// The number after it.
        minor: u8,
    },
    /// RFC 9110 §15.2 and §9.3.1: a body, where neither a request to upgrade nor a 101 has one.
    Body,
    /// §4: a header came twice that may come once only.
    Duplicate(&'static str),
    /// §4: a header did not come that has to.
    Missing(&'static str),
    /// §4.1 and §4.2.1, item 3: no `Upgrade` header that says `websocket`.
    MissingUpgrade,
    /// §4.1, item 3, and §4.2.1, item 4: no `Connection` header that says `upgrade`.
    MissingConnection,

    /// §4.2.1, item 1: a method other than `GET`.
    Method(String),
    /// RFC 9112 §3.2: a target that is neither a path nor an absolute URI.
    Target(String),
    /// RFC 9112 §3.2: what stands for the host is none, or has a user name with it.
    InvalidHost,
    /// §4.2.1, item 5: a key that is not 16 bytes in base64.
    InvalidKey(String),
    /// §4.2.1, item 6: a version of the protocol other than 13.
    Version(String),
    /// §4.1, item 10: an offered subprotocol that is no token, or a list without any.
    InvalidSubprotocol(String),
    /// §4.1, item 10: a subprotocol that is offered twice.
    DuplicateSubprotocol(String),
    /// §9.1: extensions that are not written as the grammar has it.
    InvalidExtensions(String),

    /// §4.1, item 1: the server answered with another status than 101.
    Status(u16),
    /// §4.1, item 4: the server did not prove that it read the key.
    AcceptMismatch {
        /// The value that answers the key.
        expected: String,
        /// The value that came.
        received: String,
    },
    /// §4.1, item 5: the server chose an extension that was not offered.
    UnrequestedExtension(String),
    /// RFC 7692 §5.1 and §7.1: the server's answer about permessage-deflate has a parameter that is
    /// unknown, doubled or malformed, comes twice, or is not what was offered.
    UnacceptableExtension(String),
    /// §4.1, item 6: the server chose a subprotocol that was not offered.
    UnrequestedSubprotocol(String),

    /// The transport ended before the peer's head did.
    Eof {
        /// How many bytes of the head had arrived.
        received: usize,
    },
}

impl HandshakeError {
    /// What is said in front of the peer's text, the text, and what is said behind it.
    fn around_text(&self) -> (&'static str, &str, &'static str) {
        match self {
            Self::StartLine(line) => ("first line is not HTTP/1.1: ", line, ""),
            Self::Method(method) => ("method is ", method, ", expected GET"),
            Self::Target(target) => ("request target ", target, " is neither a path nor a URI"),
            Self::InvalidKey(key) => ("Sec-WebSocket-Key ", key, " is not 16 bytes in base64"),
            Self::Version(version) => ("Sec-WebSocket-Version is ", version, ", expected 13"),
            Self::InvalidSubprotocol(name) => ("offered subprotocol ", name, " is not a token"),
            Self::DuplicateSubprotocol(name) => ("subprotocol ", name, " is offered twice"),
            Self::InvalidExtensions(value) => ("malformed Sec-WebSocket-Extensions ", value, ""),
            Self::UnrequestedExtension(value) => {
                ("server chose the extension ", value, ", not offered")
            }
            Self::UnacceptableExtension(value) => {
                ("server answered the offer of compression with ", value, "")
            }
            Self::UnrequestedSubprotocol(name) => {
                ("server chose the subprotocol ", name, ", not offered")
            }
            _ => ("", "", ""),
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp { beginning } => {
                write!(
                    f,
                    "peer does not speak HTTP; it began with \"{}\"",
                    beginning.escape_ascii()
                )
            }
            Self::Tls => {
                f.write_str("peer speaks TLS where plain HTTP was expected; ws and wss differ")
            }
            Self::StartLineTooLong { limit } => {
                write!(f, "first line is longer than the limit of {limit} bytes")
            }
            Self::LineTooLong { limit } => {
                write!(f, "header line is longer than the limit of {limit} bytes")
            }
            Self::HeadTooLarge { limit } => {
                write!(f, "head is larger than the limit of {limit} bytes")
            }
            Self::TooManyHeaders { limit } => write!(f, "head has more than {limit} header lines"),
            Self::BareLineFeed => f.write_str("line feed without a carriage return"),
            Self::HeaderLine => f.write_str("header line is not a name, a colon and a value"),
            Self::HeaderValue => f.write_str("header value contains a control character"),
            Self::HttpVersion { major, minor } => {
                write!(f, "HTTP version is {major}.{minor}, expected 1.1")
            }
            Self::Body => f.write_str("head of an upgrade announces a body"),
            Self::Duplicate(name) => write!(f, "more than one {name} header"),
            Self::Missing(name) => write!(f, "no {name} header"),
            Self::MissingUpgrade => f.write_str("no Upgrade header that says websocket"),
            Self::MissingConnection => f.write_str("no Connection header that says upgrade"),
            Self::InvalidHost => f.write_str("host is not a name or an address with a port"),
            Self::Status(status) => write!(f, "server answered with status {status}, expected 101"),
            Self::AcceptMismatch { expected, received } => {
                write!(
                    f,
                    "Sec-WebSocket-Accept is {}, expected {expected:?}",
                    Quoted(received)
                )
            }
            Self::Eof { received: 0 } => {
                f.write_str("connection ended before the peer's part of the opening handshake")
            }
            Self::Eof { received } => write!(
                f,
                "connection ended after {received} bytes of the opening handshake"
            ),
            _ => {
                let (before, text, after) = self.around_text();
                write!(f, "{before}{}{after}", Quoted(text))
            }
        }
    }
}

impl core::error::Error for HandshakeError {}

/// Text from a peer as it is displayed: escaped, so that it cannot drive a terminal, and its beginning
/// alone where it is long, so that a stranger cannot fill a log with it.
///
/// ```
/// use bowsprit_proto::handshake::Quoted;
///
/// assert_eq!(Quoted("a\u{7}b").to_string(), r#""a\u{7}b""#);
/// let long = Quoted(&"a".repeat(8000)).to_string();
/// assert!(long.ends_with(r#"aaa"... (8000 bytes)"#) && long.len() < 200);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 100;
        let Self(text) = self;
        let end = text.char_indices().nth(MAX_CHARS);
        match end.and_then(|(end, _)| text.get(..end)) {
            Some(beginning) => write!(f, "{beginning:?}... ({} bytes)", text.len()),
            None => write!(f, "{text:?}"),
        }
    }
}

/// What a caller set that no head may carry. Nothing was changed.
///
/// Values are not repeated: they may be secrets.
///
/// ```
/// use bowsprit_proto::{Uri, handshake::Request};
///
/// let mut request = Request::new(Uri::parse("ws://localhost/")?);
/// let error = request.header("Origin", "http://a\r\nCookie: stolen").unwrap_err();
/// assert_eq!(error.to_string(), r"value of the header Origin contains '\r'");
/// # Ok::<(), bowsprit_proto::InvalidUri>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// RFC 9110 §5.1: a header's name is no token.
    HeaderName(String),
    /// RFC 9110 §5.5: a header's value contains a control character.
    HeaderValue {
        /// The header's name.
        name: String,
        /// The first such character.
        forbidden: char,
    },
    /// A header that the handshake writes itself, or that would change what it means.
    OwnedHeader(String),
    /// RFC 6455 §4.1, item 10: a subprotocol is no token.
    Subprotocol(String),
    /// RFC 6455 §4.1, item 10: a subprotocol was offered already.
    DuplicateSubprotocol(String),
    /// RFC 6455 §4.2.2, item 5: a server may choose only what the client offers.
    SubprotocolNotOffered(String),
    /// RFC 7617 §2: the name of a user contains a colon.
    UserName,
    /// RFC 6750 §2.1: a bearer token is empty, or contains other than visible ASCII.
    Token,
    /// RFC 6265 §4.1.1: the name or the value of this cookie would end it early.
    Cookie(String),
    /// A response needs a status from 200 to 599.
    Status(u16),
    /// There is no complete and valid request to accept.
    NoRequest,
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderName(name) => write!(f, "{name:?} is not a header name"),
            Self::HeaderValue { name, forbidden } => {
                write!(f, "value of the header {name} contains {forbidden:?}")
            }
            Self::OwnedHeader(name) => write!(f, "header {name} is set by the handshake itself"),
            Self::Subprotocol(name) => write!(f, "subprotocol {name:?} is not a token"),
            Self::DuplicateSubprotocol(name) => write!(f, "subprotocol {name} is offered already"),
            Self::SubprotocolNotOffered(name) => {
                write!(f, "client does not offer the subprotocol {name}")
            }
            Self::UserName => f.write_str("user name contains a colon"),
            Self::Token => f.write_str("bearer token is empty or contains more than visible ASCII"),
            Self::Cookie(name) => write!(f, "cookie {name:?} contains what a cookie cannot"),
            Self::Status(status) => write!(f, "status is {status}, expected 200 to 599"),
            Self::NoRequest => f.write_str("no complete and valid request to accept"),
        }
    }
}

impl core::error::Error for InvalidRequest {}
