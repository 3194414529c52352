//! What of a handshake nobody else may read, replaced by `***` when an event is made of it.

use std::borrow::Cow;

use bowsprit::Role;
use bowsprit::proto::handshake::{is_secret_header, masked_line};

/// What stands where a secret stood.
const MASK: &str = "***";

/// The headers whose value is a URI.
const URI_HEADERS: [&str; 3] = ["location", "referer", "content-location"];

/// A parameter of a URI whose name has one of these in it carries a secret.
const SECRET_PARTS: [&str; 8] = [
    "token",
    "secret",
    "passw",
    "signature",
    "session",
    "credential",
    "auth",
    "jwt",
];

/// So does one whose name ends in one of these.
const SECRET_ENDS: [&str; 4] = ["apikey", "accesskey", "_key", "-key"];

/// So does one of this name.
const SECRET_NAMES: [&str; 6] = ["key", "sig", "pwd", "sid", "ticket", "code"];

/// What stands between the parameters of a URI, and in front of them.
const SEPARATORS: [char; 4] = ['?', '&', ';', '#'];

/// A header without its secret.
pub(crate) fn header((name, value): (&str, &str)) -> (String, String) {
    let lower = name.to_ascii_lowercase();
    let value = match lower.as_str() {
        "cookie" => cookies(value),
        "set-cookie" => set_cookie(value),
        "sec-websocket-protocol" => subprotocols(value),
        // Not of this server or user, but of the handshake.
        "sec-websocket-key" => value.to_owned(),
        lower if is_secret_header(lower) || lower.ends_with("-key") => scheme_kept(lower, value),
        lower if URI_HEADERS.contains(&lower) => uri(value).into_owned(),
        _ => value.to_owned(),
    };
    (name.to_owned(), value)
}

/// Whether a header, as it is typed, has a secret in it.
pub(crate) fn is_secret_header_line(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, value)| {
        let value = value.trim();
        header((name.trim(), value)).1 != value
    })
}

/// Whether something was masked in the text.
pub(crate) fn is_masked(text: &str) -> bool {
    text.contains(MASK)
}

/// The names of cookies are no secret, and tell a reader what to give again.
fn cookies(value: &str) -> String {
    let all: Vec<String> = value.split(';').map(str::trim).map(cookie).collect();
    all.join("; ")
}

/// Only the first pair is the cookie, the others are its attributes.
fn set_cookie(value: &str) -> String {
    match value.split_once(';') {
        Some((first, attributes)) => format!("{};{attributes}", cookie(first)),
        None => cookie(value),
    }
}

fn cookie(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}={MASK}"),
        None => MASK.to_owned(),
    }
}

/// Neither is how a client logs in.
fn scheme_kept(name: &str, value: &str) -> String {
    let is_login = name.ends_with("authorization");
    match value.split_once(' ') {
        Some((scheme, _)) if is_login && scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
            format!("{scheme} {MASK}")
        }
        _ => MASK.to_owned(),
    }
}

/// The URI without its user and password, and without the values of parameters whose names say that they
/// are secret.
pub(crate) fn uri(uri: &str) -> Cow<'_, str> {
    let (place, rest) = uri.split_at(uri.find(['?', '#']).unwrap_or(uri.len()));
    let user = user(place);
    let is_plain = |part: &str| !is_secret(part);
    if user.is_none() && rest.split(SEPARATORS).all(is_plain) {
        return Cow::Borrowed(uri);
    }
    let mut masked = match user {
        Some((scheme, host)) => format!("{scheme}{MASK}{host}"),
        None => place.to_owned(),
    };
    for part in rest.split_inclusive(SEPARATORS) {
        let (part, separator) = part.split_at(part.trim_end_matches(SEPARATORS).len());
        match part.split_once('=') {
            Some((name, _)) if is_secret(part) => masked.push_str(&format!("{name}={MASK}")),
            _ => masked.push_str(part),
        }
        masked.push_str(separator);
    }
    Cow::Owned(masked)
}

/// What stands in front of a user and a password, and what behind them.
fn user(place: &str) -> Option<(&str, &str)> {
    let start = match place.find("//")? {
        0 => 2,
        slashes if place.get(..slashes)?.ends_with(':') => slashes + 2,
        _ => return None,
    };
    let (scheme, rest) = place.split_at(start);
    let authority = rest.split('/').next().unwrap_or(rest);
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    // A slash in a password makes the URI none. That is said with it, but not with the password.
    let is_cut = !port.ends_with(']') && port.contains(|c: char| !c.is_ascii_digit());
    let end = match authority.rfind('@') {
        None if is_cut => rest.rfind('@')?,
        end => end?,
    };
    Some((scheme, rest.get(end..)?))
}

/// Whether a parameter, with its value, is a secret.
fn is_secret(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    !value.is_empty() && is_secret_name(name)
}

/// Whether a name says that what it stands for is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str())
        || SECRET_PARTS.iter().any(|part| name.contains(part))
        || SECRET_ENDS.iter().any(|end| name.ends_with(end))
}

/// A list of subprotocols without those that carry a token.
pub(crate) fn subprotocols(list: &str) -> String {
    let line = format!("Sec-WebSocket-Protocol: {list}");
    let masked = masked_line(Role::Client, &line);
    let list = masked.split_once(": ").map_or(MASK, |(_, list)| list);
    list.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_what_a_uri_should_not_tell() {
        for (text, masked) in [
            ("ws://host/chat?room=1", "ws://host/chat?room=1"),
            ("ws://me:pw@host:1/x", "ws://***@host:1/x"),
            ("ws://me:p@w@host", "ws://***@host"),
            (
                "wss://h/a?access_token=abc&room=2&Sig=x&key=",
                "wss://h/a?access_token=***&room=2&Sig=***&key=",
            ),
            ("ws://h?monkey=1&keyboard=2", "ws://h?monkey=1&keyboard=2"),
            ("/elsewhere?token=a", "/elsewhere?token=***"),
            (
                "wss://me:pw@h:1/@x?API-Key=1",
                "wss://***@h:1/@x?API-Key=***",
            ),
            ("ws://h/a@b", "ws://h/a@b"),
            ("ws://[::1]:9/a@b", "ws://[::1]:9/a@b"),
            ("ws://me:p/w@host/x", "ws://***@host/x"),
            ("//me:pw@host/x", "//***@host/x"),
            (
                "https://h/x#access_token=a&b=c",
                "https://h/x#access_token=***&b=c",
            ),
            ("ws://h/?a=1;sid=2#x", "ws://h/?a=1;sid=***#x"),
            (
                "ws+unix:/run/a.sock:/x?token=1",
                "ws+unix:/run/a.sock:/x?token=***",
            ),
            ("token=1", "token=1"),
        ] {
            assert_eq!(uri(text), masked);
            assert_eq!(uri(&uri(text)), masked, "twice");
        }
    }

    #[test]
    fn masks_headers_and_keeps_how_a_client_logs_in() {
        for (name, value, masked) in [
            ("Authorization", "Bearer abc", "Bearer ***"),
            ("proxy-authorization", "Basic YTpi", "Basic ***"),
            ("Authorization", "abc", "***"),
            ("Cookie", "a=1; b=2", "a=***; b=***"),
            ("Cookie", "odd", "***"),
            ("Set-Cookie", "a=1; Path=/; Secure", "a=***; Path=/; Secure"),
            ("X-Api-Key", "k", "***"),
            ("X-Amz-Security-Token", "two words", "***"),
            ("X-Key", "k", "***"),
            ("Sec-WebSocket-Key", "abc==", "abc=="),
            ("User-Agent", "probe/1", "probe/1"),
            ("Location", "wss://h/?token=x", "wss://h/?token=***"),
            ("Sec-WebSocket-Protocol", "jwt,a.b.c", "jwt, ***"),
        ] {
            let once = header((name, value));
            assert_eq!(once, (name.to_owned(), masked.to_owned()));
            assert_eq!(header((name, &once.1)), once, "twice");
        }
    }
}
