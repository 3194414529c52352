//! The first lines of blocks: what is done with the lines up to their ends.

use super::variables::{self, check_name, is_plain};
use crate::printer::text::excerpt;

/// The most rounds of a `repeat`.
const MAX_ROUNDS: u64 = 1_000_000_000_000;

/// The most bytes of values that a `for` goes through: each takes some memory, and a peer may send them.
const MAX_VALUES: usize = 1 << 20;

/// What a block does with its lines.
#[derive(Debug)]
pub(super) enum Head {
    Repeat {
        count: String,
        name: Option<String>,
    },
    For {
        name: String,
        values: String,
    },
    Test {
        name: String,
    },
    /// What was meant cannot be told.
    Wrong,
}

impl Head {
    /// What its end may be called.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Repeat { .. } => "repeat",
            Self::For { .. } => "for",
            Self::Test { .. } => "test",
            Self::Wrong => "block",
        }
    }

    pub(super) const fn is_test(&self) -> bool {
        matches!(self, Self::Test { .. })
    }

    /// The name of the test that it is.
    pub(super) fn test(&self) -> Option<&str> {
        match self {
            Self::Test { name } => Some(name),
            _ => None,
        }
    }

    /// The variable that the block gives values to.
    pub(super) fn defined(&self) -> Option<&str> {
        match self {
            Self::Repeat { name, .. } => name.as_deref(),
            Self::For { name, .. } => Some(name),
            Self::Test { .. } | Self::Wrong => None,
        }
    }
}

/// Reads what stands behind `repeat`.
pub(super) fn repeat(rest: &str) -> Result<Head, String> {
    const USAGE: &str = "Usage: repeat <count> [as <name>]";
    let (count, rest) = variables::word(rest).ok_or(USAGE)?;
    if is_plain(count) {
        rounds(count)?;
    }
    let name = match variables::word(rest.unwrap_or_default()) {
        None => None,
        Some(("as", Some(name))) => {
            check_name(name.trim())?;
            Some(name.trim().to_owned())
        }
        Some(_) => return Err(USAGE.to_owned()),
    };
    Ok(Head::Repeat {
        count: count.to_owned(),
        name,
    })
}

/// How often a block is gone through.
///
/// # Errors
///
/// When the text is no number, or too large a one.
pub(crate) fn rounds(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count <= MAX_ROUNDS);
    count.ok_or_else(|| {
        format!(
            "Not a number of rounds: {} (expected 0 to {MAX_ROUNDS})",
            excerpt(text, 40)
        )
    })
}

/// Reads what stands behind `for`.
pub(super) fn for_each(rest: &str) -> Result<Head, String> {
    const USAGE: &str = "Usage: for <name> in <value>...";
    let (name, rest) = variables::word(rest).ok_or(USAGE)?;
    check_name(name)?;
    match variables::word(rest.unwrap_or_default()) {
        Some(("in", Some(values))) if !values.trim().is_empty() => {
            if is_plain(values) {
                each(values)?;
            }
            Ok(Head::For {
                name: name.to_owned(),
                values: values.to_owned(),
            })
        }
        _ => Err(USAGE.to_owned()),
    }
}

/// The values that a `for` goes through, quoted as in a shell.
///
/// # Errors
///
/// When a quote is not closed, or there are too many.
pub(crate) fn each(text: &str) -> Result<Vec<String>, String> {
    if text.len() > MAX_VALUES {
        return Err(format!("The list of values has {MAX_VALUES} bytes at most"));
    }
    shell_words::split(text).map_err(|_| "A quote in the list of values is not closed".to_owned())
}

/// Reads what stands behind `test`.
pub(super) fn test(rest: &str) -> Result<Head, String> {
    let name = rest.trim();
    let inner = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    let name = inner.unwrap_or(name);
    if name.is_empty() {
        return Err("Usage: test <name>".to_owned());
    }
    Ok(Head::Test {
        name: name.to_owned(),
    })
}
