//! What of a head nobody else may read, for those who print or keep one.

use alloc::{borrow::Cow, format, string::String, vec::Vec};

use super::SUBPROTOCOL;
use crate::Role;

/// What stands in place of a secret.
const MASK: &str = "***";

/// No subprotocol has a longer name, but some servers take a token for one.
const MAX_SUBPROTOCOL: usize = 32;

/// A subprotocol after one of these is a secret: browsers cannot send one anywhere else.
const SECRET_FOLLOWS: [&str; 5] = ["bearer", "access_token", "token", "authorization", "jwt"];

/// What stands in front of a secret within a subprotocol, as in Kubernetes.
const SECRET_MARKS: [&str; 3] = ["bearer.", "authorization.", "token."];

/// Parts of the names of headers that carry credentials.
const SECRET: [&str; 12] = [
    "authorization",
    "cookie",
    "token",
    "secret",
    "password",
    "credential",
    "signature",
    "session",
    "api-key",
    "apikey",
    "access-key",
    "x-auth",
];

/// Headers of a request whose values are no secrets. All others are the application's own.
const PUBLIC: [&str; 17] = [
    "Host",
    "Upgrade",
    "Connection",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "User-Agent",
    "Origin",
    "Referer",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Cache-Control",
    "Pragma",
    "Date",
    "DNT",
];

/// Whether a header of this name carries credentials, as `Authorization`, `Set-Cookie` and `X-Api-Key` do.
///
/// ```
/// use bowsprit_proto::handshake::is_secret_header;
///
/// assert!(is_secret_header("proxy-authorization") && is_secret_header("X-Api-Key"));
/// assert!(!is_secret_header("Sec-WebSocket-Key") && !is_secret_header("WWW-Authenticate"));
/// ```
pub fn is_secret_header(name: &str) -> bool {
    let contains = |part: &str| {
        let mut places = name.as_bytes().windows(part.len());
        places.any(|place| place.eq_ignore_ascii_case(part.as_bytes()))
    };
    SECRET.iter().any(|part| contains(part))
}

/// A line of the head that `sender` sends, with `***` in place of what may be a secret: of a request the
/// values of all headers that are not known to be none; of a response those of headers that carry
/// credentials; of both queries, users in URIs, and subprotocols that carry a token.
///
/// ```
/// use bowsprit_proto::{Role, handshake::masked_line};
///
/// let request = |line| masked_line(Role::Client, line);
/// assert_eq!(request("GET /feed?token=1 HTTP/1.1"), "GET /feed?*** HTTP/1.1");
/// assert_eq!(request("Authorization: Basic YTpi"), "Authorization: ***");
/// assert_eq!(request("X-Mine: 17"), "X-Mine: ***");
/// assert_eq!(request("Host: example.com"), "Host: example.com");
///
/// let response = |line| masked_line(Role::Server, line);
/// assert_eq!(response("X-Mine: 17"), "X-Mine: 17");
/// assert_eq!(response("Set-Cookie: a=b"), "Set-Cookie: ***");
/// assert_eq!(response("Location: https://a:b@h/x?y"), "Location: https://***@h/x?***");
/// ```
pub fn masked_line(sender: Role, line: &str) -> Cow<'_, str> {
    let Some((name, value)) = line.split_once(": ") else {
        return masked_start_line(line);
    };
    let is = |other: &&str| name.eq_ignore_ascii_case(other);
    let is_secret = match sender {
        Role::Client => !PUBLIC.iter().any(is),
        Role::Server => is_secret_header(name),
    };
    if is_secret {
        format!("{name}: {MASK}").into()
    } else if is(&SUBPROTOCOL) {
        format!("{name}: {}", masked_subprotocols(value)).into()
    } else if is(&"Location") || is(&"Referer") {
        format!("{name}: {}", masked_uri(value)).into()
    } else {
        line.into()
    }
}

/// The second word of a request line is its target; a status line has no query.
fn masked_start_line(line: &str) -> Cow<'_, str> {
    match line.split_once('?') {
        Some((before, rest)) if !line.starts_with("HTTP/") => {
            let version = rest.split_once(' ').map(|(_, version)| version);
            let version = version.map_or_else(String::new, |version| format!(" {version}"));
            format!("{before}?{MASK}{version}").into()
        }
        _ => line.into(),
    }
}

/// A list of subprotocols without those that carry a token.
pub(super) fn masked_subprotocols(list: &str) -> String {
    let mut is_secret = false;
    let names = list.split(',').map(str::trim).map(|name| {
        let lower = name.to_ascii_lowercase();
        let masked = masked_subprotocol(name, &lower, is_secret);
        is_secret = SECRET_FOLLOWS.contains(&lower.as_str());
        masked
    });
    names.collect::<Vec<_>>().join(", ")
}

fn masked_subprotocol<'a>(name: &'a str, lower: &str, is_secret: bool) -> Cow<'a, str> {
    // A JSON Web Token is three parts in base64url, of which the first begins with `{"`.
    let is_token = name.starts_with("eyJ") && name.contains('.');
    if is_secret || is_token {
        return MASK.into();
    }
    let ends = SECRET_MARKS
        .iter()
        .filter_map(|mark| Some(lower.find(mark)?.saturating_add(mark.len())));
    match ends.min().and_then(|end| name.split_at_checked(end)) {
        // The name of Kubernetes' own subprotocol ends where a token would begin.
        Some((head, rest)) if !rest.is_empty() => {
            let own = "authorization.k8s.io.";
            let own = if rest.starts_with(own) { own } else { "" };
            format!("{head}{own}{MASK}").into()
        }
        _ if name.len() > MAX_SUBPROTOCOL => MASK.into(),
        _ => name.into(),
    }
}

fn masked_uri(uri: &str) -> String {
    let (before, query) = match uri.split_once('?') {
        Some((before, _)) => (before, format!("?{MASK}")),
        None => (uri, String::new()),
    };
    let (scheme, rest) = before.split_once("//").unwrap_or(("", before));
    let slashes = if before.len() > rest.len() { "//" } else { "" };
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once('@') {
        Some((user, _)) => {
            let rest = rest.get(user.len()..).unwrap_or_default();
            format!("{scheme}{slashes}{MASK}{rest}{query}")
        }
        None => format!("{before}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_what_may_be_a_secret_in_a_request() {
        for (line, shown) in [
            ("GET /?a HTTP/1.1", "GET /?*** HTTP/1.1"),
            ("GET /?", "GET /?***"),
            ("cookie: a=b", "cookie: ***"),
            ("Sec-WebSocket-Key: abc==", "Sec-WebSocket-Key: abc=="),
            (
                "Sec-WebSocket-Protocol: chat, bearer.0123456789abcdef0123456789abcdef",
                "Sec-WebSocket-Protocol: chat, bearer.***",
            ),
            (
                "Sec-WebSocket-Protocol: a, b",
                "Sec-WebSocket-Protocol: a, b",
            ),
            ("Referer: https://h/x?y", "Referer: https://h/x?***"),
            ("X-Key: abc", "X-Key: ***"),
        ] {
            assert_eq!(masked_line(Role::Client, line), shown);
        }
    }

    #[test]
    fn masks_credentials_in_a_response() {
        for (line, shown) in [
            ("HTTP/1.1 400 Why?", "HTTP/1.1 400 Why?"),
            ("Set-Cookie: a=b", "Set-Cookie: ***"),
            ("X-Amz-Security-Token: x", "X-Amz-Security-Token: ***"),
            ("Location: /x?code=1#y", "Location: /x?***"),
            ("Location: //u@h/", "Location: //***@h/"),
            ("Location: /@x", "Location: /@x"),
            ("Server: nginx", "Server: nginx"),
            ("", ""),
        ] {
            assert_eq!(masked_line(Role::Server, line), shown);
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
            ("0123456789abcdef0123456789abcdef0", "***"),
        ] {
            assert_eq!(masked_subprotocols(list), masked);
        }
    }
}
