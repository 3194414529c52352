//! What a row of pings comes to: which pong answers which ping, and how long that took.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::events::{RoundTrips, Statistics};

/// Of more pings than this the oldest are forgotten: whatever answers them is unasked for.
const MAX_KEPT: usize = 1 << 16;

/// Three digits of each round trip are kept, however long it was.
const DIGITS: u8 = 3;

/// What a pong is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The answer to this ping.
    Answer { number: u32, took: Duration },
    /// The same, behind the answer to a later ping.
    OutOfOrder { number: u32, took: Duration },
    /// The answer to a ping that was given up.
    Late { number: u32, took: Duration },
    /// A further answer to a ping.
    Duplicate { number: u32 },
    /// It answers none.
    Unasked,
}

/// A ping that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Answered,
    Lost,
}

/// Every ping of a row.
#[derive(Debug)]
pub(super) struct Tally {
    /// How long each pong is waited for.
    patience: Duration,
    begun: Option<Instant>,
    /// The latest pings; the last is number `sent`.
    pings: VecDeque<Sent>,
    sent: u32,
    /// The highest number that was answered.
    highest: u32,
    /// How many of those at the front are no longer waited for.
    settled: usize,
    received: u64,
    lost: u64,
    duplicates: u64,
    out_of_order: u64,
    late: u64,
    unasked: u64,
    sum: f64,
    sum_of_squares: f64,
    nanos: Option<Histogram<u64>>,
}

impl Tally {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            begun: None,
            pings: VecDeque::new(),
            sent: 0,
            highest: 0,
            settled: 0,
            received: 0,
            lost: 0,
            duplicates: 0,
            out_of_order: 0,
            late: 0,
            unasked: 0,
            sum: 0.0,
            sum_of_squares: 0.0,
            nanos: Histogram::new(DIGITS).ok(),
        }
    }

    /// The number of the next ping.
    pub(super) const fn next(&self) -> u32 {
        self.sent.saturating_add(1)
    }

    /// It was sent.
    pub(super) fn sent(&mut self, at: Instant) {
        self.begun.get_or_insert(at);
        self.sent = self.next();
        let state = State::Waiting;
        self.pings.push_back(Sent { at, state });
        if self.pings.len() > MAX_KEPT {
            let forgotten = self.pings.pop_front();
            self.settled = self.settled.saturating_sub(1);
            self.lost += u64::from(forgotten.is_some_and(|ping| ping.state == State::Waiting));
        }
    }

    /// How many pings were sent.
    pub(super) const fn count(&self) -> u32 {
        self.sent
    }

    /// A pong came that names the ping that it answers.
    pub(super) fn answered(&mut self, number: u32, at: Instant) -> Verdict {
        let first = self.first();
        let index = number.checked_sub(first).map(|index| index as usize);
        let Some(ping) = index.and_then(|index| self.pings.get_mut(index)) else {
            return self.unasked();
        };
        let took = at.saturating_duration_since(ping.at);
        let was = std::mem::replace(&mut ping.state, State::Answered);
        match was {
            State::Answered => {
                self.duplicates += 1;
                Verdict::Duplicate { number }
            }
            State::Lost => {
                self.late += 1;
                Verdict::Late { number, took }
            }
            State::Waiting => {
                self.received += 1;
                self.measure(took);
                if number > self.highest {
                    self.highest = number;
                    Verdict::Answer { number, took }
                } else {
                    self.out_of_order += 1;
                    Verdict::OutOfOrder { number, took }
                }
            }
        }
    }

    /// A pong came that could be the answer to any: it is that to the oldest that waits.
    pub(super) fn answered_in_order(&mut self, at: Instant) -> Verdict {
        let mut waiting = self.pings.iter();
        match waiting.position(|ping| ping.state == State::Waiting) {
            Some(index) => {
                let offset = u32::try_from(index).unwrap_or(u32::MAX);
                self.answered(self.first().saturating_add(offset), at)
            }
            None => self.unasked(),
        }
    }

    /// A pong came that answers no ping.
    pub(super) fn unasked(&mut self) -> Verdict {
        self.unasked += 1;
        Verdict::Unasked
    }

    /// When to call [`expire`](Self::expire).
    pub(super) fn deadline(&self) -> Option<Instant> {
        let oldest = self.pings.iter().skip(self.settled);
        let mut waiting = oldest.filter(|ping| ping.state == State::Waiting);
        waiting.next().map(|ping| ping.at + self.patience)
    }

    /// Gives up the pings whose time is over, and returns their numbers.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<u32> {
        let (first, patience) = (self.first(), self.patience);
        let mut given_up = Vec::new();
        for (number, ping) in (first..).zip(&mut self.pings).skip(self.settled) {
            if ping.at + patience > now {
                break;
            }
            self.settled += 1;
            if ping.state == State::Waiting {
                ping.state = State::Lost;
                given_up.push(number);
            }
        }
        self.lost += given_up.len() as u64;
        given_up
    }

    /// Whether a pong may still come in time.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting() > 0
    }

    /// Nothing can come any more: what waits is lost.
    pub(super) fn give_up(&mut self) {
        self.lost += self.waiting();
    }

    /// What it all came to.
    pub(super) fn statistics(&self, now: Instant) -> Statistics {
        let begun = self.begun.unwrap_or(now);
        Statistics {
            sent: self.sent.into(),
            received: self.received,
            lost: self.lost,
            waiting: self.waiting(),
            duplicates: self.duplicates,
            out_of_order: self.out_of_order,
            late: self.late,
            unasked: self.unasked,
            seconds: crate::events::seconds(now.saturating_duration_since(begun)),
            round_trips: self.round_trips(),
        }
    }

    const fn waiting(&self) -> u64 {
        (self.sent as u64).saturating_sub(self.received + self.lost)
    }

    /// The number of the oldest ping that is kept.
    fn first(&self) -> u32 {
        let kept = u32::try_from(self.pings.len()).unwrap_or(u32::MAX);
        self.sent.saturating_sub(kept).saturating_add(1)
    }

    fn measure(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.sum += seconds;
        self.sum_of_squares += seconds * seconds;
        if let Some(nanos) = &mut self.nanos {
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            // It grows as far as it must, and memory is the only thing that it could lack.
            let _ = nanos.record(took.max(1));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "of figures for people")]
    fn round_trips(&self) -> Option<RoundTrips> {
        let nanos = self.nanos.as_ref().filter(|nanos| !nanos.is_empty())?;
        let seconds = |nanos: u64| crate::events::seconds(Duration::from_nanos(nanos));
        let count = self.received as f64;
        let mean = self.sum / count;
        let variance = (self.sum_of_squares / count - mean * mean).max(0.0);
        let exact = |value: f64| (value * 1e6).round() / 1e6;
        Some(RoundTrips {
            min: seconds(nanos.min()),
            mean: exact(mean),
            max: seconds(nanos.max()),
            deviation: exact(variance.sqrt()),
            median: seconds(nanos.value_at_quantile(0.5)),
            p99: seconds(nanos.value_at_quantile(0.99)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn tells_answers_from_what_is_none() {
        let start = Instant::now();
        let mut tally = Tally::new(PATIENCE);
        (0..4).for_each(|index| tally.sent(after(start, index * 1000)));
        let took = Duration::from_millis(500);
        assert_eq!(
            tally.answered(2, after(start, 1500)),
            Verdict::Answer { number: 2, took }
        );
        let took = Duration::from_millis(1600);
        assert_eq!(
            tally.answered(1, after(start, 1600)),
            Verdict::OutOfOrder { number: 1, took }
        );
        assert_eq!(
            tally.answered(1, after(start, 1700)),
            Verdict::Duplicate { number: 1 }
        );
        assert_eq!(tally.answered(5, after(start, 1700)), Verdict::Unasked);
        assert_eq!(tally.answered(0, after(start, 1700)), Verdict::Unasked);
        assert_eq!(tally.deadline(), Some(after(start, 12_000)));
        assert_eq!(tally.expire(after(start, 11_999)), Vec::<u32>::new());
        assert_eq!(tally.expire(after(start, 12_000)), [3]);
        let took = Duration::from_millis(11_000);
        assert_eq!(
            tally.answered(3, after(start, 13_000)),
            Verdict::Late { number: 3, took }
        );
        let all = tally.statistics(after(start, 13_000));
        assert_eq!(
            (all.sent, all.received, all.lost, all.waiting),
            (4, 2, 1, 1)
        );
        assert_eq!(
            (all.duplicates, all.out_of_order, all.late, all.unasked),
            (1, 1, 1, 2)
        );
        let trips = all.round_trips.expect("two of them");
        assert!(
            (trips.mean - 1.05).abs() < 1e-6 && (trips.deviation - 0.55).abs() < 1e-6,
            "{trips:?}"
        );
        tally.give_up();
        assert!(!tally.is_waiting());
    }

    #[test]
    fn takes_pongs_by_their_order_where_they_say_nothing() {
        let start = Instant::now();
        let mut tally = Tally::new(PATIENCE);
        tally.sent(start);
        tally.sent(start);
        for number in 1..=2 {
            let took = Duration::ZERO;
            assert_eq!(
                tally.answered_in_order(start),
                Verdict::Answer { number, took }
            );
        }
        assert_eq!(tally.answered_in_order(start), Verdict::Unasked);
    }

    #[test]
    fn keeps_a_bounded_number_of_pings() {
        let start = Instant::now();
        let mut tally = Tally::new(PATIENCE);
        (0..MAX_KEPT + 10).for_each(|_| tally.sent(start));
        assert_eq!(tally.pings.len(), MAX_KEPT);
        assert_eq!(tally.answered(10, start), Verdict::Unasked);
        assert!(matches!(
            tally.answered(11, start),
            Verdict::Answer { number: 11, .. }
        ));
        assert_eq!(tally.expire(after(start, 20_000)).len(), MAX_KEPT - 1);
        assert!(!tally.is_waiting());
    }
}
