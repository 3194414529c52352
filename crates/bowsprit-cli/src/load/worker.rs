//! A thread of a run: its own runtime, its own connections, and what it tells of them.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bowsprit::{Client, CloseCode};
use tokio::sync::{Semaphore, mpsc::UnboundedSender, watch};
use tokio::task::JoinHandle;

use super::args::Mode;
use super::faults::Fault;
use super::pacer::Pacer;
use super::scenario::Scenario;
use super::tally::Tally;
use super::traffic::{self, Probe, Share, Stage, Traffic, When};
use super::units::{Ramp, nanos};
use crate::options::Plan;

/// How often overdue answers are looked for.
const CHECK: u64 = 250_000_000;

/// How long connections may take to close.
const CLOSING: Duration = Duration::from_secs(5);

/// What a thread is made from.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) scenario: Arc<Scenario>,
    pub(super) plan: Plan,
    pub(super) uri: String,
    /// What all moments are counted from.
    pub(super) base: Instant,
    pub(super) share: Share,
}

/// What the threads are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Open,
    /// Send from this moment on.
    Begin(u64),
    Stop,
}

/// What a thread tells.
#[derive(Debug)]
pub(super) enum Report {
    /// What was counted in a second.
    Counted {
        thread: usize,
        when: When,
        tally: Box<Tally>,
    },
    /// Every connection is open or has failed; so many live.
    Settled { live: usize },
    /// The last answer has come; when the measuring began and ended.
    Over { thread: usize, window: (u64, u64) },
    /// All connections are closed.
    Done { fault: Option<Fault> },
    /// It could not go on.
    Broken(String),
}

/// Starts a thread.
///
/// # Errors
///
/// When the system gives none.
pub(super) fn start(
    setup: Setup,
    reports: UnboundedSender<Report>,
    orders: watch::Receiver<Order>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name(format!("load {}", setup.share.thread))
        .spawn(move || {
            let told = reports.clone();
            let done = runtime.block_on(drive(setup, reports, orders));
            // Whoever started this is gone only when the program ends.
            let _ = told.send(match done {
                Ok(fault) => Report::Done { fault },
                Err(fault) => Report::Broken(fault),
            });
            // A name may still be looked up; nobody waits for it.
            runtime.shutdown_background();
        })?;
    Ok(())
}

async fn drive(
    setup: Setup,
    reports: UnboundedSender<Report>,
    mut orders: watch::Receiver<Order>,
) -> Result<Option<Fault>, String> {
    let fault = |error: io::Error| error.to_string();
    traffic::begin(Traffic::new(
        setup.scenario.clone(),
        setup.plan.times(),
        setup.base,
        setup.share,
    ));
    let client = Client::new();
    let dialler = Dialler {
        setup: setup.clone(),
        client: client.clone(),
    };
    let is_connecting = setup.scenario.mode == Mode::Connect;
    let mut opener = (!is_connecting).then(|| tokio::spawn(dialler.clone().open_all()));
    let pacer = Pacer::new().map_err(fault)?;
    let alarm = traffic::with(|traffic| traffic.alarm.clone()).unwrap_or_default();
    let mut teller = Teller::new(setup.share.thread, reports);
    pacer.set(Duration::ZERO).map_err(fault)?;
    loop {
        tokio::select! {
            () = pacer.tick() => {}
            () = alarm.notified() => {}
            changed = orders.changed() => {
                let order = *orders.borrow_and_update();
                match order {
                    Order::Begin(start) => {
                        traffic::with(|traffic| traffic.run_from(start));
                    }
                    Order::Stop => break,
                    Order::Open => {}
                }
                if changed.is_err() {
                    break;
                }
            }
        }
        teller.tell_if_settled(opener.as_ref(), setup.share.openings);
        let (is_over, wait) = traffic::with(|traffic| teller.turn(traffic)).unwrap_or_default();
        if is_over {
            break;
        }
        let is_running = traffic::with(|traffic| traffic.stage) == Some(Stage::Running);
        if is_connecting && is_running && opener.is_none() {
            opener = Some(tokio::spawn(dialler.clone().open_again_and_again()));
        }
        pacer.set(wait).map_err(fault)?;
        if wait.is_zero() {
            // With something due all the time the connections still get their turns.
            tokio::task::yield_now().await;
        }
    }
    if let Some(opener) = opener {
        opener.abort();
    }
    traffic::with(|traffic| teller.over(traffic));
    client.shutdown(CloseCode::NORMAL, CLOSING).await;
    Ok(traffic::with(|traffic| teller.last(traffic)).flatten())
}

/// Tells what happens, once a second and when it changes.
#[derive(Debug)]
struct Teller {
    thread: usize,
    reports: UnboundedSender<Report>,
    when: When,
    checked: u64,
    has_settled: bool,
}

impl Teller {
    fn new(thread: u64, reports: UnboundedSender<Report>) -> Self {
        Self {
            thread: usize::try_from(thread).unwrap_or_default(),
            reports,
            when: When::Before(0),
            checked: 0,
            has_settled: false,
        }
    }

    fn tell(&self, report: Report) {
        // Who does not listen any more has ended the program.
        let _ = self.reports.send(report);
    }

    fn tell_if_settled(&mut self, opener: Option<&JoinHandle<()>>, openings: usize) {
        if self.has_settled || opener.is_some_and(|opener| !opener.is_finished()) {
            return;
        }
        let settled = traffic::with(|traffic| {
            let is_settled = traffic.permits.available_permits() >= openings;
            is_settled.then_some(traffic.live)
        });
        if let Some(live) = settled.flatten() {
            self.has_settled = true;
            self.tell(Report::Settled { live });
        }
    }

    /// One look at the clock: whether it is over, and how long there is nothing to do.
    fn turn(&mut self, traffic: &mut Traffic) -> (bool, Duration) {
        let now = traffic.now();
        // What is sent from now on belongs to what begins now.
        traffic.advance(now);
        self.hand_over(traffic, now);
        traffic.tick(now);
        if now >= self.checked + CHECK {
            self.checked = now;
            traffic.give_up_overdue(now);
        }
        self.hand_over(traffic, now);
        (traffic.is_over(now), traffic.idle_time(traffic.now()))
    }

    fn hand_over(&mut self, traffic: &mut Traffic, now: u64) {
        let when = traffic.when(now);
        if when != self.when {
            self.count(traffic);
            self.when = when;
        }
    }

    fn over(&mut self, traffic: &mut Traffic) {
        let now = traffic.now();
        traffic.stop(now, Stage::Closing);
        self.hand_over(traffic, now);
        self.tell(Report::Over {
            thread: self.thread,
            window: traffic.window(),
        });
    }

    fn last(&mut self, traffic: &mut Traffic) -> Option<Fault> {
        self.count(traffic);
        traffic.fault.take()
    }

    fn count(&self, traffic: &mut Traffic) {
        let mut tally = std::mem::replace(&mut traffic.tally, Tally::new());
        tally.settle();
        self.tell(Report::Counted {
            thread: self.thread,
            when: self.when,
            tally: Box::new(tally),
        });
    }
}

/// Opens the connections of a thread.
#[derive(Clone, Debug)]
struct Dialler {
    setup: Setup,
    client: Client,
}

impl Dialler {
    /// Each line once, as fast as the ramp lets it.
    async fn open_all(self) {
        let permits = permits();
        let begin = Instant::now();
        for index in 0..u32::try_from(self.setup.share.lines).unwrap_or(u32::MAX) {
            if let Some(after) = self.ramp(index) {
                tokio::time::sleep_until((begin + after).into()).await;
            }
            take(&permits).await;
            let now = nanos(self.setup.base.elapsed());
            self.open(index, now);
        }
    }

    /// One connection after the other on all lines, until the run is over.
    async fn open_again_and_again(self) {
        let permits = permits();
        while let Some(due) = traffic::with(Traffic::take_due).flatten() {
            let due_at = self.setup.base + Duration::from_nanos(due);
            if due_at > Instant::now() {
                tokio::time::sleep_until(due_at.into()).await;
            }
            take(&permits).await;
            let Some(index) = traffic::with(Traffic::take_line).flatten() else {
                return;
            };
            self.open(index, due);
            // A server that refuses at once must not keep the thread from its other duties.
            tokio::task::yield_now().await;
        }
    }

    /// How long after the first this line is opened.
    fn ramp(&self, index: u32) -> Option<Duration> {
        let share = self.setup.share;
        let number = (u64::from(index) * share.threads + share.thread) as f64;
        let seconds = match self.setup.scenario.ramp? {
            Ramp::Rate(rate) => number / rate,
            Ramp::Over(time) => {
                time.as_secs_f64() * number / f64::from(self.setup.scenario.connections)
            }
        };
        Duration::try_from_secs_f64(seconds).ok()
    }

    fn open(&self, index: u32, due: u64) {
        // It was tried before the first thread began.
        if let Ok(request) = self.setup.plan.request(&self.client, &self.setup.uri) {
            traffic::with(|traffic| traffic.opening(index, due));
            request.handler(Probe(index)).start();
        }
    }
}

fn permits() -> Arc<Semaphore> {
    traffic::with(|traffic| traffic.permits.clone()).unwrap_or_else(|| Arc::new(Semaphore::new(0)))
}

/// Takes a permit, which the connection gives back when it has opened, failed, or ended.
async fn take(permits: &Semaphore) {
    if let Ok(permit) = permits.acquire().await {
        permit.forget();
    }
}
