//! From a host and a port to a TCP connection: name resolution, then happy eyeballs (RFC 8305).
//!
//! Two steps, so that whoever sequences them under one deadline knows which of them it struck:
//!
//! ```text
//! stage = Stage::Dns;      let addrs = resolve(&host, port).await?;
//! stage = Stage::Connect;  let tcp = dial(&addrs, config.nodelay).await?;
//! stage = Stage::Tls;      let stream = tls.connect(&host, tcp).await?;
//! ```

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bowsprit_proto::Host;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Looks up the addresses of a host, at least one, in the system's order of preference.
///
/// # Errors
///
/// When the name does not exist, has no address, or no name server could tell.
///
/// # Cancel safety
///
/// Dropping the future abandons the answer. The system's resolver cannot be interrupted: its thread,
/// one of tokio's blocking pool, stays busy until it gives up by itself.
pub(crate) async fn resolve(host: &Host, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    let name = match host {
        Host::Ipv4(ip) => return Ok(vec![(*ip, port).into()]),
        Host::Ipv6(ip) => return Ok(vec![(*ip, port).into()]),
        Host::Domain(name) => name,
    };
    let failed = |source| DialError::Dns {
        host: name.clone(),
        source,
    };
    let addrs: Vec<_> = lookup_host((name.as_str(), port))
        .await
        .map_err(failed)?
        .collect();
    if addrs.is_empty() {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    Ok(addrs)
}

/// Opens a TCP connection to whichever of these addresses answers first.
///
/// The addresses are tried by turns of family, IPv6 first. The next attempt starts when one has
/// failed, or after 250 ms without an answer (RFC 8305 §8); the first to succeed wins. `nodelay`
/// sets `TCP_NODELAY`. There is no deadline here beyond the system's own.
///
/// # Errors
///
/// When every attempt has failed; the error lists them all.
///
/// # Cancel safety
///
/// Dropping the future closes the sockets of all attempts at once.
pub(crate) async fn dial(addrs: &[SocketAddr], nodelay: bool) -> Result<TcpStream, DialError> {
    race(interleave(addrs), |addr| open(addr, nodelay)).await
}

/// Why no TCP connection came about.
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
    /// No address of the host accepted a connection.
    Tcp {
        /// Each address and why it failed, in the order of failure.
        attempts: Vec<(SocketAddr, io::Error)>,
    },
}

impl DialError {
    /// Whether another try may end better: anything but a name that does not exist.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Dns { source, .. } => {
                !matches!(LookupFailure::of(source), LookupFailure::NotFound)
            }
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
    /// The resolver's error, or that of the attempt that failed last.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Dns { source, .. } => Some(source),
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

/// Lists the addresses by turns of family, IPv6 first, each family in its own order (RFC 8305 §4).
fn interleave(addrs: &[SocketAddr]) -> Vec<SocketAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = addrs.iter().copied().partition(SocketAddr::is_ipv6);
    let mut v4 = v4.into_iter();
    let mut turns = Vec::with_capacity(addrs.len());
    for addr in v6 {
        turns.push(addr);
        turns.extend(v4.next());
    }
    turns.extend(v4);
    turns
}

async fn open(addr: SocketAddr, nodelay: bool) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    // Nobody listens, and the system picked that very port for this end: TCP's simultaneous open
    // joined the socket to itself. A client that redials a local port meets this sooner or later.
    if stream.local_addr()? == addr {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(nodelay)?;
    Ok(stream)
}

/// Starts one attempt after the other until the first succeeds; the others are dropped with it.
async fn race<T, C, F>(addrs: Vec<SocketAddr>, connect: C) -> Result<T, DialError>
where
    C: Fn(SocketAddr) -> F,
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = addrs.into_iter();
    let mut running = Vec::new();
    let mut attempts = Vec::new();
    loop {
        if let Some(addr) = waiting.next() {
            let attempt = connect(addr);
            running.push(Box::pin(async move { (addr, attempt.await) }));
        } else if running.is_empty() {
            return Err(DialError::Tcp { attempts });
        }
        let first = first_of(&mut running);
        let outcome = if waiting.len() > 0 {
            timeout(ATTEMPT_DELAY, first).await.ok()
        } else {
            Some(first.await)
        };
        match outcome {
            Some((_, Ok(stream))) => return Ok(stream),
            Some((addr, Err(error))) => attempts.push((addr, error)),
            None => {}
        }
    }
}

/// Waits for one of these futures to finish and removes it.
async fn first_of<F: Future + Unpin>(running: &mut Vec<F>) -> F::Output {
    poll_fn(|cx| {
        let finished = running.iter_mut().enumerate().find_map(|(index, future)| {
            match Pin::new(future).poll(cx) {
                Poll::Ready(output) => Some((index, output)),
                Poll::Pending => None,
            }
        });
        match finished {
            Some((index, output)) => {
                drop(running.swap_remove(index));
                Poll::Ready(output)
            }
            None => Poll::Pending,
        }
    })
    .await
}

/// RFC 8305 §8: the recommended "Connection Attempt Delay".
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

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

#[cfg(test)]
mod tests;
