//! docs/tutorial/client/2-endpoint.md: an endpoint and its settings. `cargo run -p bowsprit --example tutorial_step2`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::io::{self, ErrorKind, Write};

use bowsprit::{Client, Config};

/// The largest message that a server may send us, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

fn main() -> io::Result<()> {
    let client = endpoint();
    client.set_defaults(|defaults| defaults.user_agent = Some("utility_client/0.2".to_owned()));

    while let Some(line) = read_command()? {
        match line.as_str() {
            "quit" => break,
            "help" => help(),
            _ => println!("Unrecognized Command"),
        }
    }
    Ok(())
}

/// The role is the type, the settings are a value.
fn endpoint() -> Client {
    let mut config = Config::client();
    config.limits.message = MAX_MESSAGE;
    Client::builder().config(config).build()
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
