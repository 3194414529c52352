//! The event lines: what happened on a connection, its id first.

use bowsprit::CloseCode;

use super::hex;
use super::text::{escape, excerpt};
use crate::connection::seconds;
use crate::events::{Direction, Ended, Event, Failed, Opened, Party, Payload, What};

/// How many characters of a text message an event line shows; `show` has them all.
const TEXT_EXCERPT: usize = 60;

/// How many bytes of a binary message an event line shows.
const BINARY_EXCERPT: usize = 20;

/// The line for people; `None` where an event is for programs only.
pub(crate) fn line(event: &Event) -> Option<String> {
    let text = text(&event.what)?;
    let id = event.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    Some(match &event.name {
        Some(name) => format!("{id} ({name}) {text}"),
        None => format!("{id} {text}"),
    })
}

/// What the line says of the connection.
pub(crate) fn text(what: &What) -> Option<String> {
    Some(match what {
        What::Open(opened) => open(opened),
        What::Fail(failed) => fail(failed),
        What::Message {
            direction: Direction::Received,
            size,
            payload,
            ..
        } => message(*size, payload),
        What::Pong {
            direction: Direction::Received,
            payload,
            seconds: round_trip,
            ..
        } => pong(payload, *round_trip),
        What::Log { text } => format!("log {text}"),
        What::Close(ended) => close(ended),
        What::Retry {
            number,
            seconds: delay,
            error,
        } => retry(*number, *delay, error.as_deref()),
        _ => return None,
    })
}

fn open(opened: &Opened) -> String {
    let mut headers = opened.headers.iter();
    let server = headers.find(|(name, _)| name.eq_ignore_ascii_case("server"));
    let server = match server.map(|(_, value)| value.as_str()) {
        None | Some("") => String::new(),
        Some(name) => format!(" {}", excerpt(name, TEXT_EXCERPT)),
    };
    let is_unverified = opened.tls.as_ref().is_some_and(|tls| !tls.verified);
    let warning = if is_unverified { " NOT VERIFIED" } else { "" };
    format!("open 101{server} ({}){warning}", seconds(opened.seconds))
}

fn fail(failed: &Failed) -> String {
    format!("failed {}", escape(&failed.error))
}

fn message(size: usize, payload: &Payload) -> String {
    match payload.message() {
        bowsprit::Message::Text(text) => {
            format!("<< text {size} {}", excerpt(text, TEXT_EXCERPT))
        }
        bowsprit::Message::Binary(data) => {
            format!("<< binary {size} {}", hex::excerpt(data, BINARY_EXCERPT))
        }
    }
}

fn pong(payload: &Payload, round_trip: Option<f64>) -> String {
    // With too many pings on the way the earliest are not measured.
    let time = round_trip.map_or_else(String::new, |time| format!(" {}", seconds(time)));
    let payload = match payload.message().as_bytes() {
        [] => String::new(),
        bytes => {
            let text = String::from_utf8_lossy(bytes);
            format!(" \"{}\"", excerpt(&text, TEXT_EXCERPT))
        }
    };
    format!("pong{time}{payload}")
}

fn retry(number: u32, delay: f64, error: Option<&str>) -> String {
    let delay = if delay < 1.0 {
        seconds(delay)
    } else {
        format!("{delay:.1} s")
    };
    let why = error.map_or_else(String::new, |error| format!(" ({})", escape(error)));
    format!("retry {number} in {delay}{why}")
}

fn close(ended: &Ended) -> String {
    let code = CloseCode(ended.code);
    let reason = match ended.reason.as_str() {
        "" => String::new(),
        reason => format!(" \"{}\"", escape(reason)),
    };
    let how = match (&ended.cause, ended.initiator) {
        (Some(cause), _) => format!(": {}", escape(cause)),
        (None, Some(Party::Local)) => " by this side".to_owned(),
        (None, Some(Party::Remote)) => " by peer".to_owned(),
        (None, None) => String::new(),
    };
    format!("closed {code}{reason}{how}")
}
