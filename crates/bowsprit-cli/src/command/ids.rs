//! The connections that a command names: one, several, or all.

use std::fmt;
use std::str::FromStr;

use super::STATES;
use crate::printer::text::escape;

/// One connection as it was typed, whether there is one or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// An integer of any size.
    Number(String),
    /// What `connect --name` called it.
    Name(Name),
    /// `.`: the one that was used last.
    Last,
}

impl Id {
    /// The id that is this number.
    pub(crate) fn of(number: u32) -> Self {
        Self::Number(number.to_string())
    }

    /// The id in a text without commas, if it is one.
    fn parse(text: &str) -> Option<Self> {
        if text == "." {
            return Some(Self::Last);
        }
        if is_integer(text) {
            return Some(Self::Number(text.to_owned()));
        }
        text.parse().ok().map(Self::Name)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number(digits) => digits,
            Self::Name(Name(name)) => name,
            Self::Last => ".",
        })
    }
}

/// What a connection is called: it cannot be taken for a number, a range or a word that stands for ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(String);

/// The longest name.
const MAX_NAME: usize = 32;

/// Words that stand where a name may stand, besides those of [`STATES`]: `send all`, `use none`.
const RESERVED: [&str; 2] = ["all", "none"];

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins || text.len() > MAX_NAME || !text.chars().all(is_fit) {
            return Err(
                "a name begins with a letter and has up to 32 letters, digits, hyphens, dots and underscores",
            );
        }
        if RESERVED.contains(&text) || STATES.contains(&text) {
            return Err("this word has a meaning of its own where a name may stand");
        }
        Ok(Self(text.to_owned()))
    }
}

/// What stands where an id may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// One connection.
    One(Id),
    /// A list such as `0,chat,5-9`.
    List(Vec<Part>),
    /// `all`.
    All,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// From the first id to the last.
    Range(u32, u32),
    /// A name or `.`.
    One(Id),
}

impl Ids {
    /// Reads an id, a name, a list, or `all`.
    ///
    /// # Errors
    ///
    /// When it is none of these; the text is what to answer, escaped.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(id) = Id::parse(text) {
            return Ok(Self::One(id));
        }
        let begins_as_range = text.contains('-') && text.starts_with(|c: char| c.is_ascii_digit());
        if !text.contains(',') && !begins_as_range {
            return Err(format!(
                "Not a connection id: {} (expected a number or a name, see list)",
                escape(text)
            ));
        }
        let parts = text.split(',').map(|part| {
            Part::parse(part).ok_or_else(|| {
                format!(
                    "Not a list of connection ids: {} (expected such as 0,2,5-9, or all)",
                    escape(text)
                )
            })
        });
        Ok(Self::List(parts.collect::<Result<_, _>>()?))
    }
}

impl Part {
    fn parse(part: &str) -> Option<Self> {
        match Id::parse(part) {
            Some(Id::Number(digits)) => {
                let number = digits.parse().ok()?;
                Some(Self::Range(number, number))
            }
            Some(id) => Some(Self::One(id)),
            None => {
                let (first, last) = part.split_once('-')?;
                let is_plain = |digits: &str| is_integer(digits) && !digits.starts_with('-');
                let number = |digits: &str| is_plain(digits).then(|| digits.parse().ok()).flatten();
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Range(first, last))
            }
        }
    }
}

/// Whether the text is a decimal integer, of any size: no sign but a minus, no other character.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Id {
        Id::Name(text.parse().expect("a name"))
    }

    #[test]
    fn reads_numbers_names_lists_ranges_and_all() {
        use Part::{One, Range};
        for (text, ids) in [
            ("7", Ids::One(Id::of(7))),
            ("-1", Ids::One(Id::Number("-1".to_owned()))),
            (".", Ids::One(Id::Last)),
            ("chat", Ids::One(name("chat"))),
            ("chat-2", Ids::One(name("chat-2"))),
            (
                "0,2,5",
                Ids::List(vec![Range(0, 0), Range(2, 2), Range(5, 5)]),
            ),
            ("0-9", Ids::List(vec![Range(0, 9)])),
            (
                "7,a-1,.,0-3",
                Ids::List(vec![
                    Range(7, 7),
                    One(name("a-1")),
                    One(Id::Last),
                    Range(0, 3),
                ]),
            ),
            ("all", Ids::All),
        ] {
            assert_eq!(Ids::parse(text), Ok(ids), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_id_and_no_list() {
        for text in [
            "0,",
            "0-",
            "0--1",
            "3-1",
            "0,all",
            "0-9-12",
            "0,,1",
            "0-4294967296",
            ",1",
            "-1,2",
            "0,x y",
        ] {
            let fault = Ids::parse(text).expect_err(text);
            assert!(
                fault.starts_with("Not a list of connection ids: "),
                "{fault}"
            );
        }
        for text in ["0x0", "+1", "_", "é", "none"] {
            let fault = Ids::parse(text).expect_err(text);
            assert!(fault.starts_with("Not a connection id: "), "{fault}");
        }
    }

    #[test]
    fn takes_no_name_that_could_be_something_else() {
        for text in ["a", "chat", "Chat_2.b-c", &"x".repeat(MAX_NAME)] {
            assert!(Name::from_str(text).is_ok(), "{text}");
        }
        for text in [
            "", "all", ".", "5", "5-9", "-a", "a,b", "a b", "open", "é", "a\u{1b}",
        ] {
            assert!(Name::from_str(text).is_err(), "{text}");
        }
        assert!(Name::from_str(&"x".repeat(MAX_NAME + 1)).is_err());
    }
}
