//! What may reach a terminal, judged by Unicode's own tables, which the printer does not use.

use std::sync::LazyLock;

use regex::Regex;
use unicode_width::UnicodeWidthChar as _;

/// Controls, separators of lines, what turns the direction of writing, and what shows nothing where it stands; the
/// selectors of emoji may stay, and signs of Arabic that are drawn around their numbers.
static HIDDEN: LazyLock<Regex> = LazyLock::new(|| {
    let classes = r"[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}[\p{Default_Ignorable_Code_Point}--[\u{fe00}-\u{fe0f}]][\p{Cf}--\p{Prepended_Concatenation_Mark}]]";
    Regex::new(classes).expect("classes that Unicode has")
});

/// The sequences of the palette: dim, bold, the six colours that it has, and their end.
static PAINT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("\u{1b}\\[(0|1|2|3[1-6])m").expect("an expression"));

/// Each line of an answer or an error is one row of harmless text, and there are few.
pub(super) fn check_answer(text: &str) {
    assert!(!HIDDEN.is_match(text), "a terminal would act on {text:?}");
}

/// Everything in it but line ends and our own colours is harmless; returns it without the colours.
pub(super) fn check_screen(text: &str) -> String {
    let text = PAINT.replace_all(text, "").into_owned();
    for line in text.split('\n') {
        assert!(!HIDDEN.is_match(line), "a terminal would act on {line:?}");
        check_marks(line);
    }
    text
}

/// No letter bears more marks than six, or they would cover other lines.
fn check_marks(line: &str) {
    let mut marks = 0;
    for c in line.chars() {
        marks = match c.width() {
            Some(0) if !c.is_ascii() => marks + 1,
            _ => 0,
        };
        assert!(marks <= 6, "marks over marks in {line:?}");
    }
}

/// How many columns a terminal gives the line.
pub(super) fn columns(line: &str) -> usize {
    line.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// What an escaped text was made of.
pub(super) fn unescaped(shown: &str) -> String {
    let mut text = String::new();
    let mut rest = shown;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let kind = escape.chars().next().expect("something behind a backslash");
        rest = escape.get(kind.len_utf8()..).unwrap_or_default();
        text.push(match kind {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\\' => '\\',
            'u' => {
                let (digits, behind) = rest.split_once('}').expect("a brace");
                rest = behind;
                let number = u32::from_str_radix(digits.trim_start_matches('{'), 16);
                char::from_u32(number.expect("digits")).expect("a character")
            }
            other => panic!("\\{other} in {shown:?}"),
        });
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::text::{escape, is_hidden};

    #[test]
    fn the_printer_writes_out_all_that_unicode_calls_hidden() {
        let mut missed = Vec::new();
        for c in '\0'..=char::MAX {
            if HIDDEN.is_match(c.encode_utf8(&mut [0; 4])) && !is_hidden(c) {
                missed.push(c);
            }
        }
        assert!(missed.is_empty(), "{missed:?}");
        let all: String = ('\0'..=char::MAX).collect();
        assert!(unescaped(&escape(&all)) == all);
    }
}
