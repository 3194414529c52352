//! docs/tutorial/client/8-9-send-to-all.md: one message to all connections, and who does not keep up.
//! `cargo run -p bowsprit --example tutorial_step8_9_send_to_all -- ws://localhost:9002 ws://localhost:9003`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    env,
    error::Error,
    process::ExitCode,
    sync::mpsc::{self, Sender},
    thread,
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, ConnectError, Context, Handle, Handler, Outcome, Prepared, SendError,
    SlowReader, State, broadcast_each,
};

const USAGE: &str = "Usage: tutorial_step8_9_send_to_all <ws uri>...";

/// How often the message is sent, and its size in bytes.
const ROUNDS: usize = 1000;
const SIZE: usize = 64 << 10;

/// How long servers have to answer our goodbye.
const QUIT_DEADLINE: Duration = Duration::from_secs(1);

/// Tells the main thread when its connection is open, or has failed.
struct Announcer(Sender<()>);

impl Handler for Announcer {
    fn on_open(&mut self, _: &mut Context<'_>) {
        // Somebody listens: the main thread waits for all of us.
        let _ = self.0.send(());
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        println!("> Failed: {error}");
        let _ = self.0.send(());
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

fn run(arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let client = Client::builder().background()?;
    let (openings, opened) = mpsc::channel();
    let mut connections: Vec<Handle> = Vec::new();
    for uri in arguments {
        let request = client.request(&uri)?;
        let handle = request.handler(Announcer(openings.clone())).start();
        connections.push(handle);
    }
    if connections.is_empty() {
        return Err(USAGE.into());
    }
    opened.iter().take(connections.len()).for_each(drop);

    // Checked and framed once, whatever the number of connections and rounds.
    let message = Prepared::from("x".repeat(SIZE));
    for round in 0..ROUNDS {
        let taken = send_to_all(&connections, &message);
        if round == 0 {
            println!("> Queued for {taken} of {}", connections.len());
        }
        connections.retain(|handle| handle.state() == State::Open);
        wait_for_the_fastest(&connections);
    }
    println!("> Still open: {}", connections.len());
    client.blocking_shutdown(CloseCode::GOING_AWAY, QUIT_DEADLINE);
    Ok(())
}

/// Queues the message for each connection, and closes those with too much in their queue. Never waits.
fn send_to_all(connections: &[Handle], message: &Prepared) -> usize {
    let slow = SlowReader::Close(CloseCode::TRY_AGAIN_LATER);
    let outcomes = broadcast_each(connections, message.clone(), slow);
    for Outcome { handle, result, .. } in &outcomes {
        match result {
            Ok(()) => {}
            Err(SendError::Full) => println!("> Connection {} does not keep up", handle.id()),
            Err(error) => println!("> Connection {}: {error}", handle.id()),
        }
    }
    outcomes
        .iter()
        .filter(|outcome| outcome.result.is_ok())
        .count()
}

/// Until one of them has taken all it was sent: the pace is that of the fastest, not of the slowest.
fn wait_for_the_fastest(connections: &[Handle]) {
    let is_behind = |handle: &Handle| handle.is_open() && handle.buffered_bytes() > 0;
    while !connections.is_empty() && connections.iter().all(is_behind) {
        thread::sleep(Duration::from_millis(1));
    }
}
