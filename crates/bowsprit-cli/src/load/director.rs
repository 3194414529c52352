//! The run as a whole: threads begin together, and what they count comes together here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::watch;

use super::args::Mode;
use super::faults::Fault;
use super::machine;
use super::outcome::Outcome;
use super::progress::Progress;
use super::scenario::Scenario;
use super::series::{Point, Series};
use super::tally::Tally;
use super::traffic::{Share, When};
use super::units::nanos;
use super::worker::{self, Order, Report, Setup};
use crate::options::Plan;
use crate::run::failed;
use crate::signals::{Signal, Signals};

/// How many connections of a run are in their opening at once. More would only queue at the server, and
/// past its backlog the system drops what comes, which costs a second each.
pub(super) const OPENINGS: usize = 128;

/// How long after the order to begin the threads do: all of them have heard it then.
const LEAD: Duration = Duration::from_millis(20);

const SECOND: u64 = 1_000_000_000;

/// Collects what the threads tell.
#[derive(Debug)]
struct Director {
    scenario: Arc<Scenario>,
    base: Instant,
    orders: watch::Sender<Order>,
    total: Tally,
    series: Series,
    /// Seconds that not every thread has told of.
    pending: BTreeMap<When, Tally>,
    /// Of which second each thread has told last.
    told: Vec<Option<When>>,
    progress: Progress,
    settled: usize,
    live: usize,
    over: usize,
    done: usize,
    /// When the measuring begins; the processor time then, and at its end.
    measured: Option<u64>,
    busy_before: Option<Duration>,
    busy: Option<Duration>,
    window: Option<(u64, u64)>,
    fault: Option<Fault>,
    interrupted: Option<Signal>,
}

/// Runs the scenario to its end.
///
/// # Errors
///
/// When it cannot begin, or a thread could not go on.
pub(super) fn run(
    scenario: Scenario,
    plan: &Plan,
    uri: &str,
    progress: Progress,
) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let signals = Signals::new().map_err(failed)?;
        let (orders, told) = watch::channel(Order::Open);
        let (sender, reports) = mpsc::unbounded_channel();
        let base = Instant::now();
        let scenario = Arc::new(scenario);
        for share in shares(&scenario) {
            let setup = Setup {
                scenario: scenario.clone(),
                plan: plan.clone(),
                uri: uri.to_owned(),
                base,
                share,
            };
            worker::start(setup, sender.clone(), told.clone()).map_err(failed)?;
        }
        let mut director = Director {
            scenario,
            base,
            orders,
            total: Tally::new(),
            series: Series::new(),
            pending: BTreeMap::new(),
            told: Vec::new(),
            progress,
            settled: 0,
            live: 0,
            over: 0,
            done: 0,
            measured: None,
            busy_before: None,
            busy: None,
            window: None,
            fault: None,
            interrupted: None,
        };
        director.told = vec![None; director.threads()];
        director.direct(reports, signals).await?;
        Ok(director.finish())
    })
}

/// What of the whole falls to each thread.
fn shares(scenario: &Scenario) -> Vec<Share> {
    let threads = u64::from(scenario.threads);
    let part = |whole: u64, thread: u64| whole / threads + u64::from(thread < whole % threads);
    let mut first_line = 0;
    let share = |thread| {
        let lines = part(scenario.connections.into(), thread);
        let begin = first_line;
        first_line += lines;
        let openings = match scenario.mode {
            // Each line opens one connection after the other.
            Mode::Connect => lines,
            _ => part(OPENINGS as u64, thread).max(1),
        };
        Share {
            thread,
            threads,
            lines: usize::try_from(lines).unwrap_or(usize::MAX),
            first_line: begin,
            budget: scenario.count.map_or(u64::MAX, |count| part(count, thread)),
            openings: usize::try_from(openings).unwrap_or(usize::MAX),
        }
    };
    (0..threads).map(share).collect()
}

impl Director {
    fn threads(&self) -> usize {
        self.scenario.threads.into()
    }

    async fn direct(
        &mut self,
        mut reports: UnboundedReceiver<Report>,
        mut signals: Signals,
    ) -> Result<(), String> {
        while self.done < self.threads() {
            let waits = self.measured.is_some() && self.busy_before.is_none();
            let measured = self.base + Duration::from_nanos(self.measured.unwrap_or_default());
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => self.hear(report)?,
                    None => break,
                },
                () = tokio::time::sleep_until(measured.into()), if waits => {
                    self.busy_before = machine::processor_time();
                }
                signal = signals.recv() => {
                    self.interrupted.get_or_insert(signal);
                    self.orders.send_replace(Order::Stop);
                }
            }
        }
        Ok(())
    }

    fn hear(&mut self, report: Report) -> Result<(), String> {
        match report {
            Report::Counted {
                thread,
                when,
                tally,
            } => self.count(thread, when, &tally),
            Report::Settled { live } => {
                self.settled += 1;
                self.live += live;
                if self.settled == self.threads() {
                    self.begin();
                }
            }
            Report::Over {
                thread,
                window: (begin, end),
            } => {
                self.over += 1;
                self.has_told(thread, When::After);
                if begin <= end {
                    let (first, last) = self.window.unwrap_or((begin, end));
                    self.window = Some((first.min(begin), last.max(end)));
                }
                if self.over == self.threads() {
                    self.busy = machine::processor_time();
                    self.progress.say("closing");
                }
            }
            Report::Done { fault } => {
                self.done += 1;
                self.fault = self.fault.take().or(fault);
            }
            Report::Broken(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Everything that could be opened is open.
    fn begin(&mut self) {
        if self.interrupted.is_some() {
            return;
        }
        if self.live == 0 && self.scenario.mode != Mode::Connect {
            self.orders.send_replace(Order::Stop);
            return;
        }
        let start = nanos(self.base.elapsed() + LEAD);
        self.measured = Some(start + nanos(self.scenario.warmup));
        self.orders.send_replace(Order::Begin(start));
    }

    fn count(&mut self, thread: usize, when: When, tally: &Tally) {
        let sum = self.pending.entry(when).or_insert_with(Tally::new);
        sum.merge(tally);
        self.has_told(thread, when);
    }

    /// Takes the seconds that every thread is through with.
    fn has_told(&mut self, thread: usize, when: When) {
        if let Some(told) = self.told.get_mut(thread) {
            *told = Some(when);
        }
        let complete = self.told.iter().min().copied().flatten();
        while let Some(entry) = self.pending.first_entry()
            && Some(*entry.key()) <= complete
        {
            let (when, tally) = entry.remove_entry();
            self.take(when, tally);
        }
    }

    /// A second is complete.
    fn take(&mut self, when: When, mut tally: Tally) {
        self.progress.show(when, &tally);
        match when {
            When::Before(_) => tally.forget_traffic(),
            When::Second(second) => {
                let length = nanos(self.scenario.duration).saturating_sub(second * SECOND);
                let seconds = length.min(SECOND) as f64 / 1e9;
                let times = self.times(&tally);
                let point = Point::new(second, seconds, &tally, times);
                self.series.push(point);
            }
            When::After => {}
        }
        self.total.merge(&tally);
    }

    /// What is measured: answers, or handshakes.
    fn times<'a>(&self, tally: &'a Tally) -> &'a hdrhistogram::Histogram<u64> {
        match self.scenario.mode {
            Mode::Connect => &tally.connect,
            _ => &tally.latency,
        }
    }

    fn finish(mut self) -> Outcome {
        while let Some((when, tally)) = self.pending.pop_first() {
            self.take(when, tally);
        }
        self.progress.clear();
        let (begin, end) = self.window.unwrap_or_default();
        self.series.end_at((end - begin) as f64 / 1e9);
        let busy = self.busy.zip(self.busy_before);
        Outcome {
            total: self.total,
            series: self.series,
            window: Duration::from_nanos(end - begin),
            busy: busy.map(|(after, before)| after.saturating_sub(before)),
            memory: machine::peak_memory(),
            fault: self.fault,
            interrupted: self.interrupted,
        }
    }
}
