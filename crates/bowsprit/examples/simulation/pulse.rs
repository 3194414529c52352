//! What all of a seed's connections share: the digest of all that happens in its order, and what is still there.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::time::Instant;

/// Cloned into everything that has something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start: Instant,
    traces: bool,
    digest: AtomicU64,
    ends: AtomicU64,
    faults: AtomicU64,
    given_up: AtomicU64,
}

impl Pulse {
    pub(crate) fn new(traces: bool) -> Self {
        Self(Arc::new(Inner {
            start: Instant::now(),
            traces,
            digest: AtomicU64::new(0),
            ends: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
        }))
    }

    /// Something happened: two runs that differ in what, or in the order, end with another digest.
    pub(crate) fn beat(&self, what: u64) {
        // A seed has one thread.
        let digest = self.0.digest.load(Relaxed).rotate_left(5) ^ what;
        self.0
            .digest
            .store(digest.wrapping_mul(0x9E37_79B9_7F4A_7C15), Relaxed);
    }

    pub(crate) fn digest(&self) -> u64 {
        self.0.digest.load(Relaxed)
    }

    pub(crate) fn tell(&self, text: impl FnOnce() -> String) {
        if self.0.traces {
            println!("{:>12.6} {}", self.0.start.elapsed().as_secs_f64(), text());
        }
    }

    /// A wire was ended by its weather.
    pub(crate) fn count_fault(&self) {
        self.0.faults.fetch_add(1, Relaxed);
    }

    pub(crate) fn faults(&self) -> u64 {
        self.0.faults.load(Relaxed)
    }

    /// A future was dropped before it was done.
    pub(crate) fn count_given_up(&self) {
        self.0.given_up.fetch_add(1, Relaxed);
    }

    pub(crate) fn given_up(&self) -> u64 {
        self.0.given_up.load(Relaxed)
    }

    pub(crate) fn end_came(&self) {
        self.0.ends.fetch_add(1, Relaxed);
    }

    pub(crate) fn end_went(&self) {
        self.0.ends.fetch_sub(1, Relaxed);
    }

    /// How many ends of wires there are, each with the endpoint that owns it.
    pub(crate) fn ends(&self) -> u64 {
        self.0.ends.load(Relaxed)
    }

    /// Who else holds on to this.
    pub(crate) fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}
