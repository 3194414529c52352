//! What `show` prints, and how a peer's words become fit for a terminal.

use std::time::Duration;

use bowsprit::{CloseCode, Closed, ConnectionInfo, Initiator, Message, RoundTrips, State, TlsInfo};

use crate::connection::Connection;

pub(crate) fn show(connection: &Connection) {
    // A copy: nobody who prints should keep the network waiting.
    let metadata = connection.metadata().clone();
    let status = match connection.handle.state() {
        State::Closing if metadata.status == "Open" => "Closing",
        _ => metadata.status,
    };
    println!("> URI: {}", connection.uri);
    println!("> Status: {status}");
    println!("> Remote Server: {}", metadata.server);
    println!("> Error/close reason: {}", metadata.reason);
    println!("> Messages Processed: ({}) ", metadata.processed);
    for (direction, message) in &metadata.history {
        println!("{direction} {}", printable(message));
    }
    if let Some(closed) = &metadata.closed {
        show_end(closed);
    }
    if let Some(info) = connection.handle.info() {
        show_agreed(&info);
    }
    show_round_trips(connection.handle.round_trips());
    println!();
}

/// Text with escapes where it could act on the terminal, bytes as hexadecimal.
fn printable(message: &Message) -> String {
    match message {
        Message::Text(text) => escape(text),
        Message::Binary(bytes) => bytes.iter().map(|byte| format!("{byte:02X} ")).collect(),
    }
}

/// Writes out what could act on a terminal, or hide in it. Quotes may stand.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' => safe.push(c),
            _ => safe.extend(c.escape_debug()),
        }
    }
    safe
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

/// What the opening handshake settled.
fn show_agreed(info: &ConnectionInfo) {
    if let Some(name) = info.subprotocol() {
        println!("> Subprotocol: {name}");
    }
    if let Some(tls) = info.tls() {
        show_tls(tls);
    }
}

fn show_tls(tls: &TlsInfo) {
    let verified = if tls.verified {
        "verified"
    } else {
        "NOT VERIFIED"
    };
    println!(
        "> TLS: {}, {}, certificate {verified}",
        tls.version, tls.cipher
    );
}

fn show_round_trips(times: RoundTrips) {
    if let (Some(last), Some(mean), Some(worst)) = (times.last, times.mean, times.worst) {
        let millis = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        println!(
            "> Pongs: {}, last {}, mean {}, worst {}",
            times.count,
            millis(last),
            millis(mean),
            millis(worst)
        );
    }
}

/// A code and a reason, fit for a terminal.
pub(crate) fn close_details(code: CloseCode, reason: &str) -> String {
    format!("close code: {code}, close reason: {}", escape(reason))
}

/// How a server calls itself, fit for a terminal.
pub(crate) fn server_name(header: Option<&str>) -> String {
    match header {
        None | Some("") => "None Specified".to_owned(),
        Some(name) => escape(name),
    }
}
