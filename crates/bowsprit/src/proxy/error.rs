//! Why a proxy cannot be used as it was named, and why it did not give a tunnel.

use std::{error::Error as StdError, fmt, io};

use bowsprit_proto::{
    InvalidUri,
    handshake::{HandshakeError, Quoted},
};

use super::environment::Unreadable;
use crate::{DialError, dial::io_words, error::is_passing};

/// Why there was no tunnel through a proxy, in one line that names the proxy without its password.
///
/// ```no_run
/// # async fn f() {
/// use bowsprit::{ConnectError, ProxyErrorKind};
///
/// match bowsprit::connect("wss://example.com/feed").await {
///     Err(ConnectError::Proxy(error)) => match error.kind() {
///         ProxyErrorKind::Login { .. } => println!("log in to {:?} first", error.proxy()),
///         _ => println!("{error}"),
///     },
///     _ => {}
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct ProxyError {
    proxy: Option<String>,
    kind: ProxyErrorKind,
}

impl ProxyError {
    pub(super) const fn of(proxy: String, kind: ProxyErrorKind) -> Self {
        let proxy = Some(proxy);
        Self { proxy, kind }
    }

    /// The proxy, as `http://host:port`; `None` where a variable of the environment names none.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// What went wrong.
    pub const fn kind(&self) -> &ProxyErrorKind {
        &self.kind
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proxy) = &self.proxy {
            write!(f, "proxy {proxy}: ")?;
        }
        write!(f, "{}", self.kind)
    }
}

impl StdError for ProxyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            ProxyErrorKind::Variable { error, .. } => Some(error),
            ProxyErrorKind::Dial(error) => Some(error),
            ProxyErrorKind::Io(error) => Some(error),
            ProxyErrorKind::NotHttp(error) => Some(error),
            _ => None,
        }
    }
}

impl From<&Unreadable> for ProxyError {
    fn from(Unreadable { variable, error }: &Unreadable) -> Self {
        let (name, error) = (*variable, error.clone());
        Self {
            proxy: None,
            kind: ProxyErrorKind::Variable { name, error },
        }
    }
}

/// What went wrong with a proxy, for programs. [`ProxyError`] says it to people.
///
/// Text from the proxy is displayed with escapes, so that it cannot drive a terminal.
///
/// ```
/// use bowsprit::ProxyErrorKind;
///
/// assert_eq!(ProxyErrorKind::Status(403).to_string(), "refused the tunnel with HTTP 403");
/// assert_eq!(ProxyErrorKind::SocksReply(2).to_string(), "refused the tunnel: not allowed by its rules");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyErrorKind {
    /// A variable of the environment cannot be read.
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with its value.
        error: InvalidProxy,
    },
    /// The proxy itself was not reached.
    Dial(DialError),
    /// The transport failed while the tunnel was asked for.
    Io(io::Error),
    /// The proxy ended the connection before its answer was whole.
    Ended,
    /// The proxy wants a user and a password, or did not accept them: HTTP 407 (RFC 9110 §15.5.8), or
    /// SOCKS's way to say so.
    Login {
        /// Whether it was given some, and refused them.
        refused: bool,
        /// What an HTTP proxy says they are for.
        realm: Option<String>,
    },
    /// An HTTP proxy answered with this status, neither 2xx nor 407.
    Status(u16),
    /// What should have been an HTTP proxy answered with something else, or with more than the limits
    /// of an opening handshake allow.
    NotHttp(HandshakeError),
    /// Bytes came behind the answer, before the server had been spoken to. Neither TLS nor WebSocket
    /// begins so.
    SpokeFirst,
    /// What should have been a SOCKS proxy began its answer with this byte, which is not the version.
    NotSocks(u8),
    /// A SOCKS proxy chose this way to log in, which was not offered; 255 means that none that was
    /// offered is acceptable (RFC 1928 §3).
    SocksMethod(u8),
    /// A SOCKS proxy refused with this reply (RFC 1928 §6).
    SocksReply(u8),
    /// A SOCKS proxy's answer has an address of this type, which does not exist (RFC 1928 §5).
    SocksAddress(u8),
}

impl ProxyErrorKind {
    /// Whether another try may end better.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Dial(error) => error.is_retryable(),
            Self::Io(_) | Self::Ended => true,
            Self::Status(status) => is_passing(*status),
            // RFC 1928 §6: all but "not allowed" and what the proxy cannot do at all.
            Self::SocksReply(reply) => matches!(reply, 1 | 3..=6),
            _ => false,
        }
    }
}

impl fmt::Display for ProxyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, error } => write!(f, "environment variable {name}: {error}"),
            Self::Dial(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "{} while asking for the tunnel", io_words(error)),
            Self::Ended => f.write_str("ended the connection before its answer was whole"),
            Self::Login { refused, realm } => {
                f.write_str(if *refused {
                    "did not accept the user and the password"
                } else {
                    "wants a user and a password"
                })?;
                realm
                    .as_ref()
                    .map_or(Ok(()), |realm| write!(f, " for {}", Quoted(realm)))
            }
            Self::Status(status) => write!(f, "refused the tunnel with HTTP {status}"),
            Self::NotHttp(error) => write!(f, "{error}"),
            Self::SpokeFirst => {
                f.write_str("sent bytes behind its answer, before the server could")
            }
            Self::NotSocks(byte) => {
                write!(
                    f,
                    "does not speak SOCKS 5: its answer began with {byte:#04x}"
                )
            }
            Self::SocksMethod(0xFF) => f.write_str("accepts no way to log in that it was offered"),
            Self::SocksMethod(method) => {
                write!(f, "chose the way to log in {method:#04x}, not offered")
            }
            Self::SocksReply(reply) => match reply_words(*reply) {
                Some(words) => write!(f, "refused the tunnel: {words}"),
                None => write!(f, "refused the tunnel with SOCKS reply {reply:#04x}"),
            },
            Self::SocksAddress(kind) => {
                write!(
                    f,
                    "answered with an address of the unknown type {kind:#04x}"
                )
            }
        }
    }
}

impl From<io::Error> for ProxyErrorKind {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// RFC 1928 §6.
const fn reply_words(reply: u8) -> Option<&'static str> {
    Some(match reply {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "it knows no CONNECT",
        8 => "it knows no addresses of this type",
        _ => return None,
    })
}

/// What is wrong with a proxy as it was named. No message repeats a user name or a password.
///
/// ```
/// use bowsprit::{InvalidProxy, Proxy};
///
/// let error = Proxy::parse("https://proxy.example").unwrap_err();
/// assert_eq!(error, InvalidProxy::Https);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// Longer than a URI may be.
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A scheme other than `http`, `socks5` and `socks5h`.
    Scheme(String),
    /// The scheme is `https`: TLS to the proxy itself.
    Https,
    /// More than user, password, host and port.
    Path,
    /// The host is none.
    Host(InvalidUri),
    /// A port that is not a number from 1 to 65535.
    Port,
    /// A `%` in user or password that two hexadecimal digits do not follow, or an encoding of what is
    /// not UTF-8.
    PercentEncoding,
    /// A control character in user or password.
    ControlCharacter,
    /// RFC 7617 §2: a colon in the user's name.
    ColonInUser,
    /// RFC 1929 §2: user and password of a SOCKS proxy have 1 to 255 bytes each.
    LoginLength,
    /// User and password for a proxy that was not named.
    NoServer,
    /// This entry of the list of hosts without a proxy is none.
    Bypass(String),
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "URI of the proxy is longer than {limit} bytes"),
            Self::Scheme(scheme) => write!(
                f,
                "scheme of the proxy is {scheme:?}, expected http, socks5 or socks5h"
            ),
            Self::Https => f.write_str(
                "TLS to the proxy (https://) is not supported; what wss sends through http:// is encrypted, too",
            ),
            Self::Path => f.write_str(
                "URI of the proxy has more than a host and a port; in a password / ? # are written %2F %3F %23",
            ),
            Self::Host(error) => write!(f, "host of the proxy: {error}"),
            Self::Port => f.write_str("port of the proxy is not a number from 1 to 65535"),
            Self::PercentEncoding => f.write_str(
                "user or password of the proxy is not percent-encoded UTF-8; % is written %25",
            ),
            Self::ControlCharacter => {
                f.write_str("user or password of the proxy contains a control character")
            }
            Self::ColonInUser => f.write_str("user of an HTTP proxy contains a colon"),
            Self::LoginLength => {
                f.write_str("user and password of a SOCKS proxy have 1 to 255 bytes each")
            }
            Self::NoServer => f.write_str("user and password for a proxy that was not named"),
            Self::Bypass(entry) => write!(
                f,
                "{entry:?} is not a host, an address or a network to reach without a proxy"
            ),
        }
    }
}

impl StdError for InvalidProxy {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Host(error) => Some(error),
            _ => None,
        }
    }
}
