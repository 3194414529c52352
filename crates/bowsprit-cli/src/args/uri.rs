//! Short forms of URIs, for the command line only: `:9002`, `localhost:9002/chat`.

use crate::events::masked_uri;
use crate::printer::text::escape;

/// What begins the URIs of this program; what is wrong behind it, their parser says.
const OURS: [&str; 3] = ["ws:", "wss:", "ws+unix:"];

/// The URI that a short form stands for; `None` where the text is none.
pub(crate) fn lengthen(text: &str) -> Option<String> {
    let authority = text.split(['/', '?', '#']).next()?;
    let (host, port) = authority.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let is_named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_ipv6 = host.starts_with('[') && host.ends_with(']');
    match host {
        "" => Some(format!("ws://localhost{text}")),
        _ if is_ipv6 || host.chars().all(is_named) => Some(format!("ws://{text}")),
        _ => None,
    }
}

/// Fails where a text has no scheme.
///
/// # Errors
///
/// Says what was probably meant.
pub(crate) fn check_scheme(text: &str) -> Result<(), String> {
    let shown = match text.contains("://") {
        true => masked_uri(text).into_owned(),
        // Without a scheme a user is not known as such.
        false => masked_uri(&format!("//{text}")).replacen("//", "", 1),
    };
    let shown = escape(&shown);
    let (scheme, rest) = shown.split_once("://").unwrap_or(("", &shown));
    let meant = match scheme.to_ascii_lowercase().as_str() {
        "http" => Some("ws"),
        "https" => Some("wss"),
        _ => None,
    };
    if let Some(meant) = meant {
        return Err(format!(
            "{shown} is for HTTP: {meant}://{rest} is for WebSockets"
        ));
    }
    let lower = text.to_ascii_lowercase();
    if !scheme.is_empty() || OURS.iter().any(|ours| lower.starts_with(ours)) {
        return Ok(());
    }
    Err(format!(
        "{shown} has no scheme: wss://{shown}, or ws://{shown} without TLS"
    ))
}

/// What was probably meant by a text that is the URI of no WebSocket, if that can be guessed.
pub(crate) fn meant(text: &str) -> Option<String> {
    if let Some(whole) = lengthen(text) {
        return Some(format!(
            "{} has no scheme: {}",
            escape(text),
            escape(&whole)
        ));
    }
    let lower = text.to_ascii_lowercase();
    let is_http = lower.starts_with("http://") || lower.starts_with("https://");
    let is_host = !text.contains([':', ' ']) && (text.contains(['.', '/']) || lower == "localhost");
    (is_http || is_host)
        .then(|| check_scheme(text).err())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_short_forms_from_uris_and_names() {
        for (text, whole) in [
            (":9002", Some("ws://localhost:9002")),
            (":9002/chat?x=1", Some("ws://localhost:9002/chat?x=1")),
            ("localhost:9002", Some("ws://localhost:9002")),
            ("[::1]:80/a:b", Some("ws://[::1]:80/a:b")),
            ("example.org", None),
            ("ws://example.org:80", None),
            ("localhost:port", None),
            ("localhost:66666", None),
            ("user@host:80", None),
            ("ws+unix:/run/a.sock", None),
        ] {
            assert_eq!(lengthen(text).as_deref(), whole, "{text}");
        }
        assert!(check_scheme("example.org/chat").is_err());
        for text in ["ws+unix:/run/a.sock", "ws:", "WSS:x", "foo://a"] {
            assert_eq!(check_scheme(text), Ok(()), "{text}");
        }
    }
}
