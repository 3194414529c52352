//! The way to an open connection, step by step, for whoever explains it.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use bowsprit_proto::handshake::ResponseHead;

use crate::TlsInfo;

/// Something that happened on the way to an open connection: what [`ConnectRequest::on_step`] is told.
///
/// They come in this order, each where there is such a thing to tell. Where they end early, the error of the
/// attempt says why. After [`Redirected`](Self::Redirected) they begin anew.
///
/// ```
/// use bowsprit::Step;
///
/// fn explain(step: &Step<'_>) {
///     match step {
///         Step::Resolved { host, addresses } => println!("{host} has {} addresses", addresses.len()),
///         Step::Refused(address, error) => println!("{address}: {error}"),
///         Step::Encrypted(tls) => println!("{} with {}", tls.version, tls.cipher),
///         Step::Answered(head) => println!("HTTP {}", head.status()),
///         _ => {}
///     }
/// }
/// ```
///
/// [`ConnectRequest::on_step`]: crate::ConnectRequest::on_step
#[derive(Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// The addresses of the server are known, or those of its proxy. Not for a Unix socket.
    Resolved {
        /// The name or the address in the URI, or the proxy's.
        host: &'a str,
        /// Those that may be tried, in their order: the first that answers wins.
        addresses: &'a [SocketAddr],
    },
    /// A TCP connection to this address is begun; others may be under way.
    Dialing(SocketAddr),
    /// This address did not take it.
    Refused(SocketAddr, &'a io::Error),
    /// The transport is there: its peer, which a Unix socket does not name.
    Connected(Option<SocketAddr>),
    /// The proxy, `http://host:port`, has made a tunnel to the server.
    Tunneled(&'a str),
    /// TLS is settled.
    Encrypted(&'a TlsInfo),
    /// The head of the request was written, this is all of it, secrets included:
    /// [`masked_line`](crate::proto::handshake::masked_line) hides those of a line.
    Requested(&'a str),
    /// The head of the response is there, though it may not be acceptable.
    Answered(&'a ResponseHead),
    /// The response leads to this URI, which is tried next.
    Redirected(&'a str),
}

/// Who is told of the steps, if anybody. As small as it can be: a connection that may be made again has it.
#[derive(Clone, Default)]
pub(crate) struct Steps(Option<Arc<Told>>);

type Told = Box<dyn Fn(&Step<'_>) + Send + Sync>;

impl Steps {
    pub(crate) fn to(told: impl Fn(&Step<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Box::new(told))))
    }

    pub(crate) fn tell(&self, step: &Step<'_>) {
        if let Some(told) = &self.0 {
            told(step);
        }
    }
}

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "told" } else { "untold" })
    }
}
