//! The output of `run`: what a script's session prints, without secrets, and kept for the report.

use std::borrow::Cow;
use std::task::{Context, Poll};

use super::report::Transcript;
use super::secrets::Secrets;
use crate::console::{Console, Ids, Prompt};
use crate::events::{Event, What};
use crate::input::Input;
use crate::printer::{Output, events};

/// A console whose lines come from a script.
pub(super) struct ScriptOutput {
    pub(super) inner: Box<dyn Console>,
    pub(super) secrets: Secrets,
    pub(super) transcript: Transcript,
}

impl ScriptOutput {
    /// The event without the secrets in its texts.
    fn masked<'a>(&self, event: &'a Event) -> Cow<'a, Event> {
        if self.secrets.is_empty() {
            return Cow::Borrowed(event);
        }
        let json = event.to_json();
        match self.secrets.mask(&json) {
            Cow::Borrowed(_) => Cow::Borrowed(event),
            Cow::Owned(masked) => {
                // What cannot be read any more had a secret where no text is: it is not printed.
                let hidden = || What::answer("(an event with a secret in it)", false);
                let read = serde_json::from_str(&masked);
                Cow::Owned(read.unwrap_or_else(|_| Event::now(event.id, None, hidden())))
            }
        }
    }
}

impl Output for ScriptOutput {
    fn line(&mut self, line: &str) {
        let line = self.secrets.mask(line);
        self.transcript.add(&line);
        self.inner.line(&line);
    }

    fn refusal(&mut self, line: &str) {
        let line = self.secrets.mask(line);
        self.transcript.add(&line);
        self.inner.refusal(&line);
    }

    fn is_for_programs(&self) -> bool {
        self.inner.is_for_programs()
    }

    fn event(&mut self, event: &Event) {
        let event = self.masked(event);
        if let Some(line) = events::line(&event) {
            self.transcript.add(&line);
        }
        self.inner.event(&event);
    }

    fn event_of_many(&mut self, event: &Event) {
        let event = self.masked(event);
        self.inner.event_of_many(&event);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.inner.bytes(bytes);
    }
}

impl Console for ScriptOutput {
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_read(context)
    }

    fn next(&mut self) -> Option<Input> {
        // Behind the last step there is nothing more.
        Some(Input::End)
    }

    fn flush(&mut self, prompt: Option<Prompt>, ids: Ids<'_>) -> bool {
        self.inner.flush(prompt, ids)
    }

    fn has_room(&self) -> bool {
        self.inner.has_room()
    }

    fn interrupts_by_signal(&self) -> bool {
        false
    }

    fn forget(&mut self) {}

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn has_failed(&self) -> bool {
        self.inner.has_failed()
    }
}
