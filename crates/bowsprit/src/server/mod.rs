//! The server endpoint: accepts connections, runs a handler for each, and shuts down gracefully.

mod builder;
mod handshake;
mod limits;
mod listener;
mod origin;
mod queue;
mod request;
mod shared;
mod terms;

use std::{
    future::ready,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bowsprit_proto::{CloseCode, Config, Role};
use tokio::io::{AsyncRead, AsyncWrite};

use self::{
    builder::Settings,
    handshake::{Visit, open_by},
    queue::Queue,
    shared::{Face, Shared},
    terms::Terms,
};
use crate::{
    AcceptError, ConnectionId, ConnectionInfo, Error, Handler, Refused, Stream, Upgrade, WebSocket,
    http_types, metrics, open::Opened, roster::Member, session::Session, websocket::whole_messages,
};

pub(crate) use self::limits::Slot;
pub use self::{
    builder::{ServerBuilder, ServerDefaults},
    listener::Listener,
    request::HttpRequest,
};

/// Shakes hands as a server over a transport of the caller's own: any path, same-host origins.
///
/// [`Server::accept_on`] does the same with the settings and the shutdown of a server.
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
    let opened = open_alone(io, whole_messages(Arc::new(config))).await?;
    Ok(WebSocket::new(opened, ConnectionId::next(), None, None))
}

/// An opening handshake without an endpoint.
pub(crate) async fn open_alone<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    config: Arc<Config>,
) -> Result<Opened<S>, AcceptError> {
    let visit = Visit {
        terms: &Terms::default(),
        deadline: open_by(&config),
        config,
        slots: None,
        peer: None,
        tls: None,
    };
    let opening = visit.open(io, None, ready(Some(())));
    Ok(metrics::timed(Role::Server, opening).await?.opened)
}

/// The server endpoint: a listener and the settings of its connections. Clones are the same endpoint.
///
/// Its connections run in tasks of their own, with a future ([`serve`](Self::serve)) or a [`Handler`]
/// ([`serve_handlers`](Self::serve_handlers)) for each. Or [`accept`](Self::accept) hands them out one
/// after the other, to be run wherever the program likes.
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
    shared: Arc<Shared>,
    /// Gone after a shutdown: new clients are refused rather than left waiting.
    listener: Mutex<Option<Arc<Listener>>>,
    #[cfg(unix)]
    file: Mutex<Option<listener::SocketFile>>,
    /// Begun by the first call of `accept`.
    queue: Mutex<Option<Queue>>,
}

impl Server {
    /// Starts from the default settings.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// The address that the server listens on, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// When it does not listen, as after a shutdown (`NotConnected`), or on a Unix socket (`Unsupported`),
    /// or when the system has forgotten it.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.listener()?.local_addr()
    }

    /// Changes what later connections start from. Those that exist keep theirs.
    pub fn set_defaults(&self, change: impl FnOnce(&mut ServerDefaults)) {
        let mut settings = self.inner.shared.settings();
        let mut defaults = settings.defaults.clone();
        change(&mut defaults);
        *settings = Settings::new(defaults);
    }

    /// Runs `f` for each connection, in a task of its own, until a shutdown is over: no connection is left
    /// then, or its deadline has come.
    ///
    /// A connection whose opening handshake fails is answered and never reaches `f`. At the deadline of a
    /// shutdown the futures whose connections are left are dropped; one that has let go of its connection
    /// runs on.
    ///
    /// # Errors
    ///
    /// When the server does not listen, or its socket does not. What else keeps it from accepting, such as
    /// a lack of descriptors or memory, is waited out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops accepting; open connections run on.
    pub async fn serve<F, Fut>(&self, f: F) -> io::Result<()>
    where
        F: Fn(WebSocket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let roster = self.inner.shared.roster.clone();
        self.serve_all(Face::Messages, move |id, opened, member| {
            let ws = WebSocket::new(opened, id, None, Some(member));
            // How it ended is the owner's to report.
            let task = tokio::spawn(f(ws));
            roster.abort_when_cut(id, task.abort_handle());
        })
        .await
    }

    /// Runs each connection with a handler of its own, which `factory` makes, until a shutdown. A factory
    /// that panics closes its connection with 1011, as a handler does.
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
        self.serve_all(Face::Handler, move |id, opened, member| {
            let (driver, info, early) = opened.into_driver(id, None, Some(member));
            match Session::made_by(&factory, driver, info, early) {
                Ok(session) => drop(tokio::spawn(session)),
                Err(farewell) => drop(tokio::spawn(farewell)),
            }
        })
        .await
    }

    /// Waits for the next connection that is open.
    ///
    /// The first call starts a task in the background that accepts from then on, until the last clone of
    /// the server is dropped. Handshakes run side by side: a slow one delays no other. At most 64 open
    /// connections wait to be taken; further clients wait for their answer, and get a 503 when
    /// `timeouts.open` is over.
    ///
    /// ```no_run
    /// # async fn f() -> std::io::Result<()> {
    /// let server = bowsprit::Server::builder().bind("127.0.0.1:9002").await?;
    /// loop {
    ///     let mut ws = server.accept().await?;
    ///     tokio::spawn(async move {
    ///         while let Some(message) = ws.recv().await? {
    ///             ws.feed(message).await?;
    ///         }
    ///         Ok::<_, bowsprit::Error>(())
    ///     });
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `NotConnected` after a shutdown, which closes those that nobody has taken, and for a server that
    /// does not listen. Else as [`serve`](Self::serve).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the next call gets the connection.
    pub async fn accept(&self) -> io::Result<WebSocket> {
        let opened = self.inner.queue()?;
        let next = tokio::select! {
            biased;
            () = self.inner.shared.roster.shutdown_begun() => None,
            next = opened.next() => next,
        };
        next.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
    }

    /// Shakes hands with a client over a stream of the caller's own, which may be anything.
    ///
    /// All settings of the server hold but TLS, which is the caller's; `peer` is who counts against
    /// `max_per_address`, and what `validate` sees. A shutdown closes the connection as soon as its owner
    /// polls it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use bowsprit::{Client, Server};
    ///
    /// let server = Server::builder().subprotocols(["chat"])?.build();
    /// let (near, far) = tokio::io::duplex(4096);
    /// let request = Client::new().request("ws://in.memory/")?.subprotocol("chat")?;
    /// let (client, accepted) = tokio::join!(request.connect_on(near), server.accept_on(far, None));
    /// assert_eq!((client?.subprotocol(), accepted?.subprotocol()), (Some("chat"), Some("chat")));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the client is not let in; it was told why, as far as it takes an answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn accept_on<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        peer: Option<SocketAddr>,
    ) -> Result<WebSocket<S>, AcceptError> {
        let (id, opened, member) = self.open_on(io, peer, Face::Messages).await?;
        Ok(WebSocket::new(opened, id, None, Some(member)))
    }

    /// Runs a connection over a stream of the caller's own with a handler, to its end.
    ///
    /// # Errors
    ///
    /// As [`accept_on`](Self::accept_on). How an open connection ends is told to the handler.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stream.
    pub async fn serve_on<S, H>(
        &self,
        io: S,
        peer: Option<SocketAddr>,
        factory: impl FnOnce(&Arc<ConnectionInfo>) -> H,
    ) -> Result<(), AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        H: Handler,
    {
        let (id, opened, member) = self.open_on(io, peer, Face::Handler).await?;
        let (driver, info, early) = opened.into_driver(id, None, Some(member));
        match Session::made_by(factory, driver, info, early) {
            Ok(session) => session.await,
            Err(farewell) => farewell.await,
        }
        Ok(())
    }

    /// Decides about a request that another HTTP server has read, hyper's or axum's for example, and which
    /// that server is to answer: with the response, after which the [`Upgrade`] becomes a connection over
    /// what the server calls an upgraded transport.
    ///
    /// All settings of this server hold but TLS, which is the other's, and a shutdown reaches the
    /// connection: so one server, made with [`build`](ServerBuilder::build), does for a whole application.
    /// `peer` is who counts against `max_per_address`, and what `validate` sees; plain requests are the other
    /// server's, and [`http`](ServerBuilder::http) is not asked. Only HTTP/1.1 has this kind of upgrade; a
    /// request of HTTP/2 is refused with 505 (RFC 8441 has another for those).
    ///
    /// ```no_run
    /// use std::{convert::Infallible, net::SocketAddr};
    ///
    /// use bowsprit::{Server, http::{Request, Response}};
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use hyper::{body::Incoming, upgrade::on};
    /// use hyper_util::rt::TokioIo;
    ///
    /// async fn answer(
    ///     server: Server,
    ///     request: Request<Incoming>,
    ///     peer: SocketAddr,
    /// ) -> Result<Response<Full<Bytes>>, Infallible> {
    ///     let (answer, upgrade) = match server.upgrade(&request, Some(peer)).await {
    ///         Ok(accepted) => accepted,
    ///         Err(refused) => return Ok(refused.into()),
    ///     };
    ///     tokio::spawn(async move {
    ///         let mut ws = upgrade.over(TokioIo::new(on(request).await?));
    ///         while let Some(message) = ws.recv().await? {
    ///             ws.feed(message).await?;
    ///         }
    ///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    ///     });
    ///     Ok(answer.map(|()| Full::default()))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the client is not let in; what it is to be told is in the error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future lets the client go without an answer.
    pub fn upgrade<'s, B>(
        &'s self,
        request: &http::Request<B>,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = Result<(http::Response<()>, Upgrade), Refused>> + Send + use<'s, B>
    {
        // The future holds nothing of the request: bodies mostly cannot be shared between threads.
        let head = http_types::encode_request(request);
        async move {
            let (answer, upgrade) = self.inner.shared.upgrade(&head, peer).await?;
            Ok((http_types::switching(&answer), upgrade))
        }
    }

    /// Stops accepting, answers clients in their handshake with 503, closes every connection with this
    /// code behind what is queued for it, waits, and drops what is left at the deadline. Returns how many
    /// had to be dropped.
    ///
    /// # Cancel safety
    ///
    /// The closing goes on; only the deadline is given up.
    pub async fn shutdown(&self, code: CloseCode, deadline: Duration) -> usize {
        let listener = lock(&self.inner.listener).take();
        let listening = listener.as_ref().map(Arc::downgrade);
        drop(listener);
        #[cfg(unix)]
        drop(lock(&self.inner.file).take());
        let cut = self.inner.shared.roster.shutdown(code, deadline).await;
        if let Some(listening) = listening {
            // The address is free for the next one then. A `serve` that nobody polls is not waited for.
            let is_free = || listening.strong_count() == 0;
            let free = self.inner.shared.roster.wait_until(is_free);
            let _ = tokio::time::timeout(Duration::from_secs(1), free).await;
        }
        cut
    }

    async fn serve_all<Run>(&self, face: Face, run: Run) -> io::Result<()>
    where
        Run: Fn(ConnectionId, Opened<Stream>, Member) + Send + Sync + 'static,
    {
        let shared = &self.inner.shared;
        let listener = match self.inner.listener() {
            Ok(listener) => listener,
            Err(_) if shared.roster.shutdown_code().is_some() => return Ok(()),
            Err(error) => return Err(error),
        };
        let run = Arc::new(run);
        let greet = |stream, peer| {
            let run = run.clone();
            let run = move |id, opened, member, ()| run(id, opened, member);
            shared.greet(stream, peer, face, ready(Some(())), run);
        };
        let ended = listener.accept_all(&shared.roster, greet).await;
        drop(listener);
        shared.roster.notify();
        ended?;
        // A program that ends with this call would take the runtime from connections that say goodbye.
        shared.roster.over().await;
        Ok(())
    }

    async fn open_on<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        peer: Option<SocketAddr>,
        face: Face,
    ) -> Result<(ConnectionId, Opened<S>, Member), AcceptError> {
        let shared = &self.inner.shared;
        let id = ConnectionId::next();
        let member = shared.roster.join(id);
        // After a shutdown there is no member; the client is still told so.
        let admitted = Box::pin(shared.open_on(io, peer, face)).await?;
        let mut member = member.ok_or(AcceptError::ShuttingDown)?;
        member.keep(admitted.slot);
        Ok((id, admitted.opened, member))
    }
}

impl Inner {
    fn listener(&self) -> io::Result<Arc<Listener>> {
        lock(&self.listener)
            .clone()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// What was accepted in the background, which begins now if it has not.
    fn queue(&self) -> io::Result<Arc<queue::OpenedQueue>> {
        let mut queue = lock(&self.queue);
        if let Some(queue) = &*queue {
            return Ok(queue.opened.clone());
        }
        let started = queue.insert(Queue::start(self.listener()?, self.shared.clone()));
        Ok(started.opened.clone())
    }
}

/// What is behind these locks is whole between any two statements: a panic breaks nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
