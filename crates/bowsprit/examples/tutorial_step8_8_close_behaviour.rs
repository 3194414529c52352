//! docs/tutorial/client/8-8-close-behaviour.md: who closed, with which words, and what else it may have been.
//! `cargo run -p bowsprit --example tutorial_step8_8_close_behaviour -- ws://localhost:9002`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, process::ExitCode, time::Duration};

use bowsprit::{
    Client, CloseCode, Closed, Config, ConnectError, Context, Handle, Handler, Initiator,
    MessageRef,
};

const USAGE: &str = "Usage: tutorial_step8_8_close_behaviour <ws uri>";

/// Says one thing, and leaves when the answer is there.
struct Guest;

impl Handler for Guest {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        // Refused only where the server was quicker to close.
        let _ = cx.send("ahoy");
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        println!("> Failed: {error}");
    }

    fn on_message(&mut self, cx: &mut Context<'_>, _: MessageRef<'_>) {
        let _ = cx.close(CloseCode(4001), "that is all");
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        show(closed);
    }
}

/// The two halves of an end, who began it, and what stood in its way.
fn show(closed: &Closed) {
    let halves = [
        ("We sent", closed.local_code(), closed.local_reason()),
        ("They sent", closed.remote_code(), closed.remote_reason()),
    ];
    for (who, code, reason) in halves {
        println!("> {who}: {code} \"{}\"", reason.escape_debug());
    }
    match closed.initiator {
        Some(Initiator::Local) => println!("> First: we"),
        Some(Initiator::Remote) => println!("> First: they"),
        None => println!("> First: nobody"),
    }
    match &closed.cause {
        Some(cause) => println!("> Not clean: {cause}"),
        None if closed.is_clean() => println!("> Clean"),
        None => println!("> Not clean"),
    }
}

fn main() -> ExitCode {
    match run(env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("> {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let uri = arguments.next().ok_or(USAGE)?;
    let mut config = Config::client();
    config.timeouts.close = Duration::from_secs(1);
    let client = Client::builder().config(config).background()?;
    client.request(&uri)?.handler(Guest).start();
    client.join();
    Ok(())
}
