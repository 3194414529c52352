//! Lines to steps: blocks, and messages of several lines. What can be found wrong is found here.

use std::rc::Rc;

use super::load::Loader;
use super::steps::{Line, Place, Step, Steps};
use super::variables::{self, check_name, is_plain};
use crate::printer::text::excerpt;

/// How deep blocks may stand in each other.
const MAX_DEPTH: usize = 32;

/// The most rounds of a `repeat`.
const MAX_ROUNDS: u64 = 1_000_000_000_000;

/// The most bytes of values that a `for` goes through: each takes some memory, and a peer may send them.
const MAX_VALUES: usize = 1 << 20;

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
}

#[derive(Debug)]
struct OpenText {
    place: Place,
    head: String,
    lines: Vec<String>,
}

/// A block without its end, and the steps around it.
#[derive(Debug)]
struct OpenBlock {
    line: Rc<Line>,
    head: Head,
    around: Vec<Step>,
}

#[derive(Debug)]
enum Head {
    Repeat {
        count: String,
        name: Option<String>,
    },
    For {
        name: String,
        values: String,
    },
    Test {
        name: String,
    },
    /// What was meant cannot be told.
    Wrong,
}

impl Parser {
    /// A parser of the lines of this file.
    pub(crate) fn of_file(name: &str) -> Self {
        Self {
            file: Some(name.into()),
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
            let fault = format!("No {FENCE} ends the text that begins here");
            loader.fault(&text.place, &fault);
        }
        while let Some(block) = self.blocks.pop() {
            let word = block.head.word();
            loader.fault(&block.line.place, &format!("No end for this {word}"));
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
            if Self::opens_text(line) {
                let head = line.trim_end().trim_end_matches(FENCE);
                self.text = Some(OpenText {
                    place,
                    head: head.to_owned(),
                    lines: Vec::new(),
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
        if line.trim() != FENCE {
            text.lines.push(line.to_owned());
            return None;
        }
        let indent = line.trim_end().trim_end_matches(FENCE);
        self.text.take().map(|text| Rc::new(text.close(indent)))
    }

    fn take_line(&mut self, line: &Rc<Line>, loader: &mut Loader) -> Result<(), String> {
        let Some((word, rest)) = variables::word(&line.text) else {
            return Ok(());
        };
        if word.starts_with('#') {
            return Ok(());
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
                loader.check(line)?;
                self.steps.push(Step::Line(Rc::clone(line)));
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

impl OpenText {
    /// The line that the text belongs to, with the text at its end; the lines lose the indent of the
    /// closing fence.
    fn close(self, indent: &str) -> Line {
        let lines = self.lines.iter();
        let lines: Vec<&str> = lines
            .map(|line| line.strip_prefix(indent).unwrap_or(line))
            .collect();
        let mut words = self.head.split_whitespace();
        // Whatever the text begins with, it is a message and no option.
        let is_bare_send = words.next() == Some("send") && words.nth(1).is_none();
        let mark = if is_bare_send { "-- " } else { "" };
        Line {
            place: self.place,
            text: format!("{}{mark}{}", self.head, lines.join("\n")),
            head: Some(format!("{}{FENCE}", self.head)),
        }
    }
}

impl Head {
    const fn word(&self) -> &'static str {
        match self {
            Self::Repeat { .. } => "repeat",
            Self::For { .. } => "for",
            Self::Test { .. } => "test",
            Self::Wrong => "block",
        }
    }

    const fn is_test(&self) -> bool {
        matches!(self, Self::Test { .. })
    }

    /// The name of the test that it is.
    fn test(&self) -> Option<&str> {
        match self {
            Self::Test { name } => Some(name),
            _ => None,
        }
    }

    /// The variable that the block gives values to.
    fn defined(&self) -> Option<&str> {
        match self {
            Self::Repeat { name, .. } => name.as_deref(),
            Self::For { name, .. } => Some(name),
            Self::Test { .. } | Self::Wrong => None,
        }
    }
}

fn repeat(rest: &str) -> Result<Head, String> {
    const USAGE: &str = "Usage: repeat <count> [as <name>]";
    let (count, rest) = variables::word(rest).ok_or(USAGE)?;
    if is_plain(count) {
        rounds(count)?;
    }
    let name = match variables::word(rest.unwrap_or_default()) {
        None => None,
        Some(("as", Some(name))) => {
            check_name(name.trim())?;
            Some(name.trim().to_owned())
        }
        Some(_) => return Err(USAGE.to_owned()),
    };
    Ok(Head::Repeat {
        count: count.to_owned(),
        name,
    })
}

/// How often a block is gone through.
///
/// # Errors
///
/// When the text is no number, or too large a one.
pub(crate) fn rounds(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count <= MAX_ROUNDS);
    count.ok_or_else(|| {
        format!(
            "Not a number of rounds: {} (expected 0 to {MAX_ROUNDS})",
            excerpt(text, 40)
        )
    })
}

fn for_each(rest: &str) -> Result<Head, String> {
    const USAGE: &str = "Usage: for <name> in <value>...";
    let (name, rest) = variables::word(rest).ok_or(USAGE)?;
    check_name(name)?;
    match variables::word(rest.unwrap_or_default()) {
        Some(("in", Some(values))) if !values.trim().is_empty() => {
            if is_plain(values) {
                each(values)?;
            }
            Ok(Head::For {
                name: name.to_owned(),
                values: values.to_owned(),
            })
        }
        _ => Err(USAGE.to_owned()),
    }
}

/// The values that a `for` goes through, quoted as in a shell.
///
/// # Errors
///
/// When a quote is not closed, or there are too many.
pub(crate) fn each(text: &str) -> Result<Vec<String>, String> {
    if text.len() > MAX_VALUES {
        return Err(format!("The list of values has {MAX_VALUES} bytes at most"));
    }
    shell_words::split(text).map_err(|_| "A quote in the list of values is not closed".to_owned())
}

fn test(rest: &str) -> Result<Head, String> {
    let name = rest.trim();
    let inner = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    let name = inner.unwrap_or(name);
    if name.is_empty() {
        return Err("Usage: test <name>".to_owned());
    }
    Ok(Head::Test {
        name: name.to_owned(),
    })
}
