//! A line to the command that it is: nothing is done here, and nothing guessed.

use std::time::Duration;

use bowsprit::CloseCode;

use super::{Command, DEFAULT_PORT, Goal, Id, Payload, words};
use crate::printer::{hex, text};

/// How long `wait` waits unless told otherwise.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// The longest wait that can be asked for, in seconds: a day.
const MAX_WAIT: f64 = 86_400.0;

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
        "send" => send(rest)?,
        "close" => close(rest)?,
        "show" => Command::Show {
            id: only_id("show", rest)?,
        },
        "list" => alone("list", rest, Command::List)?,
        "ping" => Command::Ping {
            id: only_id("ping", rest)?,
        },
        "serve" => serve(rest)?,
        "stop" => alone("stop", rest, Command::Stop)?,
        "wait" => wait(rest)?,
        "help" => alone("help", rest, Command::Help)?,
        "quit" => alone("quit", rest, Command::Quit)?,
        "quit!" => alone("quit", rest, Command::QuitNow)?,
        _ => return Err(unrecognized(name)),
    };
    Ok(Some(command))
}

fn connect(rest: &str) -> Result<Command, String> {
    // Everything behind the one blank is the URI, so that what is wrong with it can be told.
    if rest.trim().is_empty() {
        Err(usage("connect"))
    } else {
        Ok(Command::Connect {
            uri: rest.to_owned(),
        })
    }
}

fn send(rest: &str) -> Result<Command, String> {
    let (id, message) = id("send", rest)?;
    let message = message.ok_or_else(|| usage("send"))?;
    let (word, operand) = split_blank(message);
    let payload = match word {
        "--" => Payload::Text(operand.unwrap_or_default().to_owned()),
        "--hex" => {
            let bytes = hex::decode(operand.unwrap_or_default());
            Payload::Binary(
                bytes.map_err(|fault| format!("Not hexadecimal: {}", text::escape(&fault)))?,
            )
        }
        "--file" => match operand {
            Some(path) if !path.is_empty() => Payload::File(path.into()),
            _ => return Err("Usage: send <connection id> --file <path>".to_owned()),
        },
        _ => Payload::Text(message.to_owned()),
    };
    Ok(Command::Send { id, payload })
}

fn close(rest: &str) -> Result<Command, String> {
    let (id, rest) = id("close", rest)?;
    let Some((code, reason)) = field(rest.unwrap_or_default()) else {
        return Ok(Command::Close {
            id,
            code: CloseCode::NORMAL,
            reason: String::new(),
        });
    };
    if !is_integer(code) {
        let code = text::escape(code);
        return Err(format!(
            "Not a close code: {code} (expected a number from 1000 to 4999)"
        ));
    }
    let out_of_range =
        || format!("Error initiating close: Invalid close code used ({code} is out of range)");
    let code = CloseCode(code.parse().map_err(|_| out_of_range())?);
    Ok(Command::Close {
        id,
        code,
        reason: reason.unwrap_or_default().to_owned(),
    })
}

fn serve(rest: &str) -> Result<Command, String> {
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
    let (id, rest) = id("wait", rest)?;
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
            id,
            goal,
            limit: DEFAULT_WAIT,
        });
    };
    let seconds = limit
        .parse()
        .ok()
        .filter(|seconds| (0.0..=MAX_WAIT).contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        format!(
            "Not a number of seconds: {} (expected 0 to {MAX_WAIT})",
            text::escape(limit)
        )
    })?;
    alone(
        "wait",
        rest.unwrap_or_default(),
        Command::Wait {
            id,
            goal,
            limit: Duration::from_secs_f64(seconds),
        },
    )
}

/// The id that an argument list begins with, and what stands behind the one blank after it.
fn id<'a>(command: &str, rest: &'a str) -> Result<(Id, Option<&'a str>), String> {
    let (id, rest) = field(rest).ok_or_else(|| usage(command))?;
    if is_integer(id) {
        Ok((Id(id.to_owned()), rest))
    } else {
        Err(format!(
            "Not a connection id: {} (expected a number, see list)",
            text::escape(id)
        ))
    }
}

fn only_id(command: &str, rest: &str) -> Result<Id, String> {
    let (id, rest) = id(command, rest)?;
    alone(command, rest.unwrap_or_default(), id)
}

/// The value, if nothing but blanks follows it.
fn alone<T>(command: &str, rest: &str, value: T) -> Result<T, String> {
    if rest.trim().is_empty() {
        Ok(value)
    } else {
        Err(usage(command))
    }
}

fn usage(command: &str) -> String {
    format!("Usage: {}", words::usage(command))
}

fn unrecognized(name: &str) -> String {
    match words::suggest(name) {
        Some(meant) => format!("Unrecognized Command (did you mean {meant}?)"),
        None => "Unrecognized Command".to_owned(),
    }
}

/// The first word of the text and, where a blank follows it, all that stands behind that blank.
fn field(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.trim_start_matches(BLANK);
    (!text.is_empty()).then(|| split_blank(text))
}

fn split_blank(text: &str) -> (&str, Option<&str>) {
    text.split_once(BLANK)
        .map_or((text, None), |(word, rest)| (word, Some(rest)))
}

/// Whether the text is a decimal integer, of any size: no sign but a minus, no other character.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

const BLANK: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(number: &str) -> Id {
        Id(number.to_owned())
    }

    fn text(id: &str, text: &str) -> Command {
        Command::Send {
            id: id_of(id),
            payload: Payload::Text(text.to_owned()),
        }
    }

    fn closing(code: u16, reason: &str) -> Command {
        Command::Close {
            id: id_of("0"),
            code: CloseCode(code),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn reads_every_command() {
        let waiting = |goal, millis| Command::Wait {
            id: id_of("3"),
            goal,
            limit: Duration::from_millis(millis),
        };
        for (line, command) in [
            (
                "connect ws://localhost:9002",
                Command::Connect {
                    uri: "ws://localhost:9002".to_owned(),
                },
            ),
            (
                "connect not a websocket uri",
                Command::Connect {
                    uri: "not a websocket uri".to_owned(),
                },
            ),
            (
                "connect  ws://a ",
                Command::Connect {
                    uri: " ws://a ".to_owned(),
                },
            ),
            ("show 7", Command::Show { id: id_of("7") }),
            ("show  7 ", Command::Show { id: id_of("7") }),
            ("show -1", Command::Show { id: id_of("-1") }),
            ("list", Command::List),
            ("ping 0", Command::Ping { id: id_of("0") }),
            ("serve", Command::Serve { port: 9002 }),
            ("serve 0", Command::Serve { port: 0 }),
            ("stop", Command::Stop),
            ("wait 3 open", waiting(Goal::Open, 10_000)),
            ("wait 3 message 0.5", waiting(Goal::Message, 500)),
            ("wait 3 close 60", waiting(Goal::Close, 60_000)),
            ("help ", Command::Help),
            ("quit", Command::Quit),
            ("quit!", Command::QuitNow),
        ] {
            assert_eq!(parse(line), Ok(Some(command)), "{line}");
        }
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse(" \t "), Ok(None));
    }

    #[test]
    fn drops_exactly_one_blank_in_front_of_a_message() {
        for (line, command) in [
            ("send 0 hello", text("0", "hello")),
            ("send 0  two", text("0", " two")),
            ("send 0 trailing  ", text("0", "trailing  ")),
            ("send 0 ", text("0", "")),
            ("send 0\ttab", text("0", "tab")),
            (
                "send  0 id behind two blanks",
                text("0", "id behind two blanks"),
            ),
            ("send 0 -- --hex is text", text("0", "--hex is text")),
            ("send 0 -- -- twice", text("0", "-- twice")),
            ("send 0 --hexed is text", text("0", "--hexed is text")),
        ] {
            assert_eq!(parse(line), Ok(Some(command)), "{line}");
        }
    }

    #[test]
    fn reads_binary_messages() {
        let sending = |payload| {
            Ok(Some(Command::Send {
                id: id_of("0"),
                payload,
            }))
        };
        assert_eq!(
            parse("send 0 --hex 00ff 7f"),
            sending(Payload::Binary(vec![0, 0xff, 0x7f]))
        );
        assert_eq!(parse("send 0 --hex"), sending(Payload::Binary(vec![])));
        assert_eq!(
            parse("send 0 --file a file"),
            sending(Payload::File("a file".into()))
        );
    }

    #[test]
    fn drops_exactly_one_blank_in_front_of_a_reason() {
        for (line, command) in [
            ("close 0", closing(1000, "")),
            ("close 0 1001", closing(1001, "")),
            (
                "close 0 1001 example message",
                closing(1001, "example message"),
            ),
            ("close 0 4000  two", closing(4000, " two")),
            ("close 0 1006", closing(1006, "")),
        ] {
            assert_eq!(parse(line), Ok(Some(command)), "{line}");
        }
    }

    #[test]
    fn refuses_a_line_that_lacks_an_id_or_has_a_wrong_one() {
        for (line, answer) in [
            ("connect", "Usage: connect <ws uri>"),
            ("connect ", "Usage: connect <ws uri>"),
            ("show", "Usage: show <connection id>"),
            ("show 0 extra", "Usage: show <connection id>"),
            (
                "show abc",
                "Not a connection id: abc (expected a number, see list)",
            ),
            (
                "show +1",
                "Not a connection id: +1 (expected a number, see list)",
            ),
            (
                "show 0x0",
                "Not a connection id: 0x0 (expected a number, see list)",
            ),
            (
                "show \u{1b}c",
                "Not a connection id: \\u{1b}c (expected a number, see list)",
            ),
            ("send", "Usage: send <connection id> <message>"),
            ("send 0", "Usage: send <connection id> <message>"),
            (
                "send hello world",
                "Not a connection id: hello (expected a number, see list)",
            ),
            (
                "send 0 --hex 0",
                "Not hexadecimal: the number of digits is odd",
            ),
            ("send 0 --file", "Usage: send <connection id> --file <path>"),
        ] {
            assert_eq!(parse(line), Err(answer.to_owned()), "{line}");
        }
    }

    #[test]
    fn refuses_codes_ports_and_words_that_do_not_exist() {
        for (line, answer) in [
            (
                "close",
                "Usage: close <connection id> [<close code:default=1000>] [<close reason>]",
            ),
            (
                "close 0 bye",
                "Not a close code: bye (expected a number from 1000 to 4999)",
            ),
            (
                "close 0 1000bye",
                "Not a close code: 1000bye (expected a number from 1000 to 4999)",
            ),
            (
                "close 0 65536",
                "Error initiating close: Invalid close code used (65536 is out of range)",
            ),
            (
                "close 0 -1",
                "Error initiating close: Invalid close code used (-1 is out of range)",
            ),
            ("ping", "Usage: ping <connection id>"),
            (
                "serve x",
                "Not a port: x (expected a number from 0 to 65535)",
            ),
            (
                "serve 65536",
                "Not a port: 65536 (expected a number from 0 to 65535)",
            ),
            ("serve 1 2", "Usage: serve [<port:default=9002>]"),
            (
                "wait 0",
                "Usage: wait <connection id> open|message|close [<seconds:default=10>]",
            ),
            (
                "wait 0 pong",
                "Nothing to wait for: pong (expected open, message or close)",
            ),
            (
                "wait 0 open -1",
                "Not a number of seconds: -1 (expected 0 to 86400)",
            ),
            (
                "wait 0 open nan",
                "Not a number of seconds: nan (expected 0 to 86400)",
            ),
            ("help me", "Usage: help"),
            ("quit now", "Usage: quit"),
            ("sen 0 x", "Unrecognized Command (did you mean send?)"),
            ("QUIT", "Unrecognized Command (did you mean quit?)"),
            (
                "connectws://a",
                "Unrecognized Command (did you mean connect?)",
            ),
            ("what", "Unrecognized Command"),
        ] {
            assert_eq!(parse(line), Err(answer.to_owned()), "{line}");
        }
    }

    #[test]
    fn gives_a_huge_id_no_number() {
        for (id, number) in [
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("99999999999999999999", None),
            ("-1", None),
        ] {
            assert_eq!(id_of(id).number(), number);
        }
    }
}
