//! When to let messages gather: a server that sends many, one by one, wakes this program for each of them,
//! and that costs more than all the rest.

use std::time::{Duration, Instant};

/// How long they gather: nobody who reads so many a second sees it.
const REST: Duration = Duration::from_micros(250);

/// What is printed more often than this is many.
const OFTEN: Duration = Duration::from_millis(1);

/// What is more than this has gathered by itself.
const LITTLE: usize = 1 << 12;

/// What was printed last, and whether something was sent since.
#[derive(Debug, Default)]
pub(super) struct Pace {
    printed: Option<Instant>,
    has_sent: bool,
}

impl Pace {
    /// A message was sent: somebody may wait for its answer to send the next one.
    pub(super) const fn sent(&mut self) {
        self.has_sent = true;
    }

    /// So many bytes are printed now; returns for how long what comes next may gather.
    pub(super) fn printed(&mut self, len: usize, now: Instant) -> Option<Duration> {
        let is_often = self
            .printed
            .replace(now)
            .is_some_and(|last| now - last < OFTEN);
        let has_sent = std::mem::take(&mut self.has_sent);
        (is_often && !has_sent && len < LITTLE).then_some(REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_gather_only_what_comes_often_in_little_pieces_and_answers_nothing() {
        let start = Instant::now();
        let mut pace = Pace::default();
        let mut printed = |len, at, sends: bool| {
            if sends {
                pace.sent();
            }
            pace.printed(len, start + Duration::from_micros(at))
        };
        assert_eq!(printed(100, 0, false), None, "it is the first");
        assert_eq!(printed(100, 300, false), Some(REST));
        assert_eq!(printed(100, 600, true), None, "it may be an answer");
        assert_eq!(printed(LITTLE, 900, false), None, "it is much");
        assert_eq!(printed(100, 1_200, false), Some(REST));
        assert_eq!(printed(100, 2_200, false), None, "it comes seldom");
    }
}
