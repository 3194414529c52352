//! A console for programs: every line of the output is an event.

use std::task::{Context, Poll};

use super::{Console, Ids, Prompt};
use crate::events::{Event, What};
use crate::input::Input;
use crate::printer::Output;

/// The console that it writes to, and reads from.
pub(super) struct Json(Box<dyn Console>);

impl Json {
    pub(super) fn over(console: Box<dyn Console>) -> Self {
        let start = json(None, What::start());
        let mut json = Self(console);
        json.object(&start);
        json
    }

    /// A terminal does not wrap it either: a program may be at the other end of that.
    fn object(&mut self, json: &str) {
        self.0.bytes(json.trim_end().as_bytes());
    }
}

fn json(id: Option<u32>, what: What) -> String {
    Event::now(id, None, what).to_json()
}

impl Output for Json {
    fn line(&mut self, line: &str) {
        // The empty line below `show` separates nothing here.
        if !line.is_empty() {
            self.object(&json(None, What::answer(line, false)));
        }
    }

    fn refusal(&mut self, line: &str) {
        self.object(&json(None, What::answer(line, true)));
    }

    fn is_for_programs(&self) -> bool {
        true
    }

    fn event(&mut self, event: &Event) {
        self.object(&event.to_json());
    }

    fn event_of_many(&mut self, event: &Event) {
        self.event(event);
    }
}

impl Console for Json {
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_read(context)
    }

    fn next(&mut self) -> Option<Input> {
        self.0.next()
    }

    fn flush(&mut self, prompt: Option<Prompt>, ids: Ids<'_>) -> bool {
        self.0.flush(prompt, ids)
    }

    fn has_room(&self) -> bool {
        self.0.has_room()
    }

    fn interrupts_by_signal(&self) -> bool {
        self.0.interrupts_by_signal()
    }

    fn forget(&mut self) {
        self.0.forget();
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn has_failed(&self) -> bool {
        self.0.has_failed()
    }
}
