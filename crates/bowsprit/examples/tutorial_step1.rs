//! docs/tutorial/client/1-command-loop.md: the command loop. `cargo run -p bowsprit --example tutorial_step1`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::io::{self, ErrorKind, Write};

fn main() -> io::Result<()> {
    while let Some(line) = read_command()? {
        match line.as_str() {
            "quit" => break,
            "help" => help(),
            _ => println!("Unrecognized Command"),
        }
    }
    Ok(())
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
