//! What went over a connection: counts, bytes, rates, and round trips.

use std::time::{Duration, Instant};

use crate::events::Direction;

/// How far back the rate of now looks.
const WINDOW: f64 = 5.0;

/// How many round trips are kept for the percentiles.
const MAX_ROUND_TRIPS: usize = 1_000;

/// The counters of one connection, since it was made.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) sent: Way,
    pub(crate) received: Way,
    opened: Option<Instant>,
    ended: Option<Instant>,
    /// In microseconds, the latest, in no order.
    round_trips: Vec<u32>,
    /// Where the next round trip goes once the vector is full.
    next: usize,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// Messages a second when the last one went.
    rate: f64,
    last: Option<Instant>,
}

impl Traffic {
    /// It is open, for the first time or again.
    pub(crate) fn open(&mut self, now: Instant) {
        self.opened.get_or_insert(now);
        self.ended = None;
    }

    /// It has ended.
    pub(crate) fn end(&mut self, now: Instant) {
        self.ended = Some(now);
    }

    /// A message went.
    pub(crate) fn count(&mut self, direction: Direction, bytes: usize, now: Instant) {
        let way = match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        };
        way.count(bytes, now);
    }

    /// The counters of one direction.
    pub(crate) const fn way(&self, direction: Direction) -> &Way {
        match direction {
            Direction::Sent => &self.sent,
            Direction::Received => &self.received,
        }
    }

    /// A ping was answered after so long.
    pub(crate) fn measured(&mut self, round_trip: Duration) {
        let micros = u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX);
        match self.round_trips.get_mut(self.next) {
            Some(oldest) => *oldest = micros,
            None => self.round_trips.push(micros),
        }
        self.next = (self.next + 1) % MAX_ROUND_TRIPS;
    }

    /// The latest round trips in microseconds, in no order.
    pub(crate) fn round_trips(&self) -> &[u32] {
        &self.round_trips
    }

    /// How long it is, or was, open; `None` if it never was.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        let end = self.ended.unwrap_or(now);
        self.opened
            .map(|opened| end.saturating_duration_since(opened))
    }

    /// Messages a second of late: what is old counts less and less. One that opened just now is young, and
    /// not slow.
    pub(crate) fn rate(&self, way: &Way, now: Instant) -> f64 {
        let age = self.age(now).unwrap_or_default();
        let seen = 1.0 - (-age.as_secs_f64().max(1e-3) / WINDOW).exp();
        way.rate(now) / seen
    }

    /// How long ago the last message went, or it opened; `None` if it never did.
    pub(crate) fn idle(&self, now: Instant) -> Option<Duration> {
        let last = self.sent.last.max(self.received.last).max(self.opened);
        last.map(|last| now.saturating_duration_since(last))
    }
}

impl Way {
    fn count(&mut self, bytes: usize, now: Instant) {
        self.rate = self.rate(now) + 1.0 / WINDOW;
        self.messages += 1;
        self.bytes += bytes as u64;
        self.last = Some(now);
    }

    /// The same, as if it had been open for ever.
    fn rate(&self, now: Instant) -> f64 {
        let Some(last) = self.last else {
            return 0.0;
        };
        let past = now.saturating_duration_since(last).as_secs_f64();
        self.rate * (-past / WINDOW).exp()
    }

    /// Messages a second in all of this time.
    pub(crate) fn mean(&self, age: Duration) -> f64 {
        self.messages as f64 / age.as_secs_f64().max(1e-3)
    }
}

/// The 99th percentile of fewer is the longest.
pub(crate) const ENOUGH_FOR_P99: u64 = 100;

/// The least, the mean, and the 50th and 99th percentile of round trips, and the greatest.
#[derive(Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) min: Duration,
    pub(crate) mean: Duration,
    pub(crate) p50: Duration,
    /// Where there are enough for it.
    pub(crate) p99: Option<Duration>,
    pub(crate) max: Duration,
}

impl Spread {
    /// Of round trips in microseconds; `None` if there are none.
    pub(crate) fn of(mut micros: Vec<u32>) -> Option<Self> {
        micros.sort_unstable();
        let at = |percent: usize| {
            let rank = (micros.len() * percent).div_ceil(100);
            let value = micros.get(rank.saturating_sub(1)).copied()?;
            Some(Duration::from_micros(value.into()))
        };
        let sum: u64 = micros.iter().copied().map(u64::from).sum();
        Some(Self {
            count: micros.len(),
            min: at(0)?,
            mean: Duration::from_micros(sum / micros.len() as u64),
            p50: at(50)?,
            p99: at(99).filter(|_| micros.len() as u64 >= ENOUGH_FOR_P99),
            max: at(100)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_rate_of_late_and_forgets_what_is_long_ago() {
        let (mut way, start) = (Way::default(), Instant::now());
        for tenth in 0..300 {
            way.count(10, start + Duration::from_millis(tenth * 100));
        }
        let end = start + Duration::from_secs(30);
        assert!((9.0..11.0).contains(&way.rate(end)), "{}", way.rate(end));
        assert!(way.rate(end + Duration::from_secs(60)) < 0.001);
        assert!((9.9..10.1).contains(&way.mean(Duration::from_secs(30))));
        assert_eq!((way.messages, way.bytes), (300, 3_000));
    }

    #[test]
    fn does_not_take_a_young_connection_for_a_slow_one() {
        let (mut traffic, start) = (Traffic::default(), Instant::now());
        traffic.open(start);
        for tenth in 0..10 {
            let at = start + Duration::from_millis(tenth * 100);
            traffic.count(Direction::Sent, 1, at);
        }
        let rate = traffic.rate(&traffic.sent, start + Duration::from_secs(1));
        assert!((9.0..11.0).contains(&rate), "{rate}");
    }

    #[test]
    fn keeps_a_bounded_number_of_round_trips() {
        let mut traffic = Traffic::default();
        for micros in 0..MAX_ROUND_TRIPS as u64 + 10 {
            traffic.measured(Duration::from_micros(micros));
        }
        assert_eq!(traffic.round_trips().len(), MAX_ROUND_TRIPS);
        assert!(traffic.round_trips().iter().all(|micros| *micros >= 10));
        let spread = Spread::of((1..=100).collect()).expect("round trips");
        let p99 = spread.p99.expect("enough of them");
        let micros = [spread.min, spread.mean, spread.p50, p99, spread.max];
        assert_eq!(micros.map(|time| time.as_micros()), [1, 50, 50, 99, 100]);
        let few = Spread::of((1..=99).collect()).expect("round trips");
        assert_eq!(few.p99, None);
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
