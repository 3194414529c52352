//! From a host and a port to a TCP connection: name resolution, then happy eyeballs (RFC 8305); and to
//! a Unix socket.
//!
//! Two steps, so that whoever sequences them under one deadline knows which of them it struck:
//!
//! ```text
//! stage = Stage::Dns;      let addrs = dns.addresses(&host, port).await?;
//! stage = Stage::Connect;  let tcp = dial(&addrs, config.nodelay, &steps).await?;
//! stage = Stage::Tls;      let stream = tls.connect(&host, tcp).await?;
//! ```

mod dns;
mod error;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::timeout;

pub use dns::Dns;
pub use error::DialError;
pub(crate) use error::io_words;

use crate::{Step, Stream, steps::Steps};

/// Opens a TCP connection to whichever of these addresses answers first.
///
/// The addresses are tried by turns of family, IPv6 first. The next attempt starts when one has
/// failed, or after 250 ms without an answer (RFC 8305 §8); the first to succeed wins. `nodelay`
/// sets `TCP_NODELAY`, and `steps` is told of each attempt. There is no deadline here beyond the
/// system's own. Of a long list, which who answers for a name may make as long as they like, only the
/// first 16 are tried.
///
/// # Errors
///
/// When every attempt has failed; the error lists them all.
///
/// # Cancel safety
///
/// Dropping the future closes the sockets of all attempts at once.
pub(crate) async fn dial(
    addrs: &[SocketAddr],
    nodelay: bool,
    steps: &Steps,
) -> Result<TcpStream, DialError> {
    race(turns(addrs), |addr| async move {
        steps.tell(&Step::Dialing(addr));
        let outcome = open(addr, nodelay).await;
        if let Err(error) = &outcome {
            steps.tell(&Step::Refused(addr, error));
        }
        outcome
    })
    .await
}

/// The addresses that are tried, in the order of their attempts.
pub(crate) fn turns(addrs: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut turns = interleave(addrs);
    turns.truncate(MAX_ATTEMPTS);
    turns
}

/// Connects to a process of this machine.
///
/// # Errors
///
/// When nobody listens there, or the path is longer than the system takes (107 bytes on Linux).
#[cfg(unix)]
pub(crate) async fn dial_unix(path: &str) -> Result<Stream, DialError> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(stream.into()),
        Err(source) => Err(DialError::Unix {
            path: path.to_owned(),
            source,
        }),
    }
}

/// There are none that could be connected to.
#[cfg(not(unix))]
pub(crate) async fn dial_unix(path: &str) -> Result<Stream, DialError> {
    Err(DialError::Unix {
        path: path.to_owned(),
        source: io::ErrorKind::Unsupported.into(),
    })
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

/// More than any name needs, few enough for the system and for a readable error.
const MAX_ATTEMPTS: usize = 16;

#[cfg(test)]
mod tests;
