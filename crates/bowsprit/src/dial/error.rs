//! Why nobody was reached, in plain words.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why no TCP connection, or none to a Unix socket, came about.
///
/// ```
/// use bowsprit::DialError;
/// use std::io::ErrorKind;
///
/// let refused = (([127, 0, 0, 1], 1).into(), ErrorKind::ConnectionRefused.into());
/// let error = DialError::Tcp { attempts: vec![refused] };
/// assert_eq!(error.to_string(), "connection refused (127.0.0.1:1)");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The host's name could not be resolved.
    Dns {
        /// The name that was looked up.
        host: String,
        /// What the system's resolver said.
        source: io::Error,
    },
    /// The host has addresses, but none of the only family that may be used.
    Family {
        /// The host.
        host: String,
        /// "IPv4" or "IPv6", whichever is wanted.
        wanted: &'static str,
    },
    /// The Unix socket could not be connected to. The error is of the kind `InvalidInput` where its path
    /// is longer than the system takes, and `Unsupported` on a system that has no Unix sockets.
    Unix {
        /// The path of the socket.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// No address of the host accepted a connection.
    Tcp {
        /// Each address and why it failed, in the order of failure.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
}

impl DialError {
    /// Whether another try may end better: anything but a name or a path that cannot be right.
    pub(crate) fn is_retryable(&self) -> bool {
        use io::ErrorKind::{InvalidInput, Unsupported};
        match self {
            Self::Dns { source, .. } => {
                !matches!(LookupFailure::of(source), LookupFailure::NotFound)
            }
            Self::Family { .. } => false,
            Self::Unix { source, .. } => !matches!(source.kind(), InvalidInput | Unsupported),
            Self::Tcp { .. } => true,
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns { host, source } => match LookupFailure::of(source) {
                LookupFailure::NotFound => write!(f, "name not found: {host}"),
                LookupFailure::Server => write!(f, "name server failure: {host}"),
                LookupFailure::Other => {
                    write!(f, "name lookup failed: {host} ({})", io_words(source))
                }
            },
            Self::Family { host, wanted } => write!(f, "{host} has no {wanted} address"),
            Self::Unix { path, source } => {
                match source.kind() {
                    io::ErrorKind::InvalidInput => {
                        f.write_str("path is longer than that of a Unix socket may be")
                    }
                    io::ErrorKind::Unsupported => {
                        f.write_str("this system has no Unix sockets to connect to")
                    }
                    _ => f.write_str(&io_words(source)),
                }?;
                write!(f, " ({})", path.escape_debug())
            }
            Self::Tcp { attempts } => {
                if attempts.is_empty() {
                    return f.write_str("no address to connect to");
                }
                for (index, (addr, error)) in attempts.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{} ({addr})", io_words(error))?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for DialError {
    /// The system's error, or that of the attempt that failed last.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Dns { source, .. } | Self::Unix { source, .. } => Some(source),
            Self::Family { .. } => None,
            Self::Tcp { attempts } => attempts.last().map(|(_, error)| error as _),
        }
    }
}

/// Says what happened to a socket or a file, in plain words and without the system's number.
pub(crate) fn io_words(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    let words = match error.kind() {
        Kind::AddrNotAvailable => "address not available",
        Kind::BrokenPipe | Kind::ConnectionReset => "connection reset",
        Kind::ConnectionAborted => "connection aborted",
        Kind::ConnectionRefused => "connection refused",
        Kind::HostUnreachable => "host unreachable",
        Kind::NetworkDown => "network down",
        Kind::NetworkUnreachable => "network unreachable",
        Kind::NotFound => "not found",
        Kind::PermissionDenied => "permission denied",
        Kind::TimedOut => "connection timed out",
        Kind::UnexpectedEof => "connection closed unexpectedly",
        _ => {
            let text = error.to_string();
            let text = text.strip_prefix(LOOKUP_PREFIX).unwrap_or(&text);
            let text = text.split(" (os error").next().unwrap_or_default();
            let mut chars = text.chars();
            let first = chars.next().into_iter().flat_map(char::to_lowercase);
            return first.chain(chars).collect();
        }
    };
    words.to_owned()
}

/// What the resolver meant. `std` passes on the text of `getaddrinfo` and drops its number.
enum LookupFailure {
    NotFound,
    Server,
    Other,
}

impl LookupFailure {
    fn of(error: &io::Error) -> Self {
        let text = error.to_string().to_lowercase();
        let says = |texts: &[&str]| texts.iter().any(|known| text.contains(known));
        if error.kind() == io::ErrorKind::NotFound || says(NAME_NOT_FOUND) {
            Self::NotFound
        } else if says(NAME_SERVER_FAILURE) {
            Self::Server
        } else {
            Self::Other
        }
    }
}

/// What `std` puts in front of the resolver's words.
const LOOKUP_PREFIX: &str = "failed to lookup address information: ";

/// In the words of glibc (two), musl (two), macOS and Windows (two).
const NAME_NOT_FOUND: &[&str] = &[
    "name or service not known",
    "no address associated with",
    "name does not resolve",
    "name has no usable address",
    "nodename nor servname provided",
    "(os error 11001)",
    "(os error 11004)",
];

/// In the words of glibc and macOS (two), musl (two) and Windows (two).
const NAME_SERVER_FAILURE: &[&str] = &[
    "temporary failure in name resolution",
    "non-recoverable failure in name resolution",
    "try again",
    "unrecoverable error",
    "(os error 11002)",
    "(os error 11003)",
];
