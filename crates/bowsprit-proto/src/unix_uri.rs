//! What stands in a `ws+unix:` URI: the path of a Unix socket, a colon, the resource.

use alloc::{boxed::Box, format, string::String};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{InvalidUri, uri::check_percent_encoding};

/// What follows `ws+unix:`, where the text begins so in any case.
pub(crate) fn strip_scheme(text: &str) -> Result<Option<&str>, InvalidUri> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Ok(None);
    };
    if scheme.eq_ignore_ascii_case("wss+unix") {
        return Err(InvalidUri::SecureSocket);
    }
    Ok(scheme.eq_ignore_ascii_case("ws+unix").then_some(rest))
}

/// The decoded path, and the text of the resource. `///path` means `/path`, as in a `file:` URI.
pub(crate) fn split(rest: &str) -> Result<(Box<str>, &str), InvalidUri> {
    if rest.contains('#') {
        return Err(InvalidUri::Fragment);
    }
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, target) = rest.split_once(':').unwrap_or((rest, ""));
    let is_target = target.is_empty() || target.starts_with(['/', '?']);
    if !path.starts_with('/') || path.contains('?') || !is_target {
        return Err(InvalidUri::SocketPath);
    }
    check_percent_encoding(path)?;
    match percent_decode_str(path).decode_utf8() {
        // No system has it in a path.
        Ok(path) if !path.contains('\0') => Ok((path.into(), target)),
        _ => Err(InvalidUri::SocketPath),
    }
}

/// The path as it stands in a URI.
pub(crate) fn encode(path: &str) -> String {
    // Two slashes of its own would be taken for those of an empty host.
    let slashes = if path.starts_with("//") { "//" } else { "" };
    format!("{slashes}{}", utf8_percent_encode(path, RESERVED))
}

/// What a URI forbids (RFC 3986 §2), what ends the path, and the sign of the encoding itself.
const RESERVED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b':')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
