//! Keepalive pings and the deadlines of the closing handshake, on a clock that the caller reads.

use alloc::boxed::Box;
use core::{ops::Add, time::Duration};

use crate::{Config, Stage};

/// Time since a moment of the caller's choice.
///
/// ```
/// use std::time::Duration;
/// use bowsprit_proto::Timestamp;
///
/// let start = Timestamp(Duration::ZERO);
/// assert!(start + Duration::from_secs(1) > start);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub Duration);

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

/// How long the peer may take to end the transport once nothing is left to say.
const LINGER: Duration = Duration::from_secs(1);

/// The one deadline that is running. Messages only set a flag: no clock is read for them.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// What the deadline is for, and when it is over.
    due: Option<(Wait, Timestamp)>,
    /// Boxed: an open connection needs no room for it.
    closing: Option<Box<Closing>>,
    /// Whether anything came since the flag was last looked at.
    heard: bool,
}

/// The one budget for the whole closing, whoever began it.
#[derive(Debug, Default)]
struct Closing {
    /// Its end, once the closing has begun.
    by: Option<Timestamp>,
    /// Its length, in place of `timeouts.close`.
    timeout: Option<Duration>,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Messages.
    Open,
    /// The peer's close frame, or that it takes ours and what is queued before it.
    Closing,
    /// The end of the transport, after all is said.
    Lingering,
    /// Nothing.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Quiet,
    Pong,
    Close,
    Linger,
}

pub(super) enum Expiry {
    Ping,
    Stage(Stage),
    Linger,
}

impl Timers {
    pub(super) const fn heard(&mut self) {
        self.heard = true;
    }

    pub(super) fn set_close_timeout(&mut self, timeout: Duration) {
        self.closing.get_or_insert_default().timeout = Some(timeout);
    }

    /// The next deadline; begins the wait that `phase` asks for.
    pub(super) fn next(
        &mut self,
        phase: Phase,
        config: &Config,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match (phase, self.due) {
            (Phase::Open, Some((Wait::Quiet | Wait::Pong, _)))
            | (Phase::Closing, Some((Wait::Close, _)))
            | (Phase::Lingering, Some((Wait::Linger, _))) => {}
            (Phase::Open, _) => {
                self.due = config
                    .keepalive
                    .map(|keepalive| (Wait::Quiet, now + keepalive.interval));
            }
            (Phase::Closing, _) => {
                let by = self.close_by(config, now);
                self.due = Some((Wait::Close, by));
            }
            (Phase::Lingering, _) => {
                let by = self.close_by(config, now).min(now + LINGER);
                self.due = Some((Wait::Linger, by));
            }
            (Phase::Ended, _) => self.due = None,
        }
        self.due.map(|(_, at)| at)
    }

    /// What an expired deadline asks for; `None` while there is time left.
    pub(super) fn expired(
        &mut self,
        phase: Phase,
        config: &Config,
        now: Timestamp,
    ) -> Option<Expiry> {
        self.next(phase, config, now);
        let (wait, at) = self.due?;
        if now < at {
            return None;
        }
        match (wait, config.keepalive) {
            (Wait::Close, _) => Some(Expiry::Stage(Stage::Close)),
            (Wait::Linger, _) => Some(Expiry::Linger),
            (Wait::Quiet | Wait::Pong, Some(keepalive)) if core::mem::take(&mut self.heard) => {
                self.due = Some((Wait::Quiet, now + keepalive.interval));
                None
            }
            (Wait::Quiet, Some(keepalive)) => {
                self.due = Some((Wait::Pong, now + keepalive.timeout));
                Some(Expiry::Ping)
            }
            (Wait::Quiet | Wait::Pong, _) => Some(Expiry::Stage(Stage::Pong)),
        }
    }

    fn close_by(&mut self, config: &Config, now: Timestamp) -> Timestamp {
        let closing = self.closing.get_or_insert_default();
        let timeout = closing.timeout.unwrap_or(config.timeouts.close);
        *closing.by.get_or_insert(now + timeout)
    }
}
