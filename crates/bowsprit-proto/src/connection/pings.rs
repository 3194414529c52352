//! Round trips: which ping a pong answers, and how long it took (RFC 6455 §5.5.2, §5.5.3).

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::time::Duration;

use super::{Connection, Timestamp};
use crate::SendError;

/// Of more pings without an answer the oldest are forgotten.
const MOST: usize = 16;

/// How long the peer took to answer pings, keepalive's among them.
///
/// A round trip begins when its ping is queued, so that what is queued in front of it counts. Pongs that
/// answer no known ping do not count.
///
/// ```
/// use bowsprit_proto::RoundTrips;
///
/// let trips = RoundTrips::default();
/// assert_eq!((trips.count, trips.last), (0, None));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTrips {
    /// How many there were.
    pub count: u64,
    /// The latest.
    pub last: Option<Duration>,
    /// All of them divided by their count.
    pub mean: Option<Duration>,
    /// The longest.
    pub worst: Option<Duration>,
}

impl Connection {
    /// Queues a ping and remembers it, for [`measure`](Self::measure). Of more than 16 without an answer the
    /// oldest are forgotten, and of two with the same payload the first cannot be told from the second.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn ping_at(&mut self, payload: &[u8], now: Timestamp) -> Result<(), SendError> {
        self.ping(payload)?;
        self.pings.get_or_insert_default().sent(payload, now);
        Ok(())
    }

    /// Takes the payload of an [`Event::Pong`](crate::Event::Pong) for [`round_trips`](Self::round_trips): how long its ping
    /// took, one of keepalive or of [`ping_at`](Self::ping_at). `None` if it answers none of them.
    ///
    /// Pings before that one count as answered, but not as round trips (RFC 6455 §5.5.3).
    pub fn measure(&mut self, pong: &[u8], now: Timestamp) -> Option<Duration> {
        self.pings.as_mut()?.answered(pong, now)
    }

    /// How long the peer took to answer pings, as far as [`measure`](Self::measure) was told.
    pub fn round_trips(&self) -> RoundTrips {
        let pings = self.pings.as_ref();
        pings.map_or_else(RoundTrips::default, |pings| pings.round_trips())
    }
}

/// What a connection remembers that has sent a ping. Small, for every connection that was quiet has it.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// Not answered yet, oldest first.
    sent: Vec<Ping>,
    keepalives: u32,
    count: u32,
    /// In nanoseconds, as the others: enough for 500 years.
    last: u64,
    total: u64,
    worst: u64,
}

#[derive(Debug)]
struct Ping {
    payload: Box<[u8]>,
    at: Timestamp,
}

impl Pings {
    /// The payload of the next keepalive ping, which no other has.
    ///
    /// It can be guessed. A peer that does so improves its own figures and no more: whatever it sends
    /// shows that it lives.
    pub(super) fn next_keepalive(&mut self) -> String {
        self.keepalives = self.keepalives.wrapping_add(1);
        format!("keepalive {}", self.keepalives)
    }

    pub(super) fn sent(&mut self, payload: &[u8], at: Timestamp) {
        if self.sent.len() >= MOST {
            self.sent.remove(0);
        }
        let payload = payload.into();
        // Most often there is one.
        self.sent.reserve_exact(1);
        self.sent.push(Ping { payload, at });
    }

    /// How long the ping took that this pong answers, if there is one.
    pub(super) fn answered(&mut self, pong: &[u8], now: Timestamp) -> Option<Duration> {
        // Of pings with the same payload the latest: the peer may answer no other.
        let index = self.sent.iter().rposition(|ping| *ping.payload == *pong)?;
        // RFC 6455 §5.5.3: those before it need no answer any more.
        let ping = self.sent.drain(..=index).next_back()?;
        if self.sent.is_empty() {
            self.sent = Vec::new();
        }
        let took = now.0.saturating_sub(ping.at.0);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.count = self.count.saturating_add(1);
        self.last = nanos;
        self.total = self.total.saturating_add(nanos);
        self.worst = self.worst.max(nanos);
        Some(took)
    }

    pub(super) fn round_trips(&self) -> RoundTrips {
        let count = u64::from(self.count);
        let known = |nanos| (count > 0).then(|| Duration::from_nanos(nanos));
        RoundTrips {
            count,
            last: known(self.last),
            mean: known(self.total.checked_div(count).unwrap_or(0)),
            worst: known(self.worst),
        }
    }
}
