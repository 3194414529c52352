//! The header lines of a head, and what may stand in one (RFC 9110 §5).

use alloc::{
    borrow::{Cow, ToOwned},
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, iter, str};

use httparse::Status;
use memchr::memchr;

use super::{HandshakeError, InvalidRequest, secrets::is_secret_header};

/// Header lines in their order. Names compare without case, and secrets stay out of `Debug`.
///
/// ```
/// use bowsprit_proto::{Config, handshake::ServerHandshake};
///
/// let mut server = ServerHandshake::new(&Config::server());
/// let _ = server.receive(&mut &b"GET / HTTP/1.1\r\nHost: a.example\r\nCookie: a=1\r\n\r\n"[..]);
/// let headers = server.request().unwrap().application_headers();
/// assert_eq!(headers.first("host"), Some("a.example"));
/// assert_eq!(format!("{headers:?}"), r#"{"Host": "a.example", "Cookie": "***"}"#);
/// ```
#[derive(Clone, Default)]
pub struct Headers {
    /// As they are written, each with its line end: one piece of memory, however many there are.
    lines: String,
}

impl Headers {
    /// Adds what [`check`] has passed.
    pub(super) fn append(&mut self, name: &str, value: &str) {
        for part in [name, ": ", trim(value), "\r\n"] {
            self.lines.push_str(part);
        }
    }

    /// Adds what [`check`] has passed, in place of all lines of that name.
    pub(super) fn replace(&mut self, name: &str, value: &str) {
        *self = self.filtered(|other| !other.eq_ignore_ascii_case(name));
        self.append(name, value);
    }

    /// The lines whose names `keeps` likes, in no more memory than they need.
    pub(super) fn filtered(&self, keeps: impl Fn(&str) -> bool) -> Self {
        let mut kept = Self::default();
        for (name, value) in self.iter().filter(|(name, _)| keeps(name)) {
            kept.append(name, value);
        }
        kept.lines.shrink_to_fit();
        kept
    }

    /// Adds a line that a peer sent.
    pub(super) fn append_line(&mut self, line: &[u8]) -> Result<(), HandshakeError> {
        let line = [line, b"\r\n\r\n"].concat();
        // Its defaults refuse white space before the colon and folded lines (RFC 9112 §5.1 and §5.2).
        match httparse::parse_headers(&line, &mut [httparse::EMPTY_HEADER]) {
            Ok(Status::Complete((_, [header]))) => {
                self.append(header.name, &decode(header.value));
                Ok(())
            }
            Err(httparse::Error::HeaderValue) => Err(HandshakeError::HeaderValue),
            _ => Err(HandshakeError::HeaderLine),
        }
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines().filter_map(|line| line.split_once(": "))
    }

    /// The values of all lines of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        // A handshake looks for a dozen names: most lines are passed over with a look at one byte.
        self.lines().filter_map(move |line| {
            let (other, value) = line.split_at_checked(name.len())?;
            let value = value.strip_prefix(": ")?;
            // With a colon in it, `name` would be the beginning of a value, too.
            (other.eq_ignore_ascii_case(name) && !name.contains(':')).then_some(value)
        })
    }

    /// The lines without their ends, which stand nowhere within them.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.lines.as_str();
        iter::from_fn(move || {
            let end = memchr(b'\r', rest.as_bytes())?;
            let (line, after) = rest.split_at_checked(end)?;
            rest = after.get("\r\n".len()..)?;
            Some(line)
        })
    }

    /// The value of the first line of this name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of the only line of this name.
    pub(super) fn single(&self, name: &'static str) -> Result<Option<&str>, HandshakeError> {
        let mut values = self.all(name);
        let value = values.next();
        match values.next() {
            Some(_) => Err(HandshakeError::Duplicate(name)),
            None => Ok(value),
        }
    }

    /// The members of a comma-separated list, which several lines may carry (RFC 9110 §5.6.1).
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let members = self.all(name).flat_map(|value| value.split(',')).map(trim);
        members.filter(|member| !member.is_empty())
    }

    /// Whether the lines announce a body (RFC 9112 §6.3).
    pub(super) fn announce_body(&self) -> bool {
        self.first("Transfer-Encoding").is_some()
            || self.all("Content-Length").any(|length| length != "0")
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.lines.as_bytes());
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = |(name, value)| (name, if is_secret_header(name) { "***" } else { value });
        f.debug_map().entries(self.iter().map(masked)).finish()
    }
}

/// Writes one header line.
pub(super) fn encode_line(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Refuses a header that could end its line early or is not a header at all.
pub(super) fn check(name: &str, value: &str) -> Result<(), InvalidRequest> {
    if !is_token(name) {
        return Err(InvalidRequest::HeaderName(name.to_owned()));
    }
    match value.chars().find(|&c| c.is_control() && c != '\t') {
        Some(forbidden) => Err(InvalidRequest::HeaderValue {
            name: name.to_string(),
            forbidden,
        }),
        None => Ok(()),
    }
}

/// As [`check`], and refuses the headers that a handshake writes itself or that would change it.
pub(super) fn check_custom(name: &str, value: &str) -> Result<(), InvalidRequest> {
    const OWNED: [&str; 10] = [
        "host",
        "upgrade",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "expect",
        "keep-alive",
        "proxy-connection",
    ];
    check(name, value)?;
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("sec-websocket-") || OWNED.contains(&lower.as_str()) {
        return Err(InvalidRequest::OwnedHeader(name.to_owned()));
    }
    Ok(())
}

/// RFC 9110 §5.6.2. The tokens of RFC 6455 are the same characters.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Bytes that are not UTF-8 as ISO 8859-1, which gives each of them a character.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let latin1 = || bytes.iter().copied().map(char::from).collect();
    str::from_utf8(bytes).map_or_else(|_| Cow::Owned(latin1()), Cow::Borrowed)
}

/// RFC 9110 §5.6.3: optional white space is blanks and tabs, nothing else.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
