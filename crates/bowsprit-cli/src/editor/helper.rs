//! What the line editor asks of the program: what to draw, what to complete, what Ctrl-C did.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anstyle::{AnsiColor, Color, Style};
use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::{History, SearchDirection};
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ConditionalEventHandler, Context, Event, EventContext, GraphemeClusterMode, Helper,
    RepeatCount,
};
use tokio::sync::mpsc::UnboundedSender;

use super::complete::{self, Names};
use super::pending::Pending;
use super::resize::{self, Columns};
use super::{Heard, recall};
use crate::console::Prompt;
use crate::printer;
use crate::printer::text::{escape, is_hidden};

/// Not dimmed, as the output's asides are: terminals differ in what they make of that.
const GREY: Style = Style::new().fg_color(Some(Color::Ansi(AnsiColor::BrightBlack)));

/// The program's side of the line editor, on the editor's thread.
#[derive(Debug)]
pub(super) struct Hooks {
    pub(super) pending: Arc<Pending>,
    /// Where to tell that there is room again.
    pub(super) heard: UnboundedSender<Heard>,
    /// Each connection's id and URI.
    pub(super) ids: Vec<(String, String)>,
    pub(super) prompt: Prompt,
    /// Behind the line stands what may follow, in grey: without colours it would look typed.
    has_hints: bool,
    /// The width of the window when the line was drawn last.
    pub(super) columns: Cell<Option<usize>>,
}

impl Hooks {
    pub(super) const fn new(
        pending: Arc<Pending>,
        heard: UnboundedSender<Heard>,
        has_hints: bool,
    ) -> Self {
        Self {
            pending,
            heard,
            ids: Vec::new(),
            prompt: Prompt::Borrowed(""),
            has_hints,
            columns: Cell::new(None),
        }
    }
}

impl Highlighter for Hooks {
    /// Puts the output that waits above the prompt.
    ///
    /// The editor erases its line before this and draws it after, in one write; so the output
    /// is never torn, and where the line stands does not matter to the editor.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let was_full = !self.pending.has_room();
        let mut drawn = self.pending.take_to_draw();
        if was_full {
            // A session that has ended needs no room.
            let _ = self.heard.send(Heard::Room);
        }
        if drawn.is_empty() {
            return Cow::Borrowed(prompt);
        }
        drawn.push_str(prompt);
        Cow::Owned(drawn)
    }

    /// Hides what the terminal would act on, in as many columns as the editor counts for it.
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let acts = |c: char| is_hidden(c) && c != '\n' && c != '\t';
        if !line.chars().any(acts) {
            return Cow::Borrowed(line);
        }
        let mode = GraphemeClusterMode::from_env();
        let mut shown = String::with_capacity(line.len());
        for c in line.chars() {
            if acts(c) {
                let width = mode.width(c.encode_utf8(&mut [0; 4]));
                shown.extend((0..width).map(|_| '\u{fffd}'));
            } else {
                shown.push(c);
            }
        }
        Cow::Owned(shown)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("{GREY}{hint}{GREY:#}"))
    }

    /// Called before the line changes on the screen; true if all of it is to be drawn.
    fn highlight_char(&self, line: &str, at: usize, _: CmdKind) -> bool {
        let now = printer::columns();
        let before = self.columns.replace(now);
        let (Some(before), Some(now)) = (before, now) else {
            return false;
        };
        if before == now {
            return false;
        }
        let columns = Columns { before, now };
        let hint = self
            .has_hints
            .then(|| complete::rest_of_usage(line))
            .flatten();
        let shown = format!("{line}{}", hint.unwrap_or_default());
        let written = resize::before_drawing(&self.prompt, &shown, at, columns);
        // The editor meets the same fault and tells of it.
        let _ = io::stdout()
            .write_all(written.as_bytes())
            .and_then(|()| io::stdout().flush());
        true
    }
}

impl Completer for Hooks {
    type Candidate = String;

    /// One word at most: several are shown above the prompt, which holds up no output.
    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let text = line.get(..at).unwrap_or_default();
        let lines = newest_first(context.history());
        let names = Names {
            ids: &self.ids,
            uris: recall::uris(&lines),
        };
        let Some(completion) = complete::complete(text, &names) else {
            return Ok((at, Vec::new()));
        };
        for choice in &completion.choices {
            self.pending.add(&escape(choice));
        }
        Ok((completion.start, vec![completion.word]))
    }
}

/// What may follow the line, in the words of the command's usage; it cannot be taken over.
#[derive(Debug)]
pub(super) struct UsageHint(String);

impl Hint for UsageHint {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Hooks {
    type Hint = UsageHint;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<UsageHint> {
        let is_wanted = self.has_hints && at == line.len();
        let rest = is_wanted.then(|| complete::rest_of_usage(line)).flatten();
        // A second row for it would be more than a hint.
        let width = |text: &str| text.chars().count();
        let fits = |rest: &String| {
            let columns = printer::columns().unwrap_or_default();
            width(&self.prompt) + width(line) + width(rest) < columns
        };
        rest.filter(fits).map(UsageHint)
    }
}

impl Validator for Hooks {}
impl Helper for Hooks {}

fn newest_first(history: &dyn History) -> Vec<String> {
    (0..history.len())
        .rev()
        .filter_map(|index| history.get(index, SearchDirection::Forward).ok()?)
        .map(|found| found.entry.into_owned())
        .collect()
}

/// Ctrl-C: ends the line as Enter does, so that what was typed after it is kept, and is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupted(Arc<AtomicU8>);

const LINE: u8 = 1;
const EMPTY_LINE: u8 = 2;

impl Interrupted {
    /// Whether a line was interrupted, and if so, whether it was empty; forgets it.
    pub(super) fn take(&self) -> Option<bool> {
        match self.0.swap(0, Ordering::Relaxed) {
            0 => None,
            which => Some(which == EMPTY_LINE),
        }
    }
}

impl ConditionalEventHandler for Interrupted {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext<'_>) -> Option<Cmd> {
        let is_empty = line.line().is_empty();
        self.0
            .store(if is_empty { EMPTY_LINE } else { LINE }, Ordering::Relaxed);
        Some(Cmd::AcceptLine)
    }
}

/// Ctrl-Z: for the main thread, since the editor's goes on for a moment when the program stops.
#[derive(Debug)]
pub(super) struct Suspended(pub(super) UnboundedSender<Heard>);

impl ConditionalEventHandler for Suspended {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        // A session that has ended cannot be suspended.
        let _ = self.0.send(Heard::Suspended);
        Some(Cmd::Noop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[test]
    fn draws_what_waits_above_the_prompt_once() {
        let (heard, mut inputs) = mpsc::unbounded_channel();
        let hooks = Hooks::new(Arc::default(), heard, false);
        hooks.pending.add("0 << text 2 hi");
        assert_eq!(hooks.highlight_prompt("> ", true), "0 << text 2 hi\n> ");
        assert_eq!(hooks.highlight_prompt("> ", true), "> ");
        assert!(inputs.try_recv().is_err());
        hooks.pending.add(&"x".repeat(2 << 20));
        hooks.highlight_prompt("> ", true);
        assert!(matches!(inputs.try_recv(), Ok(Heard::Room)));
    }

    #[test]
    fn draws_no_character_that_acts_on_the_terminal() {
        let (heard, _inputs) = mpsc::unbounded_channel();
        let hooks = Hooks::new(Arc::default(), heard, false);
        let shown = hooks.highlight("a\u{1b}[2J\u{9b}\u{202e}\nb\tc", 0);
        assert_eq!(shown.replace('\u{fffd}', ""), "a[2J\nb\tc");
        assert_eq!(hooks.highlight("日本 e\u{301}", 0), "日本 e\u{301}");
    }
}
