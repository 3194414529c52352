//! One connection before it is made, and the attempt to make it.

use std::{fmt, mem, sync::Arc};

use bowsprit_proto::{Cause, Closed, Config, handshake::Request};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Client, ConnectError, ConnectionId, Defaults, Handle, Handler, Handlers, InvalidRequest, State,
    Stream, Tls, WebSocket,
    link::Link,
    log,
    open::{Opened, open, open_on},
    roster::Member,
    session::{self, Session},
    websocket::whole_messages,
};

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
        // It was dropped while it was connecting, or its `on_fail` panicked.
        if matches!(self.0.state(), State::Connecting | State::Closed) {
            self.0.end(never_opened(&ConnectError::Canceled));
        }
    }
}

impl ConnectRequest {
    pub(crate) fn new(client: Client, request: Request, defaults: Defaults) -> Self {
        Self {
            client,
            request,
            config: defaults.config,
            tls: defaults.tls,
            handlers: defaults.handlers,
            handler: None,
            attempt: Attempt(Link::new(ConnectionId::next(), State::Connecting)),
        }
    }

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
        self.config = session::asks_handler(self.config);
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
        match client.background() {
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
            Ok(opened) => {
                let (driver, info, early) =
                    opened.into_driver(handle.id(), Some(link), Some(member));
                Session::new(driver, handler, info, early).await;
            }
            Err(error) => fail(&mut handler, &handle, &error, &link),
        }
    }

    fn join_roster(&self) -> Result<Member, ConnectError> {
        self.client
            .roster()
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
                let id = link.id;
                // A handle that was taken before must go on working; else none is made.
                let has_handle = Arc::strong_count(link) > 1;
                let kept = has_handle.then(|| link.clone());
                let ws = WebSocket::new(opened, id, kept, Some(member));
                // Also where no handle is left: dropping the attempt must not end the connection.
                link.set_state(State::Open);
                Ok(ws)
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
        self.info().tls()
    }
}
