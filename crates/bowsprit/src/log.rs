//! What happens, told to `tracing`: the channels of WebSocket++ as targets.
//!
//! | target `bowsprit::access::` | level | what |
//! |---|---|---|
//! | `connect`, `disconnect`, `fail`, `http`, `endpoint` | info | connections opened, ended, not opened; requests refused, or answered as plain HTTP; shutdowns |
//! | `control` | debug | pings, pongs and close frames received |
//! | `message_header` | debug | kind and size of each message, both ways |
//! | `message_payload` | trace | its first bytes, escaped |
//!
//! and `bowsprit::error::`: `rerror` (warn, mended by itself), `fatal` (error, ends the endpoint).
//! Without a subscriber nothing is printed, and a channel costs one look at a static.

use std::{fmt, io, net::SocketAddr};

use bowsprit_proto::{CloseCode, Closed, Kind};
use tracing::{Level, debug, error, event_enabled, info, trace, warn};

use crate::{AcceptError, ConnectError, ConnectionId, ConnectionInfo};

/// How much of a payload is told.
const EXCERPT: usize = 64;

/// Which way a message goes.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Received,
    Sent,
}

pub(crate) fn connect(id: ConnectionId, info: &ConnectionInfo) {
    info!(target: "bowsprit::access::connect", %id, role = ?info.role(), uri = %without_query(info.uri()), peer = ?info.peer(), "open");
}

pub(crate) fn disconnect(id: ConnectionId, closed: &Closed) {
    info!(target: "bowsprit::access::disconnect", %id, code = closed.remote_code().0, how = %closed, "closed");
}

pub(crate) fn fail(id: ConnectionId, error: &ConnectError) {
    info!(target: "bowsprit::access::fail", %id, error = %error, "did not open");
}

pub(crate) fn refused(peer: Option<SocketAddr>, error: &AcceptError) {
    info!(target: "bowsprit::access::http", ?peer, error = %error, "request refused");
}

pub(crate) fn answered(peer: Option<SocketAddr>, target: &str, status: u16) {
    let path = without_query(target);
    info!(target: "bowsprit::access::http", ?peer, ?path, status, "plain HTTP answered");
}

pub(crate) fn shutdown(connections: usize, code: CloseCode) {
    info!(target: "bowsprit::access::endpoint", connections, code = code.0, "shutdown");
}

pub(crate) fn control(id: ConnectionId, opcode: &str, payload: &dyn fmt::Debug) {
    debug!(target: "bowsprit::access::control", %id, opcode, ?payload, "received");
}

#[inline]
pub(crate) fn message(id: ConnectionId, direction: Direction, kind: Kind, payload: &[u8]) {
    // One look in the usual case, that nobody listens.
    if event_enabled!(target: "bowsprit::access::message_header", Level::DEBUG) {
        let direction = direction.text();
        debug!(target: "bowsprit::access::message_header", %id, ?kind, len = payload.len(), "{direction}");
        let excerpt = payload.get(..EXCERPT).unwrap_or(payload).escape_ascii();
        trace!(target: "bowsprit::access::message_payload", %id, %excerpt, "{direction}");
    }
}

pub(crate) fn cannot_accept_for_now(error: &io::Error) {
    warn!(target: "bowsprit::error::rerror", %error, "cannot accept for now");
}

pub(crate) fn cannot_accept(error: &io::Error) {
    error!(target: "bowsprit::error::fatal", %error, "cannot accept");
}

impl Direction {
    const fn text(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// What stands behind the question mark may be a secret.
fn without_query(uri: &str) -> &str {
    uri.split_once('?').map_or(uri, |(before, _)| before)
}
