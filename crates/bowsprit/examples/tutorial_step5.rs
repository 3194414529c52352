//! docs/tutorial/client/5-close.md: closing connections. `cargo run -p bowsprit --example tutorial_step5`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    io::{self, ErrorKind, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, CloseFrame, Closed, Config, ConnectError, Context, Handle, Handler,
    Initiator, InvalidRequest, State,
};

/// The largest message that a server may send us, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

/// How to close, for `help` and for a bare `close`.
const CLOSE: &str = "close <connection id> [<close code:default=1000>] [<close reason>]";

/// How long `quit` waits for servers to answer.
const QUIT_DEADLINE: Duration = Duration::from_secs(2);

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
    closed: Option<Closed>,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            status: "Connecting",
            server: "N/A".to_owned(),
            reason: "N/A".to_owned(),
            closed: None,
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

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        let mut metadata = lock(&self.0);
        metadata.status = "Closed";
        metadata.reason = close_details(closed.remote_code(), closed.remote_reason());
        metadata.closed = Some(closed.clone());
    }
}

fn main() -> io::Result<()> {
    let client = endpoint()?;
    let mut connections: Vec<Connection> = Vec::new();

    while let Some(line) = read_command()? {
        let (command, argument) = split(&line);
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
            "close" if argument.is_empty() => println!("> Usage: {CLOSE}"),
            "close" => {
                let (id, details) = split(argument);
                match find(&connections, id) {
                    Some(connection) => close(connection, details),
                    None => println!("> No connection found with id {id}"),
                }
            }
            _ => println!("> Unrecognized Command"),
        }
    }

    quit(&client, &connections);
    Ok(())
}

/// The first word, and all that stands behind the one blank after it.
fn split(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
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

/// Starts the closing handshake; `on_close` tells when it is over.
fn close(connection: &Connection, details: &str) {
    let (code, reason) = split(details);
    let code = match code {
        "" => CloseCode::NORMAL,
        text => match text.parse() {
            Ok(number) => CloseCode(number),
            Err(_) => return println!("> Not a close code: {text}"),
        },
    };
    let fitting = CloseFrame::fit_reason(reason);
    match connection.handle.close(code, fitting) {
        Ok(()) if fitting.len() < reason.len() => {
            println!("> Close reason cut to {} bytes", fitting.len());
        }
        Ok(()) => {}
        Err(error) => println!("> Error initiating close: {error}"),
    }
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

fn find<'a>(connections: &'a [Connection], id: &str) -> Option<&'a Connection> {
    connections.get(id.parse::<usize>().ok()?)
}

fn show(connection: &Connection) {
    // A copy: nobody who prints should keep the network waiting.
    let metadata = lock(&connection.metadata).clone();
    let status = match connection.handle.state() {
        State::Closing if metadata.status == "Open" => "Closing",
        _ => metadata.status,
    };
    println!("> URI: {}", connection.uri);
    println!("> Status: {status}");
    println!("> Remote Server: {}", metadata.server);
    println!("> Error/close reason: {}", metadata.reason);
    if let Some(closed) = &metadata.closed {
        show_end(closed);
    }
}

/// Our half of the closing handshake, who began it, and what else went wrong.
fn show_end(closed: &Closed) {
    let sent = close_details(closed.local_code(), closed.local_reason());
    println!("> Sent close: {sent}");
    match closed.initiator {
        Some(Initiator::Local) => println!("> Closed first by: this side"),
        Some(Initiator::Remote) => println!("> Closed first by: peer"),
        None => {}
    }
    if let Some(cause) = &closed.cause {
        println!("> Cause: {cause}");
    }
}

/// A code and a reason, fit for a terminal.
fn close_details(code: CloseCode, reason: &str) -> String {
    format!(
        "close code: {code}, close reason: {}",
        reason.escape_debug()
    )
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
         {CLOSE}\n\
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
