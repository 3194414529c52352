//! `bowsprit`: many WebSocket connections at one prompt.
#![forbid(unsafe_code)]

mod args;
mod command;
mod connection;
mod console;
mod editor;
mod events;
mod history;
mod input;
mod load;
mod log;
mod network;
mod oneshot;
mod options;
mod printer;
mod probe;
mod recording;
mod run;
mod script;
mod serve;
mod session;
mod setup;
mod signals;
mod status;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match run::run(&args) {
        Ok(status) => ExitCode::from(status),
        Err(fault) => {
            printer::warn(&fault);
            ExitCode::from(status::Status::CannotStart as u8)
        }
    }
}
