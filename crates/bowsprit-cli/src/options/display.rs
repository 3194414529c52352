//! The options that say what is printed, and how.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use crate::log::Channels;

/// What is told of what happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct DisplayOptions {
    /// Print events as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,

    /// Print less: no event lines, no facts beyond WebSocket++'s tutorial
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print the handshake; -vv every frame
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Begin each line with the time: absolute, relative to the start, or the delta to the line before
    #[arg(short, long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "absolute")]
    pub(crate) timestamps: Option<Timestamps>,

    /// How messages are printed
    #[arg(long, value_name = "KIND", default_value = "auto")]
    pub(crate) view: View,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    /// Write all that happens to a file, which `replay` plays
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Print what the library logs: `all`, or some of its channels
    #[arg(long, value_name = "CHANNELS")]
    pub(crate) log: Option<Channels>,

    /// Print every frame: --log frame_header,frame_payload
    #[arg(long)]
    pub(crate) trace: bool,
}

/// What the time of a line is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Timestamps {
    /// The time of day.
    Absolute,
    /// Since the program started.
    Relative,
    /// Since the line before.
    Delta,
}

/// How a message is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// As what it is: JSON pretty on a terminal, binary as hexadecimal.
    #[default]
    Auto,
    /// Text as it came.
    Text,
    /// JSON over several lines where it is JSON.
    Json,
    /// All as hexadecimal.
    Hex,
    /// All as base64.
    Base64,
    /// The bytes and nothing else.
    Raw,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that knows them, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl DisplayOptions {
    /// What is to be printed of the library's log.
    pub(crate) fn channels(&self) -> Channels {
        let mut channels = self.log.clone().unwrap_or_default();
        if self.verbose > 0 {
            channels = channels.and_handshakes();
        }
        if self.trace || self.verbose > 1 {
            channels = channels.and_frames();
        }
        channels
    }
}
