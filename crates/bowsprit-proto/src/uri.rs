//! `ws:` and `wss:` URIs (RFC 6455 §3), and `ws+unix:` for sockets of the same machine.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
};
use core::{fmt, str::FromStr};

use crate::{Host, unix_uri};

/// Where a client connects to: a checked `ws:`, `wss:` or `ws+unix:` URI.
///
/// The text is taken as RFC 3986 has it, not as a browser's address bar would: what is malformed is
/// refused and not repaired. A host is lower-cased and brought to ASCII (UTS 46), and loses one
/// trailing dot, which neither certificates nor virtual hosts know. Other than ASCII in the path and
/// query is percent-encoded. Everything else there reaches the server as it was written.
///
/// `ws+unix:/path/to/socket:/resource` is no scheme of RFC 6455 but one that node's `ws` began: a Unix
/// socket by its absolute path, then the resource, `/` if it is left out. In the path `%` has its usual
/// meaning, so that a colon is written `%3A`. The host is `localhost`.
///
/// ```
/// use bowsprit_proto::Uri;
///
/// let uri: Uri = "WS://Bücher.example:9002?room=1".parse()?;
/// assert_eq!(uri.authority(), "xn--bcher-kva.example:9002");
/// assert_eq!(uri.target(), "/?room=1");
/// assert_eq!(uri.to_string(), "ws://xn--bcher-kva.example:9002/?room=1");
/// # Ok::<(), bowsprit_proto::InvalidUri>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uri {
    secure: bool,
    host: Host,
    port: u16,
    target: String,
    /// In place of an address of the network.
    socket: Option<Box<str>>,
}

impl Uri {
    /// The longest text that is taken, in bytes.
    pub const MAX_LENGTH: usize = 8 * 1024;

    /// Reads a URI, whose scheme may be in any case.
    ///
    /// # Errors
    ///
    /// When the text is no such URI, or has a part that a WebSocket URI must not have.
    pub fn parse(text: &str) -> Result<Self, InvalidUri> {
        if text.len() > Self::MAX_LENGTH {
            return Err(InvalidUri::TooLong {
                limit: Self::MAX_LENGTH,
            });
        }
        if let Some(forbidden) = text.chars().find(|&c| is_forbidden(c)) {
            return Err(InvalidUri::ForbiddenCharacter(forbidden));
        }
        if let Some(rest) = unix_uri::strip_scheme(text)? {
            let (socket, target) = unix_uri::split(rest)?;
            return Ok(Self {
                secure: false,
                host: Host::Domain("localhost".to_owned()),
                port: default_port(false),
                target: parse_target(target)?,
                socket: Some(socket),
            });
        }
        let (secure, rest) = split_scheme(text)?;
        if rest.contains('#') {
            return Err(InvalidUri::Fragment);
        }
        let (authority, target) = match rest.find(['/', '?']) {
            Some(end) => rest.split_at(end),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(InvalidUri::Userinfo);
        }
        let (host, port) = match authority.rsplit_once(':') {
            // The colons inside the brackets of an IPv6 address are its own.
            Some((host, port)) if !port.contains(']') && is_closed(host) => (host, port),
            _ => (authority, ""),
        };
        // A slash in a password ends the authority early; what is left of it must not be repeated.
        let hidden = |error| {
            if target.contains('@') {
                InvalidUri::Userinfo
            } else {
                error
            }
        };
        Ok(Self {
            secure,
            host: host.parse().map_err(hidden)?,
            port: parse_port(port, secure).map_err(hidden)?,
            target: parse_target(target)?,
            socket: None,
        })
    }

    /// Whether the connection is to go through TLS: the scheme is `wss`.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host to connect to: `localhost` where [`socket_path`](Self::socket_path) says the rest.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port to connect to. Default: 80 for `ws`, 443 for `wss`. A Unix socket has none, which is
    /// said as 80.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What the `Host` header says: the host, and the port unless it is the default (RFC 6455 §4.1).
    pub fn authority(&self) -> String {
        if self.port == default_port(self.secure) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The absolute path of the Unix socket to connect to, decoded; `None` in a URI of the network.
    ///
    /// ```
    /// use bowsprit_proto::Uri;
    ///
    /// let uri = Uri::parse("ws+unix:/run/my%20app.socket:/chat?room=1")?;
    /// assert_eq!(uri.socket_path(), Some("/run/my app.socket"));
    /// assert_eq!((uri.authority().as_str(), uri.target()), ("localhost", "/chat?room=1"));
    /// # Ok::<(), bowsprit_proto::InvalidUri>(())
    /// ```
    pub fn socket_path(&self) -> Option<&str> {
        self.socket.as_deref()
    }

    /// This URI, reached through the Unix socket of `other` where it names the same server.
    pub(crate) fn behind_socket_of(mut self, other: &Self) -> Self {
        if !self.secure && self.authority() == other.authority() {
            self.socket.clone_from(&other.socket);
        }
        self
    }

    /// The path and the query, which begin with a slash: the resource name of RFC 6455 §3.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = self.socket_path() {
            return write!(f, "ws+unix:{}:{}", unix_uri::encode(path), self.target);
        }
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.target)
    }
}

/// Whether `host` has no bracket at its beginning, or one that closes it as well.
fn is_closed(host: &str) -> bool {
    !host.starts_with('[') || host.contains(']')
}

impl FromStr for Uri {
    type Err = InvalidUri;

    fn from_str(text: &str) -> Result<Self, InvalidUri> {
        Self::parse(text)
    }
}

/// What is wrong with the text of a URI. No message repeats a user name or a password.
///
/// ```
/// use bowsprit_proto::{InvalidUri, Uri};
///
/// let error = Uri::parse("http://example.com/").unwrap_err();
/// assert_eq!(error, InvalidUri::Scheme("http".into()));
/// assert_eq!(error.to_string(), r#"scheme is "http", expected ws or wss"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidUri {
    /// Longer than [`Uri::MAX_LENGTH`].
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// RFC 3986 §2: a blank, a control character, or another that must be percent-encoded.
    ForbiddenCharacter(char),
    /// The text does not begin with a scheme and `://`.
    NoScheme,
    /// RFC 6455 §3: a scheme other than `ws` and `wss`.
    Scheme(String),
    /// RFC 6455 §3: a fragment; a `#` in the path or query is written `%23`.
    Fragment,
    /// A user name or a password in front of the host; they belong in an `Authorization` header.
    Userinfo,
    /// Nothing stands where the host should be.
    EmptyHost,
    /// Neither a name nor an address.
    Host(String),
    /// An IPv4 address that is not four decimal numbers.
    Ipv4(String),
    /// RFC 3986 §3.2.2: brackets around something other than an IPv6 address.
    Ipv6(String),
    /// RFC 6874: a zone, which means something on one machine only.
    ZoneId,
    /// RFC 3986 §3.2.2: a colon in the host, mostly an IPv6 address without brackets.
    UnbracketedColon,
    /// A port that is not a number from 1 to 65535.
    Port(String),
    /// RFC 3986 §2.1: a `%` that two hexadecimal digits do not follow.
    PercentEncoding,
    /// What follows `ws+unix:` is not an absolute path, optionally with a colon and a resource behind it.
    SocketPath,
    /// The scheme is `wss+unix`, which does not exist here.
    SecureSocket,
}

impl fmt::Display for InvalidUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "URI is longer than {limit} bytes"),
            Self::ForbiddenCharacter(c) => write!(f, "URI contains the character {c:?}"),
            Self::NoScheme => f.write_str("URI does not begin with ws:// or wss://"),
            Self::Scheme(scheme) => write!(f, "scheme is {scheme:?}, expected ws or wss"),
            Self::Fragment => f.write_str("URI has a fragment; write # as %23"),
            Self::Userinfo => f.write_str("URI contains a user name or a password"),
            Self::EmptyHost => f.write_str("URI has no host"),
            Self::Host(host) => write!(f, "{host:?} is not a host name"),
            Self::Ipv4(host) => {
                write!(f, "{host:?} is not an IPv4 address of four decimal numbers")
            }
            Self::Ipv6(host) => write!(f, "{host:?} is not an IPv6 address in brackets"),
            Self::ZoneId => f.write_str("IPv6 address has a zone"),
            Self::UnbracketedColon => {
                f.write_str("host contains a colon; an IPv6 address needs brackets")
            }
            Self::Port(port) => write!(f, "port is {port:?}, expected a number from 1 to 65535"),
            Self::PercentEncoding => f.write_str("% is not followed by two hexadecimal digits"),
            Self::SocketPath => f.write_str(
                "URI of a Unix socket is not ws+unix:/absolute/path or ws+unix:/absolute/path:/resource",
            ),
            Self::SecureSocket => f.write_str(
                "wss+unix is not supported: a Unix socket does not leave the machine; use ws+unix",
            ),
        }
    }
}

impl core::error::Error for InvalidUri {}

/// RFC 3986 §2: what may stand nowhere in a URI. Other than ASCII is left to the parts.
fn is_forbidden(c: char) -> bool {
    let excluded = matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}');
    excluded || c.is_control() || c.is_whitespace()
}

/// Whether the scheme is `wss`, and what follows its `://`.
fn split_scheme(text: &str) -> Result<(bool, &str), InvalidUri> {
    let (scheme, rest) = text.split_once("://").ok_or(InvalidUri::NoScheme)?;
    if scheme.eq_ignore_ascii_case("ws") {
        return Ok((false, rest));
    }
    if scheme.eq_ignore_ascii_case("wss") {
        return Ok((true, rest));
    }
    // What merely stands before the first `://` may hold a password; only a scheme is repeated.
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    Err(if is_scheme {
        InvalidUri::Scheme(scheme.to_owned())
    } else {
        InvalidUri::NoScheme
    })
}

const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// RFC 3986 §3.2.3: the digits may be missing even if the colon is there.
fn parse_port(text: &str, secure: bool) -> Result<u16, InvalidUri> {
    if text.is_empty() {
        return Ok(default_port(secure));
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(InvalidUri::Port(text.to_owned())),
    }
}

/// RFC 3986 §2.1: two digits behind each `%`.
pub(crate) fn check_percent_encoding(text: &str) -> Result<(), InvalidUri> {
    let is_encoded = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let all = text.split('%').skip(1).all(is_encoded);
    all.then_some(()).ok_or(InvalidUri::PercentEncoding)
}

fn parse_target(text: &str) -> Result<String, InvalidUri> {
    check_percent_encoding(text)?;
    let mut target = String::with_capacity(text.len().saturating_add(1));
    if !text.starts_with('/') {
        target.push('/');
    }
    for c in text.chars() {
        if c.is_ascii() {
            target.push(c);
        } else {
            let mut utf8 = [0; 4];
            target.extend(
                c.encode_utf8(&mut utf8)
                    .bytes()
                    .map(|byte| format!("%{byte:02X}")),
            );
        }
    }
    Ok(target)
}
