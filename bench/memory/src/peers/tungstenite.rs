//! tungstenite: `read` and `send`. It checks text itself.

use tungstenite::{Message, Utf8Bytes, WebSocket, protocol::Role};

use super::Run;
use crate::{cell::Cell, stream::Mock};

pub fn receive(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let cell = cell.clone();
    Box::new(move |messages| {
        for _ in 0..messages {
            match socket.read().expect("a message") {
                Message::Text(text) => cell.received(text.as_bytes()),
                Message::Binary(data) => cell.received(&data),
                other => panic!("a message was sent, not {other:?}"),
            }
        }
    })
}

pub fn send(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let message = if cell.is_text() {
        Message::Text(Utf8Bytes::try_from(cell.message()).expect("text"))
    } else {
        Message::Binary(cell.message())
    };
    Box::new(move |messages| {
        for _ in 0..messages {
            socket.send(message.clone()).expect("an open connection");
        }
    })
}

fn open(cell: &Cell, stream: Mock) -> WebSocket<Mock> {
    let role = if cell.is_server() {
        Role::Server
    } else {
        Role::Client
    };
    WebSocket::from_raw_socket(stream, role, None)
}
