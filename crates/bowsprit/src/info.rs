//! What the opening handshake settled.

use std::net::SocketAddr;

use bowsprit_proto::{
    DeflateParams, Role,
    handshake::{Agreed, RequestHead, ResponseHead},
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
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Which end this is.
    pub role: Role,
    /// The URI in a client; in a server what the request's target and `Host` say.
    pub uri: String,
    /// The peer's address, where the transport has one.
    pub peer: Option<SocketAddr>,
    /// The subprotocol that both sides agreed on (RFC 6455 §1.9).
    pub subprotocol: Option<String>,
    /// How messages are compressed; `None` where they are not (RFC 7692).
    pub deflate: Option<DeflateParams>,
    /// What TLS settled; `None` on a plain connection.
    pub tls: Option<TlsInfo>,
    pub(crate) head: Head,
}

/// The head that the peer sent.
#[derive(Debug)]
pub(crate) enum Head {
    Request(RequestHead),
    Response(ResponseHead),
}

impl ConnectionInfo {
    pub(crate) fn new(
        role: Role,
        uri: String,
        peer: Option<SocketAddr>,
        agreed: Agreed,
        head: Head,
    ) -> Self {
        Self {
            role,
            uri,
            peer,
            subprotocol: agreed.subprotocol,
            deflate: agreed.deflate,
            tls: None,
            head,
        }
    }

    /// In a server: the first header of this name, in any case, of the client's request.
    pub fn request_header(&self, name: &str) -> Option<&str> {
        match &self.head {
            Head::Request(head) => head.header(name),
            Head::Response(_) => None,
        }
    }

    /// In a client: the first header of this name, in any case, of the server's response.
    pub fn response_header(&self, name: &str) -> Option<&str> {
        match &self.head {
            Head::Response(head) => head.header(name),
            Head::Request(_) => None,
        }
    }
}
