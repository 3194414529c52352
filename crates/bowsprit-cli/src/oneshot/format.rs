//! How messages lie in a stream of bytes: the options that say it, and what they come to.

use std::str::FromStr;

use bowsprit::Kind;
use clap::{Args, ValueEnum};

/// What separates messages on standard output, and how their bytes are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Formats")]
pub(crate) struct OutputOptions {
    /// How received messages are printed [default: lines]
    #[arg(long, value_name = "FORMAT")]
    output: Option<OutputFormat>,

    /// End each message with this text instead of a newline; \n, \r, \t, \0 and \\ are known
    #[arg(long, value_name = "TEXT", conflicts_with = "nul")]
    delimiter: Option<Delimiter>,

    /// End each message with a NUL
    #[arg(short = '0', long)]
    nul: bool,
}

/// The same for both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Formats")]
pub(crate) struct FormatOptions {
    /// How standard input is cut into messages [default: lines]
    #[arg(long, value_name = "FORMAT")]
    input: Option<InputFormat>,

    #[command(flatten)]
    output: OutputOptions,

    /// --input and --output at once
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["input", "output"])]
    format: Option<Format>,

    /// Send binary messages, and print those that come as they are
    #[arg(long, overrides_with = "text")]
    binary: bool,

    /// Send text; the default, but not of base64 and hex
    #[arg(long, overrides_with = "binary")]
    text: bool,
}

/// What standard input may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// A message a line.
    Lines,
    /// Four bytes of length, the most significant first, in front of each message.
    Length,
    /// All of it is one message.
    Whole,
    /// JSON values, which may span lines.
    Json,
    /// The base64 of a binary message in each line.
    Base64,
    /// The hexadecimal digits of a binary message in each line.
    Hex,
}

/// What standard output may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// A message, and a newline.
    Lines,
    /// Four bytes of length, the most significant first, in front of each message.
    Length,
    /// The bytes of the messages and nothing between them.
    Raw,
    /// The base64 of a message in each line.
    Base64,
    /// The hexadecimal digits of a message in each line.
    Hex,
}

/// What goes for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Lines,
    Length,
    Base64,
    Hex,
}

/// The end of a message, with its escapes carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Delimiter(String);

impl FromStr for Delimiter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut delimiter = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            delimiter.push(match (c, c == '\\') {
                (c, false) => c,
                _ => match chars.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some('0') => '\0',
                    Some('\\') => '\\',
                    _ => return Err("behind a backslash stands n, r, t, 0 or another backslash"),
                },
            });
        }
        if delimiter.is_empty() {
            return Err("without a delimiter no message would end; see --input whole");
        }
        Ok(Self(delimiter))
    }
}

/// What stands around a message in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    /// These bytes behind it.
    Delimiter(Vec<u8>),
    /// A newline behind a text, nothing behind a binary message.
    TextLine,
    /// Its length in four bytes before it.
    Length,
    /// Nothing: the stream is one message, or the boundaries are not kept.
    Nothing,
    /// It ends where a JSON value does.
    Json,
}

/// How the bytes of a message are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Plain,
    Base64,
    Hex,
}

/// One direction, made ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) bounds: Bounds,
    pub(super) code: Code,
    /// Going out: what is sent. Coming in: `Binary` where binary messages may be printed.
    pub(super) kind: Kind,
}

impl OutputOptions {
    /// How to print; `is_binary` where binary messages are asked for as they are.
    ///
    /// # Errors
    ///
    /// When options contradict each other.
    pub(super) fn framing(&self, is_binary: bool) -> Result<Framing, String> {
        if self.ends().is_some() && !matches!(self.output, None | Some(OutputFormat::Lines)) {
            return Err(MEANINGLESS.to_owned());
        }
        let mut framing = self.build(is_binary);
        if is_binary && self.output.is_none() && self.ends().is_none() {
            framing.bounds = Bounds::TextLine;
        }
        Ok(framing)
    }

    fn ends(&self) -> Option<Vec<u8>> {
        let given = self.delimiter.as_ref();
        let given = given.map(|Delimiter(text)| text.as_bytes().to_vec());
        given.or_else(|| self.nul.then(|| vec![0]))
    }

    fn build(&self, is_binary: bool) -> Framing {
        let line = || Bounds::Delimiter(b"\n".to_vec());
        let (bounds, code, marks_kind) = match self.output {
            None | Some(OutputFormat::Lines) => {
                let bounds = self.ends().map_or_else(line, Bounds::Delimiter);
                (bounds, Code::Plain, false)
            }
            Some(OutputFormat::Length) => (Bounds::Length, Code::Plain, true),
            Some(OutputFormat::Raw) => (Bounds::Nothing, Code::Plain, true),
            Some(OutputFormat::Base64) => (line(), Code::Base64, true),
            Some(OutputFormat::Hex) => (line(), Code::Hex, true),
        };
        Framing {
            bounds,
            code,
            kind: if is_binary || marks_kind {
                Kind::Binary
            } else {
                Kind::Text
            },
        }
    }
}

const MEANINGLESS: &str = "--delimiter and -0 are for lines, and no format here has lines";

impl FormatOptions {
    /// How to cut the input, and how to print.
    ///
    /// # Errors
    ///
    /// When options contradict each other.
    pub(super) fn framings(&self) -> Result<(Framing, Framing), String> {
        let (input, output) = match self.format {
            None => (self.input, self.output.output),
            Some(Format::Lines) => (Some(InputFormat::Lines), Some(OutputFormat::Lines)),
            Some(Format::Length) => (Some(InputFormat::Length), Some(OutputFormat::Length)),
            Some(Format::Base64) => (Some(InputFormat::Base64), Some(OutputFormat::Base64)),
            Some(Format::Hex) => (Some(InputFormat::Hex), Some(OutputFormat::Hex)),
        };
        let has_lines = matches!(input, None | Some(InputFormat::Lines))
            || matches!(output, None | Some(OutputFormat::Lines));
        let ends = self.output.ends();
        if ends.is_some() && !has_lines {
            return Err(MEANINGLESS.to_owned());
        }
        let line = || Bounds::Delimiter(b"\n".to_vec());
        let (bounds, code) = match input {
            None | Some(InputFormat::Lines) => {
                (ends.map_or_else(line, Bounds::Delimiter), Code::Plain)
            }
            Some(InputFormat::Length) => (Bounds::Length, Code::Plain),
            Some(InputFormat::Whole) => (Bounds::Nothing, Code::Plain),
            Some(InputFormat::Json) => (Bounds::Json, Code::Plain),
            Some(InputFormat::Base64) => (line(), Code::Base64),
            Some(InputFormat::Hex) => (line(), Code::Hex),
        };
        let is_binary = self.binary || code != Code::Plain && !self.text;
        let input = Framing {
            bounds,
            code,
            kind: if is_binary { Kind::Binary } else { Kind::Text },
        };
        let printed = OutputOptions {
            output,
            ..self.output.clone()
        };
        Ok((input, printed.build(self.binary)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        format: FormatOptions,
    }

    fn framings(line: &str) -> Result<(Framing, Framing), String> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|fault| fault.to_string())?;
        line.format.framings()
    }

    fn framing(bounds: Bounds, code: Code, kind: Kind) -> Framing {
        Framing { bounds, code, kind }
    }

    fn delimited(end: &[u8], code: Code, kind: Kind) -> Framing {
        framing(Bounds::Delimiter(end.to_vec()), code, kind)
    }

    #[test]
    fn has_lines_of_text_both_ways_unless_asked() {
        let lines = || delimited(b"\n", Code::Plain, Kind::Text);
        assert_eq!(framings(""), Ok((lines(), lines())));
        let nul = || delimited(b"\0", Code::Plain, Kind::Text);
        assert_eq!(framings("-0"), Ok((nul(), nul())));
        let end = || delimited(b"--\r\n", Code::Plain, Kind::Text);
        assert_eq!(framings(r"--delimiter=--\r\n"), Ok((end(), end())));
        assert_eq!(
            framings("-0 --input whole"),
            Ok((framing(Bounds::Nothing, Code::Plain, Kind::Text), nul()))
        );
    }

    #[test]
    fn sends_binary_messages_where_bytes_are_spelled_unless_text_is_asked_for() {
        let hex = |kind| delimited(b"\n", Code::Hex, kind);
        assert_eq!(
            framings("--format hex"),
            Ok((hex(Kind::Binary), hex(Kind::Binary)))
        );
        let (input, _) = framings("--format hex --text").expect("options");
        assert_eq!(input, hex(Kind::Text));
        let binary = || delimited(b"\n", Code::Plain, Kind::Binary);
        assert_eq!(framings("--binary"), Ok((binary(), binary())));
        let (input, _) = framings("--binary --text").expect("the last one counts");
        assert_eq!(input.kind, Kind::Text);
    }

    #[test]
    fn refuses_what_contradicts_itself() {
        for line in [
            "-0 --delimiter x",
            "-0 --format length",
            "--delimiter x --input json --output hex",
            "--format hex --input lines",
            "--input raw",
            "--output whole",
            "--delimiter=",
            r"--delimiter \x",
        ] {
            assert!(framings(line).is_err(), "{line}");
        }
    }
}
