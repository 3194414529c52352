//! What is counted: by one thread in one second, or all of it.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Times are told apart from a quarter of a microsecond on, up to an hour, to three digits.
const LOWEST: u64 = 256;
const HIGHEST: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// How many kinds of error are told apart, and how long the name of one may be.
const MAX_KINDS: usize = 40;
const MAX_NAME: usize = 200;

/// What the kinds beyond the limit are counted as.
const FURTHER: &str = "further kinds of error";

/// An empty histogram of nanoseconds.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS).expect("the bounds are in order")
}

/// Counts and times; they add up.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// From the moment that a message was due until its answer came.
    pub(super) latency: Histogram<u64>,
    /// The latest latency, and how often it came in a row: answers of one batch share it. Not in `latency` yet.
    last: (u64, u64),
    /// From the beginning of each connection until it was open.
    pub(super) connect: Histogram<u64>,
    /// How much later than due this side sent.
    pub(super) lateness: Histogram<u64>,
    pub(super) sent: Traffic,
    pub(super) received: Traffic,
    pub(super) opened: u64,
    /// Those that agreed on compression.
    pub(super) compressed: u64,
    /// Connections that did not open.
    pub(super) failed: u64,
    /// Connections that ended before they were to.
    pub(super) lost: u64,
    pub(super) errors: Errors,
}

/// Messages one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Traffic {
    #[inline]
    pub(super) const fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    const fn merge(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            latency: histogram(),
            last: (0, 0),
            connect: histogram(),
            lateness: histogram(),
            sent: Traffic::default(),
            received: Traffic::default(),
            opened: 0,
            compressed: 0,
            failed: 0,
            lost: 0,
            errors: Errors::default(),
        }
    }

    /// An answer took so long.
    #[inline]
    pub(super) fn measured(&mut self, nanos: u64) {
        if nanos == self.last.0 {
            self.last.1 += 1;
        } else {
            self.settle();
            self.last = (nanos, 1);
        }
    }

    /// Has all that was measured in `latency`, before anybody looks at it.
    pub(super) fn settle(&mut self) {
        let (nanos, count) = std::mem::take(&mut self.last);
        if count > 0 {
            self.latency.saturating_record_n(nanos, count);
        }
    }

    /// Adds what another has counted and settled.
    pub(super) fn merge(&mut self, other: &Self) {
        let Self {
            latency,
            last: _,
            connect,
            lateness,
            sent,
            received,
            opened,
            compressed,
            failed,
            lost,
            errors,
        } = other;
        for (mine, theirs) in [
            (&mut self.latency, latency),
            (&mut self.connect, connect),
            (&mut self.lateness, lateness),
        ] {
            if !theirs.is_empty() {
                mine.add(theirs).expect("all have the same bounds");
            }
        }
        self.sent.merge(*sent);
        self.received.merge(*received);
        self.opened += opened;
        self.compressed += compressed;
        self.failed += failed;
        self.lost += lost;
        for (name, count) in &errors.0 {
            self.errors.add(name, *count);
        }
    }

    /// Forgets what the warm-up has measured; connections and errors stay.
    pub(super) fn forget_traffic(&mut self) {
        self.latency.reset();
        self.last = (0, 0);
        self.lateness.reset();
        self.sent = Traffic::default();
        self.received = Traffic::default();
    }
}

/// How often what went wrong, by its name. A name is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Errors(BTreeMap<String, u64>);

impl Errors {
    /// Counts; a server that thinks up new errors fills no memory.
    pub(super) fn add(&mut self, name: &str, count: u64) {
        if count == 0 {
            return;
        }
        let name = name
            .char_indices()
            .nth(MAX_NAME)
            .map_or(name, |(end, _)| name.split_at(end).0);
        if let Some(known) = self.0.get_mut(name) {
            *known += count;
        } else if self.0.len() < MAX_KINDS {
            self.0.insert(name.to_owned(), count);
        } else {
            *self.0.entry(FURTHER.to_owned()).or_default() += count;
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Each kind, the most frequent first.
    pub(super) fn by_count(&self) -> Vec<(&str, u64)> {
        let mut kinds: Vec<_> = self.0.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        kinds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tallies_add_up() {
        let mut one = Tally::new();
        one.measured(1_000_000);
        one.settle();
        one.sent.add(10);
        one.errors.add("closed", 2);
        let mut sum = Tally::new();
        sum.merge(&one);
        sum.merge(&one);
        assert_eq!(sum.latency.len(), 2);
        assert_eq!(
            sum.sent,
            Traffic {
                messages: 2,
                bytes: 20
            }
        );
        assert_eq!(sum.errors.by_count(), [("closed", 4)]);
        sum.forget_traffic();
        assert_eq!((sum.latency.len(), sum.errors.total()), (0, 4));
    }

    #[test]
    fn what_is_measured_in_a_row_is_counted_one_by_one() {
        let mut tally = Tally::new();
        for nanos in [0, 0, 2_000, 2_000, 2_000, 9_000, 2_000] {
            tally.measured(nanos);
        }
        tally.settle();
        tally.settle();
        let of = |nanos| tally.latency.count_at(nanos);
        assert_eq!((of(0), of(2_000), of(9_000)), (2, 4, 1));
        assert_eq!(tally.latency.len(), 7);
    }

    #[test]
    fn times_keep_three_digits() {
        let mut histogram = histogram();
        for nanos in [50_000, 123_400_000, 10_000_000_000] {
            histogram.reset();
            histogram.saturating_record(nanos);
            let told = histogram.max();
            assert!(told.abs_diff(nanos) <= nanos / 150, "{nanos}: {told}");
        }
    }

    #[test]
    fn kinds_of_errors_are_bounded() {
        let mut errors = Errors::default();
        for number in 0..1_000 {
            errors.add(&format!("{number}{}", "x".repeat(1_000)), 1);
        }
        assert_eq!(errors.total(), 1_000);
        assert!(errors.by_count().len() <= MAX_KINDS + 1);
        assert!(
            errors
                .by_count()
                .iter()
                .all(|(name, _)| name.len() <= MAX_NAME)
        );
        assert_eq!(errors.by_count().first(), Some(&(FURTHER, 960)));
    }
}
