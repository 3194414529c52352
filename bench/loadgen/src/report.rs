//! The line of JSON that a run prints.

use std::fmt::{self, Write as _};

use crate::options::Options;

pub(crate) struct Report(String);

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let mut report = Self(String::new());
        report.text("label", &options.label);
        report.text("mode", options.mode.name());
        report.text("payload", options.payload.name());
        for (name, value) in [
            ("size", options.size),
            ("conns", options.conns),
            ("inflight", options.inflight),
        ] {
            report.number(name, value as f64, 0);
        }
        report
    }

    pub(crate) fn number(&mut self, name: &str, value: f64, decimals: usize) {
        self.name(name);
        let _ = write!(self.0, "{value:.decimals$}");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        let _ = write!(self.0, "\"{}\"", value.replace(['"', '\\'], "_"));
    }

    fn name(&mut self, name: &str) {
        let comma = if self.0.is_empty() { "" } else { "," };
        let _ = write!(self.0, "{comma}\"{name}\":");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{{{}}}", self.0)
    }
}
