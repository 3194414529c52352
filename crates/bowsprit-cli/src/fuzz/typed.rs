//! Any line at the prompt: it is a command or is refused in words that a terminal can be shown.

use super::oracle::check_answer;
use crate::command::{self, Command, Payload};
use crate::options;

pub(super) fn run(data: &[u8]) {
    let line = String::from_utf8_lossy(data);
    let parsed = command::parse(&line);
    assert_eq!(
        command::parse(&format!(" \t{line}")),
        parsed,
        "blanks in front mean nothing"
    );
    match &parsed {
        Ok(None) => assert_eq!(line.trim_matches([' ', '\t']), ""),
        Ok(Some(command)) => check_message(&line, command),
        Err(answer) => {
            check_answer(answer);
            assert!(!answer.is_empty());
            assert!(answer.len() < 1_000 + 12 * line.len(), "{answer:?}");
        }
    }
    // What the history leaves out must be found in any line; without a hyphen there is no option.
    assert!(line.contains('-') || !options::carries_secret(&line));
}

/// A text without options is sent as it was typed, to the last blank.
fn check_message(line: &str, command: &Command) {
    let Command::Send {
        payload: Payload::Text(text),
        ..
    } = command
    else {
        return;
    };
    assert!(line.ends_with(text) || text.is_empty() && line.trim_end().ends_with("\"\""));
}
