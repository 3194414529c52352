//! docs/tutorial/client/8-1-subprotocols.md: what the messages will mean.
//! `cargo run -p bowsprit --example tutorial_step8_1_subprotocols -- ws://localhost:9002 chat.v2 chat.v1`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, process::ExitCode};

use bowsprit::{Client, CloseCode, Closed, ConnectError, Context, Handle, Handler};

const USAGE: &str = "Usage: tutorial_step8_1_subprotocols <ws uri> [<subprotocol>]...";

/// Looks at what the server has chosen, and leaves.
struct Chooser;

impl Handler for Chooser {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let (code, reason) = match cx.info().subprotocol() {
            Some(name) => {
                println!("> The server speaks {name}");
                (CloseCode::NORMAL, "")
            }
            None => {
                println!("> The server speaks none of these");
                (CloseCode::POLICY_VIOLATION, "no common subprotocol")
            }
        };
        // Refused only where the server was quicker, which is as good.
        let _ = cx.close(code, reason);
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        println!("> Failed: {error}");
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        println!("> {closed}");
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
    for name in arguments {
        request = request.subprotocol(&name)?; // the most preferred first
    }
    request.handler(Chooser).start();
    client.join();
    Ok(())
}
