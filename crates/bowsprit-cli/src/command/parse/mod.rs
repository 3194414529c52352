//! A line to the command that it is: nothing is done here, and nothing guessed.

use std::time::Duration;

use super::ids::is_integer;
use super::{
    Command, DEFAULT_PORT, Goal, Ids, Listed, STATES, Shown, connections, records, script, sending,
    view, words,
};
use crate::options::{self, Several};
use crate::printer::text;

/// How long `wait` waits unless told otherwise.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// The command in a line, or `None` where the line is blank.
///
/// # Errors
///
/// When the line is no command; the text is what to answer, escaped.
pub(crate) fn parse(line: &str) -> Result<Option<Command>, String> {
    let Some((name, rest)) = field(line) else {
        return Ok(None);
    };
    let rest = rest.unwrap_or_default();
    let command = match name {
        "connect" => connect(rest)?,
        "send" => sending::send(rest)?,
        "close" => sending::close(rest)?,
        "show" => show(rest)?,
        "list" => list(rest)?,
        "ping" => sending::ping(rest)?,
        "serve" => serve(rest)?,
        "stop" if rest.trim().is_empty() => Command::Stop,
        "stop" => connections::stop(rest)?,
        "jobs" => {
            let jobs = Command::Connections(connections::Command::Jobs);
            alone("jobs", rest, jobs)?
        }
        word if connections::WORDS.contains(&word) => connections::parse(word, rest)?,
        "wait" => wait(rest)?,
        "watch" | "follow" | "mute" | "filter" | "message" | "set" => {
            Command::View(view::parse(name, rest)?)
        }
        "record" | "log" | "replay" => Command::Records(records::parse(name, rest)?),
        "help" => help(rest)?,
        word if script::is_own(word) => Command::Script(script::parse(word, rest)?),
        "quit" => alone("quit", rest, Command::Quit)?,
        "quit!" => alone("quit", rest, Command::QuitNow)?,
        _ => return Err(unrecognized(name)),
    };
    Ok(Some(command))
}

fn connect(rest: &str) -> Result<Command, String> {
    if rest.trim().is_empty() {
        return Err(usage("connect"));
    }
    if rest.trim_start().starts_with('-') {
        let (options, several, uri) = options::parse(rest)?;
        return Ok(Command::Connect {
            uri,
            options: Box::new(options),
            several: several.checked()?,
        });
    }
    // Everything behind the one blank is the URI, so that what is wrong with it can be told.
    Ok(Command::Connect {
        uri: rest.to_owned(),
        options: Box::default(),
        several: Several::default(),
    })
}

fn show(rest: &str) -> Result<Command, String> {
    let (ids, rest) = ids("show", rest)?;
    let mut rest = rest.unwrap_or_default();
    let mut what = Shown::default();
    while let Some((word, behind)) = field(rest) {
        rest = behind.unwrap_or_default();
        match word {
            "--headers" => what.headers = true,
            "--json" => what.json = true,
            "--last" => {
                let (number, behind) = field(rest).ok_or_else(|| usage("show"))?;
                what.last = Some(connections::number_of_messages(number)?);
                rest = behind.unwrap_or_default();
            }
            _ => return Err(usage("show")),
        }
    }
    Ok(Command::Show { ids, what })
}

fn list(rest: &str) -> Result<Command, String> {
    let Some((word, rest)) = field(rest) else {
        return Ok(Command::List {
            of: Listed::Fitting,
        });
    };
    let of = match STATES.into_iter().find(|state| *state == word) {
        Some(state) => Listed::State(state),
        None => Listed::Ids(Ids::parse(word)?),
    };
    alone("list", rest.unwrap_or_default(), Command::List { of })
}

fn help(rest: &str) -> Result<Command, String> {
    match field(rest) {
        None => Ok(Command::Help { of: None }),
        Some((name, rest)) => {
            let known = words::names().find(|known| *known == name);
            let of = Some(known.ok_or_else(|| unrecognized(name))?);
            alone("help", rest.unwrap_or_default(), Command::Help { of })
        }
    }
}

fn serve(rest: &str) -> Result<Command, String> {
    if rest.trim_start().starts_with('-') {
        let args = crate::serve::ServeArgs::parse(rest)?;
        return Ok(Command::ServeAs(Box::new(args)));
    }
    match field(rest) {
        None => Ok(Command::Serve { port: DEFAULT_PORT }),
        Some((port, rest)) => {
            let fault = || {
                format!(
                    "Not a port: {} (expected a number from 0 to 65535)",
                    text::escape(port)
                )
            };
            let number = if is_integer(port) {
                port.parse().ok()
            } else {
                None
            };
            alone(
                "serve",
                rest.unwrap_or_default(),
                Command::Serve {
                    port: number.ok_or_else(fault)?,
                },
            )
        }
    }
}

fn wait(rest: &str) -> Result<Command, String> {
    let (ids, rest) = ids("wait", rest)?;
    let (goal, rest) = field(rest.unwrap_or_default()).ok_or_else(|| usage("wait"))?;
    let goal = match goal {
        "open" => Goal::Open,
        "message" => Goal::Message,
        "close" => Goal::Close,
        other => {
            return Err(format!(
                "Nothing to wait for: {} (expected open, message or close)",
                text::escape(other)
            ));
        }
    };
    let Some((limit, rest)) = field(rest.unwrap_or_default()) else {
        return Ok(Command::Wait {
            ids,
            goal,
            limit: DEFAULT_WAIT,
        });
    };
    let limit = script::time(limit)?;
    alone(
        "wait",
        rest.unwrap_or_default(),
        Command::Wait { ids, goal, limit },
    )
}

/// The ids that an argument list begins with, and what stands behind the one blank after them.
pub(super) fn ids<'a>(command: &str, rest: &'a str) -> Result<(Ids, Option<&'a str>), String> {
    let (ids, rest) = field(rest).ok_or_else(|| usage(command))?;
    Ok((Ids::parse(ids)?, rest))
}

/// The value, if nothing but blanks follows it.
pub(super) fn alone<T>(command: &str, rest: &str, value: T) -> Result<T, String> {
    if rest.trim().is_empty() {
        Ok(value)
    } else {
        Err(usage(command))
    }
}

pub(super) fn usage(command: &str) -> String {
    format!("Usage: {}", words::usage(command))
}

fn unrecognized(name: &str) -> String {
    match words::suggest(name) {
        Some(meant) => format!("Unrecognized Command (did you mean {meant}?)"),
        None => "Unrecognized Command".to_owned(),
    }
}

/// The first word of the text and, where a blank follows it, all that stands behind that blank.
pub(super) fn field(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.trim_start_matches(BLANK);
    (!text.is_empty()).then(|| split_blank(text))
}

pub(super) fn split_blank(text: &str) -> (&str, Option<&str>) {
    text.split_once(BLANK)
        .map_or((text, None), |(word, rest)| (word, Some(rest)))
}

/// What separates words.
pub(super) const BLANK: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests;
