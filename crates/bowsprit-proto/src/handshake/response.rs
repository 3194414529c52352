//! What a server answers instead of a 101 (RFC 6455 §4.2.2 and §4.4).

use alloc::{format, string::String, vec::Vec};

use super::{
    CONNECTION, HandshakeError, InvalidRequest, SUPPORTED_VERSION, UPGRADE, VERSION,
    headers::{Headers, check, encode_line},
};

const CONTENT_TYPE: &str = "Content-Type";

/// An HTTP response that refuses a request, or answers one that is not for a WebSocket.
///
/// The transport has to end after it. A proxy may have taken the request for the beginning of a tunnel,
/// and would let anything that follows pass unseen; so the response says `Connection: close`.
///
/// ```
/// use bowsprit_proto::handshake::Response;
///
/// let mut out = Vec::new();
/// Response::new(403)?.header("Content-Type", "text/plain")?.body("unknown origin\n").encode(&mut out);
/// assert!(out.starts_with(b"HTTP/1.1 403 Forbidden\r\n"));
/// assert!(out.ends_with(b"\r\n\r\nunknown origin\n"));
/// # Ok::<(), bowsprit_proto::handshake::InvalidRequest>(())
/// ```
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    headers: Headers,
    body: Vec<u8>,
}

impl Response {
    /// A response with this status and nothing else.
    ///
    /// # Errors
    ///
    /// When the status is not from 200 to 599: those below do not end an exchange.
    pub fn new(status: u16) -> Result<Self, InvalidRequest> {
        if !(200..=599).contains(&status) {
            return Err(InvalidRequest::Status(status));
        }
        Ok(Self::empty(status))
    }

    /// A response with this status and its registered words as a short text: "Not Found", for example.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn plain(status: u16) -> Result<Self, InvalidRequest> {
        Self::new(status).map(Self::with_words)
    }

    /// The answer to a request that failed this way: 400, 405, 414, 426, 431 or 505.
    ///
    /// The body is fixed; it repeats nothing of the request and tells nothing of the server.
    pub fn for_error(error: &HandshakeError) -> Self {
        let mut response = Self::empty(status_for(error)).with_words();
        let headers = &mut response.headers;
        match response.status {
            405 => headers.append("Allow", "GET"),
            426 => {
                headers.append(UPGRADE, "websocket");
                headers.append(VERSION, SUPPORTED_VERSION);
            }
            _ => {}
        }
        response
    }

    /// Adds a header, after those set before. White space around the value is dropped.
    ///
    /// # Errors
    ///
    /// When the name is no token, the value contains a control character, or it is one of `Connection`,
    /// `Content-Length`, `Transfer-Encoding`, `Trailer` and `Sec-WebSocket-Accept`.
    pub fn header(&mut self, name: &str, value: &str) -> Result<&mut Self, InvalidRequest> {
        const OWNED: [&str; 5] = [
            CONNECTION,
            "Content-Length",
            "Transfer-Encoding",
            "Trailer",
            super::ACCEPT,
        ];
        check(name, value)?;
        if OWNED.iter().any(|owned| name.eq_ignore_ascii_case(owned)) {
            return Err(InvalidRequest::OwnedHeader(String::from(name)));
        }
        // RFC 9110 §8.3: once.
        if name.eq_ignore_ascii_case(CONTENT_TYPE) {
            self.headers.replace(name, value);
        } else {
            self.headers.append(name, value);
        }
        Ok(self)
    }

    /// Sets the body. Default: empty. The statuses 204 and 304 have none and leave it out.
    pub fn body(&mut self, body: impl Into<Vec<u8>>) -> &mut Self {
        self.body = body.into();
        self
    }

    /// The status code.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Names and values of the headers that were set, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter()
    }

    /// Appends the whole response to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_head(out);
        if self.may_have_body() {
            out.extend_from_slice(&self.body);
        }
    }

    /// Appends the response without its body, which answers a `HEAD` (RFC 9110 §9.3.2). Its
    /// `Content-Length` is that of the body that a `GET` would get.
    pub fn encode_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).as_bytes(),
        );
        // RFC 9110 §7.8: whoever sends `Upgrade` lists it here, too.
        let upgrade = self.headers.first(UPGRADE).is_some();
        encode_line(
            out,
            CONNECTION,
            if upgrade { "close, Upgrade" } else { "close" },
        );
        if self.may_have_body() {
            encode_line(out, "Content-Length", &format!("{}", self.body.len()));
        }
        self.headers.encode(out);
        out.extend_from_slice(b"\r\n");
    }

    /// RFC 9110 §15.3.5 and §15.4.5.
    const fn may_have_body(&self) -> bool {
        !matches!(self.status, 204 | 304)
    }

    fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Headers::default(),
            body: Vec::new(),
        }
    }

    fn with_words(mut self) -> Self {
        self.headers
            .append(CONTENT_TYPE, "text/plain; charset=utf-8");
        self.body = format!("{}\n", reason(self.status)).into_bytes();
        self
    }
}

/// 500, whatever was wrong: a mistake of the server's own is none of the client's business.
impl From<InvalidRequest> for Response {
    fn from(_: InvalidRequest) -> Self {
        Self::empty(500).with_words()
    }
}

fn status_for(error: &HandshakeError) -> u16 {
    match error {
        HandshakeError::Method(_) => 405,
        HandshakeError::StartLineTooLong { .. } => 414,
        HandshakeError::MissingUpgrade | HandshakeError::MissingConnection => 426,
        HandshakeError::Missing(VERSION) => 426,
        // RFC 6455 §4.4 answers another version with those that are known; `+13` and `013` are none.
        HandshakeError::Version(version) if is_version(version) => 426,
        HandshakeError::LineTooLong { .. }
        | HandshakeError::HeadTooLarge { .. }
        | HandshakeError::TooManyHeaders { .. } => 431,
        HandshakeError::HttpVersion { .. } => 505,
        _ => 400,
    }
}

/// RFC 6455 §4.3: a number from 0 to 255 without leading zeros.
fn is_version(text: &str) -> bool {
    text.parse::<u8>()
        .is_ok_and(|version| format!("{version}") == text)
}

/// The registered words for a status (RFC 9110 §15); RFC 9112 §4 lets others have none.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
