//! How two values are compared: the signs between them in `assert` and `expect`.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};

use super::variables::is_plain;
use crate::printer::text::excerpt;

/// The most memory that a compiled expression may take: 1 MiB.
const MAX_REGEX: usize = 1 << 20;

/// What must hold between a value and the one that it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Is,
    IsNot,
    Less,
    LessOrIs,
    More,
    MoreOrIs,
    Contains,
    Matches,
}

impl Relation {
    const ALL: [(&'static str, Self); 8] = [
        ("=", Self::Is),
        ("!=", Self::IsNot),
        ("<", Self::Less),
        ("<=", Self::LessOrIs),
        (">", Self::More),
        (">=", Self::MoreOrIs),
        ("contains", Self::Contains),
        ("matches", Self::Matches),
    ];

    /// Reads a sign.
    ///
    /// # Errors
    ///
    /// When it is none; the text names them all.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(sign, _)| *sign == text);
        found.map(|(_, relation)| *relation).ok_or_else(|| {
            let signs: Vec<&str> = Self::ALL.iter().map(|(sign, _)| *sign).collect();
            format!(
                "Not a comparison: {} (expected one of {})",
                excerpt(text, 40),
                signs.join(" ")
            )
        })
    }

    /// As it is written.
    pub(crate) fn sign(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, relation)| *relation == self);
        found.map_or("", |(sign, _)| *sign)
    }

    /// Whether the text may stand on the right.
    ///
    /// # Errors
    ///
    /// When it is no regular expression where one is needed; the text says why, escaped.
    pub(crate) fn check(self, right: &str) -> Result<(), String> {
        match self {
            Self::Matches if is_plain(right) => regex(right).map(drop),
            _ => Ok(()),
        }
    }

    /// Whether it holds: numbers are compared as numbers, all else as text.
    pub(crate) fn holds(self, left: &str, right: &str) -> bool {
        let order = order(left, right);
        match self {
            Self::Is => order == Ordering::Equal,
            Self::IsNot => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrIs => order != Ordering::Greater,
            Self::More => order == Ordering::Greater,
            Self::MoreOrIs => order != Ordering::Less,
            Self::Contains => left.contains(right),
            Self::Matches => regex(right).is_ok_and(|regex| regex.is_match(left)),
        }
    }
}

fn order(left: &str, right: &str) -> Ordering {
    let integers = (left.parse::<i128>(), right.parse::<i128>());
    if let (Ok(left), Ok(right)) = integers {
        return left.cmp(&right);
    }
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Less),
        _ => left.cmp(right),
    }
}

/// Reads a regular expression.
///
/// # Errors
///
/// When it is none; the text says what is wrong and where, in one line, escaped.
pub(crate) fn regex(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(MAX_REGEX).build();
    built.map_err(|fault| {
        let shown = excerpt(text, 60);
        match &fault {
            regex::Error::CompiledTooBig(_) => {
                format!("The regular expression {shown} needs over {MAX_REGEX} bytes of memory")
            }
            fault => {
                // The library draws an arrow below the place; a line has room for its column only.
                let drawn = fault.to_string();
                let arrow = drawn
                    .lines()
                    .find(|line| line.trim_start().starts_with('^'));
                let column = arrow
                    .and_then(|line| line.find('^'))
                    .map_or(0, |at| at.saturating_sub(3));
                let why = drawn.lines().last().unwrap_or_default();
                let why = why.trim().trim_start_matches("error: ");
                format!(
                    "Not a regular expression: {shown} (at character {}: {})",
                    column,
                    excerpt(why, 200)
                )
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_numbers_as_numbers_and_all_else_as_text() {
        for (left, sign, right, holds) in [
            ("10", ">", "9", true),
            ("1.0", "=", "1", true),
            ("abc", "<", "abd", true),
            ("10", "<", "9x", true),
            ("340282366920938463463374607431768211455", ">=", "1", true),
            ("a", "!=", "b", true),
            ("a", "=", "A", false),
            ("nan", "=", "nan", false),
            ("hello", "contains", "ell", true),
            ("hello", "matches", "^h.l+o$", true),
            ("hello", "matches", "^x", false),
            ("2", "<=", "2", true),
        ] {
            let relation = Relation::parse(sign).expect(sign);
            assert_eq!(relation.holds(left, right), holds, "{left} {sign} {right}");
            assert_eq!(relation.sign(), sign);
        }
        assert!(Relation::parse("==").is_err_and(|fault| fault.contains("one of = !=")));
    }

    #[test]
    fn names_the_place_where_an_expression_is_wrong() {
        let fault = regex("ab(c").expect_err("no expression");
        assert_eq!(
            fault,
            "Not a regular expression: ab(c (at character 3: unclosed group)"
        );
        assert!(regex("(a{1000}){1000}").is_err_and(|fault| fault.contains("bytes of memory")));
        assert!(regex(&"(".repeat(100_000)).is_err());
    }
}
