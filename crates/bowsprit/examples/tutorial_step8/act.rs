//! What can be done with open connections: send, to one or to all, ping and close.

use std::sync::MutexGuard;

use bowsprit::{CloseCode, CloseFrame, Message, SlowReader, broadcast_each};

use crate::{
    connection::{Connection, Metadata},
    split,
};

/// Sends text as it was typed, or what stands behind `--hex` as bytes.
pub(crate) fn send(connection: &Connection, text: &str) {
    let Some(message) = message(text) else { return };
    // Held until the message is recorded, so that no answer is recorded before it.
    let mut metadata = connection.metadata();
    match connection.handle.send(message.clone()) {
        Ok(()) => metadata.record(">>", message),
        Err(error) => println!("> Error sending message: {error}"),
    }
}

/// Queues one message for all that are open. Who has too much in its queue does not get it.
pub(crate) fn send_all(connections: &[Connection], text: &str) {
    let Some(message) = message(text) else { return };
    let is_open = |(_, connection): &(usize, &Connection)| connection.handle.is_open();
    let (ids, open): (Vec<usize>, Vec<&Connection>) =
        connections.iter().enumerate().filter(is_open).unzip();
    let handles = open.iter().map(|connection| &connection.handle);
    // Of all of them, as in `send`. A handler waits for no lock but its own, so nobody waits for ever.
    let mut metadata: Vec<MutexGuard<'_, Metadata>> = open
        .iter()
        .map(|connection| connection.metadata())
        .collect();
    let outcomes = broadcast_each(handles, message.clone(), SlowReader::Report);

    let mut sent = 0;
    for ((id, metadata), outcome) in ids.iter().zip(&mut metadata).zip(outcomes) {
        match outcome.result {
            Ok(()) => {
                sent += 1;
                metadata.record(">>", message.clone());
            }
            Err(error) => println!("> Error sending message to {id}: {error}"),
        }
    }
    println!("> Sent to {sent} of {}", ids.len());
}

/// One ping; `show` tells how long its pong took.
pub(crate) fn ping(connection: &Connection, payload: &str) {
    if let Err(error) = connection.handle.ping(payload.as_bytes()) {
        println!("> Error sending ping: {error}");
    }
}

/// Starts the closing handshake; `on_close` tells when it is over.
pub(crate) fn close(connection: &Connection, details: &str) {
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

/// What is to be sent; `None`, and said why, where the digits are none.
fn message(text: &str) -> Option<Message> {
    let Some(digits) = text.strip_prefix("--hex ") else {
        return Some(Message::from(text));
    };
    let bytes = parse_hex(digits);
    if bytes.is_none() {
        println!("> Not hexadecimal: {digits}");
    }
    bytes.map(Message::from)
}

/// Reads what `show` prints: bytes of two digits with blanks between them.
fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.split_whitespace();
    bytes
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect()
}
