//! What is counted, with the crate `metrics`.

use std::{borrow::Cow, mem};

use bowsprit_proto::{CloseCode, Closed, Role};
use metrics::{Counter, counter, gauge, histogram};
use tokio::time::Instant;

use crate::{AcceptError, ConnectError, log::Direction};

/// The counters of one connection. Boxed: they are large, and nobody looks at them while it is idle.
#[derive(Debug)]
pub(crate) struct Meter(Box<Counters>);

#[derive(Debug)]
struct Counters {
    role: &'static str,
    received: Strand,
    sent: Strand,
}

/// One direction: what is not told yet, and where it is told.
struct Strand {
    messages: u64,
    bytes: u64,
    messages_total: Counter,
    bytes_total: Counter,
}

impl Meter {
    pub(crate) fn open(role: Role) -> Self {
        let role = name_of(role);
        counter!("bowsprit_connections_opened_total", "role" => role).increment(1);
        gauge!("bowsprit_connections_open", "role" => role).increment(1);
        Self(Box::new(Counters {
            role,
            received: Strand::new(role, Direction::Received),
            sent: Strand::new(role, Direction::Sent),
        }))
    }

    /// Counts a message; it is told with the rest of its batch.
    #[inline]
    pub(crate) fn message(&mut self, direction: Direction) {
        self.0.strand(direction).messages += 1;
    }

    #[inline]
    pub(crate) fn bytes(&mut self, direction: Direction, count: usize) {
        self.0.strand(direction).bytes += count as u64;
    }

    /// Adds what was counted since the last time.
    #[inline]
    pub(crate) fn tell(&mut self) {
        self.0.received.tell();
        self.0.sent.tell();
    }

    pub(crate) fn closed(&mut self, closed: &Closed) {
        self.tell();
        let role = self.0.role;
        gauge!("bowsprit_connections_open", "role" => role).decrement(1);
        let code = label_of(closed.remote_code());
        counter!("bowsprit_connections_closed_total", "role" => role, "code" => code).increment(1);
    }
}

impl Counters {
    const fn strand(&mut self, direction: Direction) -> &mut Strand {
        match direction {
            Direction::Received => &mut self.received,
            Direction::Sent => &mut self.sent,
        }
    }
}

impl Strand {
    fn new(role: &'static str, direction: Direction) -> Self {
        let direction = direction.text();
        Self {
            messages: 0,
            bytes: 0,
            messages_total: counter!("bowsprit_messages_total", "role" => role, "direction" => direction),
            bytes_total: counter!("bowsprit_bytes_total", "role" => role, "direction" => direction),
        }
    }

    #[inline]
    fn tell(&mut self) {
        for (count, total) in [
            (&mut self.messages, &self.messages_total),
            (&mut self.bytes, &self.bytes_total),
        ] {
            match mem::take(count) {
                0 => {}
                count => total.increment(count),
            }
        }
    }
}

impl std::fmt::Debug for Strand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Strand").finish_non_exhaustive()
    }
}

/// A client's connection did not open.
pub(crate) fn not_connected(error: &ConnectError) {
    let kind = match error {
        ConnectError::Dial(_) => "dial",
        ConnectError::Proxy(_) => "proxy",
        ConnectError::Tls(_) => "tls",
        ConnectError::Redirect(_) | ConnectError::TooManyRedirects { .. } => "redirect",
        ConnectError::Io(_) => "io",
        ConnectError::Handshake { .. } => "handshake",
        ConnectError::Timeout(_) => "timeout",
        ConnectError::Canceled => "canceled",
        _ => "other",
    };
    failed(Role::Client, kind);
}

/// A server's connection did not open.
pub(crate) fn not_accepted(error: &AcceptError) {
    let kind = match error {
        AcceptError::Io(_) => "io",
        AcceptError::Tls(_) => "tls",
        AcceptError::Handshake(_) | AcceptError::Subprotocol => "handshake",
        AcceptError::Origin(_) => "origin",
        AcceptError::Timeout(_) => "timeout",
        AcceptError::Rejected(_) => "rejected",
        AcceptError::TooManyConnections
        | AcceptError::TooManyFromAddress
        | AcceptError::TooManyHandshakes => "limit",
        AcceptError::ShuttingDown => "shutdown",
        _ => "other",
    };
    failed(Role::Server, kind);
}

fn failed(role: Role, kind: &'static str) {
    let role = name_of(role);
    counter!("bowsprit_connections_failed_total", "role" => role, "kind" => kind).increment(1);
}

/// The attempt, whose time is told if it succeeds.
pub(crate) async fn timed<T, E>(
    role: Role,
    attempt: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let begun = Instant::now();
    let done = attempt.await?;
    histogram!("bowsprit_handshake_seconds", "role" => name_of(role)).record(begun.elapsed());
    Ok(done)
}

const fn name_of(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Server => "server",
    }
}

/// A peer may choose among thousands of codes, each of which would cost the recorder memory for ever.
fn label_of(code: CloseCode) -> Cow<'static, str> {
    match code.0 {
        1000..=1015 => code.0.to_string().into(),
        3000..=3999 => "3xxx".into(),
        4000..=4999 => "4xxx".into(),
        _ => "other".into(),
    }
}
