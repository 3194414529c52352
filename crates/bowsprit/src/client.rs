//! The client endpoint: makes connections and holds their defaults.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bowsprit_proto::{CloseCode, Config, Uri, handshake::Request};

use crate::{
    ConnectError, ConnectRequest, Dns, Handlers, InvalidRequest, Proxy, Tls, WebSocket,
    background::{self, Background},
    roster::Roster,
    steps::Steps,
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
    /// Through which proxy connections go. Default: [`Proxy::environment`], read when the client was made.
    pub proxy: Proxy,
    /// How the addresses of hosts are found. Default: [`Dns::default`], as the system does.
    pub dns: Dns,
    /// How many redirections in a row are followed, as [`ConnectRequest::redirects`] says. Default: 0.
    pub redirects: u8,
    pub(crate) steps: Steps,
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
                proxy: Proxy::environment(),
                dns: Dns::default(),
                redirects: 0,
                steps: Steps::default(),
            },
        }
    }

    /// Makes a request to be configured and then started. Nothing is dialled yet.
    ///
    /// # Errors
    ///
    /// When the URI is not one of RFC 6455 §3, nor a `ws+unix:` one.
    pub fn request(&self, uri: &str) -> Result<ConnectRequest, InvalidRequest> {
        let defaults = self.defaults().clone();
        let mut request = Request::new(Uri::parse(uri)?);
        if let Some(name) = &defaults.user_agent {
            request.header("User-Agent", name)?;
        }
        Ok(ConnectRequest::new(self.clone(), request, defaults))
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
        if self.inner.background.is_none() {
            self.inner.roster.begin_shutdown(code);
            return self.inner.roster.len();
        }
        let cut = background::block_on(self.shutdown(code, deadline));
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

    pub(crate) fn roster(&self) -> &Arc<Roster> {
        &self.inner.roster
    }

    pub(crate) fn background(&self) -> Option<&Background> {
        self.inner.background.as_ref()
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

    /// Through which proxy connections go. Default: [`Proxy::environment`].
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.defaults.proxy = proxy;
        self
    }

    /// How the addresses of hosts are found. Default: [`Dns::default`].
    #[must_use]
    pub fn dns(mut self, dns: Dns) -> Self {
        self.defaults.dns = dns;
        self
    }

    /// How many redirections in a row are followed.
    #[must_use]
    pub const fn redirects(mut self, limit: u8) -> Self {
        self.defaults.redirects = limit;
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
