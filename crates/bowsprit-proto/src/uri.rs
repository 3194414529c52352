//! `ws:` and `wss:` URIs (RFC 6455 §3).

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Where a client connects to: a checked `ws:` or `wss:` URI.
///
/// The text is taken as RFC 3986 has it, not as a browser's address bar would: what is malformed is
/// refused and not repaired. A host is lower-cased and brought to ASCII (UTS 46), and loses one
/// trailing dot, which neither certificates nor virtual hosts know. Other than ASCII in the path and
/// query is percent-encoded. Everything else there reaches the server as it was written.
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
}

impl Uri {
    /// The longest text that is taken, in bytes.
    pub const MAX_LENGTH: usize = 8 * 1024;

    /// Reads a URI, whose scheme may be in any case.
    ///
    /// # Errors
    ///
    /// When the text is no `ws:` or `wss:` URI, or has a part that a WebSocket URI must not have.
    pub fn parse(text: &str) -> Result<Self, InvalidUri> {
        if text.len() > Self::MAX_LENGTH {
            return Err(InvalidUri::TooLong {
                limit: Self::MAX_LENGTH,
            });
        }
        if let Some(forbidden) = text.chars().find(|&c| is_forbidden(c)) {
            return Err(InvalidUri::ForbiddenCharacter(forbidden));
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
            host: Host::parse(host).map_err(hidden)?,
            port: parse_port(port, secure).map_err(hidden)?,
            target: parse_target(target)?,
        })
    }

    /// Whether the connection is to go through TLS: the scheme is `wss`.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host to connect to.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port to connect to. Default: 80 for `ws`, 443 for `wss`.
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

    /// The path and the query, which begin with a slash: the resource name of RFC 6455 §3.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// The host of a [`Uri`]. Displayed as in a URI: an IPv6 address stands in brackets.
///
/// ```
/// use bowsprit_proto::{Host, Uri};
///
/// let uri = Uri::parse("ws://[::1]:9002/")?;
/// assert_eq!(uri.host(), &Host::Ipv6("::1".parse().unwrap()));
/// assert_eq!(uri.host().to_string(), "[::1]");
/// # Ok::<(), bowsprit_proto::InvalidUri>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name in lower-case ASCII, without a trailing dot.
    Domain(String),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address, without a zone.
    Ipv6(Ipv6Addr),
}

impl Host {
    fn parse(text: &str) -> Result<Self, InvalidUri> {
        if text.is_empty() {
            return Err(InvalidUri::EmptyHost);
        }
        if let Some(address) = text.strip_prefix('[') {
            return Self::parse_ipv6(address).map(Self::Ipv6);
        }
        if text.contains(':') {
            return Err(InvalidUri::UnbracketedColon);
        }
        let invalid = || InvalidUri::Host(text.to_owned());
        // The `url` crate would decode it, and a name has nothing to hide.
        if text.contains('%') {
            return Err(invalid());
        }
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                is_domain(name)
                    .then(|| Self::Domain(name.to_owned()))
                    .ok_or_else(invalid)
            }
            // `127.1`, `0x7f.0.0.1` and `0177.0.0.1` mean the same to a browser and hide an address from
            // every other check.
            Ok(url::Host::Ipv4(_)) | Err(url::ParseError::InvalidIpv4Address) => text
                .parse()
                .map(Self::Ipv4)
                .map_err(|_| InvalidUri::Ipv4(text.to_owned())),
            Ok(url::Host::Ipv6(_)) | Err(_) => Err(invalid()),
        }
    }

    fn parse_ipv6(text: &str) -> Result<Ipv6Addr, InvalidUri> {
        let address = text.strip_suffix(']').unwrap_or_default();
        if address.contains('%') {
            return Err(InvalidUri::ZoneId);
        }
        address
            .parse()
            .map_err(|_| InvalidUri::Ipv6(format!("[{text}")))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => f.write_str(name),
            Self::Ipv4(address) => write!(f, "{address}"),
            Self::Ipv6(address) => write!(f, "[{address}]"),
        }
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

/// RFC 1123 §2.1, and the underscore that service names have.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
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

fn parse_target(text: &str) -> Result<String, InvalidUri> {
    let is_encoded = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_encoded) {
        return Err(InvalidUri::PercentEncoding);
    }
    let mut target = String::with_capacity(text.len() + 1);
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
