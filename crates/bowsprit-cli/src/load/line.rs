//! One connection of a run: what waits for its answer, and what is due and not sent.

use std::collections::VecDeque;

use bowsprit::Handle;

use super::payload::{Mark, number_behind};
use super::scenario::Matching;

/// A message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// When it was due.
    pub(super) at: u64,
    pub(super) mark: Mark,
}

/// Stands where an answer came out of turn.
const ANSWERED: u64 = u64::MAX;

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) handle: Option<Handle>,
    /// When it was due to be opened.
    pub(super) began: u64,
    /// Its place among the open ones.
    pub(super) place: Option<usize>,
    /// It is being opened, or open.
    pub(super) is_live: bool,
    /// It was dropped from this side for an answer that did not come.
    pub(super) is_given_up: bool,
    /// What waits for its answer, in order.
    asked: VecDeque<Asked>,
    /// The number of the first of them.
    first: u64,
    /// What could not be sent when it was due.
    pub(super) owed: VecDeque<u64>,
}

impl Line {
    /// The number of the message that is sent next.
    pub(super) fn next_number(&self) -> u64 {
        self.first + self.asked.len() as u64
    }

    #[inline]
    pub(super) fn ask(&mut self, asked: Asked) {
        self.asked.push_back(asked);
    }

    /// Counts a message that has no answer.
    pub(super) const fn tell(&mut self) {
        self.first += 1;
    }

    /// The message that this is the answer to.
    #[inline]
    pub(super) fn answered(&mut self, matching: &Matching, answer: &[u8]) -> Option<Asked> {
        match matching {
            Matching::Exact | Matching::Order => {
                let asked = self.asked.pop_front()?;
                self.first += 1;
                Some(asked)
            }
            Matching::Number(landmark) => self.numbered(number_behind(landmark, answer)?),
        }
    }

    fn numbered(&mut self, number: u64) -> Option<Asked> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let slot = self.asked.get_mut(place)?;
        let asked = *slot;
        slot.at = ANSWERED;
        while self.asked.front().is_some_and(|first| first.at == ANSWERED) {
            self.asked.pop_front();
            self.first += 1;
        }
        (asked.at != ANSWERED).then_some(asked)
    }

    /// How many answers should have come of what was due before this moment; the front is the oldest.
    pub(super) fn overdue(&self, before: u64) -> u64 {
        let is_late = |asked: &&Asked| asked.at < before;
        match self.asked.front() {
            Some(first) if first.at < before => self.asked.iter().filter(is_late).count() as u64,
            _ => 0,
        }
    }

    /// Forgets what waits; returns how many answers were missing, and how many sends.
    pub(super) fn clear(&mut self) -> (u64, u64) {
        let missing = self.asked.iter().filter(|asked| asked.at != ANSWERED);
        let counts = (missing.count() as u64, self.owed.len() as u64);
        self.first = self.next_number();
        self.asked = VecDeque::new();
        self.owed = VecDeque::new();
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(at: u64) -> Asked {
        Asked { at, mark: 0 }
    }

    #[test]
    fn answers_in_order_take_the_oldest() {
        let mut line = Line::default();
        assert_eq!(line.answered(&Matching::Exact, b""), None);
        line.ask(asked(1));
        line.ask(asked(2));
        assert_eq!(line.next_number(), 2);
        assert_eq!(line.answered(&Matching::Order, b""), Some(asked(1)));
        assert_eq!(line.overdue(2), 0);
        assert_eq!(line.overdue(3), 1);
        assert_eq!(line.clear(), (1, 0));
        assert_eq!(line.next_number(), 2);
    }

    #[test]
    fn answers_with_a_number_come_in_any_order_and_once() {
        let mut line = Line::default();
        let matching = Matching::Number("n=".to_owned());
        for at in 10..14 {
            line.ask(asked(at));
        }
        let mut answer = |text: &str| line.answered(&matching, text.as_bytes());
        assert_eq!(answer("n=2"), Some(asked(12)));
        assert_eq!(answer("n=2"), None, "twice");
        assert_eq!(answer("n=9"), None, "never asked");
        assert_eq!(answer("m=1"), None, "no number");
        assert_eq!(answer("n=0"), Some(asked(10)));
        assert_eq!(answer("n=0"), None, "gone");
        assert_eq!(line.clear(), (2, 0));
    }
}
