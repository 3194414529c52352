//! Keepalive, and the deadlines of silence, of writing and of the closing handshake, on the caller's clock.

use alloc::boxed::Box;
use core::{ops::Add, time::Duration};

use super::{Connection, State};
use crate::{Cause, CloseCode, Config, Stage};

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

impl Connection {
    /// When to call [`handle_timeout`](Self::handle_timeout), asked before waiting and again
    /// whenever [`state`](Self::state) has changed, all is written, or the transport did not take all.
    /// `now` starts the waits that are due.
    pub fn poll_timeout(&mut self, now: Timestamp) -> Option<Timestamp> {
        let (phase, writes) = (self.phase(), self.wants_write());
        self.timers.next(phase, writes, &self.config, now)
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come: pings a silent peer, closes an
    /// idle connection, or ends one whose peer did not answer or read in time.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let (phase, writes) = (self.phase(), self.wants_write());
        match self.timers.expired(phase, writes, &self.config, now) {
            None => {}
            Some(Expiry::Ping) => {
                self.outgoing.rest();
                let pings = self.pings.get_or_insert_default();
                let payload = pings.next_keepalive();
                pings.sent(payload.as_bytes(), now);
                self.timers.pinged(self.outgoing.queued());
                self.outgoing.ping(payload.as_bytes());
            }
            Some(Expiry::Idle) => self.close_idle(),
            Some(Expiry::Stage(stage)) => self.end(Cause::Timeout(stage)),
            Some(Expiry::Linger) => self.receive_eof(),
        }
    }

    /// Whether [`handle_timeout`](Self::handle_timeout) would close the connection for want of messages: for
    /// a caller with something to queue before that.
    pub fn is_idle(&mut self, now: Timestamp) -> bool {
        let writes = self.wants_write();
        self.state == State::Open && self.timers.is_idle(writes, now)
    }

    /// Closes the connection as [`handle_timeout`](Self::handle_timeout) does after `timeouts.idle`, with 1001.
    pub fn close_idle(&mut self) {
        if self.close(CloseCode::GOING_AWAY, "idle").is_ok() {
            self.details().cause = Some(Cause::Timeout(Stage::Idle));
        }
    }

    /// Counts as a sign of life of the peer and as a message: for a caller that does not read for now, and
    /// so could not see any.
    pub const fn suppose_alive(&mut self) {
        self.timers.heard();
        self.timers.busy();
    }

    /// Counts as a message and as no sign of life of the peer: for a caller whose transport moves on with what
    /// was queued long before.
    pub const fn suppose_busy(&mut self) {
        self.timers.busy();
    }

    /// What is waited for.
    const fn phase(&self) -> Phase {
        match self.state {
            State::Open => Phase::Open,
            State::CloseSent => Phase::Closing,
            State::Exchanged | State::Failed if self.wants_write() => Phase::Closing,
            State::Exchanged | State::Failed => Phase::Lingering,
            State::Ended => Phase::Ended,
        }
    }
}

/// How long the peer may take to end the transport once nothing is left to say.
const LINGER: Duration = Duration::from_secs(1);

/// Shorter waits of an open connection would be nothing but work.
const SHORTEST: Duration = Duration::from_millis(10);

/// How often a silence is looked for in the time after which it counts as one.
const LOOKS: u32 = 4;

/// The deadlines that are running. Messages only set flags: no clock is read for them.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// Until when keepalive or the closing waits.
    due: Option<Timestamp>,
    /// For what. Apart from the time, since the two together would take 8 bytes more.
    wait: Wait,
    /// How much there is to write before keepalive's ping is.
    before_ping: u32,
    /// Boxed: most open connections need no room for it.
    rare: Option<Box<Rare>>,
    /// Whether anything came since the flag was last looked at.
    heard: bool,
    /// Whether a message came or was sent since then.
    busy: bool,
    /// Whether the transport took anything since then.
    moved: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Rare {
    /// When the connection is idle, unless there was a message.
    idle: Option<Timestamp>,
    /// When writing has failed, unless the transport took something.
    write: Option<Timestamp>,
    /// The end of the one budget for the whole closing, once that has begun, whoever began it.
    close_by: Option<Timestamp>,
    /// Its length, in place of `timeouts.close`.
    close_timeout: Option<Duration>,
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wait {
    #[default]
    Quiet,
    Pong,
    /// The same, and the transport took something of what is in front of the ping.
    LatePong,
    Close,
    Linger,
}

pub(super) enum Expiry {
    Ping,
    Idle,
    Stage(Stage),
    Linger,
}

impl Timers {
    pub(super) const fn heard(&mut self) {
        self.heard = true;
    }

    pub(super) const fn busy(&mut self) {
        self.busy = true;
    }

    /// The transport took so many bytes. A ping that still waits behind others can have no answer; one that has
    /// left is no more answered by what follows it than by nothing.
    #[inline]
    pub(super) fn moved(&mut self, len: usize) {
        self.moved = true;
        if self.before_ping > 0 {
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            self.before_ping = self.before_ping.saturating_sub(len);
            if self.wait == Wait::Pong {
                self.wait = Wait::LatePong;
            }
        }
    }

    /// Keepalive's ping goes behind so many bytes.
    fn pinged(&mut self, queued: usize) {
        self.before_ping = u32::try_from(queued).unwrap_or(u32::MAX);
    }

    pub(super) fn set_close_timeout(&mut self, timeout: Duration) {
        self.rare().close_timeout = Some(timeout);
    }

    /// The next deadline; begins the waits that `phase` asks for. `writes`: something is queued.
    pub(super) fn next(
        &mut self,
        phase: Phase,
        writes: bool,
        config: &Config,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match (phase, self.wait, self.due) {
            (Phase::Open, Wait::Quiet | Wait::Pong | Wait::LatePong, Some(_))
            | (Phase::Closing, Wait::Close, Some(_))
            | (Phase::Lingering, Wait::Linger, Some(_)) => {}
            (Phase::Open, ..) => {
                self.wait = Wait::Quiet;
                self.due = config
                    .keepalive
                    .map(|keepalive| now + keepalive.interval.max(SHORTEST));
            }
            (Phase::Closing, ..) => {
                self.wait = Wait::Close;
                self.due = Some(self.close_by(config, now));
            }
            (Phase::Lingering, ..) => {
                self.wait = Wait::Linger;
                self.due = Some(self.close_by(config, now).min(now + LINGER));
            }
            (Phase::Ended, ..) => self.due = None,
        }
        if phase != Phase::Open {
            return self.due;
        }
        let (idle, write) = self.next_of_open(writes, config, now);
        [self.next_look(config, now), idle, write]
            .into_iter()
            .flatten()
            .min()
    }

    /// The end of keepalive's wait, or a look before it at whether anything came. From the look that found the
    /// last of it a silence counts, so it is found so much late at most.
    fn next_look(&self, config: &Config, now: Timestamp) -> Option<Timestamp> {
        let (due, keepalive) = (self.due?, config.keepalive?);
        let wait = keepalive.interval.checked_div(LOOKS)?;
        Some(due.min(now + wait.max(SHORTEST)))
    }

    fn next_of_open(
        &mut self,
        writes: bool,
        config: &Config,
        now: Timestamp,
    ) -> (Option<Timestamp>, Option<Timestamp>) {
        if let Some(idle) = config.timeouts.idle {
            let end = now + idle.max(SHORTEST);
            self.rare().idle.get_or_insert(end);
        }
        if let Some(write) = config.timeouts.write.filter(|_| writes)
            && self.rare().write.is_none()
        {
            self.moved = false;
            self.rare().write = Some(now + write.max(SHORTEST));
        }
        self.rare
            .as_ref()
            .map_or((None, None), |rare| (rare.idle, rare.write))
    }

    /// What an expired deadline asks for; `None` while there is time left.
    pub(super) fn expired(
        &mut self,
        phase: Phase,
        writes: bool,
        config: &Config,
        now: Timestamp,
    ) -> Option<Expiry> {
        self.next(phase, writes, config, now);
        if phase == Phase::Open {
            if self.is_stuck(writes, now) {
                return Some(Expiry::Stage(Stage::Write));
            }
            if self.is_idle(writes, now) {
                return Some(Expiry::Idle);
            }
        }
        let was_heard = self.heard || self.wait == Wait::LatePong;
        let begins_anew = phase == Phase::Open && was_heard && config.keepalive.is_some();
        if !is_over(self.due, now) && !begins_anew {
            return None;
        }
        match (self.wait, config.keepalive) {
            (Wait::Close, _) => Some(Expiry::Stage(Stage::Close)),
            (Wait::Linger, _) => Some(Expiry::Linger),
            (_, Some(keepalive)) if core::mem::take(&mut self.heard) => {
                self.wait = Wait::Quiet;
                self.due = Some(now + keepalive.interval.max(SHORTEST));
                None
            }
            (Wait::LatePong, Some(keepalive)) => {
                self.wait = Wait::Pong;
                self.due = Some(now + keepalive.timeout.max(SHORTEST));
                None
            }
            (Wait::Quiet, Some(keepalive)) => {
                self.wait = Wait::Pong;
                self.due = Some(now + keepalive.timeout.max(SHORTEST));
                Some(Expiry::Ping)
            }
            (Wait::Quiet | Wait::Pong | Wait::LatePong, _) => Some(Expiry::Stage(Stage::Pong)),
        }
    }

    /// Whether the transport took nothing for its whole time. A wait that is over begins anew.
    fn is_stuck(&mut self, writes: bool, now: Timestamp) -> bool {
        let Some(rare) = self.rare.as_mut().filter(|rare| is_over(rare.write, now)) else {
            return false;
        };
        rare.write = None;
        if **rare == Rare::default() {
            self.rare = None;
        }
        writes && !self.moved
    }

    /// Whether there was no message for its whole time. A wait that is over begins anew.
    pub(super) fn is_idle(&mut self, writes: bool, now: Timestamp) -> bool {
        let Some(rare) = self.rare.as_mut().filter(|rare| is_over(rare.idle, now)) else {
            return false;
        };
        // What is still on its way is no silence.
        let was_busy = core::mem::take(&mut self.busy) || writes;
        if was_busy {
            rare.idle = None;
        }
        !was_busy
    }

    fn close_by(&mut self, config: &Config, now: Timestamp) -> Timestamp {
        let rare = self.rare();
        let timeout = rare.close_timeout.unwrap_or(config.timeouts.close);
        *rare.close_by.get_or_insert(now + timeout)
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

fn is_over(deadline: Option<Timestamp>, now: Timestamp) -> bool {
    deadline.is_some_and(|at| at <= now)
}
