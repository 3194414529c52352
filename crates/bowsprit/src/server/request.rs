//! What a client asks for, as the program's own code sees it before it decides.

use std::net::SocketAddr;

use bowsprit_proto::handshake::RequestHead;

use crate::TlsInfo;

/// The head of a request, and who sent it: for [`validate`](crate::ServerBuilder::validate) and
/// [`http`](crate::ServerBuilder::http).
///
/// It is owned, so that it can move into a future. `Debug` leaves out the values of headers that carry
/// credentials.
///
/// ```
/// use bowsprit::{Accept, HttpRequest, Response, Server};
///
/// async fn log_in(request: HttpRequest) -> Result<Accept, Response> {
///     let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
///     match (request.path(), token) {
///         ("/chat", Some(token)) if is_known(token) => Ok(Accept::default()),
///         ("/chat", _) => Err(Response::plain(401)?),
///         _ => Err(Response::plain(404)?),
///     }
/// }
///
/// // Hashes compare in a time that tells nothing about the token.
/// fn is_known(token: &str) -> bool {
///     use ring::digest::{SHA256, digest};
///     digest(&SHA256, token.as_bytes()).as_ref() == TOKEN_HASH
/// }
/// # const TOKEN_HASH: [u8; 32] = [0; 32];
///
/// let builder = Server::builder().validate(log_in);
/// ```
#[derive(Clone, Debug)]
pub struct HttpRequest {
    head: RequestHead,
    peer: Option<SocketAddr>,
    tls: Option<TlsInfo>,
}

impl HttpRequest {
    pub(super) const fn new(
        head: RequestHead,
        peer: Option<SocketAddr>,
        tls: Option<TlsInfo>,
    ) -> Self {
        Self { head, peer, tls }
    }

    /// The method: `GET` where a WebSocket is asked for (RFC 6455 §4.1, item 2).
    pub fn method(&self) -> &str {
        self.head.method()
    }

    /// The path and the query, still percent-encoded.
    pub fn target(&self) -> &str {
        self.head.target()
    }

    /// What stands in front of the first `?` of the target.
    pub fn path(&self) -> &str {
        let target = self.target();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// What stands behind the first `?` of the target, if there is one.
    pub fn query(&self) -> Option<&str> {
        self.target().split_once('?').map(|(_, query)| query)
    }

    /// The value of the first header of this name, which is compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Names and values of all headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head.headers()
    }

    /// The subprotocols that the client offers, in its order of preference (RFC 6455 §4.1, item 10).
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.head.subprotocols()
    }

    /// The site whose page asks; programs that are no browsers send none (RFC 6454 §7).
    pub fn origin(&self) -> Option<&str> {
        self.header("origin")
    }

    /// The host and port that the client means. Empty in a request of HTTP/1.0 without `Host`.
    pub fn authority(&self) -> &str {
        self.head.authority()
    }

    /// The client's address; `None` over a Unix socket, and where the caller named none.
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What TLS settled; `None` on a plain connection, and over a stream of the caller's own.
    pub const fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }
}
