//! Making a connection again: after what, when, and how often.

use std::{fmt, time::Duration};

use bowsprit_proto::{CloseCode, Closed, Initiator};
use rand::RngExt;
use tokio::time::Instant;

use crate::ConnectError;

/// When a client makes a connection again that did not open, or that ended. Nothing of it happens unless
/// a request says so.
///
/// A try follows when another may help: after a failure that [`ConnectError::is_retryable`], and after an
/// end that the peer or the network caused, with one of [`codes`](Self::codes). What this side closes,
/// terminates or shuts down stays closed, as does a connection whose peer broke the protocol. Ends are judged so
/// for connections with handlers; of [`Attempts`](crate::Attempts) the caller asks for another connection or not.
///
/// The delay is `first`, doubled with each further try up to `max`, and shortened by a random share of up
/// to `jitter`, so that the clients of a server that restarts do not come back all at once. A
/// `Retry-After` of the server makes it longer, up to `max` as well.
///
/// ```
/// use bowsprit::{CloseCode, Reconnect};
/// use std::time::Duration;
///
/// let mut policy = Reconnect::default();
/// policy.max = Duration::from_secs(5);
/// policy.tries = Some(10);
/// policy.codes.push(CloseCode(4000));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reconnect {
    /// The delay before the first try. Default: 500 ms.
    pub first: Duration,
    /// The longest delay. Default: 30 s.
    pub max: Duration,
    /// The share of a delay that may be cut off at random, 0 to 1. Default: 0.5.
    pub jitter: f64,
    /// The most tries in a row. Default: `None`, without end.
    pub tries: Option<u32>,
    /// A connection that was open for this long begins a new row. Default: 10 s.
    pub steady: Duration,
    /// The codes of the peer after which a try follows. Default: 1001, 1006 (no close frame came), 1011,
    /// 1012, 1013 and 1014.
    pub codes: Vec<CloseCode>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            max: Duration::from_secs(30),
            jitter: 0.5,
            tries: None,
            steady: Duration::from_secs(10),
            codes: vec![
                CloseCode::GOING_AWAY,
                CloseCode::ABNORMAL,
                CloseCode::INTERNAL_ERROR,
                CloseCode::SERVICE_RESTART,
                CloseCode::TRY_AGAIN_LATER,
                CloseCode::BAD_GATEWAY,
            ],
        }
    }
}

impl Reconnect {
    /// Whether a connection that ended so is to be made again.
    fn counts(&self, closed: &Closed) -> bool {
        use bowsprit_proto::Cause::{Aborted, Protocol};
        closed.initiator != Some(Initiator::Local)
            && !matches!(closed.cause, Some(Aborted | Protocol(_)))
            && self.codes.contains(&closed.remote_code())
    }

    /// The delay before the try of this number, the first being 1.
    fn delay(&self, number: u32, retry_after: Option<Duration>) -> Duration {
        let times = 2_u32.saturating_pow(number.saturating_sub(1));
        let longest = self.first.saturating_mul(times).min(self.max);
        // What is not a number counts as 0.
        let jitter = if self.jitter > 0.0 {
            self.jitter.min(1.0)
        } else {
            0.0
        };
        let share = 1.0 - jitter * rand::rng().random::<f64>();
        let asked = retry_after.unwrap_or_default().min(self.max);
        let shortened = Duration::try_from_secs_f64(longest.as_secs_f64() * share);
        shortened.unwrap_or(longest).max(asked)
    }
}

/// A try that is about to be made, as [`Handler::on_retry`](crate::Handler::on_retry) is told of it.
///
/// ```
/// use bowsprit::Handlers;
///
/// let handlers = Handlers::new().on_retry(|handle, retry| {
///     println!("{:?}: try {} in {:?} ({})", handle.id(), retry.number, retry.delay, retry.cause);
/// });
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Retry<'a> {
    /// Its number in the row, from 1.
    pub number: u32,
    /// How long it waits.
    pub delay: Duration,
    /// What it is needed for.
    pub cause: RetryCause<'a>,
}

/// What a further try is needed for. Displayed in words.
///
/// ```
/// use bowsprit::{ConnectError, RetryCause, Stage};
///
/// let cause = RetryCause::Failed(&ConnectError::Timeout(Stage::Connect));
/// assert_eq!(cause.to_string(), "TCP connection timed out");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum RetryCause<'a> {
    /// The connection did not open.
    Failed(&'a ConnectError),
    /// It was open, and ended.
    Ended(&'a Closed),
}

impl fmt::Display for RetryCause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{error}"),
            Self::Ended(closed) => write!(f, "{closed}"),
        }
    }
}

/// How far a row of tries is.
#[derive(Debug)]
pub(crate) struct Row {
    policy: Reconnect,
    /// The number of the latest try; 0 before the first.
    number: u32,
    opened: Option<Instant>,
}

impl Row {
    pub(crate) const fn new(policy: Reconnect) -> Self {
        Self {
            policy,
            number: 0,
            opened: None,
        }
    }

    /// A connection is open.
    pub(crate) fn opened(&mut self) {
        self.opened = Some(Instant::now());
    }

    /// The next try after a connection did not open; `None` if there is to be none.
    pub(crate) fn after_failure<'a>(&mut self, error: &'a ConnectError) -> Option<Retry<'a>> {
        let counts = error.is_retryable();
        let retry_after = error.retry_after();
        counts
            .then(|| self.next(RetryCause::Failed(error), retry_after))
            .flatten()
    }

    /// The next try after a connection ended; `None` if there is to be none.
    pub(crate) fn after_end<'a>(&mut self, closed: &'a Closed) -> Option<Retry<'a>> {
        let counts = self.policy.counts(closed);
        self.end();
        counts
            .then(|| self.next(RetryCause::Ended(closed), None))
            .flatten()
    }

    /// How long to wait after a connection whose end nobody judged.
    pub(crate) fn delay_after_end(&mut self) -> Duration {
        self.end();
        self.number = self.number.saturating_add(1);
        self.policy.delay(self.number, None)
    }

    pub(crate) const fn start_anew(&mut self) {
        self.number = 0;
    }

    fn end(&mut self) {
        let was_steady = |opened: Instant| opened.elapsed() >= self.policy.steady;
        if self.opened.take().is_some_and(was_steady) {
            self.number = 0;
        }
    }

    fn next<'a>(
        &mut self,
        cause: RetryCause<'a>,
        retry_after: Option<Duration>,
    ) -> Option<Retry<'a>> {
        let number = self.number.saturating_add(1);
        if self.policy.tries.is_some_and(|tries| number > tries) {
            return None;
        }
        self.number = number;
        Some(Retry {
            number,
            delay: self.policy.delay(number, retry_after),
            cause,
        })
    }
}

#[cfg(test)]
mod tests {
    use bowsprit_proto::{Cause, CloseFrame, ProtocolError, Stage};

    use super::*;

    fn exact() -> Reconnect {
        Reconnect {
            jitter: 0.0,
            ..Reconnect::default()
        }
    }

    #[test]
    fn delays_double_up_to_their_cap_and_never_overflow() {
        let policy = exact();
        let millis = |number| policy.delay(number, None).as_millis();
        assert_eq!([1, 2, 3, 6].map(millis), [500, 1_000, 2_000, 16_000]);
        assert_eq!([7, 32, 33, u32::MAX].map(millis), [30_000; 4]);
    }

    #[test]
    fn a_delay_of_nothing_stays_so_and_one_without_end_does_not_panic() {
        let mut policy = exact();
        policy.first = Duration::ZERO;
        assert_eq!(policy.delay(33, None), Duration::ZERO);
        (policy.first, policy.max) = (Duration::MAX, Duration::MAX);
        assert_eq!(policy.delay(1, None), Duration::MAX);
    }

    #[test]
    fn jitter_shortens_a_delay_by_its_share_at_most() {
        let mut policy = Reconnect::default();
        let (mut least, mut most) = (Duration::MAX, Duration::ZERO);
        for _ in 0..1_000 {
            let delay = policy.delay(1, None);
            (least, most) = (least.min(delay), most.max(delay));
        }
        assert!(least >= Duration::from_millis(250) && most <= Duration::from_millis(500));
        assert!(most - least > Duration::from_millis(100), "spread out");
        for (jitter, range) in [(f64::NAN, 500..=500), (-1.0, 500..=500), (7.0, 0..=500)] {
            policy.jitter = jitter;
            let delay = policy.delay(1, None).as_millis();
            assert!(range.contains(&delay), "{jitter}: {delay}");
        }
    }

    #[test]
    fn waits_as_long_as_the_server_asks_within_the_cap() {
        let policy = exact();
        let seconds = |asked| {
            policy
                .delay(1, Some(Duration::from_secs(asked)))
                .as_millis()
        };
        assert_eq!([0, 7, 1_000_000].map(seconds), [500, 7_000, 30_000]);
    }

    #[test]
    fn only_ends_that_this_side_did_not_want_count() {
        let policy = Reconnect::default();
        let by_peer = |code| {
            let mut closed = Closed::default();
            closed.initiator = Some(Initiator::Remote);
            closed.remote = Some(CloseFrame::new(CloseCode(code), ""));
            closed
        };
        for (code, expected) in [
            (1000, false),
            (1001, true),
            (1005, false),
            (1008, false),
            (1011, true),
            (1012, true),
            (1013, true),
            (1014, true),
            (4000, false),
        ] {
            assert_eq!(policy.counts(&by_peer(code)), expected, "{code}");
        }
        let because = |cause| {
            let mut closed = Closed::default();
            closed.cause = Some(cause);
            closed
        };
        for (cause, expected) in [
            (Cause::Eof, true),
            (Cause::Transport("reset".into()), true),
            (Cause::Timeout(Stage::Pong), true),
            (Cause::Aborted, false),
            (Cause::Protocol(ProtocolError::MaskForbidden), false),
        ] {
            assert_eq!(policy.counts(&because(cause.clone())), expected, "{cause}");
        }
        let mut ours = by_peer(1001);
        ours.initiator = Some(Initiator::Local);
        assert!(!policy.counts(&ours));
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_ends_at_its_limit_and_begins_anew_after_a_steady_connection() {
        let mut row = Row::new(Reconnect {
            tries: Some(2),
            ..exact()
        });
        let refused = ConnectError::Timeout(Stage::Connect);
        let number = |row: &mut Row| row.after_failure(&refused).map(|retry| retry.number);
        assert_eq!(number(&mut row), Some(1));
        row.opened();
        tokio::time::advance(Duration::from_secs(9)).await;
        let lost = Closed::default();
        assert_eq!(row.after_end(&lost).map(|retry| retry.number), Some(2));
        assert_eq!(number(&mut row), None);
        row.opened();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(row.after_end(&lost).map(|retry| retry.number), Some(1));
        assert!(row.after_failure(&ConnectError::Canceled).is_none());
    }
}
