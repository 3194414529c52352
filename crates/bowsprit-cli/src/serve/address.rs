//! Where a server listens: `9002`, `HOST:PORT`, `[::]:PORT` or `unix:/path`.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use bowsprit::Listener;
use tokio::net::TcpListener;

use crate::command::DEFAULT_PORT;
use crate::printer::text::{escape, fault};

/// What begins the path of a socket.
const UNIX: &str = "unix:";

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A host and a port.
    Tcp { host: String, port: u16 },
    /// The path of a socket.
    Unix(PathBuf),
}

impl Address {
    /// A port of this machine, which no other one can reach.
    pub(crate) fn local(port: u16) -> Self {
        Self::Tcp {
            host: "127.0.0.1".to_owned(),
            port,
        }
    }

    /// Whether no other machine can reach it, but browsers of this one can.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => {
                host == "localhost" || host.parse().is_ok_and(|host: IpAddr| host.is_loopback())
            }
            Self::Unix(_) => false,
        }
    }

    /// Listens.
    ///
    /// # Errors
    ///
    /// When that cannot be done; the text says why, and what to try.
    pub(super) async fn bind(&self) -> Result<Bound, String> {
        let bound = match self {
            Self::Tcp { host, port } => TcpListener::bind((host.as_str(), *port))
                .await
                .map(Bound::tcp),
            Self::Unix(path) => Bound::unix(path),
        };
        bound.map_err(|error| self.refusal(&error))
    }

    fn refusal(&self, error: &io::Error) -> String {
        let remedy = match (error.kind(), self) {
            (ErrorKind::AddrInUse, Self::Unix(_)) => "; remove it if nobody listens there",
            (ErrorKind::AddrInUse, Self::Tcp { .. }) => "; port 0 takes any that is free",
            (ErrorKind::PermissionDenied, Self::Tcp { .. }) => {
                "; ports from 1024 on are free to all"
            }
            (ErrorKind::AddrNotAvailable, _) => {
                "; it is not this machine's, whose every address is 0.0.0.0 or [::]"
            }
            _ => "",
        };
        format!("Error serving on {self}: {}{remedy}", fault(error))
    }
}

impl Default for Address {
    fn default() -> Self {
        Self::local(DEFAULT_PORT)
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "an address is 9002, 0.0.0.0:9002, [::]:9002, name:9002 or unix:/run/app.sock";
        if let Some(path) = text.strip_prefix(UNIX) {
            return match path {
                "" => Err(FORM),
                path if cfg!(unix) => Ok(Self::Unix(path.into())),
                _ => Err("this system has no Unix sockets"),
            };
        }
        if text.contains("://") {
            return Err("an address is without a scheme; --tls-self-signed or --tls makes it wss");
        }
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err(FORM);
        }
        let port = port.parse().map_err(|_| "a port is at most 65535")?;
        let host = match host {
            "" => return Ok(Self::local(port)),
            host if host.contains(':') => host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .ok_or("an address of IPv6 stands in brackets, as in [::]:9002")?,
            host if host.contains('/') => return Err(FORM),
            host => host,
        };
        Ok(Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => {
                write!(f, "[{}]:{port}", escape(host))
            }
            Self::Tcp { host, port } => write!(f, "{}:{port}", escape(host)),
            Self::Unix(path) => write!(f, "{UNIX}{}", escape(&path.display().to_string())),
        }
    }
}

/// An address that is listened on. The file of a Unix socket goes when this is dropped.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: Listener,
    socket: Option<SocketFile>,
}

impl Bound {
    fn tcp(listener: TcpListener) -> Self {
        Self {
            listener: Listener::Tcp(listener),
            socket: None,
        }
    }

    #[cfg(unix)]
    fn unix(path: &std::path::Path) -> io::Result<Self> {
        let listener = tokio::net::UnixListener::bind(path)?;
        Ok(Self {
            listener: listener.into(),
            socket: Some(SocketFile(std::path::absolute(path)?)),
        })
    }

    #[cfg(not(unix))]
    fn unix(_: &std::path::Path) -> io::Result<Self> {
        Err(ErrorKind::Unsupported.into())
    }

    /// What clients connect to, behind one of two schemes: `ws` and `wss`, or `http` and `https`.
    pub(super) fn uri(&self, scheme: &str) -> io::Result<String> {
        Ok(match (&self.listener, &self.socket) {
            (Listener::Tcp(listener), _) => format!("{scheme}://{}", listener.local_addr()?),
            (_, Some(SocketFile(path))) => {
                format!("{scheme}+unix:{}", escape(&path.display().to_string()))
            }
            _ => scheme.to_owned(),
        })
    }
}

/// The file of a socket, removed when dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // What cannot be removed is in nobody's way but the next server's, which will say so.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_this_machine_unless_a_host_is_written_out() {
        for (text, shown) in [
            ("9002", "127.0.0.1:9002"),
            (":0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::]:9002", "[::]:9002"),
            ("localhost:9002", "localhost:9002"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), shown);
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "x",
            "1.2.3.4",
            "::1:9002",
            "host:",
            "host:x",
            "65536",
            "unix:",
            "ws://host:1",
            "+1",
        ] {
            Address::from_str(text).expect_err(text);
        }
    }
}
