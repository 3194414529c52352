//! docs/tutorial/client/8-2-headers.md: headers of our own, and those of the server.
//! `cargo run -p bowsprit --example tutorial_step8_2_headers -- ws://localhost:9002 'X-Ship: Beagle'`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, process::ExitCode};

use bowsprit::{Client, Closed, ConnectError, Context, Handle, Handler, MessageRef};

const USAGE: &str = "Usage: tutorial_step8_2_headers <ws uri> ['<name>: <value>']...";

/// Prints what the server says, in its headers and in its messages.
struct Reader;

impl Handler for Reader {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        for (name, value) in cx.info().headers() {
            println!("< {name}: {}", value.escape_debug());
        }
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        println!("> Failed: {error}");
    }

    fn on_message(&mut self, _: &mut Context<'_>, message: MessageRef<'_>) {
        if let Some(text) = message.as_text() {
            println!("<< {}", text.escape_debug());
        }
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
    for line in arguments {
        let (name, value) = line.split_once(": ").ok_or(USAGE)?;
        request = request.header(name, value)?;
    }
    request.handler(Reader).start();
    client.join();
    Ok(())
}
