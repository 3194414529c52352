//! WebSockets over transports that an HTTP server or client has upgraded: hyper's, axum's, any other's.

use std::{error::Error as StdError, fmt, sync::Arc};

use bowsprit_proto::{
    Config, Connection, Role,
    handshake::{Agreed, ClientHandshake, Response},
};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    AcceptError, ConnectError, ConnectionId, ConnectionInfo, Handler, ResponseExt, WebSocket,
    http_types,
    open::{Opened, failed, masking_key},
    request::Opening,
    roster::Member,
    session::{Session, asks_handler},
    websocket::whole_messages,
};

/// A connection that both ends have agreed to, and that waits for its transport.
///
/// [`Server::upgrade`](crate::Server::upgrade) makes it of a request, and [`Upgrading::check`] of a
/// response. It counts against the limits of its server, and a shutdown waits for it; dropping it gives
/// the connection up.
///
/// ```
/// use bowsprit::{Error, Upgrade};
/// use tokio::io::{AsyncRead, AsyncWrite};
///
/// async fn echo(upgrade: Upgrade, io: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Error> {
///     println!("{} with {:?}", upgrade.info().uri(), upgrade.info().subprotocol());
///     let mut ws = upgrade.over(io);
///     while let Some(message) = ws.recv().await? {
///         ws.feed(message).await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping it gives the connection up"]
pub struct Upgrade {
    pub(crate) id: ConnectionId,
    pub(crate) agreed: Agreed,
    pub(crate) info: ConnectionInfo,
    pub(crate) configs: Configs,
    pub(crate) member: Member,
    /// In a client, whose handle may have been asked for already.
    pub(crate) opening: Option<Opening>,
}

/// A config as each face of a connection needs it.
#[derive(Clone, Debug)]
pub(crate) struct Configs {
    pub(crate) for_messages: Arc<Config>,
    pub(crate) for_handlers: Arc<Config>,
}

impl Configs {
    pub(crate) fn of(config: &Arc<Config>) -> Self {
        Self {
            for_messages: whole_messages(config.clone()),
            for_handlers: asks_handler(config.clone()),
        }
    }
}

impl Upgrade {
    /// What the opening handshake settled.
    pub const fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// The connection over the upgraded transport, to be awaited.
    ///
    /// `io` begins behind the heads of the handshake, with whatever came together with them: what hyper
    /// calls `Upgraded` does.
    pub fn over<S: AsyncRead + AsyncWrite + Unpin>(self, io: S) -> WebSocket<S> {
        let opened = opened(io, self.configs.for_messages, &self.agreed, self.info);
        match self.opening {
            Some(opening) => opening.open(opened, self.member),
            None => WebSocket::new(opened, self.id, None, Some(self.member)),
        }
    }

    /// Runs the connection over the upgraded transport with a handler, to its end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn serve_over<S, H>(self, io: S, factory: impl FnOnce(&Arc<ConnectionInfo>) -> H)
    where
        S: AsyncRead + AsyncWrite + Unpin,
        H: Handler,
    {
        let opened = opened(io, self.configs.for_handlers, &self.agreed, self.info);
        let link = self.opening.as_ref().map(|opening| opening.link().clone());
        let (driver, info, early) = opened.into_driver(self.id, link, Some(self.member));
        drop(self.opening);
        match Session::made_by(factory, driver, info, early) {
            Ok(session) => session.await,
            Err(farewell) => farewell.await,
        }
    }
}

fn opened<S>(io: S, config: Arc<Config>, agreed: &Agreed, info: ConnectionInfo) -> Opened<S> {
    let connection = match info.role() {
        Role::Client => Connection::client(config, masking_key),
        Role::Server => Connection::server(config),
    };
    Opened {
        io,
        connection: connection.with_agreed(agreed),
        info,
        early: Vec::new(),
    }
}

/// A client's opening handshake whose request is sent, and whose response is read, by an HTTP client of the
/// caller's own. [`ConnectRequest::into_http`](crate::ConnectRequest::into_http) makes it.
///
/// ```
/// use bowsprit::{Client, http};
///
/// let (request, upgrading) = Client::new().request("ws://example.com/feed")?.into_http()?;
/// assert_eq!(request.headers()["upgrade"], "websocket");
/// // No server that knows WebSocket has answered this:
/// let answer = http::Response::builder().status(404).body(())?;
/// let error = upgrading.check(&answer).unwrap_err();
/// assert_eq!(error.to_string(), "server answered with HTTP 404");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it gives the connection up"]
pub struct Upgrading {
    pub(crate) handshake: ClientHandshake,
    pub(crate) uri: String,
    pub(crate) configs: Configs,
    pub(crate) member: Member,
    pub(crate) opening: Opening,
}

impl Upgrading {
    /// Checks the response by the rules of RFC 6455 §4.1.
    ///
    /// # Errors
    ///
    /// When the server refuses, or its answer breaks a rule. The transport has to end then.
    pub fn check<B>(mut self, response: &http::Response<B>) -> Result<Upgrade, ConnectError> {
        let head = http_types::encode_response(response);
        let checked = self.handshake.receive(&mut &head[..]);
        let (agreed, head) = match (checked, self.handshake.response()) {
            (Ok(Some(agreed)), Some(head)) => (agreed, head),
            (checked, _) => {
                let error = checked.err().unwrap_or_else(|| self.handshake.eof());
                let error = failed(error, &self.handshake, &[]);
                self.opening.fail(&error);
                return Err(error);
            }
        };
        let headers = head.application_headers();
        let info = ConnectionInfo::new(Role::Client, self.uri, None, None, agreed.clone(), headers);
        Ok(Upgrade {
            id: self.opening.link().id,
            agreed,
            info,
            configs: self.configs,
            member: self.member,
            opening: Some(self.opening),
        })
    }
}

/// A request that is not upgraded: why, and the answer that its client is to get.
///
/// It becomes an `http::Response` with any body that is made of bytes, so that `?` will do where a
/// function returns one. The answer says `Connection: close`: a proxy may have taken the request for the
/// beginning of a tunnel.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use bowsprit::{Server, http};
/// use bytes::Bytes;
///
/// let server = Server::builder().build();
/// let plain = http::Request::get("/").header("host", "localhost").body(()).unwrap();
/// let refused = server.upgrade(&plain, None).await.unwrap_err();
/// println!("{refused}");
/// let answer: http::Response<Bytes> = refused.into();
/// assert_eq!(answer.status(), 426);
/// assert_eq!(answer.headers()["sec-websocket-version"], "13");
/// # }
/// ```
#[derive(Debug)]
pub struct Refused {
    error: AcceptError,
    response: Response,
}

impl Refused {
    pub(crate) const fn new(error: AcceptError, response: Response) -> Self {
        Self { error, response }
    }

    /// Why.
    pub const fn error(&self) -> &AcceptError {
        &self.error
    }

    /// What the client is to be told.
    pub const fn response(&self) -> &Response {
        &self.response
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)
    }
}

impl StdError for Refused {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.error)
    }
}

impl<B: From<Bytes>> From<Refused> for http::Response<B> {
    fn from(refused: Refused) -> Self {
        refused.response.to_http().map(B::from)
    }
}
