//! The header lines of a head, and what may stand in one (RFC 9110 §5).

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str};

use httparse::Status;

use super::{HandshakeError, InvalidRequest};

/// Header lines in their order. Names compare without case, and secrets stay out of `Debug`.
#[derive(Clone, Default)]
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    /// Adds what [`check`] has passed.
    pub(super) fn append(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), trim(value).to_owned()));
    }

    /// Adds what [`check`] has passed, in place of all lines of that name.
    pub(super) fn replace(&mut self, name: &str, value: &str) {
        self.0
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.append(name, value);
    }

    /// Adds a line that a peer sent.
    pub(super) fn append_line(&mut self, line: &[u8], limit: usize) -> Result<(), HandshakeError> {
        if self.0.len() >= limit {
            return Err(HandshakeError::TooManyHeaders { limit });
        }
        let line = [line, b"\r\n\r\n"].concat();
        // Its defaults refuse white space before the colon and folded lines (RFC 9112 §5.1 and §5.2).
        match httparse::parse_headers(&line, &mut [httparse::EMPTY_HEADER]) {
            Ok(Status::Complete((_, [header]))) => {
                self.0.push((header.name.to_owned(), decode(header.value)));
                Ok(())
            }
            Err(httparse::Error::HeaderValue) => Err(HandshakeError::HeaderValue),
            _ => Err(HandshakeError::HeaderLine),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values of all lines of this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The value of the first line of this name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
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
        for (name, value) in self.iter() {
            encode_line(out, name, value);
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = |(name, value)| (name, if is_secret(name) { "***" } else { value });
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
pub(super) fn decode(bytes: &[u8]) -> String {
    let latin1 = || bytes.iter().copied().map(char::from).collect();
    str::from_utf8(bytes).map_or_else(|_| latin1(), str::to_owned)
}

/// RFC 9110 §5.6.3: optional white space is blanks and tabs, nothing else.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_secret(name: &str) -> bool {
    let secrets = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
    ];
    secrets
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}
