//! docs/tutorial/client/3-thread.md: a thread for the network. `cargo run -p bowsprit --example tutorial_step3`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::io::{self, ErrorKind, Write};

use bowsprit::{Client, Config};

/// The largest message that a server may send us, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

fn main() -> io::Result<()> {
    let client = endpoint()?;

    while let Some(line) = read_command()? {
        match line.as_str() {
            "quit" => break,
            "help" => help(),
            _ => println!("Unrecognized Command"),
        }
    }

    client.stop_perpetual();
    client.join();
    Ok(())
}

/// An endpoint with a thread of its own, which stays up while no connection is open.
fn endpoint() -> io::Result<Client> {
    let mut config = Config::client();
    config.limits.message = MAX_MESSAGE;
    Client::builder().config(config).background()
}

fn help() {
    println!(
        "\nCommand List:\n\
         help: Display this help text\n\
         quit: Exit the program\n"
    );
}

/// Asks for a line and waits for it; `None` at the end of the input.
fn read_command() -> io::Result<Option<String>> {
    print!("Enter Command: ");
    io::stdout().flush()?;
    match io::stdin().lines().next() {
        // Bytes that are not UTF-8 are no command. The next line may be one.
        Some(Err(error)) if error.kind() == ErrorKind::InvalidData => Ok(Some(String::new())),
        None => {
            println!();
            Ok(None)
        }
        line => line.transpose(),
    }
}
