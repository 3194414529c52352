//! Lines to steps: blocks, and messages of several lines. What can be found wrong is found here.

use std::borrow::Cow;
use std::rc::Rc;

use super::head::{Head, for_each, repeat, test};
use super::load::Loader;
use super::scanner::Scanner;
use super::steps::{Line, Place, Step, Steps};
use super::variables::{self, is_plain};
use crate::printer::text::excerpt;

/// How deep blocks may stand in each other.
const MAX_DEPTH: usize = 32;

/// What opens a text of several lines at the end of one, and closes it in a line of its own.
const FENCE: &str = "\"\"\"";

/// The words of lines that are no commands but give them their order.
pub(crate) const BLOCK_WORDS: [&str; 6] = ["repeat", "for", "test", "end", "include", "source"];

/// Makes steps of the lines of one file, or of those that are typed.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    file: Option<Rc<str>>,
    /// The text of several lines that is open.
    text: Option<OpenText>,
    /// The blocks that are open, the innermost last.
    blocks: Vec<OpenBlock>,
    steps: Vec<Step>,
    /// Behind a `use`: lines are messages, and commands begin with a slash.
    is_in_use: bool,
}

/// What goes on in the lines behind its first.
#[derive(Debug)]
struct OpenText {
    place: Place,
    head: String,
    lines: Vec<String>,
    /// It is JSON, and goes on until that is complete; else to the closing quotes.
    json: Option<Scanner>,
}

/// A block without its end, and the steps around it.
#[derive(Debug)]
struct OpenBlock {
    line: Rc<Line>,
    head: Head,
    around: Vec<Step>,
}

impl Parser {
    /// A parser of the lines of this file.
    pub(crate) fn of_file(name: &str) -> Self {
        Self {
            file: Some(name.into()),
            ..Self::default()
        }
    }

    /// A parser of lines that are typed; where lines are messages, if one is in use.
    pub(crate) fn of_typed(is_in_use: bool) -> Self {
        Self {
            is_in_use,
            ..Self::default()
        }
    }

    /// Whether the lines so far end within a block or a text.
    pub(crate) const fn is_open(&self) -> bool {
        self.text.is_some() || !self.blocks.is_empty()
    }

    /// Whether a text of several lines is open, in which every line is text.
    pub(crate) const fn is_in_text(&self) -> bool {
        self.text.is_some()
    }

    /// The steps so far.
    pub(crate) fn take(&mut self) -> Steps {
        std::mem::take(&mut self.steps).into()
    }

    /// Takes one line; the loader hears of what is wrong with it.
    pub(crate) fn push(&mut self, number: u64, line: &str, loader: &mut Loader) {
        let place = Place {
            file: self.file.clone(),
            line: number,
        };
        if let Some(line) = self.whole(place, line)
            && let Err(fault) = self.take_line(&line, loader)
        {
            loader.fault(&line.place, &fault);
        }
    }

    /// No more lines come.
    pub(crate) fn end(&mut self, loader: &mut Loader) {
        if let Some(text) = self.text.take() {
            let fault = match text.json {
                Some(_) => "The JSON value that begins here is not complete".to_owned(),
                None => format!("No {FENCE} ends the text that begins here"),
            };
            loader.fault(&text.place, &fault);
        }
        let hint = if self.is_in_use {
            " (behind use, end is a message: /use comes first)"
        } else {
            ""
        };
        while let Some(block) = self.blocks.pop() {
            let word = block.head.word();
            loader.fault(&block.line.place, &format!("No end for this {word}{hint}"));
        }
    }

    /// Lines are commands again behind this file, whatever they were at its end.
    pub(crate) fn leave_use(&mut self, number: u64) {
        if std::mem::take(&mut self.is_in_use) {
            self.steps.push(Step::Line(Rc::new(Line {
                place: Place {
                    file: self.file.clone(),
                    line: number,
                },
                text: "/use".to_owned(),
                head: None,
            })));
        }
    }

    /// Whether the line is a message as it is written, and no command.
    fn is_message(&self, line: &str) -> bool {
        if self.is_in_use {
            slash_command(line).is_none()
        } else {
            line.starts_with('>')
        }
    }

    /// Whether the line opens a text of several lines.
    pub(crate) fn opens_text(line: &str) -> bool {
        let line = line.trim_end();
        let is_comment = line.trim_start().starts_with('#');
        !is_comment
            && line
                .strip_suffix(FENCE)
                .is_some_and(|head| head.ends_with([' ', '\t']) && !head.trim().is_empty())
    }

    /// The logical line that ends with this one, unless a text goes on behind it.
    fn whole(&mut self, place: Place, line: &str) -> Option<Rc<Line>> {
        let Some(text) = &mut self.text else {
            let opens = if self.is_in_use && self.is_message(line) {
                line.trim_end() == FENCE
            } else {
                Self::opens_text(line)
            };
            let json = if opens { None } else { self.open_json(line) };
            if opens || json.is_some() {
                let head = match json {
                    Some(_) => line,
                    None => line.trim_end().trim_end_matches(FENCE),
                };
                self.text = Some(OpenText {
                    place,
                    head: head.to_owned(),
                    lines: Vec::new(),
                    json,
                });
                return None;
            }
            let text = line.to_owned();
            return Some(Rc::new(Line {
                place,
                text,
                head: None,
            }));
        };
        if let Some(scanner) = &mut text.json {
            text.lines.push(line.to_owned());
            if scanner.is_open_after("\n") && scanner.is_open_after(line) {
                return None;
            }
            return self.text.take().map(|text| Rc::new(text.complete()));
        }
        if line.trim() != FENCE {
            text.lines.push(line.to_owned());
            return None;
        }
        let indent = line.trim_end().trim_end_matches(FENCE);
        self.text.take().map(|text| Rc::new(text.close(indent)))
    }

    /// The state of a JSON value that a `send` leaves open at the end of the line.
    fn open_json(&self, line: &str) -> Option<Scanner> {
        let command = match self.is_in_use {
            true => slash_command(line)?,
            false => line,
        };
        let (send, rest) = variables::word(command)?;
        let (_, rest) = variables::word(rest?)?;
        let (json, value) = variables::word(rest?)?;
        let mut scanner = Scanner::default();
        let is_open = send == "send" && json == "--json" && scanner.is_open_after(value?);
        is_open.then_some(scanner)
    }

    fn take_line(&mut self, line: &Rc<Line>, loader: &mut Loader) -> Result<(), String> {
        let text = line.text.as_str();
        if text.trim_start().starts_with('#') {
            return Ok(());
        }
        if self.is_message(text) {
            if !text.is_empty() {
                loader.count();
                self.steps.push(Step::Line(Rc::clone(line)));
            }
            return Ok(());
        }
        let command = match self.is_in_use {
            true => of_the_one_in_use(slash_command(text).unwrap_or(text), "."),
            false => Cow::Borrowed(text),
        };
        let command = &*command;
        let Some((word, rest)) = variables::word(command) else {
            return Ok(());
        };
        if self.is_in_use && BLOCK_WORDS.contains(&word) {
            return Err(refused_in_use(word));
        }
        let rest = rest.unwrap_or_default();
        match word {
            "repeat" => self.open(line, repeat(rest), loader),
            "for" => self.open(line, for_each(rest), loader),
            "test" => self.open(line, test(rest), loader),
            "end" => self.close(rest),
            "include" | "source" => {
                let path = rest.trim();
                if path.is_empty() {
                    return Err(format!("Usage: {word} <file>"));
                }
                if !is_plain(path) {
                    return Err(format!("{word} takes a path without variables"));
                }
                let is_in_test = self.blocks.iter().any(|block| block.head.is_test());
                let depth = self.blocks.len();
                let steps = loader.include(path, &line.place, is_in_test, depth)?;
                self.steps.extend(steps.iter().cloned());
                Ok(())
            }
            _ => {
                loader.check(&line.place, command)?;
                self.steps.push(Step::Line(Rc::clone(line)));
                self.is_in_use = enters_use(command).unwrap_or(self.is_in_use);
                Ok(())
            }
        }
    }

    fn open(
        &mut self,
        line: &Rc<Line>,
        head: Result<Head, String>,
        loader: &mut Loader,
    ) -> Result<(), String> {
        let depth = self.blocks.len() + loader.depth();
        let is_inner = loader.is_in_test() || self.blocks.iter().any(|block| block.head.is_test());
        let fault = match &head {
            Err(fault) => Some(fault.clone()),
            Ok(Head::Test { .. }) if is_inner => Some("A test stands in no other test".to_owned()),
            Ok(Head::Test { .. }) if depth > 0 => {
                Some("A test stands in no other block".to_owned())
            }
            Ok(_) if depth >= MAX_DEPTH => Some(format!("Blocks stand {MAX_DEPTH} deep at most")),
            Ok(head) => loader.enter(line, head.defined(), head.test()).err(),
        };
        // A block that is wrong is there all the same: its end is not one too many.
        self.blocks.push(OpenBlock {
            line: Rc::clone(line),
            head: head.unwrap_or(Head::Wrong),
            around: std::mem::take(&mut self.steps),
        });
        fault.map_or(Ok(()), Err)
    }

    fn close(&mut self, rest: &str) -> Result<(), String> {
        let Some(block) = self.blocks.pop() else {
            return Err("No block is open for this end".to_owned());
        };
        let body: Steps = std::mem::replace(&mut self.steps, block.around).into();
        let word = block.head.word();
        let line = block.line;
        self.steps.push(match block.head {
            Head::Repeat { count, name } => Step::Repeat {
                line,
                count,
                name,
                body,
            },
            Head::For { name, values } => Step::For {
                line,
                name,
                values,
                body,
            },
            Head::Test { name } => Step::Test { line, name, body },
            // Nothing will be run.
            Head::Wrong => return Ok(()),
        });
        match rest.trim() {
            "" => Ok(()),
            same if same == word => Ok(()),
            other => Err(format!(
                "This is the end of a {word}, not of {}",
                excerpt(other, 40)
            )),
        }
    }
}

/// The command in a line where lines are messages.
pub(crate) fn slash_command(line: &str) -> Option<&str> {
    let command = line.strip_prefix('/')?;
    (!command.starts_with('/')).then_some(command)
}

/// Words that mean the connection in use where they stand alone.
const OF_ONE: [&str; 5] = ["show", "close", "ping", "history", "reconnect"];

/// A command where lines are messages, with the connection in use where it needs one and names none.
pub(crate) fn of_the_one_in_use<'c>(command: &'c str, id: &str) -> Cow<'c, str> {
    match command.trim() {
        word if OF_ONE.contains(&word) => format!("{word} {id}").into(),
        _ => command.into(),
    }
}

/// Whether lines are messages behind this command, a `use`; `None` for all others.
pub(crate) fn enters_use(command: &str) -> Option<bool> {
    let (word, rest) = variables::word(command)?;
    let rest = rest.unwrap_or_default().trim();
    (word == "use").then_some(!matches!(rest, "" | "none"))
}

/// What to answer to a command of several lines where lines are messages.
pub(crate) fn refused_in_use(word: &str) -> String {
    format!("{word} goes on in further lines, which are messages now: /use comes first")
}

impl OpenText {
    /// The line that the JSON value belongs to, with all of it.
    fn complete(self) -> Line {
        Line {
            place: self.place,
            text: format!("{}\n{}", self.head, self.lines.join("\n")),
            head: Some(self.head),
        }
    }

    /// The line that the text belongs to, with the text at its end; the lines lose the indent of the
    /// closing fence. Where lines are messages the text is the line, behind the quotes and a line end.
    fn close(self, indent: &str) -> Line {
        let lines = self.lines.iter();
        let lines: Vec<&str> = lines
            .map(|line| line.strip_prefix(indent).unwrap_or(line))
            .collect();
        let mut words = self.head.split_whitespace();
        // Whatever the text begins with, it is a message and no option.
        let is_send = matches!(words.next(), Some("send" | "/send"));
        let mark = match (self.head.is_empty(), is_send && words.nth(1).is_none()) {
            (true, _) => "\"\"\"\n",
            (false, true) => "-- ",
            (false, false) => "",
        };
        Line {
            place: self.place,
            text: format!("{}{mark}{}", self.head, lines.join("\n")),
            head: Some(format!("{}{FENCE}", self.head)),
        }
    }
}
