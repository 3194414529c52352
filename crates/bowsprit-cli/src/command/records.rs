//! `record`, `log` and `replay`: what happens, written to files, and played again.

use std::path::PathBuf;

use super::{Ids, words};
use crate::options::Size;
use crate::recording::ReplayArgs;

/// What they ask for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Write down what happens from now on: on all connections, or on these.
    Begin {
        ids: Option<Ids>,
        path: PathBuf,
        limit: Option<u64>,
    },
    /// Write no more: to the record of all connections, or to the logs of these.
    End { ids: Option<Ids> },
    /// Tell what is written where.
    Tell,
    /// Play a record to a server.
    Replay(Box<ReplayArgs>),
    /// Stop playing.
    StopReplay,
}

/// The command in what stands behind `record` or `log`.
///
/// # Errors
///
/// When it is none; the text is what to answer.
pub(super) fn parse(name: &str, rest: &str) -> Result<Command, String> {
    let usage = || format!("Usage: {}", words::usage(name));
    let rest = rest.trim();
    let (ids, rest) = match (name, rest) {
        ("replay", "") => return Err(usage()),
        ("replay", "off") => return Ok(Command::StopReplay),
        ("replay", rest) => {
            let args = ReplayArgs::of_line(rest)?;
            return Ok(Command::Replay(Box::new(args)));
        }
        (_, "") => return Ok(Command::Tell),
        ("log", rest) => {
            let (ids, rest) = rest.split_once([' ', '\t']).ok_or_else(usage)?;
            (Some(Ids::parse(ids)?), rest.trim())
        }
        (_, rest) => (None, rest),
    };
    let (limit, path) = match rest.strip_prefix("--limit") {
        None => (None, rest),
        Some(rest) => {
            let rest = rest.trim_start_matches(['=', ' ', '\t']);
            let (limit, path) = rest.split_once([' ', '\t']).ok_or_else(usage)?;
            let Size(limit) = limit.parse().map_err(|fault| format!("--limit: {fault}"))?;
            (Some(limit as u64), path.trim())
        }
    };
    match path {
        "" => Err(usage()),
        "off" => Ok(Command::End { ids }),
        path => Ok(Command::Begin {
            ids,
            // `./off` is a file of that name.
            path: path.into(),
            limit,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_to_write_and_where() {
        let begin = |path: &str, limit| Command::Begin {
            ids: None,
            path: path.into(),
            limit,
        };
        assert_eq!(parse("record", " "), Ok(Command::Tell));
        assert_eq!(parse("record", "a b.jsonl"), Ok(begin("a b.jsonl", None)));
        assert_eq!(
            parse("record", "--limit 1KiB x"),
            Ok(begin("x", Some(1024)))
        );
        assert_eq!(parse("record", "off"), Ok(Command::End { ids: None }));
        let of = Ids::parse("0-2").expect("a range");
        let log = parse("log", "0-2 x.jsonl");
        let expected = Command::Begin {
            ids: Some(of.clone()),
            path: "x.jsonl".into(),
            limit: None,
        };
        assert_eq!(log, Ok(expected));
        assert_eq!(parse("log", "0-2 off"), Ok(Command::End { ids: Some(of) }));
        for (name, rest) in [
            ("log", "0"),
            ("log", "+1 y"),
            ("record", "--limit 5"),
            ("record", "--limit 1x f"),
        ] {
            assert!(parse(name, rest).is_err(), "{name} {rest}");
        }
    }
}
