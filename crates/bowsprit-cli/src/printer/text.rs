//! Text that no peer can drive the terminal with.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use unicode_width::UnicodeWidthChar as _;

/// The text with every character that could act on a terminal, or hide in it, written out.
///
/// Line feed, carriage return and tab become `\n`, `\r` and `\t`; a backslash becomes `\\`, so
/// that what is printed can be told from what was sent; all else becomes `\u{..}`. So does a mark over
/// or under a letter that has [`MAX_MARKS`] already: a stack of them would cover the lines around it.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !marks(text).any(|(c, marks)| c == '\\' || is_hidden(c) || marks > MAX_MARKS) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for (c, marks) in marks(text) {
        push_escaped(&mut escaped, c, marks);
    }
    Cow::Owned(escaped)
}

/// The text with what could act on a terminal written out, and nothing else: for text that was escaped
/// before in a way of its own.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !marks(text).any(|(c, marks)| is_hidden(c) || marks > MAX_MARKS) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for (c, marks) in marks(text) {
        match c {
            '\\' => shown.push(c),
            c => push_escaped(&mut shown, c, marks),
        }
    }
    Cow::Owned(shown)
}

/// The beginning of the text in at most `limit` characters, escaped, with `…` where it was cut.
pub(crate) fn excerpt(text: &str, limit: usize) -> String {
    let end = text
        .char_indices()
        .nth(limit)
        .map_or(text.len(), |(end, _)| end);
    let (head, rest) = text.split_at(end);
    let mut excerpt = escape(head).into_owned();
    if !rest.is_empty() {
        excerpt.push('…');
    }
    excerpt
}

/// What the system says of a fault, without its number.
pub(crate) fn fault(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_lowercase()
}

/// Whether a terminal would act on the character, or show nothing where it stands.
///
/// The variation selectors of emoji may stay.
pub(crate) const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' // C0, DEL, C1
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // bidi
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{ad}' | '\u{34f}' // no width
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' // no width, in Khmer and Mongolian
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // blanks that are letters of Hangul
        | '\u{206a}'..='\u{206f}' | '\u{2028}' | '\u{2029}' | '\u{fff0}'..='\u{fffb}' // format, separators
        | '\u{13430}'..='\u{1343f}' // format, in hieroglyphs
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' // format, in shorthand and music
        | '\u{e0000}'..='\u{e0fff}' // tags
    )
}

/// How many marks a letter may bear: no writing needs more.
pub(crate) const MAX_MARKS: usize = 6;

/// Each character, and how many without a width of their own stand in a row up to it.
pub(crate) fn marks(text: &str) -> impl Iterator<Item = (char, usize)> {
    text.chars().scan(0, |marks, c| {
        let is_mark = !c.is_ascii() && c.width() == Some(0);
        *marks = if is_mark { *marks + 1 } else { 0 };
        Some((c, *marks))
    })
}

fn push_escaped(escaped: &mut String, c: char, marks: usize) {
    match c {
        '\n' => escaped.push_str("\\n"),
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        '\\' => escaped.push_str("\\\\"),
        c if is_hidden(c) || marks > MAX_MARKS => {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
        }
        c => escaped.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_out_what_a_terminal_would_act_on() {
        for (text, shown) in [
            ("plain, ünïcode, 日本", "plain, ünïcode, 日本"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}[2J\u{7}\u{7f}\0", "\\u{1b}[2J\\u{7}\\u{7f}\\u{0}"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            (
                "\u{202e}gpj.exe\u{2066}\u{200f}",
                "\\u{202e}gpj.exe\\u{2066}\\u{200f}",
            ),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("\u{3164}\u{e0100}\u{34f}", "\\u{3164}\\u{e0100}\\u{34f}"),
            ("\u{2764}\u{fe0f}", "\u{2764}\u{fe0f}"),
            ("\\n", "\\\\n"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn leaves_no_control_character_in_any_text() {
        let all: String = ('\0'..=char::MAX).collect();
        assert!(!escape(&all).chars().any(|c| c.is_control() || is_hidden(c)));
    }

    #[test]
    fn stacks_no_more_marks_than_writing_needs() {
        let zalgo = format!("a{}b\u{301}", "\u{316}".repeat(MAX_MARKS + 2));
        let shown = format!(
            "a{}\\u{{316}}\\u{{316}}b\u{301}",
            "\u{316}".repeat(MAX_MARKS)
        );
        assert_eq!(escape(&zalgo), shown);
        assert_eq!(harmless(&zalgo), shown);
    }

    #[test]
    fn leaves_backslashes_where_text_was_escaped_before() {
        assert_eq!(harmless("a\\x1b\u{1b}\n"), "a\\x1b\\u{1b}\\n");
        assert_eq!(harmless("a\\n"), "a\\n");
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(excerpt("äöü", 2), "äö…");
        assert_eq!(excerpt("äöü", 3), "äöü");
        assert_eq!(excerpt("\n\n", 1), "\\n…");
    }
}
