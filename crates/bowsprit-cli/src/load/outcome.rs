//! What came of a run, as the figures that every report and threshold is made from.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::args::Mode;
use super::faults::Fault;
use super::scenario::{Pace, Scenario};
use super::series::{Point, Series, millis};
use super::tally::{Errors, Tally};
use crate::signals::Signal;

/// The version of the JSON; it grows when a field changes its meaning.
const FORMAT: u32 = 1;

/// Points between a quantile and the next one that is half as far from all.
const STEPS: u32 = 5;

/// What the threads have counted.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) total: Tally,
    pub(super) series: Series,
    pub(super) window: Duration,
    /// The processor time of this process, from the beginning of the measuring until the last answer.
    pub(super) busy: Option<Duration>,
    pub(super) memory: Option<u64>,
    pub(super) fault: Option<Fault>,
    pub(super) interrupted: Option<Signal>,
}

/// The figures of a run, in the order in which they are told. Foreign text in it is escaped.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    pub(super) format: u32,
    pub(super) program: &'static str,
    pub(super) uri: String,
    pub(super) load: String,
    /// What the work is counted in: messages, or connections.
    pub(super) unit: &'static str,
    pub(super) started: String,
    pub(super) is_interrupted: bool,
    pub(super) seconds: f64,
    pub(super) connections: Connections,
    pub(super) sent: Flow,
    pub(super) received: Flow,
    /// From each connection's beginning until it was open.
    pub(super) connect: Option<Times>,
    /// From the moment that a message was due until its answer came.
    pub(super) latency: Option<Times>,
    pub(super) errors: u64,
    pub(super) error_rate: f64,
    pub(super) error_kinds: Vec<Kind>,
    pub(super) own: Own,
    pub(super) thresholds: Vec<Judged>,
    pub(super) series: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Connections {
    pub(super) asked: u64,
    pub(super) opened: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    /// Those that agreed on compression, where it was offered.
    pub(super) compressed: Option<u64>,
    /// Connections that opened, each second of the measuring.
    pub(super) opened_per_second: f64,
}

/// Messages one way.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Flow {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) messages_per_second: f64,
    pub(super) bytes_per_second: f64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) count: u64,
}

/// What the measuring itself took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Own {
    pub(super) cpu_seconds: Option<f64>,
    /// For each message, its answer included; where there are none, for each connection.
    pub(super) cpu_us_per_message: Option<f64>,
    /// How much later than due messages were sent, in an open loop.
    pub(super) late_p99_ms: Option<f64>,
    pub(super) late_max_ms: Option<f64>,
    pub(super) peak_memory_bytes: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Judged {
    pub(super) condition: String,
    pub(super) is_missed: bool,
    pub(super) verdict: String,
}

/// Times in milliseconds, and how they are distributed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Times {
    pub(super) samples: u64,
    pub(super) min_ms: f64,
    pub(super) mean_ms: f64,
    pub(super) p50_ms: f64,
    /// From here on `None` where the samples are so few that it would be the greatest of them.
    pub(super) p75_ms: Option<f64>,
    pub(super) p90_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    #[serde(rename = "p99.9_ms")]
    pub(super) p999_ms: Option<f64>,
    #[serde(rename = "p99.99_ms")]
    pub(super) p9999_ms: Option<f64>,
    pub(super) max_ms: f64,
    /// Percentiles and their times, finer towards the end.
    pub(super) distribution: Vec<(f64, f64)>,
    #[serde(skip)]
    pub(super) histogram: Histogram<u64>,
}

impl Times {
    fn new(histogram: &Histogram<u64>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        let quantile = |quantile| millis(histogram.value_at_quantile(quantile));
        let samples = histogram.len();
        let tail = |value, least| (samples >= least).then(|| quantile(value));
        let point = |point: hdrhistogram::iterators::IterationValue<u64>| {
            let percentile = point.quantile_iterated_to() * 100.0;
            (percentile, millis(point.value_iterated_to()))
        };
        Some(Self {
            samples,
            min_ms: millis(histogram.min()),
            mean_ms: histogram.mean() / 1e6,
            p50_ms: quantile(0.5),
            p75_ms: tail(0.75, 4),
            p90_ms: tail(0.9, 10),
            p95_ms: tail(0.95, 20),
            p99_ms: tail(0.99, 100),
            p999_ms: tail(0.999, 1_000),
            p9999_ms: tail(0.9999, 10_000),
            max_ms: millis(histogram.max()),
            distribution: histogram.iter_quantiles(STEPS).map(point).collect(),
            histogram: histogram.clone(),
        })
    }
}

impl Outcome {
    /// The figures, but for the thresholds.
    pub(super) fn summary(&self, scenario: &Scenario, uri: String, started: String) -> Summary {
        let seconds = self.window.as_secs_f64();
        let a_second = |count: u64| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        // What came behind the last send counts as received, and not for the rate.
        let points = self.series.points();
        let within = |count: fn(&Point) -> u64| points.iter().map(count).sum::<u64>();
        let total = &self.total;
        let attempts = match scenario.mode {
            Mode::Connect => total.opened + total.failed,
            _ => total.sent.messages.max(total.received.messages) + total.opened + total.failed,
        };
        let messages = match scenario.mode {
            Mode::Listen => total.received.messages,
            Mode::Connect => total.opened,
            _ => total.sent.messages,
        };
        let busy = self.busy.map(|busy| busy.as_secs_f64());
        let late = match scenario.pace {
            Pace::Open(_) => Times::new(&total.lateness),
            Pace::Closed { .. } => None,
        };
        let errors = total.errors.total();
        Summary {
            format: FORMAT,
            program: concat!("bowsprit ", env!("CARGO_PKG_VERSION")),
            uri,
            load: scenario.describe(),
            unit: match scenario.mode {
                Mode::Connect => "connection",
                _ => "message",
            },
            started,
            is_interrupted: self.interrupted.is_some(),
            seconds,
            connections: Connections {
                asked: scenario.connections.into(),
                opened: total.opened,
                failed: total.failed,
                lost: total.lost,
                compressed: scenario.offers_compression.then_some(total.compressed),
                opened_per_second: a_second(within(|point| point.opened)),
            },
            sent: Flow {
                messages: total.sent.messages,
                bytes: total.sent.bytes,
                messages_per_second: a_second(within(|point| point.sent)),
                bytes_per_second: a_second(within(|point| point.sent_bytes)),
            },
            received: Flow {
                messages: total.received.messages,
                bytes: total.received.bytes,
                messages_per_second: a_second(within(|point| point.received)),
                bytes_per_second: a_second(within(|point| point.received_bytes)),
            },
            connect: Times::new(&total.connect),
            latency: Times::new(&total.latency),
            errors,
            error_rate: errors as f64 / attempts.max(1) as f64,
            error_kinds: kinds(&total.errors),
            own: Own {
                cpu_seconds: busy,
                cpu_us_per_message: busy
                    .filter(|_| messages > 0)
                    .map(|busy| busy * 1e6 / messages as f64),
                late_p99_ms: late.as_ref().and_then(|late| late.p99_ms),
                late_max_ms: late.as_ref().map(|late| late.max_ms),
                peak_memory_bytes: self.memory,
            },
            thresholds: Vec::new(),
            series: points.to_vec(),
        }
    }
}

/// Each kind of error, the most frequent first.
fn kinds(errors: &Errors) -> Vec<Kind> {
    let kind = |(name, count): (&str, u64)| Kind {
        name: name.to_owned(),
        count,
    };
    errors.by_count().into_iter().map(kind).collect()
}
