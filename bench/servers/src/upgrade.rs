//! The opening handshake by hyper, as fastwebsockets and yawc have it in their documentation.

use std::error::Error;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Failure;

/// Serves HTTP on a stream. `upgrade` answers the request, and spawns what becomes of the connection.
pub async fn serve_http<S, E>(
    stream: S,
    upgrade: impl Fn(Request<Incoming>) -> Result<Response<Empty<Bytes>>, E>,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    let service = service_fn(|request| std::future::ready(upgrade(request)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    Ok(connection.with_upgrades().await?)
}
