//! What was read and not handed out yet, where messages are awaited.

use std::{collections::VecDeque, mem};

use bowsprit_proto::{Event, Message};

use crate::driver::Core;

/// What was received and not asked for, consumed from the front; no memory while there is nothing.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// Messages that came while a send had to wait. They are older than the bytes.
    messages: VecDeque<Message>,
    /// What they count for against `limits.message`.
    pub(crate) ahead: usize,
    bytes: Box<[u8]>,
    at: usize,
    pub(crate) controls: Controls,
}

/// Control frames, of which who awaits messages hears nothing.
#[derive(Debug, Default)]
pub(crate) struct Controls {
    /// One was answered, and the answer is not written.
    pub(crate) owe_answer: bool,
    /// How many came since this was last looked at: a flood of them must not take the turns of others.
    pub(crate) count: usize,
}

impl Unread {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            ..Self::default()
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next message in what was just read; the rest is kept.
    pub(crate) fn first_message(
        &mut self,
        core: &mut Core,
        mut input: &mut [u8],
    ) -> Option<Message> {
        let message = next_message(core, &mut input, &mut self.controls);
        if !input.is_empty() {
            // What was kept before is handed out by then.
            (self.bytes, self.at) = (Box::from(&*input), 0);
        }
        message
    }

    pub(crate) fn next_ahead(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.ahead -= cost_ahead(&message);
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        Some(message)
    }

    /// Takes the messages in `input`, as far as there is room for them: the transport may end before
    /// anybody asks for them. The rest is kept as it is, for compressed bytes may become a thousand times
    /// as many.
    pub(crate) fn read_ahead(&mut self, core: &mut Core, mut input: &mut [u8]) {
        while self.has_room(core) {
            let Some(message) = next_message(core, &mut input, &mut self.controls) else {
                return;
            };
            self.ahead += cost_ahead(&message);
            self.messages.push_back(message);
        }
        (self.bytes, self.at) = (Box::from(&*input), 0);
    }

    /// As [`read_ahead`](Self::read_ahead), of what was kept.
    pub(crate) fn read_ahead_rest(&mut self, core: &mut Core) {
        if !self.is_empty() && self.has_room(core) {
            let mut bytes = mem::take(&mut self.bytes);
            let at = mem::take(&mut self.at);
            self.read_ahead(core, &mut bytes[at..]);
        }
    }

    /// Whether more may be read ahead.
    pub(crate) fn has_room(&self, core: &Core) -> bool {
        self.ahead <= core.connection.config().limits.message
    }

    /// The next message among the bytes; gives their memory back once all are consumed.
    pub(crate) fn next_message(&mut self, core: &mut Core) -> Option<Message> {
        if self.is_empty() {
            return None;
        }
        let mut input = &mut self.bytes[self.at..];
        let message = next_message(core, &mut input, &mut self.controls);
        let left = input.len();
        self.at = self.bytes.len() - left;
        if left == 0 {
            (self.bytes, self.at) = (Box::default(), 0);
        }
        message
    }
}

/// The next message in `input`, and in `controls` what came in front of it.
fn next_message(
    core: &mut Core,
    input: &mut &mut [u8],
    controls: &mut Controls,
) -> Option<Message> {
    while let Some(event) = core.receive(input) {
        match event {
            Event::Message(message) => return Some(message.into_message()),
            Event::Ping(_) | Event::Close(_) | Event::Failed(_) => controls.owe_answer = true,
            _ => {}
        }
        controls.count += 1;
    }
    None
}

/// What a message that was read ahead counts for: a flood of tiny ones meets the limit, too.
fn cost_ahead(message: &Message) -> usize {
    message.as_bytes().len().max(64)
}
