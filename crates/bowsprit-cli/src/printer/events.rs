//! The event lines: what happened on a connection, its id first.

use bowsprit::Message;

use super::palette::{Palette, Role};
use super::text::{escape, excerpt};
use super::view::{Form, TEXT_EXCERPT};
use crate::events::{Direction, Ended, Event, Failed, Opcode, Opened, Payload, What};
use crate::options::View;
use crate::printer::duration::seconds;

/// The line for people; `None` where an event is for programs only.
pub(crate) fn line(event: &Event) -> Option<String> {
    let head = head(event, Palette::PLAIN)?;
    Some(match message(event) {
        None => head,
        Some(message) => {
            let form = Form::of(message, View::Auto, false);
            format!("{head} {}", form.excerpt())
        }
    })
}

/// That line in colours, and of a message only what stands before it.
pub(crate) fn head(event: &Event, palette: Palette) -> Option<String> {
    let text = said(&event.what, palette)?;
    let id = event.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let id = palette.paint(Role::Id, &id);
    Some(match &event.name {
        Some(name) => format!("{id} ({name}) {text}"),
        None => format!("{id} {text}"),
    })
}

/// What the line says of the connection.
pub(crate) fn text(what: &What) -> Option<String> {
    said(what, Palette::PLAIN)
}

fn said(what: &What, palette: Palette) -> Option<String> {
    Some(match what {
        What::Open(opened) => open(opened, palette),
        What::Fail(failed) => fail(failed, palette),
        What::Message {
            direction: Direction::Received,
            opcode,
            size,
            ..
        } => {
            let kind = match opcode {
                Opcode::Text => "text",
                Opcode::Binary => "binary",
            };
            format!("{} {kind} {size}", palette.paint(Role::Received, "<<"))
        }
        What::Pong {
            direction: Direction::Received,
            payload,
            seconds: round_trip,
            ..
        } => pong(payload, *round_trip),
        What::Log { text } => format!("log {text}"),
        What::Close(ended) => close(ended, palette),
        What::Retry {
            number,
            seconds: delay,
            error,
        } => retry(*number, *delay, error.as_deref(), palette),
        _ => return None,
    })
}

/// The message that an event line shows.
pub(super) const fn message(event: &Event) -> Option<&Message> {
    match &event.what {
        What::Message { payload, .. } => Some(payload.message()),
        _ => None,
    }
}

fn open(opened: &Opened, palette: Palette) -> String {
    let mut headers = opened.headers.iter();
    let server = headers.find(|(name, _)| name.eq_ignore_ascii_case("server"));
    let server = match server.map(|(_, value)| value.as_str()) {
        None | Some("") => String::new(),
        Some(name) => format!(" {}", excerpt(name, TEXT_EXCERPT)),
    };
    let is_unverified = opened.tls.as_ref().is_some_and(|tls| !tls.verified);
    let warning = if is_unverified { " NOT VERIFIED" } else { "" };
    format!(
        "{} 101{server} ({}){}",
        palette.paint(Role::Good, "open"),
        seconds(opened.seconds),
        palette.paint(Role::Doubtful, warning)
    )
}

fn fail(failed: &Failed, palette: Palette) -> String {
    format!(
        "{} {}",
        palette.paint(Role::Bad, "failed"),
        escape(&failed.error)
    )
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

fn retry(number: u32, delay: f64, error: Option<&str>, palette: Palette) -> String {
    let delay = if delay < 1.0 {
        seconds(delay)
    } else {
        format!("{delay:.1} s")
    };
    let why = error.map_or_else(String::new, |error| format!(" ({})", escape(error)));
    let word = palette.paint(Role::Doubtful, "retry");
    format!("{word} {number} in {delay}{why}")
}

fn close(ended: &Ended, palette: Palette) -> String {
    let word = match (&ended.cause, ended.exit_status) {
        (None, None) => "closed".into(),
        _ => palette.paint(Role::Bad, "closed"),
    };
    format!("{word} {}", escape(&ended.sentence()))
}
