//! docs/tutorial/client/8-7-timers-and-security.md: how long we wait, and how much we take.
//! `cargo run -p bowsprit --example tutorial_step8_7_timers_and_security -- ws://localhost:9002`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, process::ExitCode, time::Duration};

use bowsprit::{
    Cause, Client, Closed, Config, ConnectError, Context, Handle, Handler, KeepAlive, MessageRef,
    Rate,
};

const USAGE: &str = "Usage: tutorial_step8_7_timers_and_security <ws uri>";

/// Everything that a server may make us wait for or hold. Short, so that one can watch.
fn config() -> Config {
    let mut config = Config::client();
    config.timeouts.open = Duration::from_secs(2);
    config.timeouts.idle = Some(Duration::from_secs(4));
    config.keepalive = Some(KeepAlive {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
    });
    config.limits.message = 64 << 10;
    config.limits.rate = Some(Rate {
        per_second: 50,
        burst: 100,
    });
    config
}

/// Says one thing, and then waits for what the server makes of it.
struct Cautious;

impl Handler for Cautious {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        println!("> Open");
        // Refused only where the server was quicker to close.
        let _ = cx.send("ahoy");
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        println!("> Failed: {error}");
    }

    fn on_message(&mut self, _: &mut Context<'_>, message: MessageRef<'_>) {
        // Nothing else is printed: a terminal should not be a server's to fill.
        if message.as_text() == Some("ahoy") {
            println!("> The server says ahoy");
        }
    }

    fn on_pong_timeout(&mut self, _: &mut Context<'_>) {
        println!("> Is anybody there?");
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        println!("> We said: {}", closed.local_code());
        match &closed.cause {
            Some(Cause::Timeout(stage)) => println!("> Too slow: {stage}"),
            Some(Cause::Protocol(error)) => println!("> Too much, or wrong: {error}"),
            _ => println!("> {closed}"),
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
    let client = Client::builder().config(config()).background()?;
    client.request(&uri)?.handler(Cautious).start();
    client.join();
    Ok(())
}
