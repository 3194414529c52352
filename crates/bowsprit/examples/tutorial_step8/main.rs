//! docs/tutorial/client/8-10-the-whole-client.md: the client of step 7, with what chapter 2 has taught.
//! `cargo run -p bowsprit --example tutorial_step8 -- --ca server.pem`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

mod act;
mod connection;
mod options;
mod show;

use std::{
    env,
    io::{self, ErrorKind, Write},
    process::ExitCode,
    time::Duration,
};

use bowsprit::{Client, CloseCode, Config, Tls};

use crate::{connection::Connection, show::show};

const USAGE: &str = "Usage: tutorial_step8 [--ca FILE]... [--insecure]";

/// The largest message that a server may send us, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

/// How long `quit` waits for servers to answer.
const QUIT_DEADLINE: Duration = Duration::from_secs(2);

fn main() -> io::Result<ExitCode> {
    let tls = match tls(env::args().skip(1)) {
        Ok(tls) => tls,
        Err(error) => {
            println!("> {error}");
            return Ok(ExitCode::from(2));
        }
    };
    let client = endpoint(tls)?;
    let mut connections: Vec<Connection> = Vec::new();

    while let Some(line) = read_command()? {
        let (command, argument) = split(&line);
        match command {
            "quit" => break,
            "help" => help(),
            "connect" if argument.is_empty() => println!("> Usage: {}", options::CONNECT),
            "connect" => match Connection::open(&client, argument) {
                Ok(connection) => {
                    println!("> Created connection with id {}", connections.len());
                    connections.push(connection);
                }
                Err(error) => println!("> Connect initialization error: {error}"),
            },
            "send" if split(argument).0 == "all" => act::send_all(&connections, split(argument).1),
            "show" | "send" | "ping" | "close" => {
                let (id, details) = split(argument);
                match find(&connections, id) {
                    None => println!("> No connection found with id {id:?}"),
                    Some(connection) => match command {
                        "show" => show(connection),
                        "send" => act::send(connection, details),
                        "ping" => act::ping(connection, details),
                        _ => act::close(connection, details),
                    },
                }
            }
            _ => println!("> Unrecognized Command"),
        }
    }

    quit(&client, &connections);
    Ok(ExitCode::SUCCESS)
}

/// Whom to trust: the system's authorities, and what the arguments say.
fn tls(mut arguments: impl Iterator<Item = String>) -> Result<Tls, String> {
    let mut tls = Tls::client();
    while let Some(argument) = arguments.next() {
        tls = match argument.as_str() {
            "--insecure" => tls.danger_accept_any_certificate(),
            "--ca" => {
                let file = arguments.next().ok_or(USAGE)?;
                tls.add_ca_file(file).map_err(|error| error.to_string())?
            }
            _ => return Err(USAGE.to_owned()),
        };
    }
    if !tls.is_verified() {
        println!(
            "> Certificates are NOT verified: anybody in between can read and change everything"
        );
    }
    Ok(tls)
}

/// An endpoint with a thread of its own, which stays up while no connection is open.
fn endpoint(tls: Tls) -> io::Result<Client> {
    let mut config = Config::client();
    config.limits.message = MAX_MESSAGE;
    let name = concat!("utility_client/", env!("CARGO_PKG_VERSION"));
    let builder = Client::builder().config(config).tls(tls);
    builder.user_agent(name.to_owned()).background()
}

/// The first word, and all that stands behind the one blank after it.
fn split(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
}

fn find<'a>(connections: &'a [Connection], id: &str) -> Option<&'a Connection> {
    connections.get(id.parse::<usize>().ok()?)
}

/// Closes all that is open, gives up what is connecting, and ends the thread.
fn quit(client: &Client, connections: &[Connection]) {
    for (id, connection) in connections.iter().enumerate() {
        if connection.handle.is_open() {
            println!("> Closing connection {id}");
        }
    }
    let dropped = client.blocking_shutdown(CloseCode::GOING_AWAY, QUIT_DEADLINE);
    if dropped > 0 {
        println!("> Dropped {dropped} that did not answer");
    }
}

fn help() {
    println!(
        "\nCommand List:\n\
         {}\n\
         {}\n\
         send <connection id>|all <message>\n\
         send <connection id>|all --hex <bytes>\n\
         ping <connection id> [<payload>]\n\
         close <connection id> [<close code:default=1000>] [<close reason>]\n\
         show <connection id>\n\
         help: Display this help text\n\
         quit: Exit the program\n",
        options::CONNECT,
        options::LIST,
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
