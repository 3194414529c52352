//! The event lines: what happened on a connection, its id first.

use std::time::{Duration, Instant};

use bowsprit::{Closed, ConnectionInfo, Message};

use crate::connection::{Ping, milliseconds, party};
use crate::network::{Failure, Retried};
use crate::printer::hex;
use crate::printer::text::{escape, excerpt};

/// How many characters of a text message an event line shows; `show` has them all.
const TEXT_EXCERPT: usize = 60;

/// How many bytes of a binary message an event line shows.
const BINARY_EXCERPT: usize = 20;

pub(super) fn opened(info: &ConnectionInfo, started: Instant, at: Instant) -> String {
    let server = match info.response_header("server") {
        None | Some("") => String::new(),
        Some(name) => format!(" {}", excerpt(name, TEXT_EXCERPT)),
    };
    let is_unverified = info.tls().is_some_and(|tls| !tls.verified);
    let warning = if is_unverified { " NOT VERIFIED" } else { "" };
    format!(
        "open 101{server} ({}){warning}",
        milliseconds(at.saturating_duration_since(started))
    )
}

pub(super) fn failed(failure: &Failure) -> String {
    match &failure.answer {
        Some(answer) if failure.head == Failure::STATUS => {
            format!("failed HTTP {}", excerpt(&answer.status, TEXT_EXCERPT))
        }
        _ => format!("failed {}", escape(&failure.detail)),
    }
}

pub(super) fn received(message: &Message) -> String {
    match message {
        Message::Text(text) => format!("<< text {} {}", text.len(), excerpt(text, TEXT_EXCERPT)),
        Message::Binary(data) => format!(
            "<< binary {} {}",
            data.len(),
            hex::excerpt(data, BINARY_EXCERPT)
        ),
    }
}

pub(super) fn pong(ping: &Ping, round_trip: Option<Duration>) -> String {
    let payload = if ping.is_own {
        String::new()
    } else {
        let text = String::from_utf8_lossy(&ping.payload);
        format!(" \"{}\"", excerpt(&text, TEXT_EXCERPT))
    };
    // With too many pings on the way the earliest are not measured.
    let time = round_trip.map_or_else(String::new, |time| format!(" {}", milliseconds(time)));
    format!("pong{time}{payload}")
}

pub(super) fn retried(retried: &Retried) -> String {
    let delay = retried.delay;
    let delay = if delay < Duration::from_secs(1) {
        milliseconds(delay)
    } else {
        format!("{:.1} s", delay.as_secs_f64())
    };
    let why = match &retried.failure {
        Some(failure) => format!(" ({})", escape(failure)),
        None => String::new(),
    };
    format!("retry {} in {delay}{why}", retried.number)
}

pub(super) fn ended(closed: &Closed) -> String {
    let code = closed.remote_code();
    let reason = match closed.remote_reason() {
        "" => String::new(),
        reason => format!(" \"{}\"", escape(reason)),
    };
    let how = match (&closed.cause, closed.initiator) {
        (Some(cause), _) => format!(": {}", escape(&cause.to_string())),
        (None, Some(initiator)) => format!(" by {}", party(initiator)),
        (None, None) => String::new(),
    };
    format!("closed {code}{reason}{how}")
}
