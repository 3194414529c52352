//! The options that say what is printed, and how.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args, ValueEnum};

use super::Size;
use crate::log::Channels;

/// What is told of what happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct DisplayOptions {
    /// Print events as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,

    /// Print less: no event lines, and of `show` only the first facts
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print the handshake; -vv every frame
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Begin each line with the time; alone it is `absolute` [default: none]
    #[arg(short, long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "absolute")]
    pub(crate) timestamps: Option<Timestamps>,

    /// How messages are printed
    #[arg(long, value_name = "KIND", default_value = "auto")]
    pub(crate) view: View,

    /// Show at most so many rows of a message, or `off` [default: 16 at a terminal]
    #[arg(long, value_name = "ROWS")]
    pub(crate) fold: Option<Bound>,

    /// Show at most so many messages a second, or `off` [default: 500 at a terminal]
    #[arg(long, value_name = "COUNT")]
    pub(crate) flood: Option<Bound>,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    /// Write all that happens to a file, which `replay` plays
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// End the record before it has more bytes than this [default: no limit]
    #[arg(long, value_name = "SIZE", requires = "record")]
    pub(crate) record_limit: Option<Size>,

    /// Print what the library logs: `all`, or some of its channels
    #[arg(long, value_name = "CHANNELS")]
    pub(crate) log: Option<Channels>,

    /// Print every frame: --log frame_header,frame_payload
    #[arg(long)]
    pub(crate) trace: bool,
}

// Comments of the values below are none of their documentation: the help lists their names in one line.

/// What the time of a line is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Timestamps {
    // The time of day.
    Absolute,
    // Since the program started.
    Relative,
    // Since the line before.
    Delta,
}

/// How a message is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    // As what it is: JSON pretty on a terminal, binary as hexadecimal.
    #[default]
    Auto,
    // Text as it came.
    Text,
    // JSON over several lines where it is JSON.
    Json,
    // All as hexadecimal.
    Hex,
    // All as base64.
    Base64,
    // The bytes and nothing else.
    Raw,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    // On a terminal that knows them, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Timestamps {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Absolute => "absolute",
            Self::Relative => "relative",
            Self::Delta => "delta",
        }
    }
}

impl View {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Raw => "raw",
        }
    }
}

impl Color {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    /// Whether colours are used, on a terminal or elsewhere.
    pub(crate) fn is_wanted(self, is_terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && environment_has_colors(|name| env::var_os(name)),
        }
    }
}

/// What `NO_COLOR` (no-color.org), `CLICOLOR` (bixense.com/clicolors) and `TERM` say.
fn environment_has_colors(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let is_refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty())
        || variable("CLICOLOR").is_some_and(|value| value == "0");
    let is_capable =
        variable("TERM").map_or(cfg!(windows), |term| !term.is_empty() && term != "dumb");
    is_capable && !is_refused
}

/// The most of something, or `off` for no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound(pub(crate) Option<u32>);

impl FromStr for Bound {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        // A sign is no digit: `+3` is a number elsewhere, and none here.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| *number > 0 && is_plain);
        number
            .map(|number| Self(Some(number)))
            .ok_or("a number from 1 to 4294967295, or off")
    }
}

impl DisplayOptions {
    /// What is to be printed of the library's log.
    pub(crate) fn channels(&self) -> Channels {
        let channels = self.channels_of_server();
        if self.verbose > 0 {
            channels.and_handshakes()
        } else {
            channels
        }
    }

    /// The same for a server, which tells of handshakes by itself.
    pub(crate) fn channels_of_server(&self) -> Channels {
        let channels = self.log.clone().unwrap_or_default();
        if self.trace || self.verbose > 1 {
            channels.and_frames()
        } else {
            channels
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_colours_only_where_they_are_known_and_wanted() {
        for (variables, expected) in [
            (&[("TERM", "xterm-256color")][..], true),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], true),
            (&[("TERM", "xterm"), ("NO_COLOR", "1")], false),
            (&[("TERM", "xterm"), ("CLICOLOR", "0")], false),
            (&[("TERM", "xterm"), ("CLICOLOR", "1")], true),
            (&[("TERM", "dumb")], false),
            (&[("TERM", "")], false),
        ] {
            let variable = |wanted: &str| {
                let mut found = variables.iter().filter(|(name, _)| *name == wanted);
                found.next().map(|(_, value)| OsString::from(value))
            };
            assert_eq!(environment_has_colors(variable), expected, "{variables:?}");
        }
        assert!(!Color::Auto.is_wanted(false));
        assert!(Color::Always.is_wanted(false));
        assert!(!Color::Never.is_wanted(true));
    }

    #[test]
    fn reads_a_bound_or_off() {
        assert_eq!("16".parse(), Ok(Bound(Some(16))));
        assert_eq!("off".parse(), Ok(Bound(None)));
        for text in ["0", "-1", "", "+3", "many", "4294967296"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
    }
}
