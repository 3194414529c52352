//! What happens to connections: they open, fail and end, and answers come.

use std::time::Duration;

use bowsprit::{CloseCode, Closed, ConnectError, Context};

use super::{Stage, Traffic};
use crate::load::args::Mode;
use crate::load::faults::Fault;
use crate::load::scenario::{Matching, Pace};
use crate::load::units::nanos;

impl Traffic {
    /// A connection is about to be opened, or was due to be.
    pub(in crate::load) fn opening(&mut self, index: u32, due: u64) {
        if let Some(line) = self.line(index) {
            line.began = due;
        }
        self.set_live(index, true);
    }

    pub(super) fn opened(&mut self, index: u32, cx: &mut Context<'_>) {
        let now = self.now();
        let place = self.open.len();
        let handle = cx.handle();
        let Some(line) = self.line(index) else { return };
        let took = now.saturating_sub(line.began);
        line.handle = Some(handle);
        line.place = Some(place);
        self.open.push(index);
        self.has_opened = true;
        self.tally.opened += 1;
        self.tally.compressed += u64::from(cx.info().deflate().is_some());
        self.tally.connect.saturating_record(took);
        if self.scenario.mode == Mode::Connect {
            // What ends it otherwise is as good.
            let _ = cx.close(CloseCode::NORMAL, "");
            return;
        }
        self.permits.add_permits(1);
        if self.stage == Stage::Running {
            self.begin_line(index, Some(cx));
        }
    }

    pub(super) fn failed(&mut self, index: u32, error: &ConnectError) {
        self.set_live(index, false);
        self.idle.push(index);
        self.permits.add_permits(1);
        if self.stage != Stage::Closing {
            self.refused += 1;
            self.tally.failed += 1;
            let fault = Fault::of_failure(error, &self.times);
            self.tally.errors.add(&fault.name, 1);
            self.fault.get_or_insert(fault);
        }
    }

    /// It ended or did not open, and will be made again.
    pub(super) fn retrying(&mut self, index: u32, error: Option<&ConnectError>, delay: Duration) {
        let now = self.now();
        if let Some(error) = error {
            self.failed(index, error);
        }
        // The wait before the try is no part of the opening.
        self.opening(index, now + nanos(delay));
    }

    pub(super) fn ended(&mut self, index: u32, closed: &Closed) {
        self.set_live(index, false);
        let Some(line) = self.line(index) else { return };
        let (missing, unsent) = line.clear();
        let is_given_up = std::mem::take(&mut line.is_given_up);
        line.handle = None;
        if let Some(place) = line.place.take() {
            self.open.swap_remove(place);
            if let Some(moved) = self.open.get(place).copied()
                && let Some(line) = self.line(moved)
            {
                line.place = Some(place);
            }
            if self.open.is_empty() {
                self.bare_since = self.now();
            }
        }
        self.waiting = self
            .waiting
            .saturating_sub(usize::try_from(missing).unwrap_or(0));
        self.owed = self
            .owed
            .saturating_sub(usize::try_from(unsent).unwrap_or(0));
        if self.scenario.mode == Mode::Connect {
            self.idle.push(index);
            self.permits.add_permits(1);
            return;
        }
        self.tally.errors.add("send: not sent in time", unsent);
        if self.stage == Stage::Closing {
            self.tally
                .errors
                .add("answer: none before the end", missing);
        } else {
            self.tally.lost += 1;
            if !is_given_up {
                let fault = Fault::of_end(closed, &self.times);
                self.tally.errors.add(&fault.name, 1);
                self.tally
                    .errors
                    .add("answer: the connection ended first", missing);
                self.fault.get_or_insert(fault);
            }
        }
    }

    /// A message came.
    pub(super) fn answered(&mut self, index: u32, cx: &mut Context<'_>, answer: &[u8]) {
        self.tally.received.add(answer.len());
        if self.scenario.mode == Mode::Echo {
            self.match_answer(index, cx, answer);
        }
    }

    /// A pong came.
    pub(super) fn ponged(&mut self, index: u32, cx: &mut Context<'_>, payload: &[u8]) {
        if self.scenario.mode == Mode::Ping {
            self.tally.received.add(payload.len());
            self.match_answer(index, cx, payload);
        }
    }

    #[inline]
    fn match_answer(&mut self, index: u32, cx: &mut Context<'_>, answer: &[u8]) {
        // One look at the clock for all messages of a read: they were there when it returned.
        if !self.read.has(index, answer) {
            self.read.at = self.now();
        }
        self.read.note(index, answer);
        let now = self.read.at;
        let scenario = &self.scenario;
        let Some(line) = self.lines.get_mut(index as usize) else {
            return;
        };
        let Some(asked) = line.answered(&scenario.matching, answer) else {
            self.tally.errors.add("answer: to nothing that was sent", 1);
            return;
        };
        self.waiting -= 1;
        let is_right = scenario.mode == Mode::Ping
            || scenario.matching != Matching::Exact
            || scenario.payload.is_same(asked.mark, answer);
        if !is_right {
            self.tally.errors.add("answer: not what was sent", 1);
        } else if asked.at >= self.measured {
            self.tally.measured(now.saturating_sub(asked.at));
        }
        if !line.owed.is_empty() {
            self.pay_line(index, now, Some(cx));
        }
        if self.stage == Stage::Running {
            self.follow(index, cx, now);
        }
    }

    /// What follows an answer.
    #[inline]
    fn follow(&mut self, index: u32, cx: &mut Context<'_>, now: u64) {
        match &self.scenario.pace {
            Pace::Open(_) => {}
            Pace::Closed { think, .. } if think.is_zero() => {
                self.send(index, now, Some(cx));
            }
            Pace::Closed { think, .. } => {
                let due = now + nanos(*think);
                self.think(index, due);
            }
        }
    }
}
