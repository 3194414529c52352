//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), read in one pass.
//!
//! ```text
//!   extension-list  = 1#extension
//!   extension       = token *( ";" token [ "=" ( token | quoted-string ) ] )
//! ```

use alloc::{borrow::Cow, vec::Vec};

use super::headers::{is_token, is_token_byte, trim};

/// One member of the list: an offer, or what answers it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a str,
    /// Names and values in their order, doubles included.
    pub(crate) parameters: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// The members of the list, or `None` where it is malformed.
///
/// RFC 9110 §5.6.1 has a recipient skip empty members, but one has to be there.
pub(crate) fn parse(value: &str) -> Option<Vec<Extension<'_>>> {
    let mut rest = trim(value);
    let mut extensions = Vec::new();
    while !rest.is_empty() {
        if !rest.starts_with(',') {
            let (read, after) = extension(rest)?;
            extensions.push(read);
            rest = after;
        }
        rest = match rest.strip_prefix(',') {
            Some(after) => trim(after),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    (!extensions.is_empty()).then_some(extensions)
}

/// Reads one extension with its parameters and gives what follows.
fn extension(text: &str) -> Option<(Extension<'_>, &str)> {
    let (name, mut rest) = token(text)?;
    let mut parameters = Vec::new();
    while let Some(after) = rest.strip_prefix(';') {
        let (name, after) = token(trim(after))?;
        let (value, after) = match after.strip_prefix('=') {
            Some(value) => {
                let (value, after) = parameter_value(trim(value))?;
                (Some(value), after)
            }
            None => (None, after),
        };
        parameters.push((name, value));
        rest = after;
    }
    Some((Extension { name, parameters }, rest))
}

/// Reads a value and gives what follows it.
fn parameter_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = token(text)?;
        return Some((Cow::Borrowed(value), rest));
    };
    // RFC 6455 §9.1: what the quotes hold must be a token, too. No token holds a quote, so the next one
    // is the end, unless a backslash that then escapes nothing is the last before it.
    let (value, rest) = quoted.split_once('"')?;
    let value = if value.contains('\\') {
        let mut chars = value.chars();
        let mut next = move || match chars.next() {
            Some('\\') => Some(chars.next()),
            other => other.map(Some),
        };
        Cow::Owned(core::iter::from_fn(&mut next).collect::<Option<_>>()?)
    } else {
        Cow::Borrowed(value)
    };
    is_token(&value).then(|| (value, trim(rest)))
}

/// The token at the beginning, and what follows it and its white space.
fn token(text: &str) -> Option<(&str, &str)> {
    let end = text
        .bytes()
        .position(|byte| !is_token_byte(byte))
        .unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end)?;
    (!token.is_empty()).then(|| (token, trim(rest)))
}
