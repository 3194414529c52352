//! The messages of one connection: the latest are kept, all are counted.

use std::collections::VecDeque;

use bowsprit::Message;

use crate::events::Direction;
use crate::printer::{hex, text};

/// The latest messages of a connection, within [`MAX_MESSAGES`] and [`MAX_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct History {
    messages: VecDeque<(Direction, Message)>,
    bytes: usize,
    sent: u64,
    received: u64,
}

/// The most messages that are kept.
pub(crate) const MAX_MESSAGES: usize = 1_000;

/// The most bytes of payload that are kept: 1 MiB. A larger message is kept alone.
pub(crate) const MAX_BYTES: usize = 1 << 20;

impl History {
    /// Adds a message; drops the oldest until it fits.
    pub(crate) fn push(&mut self, direction: Direction, message: Message) {
        match direction {
            Direction::Sent => self.sent += 1,
            Direction::Received => self.received += 1,
        }
        self.bytes += message.as_bytes().len();
        self.messages.push_back((direction, message));
        while self.messages.len() > MAX_MESSAGES
            || (self.bytes > MAX_BYTES && self.messages.len() > 1)
        {
            let Some((_, oldest)) = self.messages.pop_front() else {
                break;
            };
            self.bytes -= oldest.as_bytes().len();
        }
    }

    /// How many messages there were, the dropped ones too.
    pub(crate) const fn total(&self) -> u64 {
        self.sent + self.received
    }

    /// How many of them came from the peer.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// How many were dropped for room.
    pub(crate) fn dropped(&self) -> u64 {
        self.total() - self.messages.len() as u64
    }

    /// A line for each message that is kept, the oldest first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.messages.iter().map(|(direction, message)| {
            let mark = match direction {
                Direction::Sent => ">> ",
                Direction::Received => "<< ",
            };
            match message {
                Message::Text(text) => format!("{mark}{}", text::escape(text)),
                Message::Binary(data) => format!("{mark}{}", hex::encode(data)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_exactly_while_it_drops_the_oldest() {
        let mut history = History::default();
        for number in 0..MAX_MESSAGES + 5 {
            history.push(Direction::Received, Message::from(number.to_string()));
        }
        history.push(Direction::Sent, Message::from("last"));
        assert_eq!(
            (history.total(), history.received(), history.dropped()),
            (1_006, 1_005, 6)
        );
        assert_eq!(history.lines().next().as_deref(), Some("<< 6"));
        assert_eq!(history.lines().last().as_deref(), Some(">> last"));
    }

    #[test]
    fn keeps_a_message_over_the_limit_alone() {
        let mut history = History::default();
        history.push(Direction::Received, Message::from("first"));
        history.push(Direction::Received, Message::from(vec![0; MAX_BYTES + 1]));
        assert_eq!((history.lines().count(), history.dropped()), (1, 1));
        history.push(Direction::Received, Message::from("next"));
        assert_eq!(history.lines().collect::<Vec<_>>(), ["<< next"]);
    }
}
