//! Close codes as they are typed: a number, or the code's name as one word.

use bowsprit::CloseCode;

use super::ids::is_integer;
use super::words::closest;
use crate::printer::text::escape;

/// Reads a code.
///
/// # Errors
///
/// When it is none; the text is what to answer, escaped. Whether the code may be sent is not looked at.
pub(crate) fn parse(text: &str) -> Result<CloseCode, String> {
    if is_integer(text) {
        let number = text.parse().map_err(|_| {
            format!("Error initiating close: Invalid close code used ({text} is out of range)")
        });
        return number.map(CloseCode);
    }
    let named = words().find(|(word, _)| word == text);
    named.map(|(_, code)| code).ok_or_else(|| {
        let names: Vec<String> = words().map(|(word, _)| word).collect();
        let hint = closest(text, || names.iter().map(String::as_str)).map_or_else(
            || "expected a number from 1000 to 4999, or a word such as going-away".to_owned(),
            |meant| format!("did you mean {meant}?"),
        );
        format!("Not a close code: {} ({hint})", escape(text))
    })
}

/// The codes that have a name and may be sent, each with its name as one word.
pub(crate) fn words() -> impl Iterator<Item = (String, CloseCode)> {
    (1000..=4999)
        .map(CloseCode)
        .filter(|code| code.can_be_sent() && code.text() != "Unknown")
        .map(|code| (code.text().to_lowercase().replace(' ', "-"), code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_word_was_probably_meant() {
        for (text, hint) in [
            ("going-awy", "(did you mean going-away?)"),
            ("Policy-Violation", "(did you mean policy-violation?)"),
            ("bye", "(expected a number"),
        ] {
            let fault = parse(text).expect_err(text);
            assert!(fault.contains(hint), "{fault}");
        }
    }

    #[test]
    fn takes_a_number_or_a_word() {
        for (text, code) in [
            ("1001", 1001),
            ("going-away", 1001),
            ("normal-close", 1000),
            ("policy-violation", 1008),
            ("65535", 65535),
        ] {
            assert_eq!(parse(text), Ok(CloseCode(code)), "{text}");
        }
        for text in [
            "going",
            "abnormal-close",
            "unknown",
            "Going-Away",
            "1000bye",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
