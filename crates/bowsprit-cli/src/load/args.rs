//! The options of `load`; the help of each is its doc comment.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::threshold::Threshold;
use super::units::{PerSecond, Phase, Ramp, Sizes};
use crate::options::Options;
use crate::options::units::Time;

/// `bowsprit load URI`
#[derive(Debug, Args)]
#[command(override_usage = "bowsprit load [OPTIONS] URI")]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(super) load: LoadOptions,

    #[command(flatten)]
    pub(super) sent: SentOptions,

    #[command(flatten)]
    pub(super) result: ResultOptions,

    #[command(flatten)]
    pub(super) options: Options,

    /// Where to connect to
    pub(super) uri: String,
}

/// How much, how fast, and for how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadOptions {
    /// How many connections
    #[arg(short, long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) connections: u32,

    /// Open so many connections a second, or all within this time [default: as fast as they open]
    #[arg(long, value_name = "100/s|10s")]
    pub(super) ramp: Option<Ramp>,

    /// What each connection does
    #[arg(short, long, value_name = "MODE", default_value = "echo")]
    pub(super) mode: Mode,

    /// Open loop: send so many a second over all connections, whatever the server does
    #[arg(short, long, value_name = "100/s", conflicts_with_all = ["in_flight", "phase", "think"])]
    pub(super) rate: Option<PerSecond>,

    /// Open loop: a time and its rate, also from one rate to another; several go in a row (repeatable)
    #[arg(long, value_name = "10s:100..500/s", conflicts_with_all = ["in_flight", "duration", "think"])]
    pub(super) phase: Vec<Phase>,

    /// Closed loop: so many messages wait for their answer on each connection [default: 1]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) in_flight: Option<u32>,

    /// Closed loop: wait between an answer and the next message [default: none]
    #[arg(long, value_name = "TIME")]
    pub(super) think: Option<Time>,

    /// How long to measure [default: 10s, or until --count]
    #[arg(short, long, value_name = "TIME")]
    pub(super) duration: Option<Time>,

    /// How many messages to send in all; in --mode connect how many connections [default: until --duration]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,

    /// Do the same before, for so long, without counting it [default: none]
    #[arg(short, long, value_name = "TIME")]
    pub(super) warmup: Option<Time>,

    /// Give up an answer, and its connection, after this time [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub(super) answer_timeout: Option<Time>,

    /// How many threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) threads: u16,
}

/// What the messages are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub(super) struct SentOptions {
    /// Made-up messages of this size, or of sizes in this range [default: 125]
    #[arg(long, value_name = "BYTES[..BYTES]", conflicts_with_all = ["message", "template"])]
    pub(super) size: Option<Sizes>,

    /// This message, or the content of a file
    #[arg(long, value_name = "TEXT|@FILE", conflicts_with = "template")]
    pub(super) message: Option<String>,

    /// A message with {{id}}, {{seq}}, {{now}} and {{random}} filled in each time
    #[arg(long, value_name = "TEXT|@FILE")]
    pub(super) template: Option<String>,

    /// Send text (the default)
    #[arg(long, conflicts_with = "binary")]
    pub(super) text: bool,

    /// Send binary messages
    #[arg(long, conflicts_with = "template")]
    pub(super) binary: bool,

    /// What counts as the answer to a message
    #[arg(long, value_name = "HOW", default_value = "exact")]
    pub(super) answers: Answers,
}

/// Where the figures go, and what they must be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub(super) struct ResultOptions {
    /// End with status 1 if this is so, such as p99>50ms, errors>0, error-rate>1%, rate<1000/s (repeatable)
    #[arg(long, value_name = "CONDITION")]
    pub(super) fail_if: Vec<Threshold>,

    /// Write the results as JSON (- for standard output)
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Write a line for each second as CSV
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,

    /// Write a page with charts
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,

    /// Say nothing while it runs
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// What each connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// Send messages and wait for the answer to each
    Echo,
    /// Send messages; nothing is expected back
    Send,
    /// Take what comes, as the receivers of a broadcast
    Listen,
    /// Send pings and wait for their pongs
    Ping,
    /// Open a connection, close it, open the next
    Connect,
}

impl Mode {
    /// Whether each message has an answer.
    pub(super) const fn is_answered(self) -> bool {
        matches!(self, Self::Echo | Self::Ping)
    }
}

/// What counts as the answer to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Answers {
    /// The same message, in order
    Exact,
    /// Any message, in order
    Any,
    /// The message with the number of {{seq}} behind the same text, in any order
    Seq,
}
