//! JSON for people: painted, and over several lines, each token just as it came.
//!
//! The text is laid out from its tokens and never made into a value: the order of the keys, the
//! digits of numbers and the escapes in strings stay what they were, and no nesting is too deep.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::de::IgnoredAny;
use unicode_width::UnicodeWidthStr as _;

use super::palette::{Palette, Role};
use super::sheet::Sheet;
use super::text::{escape, is_hidden, marks};

/// The largest text that is laid out: reading it takes some milliseconds.
const MAX_SIZE: usize = 1 << 20;

/// What is nested deeper stays on one line.
const MAX_DEPTH: usize = 20;

/// One level.
const STEP: &str = "  ";

/// Whether the text is an object or an array in JSON, and not too large to be laid out.
pub(super) fn is_json(text: &str) -> bool {
    text.len() <= MAX_SIZE
        && text.trim_ascii_start().starts_with(['{', '['])
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Valid JSON as it is, painted; each token is escaped as any text is.
pub(super) fn paint(text: &str, palette: Palette) -> String {
    let mut painted = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(token) = take(&mut rest) {
        painted.push_str(&palette_paint(palette, token.kind, &escape(token.text)));
    }
    painted
}

/// Lays valid JSON out; an object or array that fits its row stays there. Returns how many bytes did
/// not find room.
pub(super) fn lay_out(text: &str, palette: Palette, sheet: &mut Sheet<'_>) -> usize {
    let mut rest = text;
    let mut depth = 0;
    // Where this is over zero, everything stays on the line.
    let mut flat = 0_usize;
    loop {
        let before = rest.len();
        let Some(token) = take(&mut rest) else {
            break;
        };
        let has_room = match token.kind {
            Kind::Blank => true,
            Kind::Open if flat > 0 => {
                flat += 1;
                write(token, palette, sheet)
            }
            Kind::Open => {
                let is_flat = depth >= MAX_DEPTH
                    || fits(text.get(text.len() - before..), sheet.left_in_row());
                flat = usize::from(is_flat);
                depth += usize::from(!is_flat);
                write(token, palette, sheet) && (is_flat || break_line(depth, sheet))
            }
            Kind::Close if flat > 0 => {
                flat -= 1;
                write(token, palette, sheet)
            }
            Kind::Close => {
                depth -= 1;
                break_line(depth, sheet) && write(token, palette, sheet)
            }
            Kind::Comma if flat == 0 => write(token, palette, sheet) && break_line(depth, sheet),
            Kind::Comma | Kind::Colon => {
                let has_room = write(token, palette, sheet);
                sheet.push(" ", 1);
                has_room
            }
            _ => write(token, palette, sheet),
        };
        if !has_room {
            return before;
        }
    }
    sheet.end_line();
    0
}

/// Adds a token, or its beginning where there is no more room, which ends the line.
fn write(token: Token<'_>, palette: Palette, sheet: &mut Sheet<'_>) -> bool {
    let (left, shown) = (sheet.left(), visible(token.text));
    let width = shown.width();
    if width <= left {
        sheet.push(&palette_paint(palette, token.kind, &shown), width);
        return true;
    }
    let head: String = shown.chars().take(left.saturating_sub(1)).collect();
    let width = head.chars().count() + 1;
    sheet.push(
        &palette_paint(palette, token.kind, &format!("{head}…")),
        width,
    );
    sheet.end_line();
    false
}

fn break_line(depth: usize, sheet: &mut Sheet<'_>) -> bool {
    let has_room = sheet.end_line();
    if has_room {
        sheet.push(&STEP.repeat(depth), STEP.len() * depth);
    }
    has_room
}

/// Whether what begins here with an object or array takes no more than `columns` on one line, its
/// comma included.
fn fits(text: Option<&str>, columns: usize) -> bool {
    let mut rest = text.unwrap_or_default();
    let (mut width, mut depth) = (1, 0_usize);
    while let Some(token) = take(&mut rest) {
        width += match token.kind {
            Kind::Blank => 0,
            Kind::Comma | Kind::Colon => 2,
            _ => token.text.chars().take(columns + 1).count(),
        };
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        if width > columns || depth == 0 {
            break;
        }
    }
    width <= columns
}

/// What stands in a string and must not act on the terminal, as JSON itself would escape it.
fn visible(token: &str) -> Cow<'_, str> {
    let is_risky = |(c, marks): (char, usize)| is_hidden(c) || marks > super::text::MAX_MARKS;
    if !marks(token).any(is_risky) {
        return Cow::Borrowed(token);
    }
    let mut shown = String::with_capacity(token.len() + 16);
    for (c, marks) in marks(token) {
        if is_risky((c, marks)) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn palette_paint<'a>(palette: Palette, kind: Kind, text: &'a str) -> Cow<'a, str> {
    let role = match kind {
        Kind::Key => Role::Key,
        Kind::Text => Role::Text,
        Kind::Number => Role::Number,
        Kind::Word => Role::Word,
        _ => return Cow::Borrowed(text),
    };
    palette.paint(role, text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Comma,
    Colon,
    Key,
    Text,
    Number,
    Word,
    Blank,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

/// Takes the first token of valid JSON. Of anything else it takes something, and never nothing.
fn take<'a>(rest: &mut &'a str) -> Option<Token<'a>> {
    let first = rest.bytes().next()?;
    let while_plain = |stop: fn(char) -> bool| rest.find(stop).unwrap_or(rest.len()).max(1);
    let (kind, end) = match first {
        b'{' | b'[' => (Kind::Open, 1),
        b'}' | b']' => (Kind::Close, 1),
        b',' => (Kind::Comma, 1),
        b':' => (Kind::Colon, 1),
        b'"' => (Kind::Text, string_end(rest)),
        b' ' | b'\t' | b'\r' | b'\n' => (
            Kind::Blank,
            while_plain(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')),
        ),
        b'-' | b'0'..=b'9' => (Kind::Number, while_plain(ends_scalar)),
        _ => (Kind::Word, while_plain(ends_scalar)),
    };
    let (text, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
    *rest = behind;
    let is_key = kind == Kind::Text && behind.trim_ascii_start().starts_with(':');
    let kind = if is_key { Kind::Key } else { kind };
    Some(Token { kind, text })
}

const fn ends_scalar(c: char) -> bool {
    matches!(
        c,
        ',' | ':' | ']' | '}' | '[' | '{' | '"' | ' ' | '\t' | '\r' | '\n'
    )
}

/// Where the string that the text begins with ends.
fn string_end(text: &str) -> usize {
    let mut is_escaped = false;
    let closing = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    closing.map_or(text.len(), |at| at + 2)
}

#[cfg(test)]
mod tests {
    use super::super::sheet::{INDENT, Room};
    use super::*;
    use crate::printer::tests::Printed;

    fn laid_out(text: &str, rows: Option<usize>, columns: usize) -> (Vec<String>, usize) {
        let mut out = Printed::default();
        let left_out = lay_out(
            text,
            Palette::PLAIN,
            &mut Sheet::new(Room { rows, columns }, &mut out),
        );
        let lines = out.lines.iter();
        let lines = lines.map(|line| {
            line.strip_prefix(INDENT)
                .expect("an indentation")
                .to_owned()
        });
        (lines.collect(), left_out)
    }

    #[test]
    fn breaks_what_does_not_fit_and_changes_no_token() {
        let text = r#"{"b":1.0e+5, "a":[1,2,3],"long":{"x":"\u00e9\n","y":12345678901234567890.10},"e":{}}"#;
        let (lines, left_out) = laid_out(text, None, 40);
        assert_eq!(
            lines,
            [
                "{",
                "  \"b\": 1.0e+5,",
                "  \"a\": [1, 2, 3],",
                "  \"long\": {",
                "    \"x\": \"\\u00e9\\n\",",
                "    \"y\": 12345678901234567890.10",
                "  },",
                "  \"e\": {}",
                "}"
            ]
        );
        assert_eq!(left_out, 0);
        let tight: String = lines.concat().split_ascii_whitespace().collect();
        assert_eq!(tight, text.replace(' ', ""));
    }

    #[test]
    fn stops_where_the_room_ends_and_tells_what_is_left() {
        let text = format!("[{}1]", "100,".repeat(1_000));
        let (lines, left_out) = laid_out(&text, Some(4), 40);
        assert_eq!(lines, ["[", "  100,", "  100,", "  100,"]);
        assert!(
            left_out < text.len() && left_out > text.len() - 20,
            "{left_out}"
        );
        let text = format!("{{\"a\":\"{}\"}}", "x".repeat(1_000));
        let (lines, left_out) = laid_out(&text, Some(3), 20);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1].chars().count(), 40);
        assert!(left_out > 900);
    }

    #[test]
    fn survives_any_nesting_within_bounds() {
        let text = "[".repeat(500_000) + &"]".repeat(500_000);
        assert!(is_json(&text));
        let (lines, _) = laid_out(&text, None, 40);
        assert_eq!(lines.len(), 2 * MAX_DEPTH + 1);
        assert!(!is_json(&"[".repeat(500_000)));
        assert!(!is_json(&format!("[\"{}\"]", "x".repeat(MAX_SIZE))));
    }

    #[test]
    fn writes_out_what_hides_in_a_string_as_json_does() {
        let (lines, _) = laid_out("[\"\u{202e}\u{7f}\u{e0041}\\\"\"]", None, 60);
        assert_eq!(lines, ["[\"\\u202e\\u007f\\udb40\\udc41\\\"\"]"]);
    }

    #[test]
    fn paints_a_line_as_it_came() {
        let palette = Palette::new(true);
        let text = r#"{ "a" : [1,"b",null] }"#;
        assert_eq!(paint(text, Palette::PLAIN), text);
        let painted = paint(text, palette);
        assert_eq!(
            painted,
            "{ \u{1b}[36m\"a\"\u{1b}[0m : [\u{1b}[33m1\u{1b}[0m,\u{1b}[32m\"b\"\u{1b}[0m,\u{1b}[35mnull\u{1b}[0m] }"
        );
    }

    #[test]
    fn takes_all_of_any_text() {
        for text in ["\"\\", "\"", "nul", "日本", "-", "\u{1b}", "{\"a\":é"] {
            let mut rest = text;
            let mut taken = String::new();
            while let Some(token) = take(&mut rest) {
                taken.push_str(token.text);
            }
            assert_eq!(taken, text);
        }
    }
}
