//! What a process is told of its connection: the variables of CGI (RFC 3875), as websocketd has them.

use bowsprit::ConnectionInfo;
use percent_encoding::percent_decode_str;

/// What this program calls itself.
const SOFTWARE: &str = concat!("bowsprit/", env!("CARGO_PKG_VERSION"));

/// Headers that become no variable: secrets (RFC 3875 §9.2), and `Proxy`, whose variable is one that
/// programs take for a proxy of theirs.
const LEFT_OUT: [&str; 3] = ["authorization", "proxy-authorization", "proxy"];

/// Names and values for the process of this connection.
pub(super) fn of(info: &ConnectionInfo, id: u32, is_encrypted: bool) -> Vec<(String, String)> {
    let (authority, target) = split(info.uri());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ if is_encrypted => (authority, "443"),
        _ => (authority, "80"),
    };
    let path = decoded(path);
    let peer = info.peer();
    let address = peer.map_or_else(String::new, |peer| peer.ip().to_string());
    let mut variables: Vec<(String, String)> = [
        ("SERVER_SOFTWARE", SOFTWARE),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", name),
        ("SERVER_PORT", port),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", target),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", &path),
        ("PATH_TRANSLATED", &path),
        ("QUERY_STRING", query),
        ("REMOTE_ADDR", &address),
        ("REMOTE_HOST", &address),
        ("WEBSOCKET_PROTOCOL", info.subprotocol().unwrap_or_default()),
        // What CGI has besides is not there, whatever this program has in its own environment.
        ("HTTPS", if is_encrypted { "on" } else { "" }),
        ("AUTH_TYPE", ""),
        ("CONTENT_LENGTH", ""),
        ("CONTENT_TYPE", ""),
        ("REMOTE_IDENT", ""),
        ("REMOTE_USER", ""),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let port = peer.map_or_else(String::new, |peer| peer.port().to_string());
    variables.push(("REMOTE_PORT".to_owned(), port));
    variables.push(("UNIQUE_ID".to_owned(), id.to_string()));
    for (name, value) in info.headers() {
        let is_left_out = LEFT_OUT
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other));
        // No variable has a NUL in it, and no header either.
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_left_out && is_name {
            let name = format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
            match variables.iter_mut().find(|(known, _)| *known == name) {
                // Several of one name are one list (RFC 9110 §5.3).
                Some((_, values)) => {
                    values.push_str(", ");
                    values.push_str(value);
                }
                None => variables.push((name, value.to_owned())),
            }
        }
    }
    variables
}

/// The authority, and the target of the request, in the URI of a connection.
pub(super) fn split(uri: &str) -> (&str, &str) {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    let start = rest.find(['/', '?']).unwrap_or(rest.len());
    rest.split_at(start)
}

/// The path as CGI has it, decoded (RFC 3875 §4.1.5); as it came where that is no text, or has a NUL in it, which
/// no variable can hold.
fn decoded(path: &str) -> String {
    match percent_decode_str(path).decode_utf8() {
        Ok(decoded) if !decoded.contains('\0') => decoded.into_owned(),
        _ => path.to_owned(),
    }
}
