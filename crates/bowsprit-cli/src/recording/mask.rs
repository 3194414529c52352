//! Secrets of a handshake, replaced by `***` before they reach a file.

use std::borrow::Cow;

use crate::events::{Event, What};

/// What stands where a secret stood.
pub(crate) const MASK: &str = "***";

/// The headers whose whole value is a secret.
const SECRET_HEADERS: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-amz-security-token",
];

/// The headers whose value is a URI.
const URI_HEADERS: [&str; 3] = ["location", "referer", "content-location"];

/// A query parameter whose name has one of these in it carries a secret.
const SECRET_PARTS: [&str; 10] = [
    "token",
    "secret",
    "passw",
    "signature",
    "api_key",
    "apikey",
    "api-key",
    "jwt",
    "credential",
    "auth",
];

/// A query parameter of this name carries a secret.
const SECRET_NAMES: [&str; 8] = [
    "key",
    "sig",
    "pwd",
    "sid",
    "session",
    "sessionid",
    "ticket",
    "code",
];

/// A subprotocol after one of these is a secret: browsers cannot send one anywhere else.
const SECRET_FOLLOWS: [&str; 5] = ["bearer", "access_token", "token", "authorization", "jwt"];

/// What stands in front of a secret within a subprotocol, as in Kubernetes.
const SECRET_MARKS: [&str; 3] = ["bearer.", "authorization.", "token."];

/// The event without secrets. What messages carry is left as it is.
pub(crate) fn event(event: &Event) -> Cow<'_, Event> {
    let is_handshake = matches!(
        event.what,
        What::Connect { .. } | What::Open(_) | What::Fail(_)
    );
    if !is_handshake {
        return Cow::Borrowed(event);
    }
    let mut event = event.clone();
    match &mut event.what {
        What::Connect { uri, headers: all } => {
            *uri = self::uri(uri);
            headers(all);
        }
        What::Open(opened) => {
            opened.uri = uri(&opened.uri);
            opened.subprotocol = opened.subprotocol.as_deref().map(offered);
            headers(&mut opened.headers);
        }
        What::Fail(failed) => {
            failed.uri = uri(&failed.uri);
            if let Some(answer) = &mut failed.http {
                headers(&mut answer.headers);
            }
        }
        _ => {}
    }
    Cow::Owned(event)
}

/// Masks the values of headers that carry secrets.
pub(crate) fn headers(headers: &mut [(String, String)]) {
    for (name, value) in headers {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if SECRET_HEADERS.iter().any(|known| is(known)) {
            *value = match name.to_ascii_lowercase().as_str() {
                "cookie" => cookies(value),
                "set-cookie" => set_cookie(value),
                name => scheme_kept(name, value),
            };
        } else if URI_HEADERS.iter().any(|known| is(known)) {
            *value = uri(value);
        } else if name.eq_ignore_ascii_case("sec-websocket-protocol") {
            *value = offered(value);
        }
    }
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

/// The URI without the password of its userinfo and the values of parameters that look like secrets.
pub(crate) fn uri(uri: &str) -> String {
    let (rest, query) = match uri.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (uri, None),
    };
    let mut masked = match rest.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match authority.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://{MASK}@{host}{path}"),
                None => format!("{scheme}://{authority}{path}"),
            }
        }
        None => rest.to_owned(),
    };
    if let Some(query) = query {
        let parameters: Vec<String> = query.split('&').map(parameter).collect();
        masked.push('?');
        masked.push_str(&parameters.join("&"));
    }
    masked
}

fn parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, value)) if !value.is_empty() && is_secret(name) => format!("{name}={MASK}"),
        _ => parameter.to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str()) || SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// A list of subprotocols without those that carry a token.
fn offered(list: &str) -> String {
    let mut is_next_secret = false;
    let names: Vec<String> = list
        .split(',')
        .map(str::trim)
        .map(|name| {
            let lower = name.to_ascii_lowercase();
            let masked = subprotocol(name, &lower, is_next_secret);
            is_next_secret = SECRET_FOLLOWS.contains(&lower.as_str());
            masked
        })
        .collect();
    names.join(", ")
}

fn subprotocol(name: &str, lower: &str, is_secret: bool) -> String {
    // A JSON Web Token is three parts in base64url, of which the first begins with `{"`.
    let is_token = name.starts_with("eyJ") && name.contains('.');
    if is_secret || is_token {
        return MASK.to_owned();
    }
    let ends = SECRET_MARKS
        .iter()
        .filter_map(|mark| lower.find(mark).map(|start| start + mark.len()));
    match ends.min().map(|end| name.split_at(end)) {
        // The name of Kubernetes' own subprotocol ends where a token would begin.
        Some((head, rest)) if !rest.is_empty() => {
            match rest.strip_prefix("authorization.k8s.io.") {
                Some(_) => format!("{head}authorization.k8s.io.{MASK}"),
                None => format!("{head}{MASK}"),
            }
        }
        _ => name.to_owned(),
    }
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
        ] {
            assert_eq!(uri(text), masked);
            assert_eq!(uri(&uri(text)), masked, "twice");
        }
    }

    #[test]
    fn masks_headers_and_keeps_how_a_client_logs_in() {
        let mut all = [
            ("Authorization", "Bearer abc", "Bearer ***"),
            ("proxy-authorization", "Basic YTpi", "Basic ***"),
            ("Authorization", "abc", "***"),
            ("Cookie", "a=1; b=2", "a=***; b=***"),
            ("Cookie", "odd", "***"),
            ("Set-Cookie", "a=1; Path=/; Secure", "a=***; Path=/; Secure"),
            ("X-Api-Key", "k", "***"),
            ("User-Agent", "probe/1", "probe/1"),
            ("Location", "wss://h/?token=x", "wss://h/?token=***"),
        ]
        .map(|(name, value, masked)| (name.to_owned(), value.to_owned(), masked));
        for (name, value, masked) in &mut all {
            let mut header = [(name.clone(), value.clone())];
            headers(&mut header);
            assert_eq!(header[0].1, *masked, "{name}");
        }
    }

    #[test]
    fn masks_tokens_that_pose_as_subprotocols() {
        for (list, masked) in [
            ("chat, mqtt", "chat, mqtt"),
            ("bearer, abc.def, chat", "bearer, ***, chat"),
            ("access_token,abc", "access_token, ***"),
            ("v4.channel.k8s.io", "v4.channel.k8s.io"),
            (
                "base64url.bearer.authorization.k8s.io.YWJj, v4.channel.k8s.io",
                "base64url.bearer.authorization.k8s.io.***, v4.channel.k8s.io",
            ),
            ("eyJhbGciOiJIUzI1NiJ9.e30.x", "***"),
            ("bearer.abc", "bearer.***"),
            ("graphql-transport-ws", "graphql-transport-ws"),
        ] {
            assert_eq!(offered(list), masked);
        }
    }
}
