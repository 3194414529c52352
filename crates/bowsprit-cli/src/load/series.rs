//! A run second by second, in bounded memory however long it lasts.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::tally::Tally;

/// How many points there are at most; with one more, two become one.
const MAX_POINTS: usize = 1_200;

/// What happened in a stretch of the measuring. Times are milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Point {
    /// When it begins, and how long it is, in seconds.
    pub(super) second: f64,
    pub(super) seconds: f64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) opened: u64,
    pub(super) errors: u64,
    pub(super) samples: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

impl Point {
    /// `times` are those of messages, or of connections where there are no messages.
    pub(super) fn new(second: u64, seconds: f64, tally: &Tally, times: &Histogram<u64>) -> Self {
        let quantile = |quantile| millis(times.value_at_quantile(quantile));
        Self {
            second: second as f64,
            seconds,
            sent: tally.sent.messages,
            received: tally.received.messages,
            sent_bytes: tally.sent.bytes,
            received_bytes: tally.received.bytes,
            opened: tally.opened,
            errors: tally.errors.total(),
            samples: times.len(),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            max_ms: millis(times.max()),
        }
    }

    /// The counts add up; of the 99th percentile the worse is kept, of the median the mean.
    fn merge(&self, next: &Self) -> Self {
        let samples = self.samples + next.samples;
        let weighted = self.p50_ms * self.samples as f64 + next.p50_ms * next.samples as f64;
        Self {
            second: self.second,
            seconds: self.seconds + next.seconds,
            sent: self.sent + next.sent,
            received: self.received + next.received,
            sent_bytes: self.sent_bytes + next.sent_bytes,
            received_bytes: self.received_bytes + next.received_bytes,
            opened: self.opened + next.opened,
            errors: self.errors + next.errors,
            samples,
            p50_ms: if samples > 0 {
                weighted / samples as f64
            } else {
                0.0
            },
            p99_ms: self.p99_ms.max(next.p99_ms),
            max_ms: self.max_ms.max(next.max_ms),
        }
    }
}

/// Nanoseconds as milliseconds.
pub(super) fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// The points of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Series {
    points: Vec<Point>,
    /// How many seconds the last point has, and how many each has.
    #[serde(skip)]
    filled: u32,
    #[serde(skip)]
    each: u32,
}

impl Series {
    pub(super) const fn new() -> Self {
        Self {
            points: Vec::new(),
            filled: 0,
            each: 1,
        }
    }

    pub(super) fn push(&mut self, point: Point) {
        match self.points.last_mut() {
            Some(last) if self.filled < self.each => *last = last.merge(&point),
            _ => {
                self.halve_when_full();
                self.points.push(point);
                self.filled = 0;
            }
        }
        self.filled += 1;
    }

    /// The measuring has ended then, within its last point.
    pub(super) fn end_at(&mut self, seconds: f64) {
        if let Some(last) = self.points.last_mut()
            && seconds > last.second
        {
            last.seconds = last.seconds.min(seconds - last.second);
        }
    }

    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    fn halve_when_full(&mut self) {
        if self.points.len() < MAX_POINTS {
            return;
        }
        let pairs = self.points.chunks(2).map(|pair| match pair {
            [first, second] => first.merge(second),
            [first, ..] => *first,
            [] => Point::default(),
        });
        self.points = pairs.collect();
        self.each *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_as_many_points_as_a_short_one_and_loses_no_count() {
        let mut series = Series::new();
        for second in 0..100_000_u32 {
            series.push(Point {
                second: f64::from(second),
                seconds: 1.0,
                sent: 2,
                samples: 1,
                p50_ms: 3.0,
                max_ms: f64::from(second),
                ..Point::default()
            });
        }
        let points = series.points();
        assert!((MAX_POINTS / 2..=MAX_POINTS).contains(&points.len()));
        assert_eq!(points.iter().map(|point| point.sent).sum::<u64>(), 200_000);
        let mut next = 0.0;
        for point in points {
            assert!((point.second - next).abs() < 1e-9, "no gap");
            next += point.seconds;
            assert!((point.p50_ms - 3.0).abs() < 1e-9);
        }
        assert!(points.last().is_some_and(|last| last.max_ms == 99_999.0));
    }
}
