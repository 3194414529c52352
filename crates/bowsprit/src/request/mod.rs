//! One connection before it is made.

mod attempts;
mod opening;
mod start;

use std::{fmt, sync::Arc};

use bowsprit_proto::{Config, handshake::Request};

use crate::{
    Client, Defaults, Dns, Handle, Handler, Handlers, InvalidRequest, Proxy, Reconnect, Step, Tls,
    steps::Steps,
};

pub use attempts::Attempts;

pub(crate) use opening::Opening;

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
    /// Copied from the client, and changed since for this connection.
    settings: Defaults,
    reconnect: Option<Reconnect>,
    /// Set in place of the handlers among them.
    handler: Option<Box<dyn Handler>>,
    opening: Opening,
}

impl ConnectRequest {
    pub(crate) fn new(client: Client, request: Request, settings: Defaults) -> Self {
        Self {
            client,
            request,
            settings,
            reconnect: None,
            handler: None,
            opening: Opening::new(),
        }
    }

    /// A handle to the connection that will be made, usable at once.
    pub fn handle(&self) -> Handle {
        Handle::new(self.opening.link().clone(), self.settings.config.clone())
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

    /// Names a user and a password (RFC 7617), in place of any other authorization. Without TLS everybody on
    /// the way can read them.
    ///
    /// # Errors
    ///
    /// When the user contains a colon, or one of both a control character.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Self, InvalidRequest> {
        self.request.basic_auth(user, password)?;
        Ok(self)
    }

    /// Shows a token that grants access (RFC 6750), in place of any other authorization.
    ///
    /// # Errors
    ///
    /// When it is empty, or contains anything but visible ASCII.
    pub fn bearer(mut self, token: &str) -> Result<Self, InvalidRequest> {
        self.request.bearer(token)?;
        Ok(self)
    }

    /// Adds a cookie; all of them go in one header (RFC 6265 §5.4).
    ///
    /// # Errors
    ///
    /// When the name is no token, or the value has a character that would end the cookie.
    pub fn cookie(mut self, name: &str, value: &str) -> Result<Self, InvalidRequest> {
        self.request.cookie(name, value)?;
        Ok(self)
    }

    /// Names the site on whose behalf this client connects, as browsers do (RFC 6454 §7). Default: none.
    ///
    /// # Errors
    ///
    /// When it may not stand in a header.
    pub fn origin(self, origin: &str) -> Result<Self, InvalidRequest> {
        self.header("Origin", origin)
    }

    /// What this client calls itself, in place of the client's [`Defaults`]; empty sends none.
    ///
    /// # Errors
    ///
    /// When it may not stand in a header.
    pub fn user_agent(mut self, name: &str) -> Result<Self, InvalidRequest> {
        self.request.remove_header("User-Agent");
        if name.is_empty() {
            return Ok(self);
        }
        self.header("User-Agent", name)
    }

    /// Names and values of the headers that were set, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.request.headers()
    }

    /// The offered subprotocols, the most preferred first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.request.subprotocols()
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
        self.settings.config = Arc::new(config);
        self
    }

    /// Replaces the TLS settings copied from the client.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.settings.tls = tls;
        self
    }

    /// Replaces the proxy copied from the client.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.settings.proxy = proxy;
        self
    }

    /// Replaces the way to find addresses copied from the client.
    #[must_use]
    pub fn dns(mut self, dns: Dns) -> Self {
        self.settings.dns = dns;
        self
    }

    /// Follows this many redirections in a row, to `ws` and `wss` and never from `wss` to `ws`. Credentials go
    /// to no other origin: headers that [carry some](bowsprit_proto::handshake::is_secret_header) and
    /// subprotocols that are tokens are left out there. Everything else goes along: other headers and
    /// subprotocols, a client certificate. All of it has to be done within `timeouts.open`. Default: 0.
    #[must_use]
    pub const fn redirects(mut self, limit: u8) -> Self {
        self.settings.redirects = limit;
        self
    }

    /// Makes the connection again when it did not open, or has ended, and another try may help: with
    /// [`start`](Self::start), and with [`attempts`](Self::attempts). Default: never.
    ///
    /// A [`Handle`] stays the same through all of it. Messages that it queued and of which not a byte was
    /// given to the transport wait for the next connection; what was given to it is not sent again, as
    /// nobody can know what of it arrived, nor is what the handler sent through its `Context`. Between two
    /// connections sends are refused with [`SendError::NotOpen`](crate::SendError::NotOpen), and only
    /// [`Handle::terminate`] gives up.
    #[must_use]
    pub fn reconnect(mut self, policy: Reconnect) -> Self {
        self.reconnect = Some(policy);
        self
    }

    /// Replaces the handlers copied from the client, for this connection only.
    #[must_use]
    pub fn handler(mut self, handler: impl Handler) -> Self {
        self.handler = Some(Box::new(handler));
        self
    }

    /// Tells what happens on the way to an open connection, each thing as it happens: for programs that
    /// explain or time it. Default: nobody is told.
    ///
    /// It is called in line with the opening and must not block. Further tries of a connection that is
    /// made [again](Self::reconnect) are told too.
    ///
    /// ```
    /// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
    /// use bowsprit::{Client, Step};
    /// use std::time::Instant;
    ///
    /// let begun = Instant::now();
    /// let request = Client::new().request("wss://example.com/")?.on_step(move |step| match step {
    ///     Step::Connected(peer) => println!("{:?}: connected to {peer:?}", begun.elapsed()),
    ///     Step::Encrypted(tls) => println!("{:?}: {}", begun.elapsed(), tls.version),
    ///     _ => {}
    /// });
    /// # drop(request.connect().await?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_step(mut self, told: impl Fn(&Step<'_>) + Send + Sync + 'static) -> Self {
        self.settings.steps = Steps::to(told);
        self
    }

    /// Replaces single handlers of those copied from the client, for this connection only.
    #[must_use]
    pub fn map_handlers(mut self, change: impl FnOnce(Handlers) -> Handlers) -> Self {
        self.settings.handlers = change(self.settings.handlers);
        self
    }
}

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("id", &self.opening.link().id)
            .field("request", &self.request)
            .finish()
    }
}
