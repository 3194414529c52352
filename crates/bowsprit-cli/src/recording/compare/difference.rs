//! One difference between a record and what came, for people and for programs.

use std::fmt;

use bowsprit::Message;
use serde_json::{Value, json};

use super::Place;
use crate::events::{Opcode, Payload};
use crate::printer::hex;
use crate::printer::text::{escape, excerpt};

/// How much of a message is told.
const EXCERPT: usize = 60;

/// How much of a message a program is told.
const MAX_PAYLOAD: usize = 64 << 10;

/// What is compared besides messages, by the words that `--ignore` knows.
const FACTS: [&str; 5] = ["opening", "subprotocol", "compression", "sent", "end"];

/// Whether the text names something that is compared besides messages.
pub(crate) fn is_fact(text: &str) -> bool {
    FACTS.contains(&text)
}

/// Something that was not as recorded.
#[derive(Clone, Debug)]
pub(crate) enum Difference {
    /// A message of the record did not come.
    Missing { place: Place, expected: Message },
    /// A message came that the record has not.
    Unexpected { position: u64, arrived: Message },
    /// Another message came in the place of the recorded one.
    Different {
        place: Place,
        /// The places within the message, and what stands there in both.
        how: Vec<At>,
        expected: Message,
        arrived: Message,
    },
    /// A fact of the opening or of the end is another.
    Fact {
        what: &'static str,
        recorded: String,
        now: String,
    },
}

/// A place within a message, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// A JSON path; empty where the message is no JSON.
    pub(crate) path: String,
    /// As JSON; `None` where there is nothing.
    pub(crate) recorded: Option<String>,
    pub(crate) now: Option<String>,
}

impl Difference {
    pub(super) fn missing((place, expected): (Place, Message)) -> Self {
        Self::Missing { place, expected }
    }

    pub(super) fn unexpected((position, arrived): (u64, Message)) -> Self {
        Self::Unexpected { position, arrived }
    }

    /// The line for people, escaped.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Missing { place, expected } => {
                format!("{place} is missing: {}", describe(expected))
            }
            Self::Unexpected { position, arrived } => {
                let what = describe(arrived);
                format!("message {position} came and is not in the record: {what}")
            }
            Self::Different {
                place,
                how,
                expected,
                arrived,
            } => match how.as_slice() {
                [] => format!(
                    "{place} differs: recorded {}, now {}",
                    describe(expected),
                    describe(arrived)
                ),
                places => {
                    let places: Vec<String> = places.iter().map(At::text).collect();
                    let places = places.join("; ");
                    format!("{place} differs at {places}")
                }
            },
            Self::Fact {
                what,
                recorded,
                now,
            } => format!("{what}: recorded {}, now {}", escape(recorded), escape(now)),
        }
    }

    /// The object for programs.
    pub(crate) fn json(&self, connection: &str) -> Value {
        let mut object = match self {
            Self::Missing { place, expected } => json!({
                "kind": "missing", "position": place.position, "line": place.line,
                "recorded": payload(expected),
            }),
            Self::Unexpected { position, arrived } => json!({
                "kind": "unexpected", "position": position, "now": payload(arrived),
            }),
            Self::Different {
                place,
                how,
                expected,
                arrived,
            } => json!({
                "kind": "different", "position": place.position, "line": place.line,
                "paths": how.iter().map(|at| &at.path).collect::<Vec<_>>(),
                "recorded": payload(expected), "now": payload(arrived),
            }),
            Self::Fact {
                what,
                recorded,
                now,
            } => json!({ "kind": "fact", "what": what, "recorded": recorded, "now": now }),
        };
        if let Value::Object(fields) = &mut object {
            fields.shift_insert(0, "event".to_owned(), "difference".into());
            fields.shift_insert(1, "connection".to_owned(), connection.into());
        }
        object
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {}", self.position)?;
        self.line.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

impl At {
    fn text(&self) -> String {
        let side = |value: &Option<String>| match value {
            None => "nothing".to_owned(),
            Some(value) => excerpt(value, EXCERPT),
        };
        format!(
            "{}: recorded {}, now {}",
            excerpt(&self.path, 4 * EXCERPT),
            side(&self.recorded),
            side(&self.now)
        )
    }
}

/// A message in a few words, escaped.
fn describe(message: &Message) -> String {
    let size = message.as_bytes().len();
    match message {
        Message::Text(text) => format!("text {size} {}", excerpt(text, EXCERPT)),
        Message::Binary(data) => format!("binary {size} {}", hex::excerpt(data, EXCERPT / 3)),
    }
}

/// As in events, but for messages that are too long to be told.
fn payload(message: &Message) -> Value {
    let opcode = match message {
        Message::Text(_) => Opcode::Text,
        Message::Binary(_) => Opcode::Binary,
    };
    let size = message.as_bytes().len();
    let mut object = json!({ "opcode": opcode, "size": size });
    if size <= MAX_PAYLOAD
        && let (Value::Object(fields), Ok(Value::Object(payload))) = (
            &mut object,
            serde_json::to_value(Payload::of(message.clone())),
        )
    {
        fields.extend(payload);
    }
    object
}
