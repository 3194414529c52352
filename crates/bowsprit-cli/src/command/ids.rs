//! The connections that a command names: one, several, or all.

use std::collections::BTreeSet;
use std::fmt;

use crate::printer::text::escape;

/// The id of a connection as it was typed: an integer, of a connection that exists or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id(String);

impl Id {
    /// The number, unless it is out of the range of ids.
    pub(crate) fn number(&self) -> Option<u32> {
        self.0.parse().ok()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands where an id may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// One id.
    One(Id),
    /// Ranges from the first id to the last, such as `0,2,5-9`.
    List(Vec<(u32, u32)>),
    /// `all`.
    All,
}

impl Ids {
    /// Reads an id, a list, or `all`.
    ///
    /// # Errors
    ///
    /// When it is none of these; the text is what to answer, escaped.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        if is_integer(text) {
            return Ok(Self::One(Id(text.to_owned())));
        }
        if !text.contains([',', '-']) {
            return Err(format!(
                "Not a connection id: {} (expected a number, see list)",
                escape(text)
            ));
        }
        let ranges = text.split(',').map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |digits: &str| {
                let is_number = is_integer(digits) && !digits.starts_with('-');
                is_number.then(|| digits.parse().ok()).flatten()
            };
            let range = number(first).zip(number(last));
            range.filter(|(first, last)| first <= last).ok_or_else(|| {
                format!(
                    "Not a list of connection ids: {} (expected such as 0,2,5-9, or all)",
                    escape(text)
                )
            })
        });
        Ok(Self::List(ranges.collect::<Result<_, _>>()?))
    }
}

/// The ids below `count` that the ranges name, in their order, and those that there are not, as text.
pub(crate) fn resolve(ranges: &[(u32, u32)], count: usize) -> (BTreeSet<u32>, Vec<String>) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let mut found = BTreeSet::new();
    let mut missing = Vec::new();
    for &(first, last) in ranges {
        found.extend(first..count.min(last.saturating_add(1)));
        match (first.max(count), last) {
            (from, to) if from == to => missing.push(from.to_string()),
            (from, to) if from < to => missing.push(format!("{from}-{to}")),
            _ => {}
        }
    }
    (found, missing)
}

/// Whether the text is a decimal integer, of any size: no sign but a minus, no other character.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_a_huge_id_no_number() {
        for (id, number) in [
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("99999999999999999999", None),
            ("-1", None),
        ] {
            assert_eq!(Id(id.to_owned()).number(), number);
        }
    }

    #[test]
    fn reads_lists_ranges_and_all() {
        for (text, ids) in [
            ("0,2,5", Ids::List(vec![(0, 0), (2, 2), (5, 5)])),
            ("0-9", Ids::List(vec![(0, 9)])),
            ("7,0-3", Ids::List(vec![(7, 7), (0, 3)])),
            ("all", Ids::All),
            ("-1", Ids::One(Id("-1".to_owned()))),
        ] {
            assert_eq!(Ids::parse(text), Ok(ids), "{text}");
        }
        for text in [
            "0,",
            "0-",
            "0--1",
            "3-1",
            "0,x",
            "0-9-12",
            "0,,1",
            "0-4294967296",
            ",1",
        ] {
            let fault = Ids::parse(text).expect_err(text);
            assert!(
                fault.starts_with("Not a list of connection ids: "),
                "{fault}"
            );
        }
        for text in ["0x0", "x", "+1", "ALL"] {
            let fault = Ids::parse(text).expect_err(text);
            assert!(fault.starts_with("Not a connection id: "), "{fault}");
        }
    }

    #[test]
    fn finds_each_id_once_in_order_and_names_the_missing_ones() {
        let (found, missing) = resolve(&[(4, 6), (0, 1), (1, 1), (9, 9), (0, u32::MAX)], 6);
        assert_eq!(found, (0..6).collect());
        assert_eq!(missing, ["6", "9", "6-4294967295"]);
        assert_eq!(resolve(&[(0, 0)], 0).1, ["0"]);
    }
}
