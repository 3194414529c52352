//! Bowsprit's core, driven as its tokio driver does it: a buffer for all reads, a loop over each.

use std::sync::Arc;

use bowsprit_proto::{Config, Connection, Event, Message, MessageRef, Role};

use super::Run;
use crate::{cell::Cell, keys, stream::Mock};

const READ: usize = 64 * 1024;

pub fn receive(cell: &Cell, mut stream: Mock) -> Run {
    let mut connection = open(cell);
    let mut buffer = vec![0; READ];
    let (mut at, mut end) = (0, 0);
    let cell = cell.clone();
    Box::new(move |messages| {
        let mut received = 0;
        while received < messages {
            if at == end {
                (at, end) = (0, stream.read(&mut buffer));
            }
            let mut input = &mut buffer[at..end];
            while received < messages {
                match connection.receive(&mut input) {
                    Some(Event::Message(message)) => {
                        cell.received(message.as_bytes());
                        received += 1;
                    }
                    None => break,
                    other => panic!("a message was sent, not {other:?}"),
                }
            }
            at = end - input.len();
        }
    })
}

/// Small payloads are copied out of what the application has; large ones, which it has as a `Message`,
/// are kept by reference.
pub fn send(cell: &Cell, mut stream: Mock) -> Run {
    const SHARED_FROM: usize = 8 * 1024;
    let mut connection = open(cell);
    let message = if cell.is_text() {
        let text = String::from_utf8(cell.message().to_vec()).expect("text");
        Message::from(text)
    } else {
        Message::Binary(cell.message())
    };
    Box::new(move |messages| {
        for _ in 0..messages {
            let sent = if message.as_bytes().len() >= SHARED_FROM {
                connection.send_shared(message.clone())
            } else {
                connection.send(MessageRef::from(&message))
            };
            sent.expect("an open connection");
            let written = connection.transmit().map(|piece| stream.write(piece)).sum();
            connection.transmitted(written);
        }
    })
}

fn open(cell: &Cell) -> Connection {
    let role = if cell.is_server() {
        Role::Server
    } else {
        Role::Client
    };
    Connection::new(role, Arc::new(Config::for_role(role)), keys::next)
}
