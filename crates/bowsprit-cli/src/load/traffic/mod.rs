//! All connections of one thread: who sends when, and what is counted.

mod events;
mod probe;
mod read;
mod sending;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::sync::{Notify, Semaphore};

pub(super) use self::probe::Probe;
use self::read::Read;
use super::args::Mode;
use super::faults::Fault;
use super::line::Line;
use super::scenario::{Pace, Scenario};
use super::tally::Tally;
use super::units::nanos;
use crate::options::Times;

/// How much may wait on a thread to be sent, or for its answer: 24 bytes each.
const MAX_WAITING: usize = 1 << 20;

/// How long a thread sleeps at most; and while it sends with nothing to look for.
const LONGEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT_RUNNING: Duration = Duration::from_millis(100);

const SECOND: u64 = 1_000_000_000;

thread_local! {
    /// Handlers run on the thread of their connection, so what they share needs no lock.
    static TRAFFIC: RefCell<Option<Traffic>> = const { RefCell::new(None) };
}

/// Begins the traffic of this thread.
pub(super) fn begin(traffic: Traffic) {
    TRAFFIC.set(Some(traffic));
}

/// Does something with the traffic of this thread.
#[inline]
pub(super) fn with<T>(f: impl FnOnce(&mut Traffic) -> T) -> Option<T> {
    TRAFFIC.with_borrow_mut(|traffic| traffic.as_mut().map(f))
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connections are opened; nothing is sent.
    Opening,
    /// Messages are sent.
    Running,
    /// The last answers are waited for.
    Draining,
    /// Connections are closed.
    Closing,
}

/// In which part of a run something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// In this second of the opening and the warm-up.
    Before(u64),
    /// In this second of the measuring.
    Second(u64),
    /// After the last message was sent.
    After,
}

/// The connections of one thread. Moments are nanoseconds since `base`.
#[derive(Debug)]
pub(super) struct Traffic {
    scenario: Arc<Scenario>,
    times: Times,
    base: Instant,
    pub(super) stage: Stage,
    /// The first messages are to be sent.
    is_beginning: bool,
    /// The beginning of the schedule, of the measuring once that has begun, and its end.
    start: u64,
    measured: u64,
    end: u64,
    /// When the last message was sent.
    silent: Option<u64>,
    /// When the measuring was over before its time: by count, or by a signal.
    ended: Option<u64>,
    pub(super) lines: Vec<Line>,
    /// The number of the first line among those of all threads.
    first_line: u64,
    open: Vec<u32>,
    /// Since when none is open, if none is.
    bare_since: u64,
    /// Whose turn it is among the open ones.
    turn: usize,
    /// The number of the next send in the schedule, and how many threads share it.
    number: u64,
    step: u64,
    /// When it is due.
    due: Option<u64>,
    /// Messages that may still be sent.
    budget: u64,
    pub(super) live: usize,
    has_opened: bool,
    /// Failures before the first connection opened.
    refused: usize,
    /// Where connections are what is scheduled: the lines that are free, and how many connections are
    /// taken from the schedule and not begun.
    idle: Vec<u32>,
    promised: usize,
    waiting: usize,
    owed: usize,
    owing: Vec<u32>,
    thinking: BinaryHeap<Reverse<(u64, u32)>>,
    /// Something is due earlier than what the thread sleeps for.
    pub(super) alarm: Arc<Notify>,
    pub(super) permits: Arc<Semaphore>,
    read: Read,
    pub(super) tally: Tally,
    pub(super) fault: Option<Fault>,
    rng: SmallRng,
    scratch: String,
}

/// Which of the threads it is, and what of the whole is its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) thread: u64,
    pub(super) threads: u64,
    pub(super) lines: usize,
    pub(super) first_line: u64,
    pub(super) budget: u64,
    /// How many connections may be in their opening.
    pub(super) openings: usize,
}

impl Traffic {
    pub(super) fn new(scenario: Arc<Scenario>, times: Times, base: Instant, share: Share) -> Self {
        Self {
            scenario,
            times,
            base,
            stage: Stage::Opening,
            is_beginning: false,
            start: u64::MAX,
            measured: u64::MAX,
            end: u64::MAX,
            silent: None,
            ended: None,
            lines: std::iter::repeat_with(Line::default)
                .take(share.lines)
                .collect(),
            first_line: share.first_line,
            open: Vec::new(),
            bare_since: 0,
            turn: 0,
            number: share.thread,
            step: share.threads,
            due: None,
            budget: share.budget,
            live: 0,
            has_opened: false,
            refused: 0,
            idle: (0..u32::try_from(share.lines).unwrap_or(u32::MAX)).collect(),
            promised: 0,
            waiting: 0,
            owed: 0,
            owing: Vec::new(),
            thinking: BinaryHeap::new(),
            alarm: Arc::new(Notify::new()),
            permits: Arc::new(Semaphore::new(share.openings)),
            read: Read::default(),
            tally: Tally::new(),
            fault: None,
            rng: SmallRng::seed_from_u64(share.thread),
            scratch: String::new(),
        }
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        nanos(self.base.elapsed())
    }

    /// When the measuring began, and when it ended or will.
    pub(super) fn window(&self) -> (u64, u64) {
        (self.measured, self.ended.unwrap_or(self.end))
    }

    /// Sends from this moment on.
    pub(super) fn run_from(&mut self, start: u64) {
        self.start = start;
    }

    /// The part of the run that begins now, if one does. Nothing is sent yet.
    pub(super) fn advance(&mut self, now: u64) {
        if self.stage == Stage::Opening && now >= self.start {
            self.stage = Stage::Running;
            self.is_beginning = true;
            self.bare_since = now;
            self.plan_next();
        }
        if self.stage == Stage::Running {
            self.measure(now);
        }
    }

    /// What is due now, and the stage that follows.
    pub(super) fn tick(&mut self, now: u64) {
        if std::mem::take(&mut self.is_beginning) {
            for index in self.open.clone() {
                self.begin_line(index, None);
            }
        }
        if self.stage == Stage::Running {
            // Where connections are what is scheduled, the dialler takes them.
            if self.scenario.mode != Mode::Connect {
                self.send_due(now);
            }
            while let Some(Reverse((due, index))) = self.thinking.peek().copied()
                && due <= now
            {
                self.thinking.pop();
                self.send(index, now, None);
            }
            if now >= self.end || self.budget == 0 {
                self.stop(now, Stage::Draining);
            }
        }
        self.pay(now);
    }

    /// Forgets the warm-up when that is over.
    fn measure(&mut self, now: u64) {
        let planned = self.start.saturating_add(nanos(self.scenario.warmup));
        if self.measured == u64::MAX && now >= planned {
            // A schedule begins when it was to; a closed loop has sent in the meantime.
            self.measured = match self.scenario.pace {
                Pace::Open(_) => planned,
                Pace::Closed { .. } => now,
            };
            self.end = self.measured.saturating_add(nanos(self.scenario.duration));
        }
    }

    /// Whether all that was to come has come, or no longer can.
    pub(super) fn is_over(&self, now: u64) -> bool {
        let has_settled = self.waiting == 0 && self.owed == 0;
        match self.stage {
            Stage::Opening => false,
            Stage::Closing => true,
            _ if self.scenario.mode == Mode::Connect => {
                let is_refused = !self.has_opened && self.refused >= self.lines.len();
                is_refused || self.stage == Stage::Draining && self.live == 0 && self.promised == 0
            }
            _ if self.live == 0 => true,
            // Reconnecting goes on for ever, and a count alone would never be reached.
            Stage::Running => {
                let patience = nanos(self.scenario.patience);
                self.scenario.is_endless()
                    && self.open.is_empty()
                    && now > self.bare_since.saturating_add(patience)
            }
            Stage::Draining => {
                let last = self.silent.unwrap_or(now);
                // Overdue answers are given up a little later than they are due.
                let patience = nanos(self.scenario.patience).saturating_add(SECOND);
                has_settled || now > last.saturating_add(patience)
            }
        }
    }

    /// Gives up the connections whose answers are overdue.
    pub(super) fn give_up_overdue(&mut self, now: u64) {
        let Some(before) = now.checked_sub(nanos(self.scenario.patience)) else {
            return;
        };
        for line in &mut self.lines {
            let count = line.overdue(before);
            if count > 0 && !line.is_given_up {
                let name = format!("answer: none within {:?}", self.scenario.patience);
                self.tally.errors.add(&name, count);
                line.is_given_up = true;
                if let Some(handle) = &line.handle {
                    handle.terminate();
                }
            }
        }
    }

    /// How long there is nothing to do, if nothing comes.
    pub(super) fn idle_time(&self, now: u64) -> Duration {
        let due = match self.stage {
            Stage::Running if self.scenario.mode != Mode::Connect => self.due,
            _ => None,
        };
        // What was thought of behind the end is not sent.
        let thinking = self
            .thinking
            .peek()
            .filter(|_| self.stage == Stage::Running);
        let thought = thinking.map(|Reverse((due, _))| *due);
        let start = (self.stage == Stage::Opening).then_some(self.start);
        let end = (self.stage == Stage::Running).then_some(self.end.min(self.next_second(now)));
        let next = [due, thought, start, end].into_iter().flatten().min();
        // Whether there is room for what is owed, or a count is reached, has to be looked for.
        let has_nothing_to_look_for = self.owed == 0 && self.scenario.count.is_none();
        let longest = if self.stage == Stage::Running && has_nothing_to_look_for {
            LONGEST_WAIT_RUNNING
        } else {
            LONGEST_WAIT
        };
        next.map_or(longest, |next| {
            Duration::from_nanos(next.saturating_sub(now)).min(longest)
        })
    }

    /// When the next second of the measuring begins, or the measuring itself.
    fn next_second(&self, now: u64) -> u64 {
        match now.checked_sub(self.measured) {
            Some(since) => self.measured + (since / SECOND + 1) * SECOND,
            None => self.start.saturating_add(nanos(self.scenario.warmup)),
        }
    }

    /// In which part of the run this moment is.
    pub(super) const fn when(&self, now: u64) -> When {
        if now < self.measured {
            When::Before(now / SECOND)
        } else if self.ended.is_some() || now >= self.end {
            When::After
        } else {
            When::Second((now - self.measured) / SECOND)
        }
    }

    /// No message is sent any more.
    pub(super) fn stop(&mut self, now: u64, stage: Stage) {
        self.silent.get_or_insert(now);
        self.stage = stage;
        // What was asked for by count is measured until its last answer.
        if stage == Stage::Closing {
            self.ended = Some(self.end.min(now));
        }
    }

    /// This connection sends then.
    fn think(&mut self, index: u32, due: u64) {
        self.thinking.push(Reverse((due, index)));
        if self.thinking.peek() == Some(&Reverse((due, index))) {
            self.alarm.notify_one();
        }
    }

    fn set_live(&mut self, index: u32, is_live: bool) {
        let Some(line) = self.lines.get_mut(index as usize) else {
            return;
        };
        match (std::mem::replace(&mut line.is_live, is_live), is_live) {
            (false, true) => self.live += 1,
            (true, false) => self.live -= 1,
            _ => {}
        }
    }

    fn line(&mut self, index: u32) -> Option<&mut Line> {
        self.lines.get_mut(index as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use clap::Parser as _;

    use super::*;
    use crate::load::LoadArgs;
    use crate::options::Plan;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        load: LoadArgs,
    }

    /// The traffic of these options, sending and without an open connection, at 0 on its clock.
    fn running(options: &[&str]) -> Traffic {
        let words = [&["load"], options, &["ws://a"]].concat();
        let args = Command::try_parse_from(words).expect("options").load;
        let scenario = Arc::new(Scenario::new(&args).expect("a scenario"));
        let times = Plan::new(&args.options).expect("a plan").times();
        let share = Share {
            thread: 0,
            threads: 1,
            lines: 3,
            first_line: 0,
            budget: scenario.count.unwrap_or(u64::MAX),
            openings: 1,
        };
        let mut traffic = Traffic::new(scenario, times, Instant::now(), share);
        traffic.run_from(0);
        traffic.advance(0);
        traffic
    }

    #[test]
    fn a_thought_that_ends_before_all_others_wakes_the_thread() {
        let mut traffic = running(&["--think", "1s"]);
        let is_awake = |traffic: &Traffic| pin!(traffic.alarm.clone().notified()).enable();
        for (index, due, wakes) in [(0, 9, true), (1, 12, false), (2, 5, true)] {
            traffic.think(index, due);
            assert_eq!(is_awake(&traffic), wakes, "{due}");
        }
    }

    #[test]
    fn sleeps_no_longer_than_until_the_next_second_or_the_end() {
        let traffic = running(&["-d", "2500ms"]);
        let idle = |millis: u64| traffic.idle_time(millis * 1_000_000).as_millis();
        assert_eq!([idle(0), idle(990), idle(2_495)], [100, 10, 5]);
        assert_eq!(running(&["-n", "9"]).idle_time(0), LONGEST_WAIT);
        let mut full = running(&["-d", "1h"]);
        full.owed = 1;
        assert_eq!(full.idle_time(0), LONGEST_WAIT);
    }

    #[test]
    fn a_count_is_given_up_when_no_connection_has_been_open_for_long() {
        let is_over = |options: &[&str], seconds: u64| {
            let mut traffic = running(options);
            traffic.live = 1;
            traffic.is_over(seconds * SECOND)
        };
        let count = ["-n", "9", "--answer-timeout", "3s"];
        assert!(!is_over(&count, 3));
        assert!(is_over(&count, 4));
        // A time ends by itself.
        assert!(!is_over(&["-d", "1h", "--answer-timeout", "3s"], 4));
    }

    #[test]
    fn what_is_due_within_the_blink_of_a_timer_goes_along() {
        let mut traffic = running(&["--rate", "100000/s", "-d", "1s"]);
        // 10 µs apart: the one that is due and the five of the next 50 µs; no connection takes them.
        traffic.send_due(0);
        assert_eq!(traffic.tally.errors.total(), 6);
        let mut traffic = running(&["--rate", "1000/s", "-d", "1s"]);
        traffic.send_due(0);
        assert_eq!(traffic.tally.errors.total(), 1);
    }
}
