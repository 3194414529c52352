//! Whatever a peer sends, in whatever way it is to be shown: the terminal gets harmless lines, none of which could be
//! taken for one of this program's own.

use bowsprit::{CloseCode, CloseFrame, Closed, Message};
use jiff::Timestamp;
use serde_json::Value;

use super::oracle::{check_answer, check_screen, columns, unescaped};
use crate::events::{Direction, Ended, Event, Failed, Opened, What};
use crate::options::{Bound, Color, DisplayOptions, View};
use crate::printer::text::{escape, harmless};
use crate::printer::{Display, Output, wrap};

const VIEWS: [View; 5] = [View::Auto, View::Text, View::Json, View::Hex, View::Raw];

/// As wide as a terminal that tells its width.
const COLUMNS: usize = 80;

/// What every row but the first of an event begins with.
const INDENT: &str = "    ";

/// Lines as they would be written.
#[derive(Default)]
struct Lines(Vec<String>);

impl Output for Lines {
    fn line(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

pub(super) fn run(data: &[u8]) {
    let Some(([what, how], rest)) = data.split_first_chunk() else {
        return;
    };
    let text = String::from_utf8_lossy(rest).into_owned();
    check_escapes(&text);
    let event = Event {
        time: Timestamp::UNIX_EPOCH,
        id: Some(7),
        name: None,
        what: happened(*what, rest, text),
    };
    check_json(&event);
    let view = VIEWS[usize::from(how % 5)];
    let options = DisplayOptions {
        view,
        color: if how / 5 % 2 == 0 {
            Color::Never
        } else {
            Color::Always
        },
        fold: [None, Some(Bound(Some(3))), Some(Bound(None))][usize::from(how / 10 % 3)],
        flood: Some(Bound(None)),
        ..DisplayOptions::default()
    };
    let mut display = Display::new(&options, true);
    let mut lines = Lines::default();
    display.event(&event, 1, &mut lines);
    check_lines(&lines, view == View::Raw);
    if let What::Message { payload, .. } = &event.what {
        let mut whole = Lines::default();
        display.whole(payload.message(), None, &mut whole);
        if view != View::Raw {
            check_lines(
                &Lines([vec![String::new()], whole.0.clone()].concat()),
                false,
            );
            check_layout(payload.message(), &options, &whole);
        }
    }
}

/// An event that a peer has such a hand in.
fn happened(what: u8, bytes: &[u8], text: String) -> What {
    match what % 8 {
        0..=2 => What::message(Direction::Received, Message::from(text)),
        3 => What::message(Direction::Received, Message::from(bytes.to_vec())),
        4 => What::pong(bytes, None),
        5 => What::Open(Box::new(Opened {
            uri: "ws://h/".to_owned(),
            seconds: 0.1,
            status: 101,
            peer: None,
            subprotocol: None,
            compression: None,
            tls: None,
            headers: vec![("Server".to_owned(), text)],
        })),
        6 => What::Fail(Box::new(Failed {
            uri: "ws://h/".to_owned(),
            stage: "http".to_owned(),
            error: text,
            remedy: None,
            exit_status: None,
            http: None,
        })),
        _ => {
            let mut closed = Closed::default();
            closed.remote = Some(CloseFrame::new(CloseCode(1000), ""));
            let mut ended = Ended::new(&closed, None);
            ended.reason = text;
            What::Close(Box::new(ended))
        }
    }
}

/// What was sent can be told from what is shown, and nothing of it acts.
fn check_escapes(text: &str) {
    let shown = escape(text);
    check_answer(&shown);
    assert_eq!(unescaped(&shown), text);
    check_answer(&harmless(text));
}

/// One line, which says the same when it is read again.
fn check_json(event: &Event) {
    let line = event.to_json();
    let line = line.strip_suffix('\n').expect("a line");
    check_answer(line);
    assert_eq!(Event::from_json(line).expect("our own line"), *event);
}

/// The rows of a terminal: none too wide, and all but the first indented.
fn check_lines(lines: &Lines, is_raw: bool) {
    for (number, line) in lines.0.iter().enumerate() {
        let shown = check_screen(&wrap(line, COLUMNS));
        for (row, text) in shown.split('\n').enumerate() {
            let is_first = number == 0 && row == 0;
            assert!(is_first || is_raw || text.starts_with(INDENT), "{text:?}");
            assert!(columns(text) <= COLUMNS, "{text:?}");
        }
    }
}

/// JSON that is laid out is the JSON that came.
fn check_layout(message: &Message, options: &DisplayOptions, lines: &Lines) {
    let Message::Text(text) = message else { return };
    let is_laid_out = matches!(options.view, View::Auto | View::Json)
        && text.trim_ascii_start().starts_with(['{', '[']);
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    if is_laid_out {
        let shown = check_screen(&lines.0.join("\n"));
        let shown = serde_json::from_str::<Value>(&shown);
        assert_eq!(shown.expect("JSON"), value);
    }
}
