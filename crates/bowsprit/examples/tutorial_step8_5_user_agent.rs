//! docs/tutorial/client/8-5-user-agent.md: how we call ourselves.
//! `cargo run -p bowsprit --example tutorial_step8_5_user_agent -- ws://localhost:9002`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, process::ExitCode, sync::mpsc};

use bowsprit::{Client, ConnectRequest, Handlers};

const USAGE: &str = "Usage: tutorial_step8_5_user_agent <ws uri> [<name>]";

/// Product and version of this program, and where its operator can be found.
const NAME: &str = "utility-client/8.5 (+https://example.com/utility-client)";

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
    let name = arguments.next().unwrap_or_else(|| NAME.to_owned());
    let client = Client::builder().background()?;

    let early = client.request(&uri)?;
    client.set_defaults(|defaults| defaults.user_agent = Some(name));
    let late = client.request(&uri)?;
    let silent = client.request(&uri)?.user_agent("")?;

    println!("> Made before the name was set: {}", visit(early)?);
    println!("> Made after it: {}", visit(late)?);
    println!("> Asked to say nothing: {}", visit(silent)?);
    client.join();
    Ok(())
}

/// Opens one connection and returns the first message of the server.
fn visit(request: ConnectRequest) -> Result<String, Box<dyn Error>> {
    let (answers, answer) = mpsc::channel();
    let failures = answers.clone();
    let handlers = Handlers::new()
        .on_message(move |_, message| {
            let text = message.as_text().unwrap_or_default();
            // Only the first is waited for.
            let _ = answers.send(Ok(text.escape_debug().to_string()));
        })
        .on_fail(move |_, error| {
            let _ = failures.send(Err(error.to_string()));
        });
    request.handler(handlers).start();
    // Without a message both sending halves go with the handlers, and the wait ends.
    Ok(answer.recv()??)
}
