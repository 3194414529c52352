//! The ways in which a request becomes a connection.

use std::{io, mem};

use bowsprit_proto::{
    Stage,
    handshake::{ClientHandshake, Request},
};
use rand::RngExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{
    ConnectRequest,
    opening::{cancelable, fail},
};
use crate::{
    ConnectError, ConnectionId, Defaults, Handle, Handler, InvalidRequest, State, Stream,
    Upgrading, WebSocket, http_types, log,
    open::{Opened, open, open_on},
    reconnect::Row,
    roster::Member,
    session::{self, Session},
    upgrade::Configs,
    websocket::whole_messages,
};

impl ConnectRequest {
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
        self.settings.config = whole_messages(self.settings.config);
        let opened = cancelable(
            self.opening.link(),
            &member,
            open(self.opening.link().id, &self.request, &self.settings),
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
        self.settings.config = whole_messages(self.settings.config);
        let opened = cancelable(
            self.opening.link(),
            &member,
            open_on(io, self.opening.link().id, &self.request, &self.settings),
        )
        .await;
        self.finish(opened, member)
    }

    /// The request for an HTTP client of the caller's own, to be sent as it is over HTTP/1.1, and what
    /// checks the response. Name, address and TLS are that client's.
    ///
    /// Its target is the path and the query, as hyper's `client::conn` wants it. Keep the connection that
    /// it is sent over away from pools.
    ///
    /// ```no_run
    /// # async fn f(mut sender: hyper::client::conn::http1::SendRequest<String>)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// use bowsprit::Client;
    /// use hyper_util::rt::TokioIo;
    ///
    /// let (request, upgrading) = Client::new().request("ws://example.com/feed")?.into_http()?;
    /// let response = sender.send_request(request.map(|()| String::new())).await?;
    /// let upgrade = upgrading.check(&response)?;
    /// let mut ws = upgrade.over(TokioIo::new(hyper::upgrade::on(response).await?));
    /// ws.send("hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the client was shut down, or the target is one that the crate `http` does not take.
    pub fn into_http(self) -> Result<(http::Request<()>, Upgrading), ConnectError> {
        let member = self.join_roster()?;
        let handshake =
            ClientHandshake::new(&self.request, rand::rng().random(), &self.settings.config);
        let uri = self.request.uri();
        let request = http_types::request_of(handshake.request_bytes(), uri)
            .map_err(|_| InvalidRequest::Target(uri.target().to_owned()))?;
        let upgrading = Upgrading {
            handshake,
            uri: uri.to_string(),
            configs: Configs::of(&self.settings.config),
            member,
            opening: self.opening,
        };
        Ok((request, upgrading))
    }

    /// Opens the connection in the background and runs it with its handlers. Returns at once.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, unless the client has a thread of its own.
    pub fn start(self) -> Handle {
        self.start_by(Network)
    }

    /// As [`start`](Self::start), over transports of the caller's own: `dial` makes one for each attempt, within
    /// `timeouts.open`. Name, address, TLS and redirections are the caller's.
    ///
    /// ```
    /// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
    /// use bowsprit::{Client, Handlers, Reconnect};
    /// use tokio::net::UnixStream;
    ///
    /// let handlers = Handlers::new().on_message(|_, message| println!("<< {message:?}"));
    /// let request = Client::new().request("ws://localhost/feed")?.handler(handlers);
    /// let request = request.reconnect(Reconnect::default());
    /// let handle = request.start_on(|| UnixStream::connect("/run/feed.sock"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, unless the client has a thread of its own.
    pub fn start_on<S, F>(self, dial: impl FnMut() -> F + Send + 'static) -> Handle
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        self.start_by(Own(dial))
    }

    fn start_by(mut self, opener: impl Opener) -> Handle {
        let handle = self.handle();
        self.settings.config = session::asks_handler(self.settings.config);
        let handlers = mem::take(&mut self.settings.handlers);
        let mut handler = self.handler.take().unwrap_or_else(|| Box::new(handlers));
        let Ok(member) = self.join_roster() else {
            fail(
                &mut handler,
                &handle,
                &ConnectError::Canceled,
                self.opening.link(),
            );
            return handle;
        };
        let client = self.client.clone();
        let task = self.run(opener, handle.clone(), handler, member);
        match client.background() {
            Some(background) => drop(background.spawn(task)),
            None => drop(tokio::spawn(task)),
        }
        handle
    }

    async fn run(
        self,
        mut opener: impl Opener,
        handle: Handle,
        mut handler: Box<dyn Handler>,
        mut member: Member,
    ) {
        let Self {
            request,
            settings,
            opening,
            client,
            reconnect,
            ..
        } = self;
        let link = opening.link().clone();
        // The task must not keep the endpoint alive: its end is what drops the thread.
        drop(client);
        let mut row = reconnect.map(Row::new);
        let mut way = Some((request, settings));
        while let Some((request, settings)) = &way {
            let opened = opener.open(link.id, request, settings);
            let delay = match cancelable(&link, &member, opened).await {
                Ok(opened) => {
                    if row.is_none() {
                        // A connection that is open has no use for what led to it, unless it may come again.
                        way = None;
                    }
                    let (mut driver, info, early) =
                        opened.into_driver(handle.id(), Some(link.clone()), Some(member));
                    if let Some(row) = &mut row {
                        row.opened();
                        driver.core = driver.core.outlived_by_link();
                    }
                    let mut session = Session::new(driver, handler, info, early);
                    (&mut session).await;
                    let (own, place, closed) = session.into_parts();
                    let (Some(mut own), Some(place)) = (own, place) else {
                        return link.end(closed);
                    };
                    let ends = link.is_to_end() || place.shutdown_code().is_some();
                    let retry = row.as_mut().filter(|_| !ends);
                    let Some(retry) = retry.and_then(|row| row.after_end(&closed)) else {
                        return link.end(closed);
                    };
                    link.set_state(State::Connecting);
                    own.on_retry(&handle, &retry);
                    (handler, member) = (own, place);
                    retry.delay
                }
                Err(error) => {
                    let retry = row.as_mut().and_then(|row| row.after_failure(&error));
                    let Some(retry) = retry else {
                        return fail(&mut handler, &handle, &error, &link);
                    };
                    log::fail(handle.id(), &error);
                    handler.on_retry(&handle, &retry);
                    retry.delay
                }
            };
            let wait = async {
                tokio::time::sleep(delay).await;
                Ok(())
            };
            if let Err(error) = cancelable(&link, &member, wait).await {
                return fail(&mut handler, &handle, &error, &link);
            }
        }
    }

    fn join_roster(&self) -> Result<Member, ConnectError> {
        self.client
            .roster()
            .join(self.opening.link().id)
            .ok_or(ConnectError::Canceled)
    }

    fn finish<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        opened: Result<Opened<S>, ConnectError>,
        member: Member,
    ) -> Result<WebSocket<S>, ConnectError> {
        match opened {
            Ok(opened) => Ok(self.opening.open(opened, member)),
            Err(error) => {
                self.opening.fail(&error);
                Err(error)
            }
        }
    }
}

/// What an attempt opens its connection with.
trait Opener: Send + 'static {
    type Io: AsyncRead + AsyncWrite + Unpin + Send;

    fn open(
        &mut self,
        id: ConnectionId,
        request: &Request,
        settings: &Defaults,
    ) -> impl Future<Output = Result<Opened<Self::Io>, ConnectError>> + Send;
}

/// By the URI.
struct Network;

impl Opener for Network {
    type Io = Stream;

    fn open(
        &mut self,
        id: ConnectionId,
        request: &Request,
        settings: &Defaults,
    ) -> impl Future<Output = Result<Opened<Stream>, ConnectError>> + Send {
        open(id, request, settings)
    }
}

/// With what the caller dials.
struct Own<D>(D);

impl<D, F, S> Opener for Own<D>
where
    D: FnMut() -> F + Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Io = S;

    async fn open(
        &mut self,
        id: ConnectionId,
        request: &Request,
        settings: &Defaults,
    ) -> Result<Opened<S>, ConnectError> {
        let dialled = (self.0)();
        let mut stage = Stage::Connect;
        let opening = async {
            let io = dialled.await?;
            stage = Stage::Open;
            open_on(io, id, request, settings).await
        };
        let result = timeout(settings.config.timeouts.open, opening).await;
        result.unwrap_or(Err(ConnectError::Timeout(stage)))
    }
}

impl WebSocket<Stream> {
    /// What TLS settled; `None` on a plain connection.
    pub fn tls_info(&self) -> Option<&crate::TlsInfo> {
        self.info().tls()
    }
}
