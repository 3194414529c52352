//! A terminal with the line editor: output goes above the line being edited and never through it.

use std::collections::VecDeque;
use std::io::{self, Stdout};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::quiet::Quiet;
use super::{Console, Ids, Prompt};
use crate::editor::{Editor, Heard, Pending};
use crate::input::Input;
use crate::printer::{self, Output, Printer};

/// How long the end of the program waits for the editor to draw the last output.
const LAST_DRAWING: Duration = Duration::from_millis(250);

/// The terminal tells where pasted text begins and ends, while the editor edits a line.
const PASTE_MARKS_ON: &str = "\u{1b}[?2004h";
const PASTE_MARKS_OFF: &str = "\u{1b}[?2004l";

/// Output is drawn by the editor while it edits a line, and written here while it does not.
#[derive(Debug)]
pub(super) struct Terminal {
    printer: Printer<Stdout>,
    pending: Arc<Pending>,
    editor: Editor,
    heard: UnboundedReceiver<Heard>,
    /// What was heard and not taken yet.
    inputs: VecDeque<Input>,
    /// The editor was asked for a line and has not given it.
    is_editing: bool,
    /// The editor's thread has ended.
    has_ended: bool,
    /// Dropped last: the terminal is as it was before.
    quiet: Quiet,
}

impl Terminal {
    /// Sets the terminal up and reads the history.
    ///
    /// # Errors
    ///
    /// When the terminal cannot be set up.
    pub(super) fn open(has_hints: bool) -> io::Result<Self> {
        let quiet = Quiet::enter()?;
        let pending = Arc::<Pending>::default();
        let (editor, heard) = Editor::start(Arc::clone(&pending), has_hints)?;
        Ok(Self {
            printer: Printer::new(io::stdout()),
            pending,
            editor,
            heard,
            inputs: VecDeque::new(),
            is_editing: false,
            has_ended: false,
            quiet,
        })
    }

    /// Gives the terminal back to the shell until the user returns.
    fn suspend(&mut self) {
        self.printer.raw(PASTE_MARKS_OFF);
        self.printer.flush();
        self.quiet.suspend();
        self.printer.raw(PASTE_MARKS_ON);
        self.printer.flush();
        self.editor.wake();
    }

    fn write_pending(&mut self) {
        self.printer.raw(&self.pending.take());
        self.printer.flush();
    }
}

impl Output for Terminal {
    fn line(&mut self, line: &str) {
        self.pending.add(&printer::wrapped(line));
    }

    fn help(&mut self, line: &str) {
        self.pending.add(&printer::wrapped_help(line));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.pending.add(&String::from_utf8_lossy(bytes));
    }
}

impl Console for Terminal {
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.has_ended {
            return Poll::Pending;
        }
        match ready!(self.heard.poll_recv(context)) {
            Some(Heard::Room) => {}
            Some(Heard::Suspended) => self.suspend(),
            Some(Heard::Inputs(inputs)) => {
                self.is_editing = false;
                self.inputs.extend(inputs);
            }
            None => {
                self.is_editing = false;
                self.has_ended = true;
                self.inputs.push_back(Input::End);
            }
        }
        Poll::Ready(())
    }

    fn next(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }

    fn flush(&mut self, prompt: Option<Prompt>, ids: Ids<'_>) -> bool {
        if self.is_editing {
            if !self.pending.is_empty() {
                self.editor.wake();
            }
            return false;
        }
        self.write_pending();
        if let Some(prompt) = prompt
            && !self.has_ended
        {
            self.is_editing = true;
            self.editor.ask(prompt, ids());
        }
        self.is_editing
    }

    fn has_room(&self) -> bool {
        !self.is_editing || self.pending.has_room()
    }

    fn interrupts_by_signal(&self) -> bool {
        // Ctrl-C makes a signal between two lines, and also in the moment after Enter.
        true
    }

    fn forget(&mut self) {
        self.inputs.clear();
    }

    fn is_closed(&self) -> bool {
        self.printer.is_closed()
    }

    fn has_failed(&self) -> bool {
        self.printer.has_failed()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.is_editing {
            // When it draws a second time, it has written the first.
            for _ in 0..2 {
                let wake = || self.editor.wake();
                self.pending.wait_for_drawing(wake, LAST_DRAWING);
            }
            // The prompt goes.
            self.printer.raw("\r\u{1b}[J");
            self.printer.raw(PASTE_MARKS_OFF);
        }
        self.write_pending();
    }
}
