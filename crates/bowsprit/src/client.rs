//! The client endpoint: makes connections and holds their defaults.

use std::{
    fmt, io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bowsprit_proto::{Cause, CloseCode, Closed, Config, Uri, handshake::Request};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ConnectError, ConnectionId, Handle, Handler, Handlers, InvalidRequest, State, Stream, Tls,
    WebSocket,
    background::Background,
    driver::{Core, Driver},
    link::Link,
    log,
    open::{Opened, open, open_on},
    roster::{Member, Roster},
    session::Session,
    websocket::whole_messages,
};

/// What a client calls itself unless told otherwise.
const USER_AGENT: &str = concat!("bowsprit/", env!("CARGO_PKG_VERSION"));

/// Opens a connection with the default settings.
///
/// # Errors
///
/// When the URI is not one, or the connection cannot be opened.
///
/// # Cancel safety
///
/// Dropping the future gives the attempt up.
///
/// # Examples
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ws = bowsprit::connect("ws://localhost:9002").await?;
/// ws.send("hello").await?;
/// println!("{:?}", ws.recv().await?);
/// # Ok(())
/// # }
/// ```
pub async fn connect(uri: &str) -> Result<WebSocket, ConnectError> {
    Client::new().request(uri)?.connect().await
}

/// The client endpoint. Clones are the same endpoint.
///
/// Its settings and handlers are copied into each request that it makes; later changes touch only
/// later requests. It keeps no list that a program could ask for, only what
/// [`shutdown`](Self::shutdown) needs.
///
/// ```no_run
/// use bowsprit::{Client, CloseCode, Handlers};
/// use std::time::Duration;
///
/// // For programs without a runtime: the network runs on a thread of its own.
/// let client = Client::builder().background()?;
/// let handle = client
///     .request("ws://localhost:9002")?
///     .handler(Handlers::new().on_message(|_, message| println!("<< {message:?}")))
///     .start();
/// std::thread::sleep(Duration::from_secs(1));
/// handle.send("hello")?;
/// client.blocking_shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    defaults: Mutex<Defaults>,
    roster: Arc<Roster>,
    background: Option<Background>,
}

/// What a client copies into each new request.
///
/// ```
/// use bowsprit::Client;
///
/// let client = Client::new();
/// client.set_defaults(|defaults| defaults.user_agent = Some("probe/2".into()));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Defaults {
    /// Limits, time-outs and preferences. Default: [`Config::client`].
    pub config: Arc<Config>,
    /// Default: none.
    pub handlers: Handlers,
    /// The `User-Agent` header. Default: `bowsprit/` and the version. `None` sends none.
    pub user_agent: Option<String>,
    /// How `wss` connections are checked. Default: [`Tls::client`].
    pub tls: Tls,
}

impl Client {
    /// A client with the default settings, on the tokio runtime that its methods are called in.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts from the default settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder {
            defaults: Defaults {
                config: Arc::new(Config::client()),
                handlers: Handlers::new(),
                user_agent: Some(USER_AGENT.to_owned()),
                tls: Tls::client(),
            },
        }
    }

    /// Makes a request to be configured and then started. Nothing is dialled yet.
    ///
    /// # Errors
    ///
    /// When the URI is not one of RFC 6455 §3.
    pub fn request(&self, uri: &str) -> Result<ConnectRequest, InvalidRequest> {
        let defaults = self.defaults().clone();
        let mut request = Request::new(Uri::parse(uri)?);
        if let Some(name) = &defaults.user_agent {
            request.header("User-Agent", name)?;
        }
        Ok(ConnectRequest {
            attempt: Attempt(Link::new(ConnectionId::next(), State::Connecting)),
            client: self.clone(),
            request,
            config: defaults.config,
            tls: defaults.tls,
            handlers: defaults.handlers,
            handler: None,
        })
    }

    /// Changes what later requests start from. Requests and connections that exist keep theirs.
    pub fn set_defaults(&self, change: impl FnOnce(&mut Defaults)) {
        change(&mut self.defaults());
    }

    /// Closes all that is open with this code, gives up what is connecting, and drops what is left at
    /// the deadline. Returns how many had to be dropped. No new connection can be started after it.
    ///
    /// A client in the background ends its thread, too. Connections made with
    /// [`connect`](ConnectRequest::connect) belong to whoever holds them and are closed as soon as
    /// their owner polls them.
    ///
    /// # Cancel safety
    ///
    /// The closing goes on; only the deadline is given up.
    pub async fn shutdown(&self, code: CloseCode, deadline: Duration) -> usize {
        let cut = self.inner.roster.shutdown(code, deadline).await;
        if let Some(background) = &self.inner.background {
            background.stop(&self.inner.roster);
        }
        cut
    }

    /// [`shutdown`](Self::shutdown) for programs without a runtime; also waits for the thread of a
    /// client in the background.
    ///
    /// A client that has no thread cannot wait here: it only asks its connections to close, and returns
    /// how many there are.
    ///
    /// # Panics
    ///
    /// Inside an asynchronous runtime, and in handlers.
    pub fn blocking_shutdown(&self, code: CloseCode, deadline: Duration) -> usize {
        let Some(background) = &self.inner.background else {
            self.inner.roster.begin_shutdown(code);
            return self.inner.roster.len();
        };
        let cut = background.block_on(self.shutdown(code, deadline));
        self.join();
        cut
    }

    /// In the background: lets the thread end once no connection is left. It is perpetual until then.
    pub fn stop_perpetual(&self) {
        if let Some(background) = &self.inner.background {
            background.stop(&self.inner.roster);
        }
    }

    /// In the background: waits until the last connection has ended and the thread with it.
    ///
    /// Stops perpetual mode first. Returns at once where there is no thread, or from that very thread.
    pub fn join(&self) {
        if let Some(background) = &self.inner.background {
            background.stop(&self.inner.roster);
            background.join();
        }
    }

    fn defaults(&self) -> MutexGuard<'_, Defaults> {
        self.inner
            .defaults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The thread goes with the last client and request, after the connections that it runs.
        if let Some(background) = &self.background {
            background.stop(&self.roster);
        }
    }
}

/// Sets up a [`Client`].
///
/// ```
/// use bowsprit::{Client, Config};
///
/// let mut config = Config::client();
/// config.limits.message = 64 << 20;
/// let client = Client::builder().config(config).user_agent(None).build();
/// ```
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    defaults: Defaults,
}

impl ClientBuilder {
    /// Limits, time-outs and preferences.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.defaults.config = Arc::new(config);
        self
    }

    /// What new connections do when something happens to them.
    #[must_use]
    pub fn handlers(mut self, handlers: Handlers) -> Self {
        self.defaults.handlers = handlers;
        self
    }

    /// The `User-Agent` header; `None` sends none. It is checked when a request is made.
    #[must_use]
    pub fn user_agent(mut self, name: impl Into<Option<String>>) -> Self {
        self.defaults.user_agent = name.into();
        self
    }

    /// How `wss` connections are checked.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.defaults.tls = tls;
        self
    }

    /// A client on the tokio runtime that its methods are called in.
    pub fn build(self) -> Client {
        self.with(None)
    }

    /// A client with a thread of its own, perpetual: it stays up without connections until
    /// [`Client::stop_perpetual`], a shutdown, or the last clone is dropped.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no event queue.
    pub fn background(self) -> io::Result<Client> {
        let roster = Arc::new(Roster::default());
        let background = Background::start(roster.clone())?;
        Ok(Client {
            inner: Arc::new(Inner {
                defaults: Mutex::new(self.defaults),
                roster,
                background: Some(background),
            }),
        })
    }

    fn with(self, background: Option<Background>) -> Client {
        let (defaults, roster) = (Mutex::new(self.defaults), Arc::default());
        Client {
            inner: Arc::new(Inner {
                defaults,
                roster,
                background,
            }),
        }
    }
}

/// One connection before it is made: configure it, then let it go.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use bowsprit::Client;
///
/// let ws = Client::new()
///     .request("wss://example.com/feed")?
///     .header("Authorization", "Bearer token")?
///     .subprotocol("feed.v1")?
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct ConnectRequest {
    client: Client,
    request: Request,
    config: Arc<Config>,
    tls: Tls,
    handlers: Handlers,
    /// Set in place of `handlers`.
    handler: Option<Box<dyn Handler>>,
    attempt: Attempt,
}

/// The link of a connection before it opens. If nothing comes of it, its handles learn so.
#[derive(Debug)]
struct Attempt(Arc<Link>);

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.0.state() == State::Connecting {
            self.0.end(never_opened(&ConnectError::Canceled));
        }
    }
}

impl ConnectRequest {
    /// A handle to the connection that will be made, usable at once.
    pub fn handle(&self) -> Handle {
        Handle::new(self.attempt.0.clone(), self.config.clone())
    }

    /// Adds a header to the request.
    ///
    /// # Errors
    ///
    /// When name or value may not stand in a header, or the handshake sets it itself.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidRequest> {
        self.request.header(name, value)?;
        Ok(self)
    }

    /// Offers a subprotocol, in order of preference (RFC 6455 §1.9).
    ///
    /// # Errors
    ///
    /// When it is no token, or offered already.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidRequest> {
        self.request.subprotocol(name)?;
        Ok(self)
    }

    /// Replaces the settings copied from the client.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// Replaces the TLS settings copied from the client.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Replaces the handlers copied from the client, for this connection only.
    #[must_use]
    pub fn handler(mut self, handler: impl Handler) -> Self {
        self.handler = Some(Box::new(handler));
        self
    }

    /// Replaces single handlers of those copied from the client, for this connection only.
    #[must_use]
    pub fn map_handlers(mut self, change: impl FnOnce(Handlers) -> Handlers) -> Self {
        self.handlers = change(self.handlers);
        self
    }

    /// Opens the connection and hands it to the caller; handlers are not used.
    ///
    /// # Errors
    ///
    /// When the connection cannot be opened within `timeouts.open`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up.
    pub async fn connect(mut self) -> Result<WebSocket, ConnectError> {
        let member = self.join_roster()?;
        self.config = whole_messages(self.config);
        let opened = cancelable(
            &self.attempt.0,
            &member,
            open(&self.request, &self.config, &self.tls),
        )
        .await;
        self.finish(opened, member)
    }

    /// Shakes hands over a transport of the caller's own. Name, address and TLS are the caller's.
    ///
    /// # Errors
    ///
    /// When the handshake fails or `timeouts.open` is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn connect_on<S: AsyncRead + AsyncWrite + Unpin>(
        mut self,
        io: S,
    ) -> Result<WebSocket<S>, ConnectError> {
        let member = self.join_roster()?;
        self.config = whole_messages(self.config);
        let opened = cancelable(
            &self.attempt.0,
            &member,
            open_on(io, &self.request, &self.config),
        )
        .await;
        self.finish(opened, member)
    }

    /// Opens the connection in the background and runs it with its handlers. Returns at once.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, unless the client has a thread of its own.
    pub fn start(mut self) -> Handle {
        let handle = self.handle();
        // A handler decides itself whether a ping is answered.
        let mut config = (*self.config).clone();
        config.automatic_pong = false;
        self.config = Arc::new(config);
        let handlers = mem::take(&mut self.handlers);
        let mut handler = self.handler.take().unwrap_or_else(|| Box::new(handlers));
        let Ok(member) = self.join_roster() else {
            fail(
                &mut handler,
                &handle,
                &ConnectError::Canceled,
                &self.attempt.0,
            );
            return handle;
        };
        let client = self.client.clone();
        let task = self.run(handle.clone(), handler, member);
        match &client.inner.background {
            Some(background) => drop(background.spawn(task)),
            None => drop(tokio::spawn(task)),
        }
        handle
    }

    async fn run(self, handle: Handle, mut handler: Box<dyn Handler>, member: Member) {
        let Self {
            request,
            config,
            tls,
            attempt,
            client,
            ..
        } = self;
        let link = attempt.0.clone();
        // The task must not keep the endpoint alive: its end is what drops the thread.
        drop(client);
        match cancelable(&link, &member, open(&request, &config, &tls)).await {
            Ok(Opened {
                io,
                connection,
                info,
                early,
            }) => {
                let info = Arc::new(info);
                log::connect(handle.id(), &info);
                let _ = link.info.set(info.clone());
                link.set_state(State::Open);
                let core = Core::new(connection, handle.id(), Some(link), Some(member));
                Session::new(Driver::new(io, core), handler, info, early).await;
            }
            Err(error) => fail(&mut handler, &handle, &error, &link),
        }
    }

    fn join_roster(&self) -> Result<Member, ConnectError> {
        self.client
            .inner
            .roster
            .join(self.attempt.0.id)
            .ok_or(ConnectError::Canceled)
    }

    fn finish<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        opened: Result<Opened<S>, ConnectError>,
        member: Member,
    ) -> Result<WebSocket<S>, ConnectError> {
        match opened {
            Ok(opened) => {
                let link = &self.attempt.0;
                link.set_state(State::Open);
                let id = link.id;
                // A handle that was taken before must go on working; else none is made.
                let link = (Arc::strong_count(link) > 1).then(|| link.clone());
                Ok(WebSocket::new(opened, id, link, Some(member)))
            }
            Err(error) => {
                log::fail(self.attempt.0.id, &error);
                self.attempt.0.end(never_opened(&error));
                Err(error)
            }
        }
    }
}

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("id", &self.attempt.0.id)
            .field("request", &self.request)
            .finish()
    }
}

/// The attempt, unless its handle is terminated or its client shut down first.
async fn cancelable<T>(
    link: &Link,
    member: &Member,
    attempt: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    tokio::select! {
        biased;
        () = std::future::poll_fn(|cx| link.poll_terminated(cx)) => Err(ConnectError::Canceled),
        () = member.shutdown_begun() => Err(ConnectError::Canceled),
        result = attempt => result,
    }
}

fn fail(handler: &mut Box<dyn Handler>, handle: &Handle, error: &ConnectError, link: &Link) {
    log::fail(handle.id(), error);
    link.set_state(State::Closed);
    handler.on_fail(handle, error);
    link.end(never_opened(error));
}

fn never_opened(error: &ConnectError) -> Closed {
    let mut closed = Closed::default();
    closed.cause = Some(Cause::Transport(error.to_string().into()));
    closed
}

impl WebSocket<Stream> {
    /// What TLS settled; `None` on a plain connection.
    pub fn tls_info(&self) -> Option<&crate::TlsInfo> {
        self.info().tls.as_ref()
    }
}
