//! The messages of one connection that nothing has taken yet: what `wait` and `expect` look at.

use std::collections::VecDeque;

use bowsprit::Message;

/// The most messages that are kept for a script, and at the prompt, where mostly nobody takes them.
const MAX_MESSAGES: (usize, usize) = (10_000, 1_000);

/// The most bytes of payload: 16 MiB for a script, 1 MiB at the prompt. A larger message is kept alone.
const MAX_BYTES: (usize, usize) = (16 << 20, 1 << 20);

/// Messages that came, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    messages: VecDeque<Message>,
    bytes: usize,
    /// How many older ones were dropped for room, and not taken since.
    lost: u64,
    last: Option<Message>,
}

/// What was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Message(Message),
    /// A message came, and was dropped for room.
    Lost,
}

impl Inbox {
    /// Adds a message; drops the oldest until it fits.
    pub(crate) fn push(&mut self, message: Message, is_script: bool) {
        let of = |(script, prompt): (usize, usize)| if is_script { script } else { prompt };
        self.bytes += message.as_bytes().len();
        self.messages.push_back(message);
        while self.messages.len() > of(MAX_MESSAGES)
            || (self.bytes > of(MAX_BYTES) && self.messages.len() > 1)
        {
            self.pop();
            self.lost += 1;
        }
    }

    fn pop(&mut self) -> Option<Message> {
        let oldest = self.messages.pop_front()?;
        self.bytes -= oldest.as_bytes().len();
        Some(oldest)
    }

    /// Takes the oldest.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        if self.lost > 0 {
            self.lost -= 1;
            self.last = None;
            return Some(Taken::Lost);
        }
        let message = self.pop()?;
        self.last = Some(message.clone());
        Some(Taken::Message(message))
    }

    /// Forgets all that are there; returns how many.
    pub(crate) fn discard(&mut self) -> u64 {
        let count = self.lost + self.messages.len() as u64;
        self.messages.clear();
        (self.bytes, self.lost) = (0, 0);
        count
    }

    /// The one that was taken last.
    pub(crate) const fn last(&self) -> Option<&Message> {
        self.last.as_ref()
    }

    /// Those that wait, the oldest first.
    pub(crate) fn waiting(&self) -> impl ExactSizeIterator<Item = &Message> {
        self.messages.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::from(text)
    }

    #[test]
    fn hands_out_the_oldest_first_and_remembers_the_last() {
        let mut inbox = Inbox::default();
        inbox.push(message("a"), true);
        inbox.push(message("b"), true);
        assert_eq!(inbox.take(), Some(Taken::Message(message("a"))));
        assert_eq!(inbox.last(), Some(&message("a")));
        assert_eq!((inbox.discard(), inbox.take()), (1, None));
        assert_eq!(inbox.last(), Some(&message("a")));
    }

    #[test]
    fn counts_what_it_had_to_drop() {
        let mut inbox = Inbox::default();
        for _ in 0..MAX_MESSAGES.1 + 2 {
            inbox.push(message("x"), false);
        }
        assert_eq!(inbox.take(), Some(Taken::Lost));
        assert_eq!(inbox.take(), Some(Taken::Lost));
        assert_eq!(inbox.take(), Some(Taken::Message(message("x"))));
        inbox.push(Message::from(vec![0; MAX_BYTES.1 + 1]), false);
        assert_eq!(inbox.waiting().len(), 1);
        assert_eq!(inbox.discard(), MAX_MESSAGES.1 as u64);
    }
}
