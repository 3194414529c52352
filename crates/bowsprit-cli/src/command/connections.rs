//! The commands of the topic "Connections": names and crowds, records of messages, work that repeats.

use std::path::PathBuf;
use std::time::Duration;

use super::parse::{BLANK, alone, field, ids, usage};
use super::{Ids, sending};
use crate::options;
use crate::options::units::Time;
use crate::printer::text::escape;

/// What a line of this topic asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Plain lines go to this connection from now on, or to none.
    Use { ids: Option<Ids> },
    /// Make connections that have ended again, with the same options.
    Reconnect { ids: Ids },
    /// Print counters, rates and round trips: of these connections, or of all together.
    Stats { ids: Option<Ids> },
    /// Print the latest messages.
    History { ids: Ids, last: usize },
    /// Write the messages to a file.
    Save { ids: Ids, file: SaveAs },
    /// Send or ping again and again.
    Every { interval: Duration, work: Work },
    /// Print what repeats.
    Jobs,
    /// End one of them, or all.
    StopJob { number: Option<u32> },
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SaveAs {
    pub(crate) path: PathBuf,
    pub(crate) form: Form,
    /// A file that is there is replaced.
    pub(crate) forces: bool,
}

/// How messages are written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line for each, as `history` prints it.
    Text,
    /// An object a line, as `--json` prints it.
    Json,
    /// The payloads that came, and nothing else: a line feed behind each text.
    Raw,
}

/// What is done again and again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Work {
    Send { ids: Ids, payload: sending::Payload },
    Ping { ids: Ids, payload: String },
}

/// How many messages `history` prints unless told otherwise.
const DEFAULT_LAST: usize = 20;

/// The shortest time between two rounds of a job.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// The words that begin such a line.
pub(super) const WORDS: [&str; 7] = [
    "use",
    "open",
    "reconnect",
    "stats",
    "history",
    "save",
    "every",
];

/// Reads a line that begins with one of [`WORDS`].
pub(super) fn parse(word: &str, rest: &str) -> Result<super::Command, String> {
    let command = match word {
        "use" => Command::Use {
            ids: optional_ids("use", rest, "none")?,
        },
        "open" => return open(rest),
        "reconnect" => {
            let (ids, rest) = ids("reconnect", rest)?;
            alone(
                "reconnect",
                rest.unwrap_or_default(),
                Command::Reconnect { ids },
            )?
        }
        "stats" => Command::Stats {
            ids: optional_ids("stats", rest, "")?,
        },
        "history" => history(rest)?,
        "save" => save(rest)?,
        _ => every(rest)?,
    };
    Ok(super::Command::Connections(command))
}

/// `open 100 <uri>` is `connect --count 100 <uri>`.
fn open(rest: &str) -> Result<super::Command, String> {
    let (count, rest) = field(rest).ok_or_else(|| usage("open"))?;
    let count: options::Count = count
        .parse()
        .map_err(|fault| format!("Not a count: {} ({fault})", escape(count)))?;
    let rest = rest.unwrap_or_default().trim();
    if rest.is_empty() {
        return Err(usage("open"));
    }
    if !rest.starts_with('-') {
        return Ok(super::Command::Connect {
            uri: rest.to_owned(),
            options: Box::default(),
            several: options::Several::of(count),
        });
    }
    let (options, mut several, uri) = options::parse(rest)?;
    if several.count.replace(count).is_some() {
        return Err("The count stands behind open already: --count is for connect".to_owned());
    }
    Ok(super::Command::Connect {
        uri,
        options: Box::new(options),
        several: several.checked()?,
    })
}

fn optional_ids(command: &str, rest: &str, none: &str) -> Result<Option<Ids>, String> {
    match field(rest) {
        None => Ok(None),
        Some((word, rest)) => {
            let ids = if word == none {
                None
            } else {
                Some(Ids::parse(word)?)
            };
            alone(command, rest.unwrap_or_default(), ids)
        }
    }
}

fn history(rest: &str) -> Result<Command, String> {
    let (ids, rest) = ids("history", rest)?;
    let Some((last, rest)) = field(rest.unwrap_or_default()) else {
        return Ok(Command::History {
            ids,
            last: DEFAULT_LAST,
        });
    };
    let last = number_of_messages(last)?;
    alone(
        "history",
        rest.unwrap_or_default(),
        Command::History { ids, last },
    )
}

/// How many messages are meant.
pub(super) fn number_of_messages(text: &str) -> Result<usize, String> {
    let fault = |_| {
        let text = escape(text);
        format!("Not a number of messages: {text} (expected such as 20)")
    };
    text.parse().map_err(fault)
}

fn save(rest: &str) -> Result<Command, String> {
    let (ids, rest) = ids("save", rest)?;
    let mut rest = rest.unwrap_or_default().trim_start_matches(BLANK);
    let (mut form, mut forces) = (None, false);
    while rest.starts_with("--") {
        let (word, behind) = rest.split_once(BLANK).unwrap_or((rest, ""));
        match word {
            "--force" => forces = true,
            "--text" => form = Some(Form::Text),
            "--json" => form = Some(Form::Json),
            "--raw" => form = Some(Form::Raw),
            _ => {
                return Err(format!(
                    "Not an option of save: {} (see help save)",
                    escape(word)
                ));
            }
        }
        rest = behind.trim_start_matches(BLANK);
    }
    if rest.is_empty() {
        return Err(usage("save"));
    }
    let path = PathBuf::from(rest);
    let form = form.unwrap_or_else(|| match path.extension().and_then(|end| end.to_str()) {
        Some("json" | "jsonl" | "ndjson") => Form::Json,
        Some("raw" | "bin") => Form::Raw,
        _ => Form::Text,
    });
    let file = SaveAs { path, form, forces };
    Ok(Command::Save { ids, file })
}

fn every(rest: &str) -> Result<Command, String> {
    let (interval, rest) = field(rest).ok_or_else(|| usage("every"))?;
    let interval = self::interval(interval)?;
    let (word, rest) = field(rest.unwrap_or_default()).ok_or_else(|| usage("every"))?;
    let rest = rest.unwrap_or_default();
    let work = match word {
        "send" => match sending::send(rest)? {
            super::Command::Send {
                payload: sending::Payload::Block(_),
                ..
            } => {
                return Err("What repeats is one line: send a file, @path, for more".to_owned());
            }
            super::Command::Send { ids, payload } => Work::Send { ids, payload },
            _ => return Err(usage("every")),
        },
        "ping" => {
            let (ids, payload) = sending::ping_operands(rest)?;
            Work::Ping { ids, payload }
        }
        _ => return Err(usage("every")),
    };
    Ok(Command::Every { interval, work })
}

/// The time between two rounds.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let fault = |why: &str| format!("Not a time: {} ({why})", escape(text));
    let time: Time = text.parse().map_err(fault)?;
    let time = time.get().ok_or_else(|| fault("stop <job> ends a job"))?;
    if time < MIN_INTERVAL {
        return Err(fault("at least 10ms"));
    }
    Ok(time)
}

/// `stop` with something behind it: a job, and not the echo server.
pub(super) fn stop(rest: &str) -> Result<super::Command, String> {
    let (word, rest) = field(rest).ok_or_else(|| usage("stop"))?;
    let number = match word {
        "all" => None,
        digits => Some(digits.parse().map_err(|_| {
            format!(
                "Not a job: {} (expected a number, see jobs)",
                escape(digits)
            )
        })?),
    };
    let command = super::Command::Connections(Command::StopJob { number });
    alone("stop", rest.unwrap_or_default(), command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        match super::super::parse(line) {
            Ok(Some(super::super::Command::Connections(command))) => Ok(command),
            Err(fault) => Err(fault),
            other => panic!("{other:?} is of another topic"),
        }
    }

    #[test]
    fn reads_what_to_save_and_how() {
        for (line, path, form, forces) in [
            ("save 0 a.txt", "a.txt", Form::Text, false),
            ("save 0 a.jsonl", "a.jsonl", Form::Json, false),
            ("save 0 --raw --force a b", "a b", Form::Raw, true),
            ("save 0 --text a.json", "a.json", Form::Text, false),
        ] {
            let path = path.into();
            let (ids, file) = (
                Ids::parse("0").expect("an id"),
                SaveAs { path, form, forces },
            );
            assert_eq!(read(line), Ok(Command::Save { ids, file }), "{line}");
        }
        assert!(read("save 0").is_err_and(|fault| fault.starts_with("Usage: save ")));
        assert!(read("save 0 --forse x").is_err_and(|fault| fault.contains("--forse")));
    }

    #[test]
    fn reads_work_that_repeats() {
        let Ok(Command::Every { interval, work }) = read("every 1.5s send 0-2  two") else {
            panic!("a job");
        };
        assert_eq!(interval, Duration::from_millis(1_500));
        let ids = Ids::parse("0-2").expect("ids");
        let payload = sending::Payload::Text(" two".to_owned());
        assert_eq!(work, Work::Send { ids, payload });
        for line in [
            "every",
            "every 5",
            "every off ping 0",
            "every 1ms ping 0",
            "every 5s show 0",
            "every 5s send 0 \"\"\"",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn takes_a_number_behind_stop_for_a_job() {
        assert_eq!(read("stop 3"), Ok(Command::StopJob { number: Some(3) }));
        assert_eq!(read("stop all"), Ok(Command::StopJob { number: None }));
        assert!(read("stop x").is_err_and(|fault| fault.starts_with("Not a job: x")));
    }
}
