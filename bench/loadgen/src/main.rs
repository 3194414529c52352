//! Load for WebSocket servers on the same machine: one thread, one JSON object a run. See README.md.

mod broadcast;
mod client;
mod connection;
mod echo;
mod handshake;
mod idle;
mod link;
mod meter;
mod options;
mod payload;
mod process;
mod report;
mod socket;
mod tape;
mod tls;
mod wire;

use std::{env, error::Error, io::Write, process::ExitCode};

use client::Client;
use options::{Mode, Options, USAGE};

/// Whatever went wrong ends the run, so it only has to be readable.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let Some(options) = Options::parse(env::args().skip(1))? else {
        println!("{USAGE}");
        return Ok(());
    };
    if options.mode == Mode::Payload {
        return Ok(std::io::stdout().write_all(&payload::all(&options))?);
    }
    if let Some(core) = options.cpu {
        process::pin(core)?;
    }
    process::raise_descriptor_limit()?;
    let client = Client::new(&options)?;
    let report = match options.mode {
        Mode::Echo => echo::run(&client)?,
        Mode::Idle => idle::run(&client)?,
        Mode::Handshake => handshake::run(&client)?,
        Mode::Broadcast => broadcast::run(&client)?,
        Mode::Payload => unreachable!("it needs no client"),
    };
    println!("{report}");
    Ok(())
}
