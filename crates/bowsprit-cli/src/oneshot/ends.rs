//! When a conversation is over from this side: what was asked for, and how long silence may last.

use std::time::{Duration, Instant};

use regex::bytes::Regex;

/// How long the peer has to answer the ping behind the last message, before silence counts anyway.
const PONG_PATIENCE: Duration = Duration::from_secs(10);

/// What is to come before this side closes.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// Nothing: silence is enough.
    Nothing,
    /// So many messages.
    Count(u64),
    /// As many as were sent.
    Answers,
    /// One in which this is found.
    Until(Regex),
}

/// What becomes of a message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Print,
    /// All that was asked for came before.
    Ignore,
}

/// What was sent and came so far, and what that means.
#[derive(Debug)]
pub(super) struct Ends {
    goal: Goal,
    /// How long silence may last behind the end of input; `None` for ever.
    linger: Option<Duration>,
    sent: u64,
    received: u64,
    has_matched: bool,
    has_input_ended: bool,
    /// Since when nothing has come, once the input has ended. In the future while the pong is awaited.
    silent_since: Option<Instant>,
}

impl Ends {
    /// Nothing has happened yet.
    pub(super) const fn new(goal: Goal, linger: Option<Duration>) -> Self {
        Self {
            goal,
            linger,
            sent: 0,
            received: 0,
            has_matched: false,
            has_input_ended: false,
            silent_since: None,
        }
    }

    /// A message was handed over.
    pub(super) const fn sent(&mut self) {
        self.sent += 1;
    }

    /// A message came.
    pub(super) fn received(&mut self, payload: &[u8]) -> Verdict {
        let is_enough = match &self.goal {
            Goal::Nothing | Goal::Answers => false,
            Goal::Count(count) => self.received >= *count,
            Goal::Until(_) => self.has_matched,
        };
        if is_enough {
            return Verdict::Ignore;
        }
        self.received += 1;
        if let Goal::Until(pattern) = &self.goal {
            self.has_matched = pattern.is_match(payload);
        }
        if self.silent_since.is_some() {
            self.silent_since = self.silent_since.max(Some(Instant::now()));
        }
        Verdict::Print
    }

    /// All was sent, if there was anything, on this connection; true where a ping is to tell when it has
    /// arrived.
    pub(super) fn input_ended(&mut self, has_spoken: bool) -> bool {
        self.has_input_ended = true;
        if self.linger.is_none() {
            return false;
        }
        let patience = if has_spoken {
            PONG_PATIENCE
        } else {
            Duration::ZERO
        };
        self.silent_since = Some(Instant::now() + patience);
        has_spoken
    }

    /// The peer has taken all that was sent, or still takes it: silence counts from here.
    pub(super) fn silence_begins(&mut self) {
        if self.silent_since.is_some() {
            self.silent_since = Some(Instant::now());
        }
    }

    /// No connection is there to be silent on.
    pub(super) const fn pause(&mut self) {
        self.silent_since = None;
    }

    /// Whether all that was asked for has been done.
    pub(super) fn are_reached(&self) -> bool {
        self.has_input_ended
            && match &self.goal {
                Goal::Nothing => false,
                Goal::Count(count) => self.received >= *count,
                Goal::Answers => self.received >= self.sent,
                Goal::Until(_) => self.has_matched,
            }
    }

    /// When silence has lasted long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.silent_since
            .zip(self.linger)
            .map(|(since, linger)| since + linger)
    }

    /// What was asked for and did not come.
    pub(super) fn missing(&self) -> Option<String> {
        let wanted = match &self.goal {
            Goal::Nothing => return None,
            Goal::Count(count) => *count,
            Goal::Answers => self.sent,
            Goal::Until(_) if self.has_matched => return None,
            Goal::Until(pattern) => {
                return Some(format!(
                    "no message came in which {} is found",
                    pattern.as_str()
                ));
            }
        };
        (self.received < wanted)
            .then(|| format!("{} of {wanted} expected messages came", self.received))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_for_the_count_and_for_the_end_of_input() {
        let mut ends = Ends::new(Goal::Count(2), None);
        assert_eq!(ends.received(b"a"), Verdict::Print);
        assert_eq!(ends.received(b"b"), Verdict::Print);
        assert!(!ends.are_reached(), "there may be more to send");
        assert_eq!(ends.received(b"c"), Verdict::Ignore);
        assert!(!ends.input_ended(true));
        assert!(ends.are_reached());
        assert_eq!(ends.missing(), None);
    }

    #[test]
    fn waits_for_as_many_as_were_sent_and_says_how_many_are_missing() {
        let mut ends = Ends::new(Goal::Answers, None);
        ends.sent();
        ends.sent();
        ends.input_ended(true);
        ends.received(b"a");
        assert!(!ends.are_reached());
        let missing = "1 of 2 expected messages came".to_owned();
        assert_eq!(ends.missing(), Some(missing));
        ends.received(b"b");
        assert!(ends.are_reached());
    }

    #[test]
    fn waits_for_a_pattern_in_any_bytes() {
        let pattern = Regex::new("^done").expect("a pattern");
        let mut ends = Ends::new(Goal::Until(pattern), None);
        ends.input_ended(true);
        assert_eq!(ends.received(b"\xffnot done"), Verdict::Print);
        assert!(!ends.are_reached());
        assert!(ends.missing().is_some_and(|text| text.contains("^done")));
        assert_eq!(ends.received(b"done\xff"), Verdict::Print);
        assert!(ends.are_reached());
        assert_eq!(ends.received(b"more"), Verdict::Ignore);
    }

    #[test]
    fn counts_silence_from_the_pong_on_and_anew_from_each_message() {
        let mut ends = Ends::new(Goal::Nothing, Some(SECOND));
        assert_eq!(ends.deadline(), None);
        assert!(ends.input_ended(true));
        let without_pong = ends.deadline().expect("a deadline");
        assert!(without_pong > Instant::now() + PONG_PATIENCE);
        ends.received(b"a");
        assert_eq!(ends.deadline(), Some(without_pong), "the pong is still out");
        ends.silence_begins();
        let after_pong = ends.deadline().expect("a deadline");
        assert!(after_pong <= Instant::now() + SECOND);
        ends.received(b"b");
        assert!(ends.deadline() > Some(after_pong));
        ends.pause();
        assert_eq!(ends.deadline(), None);
    }

    #[test]
    fn counts_silence_at_once_where_nothing_was_sent() {
        let mut ends = Ends::new(Goal::Nothing, Some(SECOND));
        assert!(!ends.input_ended(false), "no ping is needed");
        let deadline = ends.deadline().expect("a deadline");
        assert!(deadline <= Instant::now() + SECOND);
    }

    #[test]
    fn waits_for_ever_where_silence_may_last() {
        let mut ends = Ends::new(Goal::Nothing, None);
        assert!(!ends.input_ended(true));
        ends.silence_begins();
        assert_eq!(ends.deadline(), None);
        assert!(!ends.are_reached());
        assert_eq!(ends.missing(), None);
    }
}
