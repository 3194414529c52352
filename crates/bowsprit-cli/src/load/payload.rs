//! What is sent, made once where it can be, and whether an answer is the one to it.

use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{SystemTime, UNIX_EPOCH};

use bowsprit::{Message, MessageRef};
use rand::rngs::SmallRng;
use rand::{Rng as _, RngExt as _};

use super::units::Sizes;
use crate::printer::text::{escape, fault};

/// What text payloads are made of: it compresses about as well as what people write.
const WORDS: &str = "the harbour light turns over wet stones and a small boat \
    waits at its line for wind tide or word from the pilot on the far quay ";

/// How much of the text in front of `{{seq}}` is looked for in an answer.
const LANDMARK: usize = 32;

/// Every message of a run.
#[derive(Clone, Debug)]
pub(super) struct Payload(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Always the same.
    Whole(Message),
    /// Its first bytes, so many as the dice say.
    Part(Message, Sizes),
    /// A template.
    Filled(Vec<Piece>),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The number of the connection.
    Id,
    /// The number of the message on its connection.
    Seq,
    /// The time, in milliseconds since 1970.
    Now,
    Random,
}

/// What tells the answer to one message from other messages: its length, or a hash of it.
pub(super) type Mark = u64;

/// Which message it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) connection: u64,
    pub(super) message: u64,
}

impl Payload {
    /// Made-up bytes of these sizes.
    pub(super) fn of_sizes(sizes: Sizes, is_binary: bool, rng: &mut SmallRng) -> Self {
        let body = if is_binary {
            let mut bytes = vec![0; sizes.most];
            rng.fill_bytes(&mut bytes);
            Message::binary(bytes)
        } else {
            let text: String = WORDS.chars().cycle().take(sizes.most).collect();
            Message::text(text)
        };
        Self(if sizes.least == sizes.most {
            Form::Whole(body)
        } else {
            Form::Part(body, sizes)
        })
    }

    /// This text, or the content of the file behind `@`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is to be text and is none.
    pub(super) fn of_text(text: &str, is_binary: bool) -> Result<Self, String> {
        let bytes = read(text)?;
        Ok(Self(Form::Whole(if is_binary {
            Message::binary(bytes)
        } else {
            Message::text(utf8(text, bytes)?)
        })))
    }

    /// A template, or the one in the file behind `@`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not text, or a placeholder is not known.
    pub(super) fn of_template(text: &str) -> Result<Self, String> {
        let template = utf8(text, read(text)?)?;
        let mut pieces = Vec::new();
        let mut rest = template.as_str();
        while let Some((before, behind)) = rest.split_once("{{") {
            // Without an end it is no placeholder, in JSON for instance.
            let Some((name, after)) = behind.split_once("}}") else {
                break;
            };
            let piece = match name.trim() {
                "id" => Piece::Id,
                "seq" => Piece::Seq,
                "now" => Piece::Now,
                "random" => Piece::Random,
                name => {
                    return Err(format!(
                        "{{{{{}}}}} is no placeholder: there are {{{{id}}}}, {{{{seq}}}}, {{{{now}}}} and {{{{random}}}}",
                        escape(name)
                    ));
                }
            };
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(Form::Filled(pieces)))
    }

    /// The text in front of `{{seq}}`, by which answers that carry the number are known.
    pub(super) fn landmark(&self) -> Option<String> {
        let Form::Filled(pieces) = &self.0 else {
            return None;
        };
        let place = pieces.iter().position(|piece| *piece == Piece::Seq)?;
        let Some(Piece::Text(before)) = pieces.get(place.checked_sub(1)?) else {
            return None;
        };
        // The key alone: an answer may have others in front of it.
        let key = before.rsplit(['{', '[', ',']).next().unwrap_or(before);
        let begin = key.char_indices().map(|(at, _)| at);
        let begin = begin
            .rev()
            .take_while(|at| key.len() - at <= LANDMARK)
            .last();
        let landmark = begin.map_or("", |begin| key.split_at(begin).1);
        Some(landmark.trim_start().to_owned())
    }

    /// The largest payload, templates aside.
    pub(super) fn describe(&self) -> String {
        let kind = |message: &Message| match message {
            Message::Text(_) => "text",
            Message::Binary(_) => "binary",
        };
        match &self.0 {
            Form::Whole(message) => {
                format!("{} bytes of {}", message.as_bytes().len(), kind(message))
            }
            Form::Part(message, Sizes { least, most }) => {
                format!("{least} to {most} bytes of {}", kind(message))
            }
            Form::Filled(_) => "a template".to_owned(),
        }
    }

    /// Settles the next message; a template is filled into `scratch`.
    pub(super) fn next(&self, number: Number, rng: &mut SmallRng, scratch: &mut String) -> Mark {
        match &self.0 {
            Form::Whole(_) => 0,
            Form::Part(_, sizes) => rng.random_range(sizes.least..=sizes.most) as u64,
            Form::Filled(pieces) => {
                scratch.clear();
                for piece in pieces {
                    // Writing to a string cannot fail.
                    let _ = match piece {
                        Piece::Text(text) => scratch.write_str(text),
                        Piece::Id => write!(scratch, "{}", number.connection),
                        Piece::Seq => write!(scratch, "{}", number.message),
                        Piece::Now => write!(scratch, "{}", millis()),
                        Piece::Random => write!(scratch, "{}", rng.next_u32()),
                    };
                }
                hash(scratch.as_bytes())
            }
        }
    }

    /// The message that was settled last, lent.
    pub(super) fn lend<'a>(&'a self, mark: Mark, scratch: &'a str) -> MessageRef<'a> {
        match &self.0 {
            Form::Whole(message) => message.into(),
            Form::Part(message, _) => match message {
                Message::Text(text) => text.get(..length(mark)).unwrap_or(text).into(),
                Message::Binary(data) => data.get(..length(mark)).unwrap_or(data).into(),
            },
            Form::Filled(_) => scratch.into(),
        }
    }

    /// The message that was settled last, to keep: shared where it is the same each time.
    pub(super) fn share(&self, mark: Mark, scratch: &str) -> Message {
        match &self.0 {
            Form::Whole(message) => message.clone(),
            Form::Part(Message::Binary(data), _) => data.slice(..length(mark)).into(),
            _ => self.lend(mark, scratch).into_message(),
        }
    }

    /// Whether this is the message with the mark.
    pub(super) fn is_same(&self, mark: Mark, answer: &[u8]) -> bool {
        match &self.0 {
            Form::Whole(message) => message.as_bytes() == answer,
            Form::Part(message, _) => message.as_bytes().get(..length(mark)) == Some(answer),
            Form::Filled(_) => hash(answer) == mark,
        }
    }
}

/// The number behind the landmark in an answer, blanks between them or not.
pub(super) fn number_behind(landmark: &str, answer: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(answer).ok()?;
    let (_, behind) = text.split_once(landmark)?;
    let behind = behind.trim_start();
    let end = behind.find(|c: char| !c.is_ascii_digit());
    behind.split_at(end.unwrap_or(behind.len())).0.parse().ok()
}

fn length(mark: Mark) -> usize {
    usize::try_from(mark).unwrap_or(usize::MAX)
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn millis() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis())
}

fn read(text: &str) -> Result<Vec<u8>, String> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(text.as_bytes().to_vec());
    };
    fs::read(path).map_err(|error| format!("cannot read {}: {}", escape(path), fault(&error)))
}

fn utf8(text: &str, bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| {
        let path = escape(text.trim_start_matches('@'));
        format!("{path} is not UTF-8, so it cannot be text; --binary sends it as it is")
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn fill(template: &str, connection: u64, message: u64) -> (Payload, Mark, String) {
        let payload = Payload::of_template(template).expect(template);
        let mut scratch = String::new();
        let mut rng = SmallRng::seed_from_u64(7);
        let number = Number {
            connection,
            message,
        };
        let mark = payload.next(number, &mut rng, &mut scratch);
        (payload, mark, scratch)
    }

    #[test]
    fn fills_a_template_and_knows_its_answer() {
        let (payload, mark, text) = fill(r#"{"id":{{id}},"n":{{ seq }},"o":{"a":{}}}"#, 3, 41);
        assert_eq!(text, r#"{"id":3,"n":41,"o":{"a":{}}}"#);
        assert!(payload.is_same(mark, text.as_bytes()));
        assert!(!payload.is_same(mark, b"{}"));
        assert_eq!(payload.landmark().as_deref(), Some(r#""n":"#));
    }

    #[test]
    fn refuses_a_placeholder_that_there_is_not() {
        let fault = Payload::of_template("{{who}}").expect_err("unknown");
        assert!(fault.starts_with("{{who}} is no placeholder"), "{fault}");
        let (_, _, text) = fill("{{not closed", 0, 0);
        assert_eq!(text, "{{not closed");
    }

    #[test]
    fn finds_the_number_of_an_answer() {
        for (answer, number) in [
            (r#"{"ok":1,"n":41}"#, Some(41)),
            (r#"{"ok":1,"n": 41}"#, Some(41)),
            (r#"{"n":"41"}"#, None),
            ("nothing", None),
            ("\"n\":99999999999999999999999", None),
        ] {
            assert_eq!(
                number_behind("\"n\":", answer.as_bytes()),
                number,
                "{answer}"
            );
        }
        assert_eq!(number_behind("", "7".as_bytes()), Some(7));
    }

    #[test]
    fn sizes_stay_within_their_range_and_answers_are_compared_whole() {
        let mut rng = SmallRng::seed_from_u64(7);
        let sizes = Sizes { least: 2, most: 9 };
        for is_binary in [false, true] {
            let payload = Payload::of_sizes(sizes, is_binary, &mut rng);
            let number = Number {
                connection: 0,
                message: 0,
            };
            for _ in 0..100 {
                let mark = payload.next(number, &mut rng, &mut String::new());
                let lent = payload.lend(mark, "");
                assert!((2..=9).contains(&lent.as_bytes().len()));
                assert_eq!(lent.as_bytes(), payload.share(mark, "").as_bytes());
                assert!(payload.is_same(mark, lent.as_bytes()));
                assert!(!payload.is_same(mark, &lent.as_bytes()[1..]));
            }
        }
    }
}
