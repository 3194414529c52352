//! Text that no peer can drive the terminal with.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

/// The text with every character that could act on a terminal, or hide in it, written out.
///
/// Line feed, carriage return and tab become `\n`, `\r` and `\t`; a backslash becomes `\\`, so
/// that what is printed can be told from what was sent; all else becomes `\u{..}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c == '\\' || is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_escaped(&mut escaped, c);
    }
    Cow::Owned(escaped)
}

/// The text with what could act on a terminal written out, and nothing else: for text that was escaped
/// before in a way of its own.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\\' => shown.push(c),
            c => push_escaped(&mut shown, c),
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
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' // format, in shorthand and music
        | '\u{e0000}'..='\u{e0fff}' // tags
    )
}

fn push_escaped(escaped: &mut String, c: char) {
    match c {
        '\n' => escaped.push_str("\\n"),
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        '\\' => escaped.push_str("\\\\"),
        c if is_hidden(c) => {
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
