//! Lines as they come: from a pipe, or from a terminal that edits them itself.

use std::io::{self, Stdout};
use std::task::{Context, Poll, ready};

use tokio::sync::mpsc::Receiver;

use super::{Console, Ids, Prompt};
use crate::input::{self, Input, Lines};
use crate::printer::{Output, Printer};

/// Whole lines in and out.
#[derive(Debug)]
pub(super) struct Plain {
    /// What is read; `None` once standard input has ended.
    chunks: Option<Receiver<Vec<u8>>>,
    lines: Lines,
    printer: Printer<Stdout>,
    is_script: bool,
    has_prompt: bool,
    /// The prompt stands on the screen and no line has come.
    is_prompting: bool,
}

impl Plain {
    /// Lines of a script.
    ///
    /// # Errors
    ///
    /// When standard input cannot be read.
    pub(super) fn script() -> io::Result<Self> {
        Ok(Self {
            chunks: Some(input::read_standard_input()?),
            lines: Lines::default(),
            printer: Printer::new(io::stdout()).wrapping(),
            is_script: true,
            has_prompt: false,
            is_prompting: false,
        })
    }

    /// Lines that a person types.
    ///
    /// # Errors
    ///
    /// As above.
    pub(super) fn terminal(has_prompt: bool) -> io::Result<Self> {
        Ok(Self {
            is_script: false,
            has_prompt,
            ..Self::script()?
        })
    }
}

impl Plain {
    /// Output goes below a prompt, and not behind it.
    fn leave_prompt(&mut self) {
        if std::mem::take(&mut self.is_prompting) {
            self.printer.raw("\n");
        }
    }
}

impl Output for Plain {
    fn line(&mut self, line: &str) {
        self.leave_prompt();
        self.printer.line(line);
    }

    fn help(&mut self, line: &str) {
        self.leave_prompt();
        self.printer.help(line);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.leave_prompt();
        self.printer.bytes(bytes);
    }
}

impl Console for Plain {
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(chunks) = &mut self.chunks else {
            return Poll::Pending;
        };
        match ready!(chunks.poll_recv(context)) {
            Some(chunk) => self.lines.push(&chunk),
            None => {
                self.chunks = None;
                self.lines.end();
            }
        }
        Poll::Ready(())
    }

    fn next(&mut self) -> Option<Input> {
        let input = self.lines.next()?;
        // The terminal has echoed the end of the line, but not the end of input.
        self.is_prompting &= input == Input::End;
        Some(input)
    }

    fn flush(&mut self, prompt: Option<Prompt>, _: Ids<'_>) -> bool {
        let mut asks = false;
        if let Some(prompt) = prompt
            && self.has_prompt
            && !prompt.is_empty()
            && !self.is_prompting
        {
            self.printer.raw(&prompt);
            self.is_prompting = true;
            asks = true;
        }
        self.printer.flush();
        asks
    }

    fn has_room(&self) -> bool {
        // What is written blocks until it is taken.
        true
    }

    fn interrupts_by_signal(&self) -> bool {
        !self.is_script
    }

    fn forget(&mut self) {
        // What was typed ahead is in the terminal still, which forgets it by itself.
    }

    fn is_closed(&self) -> bool {
        self.printer.is_closed()
    }

    fn has_failed(&self) -> bool {
        self.printer.has_failed()
    }
}
