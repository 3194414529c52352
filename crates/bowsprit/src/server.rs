//! The server endpoint: accepts connections, runs a handler for each, and shuts down gracefully.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bowsprit_proto::{CloseCode, Config, handshake::Accept};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, ToSocketAddrs},
    time::{Instant, sleep, timeout_at},
};

use crate::{
    AcceptError, ConnectionId, ConnectionInfo, Error, Handler, InvalidRequest, ServerTls, Stage,
    Stream, WebSocket,
    accept::{self, Policy},
    log,
    open::Opened,
    roster::{Member, Roster},
    session::{self, Session},
    websocket::whole_messages,
};

/// What a server calls itself unless told otherwise.
const SERVER: &str = concat!("bowsprit/", env!("CARGO_PKG_VERSION"));

/// The first wait after the system could not accept a connection, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Shakes hands as a server over a transport of the caller's own: any path, same-host origins.
///
/// # Errors
///
/// When the request is not a valid upgrade (it was answered then) or `timeouts.open` is over.
///
/// # Cancel safety
///
/// Dropping the future drops the transport.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bowsprit::{Client, Config};
///
/// let (near, far) = tokio::io::duplex(4096);
/// let request = Client::new().request("ws://in.memory/")?;
/// let (client, server) = tokio::join!(request.connect_on(near), bowsprit::accept(far, Config::server()));
/// let (mut client, mut server) = (client?, server?);
/// client.send("hello").await?;
/// assert_eq!(server.recv().await?.expect("a message").as_text(), Some("hello"));
/// # Ok(())
/// # }
/// ```
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    config: Config,
) -> Result<WebSocket<S>, AcceptError> {
    let policy = Policy {
        config: whole_messages(Arc::new(config)),
        server_header: Some(SERVER.to_owned()),
        any_origin: false,
    };
    let opened = accept::accept(io, &policy, None, None, policy.open_by()).await?;
    Ok(WebSocket::new(opened, ConnectionId::next(), None, None))
}

/// The server endpoint: a listener and the settings of its connections. Clones are the same endpoint.
///
/// ```no_run
/// # async fn f() -> std::io::Result<()> {
/// use bowsprit::{CloseCode, Server};
/// use std::time::Duration;
///
/// let server = Server::builder().bind("127.0.0.1:9002").await?;
/// let control = server.clone();
/// tokio::spawn(async move {
///     tokio::signal::ctrl_c().await.ok();
///     control.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5)).await;
/// });
/// server
///     .serve(|mut ws| async move {
///         while let Some(message) = ws.recv().await? {
///             // One write for each batch of reads; `send` would write every answer by itself.
///             ws.feed(message).await?;
///         }
///         Ok(())
///     })
///     .await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Gone after a shutdown: new clients are refused rather than left waiting.
    listener: Mutex<Option<Arc<TcpListener>>>,
    policy: Policy,
    tls: Option<ServerTls>,
    roster: Arc<Roster>,
}

impl Server {
    /// Starts from the default settings.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            config: Config::server(),
            server_header: Some(SERVER.to_owned()),
            any_origin: false,
            tls: None,
        }
    }

    /// The address that the server listens on, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// After a shutdown, or when the system has forgotten it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.listener()?.local_addr()
    }

    /// Runs `f` for each connection, in a task of its own, until a shutdown.
    ///
    /// A connection whose opening handshake fails is answered and never reaches `f`.
    ///
    /// # Errors
    ///
    /// When the socket does not listen. What else keeps it from accepting, such as a lack of descriptors
    /// or memory, is waited out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops accepting; open connections run on.
    pub async fn serve<F, Fut>(&self, f: F) -> io::Result<()>
    where
        F: Fn(WebSocket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send,
    {
        let f = Arc::new(f);
        let mut policy = self.inner.policy.clone();
        policy.config = whole_messages(policy.config);
        self.accept_all(policy, move |id, opened, member, roster| {
            let f = f.clone();
            async move {
                let ws = WebSocket::new(opened, id, None, Some(member));
                tokio::select! {
                    // How it ended is the owner's to report.
                    _ = f(ws) => {}
                    () = roster.cut() => {}
                }
            }
        })
        .await
    }

    /// Runs each connection with a handler of its own, which `factory` makes, until a shutdown.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_handlers<H: Handler>(
        &self,
        factory: impl Fn(&Arc<ConnectionInfo>) -> H + Send + Sync + 'static,
    ) -> io::Result<()> {
        let factory = Arc::new(factory);
        let mut policy = self.inner.policy.clone();
        policy.config = session::asks_handler(policy.config);
        self.accept_all(policy, move |id, opened, member, _| {
            let (driver, info, early) = opened.into_driver(id, None, Some(member));
            let handler = factory(&info);
            Session::new(driver, handler, info, early)
        })
        .await
    }

    /// Stops accepting, closes every connection with this code behind what is queued for it, waits, and
    /// drops what is left at the deadline. Returns how many had to be dropped.
    ///
    /// # Cancel safety
    ///
    /// The closing goes on; only the deadline is given up.
    pub async fn shutdown(&self, code: CloseCode, deadline: Duration) -> usize {
        drop(self.inner.lock_listener().take());
        self.inner.roster.shutdown(code, deadline).await
    }

    async fn accept_all<Run, Fut>(&self, policy: Policy, run: Run) -> io::Result<()>
    where
        Run: Fn(ConnectionId, Opened<Stream>, Member, Arc<Roster>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let (run, policy) = (Arc::new(run), Arc::new(policy));
        let Ok(listener) = self.inner.listener() else {
            return Ok(());
        };
        let mut back_off = BACK_OFF.0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.inner.roster.shutdown_begun() => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            let (tcp, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) if does_not_listen(&error) => {
                    log::cannot_accept(&error);
                    return Err(error);
                }
                Err(error) => {
                    log::cannot_accept_for_now(&error);
                    sleep(back_off).await;
                    back_off = (back_off * 2).min(BACK_OFF.1);
                    continue;
                }
            };
            back_off = BACK_OFF.0;
            let id = ConnectionId::next();
            let Some(member) = self.inner.roster.join(id) else {
                return Ok(());
            };
            let (run, policy, inner) = (run.clone(), policy.clone(), self.inner.clone());
            tokio::spawn(async move {
                let roster = inner.roster.clone();
                // Boxed: what only the handshake needs is gone once the connection is open.
                let opening = Box::pin(inner.open(tcp, peer, &policy));
                let opened = tokio::select! {
                    () = roster.shutdown_begun() => return,
                    opened = opening => opened,
                };
                // The client has been told; nobody else has asked.
                let Ok(opened) = opened else { return };
                run(id, opened, member, roster).await;
            });
        }
    }
}

impl Inner {
    fn lock_listener(&self) -> MutexGuard<'_, Option<Arc<TcpListener>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listener(&self) -> io::Result<Arc<TcpListener>> {
        self.lock_listener()
            .clone()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn open(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        policy: &Policy,
    ) -> Result<Opened<Stream>, AcceptError> {
        tcp.set_nodelay(policy.config.nodelay)?;
        // One budget for TLS and the opening handshake.
        let deadline = policy.open_by();
        let stream = match &self.tls {
            None => Stream::from(tcp),
            Some(tls) => encrypt(tls, tcp, deadline)
                .await
                .inspect_err(|error| log::refused(Some(peer), error))?,
        };
        let tls = stream.tls_info();
        accept::accept(stream, policy, Some(peer), tls, deadline).await
    }
}

async fn encrypt(
    tls: &ServerTls,
    tcp: TcpStream,
    deadline: Instant,
) -> Result<Stream, AcceptError> {
    match timeout_at(deadline, tls.accept(tcp)).await {
        Ok(Ok(stream)) => Ok(Stream::from(stream)),
        Ok(Err(error)) => Err(AcceptError::Tls(error)),
        Err(_) => Err(AcceptError::Timeout(Stage::Tls)),
    }
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

/// Sets up a [`Server`].
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use bowsprit::{Config, Server};
///
/// let mut config = Config::server();
/// config.limits.message = 64 * 1024;
/// let server = Server::builder().config(config).server_header("chat/1".to_owned())?.bind("127.0.0.1:0").await?;
/// println!("ws://{}", server.local_addr()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    config: Config,
    server_header: Option<String>,
    any_origin: bool,
    tls: Option<ServerTls>,
}

impl ServerBuilder {
    /// Limits, time-outs and preferences.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The `Server` header of the response. Default: `bowsprit/` and the version. `None` sends none.
    ///
    /// # Errors
    ///
    /// When it may not stand in a header.
    pub fn server_header(
        mut self,
        name: impl Into<Option<String>>,
    ) -> Result<Self, InvalidRequest> {
        self.server_header = name.into();
        if let Some(name) = &self.server_header {
            Accept::default().header("Server", name)?;
        }
        Ok(self)
    }

    /// Lets in pages of any site. Default: a request that carries an `Origin` must name the host that
    /// it asks for, or is refused with 403; requests of programs carry none (RFC 6455 §10.2).
    #[must_use]
    pub fn danger_any_origin(mut self) -> Self {
        self.any_origin = true;
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Listens on `address`; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// When the address is taken or not this machine's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future listens nowhere.
    pub async fn bind(self, address: impl ToSocketAddrs) -> io::Result<Server> {
        Ok(self.listener(TcpListener::bind(address).await?))
    }

    /// Listens with a listener of the caller's own.
    pub fn listener(self, listener: TcpListener) -> Server {
        let Self {
            config,
            server_header,
            any_origin,
            tls,
        } = self;
        let policy = Policy {
            config: Arc::new(config),
            server_header,
            any_origin,
        };
        Server {
            inner: Arc::new(Inner {
                listener: Mutex::new(Some(Arc::new(listener))),
                policy,
                tls,
                roster: Arc::default(),
            }),
        }
    }
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
}
