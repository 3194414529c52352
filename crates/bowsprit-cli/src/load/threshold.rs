//! Conditions under which a run has failed: `p99>50ms`.

use std::cmp::Ordering;
use std::str::FromStr;

use hdrhistogram::Histogram;

use super::args::Mode;
use super::outcome::{Flow, Judged, Summary, Times};
use super::report;
use super::series::millis;

/// A metric, a comparison, and a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Threshold {
    text: String,
    metric: Metric,
    comparison: Comparison,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    /// In milliseconds, of messages or of connections.
    Time(Of, Statistic),
    Errors,
    /// Errors by messages and connections.
    ErrorRate,
    /// Messages a second: answers, or what was sent where nothing is answered.
    Rate,
    /// Connections that were open.
    Opened,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Messages,
    Connections,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistic {
    Percentile(f64),
    Min,
    Mean,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Over,
    AtLeast,
    Under,
    AtMost,
    Equal,
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a condition is a metric, > or <, and a value, as in p99>50ms or errors>0";
        let at = text.find(['<', '>', '=']).ok_or(FORM)?;
        let (name, rest) = text.split_at(at);
        let (comparison, value) = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("==", Comparison::Equal),
            (">", Comparison::Over),
            ("<", Comparison::Under),
        ]
        .into_iter()
        .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)))
        .ok_or(FORM)?;
        let metric = Metric::from_str(name.trim())?;
        Ok(Self {
            text: text.to_owned(),
            metric,
            comparison,
            value: metric.value(value.trim())?,
        })
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "errors" => Self::Errors,
            "error-rate" => Self::ErrorRate,
            "rate" => Self::Rate,
            "opened" => Self::Opened,
            _ => {
                let (of, statistic) = match name.strip_prefix("connect-") {
                    Some(statistic) => (Of::Connections, statistic),
                    None => (Of::Messages, name),
                };
                let statistic = Statistic::of(statistic).ok_or(
                    "there are the metrics p50 to p99.99, min, mean, max, connect- and one of these, \
                     errors, error-rate, rate and opened",
                )?;
                Self::Time(of, statistic)
            }
        })
    }
}

impl Statistic {
    fn of(name: &str) -> Option<Self> {
        match name {
            "min" => return Some(Self::Min),
            "mean" => return Some(Self::Mean),
            "max" => return Some(Self::Max),
            _ => {}
        }
        let digits = name.strip_prefix('p')?;
        let is_number = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let percent: f64 = digits.parse().ok().filter(|_| is_number)?;
        (percent > 0.0 && percent <= 100.0).then_some(Self::Percentile(percent))
    }

    fn read(self, times: &Times) -> f64 {
        let histogram: &Histogram<u64> = &times.histogram;
        match self {
            Self::Percentile(percent) => millis(histogram.value_at_percentile(percent)),
            Self::Min => times.min_ms,
            Self::Mean => times.mean_ms,
            Self::Max => times.max_ms,
        }
    }
}

impl Metric {
    /// The value as typed, in the unit of this metric.
    fn value(self, text: &str) -> Result<f64, String> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let factor = match (self, unit) {
            (Self::Time(..), "us" | "µs") => 0.001,
            (Self::Time(..), "ms") => 1.0,
            (Self::Time(..), "s") => 1_000.0,
            (Self::Time(..), _) => return Err("a time needs its unit: us, ms or s".to_owned()),
            (Self::ErrorRate, "%") => 0.01,
            (Self::Errors | Self::ErrorRate | Self::Opened, "") => 1.0,
            (Self::Rate, "" | "/s") => 1.0,
            _ => return Err(format!("{unit} is no unit of this metric")),
        };
        let number: f64 = number
            .parse()
            .map_err(|_| "the value is not a number".to_owned())?;
        Ok(number * factor)
    }

    fn read(self, summary: &Summary) -> Option<f64> {
        Some(match self {
            Self::Time(of, statistic) => {
                let times = match of {
                    Of::Messages => &summary.latency,
                    Of::Connections => &summary.connect,
                };
                statistic.read(times.as_ref()?)
            }
            Self::Errors => summary.errors as f64,
            Self::ErrorRate => summary.error_rate,
            Self::Opened => summary.connections.opened as f64,
            Self::Rate => {
                let rate = |flow: &Flow| flow.messages_per_second;
                match (rate(&summary.received), rate(&summary.sent)) {
                    (0.0, 0.0) => summary.connections.opened_per_second,
                    // One way: nothing comes back, and that is as it should be.
                    (0.0, sent) if summary.latency.is_none() => sent,
                    (received, _) => received,
                }
            }
        })
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Time(..) => report::time(value),
            Self::Errors | Self::Opened => report::count(value),
            Self::ErrorRate => format!("{}%", report::digits(value * 100.0)),
            Self::Rate => format!("{}/s", report::count(value)),
        }
    }
}

impl Threshold {
    /// # Errors
    ///
    /// When it is about answers, and this mode has none: it could never be told.
    pub(super) fn fits(&self, mode: Mode) -> Result<(), String> {
        match self.metric {
            Metric::Time(Of::Messages, _) if !mode.is_answered() => Err(format!(
                "--fail-if {}: nothing is answered in this mode; times of connections are connect-p99 and so on",
                self.text
            )),
            _ => Ok(()),
        }
    }

    /// Whether the run has failed by this condition, and the sentence that says so.
    pub(super) fn judge(&self, summary: &Summary) -> Judged {
        let name = self
            .text
            .split(['<', '>', '='])
            .next()
            .unwrap_or_default()
            .trim();
        let (is_missed, verdict) = match self.metric.read(summary) {
            // What cannot be told is not met.
            None => (
                true,
                format!("{name} cannot be told: there was nothing to measure"),
            ),
            Some(value) => {
                let is_missed = self.comparison.holds(value, self.value);
                let told = self.metric.show(value);
                let verdict = if is_missed {
                    format!(
                        "{name} is {told}, and it was not to be {}",
                        self.condition()
                    )
                } else {
                    format!("{name} is {told}, and not {}", self.condition())
                };
                (is_missed, verdict)
            }
        };
        Judged {
            condition: self.text.clone(),
            is_missed,
            verdict,
        }
    }

    fn condition(&self) -> String {
        let words = match self.comparison {
            Comparison::Over => "over",
            Comparison::AtLeast => "at least",
            Comparison::Under => "under",
            Comparison::AtMost => "at most",
            Comparison::Equal => "exactly",
        };
        format!("{words} {}", self.metric.show(self.value))
    }
}

impl Comparison {
    fn holds(self, value: f64, limit: f64) -> bool {
        let order = value.total_cmp(&limit);
        match self {
            Self::Over => order == Ordering::Greater,
            Self::AtLeast => order != Ordering::Less,
            Self::Under => order == Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_conditions_with_their_units() {
        for (text, value) in [
            ("p99>50ms", 50.0),
            ("p99.99 >= 0.5s", 500.0),
            ("connect-p99>250us", 0.25),
            ("max>2s", 2_000.0),
            ("errors>0", 0.0),
            ("error-rate>1%", 0.01),
            ("error-rate>0.5", 0.5),
            ("rate<1000/s", 1_000.0),
            ("opened<10", 10.0),
        ] {
            let threshold: Threshold = text.parse().expect(text);
            assert!((threshold.value - value).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn refuses_conditions_that_mean_nothing() {
        for text in [
            "",
            "p99",
            "p99>",
            "p99>50",
            "p0>1ms",
            "p101>1ms",
            "pinf>1ms",
            "errors>1ms",
            "foo>1",
            "rate<1ms",
            "connect-errors>1",
            ">5ms",
            "p99>xms",
        ] {
            assert!(Threshold::from_str(text).is_err(), "{text}");
        }
    }

    #[test]
    fn compares() {
        use Comparison::{AtLeast, AtMost, Equal, Over, Under};
        for (comparison, holds) in [
            (Over, [false, false, true]),
            (AtLeast, [false, true, true]),
            (Under, [true, false, false]),
            (AtMost, [true, true, false]),
            (Equal, [false, true, false]),
        ] {
            assert_eq!(
                [1.0, 2.0, 3.0].map(|value| comparison.holds(value, 2.0)),
                holds
            );
        }
    }
}
