//! The client's side of a record, played event by event in the record's order.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bowsprit::{CloseCode, ConnectRequest, Message};
use jiff::Timestamp;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::clock::{Clock, Speed, between};
use super::facts;
use super::live::{self, Live, News, Stage};
use crate::events::{Direction, Ended, Event, Party, What};
use crate::options::Times;
use crate::recording::compare::Rules;
use crate::recording::report::Report;
use crate::recording::tapes::{Sorter, Tapes};

mod ending;

/// How much the connections may tell that the player has not heard; their reading stops at it.
const NEWS: usize = 256;

/// How many events are played before the connections have their turn.
const EVENTS_PER_TURN: u64 = 64;

/// Everything that a replay needs.
pub(super) struct Player<'a> {
    tapes: &'a Tapes,
    rules: &'a Rules,
    /// By tape; `None` where it is not to be played, or was begun.
    requests: Vec<Option<ConnectRequest>>,
    times: Times,
    speed: Speed,
    /// How long an answer may take.
    patience: Duration,
    clock: Clock,
    live: HashMap<usize, Live>,
    sender: Sender<(usize, News)>,
    news: Receiver<(usize, News)>,
    report: &'a mut Report,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        (tapes, rules): (&'a Tapes, &'a Rules),
        (requests, times): (Vec<Option<ConnectRequest>>, Times),
        (speed, clock, patience): (Speed, Clock, Duration),
        report: &'a mut Report,
    ) -> Self {
        let (sender, news) = mpsc::channel(NEWS);
        Self {
            tapes,
            rules,
            requests,
            times,
            speed,
            patience,
            clock,
            live: HashMap::new(),
            sender,
            news,
            report,
        }
    }

    /// Plays it all; returns how many pauses were cut.
    ///
    /// # Errors
    ///
    /// When the record cannot be read any more.
    pub(super) async fn play(&mut self) -> Result<u64, String> {
        let mut lines = self.tapes.record.lines()?;
        let mut sorter = Sorter::default();
        while let Some(line) = lines.next()? {
            if line.number % EVENTS_PER_TURN == 0 {
                // The connections run on the same thread.
                tokio::task::yield_now().await;
            }
            // The first pass has told of a line that was cut off.
            let Ok(event) = line.event else { continue };
            if matches!(event.what, What::Start { .. }) {
                self.finish_all().await;
                self.clock.restart();
            }
            if let Some(index) = sorter.place(&event) {
                let line = self.tapes.record.has_lines().then_some(line.number);
                self.perform(index, event, line).await;
            }
        }
        self.finish_all().await;
        Ok(self.clock.cut)
    }

    async fn perform(&mut self, index: usize, event: Event, line: Option<u64>) {
        if !self.live.contains_key(&index) && !self.is_wanted(index) {
            return;
        }
        let moment = self.clock.moment(event.time);
        self.hear_until(moment).await;
        self.begin(index);
        match event.what {
            What::Open(_) | What::Fail(_) if self.speed == Speed::Max => {
                self.settle(index).await;
            }
            What::Message {
                direction, payload, ..
            } => {
                let message = payload.message().clone();
                match direction {
                    Direction::Sent => self.send(index, event.time, message).await,
                    Direction::Received => self.expect(index, event.time, line, message).await,
                }
            }
            What::Close(ended) => self.close(index, &ended).await,
            _ => {}
        }
    }

    fn is_wanted(&self, index: usize) -> bool {
        self.requests.get(index).is_some_and(Option::is_some)
    }

    /// Begins the connection, if it has not begun.
    fn begin(&mut self, index: usize) {
        let request = self.requests.get_mut(index).and_then(Option::take);
        if let Some(request) = request {
            self.report.totals.connections += 1;
            self.live.insert(index, Live::default());
            tokio::spawn(live::run(index, request, self.times, self.sender.clone()));
        }
    }

    /// Waits until the connection is open or has failed: the library bounds that.
    async fn settle(&mut self, index: usize) {
        while self.live.get(&index).is_some_and(Live::is_connecting) {
            self.hear().await;
        }
    }

    async fn send(&mut self, index: usize, time: Timestamp, message: Message) {
        self.settle(index).await;
        let handle = self.live.get(&index).and_then(Live::handle).cloned();
        let sent = match handle {
            None => false,
            Some(handle) => {
                let sending = handle.send_wait(message);
                let mut sending = std::pin::pin!(sending);
                loop {
                    tokio::select! {
                        sent = &mut sending => break sent.is_ok(),
                        Some((from, news)) = self.news.recv() => self.take(from, news),
                    }
                }
            }
        };
        let Some(live) = self.live.get_mut(&index) else {
            return;
        };
        if sent {
            self.report.totals.sent += 1;
            live.asked = Some(time);
            live.asked_now = Some(Instant::now());
        } else {
            live.unsent += 1;
        }
    }

    /// A recorded message of the server: at full speed nothing goes on before its counterpart came.
    async fn expect(&mut self, index: usize, time: Timestamp, line: Option<u64>, message: Message) {
        if let Some(live) = self.live.get_mut(&index) {
            live.matcher.expect(line, message);
            if let Some(asked) = live.asked.take() {
                self.report.answers.recorded(between(asked, time));
            }
        }
        self.compare(index, false);
        self.resume(index, false);
        let is_behind = self
            .live
            .get(&index)
            .is_some_and(|live| live.matcher.is_behind());
        if self.speed == Speed::Max || is_behind {
            self.settle(index).await;
            self.await_messages(index).await;
        }
    }

    /// Goes on reading, if that was stopped and the record has caught up; at its end in any case.
    fn resume(&mut self, index: usize, is_last: bool) {
        let Some(live) = self.live.get_mut(&index) else {
            return;
        };
        live.is_last = is_last;
        if live.is_paused && (is_last || !live.matcher.is_ahead()) {
            live.is_paused = false;
            if let Some(handle) = live.handle() {
                handle.resume_reading();
            }
        }
    }

    /// Waits for the messages of the record that have not come, each as long as an answer may take.
    async fn await_messages(&mut self, index: usize) {
        let mut limit = Instant::now() + self.patience;
        while let Some(live) = self
            .live
            .get_mut(&index)
            .filter(|live| live.lacks_messages())
        {
            if limit <= Instant::now() {
                live.waived = live.matcher.expected_count - live.matcher.arrived_count;
                live.is_silent = true;
                return;
            }
            let count = live.matcher.arrived_count;
            self.hear_or(limit).await;
            let now = self.live.get(&index).map(|live| live.matcher.arrived_count);
            if now != Some(count) {
                limit = Instant::now() + self.patience;
            }
        }
    }

    async fn close(&mut self, index: usize, ended: &Ended) {
        self.settle(index).await;
        self.resume(index, true);
        if ended.initiator == Some(Party::Local) {
            // After a close frame of this side nothing more is heard, however late the server is.
            self.await_messages(index).await;
        }
        if let Some(live) = self.live.get_mut(&index) {
            live.is_done = true;
            if let Some(handle) = live.handle() {
                match (&ended.sent, ended.initiator) {
                    (Some(frame), Some(Party::Local)) => {
                        // A code that may not be sent was not: its frame was empty.
                        let code = Some(CloseCode(frame.code)).filter(|code| code.can_be_sent());
                        let code = code.unwrap_or(CloseCode::NO_STATUS);
                        live.is_closed_here = handle.close(code, &frame.reason).is_ok();
                    }
                    // Given up by this side: nothing was wrong, and no frame went either way.
                    (None, _) if ended.code == 1006 && ended.exit_status.is_none() => {
                        handle.terminate();
                        live.is_closed_here = true;
                    }
                    _ => {}
                }
            }
        }
        if self.live.get(&index).is_some_and(Live::has_ended) {
            self.conclude(index);
        } else if self.speed == Speed::Max {
            self.finish(index).await;
        }
    }

    /// Takes one piece of news.
    async fn hear(&mut self) {
        if let Some((index, news)) = self.news.recv().await {
            self.take(index, news);
        }
    }

    /// Takes one piece of news, if it comes in time.
    async fn hear_or(&mut self, limit: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(limit.into()) => {}
            Some((index, news)) = self.news.recv() => self.take(index, news),
        }
    }

    /// Takes the news up to a moment.
    async fn hear_until(&mut self, moment: Instant) {
        while let Ok((index, news)) = self.news.try_recv() {
            self.take(index, news);
        }
        while Instant::now() < moment {
            self.hear_or(moment).await;
        }
    }

    fn take(&mut self, index: usize, news: News) {
        let (Some(tape), Some(live)) = (self.tapes.all.get(index), self.live.get_mut(&index))
        else {
            return;
        };
        match news {
            News::Opened { handle, what, took } => {
                live.stage = Stage::Open(handle);
                if let Some((_, opened)) = &tape.opened {
                    let recorded = Duration::try_from_secs_f64(opened.seconds).unwrap_or_default();
                    self.report.openings.recorded(recorded);
                    self.report.openings.now(took);
                    for difference in facts::opening(opened, &what) {
                        self.report.difference(tape, &difference, &mut live.told);
                    }
                }
            }
            News::Failed(failure) => live.stage = Stage::Failed(failure),
            News::Message(message, at) => {
                live.is_silent = false;
                live.matcher.arrive(message);
                if let Some(asked) = live.asked_now.take() {
                    self.report.answers.now(at.saturating_duration_since(asked));
                }
                if live.matcher.is_ahead()
                    && !live.is_last
                    && let Some(handle) = live.handle()
                {
                    handle.pause_reading();
                    live.is_paused = true;
                }
                self.compare(index, false);
            }
            News::Ended(closed) => {
                live.stage = Stage::Ended(closed);
                if live.is_done {
                    self.conclude(index);
                }
            }
        }
    }
}
