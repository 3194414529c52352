//! `bowsprit`: many WebSocket connections at one prompt.
#![forbid(unsafe_code)]

mod args;
mod command;
mod connection;
mod console;
mod editor;
mod history;
mod input;
mod network;
mod printer;
mod run;
mod serve;
mod session;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match run::run(&args) {
        Ok(status) => ExitCode::from(status),
        Err(fault) => {
            printer::warn(&fault);
            ExitCode::from(run::CANNOT_START)
        }
    }
}
