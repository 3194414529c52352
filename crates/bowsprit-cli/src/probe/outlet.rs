//! What a probe prints: lines for people, or events for programs.

use std::io::{self, Stdout};

use jiff::Timestamp;

use crate::events::{Event, What};
use crate::options::DisplayOptions;
use crate::printer::{Output as _, Printer};
use crate::stamp::Stamp;

/// Standard output, as the options want it.
#[derive(Debug)]
pub(super) struct Outlet {
    printer: Printer<Stdout>,
    stamp: Stamp,
    is_json: bool,
    is_quiet: bool,
}

impl Outlet {
    pub(super) fn new(display: &DisplayOptions) -> Self {
        Self {
            printer: Printer::new(io::stdout()),
            stamp: Stamp::new(display.timestamps),
            is_json: display.json,
            is_quiet: display.quiet,
        }
    }

    /// What happened: an event for programs, and this line for people; neither under `--quiet`.
    pub(super) fn tell(&mut self, what: What, line: &str) {
        if !self.is_quiet {
            self.result(what, line);
        }
    }

    /// The same, under `--quiet` as well.
    pub(super) fn result(&mut self, what: What, line: &str) {
        let event = Event::now(Some(0), None, what);
        if self.is_json {
            self.printer.raw(&event.to_json());
        } else if !line.is_empty() {
            let stamp = self.stamp.next(event.time);
            line.lines()
                .for_each(|line| self.printer.line(&format!("{stamp}{line}")));
        }
        self.printer.flush();
    }

    /// What is of no connection, for programs only.
    pub(super) fn frame(&mut self, what: What) {
        if self.is_json {
            let event = Event {
                time: Timestamp::now(),
                id: None,
                name: None,
                what,
            };
            self.printer.raw(&event.to_json());
            self.printer.flush();
        }
    }

    /// Whether nobody reads any more.
    pub(super) const fn is_closed(&self) -> bool {
        self.printer.is_closed()
    }

    /// Whether output was lost that somebody was to read.
    pub(super) const fn has_failed(&self) -> bool {
        self.printer.has_failed()
    }
}
