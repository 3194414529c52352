//! JSON, one value a line, that may also reach a terminal.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Number, Value};

use super::Event;
use crate::printer::text::is_hidden;

impl Event {
    /// Reads a line of JSON.
    ///
    /// # Errors
    ///
    /// When it is no JSON, or no event.
    pub(crate) fn from_json(line: &str) -> Result<Self, String> {
        let mut value = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
        plain_numbers(&mut value);
        serde_json::from_value(value).map_err(|fault| fault.to_string())
    }

    /// The event as one line of JSON, with its end.
    pub(crate) fn to_json(&self) -> String {
        let mut line = text(self);
        line.push('\n');
        line
    }
}

/// The value in one line, without its end. What JSON may leave as it is, but a terminal acts on or hides,
/// is written as `\uXXXX`: for programs it is the same.
pub(crate) fn text(value: &impl Serialize) -> String {
    let mut bytes = Vec::with_capacity(128);
    // No map has keys that are not text, and nothing fails to be written to memory.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, Harmless));
    String::from_utf8(bytes).unwrap_or_default()
}

struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // C0 is escaped by JSON itself, so that of ASCII only DEL is left.
        let is_plain = fragment.is_ascii() && !fragment.as_bytes().contains(&0x7f);
        if is_plain || !fragment.contains(is_hidden) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut shown = String::with_capacity(fragment.len() + 16);
        for c in fragment.chars() {
            if is_hidden(c) {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            } else {
                shown.push(c);
            }
        }
        writer.write_all(shown.as_bytes())
    }
}

/// Numbers of arbitrary precision pass a tagged enum only where they are written as Rust writes them.
fn plain_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() && number.as_u64().is_none() => {
            let plain = number.as_f64().and_then(Number::from_f64);
            *number = plain.unwrap_or_else(|| 0.into());
        }
        Value::Array(values) => values.iter_mut().for_each(plain_numbers),
        Value::Object(fields) => fields.values_mut().for_each(plain_numbers),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bowsprit::{Closed, Compression, Message};

    use super::*;
    use crate::events::{
        Came, Direction, Failed, HttpAnswer, PongFault, RoundTrips, Statistics, What,
    };

    #[test]
    fn writes_nothing_that_a_terminal_would_act_on() {
        let attack: String = ('\0'..=char::MAX).collect();
        let json = serde_json::to_string(&attack).expect("JSON");
        assert!(json.chars().any(is_hidden), "JSON alone escapes not all");
        let shown = text(&attack);
        assert!(!shown.chars().any(is_hidden));
        let read: String = serde_json::from_str(&shown).expect("JSON");
        assert!(read == attack);
        assert_eq!(text(&"日本 ünï\u{fe0f}"), "\"日本 ünï\u{fe0f}\"");
    }

    #[test]
    fn reads_back_what_it_writes() {
        let failed = Failed {
            uri: "ws://h/".to_owned(),
            stage: "http".to_owned(),
            error: "HTTP 404".to_owned(),
            remedy: None,
            exit_status: Some(5),
            http: Some(HttpAnswer {
                status: 404,
                reason: String::new(),
                headers: vec![("Server".to_owned(), "a".to_owned())],
                body: None,
            }),
        };
        let mut pong = What::pong(b"\xff", Some(Duration::from_micros(7)));
        pong.judge(Some(3), Some(PongFault::Late));
        for what in [
            What::start(),
            What::Connect {
                uri: "ws://h/".to_owned(),
                headers: Vec::new(),
            },
            What::Fail(Box::new(failed)),
            What::message(Direction::Sent, Message::from("\u{1b}\u{202e}\"")),
            What::message(Direction::Received, Message::from(vec![0, 255])),
            What::received(Message::from("a"), Came::Compressed { wire_bytes: 3 }),
            What::ping(Direction::Received, b"hi", None),
            pong,
            What::ended(&Closed::default(), None).with_compression(Some(Compression::default())),
            What::answer("> no", true),
            What::Retry {
                number: 2,
                seconds: 0.25,
                error: None,
            },
            What::Statistics(Box::new(Statistics {
                sent: 2,
                received: 1,
                lost: 1,
                waiting: 0,
                duplicates: 0,
                out_of_order: 0,
                late: 0,
                unasked: 0,
                seconds: 1.5,
                round_trips: Some(RoundTrips {
                    min: 0.1,
                    mean: 0.2,
                    max: 0.3,
                    deviation: 0.0,
                    median: 0.2,
                    p99: 1e-6,
                }),
            })),
            What::Exit { exit_status: 1 },
        ] {
            let event = Event::now(Some(7), Some("chat".to_owned()), what);
            let line = event.to_json();
            assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
            let read = Event::from_json(&line).expect(&line);
            assert_eq!(
                (&read.what, read.id, &read.name),
                (&event.what, event.id, &event.name)
            );
            assert_eq!(read.time.as_microsecond(), event.time.as_microsecond());
        }
    }

    #[test]
    fn ignores_what_a_later_program_adds() {
        let line = r#"{"time":"2026-01-02T03:04:05.000006Z","event":"lost","number":3,"more":[1]}"#;
        let event = Event::from_json(line).expect("an event");
        assert_eq!((event.id, event.what), (None, What::Lost { number: 3 }));
    }
}
