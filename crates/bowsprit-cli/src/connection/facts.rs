//! The facts that `show` prints below the block of the original.

use std::time::SystemTime;

use bowsprit::proto::Uri;
use bowsprit::{Closed, Initiator, TlsInfo};

use super::{Connection, Stage, milliseconds, party};
use crate::network::Failure;
use crate::printer::text::{escape, excerpt};

/// How many of a certificate's names are shown, and how much of them.
const MAX_NAMES: usize = 5;
const MAX_NAME: usize = 200;

impl Connection {
    /// A name and a text for each line.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        facts.extend(self.redirect_fact());
        let reached = self
            .info
            .as_ref()
            .map_or(self.uri.as_str(), |info| info.uri());
        if let Some(proxy) = self.proxy.server_for(reached) {
            facts.push(("Proxy", escape(&proxy).into_owned()));
        }
        if let Some(tls) = self.info.as_ref().and_then(|info| info.tls()) {
            tls_facts(tls, self.pins, &mut facts);
        }
        if let Some(subprotocol) = self.info.as_ref().and_then(|info| info.subprotocol()) {
            facts.push(("Subprotocol", escape(subprotocol).into_owned()));
        }
        if let Some(params) = self.info.as_ref().and_then(|info| info.deflate()) {
            facts.push(("Compression", params.to_string()));
        }
        match &self.stage {
            Stage::Failed(Failure {
                answer: Some(answer),
                ..
            }) => {
                facts.push(("HTTP response", escape(&answer.status_line()).into_owned()));
            }
            Stage::Closed(closed) => closing_facts(closed, &mut facts),
            _ => {}
        }
        facts.extend(self.round_trip_fact());
        if self.history.dropped() > 0 {
            facts.push(("Older messages dropped", self.history.dropped().to_string()));
        }
        facts
    }

    fn redirect_fact(&self) -> Option<(&'static str, String)> {
        let asked = Uri::parse(&self.uri).ok()?.to_string();
        let reached = self.info.as_ref()?.uri();
        (asked != reached).then(|| ("Redirected to", escape(reached).into_owned()))
    }

    fn round_trip_fact(&self) -> Option<(&'static str, String)> {
        let trips = self.handle.round_trips();
        let [last, mean, worst] = [trips.last?, trips.mean?, trips.worst?].map(milliseconds);
        let text = match trips.count {
            1 => last,
            count => format!("{last} (mean {mean}, worst {worst} of {count})"),
        };
        Some(("Last round trip", text))
    }
}

/// What TLS agreed on, and who the server says that it is.
fn tls_facts(tls: &TlsInfo, pins: bool, facts: &mut Vec<(&'static str, String)>) {
    let trust = match (tls.verified, pins) {
        (false, _) => ", NOT VERIFIED",
        (true, true) => ", pinned",
        (true, false) => "",
    };
    let protocol = tls
        .alpn
        .as_deref()
        .map(|name| format!(", {}", escape(name)));
    let protocol = protocol.unwrap_or_default();
    let settled = format!("{}, {}{protocol}{trust}", tls.version, tls.cipher);
    facts.push(("TLS", settled));
    let Some(peer) = &tls.peer else {
        return;
    };
    let days = match peer.days_left(SystemTime::now()) {
        days @ 0.. => format!("{days} days left"),
        _ => "EXPIRED".to_owned(),
    };
    let mut names = peer
        .names
        .iter()
        .take(MAX_NAMES)
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    if names.len() < peer.names.len() {
        names.push("…".to_owned());
    }
    let (subject, names) = (excerpt(&peer.subject, MAX_NAME), names.join(", "));
    let names = excerpt(&names, MAX_NAME);
    facts.push(("Certificate", format!("{subject} ({names}), {days}")));
    // As --pin takes it.
    facts.push(("Fingerprint", peer.fingerprint()));
}

/// What the original did not tell of an end, where the lines above do not say it already: that
/// this side closed and the peer answered with the same code and reason is how it should be.
fn closing_facts(closed: &Closed, facts: &mut Vec<(&'static str, String)>) {
    if closed.is_clean()
        && closed.initiator == Some(Initiator::Local)
        && closed.local == closed.remote
    {
        return;
    }
    if let Some(local) = &closed.local {
        let reason = escape(&local.reason);
        facts.push((
            "Sent close",
            format!("close code: {}, close reason: {reason}", local.code),
        ));
    }
    if let Some(initiator) = closed.initiator {
        facts.push(("Closed first by", party(initiator).to_owned()));
    }
    if let Some(cause) = &closed.cause {
        facts.push(("Cause", escape(&cause.to_string()).into_owned()));
    }
}
