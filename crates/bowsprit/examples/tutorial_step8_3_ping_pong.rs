//! docs/tutorial/client/8-3-ping-pong.md: is anybody there, and how far away?
//! `cargo run -p bowsprit --example tutorial_step8_3_ping_pong -- ws://localhost:9002 one two`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    env,
    error::Error,
    process::ExitCode,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    time::Duration,
};

use bowsprit::{Client, CloseCode, Closed, Config, ConnectError, Context, Handle, Handler, Pong};

const USAGE: &str = "Usage: tutorial_step8_3_ping_pong <ws uri> [<payload>]...";

/// How long we wait for each pong, and for the answer to our goodbye.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tells the main thread that the connection is open, and then of each pong.
struct Listener(Sender<Event>);

enum Event {
    Open,
    Pong(Vec<u8>),
}

impl Handler for Listener {
    fn on_open(&mut self, _: &mut Context<'_>) {
        // Nobody listens when the main thread has given up.
        let _ = self.0.send(Event::Open);
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        println!("> Failed: {error}");
    }

    fn on_ping(&mut self, _: &mut Context<'_>, payload: &[u8]) -> Pong {
        println!("> Asked {:?}", String::from_utf8_lossy(payload));
        Pong::Reply
    }

    fn on_pong(&mut self, _: &mut Context<'_>, payload: &[u8]) {
        let _ = self.0.send(Event::Pong(payload.to_vec()));
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
    // The library would ping as well. Here all pings are to be ours.
    let mut config = Config::client();
    config.keepalive = None;
    config.timeouts.close = PATIENCE;
    let client = Client::builder().config(config).background()?;
    let (events, told) = mpsc::channel();
    let handle = client.request(&uri)?.handler(Listener(events)).start();

    // The sending half goes with the handler, so that a connection that failed ends the wait.
    if let Ok(Event::Open) = told.recv() {
        for payload in arguments {
            if let Err(error) = ask(&handle, &told, &payload) {
                println!("> {error}");
                break;
            }
        }
    }
    // Refused where it has not opened or has ended, and then there is nothing to wait for either.
    let _ = handle.close(CloseCode::NORMAL, "");
    client.join();
    Ok(())
}

/// One ping, and its pong or none.
fn ask(handle: &Handle, told: &Receiver<Event>, payload: &str) -> Result<(), Box<dyn Error>> {
    handle.ping(payload.as_bytes())?;
    loop {
        match told.recv_timeout(PATIENCE) {
            Ok(Event::Pong(answer)) if answer == payload.as_bytes() => break,
            // A pong that nobody asked for is allowed, and says nothing about ours.
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return Err(format!("No pong for {payload:?}").into()),
            Err(RecvTimeoutError::Disconnected) => return Err("The connection is gone".into()),
        }
    }
    let time = handle.round_trips().last.unwrap_or_default();
    println!(
        "> Pong {payload:?} after {:.2} ms",
        time.as_secs_f64() * 1e3
    );
    Ok(())
}
