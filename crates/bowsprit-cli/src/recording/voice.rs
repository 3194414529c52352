//! Where the lines of a replay go: to the program's own outputs, or to the session that it runs in.

use std::io::{self, Stdout};

use tokio::sync::mpsc::UnboundedSender;

use crate::network::Report;
use crate::printer::{self, Output as _, Printer};

/// What a replay at the prompt tells its session.
#[derive(Debug)]
pub(crate) enum Told {
    /// A line, escaped.
    Line(String),
    /// It has ended with this exit status, or could not begin.
    Done(Result<u8, String>),
}

/// The outlet of one replay.
#[derive(Debug)]
pub(super) enum Voice {
    Program(Printer<Stdout>),
    Session(UnboundedSender<Report>),
}

impl Voice {
    pub(super) fn of_program() -> Self {
        Self::Program(Printer::new(io::stdout()))
    }

    /// A line of what was asked for, at once.
    pub(super) fn line(&mut self, line: &str) {
        match self {
            Self::Program(printer) => {
                printer.line(line);
                printer.flush();
            }
            Self::Session(events) => {
                // A session that has ended needs to know nothing.
                let _ = events.send(Report::Replay(Told::Line(line.to_owned())));
            }
        }
    }

    /// A line beside it.
    pub(super) fn warn(&mut self, line: &str) {
        match self {
            Self::Program(_) => printer::warn(line),
            Self::Session(_) => self.line(line),
        }
    }

    /// Whether output was lost that somebody was to read.
    pub(super) const fn has_failed(&self) -> bool {
        match self {
            Self::Program(printer) => printer.has_failed(),
            Self::Session(_) => false,
        }
    }
}
