//! Where lines come from and go to: a pipe, a plain terminal, or one with a line editor.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _};
use std::task::{Context, Poll};

use crate::input::Input;
use crate::printer::Output;

mod json;
mod plain;
mod quiet;
mod terminal;

use json::Json;
use plain::Plain;
use terminal::Terminal;

/// What somebody reads who started the program with nothing to do.
pub(crate) const GREETING: [&str; 3] = [
    concat!(
        "> bowsprit ",
        env!("CARGO_PKG_VERSION"),
        ": many WebSocket connections at one prompt"
    ),
    "> Type connect wss://example.org/ to open one, then send 0 hello, and close 0",
    "> help lists all commands, Tab completes them, quit or Ctrl-D leaves",
];

/// Tells the connections that can be named in a line, each with its URI.
pub(crate) type Ids<'a> = &'a dyn Fn() -> Vec<(String, String)>;

/// What asks for a line.
pub(crate) type Prompt = Cow<'static, str>;

/// The two ends of the program as its user sees them.
pub(crate) trait Console: Output {
    /// Waits for what is read next; [`next`](Self::next) may then have an input.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()>;
    /// The next line, or what came instead, once it is there.
    fn next(&mut self) -> Option<Input>;
    /// Has what waits written, and the prompt if there is one: then a line is wanted. True if it was asked
    /// for now, and not before.
    fn flush(&mut self, prompt: Option<Prompt>, ids: Ids<'_>) -> bool;
    /// Whether more may be told; what is told all the same is kept.
    fn has_room(&self) -> bool;
    /// Whether Ctrl-C, typed now, comes as a signal.
    fn interrupts_by_signal(&self) -> bool;
    /// Forgets what was typed and not taken.
    fn forget(&mut self);
    /// Whether nobody reads the output any more.
    fn is_closed(&self) -> bool;
    /// Whether output was lost that somebody was to read.
    fn has_failed(&self) -> bool;
}

/// The same console, with events of JSON in place of its lines.
pub(crate) fn for_programs(console: Box<dyn Console>) -> Box<dyn Console> {
    Box::new(Json::over(console))
}

/// How the two ends of the program are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Lines come from a pipe or a file.
    Script,
    /// A person types, and the terminal edits the line.
    Plain { has_prompt: bool },
    /// A person types, and the line editor edits the line.
    Editor,
}

impl Mode {
    /// What the standard streams and `TERM` allow.
    pub(crate) fn detect() -> Self {
        let has_prompt = io::stdout().is_terminal();
        let is_capable =
            std::env::var_os("TERM").is_some_and(|term| term != "dumb" && !term.is_empty());
        match io::stdin().is_terminal() {
            false => Self::Script,
            true if has_prompt && is_capable => Self::Editor,
            true => Self::Plain { has_prompt },
        }
    }

    /// Whether somebody is asked for lines.
    pub(crate) const fn greets(self) -> bool {
        matches!(self, Self::Editor | Self::Plain { has_prompt: true })
    }

    /// The console for this mode; a plain one where the terminal cannot be set up for the editor.
    ///
    /// # Errors
    ///
    /// When standard input cannot be read.
    pub(crate) fn open(self, has_colors: bool) -> io::Result<Box<dyn Console>> {
        Ok(match self {
            Self::Script => Box::new(Plain::script()?),
            Self::Plain { has_prompt } => Box::new(Plain::terminal(has_prompt)?),
            Self::Editor => match Terminal::open(has_colors) {
                Ok(terminal) => Box::new(terminal),
                Err(_) => Box::new(Plain::terminal(true)?),
            },
        })
    }
}
