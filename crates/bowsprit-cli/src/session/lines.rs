//! Lines: commands, or messages to the connection in use; and messages that take several lines.

use std::borrow::Cow;
use std::mem;

use super::Session;
use crate::command::{self, Command, Id, Ids, Lines, Payload, QUOTES, script};
use crate::console::Prompt;
use crate::input::MAX_LINE;
use crate::printer::Output;
use crate::script::parse::{BLOCK_WORDS, Parser, of_the_one_in_use, refused_in_use, slash_command};
use crate::script::scanner::Scanner;
use crate::script::variables;
use crate::status::Status;

/// The prompt of the original.
const PROMPT: &str = "Enter Command: ";

/// What asks for the next line of a message.
const MORE: &str = "... ";

/// A message that goes on in the next line.
#[derive(Debug)]
pub(super) struct Block {
    ids: Ids,
    text: String,
    end: End,
    /// No line of it has come.
    is_empty: bool,
    /// Why it will not be sent. Its lines are taken all the same, for they are no commands.
    fault: Option<String>,
}

/// Where it ends.
#[derive(Debug)]
enum End {
    Quotes(Lines),
    /// Where the value is complete.
    Json(Scanner),
}

impl Session {
    /// What asks for a line.
    pub(crate) fn prompt(&self) -> Prompt {
        let is_open = self.block.is_some() || self.is_collecting();
        match (self.is_leaving(), is_open, self.in_use) {
            // Who left may still type `quit!`, and is not asked for it.
            (true, ..) => Prompt::Borrowed(""),
            (_, true, _) => Prompt::Borrowed(MORE),
            (.., Some(id)) => Prompt::Owned(format!("{}> ", self.label(id))),
            _ => Prompt::Borrowed(PROMPT),
        }
    }

    /// A line was asked for with the prompt of now.
    pub(crate) fn prompted(&mut self) {
        self.left = None;
    }

    pub(super) fn handle_line(&mut self, line: &str, out: &mut dyn Output) {
        self.scripting.begin_line(line);
        if let Some(block) = self.block.take() {
            return self.go_on(block, line, out);
        }
        let is_comment = line.trim_start().starts_with('#');
        if self.manner.is_script && is_comment && !self.scripting.is_in_text() {
            return;
        }
        // What is a message opens no block.
        let command = match self.in_use {
            Some(_) => slash_command(line),
            None => Some(line).filter(|line| self.left.is_none() && !line.starts_with('>')),
        };
        if (command.is_some() || self.is_collecting())
            && self.collect(line, command.unwrap_or_default(), out)
        {
            return;
        }
        self.carry_out(line, out);
    }

    /// Carries out one command, or sends the message that the line is.
    pub(super) fn carry_out(&mut self, line: &str, out: &mut dyn Output) {
        let parsed = self.read(line);
        if self.is_leaving() && parsed != Ok(Some(Command::QuitNow)) {
            return out.line("> Leaving; type quit! to leave at once");
        }
        match parsed {
            Ok(Some(command)) => self.perform(command, out),
            Ok(None) if self.manner.is_script || self.in_use.is_some() => {}
            Ok(None) => out.line("> Type help for the list of commands"),
            Err(answer) => self.refuse(&answer, out),
        }
    }

    /// The command in a line, or the message that it is.
    fn read(&mut self, line: &str) -> Result<Option<Command>, String> {
        if let Some(id) = self.left.take() {
            // It was typed as a message, and must not be taken for a command.
            return match slash_command(line) {
                Some(command) => self.command(command),
                _ if line.is_empty() => Ok(None),
                _ => Err(format!("Not sent: connection {} has ended", self.label(id))),
            };
        }
        let Some(id) = self.in_use else {
            return match line.strip_prefix('>') {
                Some("") => Err("Usage: > <message>, to the connection used last".to_owned()),
                Some(rest) => {
                    let rest = rest.strip_prefix(' ').unwrap_or(rest);
                    Ok(Some(message(Id::Last, rest)))
                }
                None => self.command(line),
            };
        };
        match slash_command(line) {
            Some(command) => self.command(&of_the_one_in_use(command, &id.to_string())),
            None if line.is_empty() => Ok(None),
            None => {
                let text = line.strip_prefix('/').unwrap_or(line);
                Ok(Some(message(Id::of(id), text)))
            }
        }
    }

    /// A command; its variables get their values here.
    fn command(&mut self, line: &str) -> Result<Option<Command>, String> {
        // Those of several lines begin where lines are commands, and were taken there.
        let word = variables::word(line).map_or("", |(word, _)| word);
        let is_text = script::is_own(word) && Parser::opens_text(line) && !line.contains('\n');
        if is_text || BLOCK_WORDS.contains(&word) {
            return Err(refused_in_use(word));
        }
        self.expanded(line).and_then(|line| command::parse(&line))
    }

    /// Plain lines are messages to this connection from now on, or commands again.
    pub(super) fn use_connection(
        &mut self,
        ids: Option<&Ids>,
        out: &mut dyn Output,
    ) -> Result<(), String> {
        self.scripting.check_use(ids.is_some())?;
        let Some(ids) = ids else {
            match self.in_use.take() {
                Some(_) => out.line("> Lines are commands again"),
                None => out.line("> No connection is in use"),
            }
            return Ok(());
        };
        let (found, missing) = self.named(ids)?;
        let &[id] = found.as_slice() else {
            return Err("One connection at a time is in use".to_owned());
        };
        if let Some(answer) = missing.into_iter().next() {
            return Err(answer);
        }
        if self.existing(id)?.has_ended() {
            return Err(format!("Connection {} has ended", self.label(id)));
        }
        self.last = Some(id);
        self.in_use = Some(id);
        out.line(&format!(
            "> Lines go to connection {} now; /help, /use and other commands begin with a slash",
            self.label(id)
        ));
        Ok(())
    }

    /// The connection in use on a terminal with one: what was given on the command line.
    pub(crate) fn use_first(&mut self, out: &mut dyn Output) {
        // There is none where it was refused, which has been said.
        let _ = self.use_connection(Some(&Ids::One(Id::of(0))), out);
    }

    /// A connection has ended: if it is the one in use, lines are commands again. A script goes on as it
    /// was written: its messages are refused.
    pub(super) fn leave_ended(&mut self, id: u32, out: &mut dyn Output) {
        let is_script = self.manner.is_script || self.is_stepping();
        if self.in_use == Some(id) && !is_script {
            self.in_use = None;
            self.left = Some(id);
            out.line(&format!(
                "> Connection {} has ended: lines are commands again",
                self.label(id)
            ));
        }
    }

    /// A message whose end has not come: the lines that follow are part of it.
    pub(super) fn open_block(&mut self, ids: Ids, lines: Lines) {
        self.block = Some(Block {
            ids,
            text: String::new(),
            end: End::Quotes(lines),
            is_empty: true,
            fault: None,
        });
    }

    /// The JSON text, if it is complete; otherwise the lines that follow are part of it.
    pub(super) fn complete_json(
        &mut self,
        ids: &Ids,
        text: String,
    ) -> Result<Option<String>, String> {
        let mut scanner = Scanner::default();
        if !scanner.is_open_after(&text) {
            return checked_json(text).map(Some);
        }
        self.block = Some(Block {
            ids: ids.clone(),
            text,
            end: End::Json(scanner),
            is_empty: false,
            fault: None,
        });
        Ok(None)
    }

    /// A further line of a message.
    fn go_on(&mut self, mut block: Block, line: &str, out: &mut dyn Output) {
        let mut line = Cow::Borrowed(line);
        let ends = match &mut block.end {
            End::Quotes(lines) if line.trim() == QUOTES => {
                let indent = line.trim_end().trim_end_matches(QUOTES);
                let lines = *lines;
                return self.end_quotes(block, lines, indent, out);
            }
            End::Quotes(_) => false,
            End::Json(scanner) => {
                match self.text(&line) {
                    Ok(text) => line = Cow::Owned(text),
                    Err(fault) => {
                        block
                            .fault
                            .get_or_insert_with(|| format!("Not sent: {fault}"));
                    }
                }
                !scanner.is_open_after("\n") || !scanner.is_open_after(&line)
            }
        };
        if block.text.len() + line.len() >= MAX_LINE {
            block.text = String::new();
            block.fault = Some(format!(
                "Not sent: the message is longer than {MAX_LINE} bytes"
            ));
        }
        if block.fault.is_none() {
            if !mem::take(&mut block.is_empty) {
                block.text.push('\n');
            }
            block.text.push_str(&line);
        }
        if ends {
            self.end_block(block, out);
        } else {
            self.block = Some(block);
        }
    }

    /// The closing quotes: the lines lose the indent of these, and then get their values.
    fn end_quotes(&mut self, mut block: Block, lines: Lines, indent: &str, out: &mut dyn Output) {
        if !indent.is_empty() {
            let lines = block.text.split('\n');
            let lines = lines.map(|line| line.strip_prefix(indent).unwrap_or(line));
            block.text = lines.collect::<Vec<_>>().join("\n");
        }
        if lines == Lines::Expanded && block.fault.is_none() {
            match self.text(&block.text) {
                Ok(text) => block.text = text,
                Err(fault) => block.fault = Some(format!("Not sent: {fault}")),
            }
        }
        self.end_block(block, out);
    }

    fn end_block(&mut self, block: Block, out: &mut dyn Output) {
        let Block {
            ids,
            text,
            end,
            fault,
            ..
        } = block;
        let text = match (fault, end) {
            (Some(fault), _) => Err(fault),
            (None, End::Quotes(_)) => Ok(text),
            (None, End::Json(_)) => checked_json(text),
        };
        match text {
            Ok(text) => {
                let payload = Payload::Text(text);
                self.perform(Command::Send { ids, payload }, out);
            }
            Err(answer) => self.refuse(&answer, out),
        }
    }

    /// A line could not be read: inside a message, that message is not sent.
    pub(super) fn handle_fault(&mut self, fault: &str, out: &mut dyn Output) {
        if let Some(block) = &mut self.block {
            let said = format!("Not sent: {fault}");
            block.fault.get_or_insert(said);
        } else {
            self.refuse(fault, out);
        }
    }

    /// No more lines come: a message without its end is not sent.
    pub(super) fn end_of_lines(&mut self, out: &mut dyn Output) {
        if let Some(block) = self.block.take() {
            self.note(None, Status::Refused);
            out.line(match block.end {
                End::Quotes(_) => "> Not sent: the message was not ended with \"\"\"",
                End::Json(_) => "> Not sent: the JSON value was not complete",
            });
        }
    }
}

/// A message as it was typed without a command.
fn message(id: Id, text: &str) -> Command {
    // A script has all lines of it already.
    let whole = text
        .strip_prefix(QUOTES)
        .and_then(|text| text.strip_prefix('\n'));
    Command::Send {
        ids: Ids::One(id),
        payload: match whole {
            None if text.trim_end() == QUOTES => Payload::Block(Lines::Literal),
            whole => Payload::Text(whole.unwrap_or(text).to_owned()),
        },
    }
}

/// The text, if it is one JSON value.
fn checked_json(text: String) -> Result<String, String> {
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(fault) => Err(format!("Not JSON: {fault}")),
    }
}
