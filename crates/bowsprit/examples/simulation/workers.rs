//! Threads that live through one seed after the other, and what they add up to.

use std::{
    collections::BTreeSet,
    process::ExitCode,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    options::Options,
    world::{self, Tally},
};

/// How often progress is told.
const EVERY: Duration = Duration::from_secs(60);

/// What the thread of a seed may hold at its end: buffers and compressors that its connections share.
const KEPT: i64 = 3 << 20;

struct Progress {
    next: u64,
    /// Seeds that are being lived through.
    open: BTreeSet<u64>,
    total: Tally,
    failed: u64,
    /// Bytes that a seed has kept, at most.
    kept: i64,
    begin: Instant,
    told: Instant,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let begin = Instant::now();
    let progress = Mutex::new(Progress {
        next: options.from,
        open: BTreeSet::new(),
        total: Tally::default(),
        failed: 0,
        kept: 0,
        begin,
        told: begin,
    });
    thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| work(options, &progress));
        }
    });
    let progress = lock(&progress);
    println!("{}", progress.in_words());
    if progress.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Takes one seed after the other until all are done.
fn work(options: &Options, progress: &Mutex<Progress>) {
    loop {
        let Some(seed) = lock(progress).take(options) else {
            return;
        };
        let (mut outcome, kept) = alone(seed, options);
        if outcome.is_ok() && kept > KEPT {
            outcome = Err(format!("{kept} bytes were left behind"));
        }
        let mut progress = lock(progress);
        progress.kept = progress.kept.max(kept);
        progress.note(seed, outcome);
    }
}

/// Lives through a seed on a thread of its own, and counts what it keeps. How many bytes a message is compressed to
/// may depend on what the thread has compressed before, and with it all that follows.
fn alone(seed: u64, options: &Options) -> (Result<Tally, String>, i64) {
    let life = || {
        let mut outcome = Err(String::new());
        let memory = allocation_counter::measure(|| {
            outcome = world::live(seed, options.messages, options.mode, options.traces);
        });
        (outcome, memory.bytes_current)
    };
    let done = thread::scope(|scope| scope.spawn(life).join());
    done.unwrap_or_else(|_| (Err("panicked".to_owned()), 0))
}

impl Progress {
    fn take(&mut self, options: &Options) -> Option<u64> {
        let seed = self.next;
        if seed >= options.from + options.seeds {
            return None;
        }
        self.next += 1;
        self.open.insert(seed);
        Some(seed)
    }

    fn note(&mut self, seed: u64, outcome: Result<Tally, String>) {
        self.open.remove(&seed);
        match outcome {
            Ok(tally) => self.total.add(&tally),
            Err(fault) => {
                println!("seed {seed} failed: {fault}");
                self.failed += 1;
            }
        }
        if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            let from = self.open.first().copied().unwrap_or(self.next);
            println!("{}; go on with --from {from}", self.in_words());
        }
    }

    fn in_words(&self) -> String {
        let Self {
            total,
            failed,
            kept,
            ..
        } = self;
        let seconds = self.begin.elapsed().as_secs_f64();
        format!(
            "{} seeds, {failed} failed; {} connections, {} opened, {} made again, {} wires ended by the network; \
             {} messages said, {} heard, {} lost and told; {} calls given up; {kept} bytes kept; digest {:016x}; {seconds:.0} s",
            total.seeds + failed,
            total.connections,
            total.opened,
            total.again,
            total.faults,
            total.said,
            total.heard,
            total.lost,
            total.given_up,
            total.digest,
        )
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
