//! The program `bowsprit`: many WebSocket connections at one prompt.
//!
//! A library only so that its fuzz targets can reach what is in it; it promises nothing to others.
#![forbid(unsafe_code)]

mod args;
mod command;
mod connection;
mod console;
mod descriptors;
mod editor;
mod events;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod history;
mod input;
mod load;
mod log;
mod network;
mod oneshot;
mod options;
mod printer;
mod probe;
mod processes;
mod recording;
mod run;
mod script;
mod serve;
mod session;
mod setup;
mod signals;
mod stamp;
mod status;

use std::process::ExitCode;

use args::{Args, Form};

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    descriptors::raise();
    let args = descriptors::check_output().and_then(|()| Args::read());
    let status = args.and_then(|args| match &args.form {
        None => run::run(&args),
        Some(Form::Send(args)) => oneshot::send(args),
        Some(Form::Listen(args)) => oneshot::listen(args),
        Some(Form::Ping(args)) => probe::ping(args),
        Some(Form::Check(args)) => probe::check(args),
        Some(Form::Run(run)) => script::run(run, args.config.as_ref()),
        Some(Form::Serve(args)) => serve::serve(args),
        Some(Form::Load(args)) => load::load(args),
        Some(Form::Replay(args)) => recording::replay(args),
        Some(Form::Completions(args)) => setup::completions(args),
        Some(Form::Man(args)) => setup::manual(args),
    });
    processes::kill_all();
    match status {
        Ok(status) => ExitCode::from(status),
        Err(fault) => {
            printer::warn(&fault);
            ExitCode::from(status::Status::CannotStart as u8)
        }
    }
}
