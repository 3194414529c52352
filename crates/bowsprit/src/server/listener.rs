//! Where clients come from: the listening socket, and the loop that takes them from it.

#[cfg(unix)]
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use std::{io, net::SocketAddr, time::Duration};

#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};

use crate::{Stream, log, roster::Roster, stream::no_address};

/// The first wait after the system could not accept a connection, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Between two lines in the log that nobody could be accepted: clients decide how often that comes and goes.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// A listening socket of any kind that a [`Server`](crate::Server) takes clients from.
///
/// ```no_run
/// # async fn f() -> std::io::Result<()> {
/// use bowsprit::Server;
/// use tokio::net::TcpSocket;
///
/// let socket = TcpSocket::new_v6()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("[::]:9002".parse().expect("an address"))?;
/// let server = Server::builder().listener(socket.listen(4096)?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Listener {
    /// Clients of the network.
    Tcp(TcpListener),
    /// Processes of the same machine.
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Self::Unix(_) => Err(no_address()),
        }
    }

    async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (tcp, peer) = listener.accept().await?;
                Ok((tcp.into(), Some(peer)))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((stream.into(), None))
            }
        }
    }

    /// Hands every client to `greet` until a shutdown.
    ///
    /// # Errors
    ///
    /// When the socket does not listen; all else passes and is waited out.
    pub(super) async fn accept_all(
        &self,
        roster: &Roster,
        mut greet: impl FnMut(Stream, Option<SocketAddr>),
    ) -> io::Result<()> {
        tokio::select! {
            biased;
            () = roster.shutdown_begun() => Ok(()),
            error = self.accept_for_ever(&mut greet) => Err(error),
        }
    }

    async fn accept_for_ever(
        &self,
        greet: &mut impl FnMut(Stream, Option<SocketAddr>),
    ) -> io::Error {
        let mut back_off = BACK_OFF.0;
        let mut told: Option<Instant> = None;
        loop {
            match self.accept().await {
                Ok((stream, peer)) => {
                    back_off = BACK_OFF.0;
                    greet(stream, peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) if does_not_listen(&error) => {
                    log::cannot_accept(&error);
                    return error;
                }
                Err(error) => {
                    if told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
                        told = Some(Instant::now());
                        log::cannot_accept_for_now(&error);
                    }
                    sleep(back_off).await;
                    back_off = (back_off * 2).min(BACK_OFF.1);
                }
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// The file of a Unix socket that this server has made, removed when dropped.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// The device and the number on it: a file that somebody has put there since is theirs.
    identity: (u64, u64),
}

#[cfg(unix)]
impl SocketFile {
    pub(super) fn bind(path: &Path) -> io::Result<(Listener, Self)> {
        let listener = UnixListener::bind(path)?;
        let identity = identity(path)?;
        // The program may change its directory.
        let path = std::path::absolute(path)?;
        Ok((listener.into(), Self { path, identity }))
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            // What cannot be removed is in nobody's way but the next server's, which will say so.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// The client was gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Waiting will not mend this. All else may pass: descriptors and memory run out, networks go down,
/// firewalls forbid, and each system has numbers of its own for that.
fn does_not_listen(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), InvalidInput | Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn only_a_socket_that_does_not_listen_ends_the_serving() {
        const EINVAL: i32 = 22;
        const EPERM: i32 = 1;
        const EMFILE: i32 = 24;
        const EPROTO: i32 = 71;
        const ENETDOWN: i32 = 100;
        const ENOBUFS: i32 = 105;
        assert!(does_not_listen(&io::Error::from_raw_os_error(EINVAL)));
        // accept(2): these are about one connection, or pass.
        for number in [EPERM, EMFILE, EPROTO, ENETDOWN, ENOBUFS] {
            let error = io::Error::from_raw_os_error(number);
            assert!(!does_not_listen(&error), "{error}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_client_that_is_gone_is_not_waited_for() {
        const ECONNABORTED: i32 = 103;
        const EMFILE: i32 = 24;
        let of_one = |number| is_of_one_connection(&io::Error::from_raw_os_error(number));
        assert!(of_one(ECONNABORTED));
        assert!(!of_one(EMFILE), "it would be asked again at once, for ever");
    }
}
