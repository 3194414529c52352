//! How many messages the peer may send: `limits.rate` as a bucket of tokens, one for each message.

use super::{Connection, Timestamp};
use crate::Rate;

/// One message in nanoseconds of a rate of one a second.
const MESSAGE: u64 = 1_000_000_000;

impl Connection {
    /// Tells the time before what was read goes to [`receive`](Self::receive). Needed only where
    /// `limits.rate` is set: what the peer may send grows with it.
    ///
    /// `more_waited`: since the last read the transport was not found empty. What waited there was sent
    /// earlier, and is not held against the peer.
    pub fn tell_time(&mut self, now: Timestamp, more_waited: bool) {
        if let Some(bucket) = &mut self.bucket {
            bucket.fill(now, more_waited);
        }
    }
}

#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    left: u64,
    /// When it was filled last.
    at: Option<Timestamp>,
}

impl Bucket {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            left: burst(rate),
            at: None,
        }
    }

    /// What was left stays, up to the burst if the peer had nothing more to be read; what the time since the
    /// last read is worth comes on top. So messages that waited are not held against the peer, in however
    /// many reads they come.
    pub(super) fn fill(&mut self, now: Timestamp, more_waited: bool) {
        let before = self.at.replace(now).unwrap_or(now);
        let waited = now.0.saturating_sub(before.0).as_nanos();
        let earned = waited.saturating_mul(self.rate.per_second.into());
        let earned = u64::try_from(earned).unwrap_or(u64::MAX);
        if !more_waited {
            self.left = self.left.min(burst(self.rate));
        }
        self.left = self.left.saturating_add(earned);
    }

    /// Whether another message may come.
    pub(super) const fn take(&mut self) -> bool {
        match self.left.checked_sub(MESSAGE) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }

    pub(super) const fn per_second(&self) -> u32 {
        self.rate.per_second
    }
}

fn burst(rate: Rate) -> u64 {
    u64::from(rate.burst.max(1)).saturating_mul(MESSAGE)
}
