//! The facts that `show` prints below the block of the original.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use bowsprit::proto::Uri;
use bowsprit::{Closed, Compressed, Compression, Initiator, TlsInfo};

use super::{Connection, Stage, Way, party};
use crate::events::{cause, mask};
use crate::network::Failure;
use crate::printer::duration::milliseconds;
use crate::printer::text::{escape, excerpt};

/// How many of a certificate's names are shown, and how much of them.
const MAX_NAMES: usize = 5;
const MAX_NAME: usize = 200;

impl Connection {
    /// A name and a text for each line.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        facts.extend(self.redirect_fact());
        let reached = self.info.as_ref().map_or(&*self.uri, |info| info.uri());
        if let Some(proxy) = self.plan.proxy().server_for(reached) {
            facts.push(("Proxy", escape(&proxy).into_owned()));
        }
        if let Some(tls) = self.info.as_ref().and_then(|info| info.tls()) {
            tls_facts(tls, self.plan.pins(), &mut facts);
        }
        if let Some(subprotocol) = self.info.as_ref().and_then(|info| info.subprotocol()) {
            facts.push((
                "Subprotocol",
                escape(&mask::subprotocols(subprotocol)).into_owned(),
            ));
        }
        if let Some(params) = self.info.as_ref().and_then(|info| info.deflate()) {
            facts.push(("Compression", params.to_string()));
        }
        facts.extend(self.handle.compression().and_then(compressed));
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
        facts.extend(self.traffic_facts(Instant::now()));
        facts.extend(self.round_trip_fact());
        facts.extend(self.dropped_fact());
        facts
    }

    /// What went over it and how fast, where it is or was open.
    pub(crate) fn traffic_facts(&self, now: Instant) -> Vec<(&'static str, String)> {
        let Some(age) = self.traffic.age(now) else {
            return Vec::new();
        };
        let way = |way: &Way| {
            let size = Size(way.bytes);
            let mut text = format!(
                "{}, {size}, {:.1}/s on average",
                messages(way.messages),
                way.mean(age)
            );
            if !self.has_ended() {
                text.push_str(&format!(", {:.1}/s now", self.traffic.rate(way, now)));
            }
            text
        };
        let (name, mut time) = if self.has_ended() {
            ("Was open for", Span(age).to_string())
        } else {
            ("Open for", Span(age).to_string())
        };
        if let Some(idle) = self.traffic.idle(now).filter(|_| !self.has_ended()) {
            time.push_str(&format!(", idle for {}", Span(idle)));
        }
        vec![
            (name, time),
            ("Received", way(&self.traffic.received)),
            ("Sent", way(&self.traffic.sent)),
        ]
    }

    /// How much of what went over it is not kept, if anything.
    pub(crate) fn dropped_fact(&self) -> Option<(&'static str, String)> {
        let (messages, bytes) = self.history.dropped();
        let text = format!("{messages} ({})", Size(bytes));
        (messages > 0).then_some(("Older messages dropped", text))
    }

    /// The headers of the server's response, a line for each. A cookie is a secret, but for its name.
    pub(super) fn headers(&self) -> impl Iterator<Item = String> {
        let answer = match &self.stage {
            Stage::Failed(failure) => failure.answer.as_ref(),
            _ => None,
        };
        let of_answer = answer.into_iter().flat_map(|answer| {
            let headers = answer.headers.iter();
            headers.map(|(name, value)| (name.as_str(), value.as_str()))
        });
        let headers = self.info.iter().flat_map(|info| info.headers());
        headers.chain(of_answer).map(|header| {
            let (name, value) = mask::header(header);
            format!("> Header: {}: {}", escape(&name), escape(&value))
        })
    }

    fn redirect_fact(&self) -> Option<(&'static str, String)> {
        let asked = Uri::parse(&self.uri).ok()?.to_string();
        let reached = self.info.as_ref()?.uri();
        let shown = || escape(&mask::uri(reached)).into_owned();
        (asked != reached).then(|| ("Redirected to", shown()))
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
    if let Some(cause) = cause(closed) {
        facts.push(("Cause", escape(&cause).into_owned()));
    }
}

/// What compression has made of the messages, if it had any to do.
pub(crate) fn compressed(told: Compression) -> Option<(&'static str, String)> {
    let way = |name: &str, way: &Compressed| {
        let percent = way.ratio()? * 100.0;
        let (size, wire) = (Size(way.payload_bytes), Size(way.wire_bytes));
        let count = messages(way.messages);
        Some(format!("{name} {count}, {size} as {wire} ({percent:.0}%)"))
    };
    let ways = [way("received", &told.received), way("sent", &told.sent)];
    let ways: Vec<String> = ways.into_iter().flatten().collect();
    (!ways.is_empty()).then(|| ("Compressed", ways.join("; ")))
}

/// A number of bytes as it is typed: `120B`, `1.5MiB`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut size = self.0 as f64;
        let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].into_iter();
        let mut unit = units.next().unwrap_or_default();
        // What would round to 1024 is one of the next.
        while let Some(next) = (size >= 1_023.95).then(|| units.next()).flatten() {
            size /= 1_024.0;
            unit = next;
        }
        let text = if unit == "B" {
            format!("{size}{unit}")
        } else {
            format!("{size:.1}{unit}")
        };
        f.pad(&text)
    }
}

/// A time as it is typed: `0.42ms`, `12s`, `3m`, `2h`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let is_round = |unit| seconds.is_multiple_of(unit);
        let text = if seconds == 0 {
            milliseconds(self.0).replace(' ', "")
        } else if seconds < 10 && self.0.subsec_millis() >= 50 {
            format!("{:.1}s", self.0.as_secs_f64())
        } else if seconds < 120 && !is_round(60) {
            format!("{seconds}s")
        } else if seconds < 7_200 && !is_round(3_600) {
            format!("{}m", seconds / 60)
        } else if seconds < 172_800 {
            format!("{}h", seconds / 3_600)
        } else {
            format!("{}d", seconds / 86_400)
        };
        f.pad(&text)
    }
}

/// A number of messages.
pub(crate) fn messages(count: u64) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} message{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_sizes_and_times_without_a_blank() {
        for (bytes, text) in [
            (0, "0B"),
            (1_023, "1023B"),
            (1_024, "1.0KiB"),
            (1_048_575, "1.0MiB"),
            (3 << 30, "3.0GiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
        for (millis, text) in [
            (5, "5.0ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_500, "1.5s"),
            (9_999, "10.0s"),
            (10_500, "10s"),
            (60_000, "1m"),
            (3_600_000, "1h"),
            (3_660_000, "61m"),
            (119_999, "119s"),
            (120_000, "2m"),
            (7_200_000, "2h"),
            (200_000_000, "2d"),
        ] {
            assert_eq!(Span(Duration::from_millis(millis)).to_string(), text);
        }
    }
}
