//! What the forms with one connection and no prompt can be asked for.

use std::str::FromStr;

use clap::Args;
use regex::bytes::Regex;

use super::format::{FormatOptions, OutputOptions};
use crate::options::units::Time;
use crate::options::{DisplayOptions, Farewell, Options};

/// `bowsprit send URI MESSAGE...`
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Where to send to; :9002 and localhost:9002 are short for ws://localhost:9002
    pub(super) uri: String,

    /// What to send, each as one message; @FILE sends a file, @- standard input, @@… a text with one @
    #[arg(value_name = "MESSAGE", required = true)]
    pub(super) messages: Vec<String>,

    /// Send the messages as binary ones
    #[arg(long, overrides_with = "text", help_heading = "Formats")]
    pub(super) binary: bool,

    /// Send the messages as text [default]
    #[arg(long, overrides_with = "binary", help_heading = "Formats")]
    pub(super) text: bool,

    #[command(flatten)]
    pub(super) output: OutputOptions,
    #[command(flatten)]
    pub(super) end: EndOptions,
    #[command(flatten)]
    pub(super) display: DisplayOptions,
    #[command(flatten)]
    pub(super) options: Options,
}

/// `bowsprit listen URI`
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Where to listen; :9002 and localhost:9002 are short for ws://localhost:9002
    pub(super) uri: String,

    /// Print binary messages as they are
    #[arg(long, help_heading = "Formats")]
    pub(super) binary: bool,

    #[command(flatten)]
    pub(super) output: OutputOptions,
    #[command(flatten)]
    pub(super) end: EndOptions,
    #[command(flatten)]
    pub(super) display: DisplayOptions,
    #[command(flatten)]
    pub(super) options: Options,
}

/// What `bowsprit URI` takes besides, where standard input is a pipe or a file.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(crate) struct PipeOptions {
    #[command(flatten)]
    pub(super) format: FormatOptions,
    #[command(flatten)]
    pub(super) end: EndOptions,

    /// Close at once at the end of input, whatever may still come
    #[arg(long, conflicts_with_all = ["count", "until", "linger", "wait"], help_heading = "End")]
    pub(super) close_after: bool,
}

/// When to leave, and how.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "End")]
pub(crate) struct EndOptions {
    /// Print so many messages, then leave [default of send: as many as were sent]
    #[arg(short = 'n', long, visible_alias = "expect", value_name = "N")]
    pub(super) count: Option<u64>,

    /// Leave behind the first message in which this regular expression is found
    #[arg(long, value_name = "REGEX", conflicts_with = "count")]
    pub(super) until: Option<Pattern>,

    /// Leave when nothing came for so long behind the end of input [default: 1s, or 10s for what was asked for]
    #[arg(long, value_name = "TIME")]
    pub(super) linger: Option<Time>,

    /// Wait for ever for what comes: --linger off
    #[arg(long, visible_alias = "keep", conflicts_with = "linger")]
    pub(super) wait: bool,

    /// Leave after this time in any case, with status 124 [default: never]
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<Time>,

    /// Close with this code and reason [default: 1000]
    #[arg(long, value_name = "CODE[:REASON]")]
    pub(super) close: Option<Farewell>,

    /// Send this first, on every connection that is made (repeatable)
    #[arg(long, value_name = "MESSAGE")]
    pub(super) on_open: Vec<String>,
}

impl PipeOptions {
    /// Whether anything is asked for.
    pub(crate) fn is_given(&self) -> bool {
        *self != Self::default()
    }
}

impl EndOptions {
    /// How to close.
    pub(super) fn farewell(&self) -> Farewell {
        self.close.clone().unwrap_or_default()
    }
}

/// A regular expression, and what was typed.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(pub(super) Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What the library says of it goes over several lines; the last one has the fault.
        Regex::new(text).map(Self).map_err(|fault| {
            let fault = fault.to_string();
            fault.lines().last().unwrap_or_default().trim().to_owned()
        })
    }
}
