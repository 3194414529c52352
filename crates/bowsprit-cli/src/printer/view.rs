//! A message as its reader wants it: text, JSON, a dump or base64, on one line or below it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowsprit::Message;
use unicode_width::UnicodeWidthStr as _;

use super::palette::{Palette, Role};
use super::sheet::{INDENT, Room, Sheet};
use super::text::{escape, excerpt};
use super::{Output, hex, json};
use crate::options::View;

/// How many characters of a text message an event line shows.
pub(super) const TEXT_EXCERPT: usize = 60;

/// How many bytes of a binary message an event line shows.
pub(super) const BINARY_EXCERPT: usize = 20;

/// How many bytes a line of base64 stands for: 76 characters, as in MIME.
const BASE64_ROW: usize = 57;

/// The most columns that one character takes, written out: those of `\u{10ffff}`.
const WIDEST: usize = 10;

/// What a message is taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    Text(Cow<'a, str>),
    /// Valid JSON.
    Json(&'a str),
    Bytes(&'a [u8]),
    Base64(&'a [u8]),
}

impl<'a> Form<'a> {
    /// The form of this message in this view; `knows_json` counts where the view does not say it.
    pub(super) fn of(message: &'a Message, view: View, knows_json: bool) -> Self {
        let bytes = message.as_bytes();
        let text = match message {
            Message::Text(text) => Some(&**text),
            Message::Binary(data) if matches!(view, View::Text | View::Json) => {
                str::from_utf8(data).ok()
            }
            Message::Binary(_) => None,
        };
        let wants_json = view == View::Json || view == View::Auto && knows_json;
        match (view, text) {
            (View::Hex, _) => Self::Bytes(bytes),
            (View::Base64, _) => Self::Base64(bytes),
            (_, Some(text)) if wants_json && json::is_json(text) => Self::Json(text),
            // That a binary message is text is of interest only where text or JSON was asked for.
            (View::Json, Some(_)) if matches!(message, Message::Binary(_)) => Self::Bytes(bytes),
            (_, Some(text)) => Self::Text(text.into()),
            (_, None) => Self::Bytes(bytes),
        }
    }

    /// The whole message, if an event line has room for it.
    pub(super) fn short(&self, palette: Palette) -> Option<String> {
        let fits = |text: &str| text.chars().nth(TEXT_EXCERPT).is_none();
        match self {
            Self::Text(text) => fits(text).then(|| escape(text).into_owned()),
            Self::Json(text) => fits(text).then(|| json::paint(text, palette)),
            Self::Bytes(bytes) => {
                (bytes.len() <= BINARY_EXCERPT).then(|| hex::excerpt(bytes, BINARY_EXCERPT))
            }
            Self::Base64(bytes) => {
                (bytes.len() <= TEXT_EXCERPT / 4 * 3).then(|| STANDARD.encode(bytes))
            }
        }
    }

    /// The beginning of the message, in so much as an event line has room for.
    pub(super) fn excerpt(&self) -> String {
        match self {
            Self::Text(text) => excerpt(text, TEXT_EXCERPT),
            Self::Json(text) => excerpt(text, TEXT_EXCERPT),
            Self::Bytes(bytes) | Self::Base64(bytes) => hex::excerpt(bytes, BINARY_EXCERPT),
        }
    }

    /// Writes the message over several lines, and returns how many bytes of it found no room.
    pub(super) fn write(&self, palette: Palette, room: Room, out: &mut dyn Output) -> usize {
        let mut sheet = Sheet::new(room, out);
        match self {
            Self::Text(text) => write_text(text, &mut sheet),
            Self::Json(text) => json::lay_out(text, palette, &mut sheet),
            Self::Bytes(bytes) => write_rows(bytes, hex::ROW, &mut sheet, |offset, row| {
                hex::row(offset, row, palette)
            }),
            Self::Base64(bytes) => {
                write_rows(bytes, BASE64_ROW, &mut sheet, |_, row| STANDARD.encode(row))
            }
        }
    }
}

/// Line by line, each escaped.
fn write_text(text: &str, sheet: &mut Sheet<'_>) -> usize {
    let mut rest = text;
    loop {
        let (line, behind) = rest
            .split_once('\n')
            .map_or((rest, None), |(line, behind)| (line, Some(behind)));
        let whole = beginning(line, sheet.left());
        let (head, tail) = match whole {
            (_, "") => whole,
            // The mark needs a column.
            _ => beginning(line, sheet.left().saturating_sub(1)),
        };
        let shown = escape(head);
        sheet.push(&shown, shown.width());
        if !tail.is_empty() {
            sheet.push("…", 1);
        }
        let has_room = sheet.end_line() && tail.is_empty();
        match behind {
            None => return tail.len(),
            Some(behind) if !has_room => return tail.len() + behind.len(),
            Some(behind) => rest = behind,
        }
    }
}

/// So much of a line as fits these columns once it is escaped, and the rest.
fn beginning(line: &str, columns: usize) -> (&str, &str) {
    let cut = |limit: usize| {
        let end = line.char_indices().nth(limit);
        line.split_at(end.map_or(line.len(), |(end, _)| end))
    };
    let mut limit = columns;
    loop {
        let (head, tail) = cut(limit);
        let excess = escape(head).width().saturating_sub(columns);
        if excess == 0 {
            return (head, tail);
        }
        limit -= excess.div_ceil(WIDEST);
    }
}

/// Row by row, each in one row of the screen however narrow that is.
fn write_rows(
    bytes: &[u8],
    size: usize,
    sheet: &mut Sheet<'_>,
    form: impl Fn(usize, &[u8]) -> String,
) -> usize {
    let mut written = 0;
    for row in bytes.chunks(size) {
        sheet.push(&form(written, row), 1);
        written += row.len();
        if !sheet.end_line() {
            break;
        }
    }
    bytes.len() - written
}

/// The line that tells what was left out, and which command shows it.
pub(crate) fn left_out(bytes: usize, command: &str, palette: Palette) -> String {
    let plural = if bytes == 1 { "" } else { "s" };
    let text = format!("… {bytes} more byte{plural}: {command}");
    format!("{INDENT}{}", palette.paint(Role::Aside, &text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::tests::Printed;

    fn written(message: &Message, view: View, rows: Option<usize>) -> (Vec<String>, usize) {
        let mut out = Printed::default();
        let room = Room { rows, columns: 40 };
        let left = Form::of(message, view, true).write(Palette::PLAIN, room, &mut out);
        (out.lines, left)
    }

    #[test]
    fn takes_a_message_for_what_it_is_or_for_what_is_asked() {
        let text = Message::from("[1, 2]");
        let binary = Message::from(b"{\"a\": 1}".to_vec());
        let noise = Message::from(vec![0xff]);
        for (message, view, knows_json, form) in [
            (&text, View::Auto, true, Form::Json("[1, 2]")),
            (&text, View::Auto, false, Form::Text("[1, 2]".into())),
            (&text, View::Text, true, Form::Text("[1, 2]".into())),
            (&text, View::Hex, true, Form::Bytes(b"[1, 2]")),
            (&text, View::Base64, true, Form::Base64(b"[1, 2]")),
            (&binary, View::Auto, true, Form::Bytes(b"{\"a\": 1}")),
            (&binary, View::Json, false, Form::Json("{\"a\": 1}")),
            (&binary, View::Text, true, Form::Text("{\"a\": 1}".into())),
            (&noise, View::Text, true, Form::Bytes(&[0xff])),
            (&noise, View::Json, true, Form::Bytes(&[0xff])),
        ] {
            assert_eq!(Form::of(message, view, knows_json), form, "{view:?}");
        }
    }

    #[test]
    fn writes_text_by_its_lines_and_escaped() {
        let text = Message::from("one\r\n\u{1b}[2Jtwo\n\nfour");
        let (lines, left) = written(&text, View::Text, None);
        assert_eq!(
            lines,
            ["    one\\r", "    \\u{1b}[2Jtwo", "    ", "    four"]
        );
        assert_eq!(left, 0);
    }

    #[test]
    fn folds_what_is_too_long_and_counts_it() {
        let text = Message::from("x".repeat(10_000_000));
        let (lines, left) = written(&text, View::Auto, Some(3));
        // The mark has the last column of the last row.
        assert_eq!(lines, [format!("    {}…", "x".repeat(119))]);
        assert_eq!(left, 10_000_000 - 119);
        let text = Message::from(format!("{}\r{}", "\u{202e}".repeat(30), "日".repeat(100)));
        let (lines, left) = written(&text, View::Auto, Some(10));
        assert_eq!(
            lines,
            [format!(
                "    {}\\r{}…",
                "\\u{202e}".repeat(30),
                "日".repeat(78)
            )]
        );
        assert_eq!(left, 22 * 3);
        let text = Message::from("a\nbc\nd".to_owned());
        assert_eq!(written(&text, View::Auto, Some(1)).1, 4);
        let binary = Message::from(vec![7; 1_000]);
        let (lines, left) = written(&binary, View::Auto, Some(2));
        assert_eq!((lines.len(), left), (2, 1_000 - 32));
        let (lines, left) = written(&binary, View::Base64, Some(2));
        assert_eq!((lines.len(), left), (2, 1_000 - 114));
        let all = (0..=u8::MAX).collect::<Vec<_>>();
        assert_eq!(written(&Message::from(all), View::Auto, None).0.len(), 16);
    }
}
