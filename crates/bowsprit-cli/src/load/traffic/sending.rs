//! Who sends when: by the schedule, after an answer, or as soon as there is room.

use bowsprit::{Context, Handle, Message};
use rand::RngExt as _;

use super::{MAX_WAITING, Stage, Traffic, with};
use crate::load::args::Mode;
use crate::load::line::{Asked, Line};
use crate::load::payload::Number;
use crate::load::scenario::Pace;
use crate::load::units::nanos;

/// What is due so soon goes along with what is due now, and its clock starts then: to sleep and be woken costs
/// more than all else, and the kernel's own timers are no more exact.
const AHEAD: u64 = 50_000;

impl Traffic {
    /// The first messages of a connection in a closed loop.
    pub(super) fn begin_line(&mut self, index: u32, mut cx: Option<&mut Context<'_>>) {
        if matches!(self.scenario.pace, Pace::Open(_)) {
            return;
        }
        if self.scenario.mode == Mode::Send
            && let Some(handle) = self.line(index).and_then(|line| line.handle.clone())
        {
            tokio::spawn(pump(index, handle));
        }
        let Pace::Closed { in_flight, think } = &self.scenario.pace else {
            return;
        };
        if !self.scenario.mode.is_answered() {
            return;
        }
        let (in_flight, think) = (*in_flight, nanos(*think));
        let now = self.now();
        for _ in 0..in_flight {
            if think > 0 {
                // People do not all begin at once.
                let due = now + self.rng.random_range(0..think);
                self.think(index, due);
            } else {
                self.send(index, now, cx.as_deref_mut());
            }
        }
    }

    /// Takes what is due from the schedule, for one connection after the other.
    pub(super) fn send_due(&mut self, now: u64) {
        // The warm-up must not borrow from what is measured.
        let ahead = if now >= self.measured { AHEAD } else { 0 };
        while let Some(due) = self.due
            && due <= now + ahead
            && self.budget > 0
        {
            self.number += self.step;
            self.plan_next();
            self.turn = if self.turn + 1 < self.open.len() {
                self.turn + 1
            } else {
                0
            };
            match self.open.get(self.turn).copied() {
                Some(index) => self.send(index, due.min(now), None),
                None => self.tally.errors.add("send: no connection was open", 1),
            }
        }
    }

    pub(super) fn plan_next(&mut self) {
        if let Pace::Open(schedule) = &self.scenario.pace {
            self.due = schedule.due(self.number).map(|due| due + self.start);
        }
    }

    /// When the next connection is due, where connections are what is scheduled.
    pub(in crate::load) fn take_due(&mut self) -> Option<u64> {
        let now = self.now();
        if self.stage != Stage::Running {
            return None;
        }
        let due = match self.scenario.pace {
            Pace::Closed { .. } => now,
            Pace::Open(_) => {
                let due = self.due?;
                self.number += self.step;
                self.plan_next();
                due
            }
        };
        let is_taken = self.spend(due);
        self.promised += usize::from(is_taken);
        is_taken.then_some(due)
    }

    /// A line for the next connection.
    pub(in crate::load) fn take_line(&mut self) -> Option<u32> {
        self.promised = self.promised.saturating_sub(1);
        self.idle.pop()
    }

    /// Sends a message that was due then, now or as soon as there is room.
    pub(super) fn send(&mut self, index: u32, due: u64, cx: Option<&mut Context<'_>>) {
        if !self.spend(due) {
            return;
        }
        let is_waiting = self.line(index).is_some_and(|line| !line.owed.is_empty());
        if is_waiting || !self.give(index, due, cx) {
            self.owe(index, due);
        }
    }

    /// Takes one message from the budget, if there is any left.
    fn spend(&mut self, due: u64) -> bool {
        if self.budget == 0 {
            return false;
        }
        if due >= self.measured {
            self.budget -= 1;
        }
        true
    }

    fn owe(&mut self, index: u32, due: u64) {
        if self.owed >= MAX_WAITING {
            self.tally.errors.add("send: too many wait already", 1);
            return;
        }
        let Some(line) = self.lines.get_mut(index as usize) else {
            return;
        };
        if line.owed.is_empty() {
            self.owing.push(index);
        }
        line.owed.push_back(due);
        self.owed += 1;
    }

    /// Sends what could not be sent when it was due, where there is room now.
    pub(super) fn pay(&mut self, now: u64) {
        for index in std::mem::take(&mut self.owing) {
            self.pay_line(index, now, None);
            if self.line(index).is_some_and(|line| !line.owed.is_empty()) {
                self.owing.push(index);
            }
        }
    }

    pub(super) fn pay_line(&mut self, index: u32, now: u64, mut cx: Option<&mut Context<'_>>) {
        let is_open = matches!(self.scenario.pace, Pace::Open(_));
        while let Some(due) = self.line(index).and_then(|line| line.owed.front().copied()) {
            // A closed loop has no schedule that it could be late for.
            let at = if is_open { due } else { now };
            if !self.give(index, at, cx.as_deref_mut()) {
                return;
            }
            if let Some(line) = self.line(index) {
                line.owed.pop_front();
                self.owed -= 1;
            }
        }
    }

    /// Hands one message over; false if there is no room for it.
    fn give(&mut self, index: u32, due: u64, cx: Option<&mut Context<'_>>) -> bool {
        if self.waiting >= MAX_WAITING {
            return false;
        }
        let is_open = matches!(self.scenario.pace, Pace::Open(_));
        let scenario = &self.scenario;
        let Some(line) = self.lines.get_mut(index as usize) else {
            return false;
        };
        let number = Number {
            connection: self.first_line + u64::from(index),
            message: line.next_number(),
        };
        let (payload, scratch) = (&scenario.payload, &mut self.scratch);
        let (sent, mark, len) = if scenario.mode == Mode::Ping {
            let ping = number.message.to_be_bytes();
            (send_ping(line, cx, &ping), 0, ping.len())
        } else {
            let mark = payload.next(number, &mut self.rng, scratch);
            let (sent, len) = match cx {
                Some(cx) => {
                    let message = payload.lend(mark, scratch);
                    let len = message.as_bytes().len();
                    (cx.send(message).is_ok(), len)
                }
                None => send_through(line.handle.as_ref(), payload.share(mark, scratch)),
            };
            (sent, mark, len)
        };
        if !sent {
            return false;
        }
        self.tally.sent.add(len);
        if scenario.mode.is_answered() {
            line.ask(Asked { at: due, mark });
            self.waiting += 1;
        } else {
            line.tell();
        }
        if is_open {
            let late = nanos(self.base.elapsed()).saturating_sub(due);
            self.tally.lateness.saturating_record(late);
        }
        true
    }

    /// The next message of a connection that sends as fast as it can; `None` when it is to stop.
    fn next_message(&mut self, index: u32) -> Option<Message> {
        let now = self.now();
        if self.stage != Stage::Running || !self.spend(now) {
            return None;
        }
        let number = Number {
            connection: self.first_line + u64::from(index),
            message: self.line(index)?.next_number(),
        };
        let payload = &self.scenario.payload;
        let mark = payload.next(number, &mut self.rng, &mut self.scratch);
        Some(payload.share(mark, &self.scratch))
    }

    /// A message of such a connection is in its queue.
    fn queued(&mut self, index: u32, bytes: usize) {
        if let Some(line) = self.line(index) {
            line.tell();
        }
        self.tally.sent.add(bytes);
    }
}

/// Sends as fast as the peer takes it.
async fn pump(index: u32, handle: Handle) {
    while let Some(message) = with(|traffic| traffic.next_message(index)).flatten() {
        let bytes = message.as_bytes().len();
        if handle.send_wait(message).await.is_err() {
            return;
        }
        with(|traffic| traffic.queued(index, bytes));
    }
}

fn send_ping(line: &Line, cx: Option<&mut Context<'_>>, payload: &[u8]) -> bool {
    match (cx, &line.handle) {
        (Some(cx), _) => cx.ping(payload).is_ok(),
        (None, Some(handle)) => handle.ping(payload).is_ok(),
        (None, None) => false,
    }
}

fn send_through(handle: Option<&Handle>, message: Message) -> (bool, usize) {
    let len = message.as_bytes().len();
    (
        handle.is_some_and(|handle| handle.send(message).is_ok()),
        len,
    )
}
