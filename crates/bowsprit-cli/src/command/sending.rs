//! What goes to the peers as typed: messages in all their forms, pings, and closes.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bowsprit::CloseCode;

use super::parse::{BLANK, alone, field, ids, split_blank, usage};
use super::{Command, Ids, codes, connections};
use crate::printer::{hex, text};

/// The most that a control frame carries (RFC 6455 §5.5).
const MAX_PING: usize = 125;

/// Base64 with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What opens and ends a message of several lines.
pub(crate) const QUOTES: &str = "\"\"\"";

/// What `send` sends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Payload {
    /// A text message, as typed.
    Text(String),
    /// A binary message, typed in hexadecimal or base64.
    Binary(Vec<u8>),
    /// A text message: the content of this file.
    TextFile(PathBuf),
    /// A binary message: the content of this file.
    File(PathBuf),
    /// A text message that must be JSON; it may go on in the lines that follow.
    Json(String),
    /// A text message: the lines that follow, up to the closing quotes.
    Block(Lines),
}

/// How the lines of a message are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// With a value for each variable.
    Expanded,
    /// As they are written.
    Literal,
}

/// How a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The code is any number, the reason of any length.
    Frame { code: CloseCode, reason: String },
    /// With a frame that carries no code.
    Empty,
    /// Without a frame: the transport is dropped.
    Abort,
}

pub(super) fn send(rest: &str) -> Result<Command, String> {
    let (ids, message) = ids("send", rest)?;
    let message = message.ok_or_else(|| usage("send"))?;
    let payload = payload(message)?;
    Ok(Command::Send { ids, payload })
}

/// What stands behind the one blank after the ids: text, unless it says otherwise.
fn payload(message: &str) -> Result<Payload, String> {
    let (word, operand) = split_blank(message);
    let rest = operand.unwrap_or_default();
    Ok(match word {
        QUOTES if rest.trim().is_empty() => Payload::Block(Lines::Expanded),
        "\"\"" if rest.trim().is_empty() => Payload::Text(String::new()),
        "--" => Payload::Text(rest.to_owned()),
        "--hex" => {
            let bytes = hex::decode(rest);
            Payload::Binary(
                bytes.map_err(|fault| format!("Not hexadecimal: {}", text::escape(&fault)))?,
            )
        }
        "--base64" => {
            let digits = rest.replace(BLANK, "");
            let bytes = BASE64.decode(digits).map_err(|fault| fault.to_string());
            Payload::Binary(bytes.map_err(|fault| format!("Not base64: {}", text::escape(&fault)))?)
        }
        "--json" if rest.trim().is_empty() => return Err(form("--json <value>")),
        "--json" => Payload::Json(rest.to_owned()),
        "--file" if rest.is_empty() => return Err(form("--file <path>")),
        "--file" => Payload::File(rest.into()),
        "--binary" => match rest.strip_prefix('@') {
            Some("") => return Err(form("--binary @<path>")),
            Some(path) => Payload::File(path.into()),
            None => Payload::Binary(rest.as_bytes().to_vec()),
        },
        word if word.starts_with("--") => {
            return Err(format!(
                "Not an option of send: {0} (send <id> -- {0} sends it as text)",
                text::escape(word)
            ));
        }
        "@" if rest.is_empty() => return Err(form("@<path>")),
        _ => match message.strip_prefix('@') {
            Some(path) => Payload::TextFile(path.into()),
            None => Payload::Text(message.to_owned()),
        },
    })
}

fn form(operands: &str) -> String {
    format!("Usage: send <connection id> {operands}")
}

pub(super) fn close(rest: &str) -> Result<Command, String> {
    let (ids, rest) = ids("close", rest)?;
    let how = match field(rest.unwrap_or_default()) {
        None => Closing::Frame {
            code: CloseCode::NORMAL,
            reason: String::new(),
        },
        Some(("--empty", rest)) => alone("close", rest.unwrap_or_default(), Closing::Empty)?,
        Some(("--abort", rest)) => alone("close", rest.unwrap_or_default(), Closing::Abort)?,
        Some((code, reason)) => Closing::Frame {
            code: codes::parse(code)?,
            reason: reason.unwrap_or_default().to_owned(),
        },
    };
    Ok(Command::Close { ids, how })
}

pub(super) fn ping(rest: &str) -> Result<Command, String> {
    let (ids, interval, payload) = ping_line(rest)?;
    Ok(match interval {
        None => Command::Ping { ids, payload },
        Some(interval) => Command::Connections(connections::Command::Every {
            interval,
            work: connections::Work::Ping { ids, payload },
        }),
    })
}

/// The connections to ping and the payload, where nothing is to repeat.
pub(super) fn ping_operands(rest: &str) -> Result<(Ids, String), String> {
    match ping_line(rest)? {
        (ids, None, payload) => Ok((ids, payload)),
        _ => Err(usage("every")),
    }
}

fn ping_line(rest: &str) -> Result<(Ids, Option<Duration>, String), String> {
    let (ids, payload) = ids("ping", rest)?;
    let payload = payload.unwrap_or_default();
    let (interval, payload) = match split_blank(payload) {
        ("--every", Some(rest)) => {
            let (interval, payload) = field(rest).ok_or_else(|| usage("ping"))?;
            (
                Some(connections::interval(interval)?),
                payload.unwrap_or_default(),
            )
        }
        ("--every", None) => return Err(usage("ping")),
        ("--", payload) => (None, payload.unwrap_or_default()),
        _ => (None, payload),
    };
    if payload.len() > MAX_PING {
        return Err(format!(
            "A ping carries up to {MAX_PING} bytes, and this payload has {}",
            payload.len()
        ));
    }
    Ok((ids, interval, payload.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_a_message() {
        for (message, read) in [
            ("hello", Payload::Text("hello".to_owned())),
            ("\"\"", Payload::Text(String::new())),
            ("-- \"\"", Payload::Text("\"\"".to_owned())),
            ("-- @home", Payload::Text("@home".to_owned())),
            ("\"\"\"", Payload::Block(Lines::Expanded)),
            ("\"\"\"x", Payload::Text("\"\"\"x".to_owned())),
            ("--hex 00ff", Payload::Binary(vec![0, 255])),
            ("--base64 AP8=", Payload::Binary(vec![0, 255])),
            ("--base64 AP8", Payload::Binary(vec![0, 255])),
            ("--binary two words", Payload::Binary(b"two words".to_vec())),
            ("--binary @a b", Payload::File("a b".into())),
            ("--file a b", Payload::File("a b".into())),
            ("@a b", Payload::TextFile("a b".into())),
            ("@ a", Payload::TextFile(" a".into())),
            ("--json {", Payload::Json("{".to_owned())),
        ] {
            assert_eq!(payload(message), Ok(read), "{message}");
        }
        for message in [
            "--base64 A",
            "--hex 0",
            "--file",
            "--binary @",
            "@",
            "--json",
            "--jsn {}",
        ] {
            assert!(payload(message).is_err(), "{message}");
        }
    }
}
