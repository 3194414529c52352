//! The commands of scripts: what they ask for, with the variables still in it.

use std::str::FromStr as _;
use std::time::Duration;

use super::{Ids, codes};
use crate::options::Time;
use crate::printer::text::excerpt;
use crate::script::check::Pattern;
use crate::script::path;
use crate::script::relation::{self, Relation};
use crate::script::variables::{check_name, is_plain, word};

/// The longest time that can be waited for: a day.
const MAX_TIME: Duration = Duration::from_secs(86_400);

/// The words that such lines begin with.
const WORDS: [&str; 7] = [
    "expect", "assert", "let", "capture", "echo", "sleep", "discard",
];

/// What a line of a script asks for. Its texts may have variables in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// What must come on a connection, or happen to it.
    Expect {
        ids: String,
        /// In this time, unless it is that of the default.
        limit: Option<String>,
        /// What does not fit is passed over.
        is_until: bool,
        aim: Aim,
    },
    /// How far a connection must be, or with which code it must have been closed.
    AssertStatus { ids: String, status: String },
    /// What the message must be that was taken last.
    AssertMessage {
        id: Option<String>,
        pattern: Pattern,
    },
    /// What must hold between two texts.
    AssertValue {
        left: String,
        relation: Relation,
        right: String,
    },
    /// A variable.
    Let { name: String, value: String },
    /// A variable from the message that was taken last.
    Capture {
        name: String,
        id: Option<String>,
        part: Part,
    },
    /// A line of output.
    Echo { text: String },
    /// Nothing, for a while.
    Sleep { time: String },
    /// The messages that nothing has taken yet are of no interest.
    Discard { ids: String },
}

/// What `expect` is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// A message.
    Message(Pattern),
    /// No message.
    Nothing,
    /// The end of the connection, with this code and this reason.
    Close {
        code: Option<String>,
        reason: Option<String>,
    },
    /// That it does not open: an HTTP status, or a text in the error.
    Fail { with: Option<String> },
}

/// What `capture` takes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// What is at this path.
    Json(String),
    /// The first group of this regular expression, or all that it finds.
    Matches(String),
}

/// Whether the lines that this word begins are for this module, variables and all.
pub(crate) fn is_own(word: &str) -> bool {
    WORDS.contains(&word)
}

/// Reads the command that such a word begins.
///
/// # Errors
///
/// When it is none; the text is what to answer, escaped.
pub(super) fn parse(name: &str, rest: &str) -> Result<Command, String> {
    let command = match name {
        "expect" => expect(rest)?,
        "assert" => assert(rest)?,
        "let" => let_value(rest)?,
        "capture" => capture(rest)?,
        "echo" => Command::Echo {
            text: rest.to_owned(),
        },
        "sleep" => Command::Sleep {
            time: only("sleep", rest)?,
        },
        _ => Command::Discard {
            ids: only("discard", rest)?,
        },
    };
    command.check()?;
    Ok(command)
}

impl Command {
    /// The variable that it gives a value to.
    pub(crate) fn defined(&self) -> Option<&str> {
        match self {
            Self::Let { name, .. } | Self::Capture { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Looks at all that has no variable in it.
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Expect {
                ids, limit, aim, ..
            } => {
                check_ids(ids)?;
                check_plain(limit.as_deref(), |limit| time(limit).map(drop))?;
                aim.check()
            }
            Self::AssertStatus { ids, .. } | Self::Discard { ids } => check_ids(ids),
            Self::AssertMessage { id, pattern } => {
                id.as_deref().map_or(Ok(()), check_ids)?;
                check_pattern(pattern)
            }
            Self::AssertValue {
                relation, right, ..
            } => relation.check(right),
            Self::Capture { id, part, .. } => {
                id.as_deref().map_or(Ok(()), check_ids)?;
                part.check()
            }
            Self::Sleep { time: text } => check_plain(Some(text), |text| time(text).map(drop)),
            Self::Let { .. } | Self::Echo { .. } => Ok(()),
        }
    }
}

impl Aim {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Message(pattern) => check_pattern(pattern),
            Self::Close { code, .. } => {
                check_plain(code.as_deref(), |code| codes::parse(code).map(drop))
            }
            Self::Nothing | Self::Fail { .. } => Ok(()),
        }
    }
}

impl Part {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Whole => Ok(()),
            Self::Json(path) => check_plain(Some(path), |text| path::parse(text).map(drop)),
            Self::Matches(text) => check_plain(Some(text), |text| relation::regex(text).map(drop)),
        }
    }
}

fn check_plain(
    text: Option<&str>,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> Result<(), String> {
    match text {
        Some(text) if is_plain(text) => check(text),
        _ => Ok(()),
    }
}

fn check_ids(ids: &str) -> Result<(), String> {
    check_plain(Some(ids), |ids| Ids::parse(ids).map(drop))
}

/// A pattern with variables is looked at when they have their values.
fn check_pattern(pattern: &Pattern) -> Result<(), String> {
    const LATER: &str = "";
    let ready = pattern.ready(&mut |text| {
        if is_plain(text) {
            Ok(text.to_owned())
        } else {
            Err(LATER.to_owned())
        }
    });
    match ready {
        Err(fault) if fault != LATER => Err(fault),
        _ => Ok(()),
    }
}

/// Reads a time: seconds, or a number with its unit.
///
/// # Errors
///
/// When it is none; the text says why, escaped.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    let time = match seconds {
        Some(seconds) => seconds.ok(),
        None => Time::from_str(text).ok().and_then(Time::get),
    };
    time.filter(|time| *time <= MAX_TIME).ok_or_else(|| {
        format!(
            "Not a time: {} (expected such as 500ms, 5s or 5, a day at most)",
            excerpt(text, 40)
        )
    })
}

fn expect(rest: &str) -> Result<Command, String> {
    const USAGE: &str = "Usage: expect <connection id> [<time>] [until] <pattern>, see help expect";
    let (ids, rest) = word(rest).ok_or(USAGE)?;
    let mut next = word(rest.unwrap_or_default()).ok_or(USAGE)?;
    let mut limit = None;
    // No pattern begins with a digit or a variable.
    if next.0.starts_with(|c: char| c.is_ascii_digit() || c == '.') || !is_plain(next.0) {
        limit = Some(next.0.to_owned());
        next = word(next.1.unwrap_or_default()).ok_or(USAGE)?;
    }
    let is_until = next.0 == "until";
    if is_until {
        next = word(next.1.unwrap_or_default()).ok_or(USAGE)?;
    }
    let (kind, rest) = next;
    if let Some(pattern) = Pattern::parse(kind, rest) {
        let (ids, aim) = (ids.to_owned(), Aim::Message(pattern?));
        return Ok(Command::Expect {
            ids,
            limit,
            is_until,
            aim,
        });
    }
    let words = rest.unwrap_or_default();
    let aim = match kind {
        "nothing" if words.trim().is_empty() => Aim::Nothing,
        "close" => match word(words) {
            None => Aim::Close {
                code: None,
                reason: None,
            },
            Some((code, reason)) => Aim::Close {
                code: Some(code.to_owned()),
                reason: reason.map(str::to_owned),
            },
        },
        "fail" => Aim::Fail {
            with: Some(words.trim())
                .filter(|with| !with.is_empty())
                .map(str::to_owned),
        },
        other => {
            return Err(format!(
                "Nothing to expect: {} (expected {}, nothing, close or fail)",
                excerpt(other, 40),
                Pattern::KINDS
            ));
        }
    };
    if is_until {
        return Err(format!("until is for messages, not for {kind}"));
    }
    Ok(Command::Expect {
        ids: ids.to_owned(),
        limit,
        is_until,
        aim,
    })
}

fn assert(rest: &str) -> Result<Command, String> {
    const USAGE: &str =
        "Usage: assert status|message ..., or assert <value> <sign> <value>, see help assert";
    let (first, rest) = word(rest).ok_or(USAGE)?;
    let rest = rest.unwrap_or_default();
    match first {
        "status" => {
            let (ids, status) =
                word(rest).ok_or("Usage: assert status <connection id> <status>")?;
            Ok(Command::AssertStatus {
                ids: ids.to_owned(),
                status: only("assert", status.unwrap_or_default())
                    .map_err(|_| "Usage: assert status <connection id> <status>")?,
            })
        }
        "message" => {
            let (id, kind, rest) =
                of_message(rest).ok_or("Usage: assert message [<connection id>] <pattern>")?;
            let pattern = Pattern::parse(kind, rest).ok_or_else(|| {
                format!(
                    "No pattern: {} (expected {})",
                    excerpt(kind, 40),
                    Pattern::KINDS
                )
            })??;
            let id = id.map(str::to_owned);
            Ok(Command::AssertMessage { id, pattern })
        }
        left => {
            let (sign, right) = word(rest).ok_or(USAGE)?;
            Ok(Command::AssertValue {
                left: left.to_owned(),
                relation: Relation::parse(sign)?,
                right: right.unwrap_or_default().to_owned(),
            })
        }
    }
}

fn let_value(rest: &str) -> Result<Command, String> {
    const USAGE: &str = "Usage: let <name> = <value>";
    let (name, rest) = word(rest).ok_or(USAGE)?;
    check_name(name)?;
    match word(rest.unwrap_or_default()) {
        Some(("=", value)) => Ok(Command::Let {
            name: name.to_owned(),
            value: value.unwrap_or_default().to_owned(),
        }),
        _ => Err(USAGE.to_owned()),
    }
}

fn capture(rest: &str) -> Result<Command, String> {
    const USAGE: &str =
        "Usage: capture <name> [<connection id>] message|json <path>|matches <regular expression>";
    let (name, rest) = word(rest).ok_or(USAGE)?;
    check_name(name)?;
    let (id, kind, rest) = of_message(rest.unwrap_or_default()).ok_or(USAGE)?;
    let rest = rest.unwrap_or_default();
    let part = match kind {
        "message" if rest.trim().is_empty() => Part::Whole,
        "json" if !rest.trim().is_empty() => Part::Json(rest.trim().to_owned()),
        "matches" if !rest.is_empty() => Part::Matches(rest.to_owned()),
        _ => return Err(USAGE.to_owned()),
    };
    Ok(Command::Capture {
        name: name.to_owned(),
        id: id.map(str::to_owned),
        part,
    })
}

/// An id, if there is one, then a word, and what stands behind it.
fn of_message(text: &str) -> Option<(Option<&str>, &str, Option<&str>)> {
    let (first, rest) = word(text)?;
    let is_kind = first == "message" || Pattern::parse(first, Some("x")).is_some();
    if is_kind {
        return Some((None, first, rest));
    }
    match word(rest.unwrap_or_default()) {
        Some((kind, rest)) => Some((Some(first), kind, rest)),
        None => Some((None, first, rest)),
    }
}

/// The one word that there is.
fn only(command: &str, text: &str) -> Result<String, String> {
    match word(text) {
        Some((word, rest)) if rest.unwrap_or_default().trim().is_empty() => Ok(word.to_owned()),
        _ => Err(format!("Usage: {}", super::words::usage(command))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let (name, rest) = word(line).expect("a word");
        parse(name, rest.unwrap_or_default())
    }

    #[test]
    fn reads_what_may_stand_between_an_id_and_its_pattern() {
        let text = |limit: Option<&str>, is_until| Command::Expect {
            ids: "0".to_owned(),
            limit: limit.map(str::to_owned),
            is_until,
            aim: Aim::Message(Pattern::Text(" 5s until".to_owned())),
        };
        for (line, command) in [
            ("expect 0 text  5s until", text(None, false)),
            ("expect 0 5s text  5s until", text(Some("5s"), false)),
            ("expect 0 .5 until text  5s until", text(Some(".5"), true)),
            (
                "expect 0 ${t} until text  5s until",
                text(Some("${t}"), true),
            ),
        ] {
            assert_eq!(parsed(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn finds_faults_before_anything_is_run() {
        for (line, fault) in [
            ("expect", "Usage: expect"),
            ("expect 0", "Usage: expect"),
            ("expect 0 5s", "Usage: expect"),
            ("expect +1 text x", "Not a connection id: +1"),
            ("expect 0 hello", "Nothing to expect: hello"),
            ("expect 0 5x text x", "Not a time: 5x"),
            ("expect 0 matches a(", "Not a regular expression: a("),
            ("expect 0 json $.a[ = 1", "Not a JSON path: $.a["),
            ("expect 0 json $.a matches (", "Not a regular expression: ("),
            ("expect 0 hex 0", "Not hexadecimal"),
            ("expect 0 close 4001x", "Not a close code"),
            ("expect 0 until nothing", "until is for messages"),
            ("assert 1 == 2", "Not a comparison: =="),
            ("assert x", "Usage: assert"),
            ("assert message 0", "No pattern: 0"),
            ("assert status 0", "Usage: assert status"),
            ("let id = 1", "id has a meaning of its own"),
            ("let 1x = 1", "Not a name: 1x"),
            ("let x 1", "Usage: let"),
            ("capture x json", "Usage: capture"),
            ("capture x json $[", "Not a JSON path"),
            ("sleep -1", "Not a time: -1"),
            ("sleep inf", "Not a time: inf"),
            ("sleep 1 2", "Usage: sleep"),
            ("sleep 25h", "Not a time: 25h"),
        ] {
            let answer = parsed(line).expect_err(line);
            assert!(answer.starts_with(fault), "{line}: {answer}");
        }
        // What has a variable in it is looked at later.
        for line in [
            "expect ${c} matches ${x}(",
            "sleep ${x}",
            "expect 0 hex ${x}0",
        ] {
            assert!(parsed(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn takes_an_id_before_the_part_of_a_message() {
        let part = |id: Option<&str>| Command::Capture {
            name: "x".to_owned(),
            id: id.map(str::to_owned),
            part: Part::Json("$.a".to_owned()),
        };
        assert_eq!(parsed("capture x json $.a"), Ok(part(None)));
        assert_eq!(parsed("capture x 1 json $.a"), Ok(part(Some("1"))));
    }
}
