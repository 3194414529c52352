//! The request of a recorded connection, made again.

use bowsprit::{Client, ConnectRequest};

use super::Destination;
use crate::events::mask;
use crate::options::Plan;
use crate::printer::text::{escape, harmless};
use crate::recording::tapes::Tape;

/// Headers that the handshake writes itself, or that belong to the old connection.
const NOT_REPEATED: [&str; 3] = ["host", "connection", "upgrade"];

/// The request, as recorded but for what the options replace, and the names of headers that the record
/// hides and no option gives.
///
/// # Errors
///
/// When the URI is none, or a part of it is hidden; the text is escaped.
pub(super) fn request(
    client: &Client,
    plan: &Plan,
    destination: &Destination,
    tape: &Tape,
) -> Result<(ConnectRequest, Vec<String>), String> {
    let uri = destination.of(&tape.uri);
    if uri.is_empty() {
        return Err(format!(
            "connection {}: the record does not say where it went; give a URI",
            tape.label
        ));
    }
    if mask::is_masked(&uri) {
        return Err(format!(
            "connection {}: the record hides a secret of {}; give the URI, or --map OLD=NEW",
            tape.label,
            escape(&uri)
        ));
    }
    let mut request = plan.request(client, &uri)?;
    let given: Vec<String> = request
        .headers()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    let has_subprotocols = request.subprotocols().next().is_some();
    let own_name = bowsprit_name(&request);
    let mut hidden = Vec::new();
    for (name, value) in &tape.headers {
        let lower = name.to_ascii_lowercase();
        let is_offer = lower == "sec-websocket-protocol";
        let is_given = if is_offer {
            has_subprotocols
        } else {
            // The name that this program gives itself is not one that was asked for.
            given.contains(&lower) && !(lower == "user-agent" && own_name)
        };
        if is_given || (lower.starts_with("sec-websocket-") && !is_offer) {
            continue;
        }
        if NOT_REPEATED.contains(&lower.as_str()) {
            continue;
        }
        if mask::is_masked(value) {
            hidden.push(name.clone());
            continue;
        }
        let failed = |fault| {
            let fault = format!("{fault}");
            format!(
                "connection {}: {}: {}",
                tape.label,
                escape(name),
                harmless(&fault)
            )
        };
        if is_offer {
            for offer in value.split(',').map(str::trim) {
                request = request.subprotocol(offer).map_err(failed)?;
            }
        } else if lower == "user-agent" {
            request = request.user_agent(value).map_err(failed)?;
        } else {
            request = request.header(name, value).map_err(failed)?;
        }
    }
    Ok((request, hidden))
}

/// Whether the request names this program as it does where nobody asks for another name.
fn bowsprit_name(request: &ConnectRequest) -> bool {
    let mut headers = request.headers();
    let name = headers.find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    name.is_some_and(|(_, value)| value.starts_with("bowsprit/"))
}
