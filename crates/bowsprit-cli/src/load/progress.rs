//! What people see while it runs: one block redrawn on a terminal, a line each second in a pipe.

use std::io::{self, IsTerminal as _, Write as _};

use super::args::Mode;
use super::report::{bars, count, time};
use super::scenario::Scenario;
use super::series::millis;
use super::tally::Tally;
use super::traffic::When;
use crate::printer::size_of_terminal;

/// The width and the height of a terminal that does not tell its own.
const PLAIN: (usize, usize) = (80, 24);

/// How many bars the histogram has at most, and how many rows are left for the rest.
const BARS: usize = 10;
const OTHERS: usize = 7;

/// Where progress goes, and what was counted so far.
#[derive(Debug)]
pub(super) struct Progress {
    kind: Kind,
    connections: u64,
    /// ` of 10s` where that is known, behind the seconds that are over.
    whole: String,
    /// One connection follows the other.
    is_connecting: bool,
    opened: u64,
    failed: u64,
    lost: u64,
    errors: u64,
    /// How long the lines of the block are that stand above the cursor.
    drawn: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Silent,
    Lines,
    Block,
}

impl Progress {
    pub(super) fn new(is_quiet: bool, scenario: &Scenario) -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let kind = match (is_quiet, io::stderr().is_terminal() && !is_dumb) {
            (true, _) => Kind::Silent,
            (false, true) => Kind::Block,
            (false, false) => Kind::Lines,
        };
        Self {
            kind,
            connections: scenario.connections.into(),
            whole: if scenario.is_endless() {
                String::new()
            } else {
                format!(" of {:?}", scenario.duration)
            },
            is_connecting: scenario.mode == Mode::Connect,
            opened: 0,
            failed: 0,
            lost: 0,
            errors: 0,
            drawn: Vec::new(),
        }
    }

    /// A second is over.
    pub(super) fn show(&mut self, when: When, tally: &Tally) {
        self.opened += tally.opened;
        self.failed += tally.failed;
        self.lost += tally.lost;
        self.errors += tally.errors.total();
        let part = match when {
            When::Before(_) if tally.sent.messages + tally.received.messages == 0 => {
                "opening".to_owned()
            }
            When::Before(_) => "warm-up".to_owned(),
            When::Second(second) => format!("{} s", second + 1),
            When::After => return,
        };
        let connections = if self.is_connecting {
            format!("{} opened", count(self.opened as f64))
        } else {
            let open = self.opened.saturating_sub(self.lost);
            format!("{open} of {} open", self.connections)
        };
        let traffic = format!(
            "{} sent, {} received",
            count(tally.sent.messages as f64),
            count(tally.received.messages as f64)
        );
        let (name, measured) = if tally.latency.is_empty() {
            ("opening ", &tally.connect)
        } else {
            ("", &tally.latency)
        };
        let times = if measured.is_empty() {
            "-".to_owned()
        } else {
            let quantile = |quantile| time(millis(measured.value_at_quantile(quantile)));
            let (p50, p99, max) = (quantile(0.5), quantile(0.99), quantile(1.0));
            format!("{name}p50 {p50}, p99 {p99}, max {max}")
        };
        let errors = format!(
            "{} failed, {} lost, {} errors",
            self.failed, self.lost, self.errors
        );
        match self.kind {
            Kind::Silent => {}
            Kind::Lines => self.write(&format!(
                "{part}: {connections}; {traffic}; {times}; {errors}\n"
            )),
            Kind::Block => {
                let (columns, rows) = size_of_terminal(io::stderr()).unwrap_or(PLAIN);
                let whole = match when {
                    When::Second(_) => self.whole.as_str(),
                    _ => "",
                };
                let mut lines = vec![
                    format!("  {part}{whole}"),
                    format!("  connections  {connections}"),
                    format!("  this second  {traffic}"),
                    format!("  times        {times}"),
                ];
                lines.extend(match rows.saturating_sub(OTHERS).min(BARS) {
                    0..=2 => Vec::new(),
                    bars_in_room => bars(measured, bars_in_room, columns),
                });
                lines.push(format!("  so far       {errors}"));
                self.redraw(&lines);
            }
        }
    }

    /// What goes on, where there is a block.
    pub(super) fn say(&mut self, part: &str) {
        if self.kind == Kind::Block {
            self.redraw(&[format!("  {part}")]);
        }
    }

    /// Takes the block away.
    pub(super) fn clear(&mut self) {
        if self.kind == Kind::Block {
            self.redraw(&[]);
        }
    }

    fn redraw(&mut self, lines: &[String]) {
        let mut text = String::new();
        let (columns, _) = size_of_terminal(io::stderr()).unwrap_or(PLAIN);
        // A terminal that has become narrower wraps what stands in it.
        let rows = |length: &usize| length.div_ceil(columns).max(1);
        let drawn: usize = self.drawn.iter().map(rows).sum();
        if drawn > 0 {
            text.push_str(&format!("\x1b[{drawn}F\x1b[J"));
        }
        self.drawn.clear();
        for line in lines {
            text.extend(line.chars().take(columns - 1));
            self.drawn.push(line.chars().count().min(columns - 1));
            text.push('\n');
        }
        self.write(&text);
    }

    fn write(&self, text: &str) {
        // Without a standard error there is nobody to tell.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}
