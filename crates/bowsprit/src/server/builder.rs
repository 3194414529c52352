//! The settings of a server, each checked where it is set.

use std::{
    io,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

use bowsprit_proto::{
    Config,
    handshake::{self, Accept, Response},
};
use tokio::net::{TcpListener, ToSocketAddrs};

#[cfg(unix)]
use super::listener::SocketFile;
use super::{
    Inner, Listener, Server,
    limits::{Handshakes, MAX_HANDSHAKES, Slots},
    request::HttpRequest,
    shared::Shared,
    terms::Terms,
};
use crate::{InvalidRequest, ServerTls, upgrade::Configs};

/// What a server copies into each new connection.
///
/// ```
/// use bowsprit::Server;
///
/// let server = Server::builder().build();
/// server.set_defaults(|defaults| {
///     std::sync::Arc::make_mut(&mut defaults.config).limits.message = 64 * 1024;
/// });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerDefaults {
    /// Limits, time-outs and preferences. Default: [`Config::server`].
    pub config: Arc<Config>,
    /// Certificate and key of connections over TCP: a new one may replace one that is about to expire.
    /// Default: none, they are not encrypted.
    pub tls: Option<ServerTls>,
}

/// The defaults, and the config as each face of a connection needs it: made once, not for each.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) defaults: ServerDefaults,
    pub(super) configs: Configs,
}

impl Settings {
    pub(super) fn new(defaults: ServerDefaults) -> Self {
        Self {
            configs: Configs::of(&defaults.config),
            defaults,
        }
    }
}

/// Sets up a [`Server`].
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use bowsprit::{Accept, Config, HttpRequest, Response, Server};
///
/// let mut config = Config::server();
/// config.limits.message = 64 * 1024;
/// let server = Server::builder()
///     .config(config)
///     .subprotocols(["chat.v2", "chat.v1"])?
///     .allow_origin("https://app.example.com")?
///     .validate(|request: HttpRequest| async move {
///         match request.path() {
///             "/chat" => Ok(Accept::default()),
///             _ => Err(Response::plain(404)?),
///         }
///     })
///     .http(|request: HttpRequest| async move {
///         let status = if request.path() == "/health" { 200 } else { 404 };
///         Response::plain(status).unwrap_or_else(Response::from)
///     })
///     .max_per_address(20)
///     .bind("127.0.0.1:0")
///     .await?;
/// println!("ws://{}", server.local_addr()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    defaults: ServerDefaults,
    terms: Terms,
    max_connections: Option<NonZeroUsize>,
    max_per_address: Option<NonZeroUsize>,
    max_handshakes: usize,
}

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            defaults: ServerDefaults {
                config: Arc::new(Config::server()),
                tls: None,
            },
            terms: Terms::default(),
            max_connections: None,
            max_per_address: None,
            max_handshakes: MAX_HANDSHAKES,
        }
    }

    /// Limits, time-outs and preferences.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.defaults.config = Arc::new(config);
        self
    }

    /// The subprotocols that this server speaks, the most preferred first (RFC 6455 §1.9). Default: none.
    ///
    /// The first one that the client offers is chosen. A client that offers none of them is accepted
    /// without one. What [`validate`](Self::validate) chooses comes before this.
    ///
    /// # Errors
    ///
    /// When a name is no token, or comes twice.
    pub fn subprotocols<I>(mut self, names: I) -> Result<Self, InvalidRequest>
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.terms.subprotocols.clear();
        for name in names.into_iter().map(Into::into) {
            Accept::default().subprotocol(&name)?;
            if self.terms.subprotocols.contains(&name) {
                return Err(handshake::InvalidRequest::DuplicateSubprotocol(name).into());
            }
            self.terms.subprotocols.push(name);
        }
        Ok(self)
    }

    /// Refuses clients that offer none of the [`subprotocols`](Self::subprotocols) with 400, unless
    /// [`validate`](Self::validate) has chosen another. Default: they are accepted without one, and it is
    /// theirs to close (RFC 6455 §4.2.2, item 5).
    #[must_use]
    pub const fn require_subprotocol(mut self) -> Self {
        self.terms.requires_subprotocol = true;
        self
    }

    /// Lets in pages of one more site: `https://app.example.com`, with `:port` where it is not the
    /// scheme's own, or `https://*.example.com` for every name below `example.com`, at any depth, and not
    /// for that one itself.
    ///
    /// Default: a request that carries an `Origin` must name the host that it asks for, or is refused
    /// with 403; requests of programs carry none (RFC 6455 §10.2).
    ///
    /// # Errors
    ///
    /// When it is no origin (RFC 6454 §6.2): a path behind the host, for example, or `null`.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self, InvalidRequest> {
        self.terms.origins.allow(origin)?;
        Ok(self)
    }

    /// Lets in pages of any site: any of them can then connect with the cookies of its visitors.
    #[must_use]
    pub fn danger_any_origin(mut self) -> Self {
        self.terms.origins.any = true;
        self
    }

    /// The `Server` header of every answer. Default: `bowsprit/` and the version. `None` sends none. An
    /// answer of [`validate`](Self::validate) or [`http`](Self::http) that has its own keeps it.
    ///
    /// # Errors
    ///
    /// When it may not stand in a header.
    pub fn server_header(
        mut self,
        name: impl Into<Option<String>>,
    ) -> Result<Self, InvalidRequest> {
        self.terms.server_header = name.into();
        if let Some(name) = &self.terms.server_header {
            Accept::default().header("Server", name)?;
        }
        Ok(self)
    }

    /// Speaks TLS with clients that come over TCP.
    ///
    /// Connections over a Unix socket do not leave the machine and stay plain; a stream of the caller's
    /// own is taken as it is.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.defaults.tls = Some(tls);
        self
    }

    /// Asks `decide` about every valid request for a WebSocket whose origin is welcome. Default: all are
    /// accepted.
    ///
    /// It accepts, with a subprotocol and headers of its choice, or refuses with any HTTP response; `?`
    /// makes a 500 of a mistake in either. It may take its time, within `timeouts.open`: after that the
    /// client gets a 503 and the future is dropped, as it is when the server shuts down. Choosing a
    /// subprotocol that the client does not offer is a 500, and so is a panic.
    #[must_use]
    pub fn validate<F, Fut>(mut self, decide: F) -> Self
    where
        F: Fn(HttpRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Accept, Response>> + Send + 'static,
    {
        self.terms.validate = Some(Arc::new(move |request| Box::pin(decide(request))));
        self
    }

    /// Answers plain HTTP on the same port: a page, a health check. Default: such requests are refused
    /// with 405 or 426.
    ///
    /// It gets every request that does not ask for a WebSocket, of any method, HTTP/1.0 or 1.1, as long
    /// as it has no body. The answer ends its connection (RFC 9112 §9.6); to a `HEAD` it goes without its
    /// body. It has to come within `timeouts.open`, else the client gets a 503; after a panic, a 500.
    #[must_use]
    pub fn http<F, Fut>(mut self, answer: F) -> Self
    where
        F: Fn(HttpRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send + 'static,
    {
        self.terms.http = Some(Arc::new(move |request| Box::pin(answer(request))));
        self
    }

    /// The most connections at once, those that `validate` is looking at included; the next client gets
    /// a 503. Default, and 0: no limit.
    #[must_use]
    pub const fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = NonZeroUsize::new(count);
        self
    }

    /// The most connections at once from one IPv4 address, or one /64 of IPv6; the next client from there
    /// gets a 429. Default, and 0: no limit.
    ///
    /// Clients without an address, as over a Unix socket, are not counted. Behind a proxy all clients have
    /// the proxy's address.
    #[must_use]
    pub const fn max_per_address(mut self, count: usize) -> Self {
        self.max_per_address = NonZeroUsize::new(count);
        self
    }

    /// The most opening handshakes in progress at once, TLS included; the next one pushes the oldest out,
    /// so that clients that never finish cannot keep others away. Default: 1024; at least 1.
    ///
    /// Requests of which only a part has come may take 2 KiB for each of these, all together; beyond that the
    /// oldest of them makes room, too.
    #[must_use]
    pub const fn max_handshakes(mut self, count: usize) -> Self {
        self.max_handshakes = count;
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

    /// Listens on a Unix socket at `path`. A shutdown removes the file, as does the drop of the last clone
    /// of the server.
    ///
    /// # Errors
    ///
    /// When something is at `path` already (`AddrInUse`), be it a socket that nobody listens on: whether
    /// it may go is for the program to say. Or when the file cannot be made.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[cfg(unix)]
    pub fn bind_unix(self, path: impl AsRef<std::path::Path>) -> io::Result<Server> {
        let (listener, file) = SocketFile::bind(path.as_ref())?;
        Ok(self.with(Some(listener), Some(file)))
    }

    /// Listens with a listener of the caller's own, of TCP or a Unix socket.
    pub fn listener(self, listener: impl Into<Listener>) -> Server {
        self.with(
            Some(listener.into()),
            #[cfg(unix)]
            None,
        )
    }

    /// A server that does not listen: for streams of the caller's own, given to
    /// [`accept_on`](Server::accept_on) or [`serve_on`](Server::serve_on).
    pub fn build(self) -> Server {
        self.with(
            None,
            #[cfg(unix)]
            None,
        )
    }

    fn with(self, listener: Option<Listener>, #[cfg(unix)] file: Option<SocketFile>) -> Server {
        let slots = Slots::new(self.max_connections, self.max_per_address);
        let shared = Shared {
            terms: self.terms,
            settings: Mutex::new(Settings::new(self.defaults)),
            roster: Arc::default(),
            slots: Arc::new(slots),
            handshakes: Arc::new(Handshakes::new(self.max_handshakes)),
        };
        Server {
            inner: Arc::new(Inner {
                shared: Arc::new(shared),
                listener: Mutex::new(listener.map(Arc::new)),
                #[cfg(unix)]
                file: Mutex::new(file),
                queue: Mutex::default(),
            }),
        }
    }
}
