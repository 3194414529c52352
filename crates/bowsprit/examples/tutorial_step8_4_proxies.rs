//! docs/tutorial/client/8-4-proxies.md: through somebody else's door.
//! `cargo run -p bowsprit --example tutorial_step8_4_proxies -- ws://localhost:9002 http://localhost:8888`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, process::ExitCode};

use bowsprit::{Client, CloseCode, Closed, ConnectError, Context, Handle, Handler, Proxy, Step};

const USAGE: &str = "Usage: tutorial_step8_4_proxies <ws uri> [<proxy uri>]";

/// Opens, and leaves.
struct Visitor;

impl Handler for Visitor {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        println!("> Open");
        // Refused only where the server was quicker, which is as good.
        let _ = cx.close(CloseCode::NORMAL, "");
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        println!("> Failed: {error}");
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        println!("> {closed}");
    }
}

/// The way to the server, as far as we want to see it.
fn tell(step: &Step<'_>) {
    match step {
        Step::Connected(Some(peer)) => println!("> Connected to {peer}"),
        Step::Tunneled(proxy) => println!("> {proxy} has made a tunnel"),
        _ => {}
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
    let proxy = match arguments.next() {
        Some(proxy) => Proxy::parse(&proxy)?,
        None => Proxy::environment(),
    };
    let client = Client::builder().proxy(proxy).background()?;
    client.request(&uri)?.on_step(tell).handler(Visitor).start();
    client.join();
    Ok(())
}
