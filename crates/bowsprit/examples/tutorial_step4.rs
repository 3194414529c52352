//! docs/tutorial/client/4-connect.md: opening connections. `cargo run -p bowsprit --example tutorial_step4`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    io::{self, ErrorKind, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bowsprit::{Client, Config, ConnectError, Context, Handle, Handler, InvalidRequest};

/// The largest message that a server may send us, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

/// One connection, as this program knows it. Its id is its place in the list.
struct Connection {
    uri: String,
    handle: Handle,
    metadata: Arc<Mutex<Metadata>>,
}

/// What the network tells us, on its thread.
#[derive(Clone)]
struct Metadata {
    status: &'static str,
    server: String,
    reason: String,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            status: "Connecting",
            server: "N/A".to_owned(),
            reason: "N/A".to_owned(),
        }
    }
}

/// Writes down what happens to one connection.
struct Recorder(Arc<Mutex<Metadata>>);

impl Handler for Recorder {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let mut metadata = lock(&self.0);
        metadata.status = "Open";
        metadata.server = server_name(cx.info().response_header("server"));
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        let response = error.response();
        let mut metadata = lock(&self.0);
        metadata.status = "Failed";
        metadata.server = server_name(response.and_then(|head| head.header("server")));
        metadata.reason = error.to_string();
    }
}

fn main() -> io::Result<()> {
    let client = endpoint()?;
    let mut connections: Vec<Connection> = Vec::new();

    while let Some(line) = read_command()? {
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        match command {
            "quit" => break,
            "help" => help(),
            "connect" if argument.is_empty() => println!("> Usage: connect <ws uri>"),
            "connect" => match connect(&client, argument) {
                Ok(connection) => {
                    println!("> Created connection with id {}", connections.len());
                    connections.push(connection);
                }
                Err(error) => println!("> Connect initialization error: invalid uri ({error})"),
            },
            "show" if argument.is_empty() => println!("> Usage: show <connection id>"),
            "show" => match find(&connections, argument) {
                Some(connection) => show(connection),
                None => println!("> Unknown connection id {argument}"),
            },
            _ => println!("> Unrecognized Command"),
        }
    }

    // Rude, and the subject of step 5.
    for connection in &connections {
        connection.handle.terminate();
    }
    client.join();
    Ok(())
}

fn connect(client: &Client, uri: &str) -> Result<Connection, InvalidRequest> {
    let metadata = Arc::new(Mutex::new(Metadata::default()));
    let request = client.request(uri)?; // 1. made, nothing is dialled
    let request = request.handler(Recorder(metadata.clone())); // 2. configured
    let handle = request.start(); // 3. let go
    Ok(Connection {
        uri: uri.to_owned(),
        handle,
        metadata,
    })
}

fn find<'a>(connections: &'a [Connection], id: &str) -> Option<&'a Connection> {
    connections.get(id.parse::<usize>().ok()?)
}

fn show(connection: &Connection) {
    // A copy: nobody who prints should keep the network waiting.
    let metadata = lock(&connection.metadata).clone();
    println!("> URI: {}", connection.uri);
    println!("> Status: {}", metadata.status);
    println!("> Remote Server: {}", metadata.server);
    println!("> Error/close reason: {}", metadata.reason);
}

/// How a server calls itself, fit for a terminal.
fn server_name(header: Option<&str>) -> String {
    match header {
        None | Some("") => "None Specified".to_owned(),
        Some(name) => name.escape_debug().to_string(),
    }
}

/// A handler that panicked has left whole fields behind, which may still be shown.
fn lock(metadata: &Mutex<Metadata>) -> MutexGuard<'_, Metadata> {
    metadata.lock().unwrap_or_else(PoisonError::into_inner)
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
         connect <ws uri>\n\
         show <connection id>\n\
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
