//! Variables in the lines of other commands: what a peer sent becomes no option there, and names no file.

use std::borrow::Cow;

use super::Session;
use super::perform::Refused;
use crate::command::{self, Command, Payload, connections, script};
use crate::printer::text::excerpt;
use crate::script::variables::{self, Piece, is_plain};

/// The commands that read or write files, or start programs.
const FILE_COMMANDS: [&str; 5] = ["save", "record", "log", "replay", "serve"];

/// The options that name files, at the prompt as settings, too.
const FILE_OPTIONS: [&str; 3] = ["ca", "cert", "key"];

impl Session {
    /// A line with its variables' values, as commands that know of no variables need it.
    ///
    /// What a peer had a hand in is text to `send` and one word to all others: it becomes no option.
    pub(super) fn expanded<'a>(&mut self, line: &'a str) -> Result<Cow<'a, str>, Refused> {
        let word = variables::word(line).map_or("", |(word, _)| word);
        if is_plain(line) || script::is_own(word) {
            return Ok(Cow::Borrowed(line));
        }
        if word == "send" {
            return self.expanded_send(line).map(Cow::Owned);
        }
        let text = self.expand(line)?;
        if text.is_foreign {
            self.check_foreign(word, line)?;
            check_file(&text.text)?;
        }
        Ok(Cow::Owned(text.text))
    }

    /// Each value that a peer had a hand in must be one word, no option, and name no file.
    fn check_foreign(&mut self, command: &str, line: &str) -> Result<(), Refused> {
        let mut before = String::new();
        for piece in variables::pieces(line)? {
            let name = match piece {
                Piece::Text(text) => {
                    before.push_str(text);
                    continue;
                }
                Piece::Value { name, .. } => name,
            };
            let value = self.expand(&format!("${{{name}:-}}"))?;
            if value.is_foreign {
                if FILE_COMMANDS.contains(&command) || is_file_option(command, &before) {
                    return Err(format!(
                        "{name} came from a peer, which chooses no files and no programs here"
                    ));
                }
                if before.trim().is_empty() {
                    return Err(format!(
                        "{name} came from a peer, which gives no commands here"
                    ));
                }
                if !is_plain_word(&value.text) {
                    return Err(format!(
                        "{name} came from a peer and is not one plain word: {} (send, expect, assert, let and echo take it)",
                        excerpt(&value.text, 60)
                    ));
                }
            }
            before.push_str("${}");
        }
        Ok(())
    }

    fn expanded_send(&mut self, line: &str) -> Result<String, Refused> {
        let rest = variables::word(line)
            .and_then(|(_, rest)| rest)
            .unwrap_or_default();
        let Some((ids, message)) = variables::word(rest) else {
            return Ok(line.to_owned());
        };
        let ids = self.text(ids)?;
        if ids.contains(char::is_whitespace) {
            return Err(format!("Not a connection id: {}", excerpt(&ids, 40)));
        }
        let Some(message) = message else {
            return Ok(format!("send {ids}"));
        };
        // Whatever it comes to, a message that begins with a variable is a text. Only a file is one
        // because of what stands before.
        let first = message.split([' ', '\t']).next().unwrap_or_default();
        let is_text = !is_plain(first) && !first.starts_with('@');
        let mark = if is_text { "-- " } else { "" };
        let message = self.expand(message)?;
        let line = format!("send {ids} {mark}{}", message.text);
        if message.is_foreign && !is_text {
            check_file(&line)?;
        }
        Ok(line)
    }
}

/// A line that a peer had a hand in must send no file.
fn check_file(line: &str) -> Result<(), Refused> {
    let payload = match command::parse(line) {
        Ok(Some(Command::Send { payload, .. })) => payload,
        Ok(Some(Command::Connections(connections::Command::Every {
            work: connections::Work::Send { payload, .. },
            ..
        }))) => payload,
        _ => return Ok(()),
    };
    match payload {
        Payload::File(_) | Payload::TextFile(_) => {
            Err("Not sent: a peer had a hand in the name of this file".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether what follows belongs to the value of an option that names a file.
fn is_file_option(command: &str, before: &str) -> bool {
    let words = before.rsplit([' ', '\t']);
    let mut words = words.map(|word| word.trim_matches(['"', '\'']));
    let own = words.next().unwrap_or_default();
    let option = match own.strip_prefix("--") {
        Some(own) => own.split('=').next(),
        None => words.find(|word| !word.is_empty()).and_then(|word| {
            let setting = Some(word).filter(|_| command == "set");
            word.strip_prefix("--").or(setting)
        }),
    };
    option.is_some_and(|option| FILE_OPTIONS.contains(&option))
}

/// Whether a value is one word wherever it stands, as in a shell, and nothing else is meant by it.
fn is_plain_word(text: &str) -> bool {
    let has_meaning = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\');
    !text.is_empty()
        && !text.contains(has_meaning)
        && !text.starts_with(['-', '@', '/', '>'])
        && !text.starts_with("env:")
        && !text.to_ascii_lowercase().starts_with("ws+unix:")
}
