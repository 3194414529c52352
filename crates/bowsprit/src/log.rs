//! What happens, told to `tracing`: the channels of WebSocket++ as targets.
//!
//! | target `bowsprit::access::` | level | what |
//! |---|---|---|
//! | `connect`, `disconnect`, `fail`, `http`, `endpoint` | info | connections opened, ended, not opened; requests refused, or answered as plain HTTP; shutdowns |
//! | `http` | debug | a client's requests and their answers, line by line, without secrets |
//! | `control` | debug | pings, pongs and close frames received |
//! | `message_header` | debug | kind and size of each message, both ways |
//! | `message_payload` | trace | its first bytes, escaped |
//! | `frame_header` | trace | each frame as it is on the wire, both ways |
//! | `frame_payload` | trace | its first bytes without the mask, escaped |
//!
//! and `bowsprit::error::`: `rerror` (warn, mended by itself), `fatal` (error, ends the endpoint).
//! A connection asks when it opens whether anybody listens to its frames.
//! Without a subscriber nothing is printed, and a channel costs one look at a static.

use std::{fmt, io, net::SocketAddr};

use bowsprit_proto::{
    CloseCode, Closed, Kind, Role,
    frame::Opcode,
    handshake::{ResponseHead, masked_line},
};
use tracing::{Level, debug, error, event_enabled, info, level_filters::LevelFilter, trace, warn};

use crate::{AcceptError, ConnectError, ConnectionId, ConnectionInfo, Step, metrics};

/// How much of a payload is told.
const EXCERPT: usize = 64;

/// How much of the body of a refusal is told.
const BODY_EXCERPT: usize = 512;

/// Which way a message goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    Received,
    Sent,
}

/// What the header of a frame says, be it allowed or not.
pub(crate) struct FrameSeen {
    pub(crate) fin: bool,
    /// The three reserved bits, RSV1 the highest.
    pub(crate) rsv: u8,
    pub(crate) opcode: Result<Opcode, u8>,
    pub(crate) is_masked: bool,
    pub(crate) len: u64,
}

pub(crate) fn connect(id: ConnectionId, info: &ConnectionInfo) {
    info!(target: "bowsprit::access::connect", %id, role = ?info.role(), uri = %without_query(info.uri()), peer = ?info.peer(), "open");
}

pub(crate) fn disconnect(id: ConnectionId, closed: &Closed) {
    info!(target: "bowsprit::access::disconnect", %id, code = closed.remote_code().0, how = %closed, "closed");
}

pub(crate) fn fail(id: ConnectionId, error: &ConnectError) {
    metrics::not_connected(error);
    info!(target: "bowsprit::access::fail", %id, error = %error, "did not open");
}

pub(crate) fn refused(peer: Option<SocketAddr>, error: &AcceptError) {
    metrics::not_accepted(error);
    info!(target: "bowsprit::access::http", ?peer, error = %error, "request refused");
}

pub(crate) fn answered(peer: Option<SocketAddr>, target: &str, status: u16) {
    let path = without_query(target);
    info!(target: "bowsprit::access::http", ?peer, ?path, status, "plain HTTP answered");
}

/// Tells the heads of an opening handshake.
pub(crate) fn step(id: ConnectionId, step: &Step<'_>) {
    if !event_enabled!(target: "bowsprit::access::http", Level::DEBUG) {
        return;
    }
    match step {
        Step::Requested(head) => head
            .lines()
            .filter(|line| !line.is_empty())
            .for_each(|line| head_line(id, Direction::Sent, line)),
        Step::Answered(head) => answer(id, head),
        _ => {}
    }
}

fn answer(id: ConnectionId, head: &ResponseHead) {
    let status = format!("{} {} {}", head.version(), head.status(), head.reason());
    head_line(id, Direction::Received, status.trim_end());
    for (name, value) in head.headers() {
        head_line(id, Direction::Received, &format!("{name}: {value}"));
    }
}

/// Tells the beginning of the body of a refusal.
pub(crate) fn refusal(id: ConnectionId, body: &[u8]) {
    if !body.is_empty() && event_enabled!(target: "bowsprit::access::http", Level::DEBUG) {
        let excerpt = body.get(..BODY_EXCERPT).unwrap_or(body).escape_ascii();
        debug!(target: "bowsprit::access::http", %id, %excerpt, "received body");
    }
}

fn head_line(id: ConnectionId, direction: Direction, line: &str) {
    let sender = match direction {
        Direction::Sent => Role::Client,
        Direction::Received => Role::Server,
    };
    let (direction, line) = (direction.text(), masked_line(sender, line));
    let line = line.replace(char::is_control, " ");
    debug!(target: "bowsprit::access::http", %id, "{direction} {line}");
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
    if LevelFilter::current() >= Level::DEBUG {
        tell_message(id, direction, kind, payload);
    }
}

#[cold]
fn tell_message(id: ConnectionId, direction: Direction, kind: Kind, payload: &[u8]) {
    let direction = direction.text();
    debug!(target: "bowsprit::access::message_header", %id, ?kind, len = payload.len(), "{direction}");
    let excerpt = payload.get(..EXCERPT).unwrap_or(payload).escape_ascii();
    trace!(target: "bowsprit::access::message_payload", %id, %excerpt, "{direction}");
}

/// Whether anybody listens to frames.
pub(crate) fn tells_frames() -> bool {
    event_enabled!(target: "bowsprit::access::frame_header", Level::TRACE)
        || event_enabled!(target: "bowsprit::access::frame_payload", Level::TRACE)
}

pub(crate) fn frame_header(id: ConnectionId, direction: Direction, frame: &FrameSeen) {
    let direction = direction.text();
    let opcode = match frame.opcode {
        Ok(opcode) => format!("{opcode:?}").to_ascii_lowercase(),
        Err(reserved) => format!("{reserved:#x}"),
    };
    let rsv = format_args!("{:03b}", frame.rsv);
    trace!(target: "bowsprit::access::frame_header", %id, fin = frame.fin, rsv = %rsv, opcode = %opcode, masked = frame.is_masked, len = frame.len, "{direction}");
}

pub(crate) fn frame_payload(id: ConnectionId, direction: Direction, payload: &[u8]) {
    let (direction, excerpt) = (direction.text(), payload.escape_ascii());
    trace!(target: "bowsprit::access::frame_payload", %id, %excerpt, "{direction}");
}

pub(crate) fn cannot_accept_for_now(error: &io::Error) {
    warn!(target: "bowsprit::error::rerror", %error, "cannot accept for now");
}

pub(crate) fn cannot_accept(error: &io::Error) {
    error!(target: "bowsprit::error::fatal", %error, "cannot accept");
}

impl Direction {
    pub(crate) const fn text(self) -> &'static str {
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
