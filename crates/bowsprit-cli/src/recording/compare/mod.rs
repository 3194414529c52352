//! The messages of a record next to those that came: what is missing, unexpected, or different.

use std::collections::VecDeque;

use bowsprit::Message;

mod difference;
mod ignore;

pub(crate) use difference::{Difference, is_fact};
pub(crate) use ignore::{Rules, Same};

/// How far apart the two sides of a pair may lie before they count as different messages.
const WINDOW: usize = 32;

/// The most messages, and bytes of them, that wait for their counterpart: a peer that is so far behind is not
/// waited for, and one so far ahead says what nobody expects.
const MAX_WAITING: usize = 100_000;
const MAX_BYTES: usize = 64 << 20;

/// Pairs the messages of one direction of one connection, in their order.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    /// Recorded and not paired yet, with the number of their line and their position.
    expected: VecDeque<(Place, Message)>,
    /// Came and not paired yet, with their position.
    arrived: VecDeque<(u64, Message)>,
    /// How many bytes wait on both sides.
    bytes: usize,
    pub(crate) expected_count: u64,
    pub(crate) arrived_count: u64,
    pub(crate) equal: u64,
}

/// Where a message stands in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Among the messages of its direction, from 1 on.
    pub(crate) position: u64,
    /// The number of its line, where the file has lines.
    pub(crate) line: Option<u64>,
}

impl Matcher {
    /// A message of the record.
    pub(crate) fn expect(&mut self, line: Option<u64>, message: Message) {
        self.expected_count += 1;
        self.bytes += message.as_bytes().len();
        let position = self.expected_count;
        self.expected.push_back((Place { position, line }, message));
    }

    /// A message that came.
    pub(crate) fn arrive(&mut self, message: Message) {
        self.arrived_count += 1;
        self.bytes += message.as_bytes().len();
        self.arrived.push_back((self.arrived_count, message));
    }

    /// Pairs what can be paired for certain, or everything where nothing more will come.
    pub(crate) fn pair(&mut self, rules: &Rules, is_final: bool) -> Vec<Difference> {
        let mut found = Vec::new();
        while let (Some((_, expected)), Some((_, arrived))) =
            (self.expected.front(), self.arrived.front())
        {
            if rules.compare(expected, arrived) == Same::Equal {
                self.equal += 1;
                self.take_expected(1);
                self.take_arrived(1);
            } else if let Some(count) = self.skips_arrived(rules) {
                found.extend(self.take_arrived(count));
            } else if let Some(count) = self.skips_expected(rules) {
                found.extend(self.take_expected(count));
            } else if is_final || self.is_certain() {
                found.extend(self.take_pair(rules));
            } else {
                break;
            }
        }
        if is_final || self.is_full() {
            found.extend(self.take_arrived(usize::MAX));
            found.extend(self.take_expected(usize::MAX));
        }
        found
    }

    /// Whether so much is known that the first of both sides will find no other partner.
    fn is_certain(&self) -> bool {
        let (expected, arrived) = (self.expected.len(), self.arrived.len());
        expected.min(arrived) >= WINDOW || expected.max(arrived) >= 4 * WINDOW || self.is_full()
    }

    /// Whether so many recorded messages have not come that it is better to wait for them.
    pub(crate) fn is_behind(&self) -> bool {
        self.expected.len() > MAX_WAITING / 2 || (self.is_heavy() && self.arrived.is_empty())
    }

    /// Whether so many messages came before their time that it is better to take no more for now.
    pub(crate) fn is_ahead(&self) -> bool {
        self.arrived.len() > MAX_WAITING / 2 || (self.is_heavy() && self.expected.is_empty())
    }

    const fn is_heavy(&self) -> bool {
        self.bytes > MAX_BYTES / 2
    }

    fn is_full(&self) -> bool {
        self.expected.len().max(self.arrived.len()) > MAX_WAITING || self.bytes > MAX_BYTES
    }

    fn take_arrived(&mut self, count: usize) -> Vec<Difference> {
        let count = count.min(self.arrived.len());
        let taken: Vec<_> = self.arrived.drain(..count).collect();
        self.bytes -= taken
            .iter()
            .map(|(_, message)| message.as_bytes().len())
            .sum::<usize>();
        taken.into_iter().map(Difference::unexpected).collect()
    }

    fn take_expected(&mut self, count: usize) -> Vec<Difference> {
        let count = count.min(self.expected.len());
        let taken: Vec<_> = self.expected.drain(..count).collect();
        self.bytes -= taken
            .iter()
            .map(|(_, message)| message.as_bytes().len())
            .sum::<usize>();
        taken.into_iter().map(Difference::missing).collect()
    }

    /// How many messages came in front of the one that is expected, if it came.
    fn skips_arrived(&self, rules: &Rules) -> Option<usize> {
        let (_, expected) = self.expected.front()?;
        let mut arrived = self.arrived.iter().take(WINDOW);
        arrived.position(|(_, message)| rules.compare(expected, message) == Same::Equal)
    }

    /// How many messages were expected in front of the one that came, if it was expected.
    fn skips_expected(&self, rules: &Rules) -> Option<usize> {
        let (_, arrived) = self.arrived.front()?;
        let mut expected = self.expected.iter().take(WINDOW);
        expected.position(|(_, message)| rules.compare(message, arrived) == Same::Equal)
    }

    /// The first of both sides, which are not equal.
    fn take_pair(&mut self, rules: &Rules) -> Option<Difference> {
        let (place, expected) = self.expected.pop_front()?;
        let (_, arrived) = self.arrived.pop_front()?;
        self.bytes -= expected.as_bytes().len() + arrived.as_bytes().len();
        match rules.compare(&expected, &arrived) {
            Same::Equal => None,
            Same::Differs(how) => Some(Difference::Different {
                place,
                how,
                expected,
                arrived,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(expected: &[&str], arrived: &[&str]) -> Vec<String> {
        let mut matcher = Matcher::default();
        for (line, text) in (2..).zip(expected) {
            matcher.expect(Some(line), Message::from(*text));
        }
        for text in arrived {
            matcher.arrive(Message::from(*text));
        }
        let rules = Rules::new(&[], false).expect("no rules");
        let found = matcher.pair(&rules, true);
        found.iter().map(|difference| difference.line()).collect()
    }

    #[test]
    fn finds_what_is_missing_unexpected_and_different() {
        assert_eq!(found(&["a", "b"], &["a", "b"]), [""; 0]);
        assert_eq!(
            found(&["a", "b", "c"], &["a", "c"]),
            ["message 2 (line 3) is missing: text 1 b"]
        );
        assert_eq!(
            found(&["a", "b"], &["a", "x", "b"]),
            ["message 2 came and is not in the record: text 1 x"]
        );
        assert_eq!(
            found(&["a", "b", "c"], &["a", "x", "c"]),
            ["message 2 (line 3) differs: recorded text 1 b, now text 1 x"]
        );
        assert_eq!(
            found(&[r#"{"a":{"b":[1,2]}}"#], &[r#"{"a":{"b":[1,3]}}"#]),
            ["message 1 (line 2) differs at $.a.b[1]: recorded 2, now 3"]
        );
        assert_eq!(
            found(&["a"], &[]),
            ["message 1 (line 2) is missing: text 1 a"]
        );
    }
}
