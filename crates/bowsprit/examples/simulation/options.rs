//! The command line.

use std::{env, num::NonZeroUsize, thread};

use crate::weather::Mode;

pub(crate) struct Options {
    pub(crate) from: u64,
    pub(crate) seeds: u64,
    pub(crate) messages: u64,
    pub(crate) threads: u64,
    pub(crate) mode: Mode,
    /// Tells all that happens.
    pub(crate) traces: bool,
}

const HELP: &str = "options: --from SEED, --seeds COUNT, --messages COUNT (for each seed), --threads COUNT, \
    --trickle (one byte at a time, dropped futures), --trace";

impl Options {
    pub(crate) fn read() -> Result<Self, String> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut options = Self {
            from: 0,
            seeds: 20,
            messages: 20_000,
            threads: threads as u64,
            mode: Mode::All,
            traces: false,
        };
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            let place = match word.as_str() {
                "--from" => &mut options.from,
                "--seeds" => &mut options.seeds,
                "--messages" => &mut options.messages,
                "--threads" => &mut options.threads,
                "--trickle" => {
                    options.mode = Mode::Trickle;
                    continue;
                }
                "--trace" => {
                    options.traces = true;
                    continue;
                }
                _ => return Err(HELP.to_owned()),
            };
            let number = words.next().and_then(|number| number.parse().ok());
            *place = number.ok_or_else(|| format!("{word} needs a number"))?;
        }
        Ok(options)
    }
}
