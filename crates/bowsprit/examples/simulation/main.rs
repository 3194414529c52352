//! Clients and servers of this library over a network that does its worst, with a clock of its own.
//!
//! ```sh
//! cargo run --release -p bowsprit --example simulation -- --seeds 200 --messages 600000
//! cargo run --release -p bowsprit --example simulation -- --from 4711 --seeds 1 --trace
//! ```
//!
//! Each seed decides how many connections there are, what each end does, and when its network splits, delays,
//! stalls, resets, half-closes or falls silent. Checked for each: every message comes once, in its order and
//! unharmed, or both ends are told of the loss; each connection has one open or fail, and one close; no task,
//! timer or byte stays behind. A seed that fails is printed and fails again when it is run alone.
//!
//! `docs/explanation/security/simulation.md` has what is covered and what is not.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

mod again;
mod crowd;
mod ends;
mod ledger;
mod network;
mod options;
mod part;
mod payload;
mod pulse;
mod talker;
mod weather;
mod workers;
mod world;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    match Options::read() {
        Ok(options) => workers::run(&options),
        Err(fault) => {
            println!("{fault}");
            ExitCode::from(2)
        }
    }
}
