//! What an end counts, and how it tells.
#![expect(clippy::print_stdout, reason = "a program for other programs")]

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use bowsprit::Closed;
use serde_json::{Value, json};
use tokio::{runtime::Handle, task::spawn_blocking};

/// How often the counts are told.
pub(crate) const TELL: Duration = Duration::from_millis(200);

/// The counts of one end. What is wrong is told in words too, where it is seen.
#[derive(Default)]
pub(crate) struct Tally {
    /// Connections that are open, and all that ever were.
    pub(crate) open: AtomicU64,
    pub(crate) opened: AtomicU64,
    /// Connections that could not be opened.
    pub(crate) failed: AtomicU64,
    /// Those that agreed on compression.
    pub(crate) compressed: AtomicU64,
    /// Those that ended without a closing handshake, though this end did not want that.
    pub(crate) lost: AtomicU64,
    /// Those that this end dropped on purpose.
    pub(crate) dropped: AtomicU64,
    pub(crate) sent: AtomicU64,
    /// Messages that came and were right.
    pub(crate) right: AtomicU64,
    /// Messages that were changed, came twice, or out of order.
    pub(crate) wrong: AtomicU64,
    /// A server's: numbers that were left out. A client's: messages whose answer was lost with a connection.
    pub(crate) missing: AtomicU64,
    /// Messages to all: sent by a server, taken by a client's connections.
    pub(crate) broadcasts: AtomicU64,
    pub(crate) pongs: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) waits: Waits,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Tally {
    pub(crate) fn wrong(&self, what: &str) {
        count(&self.wrong);
        say(&json!({ "wrong": what }));
    }

    pub(crate) fn lost(&self, sender: u64, closed: Option<&Closed>) {
        count(&self.lost);
        let how = closed.map(ToString::to_string);
        say(&json!({ "lost": how, "sender": sender }));
    }

    pub(crate) fn counts(&self) -> Value {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        json!({
            "open": of(&self.open),
            "opened": of(&self.opened),
            "failed": of(&self.failed),
            "compressed": of(&self.compressed),
            "lost": of(&self.lost),
            "dropped": of(&self.dropped),
            "sent": of(&self.sent),
            "right": of(&self.right),
            "wrong": of(&self.wrong),
            "missing": of(&self.missing),
            "broadcasts": of(&self.broadcasts),
            "pongs": of(&self.pongs),
            "bytes": of(&self.bytes),
            "tasks": Handle::current().metrics().num_alive_tasks(),
        })
    }
}

/// How long answers took, in classes an eighth apart, so that a long run takes no more memory than a short one.
pub(crate) struct Waits([AtomicU64; 512]);

impl Default for Waits {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; 512])
    }
}

impl Waits {
    pub(crate) fn add(&self, wait: Duration) {
        let micros = wait.as_micros().max(1);
        // The place of the first bit, and the three bits behind it.
        let power = micros.ilog2();
        let rest = (micros << 3 >> power) & 7;
        let class = usize::try_from(u128::from(power) * 8 + rest).unwrap_or(usize::MAX);
        count(&self.0[class.min(511)]);
    }

    /// Milliseconds that this share of the answers did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let counts: Vec<u32> = self
            .0
            .iter()
            .map(|counter| u32::try_from(counter.load(Relaxed)).unwrap_or(u32::MAX))
            .collect();
        let total: f64 = counts.iter().copied().map(f64::from).sum();
        let (mut seen, mut bound) = (0.0, 0.0);
        for (class, &number) in (0_u32..).zip(&counts) {
            if number == 0 {
                continue;
            }
            seen += f64::from(number);
            let (power, rest) = (class / 8, class % 8);
            bound = f64::from(power).exp2() * (1.0 + f64::from(rest + 1) / 8.0) / 1000.0;
            if seen >= total * share {
                break;
            }
        }
        bound
    }
}

pub(crate) fn say(value: &Value) {
    println!("{value}");
}

/// A line of standard input; `false` at its end.
pub(crate) async fn hear() -> bool {
    let line = spawn_blocking(|| io::stdin().read_line(&mut String::new())).await;
    matches!(line, Ok(Ok(length)) if length > 0)
}
