//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1), read in one pass.
//!
//! ```text
//!   extension-list  = 1#extension
//!   extension       = token *( ";" token [ "=" ( token | quoted-string ) ] )
//! ```

use super::headers::{is_token_byte, trim};

/// Whether `value` is a list of extensions. No extension is known yet, so none is handed out.
pub(super) fn is_valid(value: &str) -> bool {
    list(value).is_some()
}

/// Walks over the list. RFC 9110 §5.6.1 has a recipient skip empty members, but one has to be there.
fn list(value: &str) -> Option<()> {
    let mut rest = trim(value);
    let mut is_empty = true;
    while !rest.is_empty() {
        if !rest.starts_with(',') {
            rest = extension(rest)?;
            is_empty = false;
        }
        rest = match rest.strip_prefix(',') {
            Some(after) => trim(after),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    (!is_empty).then_some(())
}

/// Walks over one extension with its parameters and gives what follows.
fn extension(text: &str) -> Option<&str> {
    let (_name, mut rest) = token(text)?;
    while let Some(after) = rest.strip_prefix(';') {
        let (_name, after) = token(trim(after))?;
        rest = match after.strip_prefix('=') {
            Some(value) => parameter_value(trim(value))?,
            None => after,
        };
    }
    Some(rest)
}

/// Walks over a value and gives what follows it.
fn parameter_value(text: &str) -> Option<&str> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(_value, rest)| rest);
    };
    // RFC 6455 §9.1: what the quotes hold must be a token, too. No token holds a quote, so the next one
    // is the end, unless a backslash that then escapes nothing is the last before it.
    let (value, rest) = quoted.split_once('"')?;
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'\\' { bytes.next()? } else { byte };
        is_token_byte(byte).then_some(())?;
    }
    (!value.is_empty()).then(|| trim(rest))
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
