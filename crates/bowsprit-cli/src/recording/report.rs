//! What `replay` tells: each difference at once, and what it all came to at the end.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::ReplayArgs;
use super::compare::{Difference, is_fact};
use super::tapes::Tape;
use super::voice::Voice;
use crate::events;
use crate::printer::duration::seconds;
use crate::printer::text::escape;
use crate::status::Status;

/// The most differences of one connection that are told; further ones are counted.
const MAX_TOLD: u64 = 100;

/// The longest time that a histogram keeps apart: an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// Where the differences go, and the counts.
#[derive(Debug)]
pub(crate) struct Report {
    voice: Voice,
    is_json: bool,
    is_quiet: bool,
    /// The facts that are not compared.
    ignored: Vec<String>,
    pub(crate) totals: Totals,
    /// How long answers and openings took, in the record and now.
    pub(crate) answers: Times,
    pub(crate) openings: Times,
    /// Why a connection did not open that had opened before.
    pub(crate) failure: Option<Status>,
}

/// What there was, and how much of it was as recorded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) connections: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) equal: u64,
    missing: u64,
    unexpected: u64,
    different: u64,
    facts: u64,
}

/// The same thing measured twice.
#[derive(Debug)]
pub(crate) struct Times {
    recorded: Histogram<u64>,
    now: Histogram<u64>,
}

impl Times {
    fn new() -> Self {
        // Three digits and a bound that are fixed: the histogram cannot refuse them.
        let empty = || {
            Histogram::new_with_bounds(1, LONGEST, 3)
                .unwrap_or_else(|_| unreachable!("the bounds are sound"))
        };
        Self {
            recorded: empty(),
            now: empty(),
        }
    }

    pub(crate) fn recorded(&mut self, time: Duration) {
        self.recorded.saturating_record(microseconds(time));
    }

    pub(crate) fn now(&mut self, time: Duration) {
        self.now.saturating_record(microseconds(time));
    }

    fn line(&self, what: &str) -> Option<String> {
        let of = |times: &Histogram<u64>| {
            let at = |share| seconds(times.value_at_quantile(share) as f64 / 1e6);
            match times.len() {
                0 => "none".to_owned(),
                count => format!("p50 {}, p99 {} of {count}", at(0.5), at(0.99)),
            }
        };
        let is_empty = self.recorded.is_empty() && self.now.is_empty();
        let (recorded, now) = (of(&self.recorded), of(&self.now));
        (!is_empty).then(|| format!("{what}: recorded {recorded}; now {now}"))
    }

    fn json(&self) -> Value {
        let of = |times: &Histogram<u64>| {
            let at = |share| times.value_at_quantile(share) as f64 / 1e6;
            json!({ "count": times.len(), "p50": at(0.5), "p99": at(0.99) })
        };
        json!({ "recorded": of(&self.recorded), "now": of(&self.now) })
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros())
        .unwrap_or(LONGEST)
        .clamp(1, LONGEST)
}

impl Report {
    /// A report with nothing in it yet.
    pub(crate) fn new(args: &ReplayArgs, voice: Voice) -> Self {
        let ignored = args.ignore.iter().filter(|text| is_fact(text));
        Self {
            voice,
            is_json: args.json,
            is_quiet: args.quiet,
            ignored: ignored.cloned().collect(),
            totals: Totals::default(),
            answers: Times::new(),
            openings: Times::new(),
            failure: None,
        }
    }

    /// A difference on a connection; `told` counts those of the connection.
    pub(crate) fn difference(&mut self, tape: &Tape, difference: &Difference, told: &mut u64) {
        if let Difference::Fact { what, .. } = difference
            && self.ignored.iter().any(|fact| fact == what)
        {
            return;
        }
        *match difference {
            Difference::Missing { .. } => &mut self.totals.missing,
            Difference::Unexpected { .. } => &mut self.totals.unexpected,
            Difference::Different { .. } => &mut self.totals.different,
            Difference::Fact { .. } => &mut self.totals.facts,
        } += 1;
        *told += 1;
        let label = &tape.label;
        match *told {
            _ if self.is_quiet => {}
            told if told > MAX_TOLD + 1 => {}
            told if told > MAX_TOLD && self.is_json => {}
            told if told > MAX_TOLD => {
                self.line(&format!(
                    "connection {label}: further differences are only counted"
                ));
            }
            _ if self.is_json => self.json(&difference.json(label)),
            _ => self.line(&format!("connection {label}: {}", difference.line())),
        }
    }

    /// A line beside the report.
    pub(crate) fn warn(&mut self, line: &str) {
        self.voice.warn(line);
    }

    /// A line for people that is no difference.
    pub(crate) fn note(&mut self, line: &str) {
        if self.is_quiet {
            return;
        }
        if self.is_json {
            self.json(&json!({ "event": "note", "text": line }));
        } else {
            self.line(line);
        }
    }

    /// Where clients find the record that is served. Always told: who asked for port 0 needs it.
    pub(crate) fn serving(&mut self, file: &str, uri: &str) {
        if self.is_json {
            self.json(&json!({ "event": "serving", "uri": uri }));
        } else {
            self.line(&format!("Serving {file} on {}", escape(uri)));
        }
    }

    /// How it all went.
    pub(crate) fn summary(&mut self) {
        if self.is_quiet {
            return;
        }
        let totals = self.totals;
        let (answers, openings) = (self.answers.json(), self.openings.json());
        if self.is_json {
            self.json(&json!({
                "event": "summary",
                "connections": totals.connections,
                "sent": totals.sent,
                "received": totals.received,
                "equal": totals.equal,
                "different": totals.different,
                "missing": totals.missing,
                "unexpected": totals.unexpected,
                "facts": totals.facts,
                "answer_seconds": answers,
                "open_seconds": openings,
            }));
        } else {
            let ending = if totals.connections == 1 { "" } else { "s" };
            self.line(&format!(
                "{} connection{ending}, {} sent, {} received: {} as recorded, {} different, {} missing, {} unexpected",
                totals.connections,
                totals.sent,
                totals.received,
                totals.equal,
                totals.different,
                totals.missing,
                totals.unexpected
            ));
            let lines = [self.answers.line("answers"), self.openings.line("openings")];
            for line in lines.into_iter().flatten() {
                self.line(&line);
            }
        }
    }

    /// The exit status that it comes to.
    pub(crate) fn status(&self) -> u8 {
        let totals = self.totals;
        let differences = totals.missing + totals.unexpected + totals.different + totals.facts;
        match self.failure {
            Some(status) => status as u8,
            None if differences > 0 || self.voice.has_failed() => Status::Refused as u8,
            None => 0,
        }
    }

    fn json(&mut self, value: &Value) {
        self.line(&events::json::text(value));
    }

    fn line(&mut self, line: &str) {
        self.voice.line(line);
    }
}
