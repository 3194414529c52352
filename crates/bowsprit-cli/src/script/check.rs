//! What `expect` and `assert message` want of a message, and what they say of another.

use bowsprit::Message;
use regex::Regex;

use super::json::{JsonCheck, Wanted};
use super::path::split_path;
use super::relation::{self, Relation};
use super::variables;
use crate::printer::hex;
use crate::printer::text::{escape, excerpt};

/// How many characters of a text a failure shows.
const TEXT_EXCERPT: usize = 200;

/// How many bytes of a binary message a failure shows.
const BINARY_EXCERPT: usize = 32;

/// How many characters around the first difference a failure shows.
const CONTEXT: usize = 20;

/// What a message must be, as it was typed: its texts may have variables in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Any message at all.
    Any,
    /// A text message with exactly this text.
    Text(String),
    /// A text message with this in it.
    Contains(String),
    /// A text message that this regular expression finds something in.
    Matches(String),
    /// JSON with this at this path.
    Json {
        path: String,
        wanted: Wanted<String>,
    },
    /// A binary message with exactly these bytes.
    Hex(String),
}

impl Pattern {
    /// The words that patterns begin with.
    pub(crate) const KINDS: &str = "text, contains, matches, json, hex or any";

    /// Reads a pattern; `None` where the word begins none.
    ///
    /// # Errors
    ///
    /// When something is missing behind the word; the text says what.
    pub(crate) fn parse(kind: &str, rest: Option<&str>) -> Option<Result<Self, String>> {
        let text = rest.unwrap_or_default();
        let needed = |what: &str| match text {
            "" => Err(format!("{kind} needs {what} behind it")),
            text => Ok(text.to_owned()),
        };
        Some(match kind {
            "any" if text.trim().is_empty() => Ok(Self::Any),
            "any" => Err("Nothing stands behind any".to_owned()),
            // An empty message is one as well.
            "text" => Ok(Self::Text(text.to_owned())),
            "contains" => needed("a text").map(Self::Contains),
            "matches" => needed("a regular expression").map(Self::Matches),
            "hex" => Ok(Self::Hex(text.to_owned())),
            "json" => needed("a path such as $.id").and_then(|text| json(&text)),
            _ => return None,
        })
    }

    /// The check that this comes to, with a value for each variable.
    ///
    /// # Errors
    ///
    /// When a variable has none, or what it comes to cannot be checked.
    pub(crate) fn ready(
        &self,
        expand: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Check, String> {
        Ok(match self {
            Self::Any => Check::Any,
            Self::Text(text) => Check::Text(expand(text)?),
            Self::Contains(text) => Check::Contains(expand(text)?),
            Self::Matches(text) => Check::Matches(relation::regex(&expand(text)?)?),
            Self::Hex(digits) => Check::Hex(
                hex::decode(&expand(digits)?)
                    .map_err(|fault| format!("Not hexadecimal: {}", escape(&fault)))?,
            ),
            Self::Json { path, wanted } => {
                let path = expand(path)?;
                let value;
                let wanted = match wanted {
                    Wanted::Something => Wanted::Something,
                    Wanted::Nothing => Wanted::Nothing,
                    Wanted::Related(relation, text) => {
                        value = expand(text)?;
                        Wanted::Related(*relation, value.as_str())
                    }
                };
                Check::Json(JsonCheck::new(&path, wanted)?)
            }
        })
    }
}

fn json(text: &str) -> Result<Pattern, String> {
    let (path, rest) = split_path(text.trim_start());
    let wanted = match variables::word(rest) {
        None => Wanted::Something,
        Some(("absent", behind)) if behind.unwrap_or_default().trim().is_empty() => Wanted::Nothing,
        Some((sign, value)) => {
            let relation = Relation::parse(sign).map_err(|fault| format!("{fault}, or absent"))?;
            let value = value.filter(|value| !value.trim().is_empty());
            let value = value
                .ok_or_else(|| format!("json {} {sign} needs a value behind it", escape(path)))?;
            Wanted::Related(relation, value.to_owned())
        }
    };
    Ok(Pattern::Json {
        path: path.to_owned(),
        wanted,
    })
}

/// What a message must be.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Any,
    Text(String),
    Contains(String),
    Matches(Regex),
    Json(JsonCheck),
    Hex(Vec<u8>),
}

impl Check {
    /// What is expected, in words; escaped.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Any => "a message".to_owned(),
            Self::Text(text) => format!("text {} {}", text.len(), excerpt(text, TEXT_EXCERPT)),
            Self::Contains(text) => format!("text with {} in it", excerpt(text, TEXT_EXCERPT)),
            Self::Matches(regex) => {
                format!(
                    "text that matches {}",
                    excerpt(regex.as_str(), TEXT_EXCERPT)
                )
            }
            Self::Json(check) => check.describe(),
            Self::Hex(bytes) => {
                format!(
                    "binary {} {}",
                    bytes.len(),
                    hex::excerpt(bytes, BINARY_EXCERPT)
                )
            }
        }
    }

    /// Looks at a message.
    ///
    /// # Errors
    ///
    /// When it is another; the text says what tells it apart, escaped, and is empty where that is plain.
    pub(crate) fn test(&self, message: &Message) -> Result<(), String> {
        match (self, message) {
            (Self::Any, _) => Ok(()),
            (Self::Json(check), message) => check.test(message.as_bytes()),
            (Self::Hex(wanted), Message::Binary(bytes)) => same_bytes(bytes, wanted),
            (Self::Hex(_), Message::Text(_)) => Err("a text message, not a binary one".to_owned()),
            (_, Message::Binary(_)) => Err("a binary message, not a text".to_owned()),
            (Self::Text(wanted), Message::Text(text)) => same_text(text, wanted),
            (Self::Contains(wanted), Message::Text(text)) => contains(text, wanted),
            (Self::Matches(regex), Message::Text(text)) => {
                if regex.is_match(text) {
                    Ok(())
                } else {
                    Err("nothing in it matches".to_owned())
                }
            }
        }
    }
}

/// A message in one line: its kind, its length, and its beginning.
pub(crate) fn show(message: &Message) -> String {
    match message {
        Message::Text(text) => format!("text {} {}", text.len(), excerpt(text, TEXT_EXCERPT)),
        Message::Binary(bytes) => {
            format!(
                "binary {} {}",
                bytes.len(),
                hex::excerpt(bytes, BINARY_EXCERPT)
            )
        }
    }
}

fn contains(text: &str, wanted: &str) -> Result<(), String> {
    if text.contains(wanted) {
        return Ok(());
    }
    if text.to_lowercase().contains(&wanted.to_lowercase()) {
        return Err("it is in there in other case".to_owned());
    }
    Err("it is not in there".to_owned())
}

fn same_text(came: &str, wanted: &str) -> Result<(), String> {
    if came == wanted {
        return Ok(());
    }
    if came.trim() == wanted.trim() {
        return Err("only blanks or line ends at the beginning or the end".to_owned());
    }
    if came.to_lowercase() == wanted.to_lowercase() {
        return Err("only upper and lower case".to_owned());
    }
    let pairs = came.chars().zip(wanted.chars());
    let same = pairs.take_while(|(a, b)| a == b).count();
    if same == 0 {
        return Err(String::new());
    }
    let from = |text: &str| {
        let rest: String = text.chars().skip(same).take(CONTEXT + 1).collect();
        match rest.as_str() {
            "" => "the end".to_owned(),
            rest => format!("\"{}\"", excerpt(rest, CONTEXT)),
        }
    };
    Err(format!(
        "from character {} on: {} came, not {}",
        same + 1,
        from(came),
        from(wanted)
    ))
}

fn same_bytes(came: &[u8], wanted: &[u8]) -> Result<(), String> {
    if came == wanted {
        return Ok(());
    }
    let pairs = came.iter().zip(wanted);
    let same = pairs.take_while(|(a, b)| a == b).count();
    let at = |bytes: &[u8]| match bytes.get(same) {
        Some(byte) => format!("{byte:02X}"),
        None => "the end".to_owned(),
    };
    Err(format!(
        "at byte {}: {} came, not {}",
        same + 1,
        at(came),
        at(wanted)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(line: &str) -> Result<Check, String> {
        let (kind, rest) = variables::word(line).expect("a word");
        let pattern = Pattern::parse(kind, rest).expect("a kind")?;
        pattern.ready(&mut |text| Ok(text.to_owned()))
    }

    #[test]
    fn takes_the_message_that_fits() {
        let text = Message::from("{\"id\": 7}");
        for line in [
            "any",
            "text {\"id\": 7}",
            "contains id",
            "matches ^.*\\d",
            "json $.id",
            "json $.id = 7",
        ] {
            let check = ready(line).expect(line);
            assert_eq!(check.test(&text), Ok(()), "{line}");
        }
        let binary = Message::from(vec![0, 0xff]);
        assert_eq!(ready("hex 00 ff").expect("digits").test(&binary), Ok(()));
        assert_eq!(
            ready("text").expect("empty").test(&Message::from("")),
            Ok(())
        );
    }

    #[test]
    fn says_what_tells_a_message_apart() {
        for (line, message, difference) in [
            ("text hello", "Hello", "only upper and lower case"),
            (
                "text hello",
                "hello\n",
                "only blanks or line ends at the beginning or the end",
            ),
            (
                "text hello",
                "help",
                "from character 4 on: \"p\" came, not \"lo\"",
            ),
            (
                "text hello",
                "hello, you",
                "from character 6 on: \", you\" came, not the end",
            ),
            ("text hello", "\u{1b}[2J", ""),
            ("contains ELL", "hello", "it is in there in other case"),
            ("matches ^x", "hello", "nothing in it matches"),
            ("hex 00", "hello", "a text message, not a binary one"),
        ] {
            let check = ready(line).expect(line);
            assert_eq!(
                check.test(&Message::from(message)),
                Err(difference.to_owned())
            );
        }
        let binary = Message::from(vec![0, 1, 2]);
        for (line, difference) in [
            ("text hello", "a binary message, not a text"),
            ("hex 00ff02", "at byte 2: 01 came, not FF"),
            ("hex 0001", "at byte 3: 02 came, not the end"),
        ] {
            assert_eq!(
                ready(line).expect(line).test(&binary),
                Err(difference.to_owned())
            );
        }
    }

    #[test]
    fn refuses_patterns_that_are_none() {
        for (line, fault) in [
            ("contains", "contains needs a text behind it"),
            ("json", "json needs a path such as $.id behind it"),
            ("json $.id =", "json $.id = needs a value behind it"),
            (
                "json $.id 7",
                "Not a comparison: 7 (expected one of = != < <= > >= contains matches), or absent",
            ),
            ("hex 0", "Not hexadecimal: the number of digits is odd"),
            ("any thing", "Nothing stands behind any"),
        ] {
            assert_eq!(ready(line).err().as_deref(), Some(fault));
        }
    }
}
