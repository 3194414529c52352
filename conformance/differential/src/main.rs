//! The same bytes through Bowsprit, tungstenite and Python's `websockets`, and why they differ.
//!
//!     differential [--seeds N] [--from SEED] [--python PROGRAM] [--show SEED]
//!
//! Streams follow from their seeds. One in 16 is compressed, which `websockets` judges, and one in 16 of the others
//! it judges too; PROGRAM is a Python that has it, and without one both are left out. tungstenite judges all that
//! have no compression. A difference that fits none of the classes in `classes.rs` is printed with its seed, and
//! makes the run fail. `--show` tells of one seed what each judge makes of it.

#![forbid(unsafe_code)]

mod case;
mod classes;
mod deflated;
mod judges;
mod payload;
mod rng;
mod stream;
mod tally;
mod verdict;

use std::{env, error::Error, process::ExitCode};

use case::Case;
use judges::websockets::Websockets;
use tally::Tally;

/// So many cases are sent to the other process at once.
const BATCH: usize = 128;

/// Which of 16 seeds make a compressed stream, and which a plain one that all three judge.
const COMPRESSED: u64 = 15;
const FOR_ALL: u64 = 7;

struct Options {
    from: u64,
    seeds: u64,
    python: Option<String>,
    shows: bool,
}

fn main() -> ExitCode {
    let result = options().and_then(|options| run(&options));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        from: 0,
        seeds: 100_000,
        python: None,
        shows: false,
    };
    let mut args = env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--seeds" => options.seeds = value.parse()?,
            "--from" => options.from = value.parse()?,
            "--python" => options.python = Some(value),
            "--show" => {
                (options.from, options.seeds) = (value.parse()?, 1);
                options.shows = true;
            }
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(options)
}

/// Whether every difference has a name.
fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut python = options
        .python
        .as_deref()
        .map(Websockets::start)
        .transpose()?;
    let version = python.as_ref().map_or("", |python| &python.version);
    let mut tungstenite = Tally::new("tungstenite 0.30".to_owned(), options.shows);
    let mut plain = Tally::new(format!("websockets {version}"), options.shows);
    let mut compressed = Tally::new(format!("websockets {version}, compressed"), options.shows);
    let mut waiting: Vec<Case> = Vec::new();
    let end = options.from.saturating_add(options.seeds);
    for seed in options.from..end {
        let case = stream::generate(seed, seed % 16 == COMPRESSED);
        if case.deflate.is_none() {
            let theirs = judges::tungstenite::judge(&case);
            let judge = &mut judges::tungstenite::judge;
            tungstenite.compare(&case, &theirs, classes::tungstenite, judge);
        }
        let Some(python) = &mut python else {
            continue;
        };
        if matches!(seed % 16, COMPRESSED | FOR_ALL) {
            waiting.push(case);
        }
        if waiting.len() < BATCH && seed + 1 < end {
            continue;
        }
        let verdicts = python.judge(&waiting.iter().collect::<Vec<_>>())?;
        for (case, theirs) in waiting.drain(..).zip(verdicts) {
            let tally = match case.deflate {
                Some(_) => &mut compressed,
                None => &mut plain,
            };
            let mut again = |case: &Case| python.judge(&[case]).expect("a verdict").remove(0);
            tally.compare(&case, &theirs, classes::websockets, &mut again);
        }
    }
    let tallies = [tungstenite, plain, compressed];
    for tally in tallies.iter().filter(|tally| tally.streams > 0) {
        println!("{tally}");
    }
    Ok(tallies.iter().all(Tally::is_explained))
}
