//! The end of a connection of a replay: what is waited for, and what is told then.

use std::time::{Duration, Instant};

use bowsprit::{CloseCode, Handle};

use super::Player;
use crate::recording::play::facts;
use crate::recording::play::live::{Live, Stage};
use crate::status::Status;

/// How long an end is waited for that this side has begun: longer than the library's own limit.
const CLOSING: Duration = Duration::from_secs(3600);

impl Player<'_> {
    /// Ends what is left, in the order in which it began.
    pub(super) async fn finish_all(&mut self) {
        let mut left: Vec<usize> = self.live.keys().copied().collect();
        left.sort_unstable();
        for index in left {
            self.finish(index).await;
        }
    }

    /// Waits for what the record still has of the connection, and tells how it compares.
    pub(super) async fn finish(&mut self, index: usize) {
        self.settle(index).await;
        self.resume(index, true);
        let tape = self.tapes.all.get(index);
        let ends = tape.is_some_and(|tape| tape.closed.is_some());
        let is_closed_here = self
            .live
            .get(&index)
            .is_some_and(|live| live.is_closed_here);
        if !is_closed_here {
            self.await_messages(index).await;
        }
        let patience = if is_closed_here {
            CLOSING
        } else {
            self.patience
        };
        if ends {
            self.await_end(index, Instant::now() + patience).await;
        }
        // What the record left open, or still is, ends without being compared.
        let handle = self.live.get(&index).and_then(Live::handle).cloned();
        self.conclude(index);
        if let Some(handle) = handle {
            // It may have ended meanwhile.
            let _ = handle.close(CloseCode::NORMAL, "");
            self.release(&handle).await;
        }
    }

    /// Waits until the connection has ended, and hears what others say.
    async fn release(&mut self, handle: &Handle) {
        let mut closed = std::pin::pin!(handle.closed());
        loop {
            tokio::select! {
                _ = &mut closed => return,
                Some((index, news)) = self.news.recv() => self.take(index, news),
            }
        }
    }

    /// Tells how the connection compares, of which nothing more is wanted.
    pub(super) fn conclude(&mut self, index: usize) {
        self.compare(index, true);
        self.tell_end(index);
        self.live.remove(&index);
    }

    async fn await_end(&mut self, index: usize, limit: Instant) {
        while self.live.get(&index).is_some_and(|live| !live.has_ended()) && Instant::now() < limit
        {
            self.hear_or(limit).await;
        }
    }

    fn tell_end(&mut self, index: usize) {
        let (Some(tape), Some(live)) = (self.tapes.all.get(index), self.live.get_mut(&index))
        else {
            return;
        };
        let mut found = Vec::new();
        found.extend(facts::outcome(tape, &live.stage));
        if live.unsent > 0 && found.is_empty() {
            found.push(facts::unsent(live.unsent, tape.sent));
        }
        if let (Some((_, ended)), false) = (&tape.closed, matches!(live.stage, Stage::Failed(_))) {
            let closed = match &live.stage {
                Stage::Ended(closed) => Some(closed),
                _ => None,
            };
            found.extend(facts::end(ended, closed));
        }
        if let (Stage::Failed(failure), Some(_)) = (&live.stage, &tape.opened) {
            let status = failure.status.unwrap_or(Status::Refused);
            self.report.failure.get_or_insert(status);
        }
        for difference in &found {
            self.report.difference(tape, difference, &mut live.told);
        }
        self.report.totals.received += live.matcher.arrived_count;
        self.report.totals.equal += live.matcher.equal;
    }

    /// Tells how the messages compare, as far as that is certain.
    pub(super) fn compare(&mut self, index: usize, is_final: bool) {
        let (Some(tape), Some(live)) = (self.tapes.all.get(index), self.live.get_mut(&index))
        else {
            return;
        };
        // That a connection failed says that nothing came.
        if matches!(live.stage, Stage::Failed(_)) {
            return;
        }
        for difference in live.matcher.pair(self.rules, is_final) {
            self.report.difference(tape, &difference, &mut live.told);
        }
    }
}
