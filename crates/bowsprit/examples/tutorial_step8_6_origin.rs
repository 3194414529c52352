//! docs/tutorial/client/8-6-origin.md: on whose behalf we come.
//! `cargo run -p bowsprit --example tutorial_step8_6_origin -- ws://localhost:9002 https://app.example`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, process::ExitCode};

use bowsprit::{Client, CloseCode, ConnectError, Context, Handle, Handler};

const USAGE: &str = "Usage: tutorial_step8_6_origin <ws uri> [<origin>]";

/// Opens, and leaves.
struct Visitor;

impl Handler for Visitor {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        println!("> Open");
        // Refused only where the server was quicker, which is as good.
        let _ = cx.close(CloseCode::NORMAL, "");
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        match error.response() {
            Some(head) if head.status() == 403 => println!("> Not for us: {error}"),
            _ => println!("> Failed: {error}"),
        }
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
    let client = Client::builder().background()?;
    let mut request = client.request(&uri)?;
    if let Some(origin) = arguments.next() {
        request = request.origin(&origin)?;
    }
    request.handler(Visitor).start();
    client.join();
    Ok(())
}
