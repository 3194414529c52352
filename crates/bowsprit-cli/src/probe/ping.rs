//! `bowsprit ping`: one ping after the other, and what became of each.

use std::future;
use std::time::{Duration, Instant};

use bowsprit::Closed;
use rand::RngExt as _;
use tokio::time::sleep_until;

use super::link::Link;
use super::outlet::Outlet;
use super::tally::{Tally, Verdict};
use super::{PingArgs, shown};
use crate::connection::ENOUGH_FOR_P99;
use crate::events::{Direction, PongFault, Statistics, What};
use crate::network::{Change, Failure};
use crate::printer::duration::{milliseconds, seconds};
use crate::printer::{self, events};
use crate::signals::{Signal, Signals};
use crate::status::Status;

/// The size of a payload that names its ping: eight digits of this run, and eight of the number.
const NAMED: usize = 16;

/// How many pongs that nobody asked for are told; all are counted.
const MAX_UNASKED: u32 = 3;

/// How long an interrupted run waits for the closing handshake.
const FAREWELL: Duration = Duration::from_secs(5);

/// A run of pings on one connection.
#[derive(Debug)]
pub(super) struct Pinging<'a> {
    /// What is told before anything has happened.
    connect: Option<What>,
    args: &'a PingArgs,
    uri: String,
    link: Link,
    out: Outlet,
    tally: Tally,
    started: Instant,
    /// Who answers, once it is open.
    peer: Option<String>,
    /// When the next ping is due, if there is one.
    due: Option<Instant>,
    /// The digits that no other run has.
    mark: u32,
    told_unasked: u32,
}

/// Why a run is over.
enum End {
    /// All that was asked for is done, or Ctrl-C.
    Done,
    /// A signal that has an exit status.
    Signal(u8),
    /// It did not open.
    Failed(Failure),
    /// It ended by itself.
    Ended(Closed, Option<Status>),
}

impl<'a> Pinging<'a> {
    pub(super) fn new(args: &'a PingArgs, uri: String, connect: What, link: Link) -> Self {
        Self {
            args,
            uri,
            connect: Some(connect),
            link,
            out: Outlet::new(&args.display),
            tally: Tally::new(args.wait),
            started: Instant::now(),
            peer: None,
            due: None,
            mark: rand::rng().random(),
            told_unasked: 0,
        }
    }

    /// Runs to its end and returns the exit status.
    pub(super) async fn run(mut self, mut signals: Signals) -> u8 {
        self.out.frame(What::start());
        if let Some(connect) = self.connect.take() {
            self.out.tell(connect, "");
        }
        let end = loop {
            let (due, deadline) = (self.due, self.tally.deadline());
            let end = tokio::select! {
                biased;
                signal = signals.recv() => Some(self.interrupted(signal)),
                change = self.link.next() => change.and_then(|change| self.change(change)),
                () = at(due) => self.send(),
                () = at(deadline) => self.expire(),
            };
            if let Some(end) = end {
                break end;
            }
            if self.out.is_closed() {
                break End::Done;
            }
        };
        self.finish(end, &mut signals).await
    }

    const fn interrupted(&self, signal: Signal) -> End {
        match signal {
            Signal::Interrupt if self.peer.is_some() => End::Done,
            signal => End::Signal(signal.status()),
        }
    }

    fn change(&mut self, change: Change) -> Option<End> {
        match change {
            Change::Opened { info, at } => {
                let took = at.saturating_duration_since(self.started);
                let peer = info.peer().map(|peer| peer.to_string());
                let peer = peer.unwrap_or_else(|| shown(&self.uri));
                let what = What::opened(&info, took);
                let line = format!(
                    "PING {} ({peer}): {} bytes of payload, open after {}",
                    shown(&self.uri),
                    self.args.size,
                    milliseconds(took)
                );
                self.out.tell(what, &line);
                self.peer = Some(peer);
                self.due = Some(Instant::now());
                None
            }
            Change::Failed(failure) => {
                self.out.tell(What::failed(&self.uri, &failure), "");
                Some(End::Failed(failure))
            }
            Change::Pong { payload, .. } => self.pong(&payload, Instant::now()),
            Change::Retried(retried) => {
                self.due = None;
                self.started = retried.at + retried.delay;
                let what = What::retried(&retried);
                let event = crate::events::Event::now(Some(0), None, what.clone());
                let line = events::line(&event).unwrap_or_default();
                self.out.tell(what, line.trim_start_matches("0 "));
                None
            }
            Change::Ended(closed, status) => Some(End::Ended(closed, status)),
            Change::Received(..) | Change::Pinged(_) | Change::Queued(..) => None,
        }
    }

    /// Sends the next ping, unless the connection has no use for one now.
    fn send(&mut self) -> Option<End> {
        let number = self.tally.next();
        let payload = self.payload(number);
        // One that is late does not make those behind it come faster.
        self.due = Some(Instant::now() + self.args.interval);
        if self.link.handle().ping(payload.as_bytes()).is_ok() {
            self.tally.sent(Instant::now());
            let what = What::ping(Direction::Sent, payload.as_bytes(), Some(number));
            self.out.tell(what, "");
        }
        if self.args.count == Some(self.tally.count()) {
            self.due = None;
        }
        None
    }

    /// Gives up what has waited too long.
    fn expire(&mut self) -> Option<End> {
        for number in self.tally.expire(Instant::now()) {
            let line = format!(
                "no answer to seq={number} within {}",
                seconds(self.args.wait.as_secs_f64())
            );
            self.out.tell(What::Lost { number }, &line);
        }
        self.is_done().then_some(End::Done)
    }

    fn is_done(&self) -> bool {
        self.args.count == Some(self.tally.count()) && !self.tally.is_waiting()
    }

    fn pong(&mut self, payload: &[u8], at: Instant) -> Option<End> {
        let verdict = match self.number(payload) {
            Some(Some(number)) => self.tally.answered(number, at),
            Some(None) => self.tally.answered_in_order(at),
            None => self.tally.unasked(),
        };
        self.tell_pong(payload, verdict);
        self.is_done().then_some(End::Done)
    }

    fn tell_pong(&mut self, payload: &[u8], verdict: Verdict) {
        let (number, took, fault, remark) = match verdict {
            Verdict::Answer { number, took } => (Some(number), Some(took), None, ""),
            Verdict::OutOfOrder { number, took } => {
                let fault = Some(PongFault::OutOfOrder);
                (Some(number), Some(took), fault, " (out of order)")
            }
            Verdict::Late { number, took } => {
                (Some(number), Some(took), Some(PongFault::Late), " (late)")
            }
            Verdict::Duplicate { number } => {
                let fault = Some(PongFault::Duplicate);
                (Some(number), None, fault, " (duplicate)")
            }
            Verdict::Unasked => (
                None,
                None,
                Some(PongFault::Unasked),
                " that nobody asked for",
            ),
        };
        if number.is_none() {
            self.told_unasked = self.told_unasked.saturating_add(1);
            if self.told_unasked > MAX_UNASKED {
                return;
            }
        }
        let peer = self.peer.as_deref().unwrap_or_default();
        let seq = number.map_or_else(String::new, |number| format!(": seq={number}"));
        let time = took.map_or_else(String::new, |took| format!(" time={}", milliseconds(took)));
        let line = format!("{} bytes from {peer}{seq}{time}{remark}", payload.len());
        let mut what = What::pong(payload, took);
        what.judge(number, fault);
        self.out.tell(what, &line);
    }

    /// The payload of a ping: it names its run and its number, as far as there is room.
    fn payload(&self, number: u32) -> String {
        let size = usize::from(self.args.size);
        let number = if size < NAMED { 0 } else { number };
        let mut payload = format!("{:08x}{number:08x}", self.mark);
        payload.extend(std::iter::repeat_n('.', size.saturating_sub(NAMED)));
        payload.truncate(size);
        payload
    }

    /// The number that a payload names: `None` where it is not of this run, `Some(None)` where there was
    /// no room for one.
    fn number(&self, payload: &[u8]) -> Option<Option<u32>> {
        if usize::from(self.args.size) < NAMED {
            return (payload == self.payload(0).as_bytes()).then_some(None);
        }
        let digits = str::from_utf8(payload.get(8..NAMED)?).ok()?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        (payload == self.payload(number).as_bytes()).then_some(Some(number))
    }

    /// Says what it came to, and closes.
    async fn finish(mut self, end: End, signals: &mut Signals) -> u8 {
        if matches!(end, End::Ended(..)) {
            self.tally.give_up();
        }
        if let End::Ended(closed, status) = &end {
            let what = What::ended(closed, *status);
            let event = crate::events::Event::now(Some(0), None, what.clone());
            let line = events::line(&event).unwrap_or_default();
            self.out.tell(what, line.trim_start_matches("0 "));
        }
        let statistics = self.tally.statistics(Instant::now());
        if self.peer.is_some() && !self.out.is_closed() {
            let lines = summary(&shown(&self.uri), &statistics);
            let what = What::Statistics(Box::new(statistics.clone()));
            self.out.result(what, &lines);
        }
        let status = match &end {
            End::Failed(failure) => {
                printer::warn(&format!("{}: {}", shown(&self.uri), failure.line()));
                failure
                    .status
                    .map_or(Status::Refused as u8, |status| status as u8)
            }
            End::Signal(status) => *status,
            End::Ended(_, Some(status)) => *status as u8,
            End::Ended(_, None) => Status::Refused as u8,
            End::Done if statistics.lost > 0 => Status::Refused as u8,
            End::Done => 0,
        };
        if matches!(end, End::Done | End::Signal(_)) && self.link.close() {
            self.part(signals).await;
        }
        let status = if self.out.has_failed() { 1 } else { status };
        let exit_status = status;
        self.out.frame(What::Exit { exit_status });
        status
    }

    /// Waits for the end of the closing handshake, or for less patience.
    async fn part(&mut self, signals: &mut Signals) {
        let deadline = tokio::time::Instant::now() + FAREWELL;
        loop {
            tokio::select! {
                _ = signals.recv() => return,
                () = sleep_until(deadline) => return,
                change = self.link.next() => match change {
                    Some(Change::Ended(closed, status)) => {
                        return self.out.tell(What::ended(&closed, status), "");
                    }
                    None => return,
                    Some(_) => {}
                },
            }
        }
    }
}

/// The block at the end.
fn summary(uri: &str, all: &Statistics) -> String {
    let share = |part: u64, whole: u64| (part * 100).checked_div(whole).unwrap_or_default();
    let mut lines = vec![
        format!("--- {uri} ping statistics ---"),
        format!(
            "{} pings sent, {} pongs received, {}% lost, time {:.0} ms",
            all.sent,
            all.received,
            share(all.lost, all.received + all.lost),
            all.seconds * 1e3
        ),
    ];
    let others: Vec<_> = [
        (all.waiting, "without an answer yet"),
        (all.late, "late"),
        (all.duplicates, "duplicates"),
        (all.out_of_order, "out of order"),
        (all.unasked, "unasked for"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, name)| format!("{count} {name}"))
    .collect();
    if !others.is_empty() {
        lines.push(others.join(", "));
    }
    if let Some(trips) = &all.round_trips {
        let [min, mean, max, deviation, median, p99] = [
            trips.min,
            trips.mean,
            trips.max,
            trips.deviation,
            trips.median,
            trips.p99,
        ]
        .map(|seconds| format!("{:.3}", seconds * 1e3));
        lines.push(format!(
            "rtt min/avg/max/mdev = {min}/{mean}/{max}/{deviation} ms"
        ));
        // Of fewer it would be the longest, which is there already.
        lines.push(if all.received < ENOUGH_FOR_P99 {
            format!("rtt median = {median} ms")
        } else {
            format!("rtt median/p99 = {median}/{p99} ms")
        });
    }
    lines.join("\n")
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => future::pending().await,
    }
}
