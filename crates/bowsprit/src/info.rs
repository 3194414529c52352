//! What the opening handshake settled.

use std::net::SocketAddr;

use bowsprit_proto::{
    DeflateParams, Role,
    handshake::{Agreed, Headers},
};

use crate::TlsInfo;

/// Facts about a connection that do not change while it lives.
///
/// ```no_run
/// # async fn f() -> Result<(), bowsprit::ConnectError> {
/// let ws = bowsprit::connect("ws://localhost:9002").await?;
/// println!("server: {}", ws.info().response_header("server").unwrap_or("unknown"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ConnectionInfo {
    role: Role,
    uri: Box<str>,
    peer: Option<SocketAddr>,
    /// `None` on a plain connection, which then needs no room for it.
    extras: Option<Box<Extras>>,
    /// Those that the peer sent.
    headers: Headers,
}

#[derive(Debug)]
struct Extras {
    agreed: Agreed,
    tls: Option<TlsInfo>,
}

impl ConnectionInfo {
    pub(crate) fn new(
        role: Role,
        uri: String,
        peer: Option<SocketAddr>,
        tls: Option<TlsInfo>,
        agreed: Agreed,
        headers: Headers,
    ) -> Self {
        let is_plain = agreed == Agreed::default() && tls.is_none();
        Self {
            role,
            uri: uri.into(),
            peer,
            extras: (!is_plain).then(|| Box::new(Extras { agreed, tls })),
            headers,
        }
    }

    /// Which end this is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The URI in a client; in a server what the request's target and `Host` say.
    pub const fn uri(&self) -> &str {
        &self.uri
    }

    /// The peer's address, where the transport has one.
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The subprotocol that both sides agreed on (RFC 6455 §1.9).
    pub fn subprotocol(&self) -> Option<&str> {
        self.extras.as_ref()?.agreed.subprotocol.as_deref()
    }

    /// How messages are compressed; `None` where they are not (RFC 7692).
    pub fn deflate(&self) -> Option<DeflateParams> {
        self.extras.as_ref()?.agreed.deflate
    }

    /// What TLS settled; `None` on a plain connection.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.extras.as_ref()?.tls.as_ref()
    }

    /// In a server: the first header of this name, in any case, of the client's request.
    ///
    /// What only the handshake needs is not kept: `Connection`, `Upgrade`, `Sec-WebSocket-Key` and
    /// `Sec-WebSocket-Version`.
    pub fn request_header(&self, name: &str) -> Option<&str> {
        self.header_from(Role::Client, name)
    }

    /// In a client: the first header of this name, in any case, of the server's response.
    ///
    /// What only the handshake needs is not kept: `Connection`, `Upgrade` and `Sec-WebSocket-Accept`.
    pub fn response_header(&self, name: &str) -> Option<&str> {
        self.header_from(Role::Server, name)
    }

    /// Names and values of the headers that the peer sent, in their order, but for those that only the
    /// handshake needs.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter()
    }

    fn header_from(&self, sender: Role, name: &str) -> Option<&str> {
        let headers = (self.role != sender).then_some(&self.headers);
        headers.and_then(|headers| headers.first(name))
    }
}
