//! The messages of one connection: the latest are kept, all are counted.

use std::collections::VecDeque;

use bowsprit::Message;
use jiff::Timestamp;

use crate::events::Direction;
use crate::options::Keep;
use crate::printer::{hex, text};

/// The latest messages of a connection, within its limits.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    keep: Keep,
    /// Bytes of payload that are kept.
    bytes: usize,
    sent: u64,
    received: u64,
    dropped: u64,
    dropped_bytes: u64,
    /// How many messages went over the connections before the one of now.
    before: u64,
}

/// What is kept, in the order in which it happened.
#[derive(Debug)]
enum Entry {
    Message(Kept),
    /// The connection was made again under the same id.
    Again(Timestamp),
}

/// A message that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its number among all of the id, from 1.
    pub(crate) number: u64,
    pub(crate) time: Timestamp,
    pub(crate) direction: Direction,
    pub(crate) message: Message,
}

/// What of a message stands not in its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) number: u64,
    pub(crate) bytes: usize,
}

/// How many characters of a text and bytes of a binary message a line of `history` has.
const TEXT_EXCERPT: usize = 100;
const BINARY_EXCERPT: usize = 32;

impl History {
    /// A history without messages, with these limits.
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            keep,
            ..Self::default()
        }
    }

    /// Adds a message; drops the oldest until it fits.
    pub(crate) fn push(&mut self, direction: Direction, message: Message) {
        match direction {
            Direction::Sent => self.sent += 1,
            Direction::Received => self.received += 1,
        }
        self.bytes += message.as_bytes().len();
        self.entries.push_back(Entry::Message(Kept {
            number: self.sent + self.received,
            time: Timestamp::now(),
            direction,
            message,
        }));
        while self.entries.len() > self.keep.messages
            || (self.bytes > self.keep.bytes && self.entries.len() > 1)
        {
            self.drop_oldest();
        }
    }

    /// Drops the oldest message; false if none is kept.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        match self.entries.pop_front() {
            None => return false,
            Some(Entry::Again(_)) => {}
            Some(Entry::Message(kept)) => {
                let bytes = kept.message.as_bytes().len();
                self.bytes -= bytes;
                self.dropped += 1;
                self.dropped_bytes += bytes as u64;
            }
        }
        true
    }

    /// The connection is made again: the count begins anew, below a mark.
    pub(crate) fn begin_again(&mut self) {
        self.before = self.sent + self.received;
        self.entries.push_back(Entry::Again(Timestamp::now()));
    }

    /// How many messages there were since the connection was made, the dropped ones too.
    pub(crate) const fn total(&self) -> u64 {
        self.sent + self.received - self.before
    }

    /// How many messages came from the peer, of all connections under this id.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// How many messages and bytes of payload were dropped for room.
    pub(crate) const fn dropped(&self) -> (u64, u64) {
        (self.dropped, self.dropped_bytes)
    }

    /// The number of the last message of this id, on all of its connections.
    pub(crate) const fn last(&self) -> u64 {
        self.sent + self.received
    }

    /// The message with this number, counted from 1, if it is kept.
    pub(crate) fn numbered(&self, number: u64) -> Option<(Direction, &Message)> {
        let first = self.kept().next()?.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        let kept = self.kept().nth(index)?;
        Some((kept.direction, &kept.message))
    }

    /// How many bytes of payload are kept.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The messages that are kept, the oldest first.
    pub(crate) fn kept(&self) -> impl DoubleEndedIterator<Item = &Kept> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Message(kept) => Some(kept),
            Entry::Again(_) => None,
        })
    }

    /// A line for each of the latest `last` messages that are kept, the oldest first, and what stands not in
    /// it: a message has `limit` characters there at most.
    pub(crate) fn lines(
        &self,
        last: usize,
        limit: usize,
    ) -> impl Iterator<Item = (String, Option<LeftOut>)> {
        let skipped = self.kept().count().saturating_sub(last);
        let mut seen = 0;
        self.entries.iter().filter_map(move |entry| match entry {
            Entry::Message(kept) => {
                seen += 1;
                (seen > skipped).then(|| kept.line(limit))
            }
            Entry::Again(at) => (seen > skipped || skipped == 0).then(|| (again(*at), None)),
        })
    }

    /// The same with number, time, kind and size; long messages are cut.
    pub(crate) fn table(&self, last: usize) -> impl Iterator<Item = String> {
        let skipped = self.kept().count().saturating_sub(last);
        self.kept().skip(skipped).map(|kept| {
            let payload = match &kept.message {
                Message::Text(text) => text::excerpt(text, TEXT_EXCERPT),
                Message::Binary(data) => hex::excerpt(data, BINARY_EXCERPT),
            };
            kept.row(&payload)
        })
    }
}

impl Kept {
    fn line(&self, limit: usize) -> (String, Option<LeftOut>) {
        let (payload, shown) = match &self.message {
            Message::Text(text) => {
                let end = text.char_indices().nth(limit);
                let shown = end.map_or(text.len(), |(end, _)| end);
                (text::excerpt(text, limit), shown)
            }
            // A byte is two digits and a blank.
            Message::Binary(data) if data.len() > limit / 3 => {
                (hex::excerpt(data, limit / 3), limit / 3)
            }
            Message::Binary(data) => (hex::encode(data), data.len()),
        };
        let bytes = self.message.as_bytes().len() - shown;
        let left_out = (bytes > 0).then_some(LeftOut {
            number: self.number,
            bytes,
        });
        (format!("{} {payload}", self.mark()), left_out)
    }

    /// Number, time, direction, kind, size, and the whole message, all in one line.
    pub(crate) fn whole_row(&self) -> String {
        self.row(&match &self.message {
            Message::Text(text) => text::escape(text).into_owned(),
            Message::Binary(data) => hex::encode(data).trim_end().to_owned(),
        })
    }

    fn row(&self, payload: &str) -> String {
        let (number, time, mark) = (self.number, clock(self.time), self.mark());
        let kind = match self.message {
            Message::Text(_) => "text",
            Message::Binary(_) => "binary",
        };
        let size = self.message.as_bytes().len();
        format!("{number} {time} {mark} {kind} {size} {payload}")
    }

    const fn mark(&self) -> &'static str {
        match self.direction {
            Direction::Sent => ">>",
            Direction::Received => "<<",
        }
    }
}

fn again(at: Timestamp) -> String {
    format!("-- made again at {} --", clock(at))
}

/// The local time of day.
fn clock(time: Timestamp) -> String {
    let local = time.to_zoned_datetime(jiff::tz::TimeZone::system());
    local.strftime("%H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(history: &History, last: usize) -> Vec<String> {
        let lines = history.lines(last, usize::MAX);
        lines.map(|(line, _)| line).collect()
    }

    fn received(history: &mut History, text: &str) {
        history.push(Direction::Received, Message::from(text));
    }

    #[test]
    fn counts_exactly_while_it_drops_the_oldest() {
        let mut history = History::default();
        for number in 0..1_005 {
            received(&mut history, &number.to_string());
        }
        history.push(Direction::Sent, Message::from("last"));
        assert_eq!((history.total(), history.received()), (1_006, 1_005));
        assert_eq!(history.dropped(), (6, 6), "messages of one byte");
        assert_eq!(
            lines(&history, usize::MAX).first().map(String::as_str),
            Some("<< 6")
        );
        assert_eq!(lines(&history, 2), ["<< 1004", ">> last"]);
        assert_eq!(
            history.kept().next_back().map(|kept| kept.number),
            Some(1_006)
        );
        let last = Message::from("last");
        assert_eq!(history.numbered(1_006), Some((Direction::Sent, &last)));
        assert!(history.numbered(7).is_some());
        for number in [0, 6, 1_007, u64::MAX] {
            assert_eq!(history.numbered(number), None);
        }
    }

    #[test]
    fn cuts_what_is_longer_than_a_line_may_be() {
        let mut history = History::default();
        received(&mut history, "äöüß");
        history.push(Direction::Sent, Message::from(vec![1, 2, 3]));
        let left_out = |number, bytes| Some(LeftOut { number, bytes });
        let cut: Vec<_> = history.lines(9, 3).collect();
        let expected = [("<< äöü…", left_out(1, 2)), (">> 01…", left_out(2, 2))];
        assert_eq!(cut, expected.map(|(line, cut)| (line.to_owned(), cut)));
        let whole = ["<< äöüß", ">> 01 02 03 "].map(|line| (line.to_owned(), None));
        assert_eq!(history.lines(9, 9).collect::<Vec<_>>(), whole);
    }

    #[test]
    fn keeps_a_message_over_the_limit_alone() {
        let keep = Keep::default();
        let mut history = History::default();
        received(&mut history, "first");
        history.push(Direction::Received, Message::from(vec![0; keep.bytes + 1]));
        assert_eq!((history.kept().count(), history.dropped()), (1, (1, 5)));
        received(&mut history, "next");
        assert_eq!(lines(&history, 9), ["<< next"]);
    }

    #[test]
    fn keeps_nothing_where_nothing_is_to_be_kept() {
        let mut history = History::new(Keep {
            messages: 0,
            bytes: 1,
        });
        received(&mut history, "gone");
        assert_eq!((history.total(), history.bytes()), (1, 0));
        assert!(lines(&history, 9).is_empty());
    }

    #[test]
    fn counts_anew_below_a_mark_when_the_connection_is_made_again() {
        let mut history = History::default();
        received(&mut history, "before");
        history.begin_again();
        assert_eq!((history.total(), history.received()), (0, 1));
        received(&mut history, "after");
        let all = lines(&history, 9);
        assert_eq!(all.len(), 3);
        assert!(all[1].starts_with("-- made again at "), "{all:?}");
        assert_eq!(
            lines(&history, 1).len(),
            1,
            "the mark belongs to what is above"
        );
        assert_eq!(lines(&history, 2).len(), 3);
    }

    #[test]
    fn tells_number_direction_kind_and_size() {
        let mut history = History::default();
        received(&mut history, "a\u{1b}");
        history.push(Direction::Sent, Message::from(vec![0, 255]));
        received(&mut history, &"x".repeat(101));
        let rows: Vec<String> = history.table(9).collect();
        assert!(
            rows[0].starts_with("1 ") && rows[0].ends_with(" << text 2 a\\u{1b}"),
            "{rows:?}"
        );
        assert!(rows[2].ends_with("x…"), "{rows:?}");
        assert!(
            rows[1].starts_with("2 ") && rows[1].ends_with(" >> binary 2 00 FF"),
            "{rows:?}"
        );
    }
}
