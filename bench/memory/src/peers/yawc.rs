//! yawc: `next` and `send`, with the check of text that it leaves off by default.

use futures_util::{SinkExt, StreamExt};
use yawc::{Frame, OpCode, Options, Role, WebSocket};

use super::{Run, block_on};
use crate::{cell::Cell, stream::Mock};

pub fn receive(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let cell = cell.clone();
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                let frame = socket.next().await.expect("a message");
                assert!(matches!(frame.opcode(), OpCode::Text | OpCode::Binary));
                cell.received(frame.payload());
            }
        });
    })
}

pub fn send(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let (is_text, message) = (cell.is_text(), cell.message());
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                let frame = if is_text {
                    Frame::text(message.clone())
                } else {
                    Frame::binary(message.clone())
                };
                socket.send(frame).await.expect("an open connection");
            }
        });
    })
}

fn open(cell: &Cell, stream: Mock) -> WebSocket<Mock> {
    let role = if cell.is_server() {
        Role::Server
    } else {
        Role::Client
    };
    // By default it takes frames of less than 1 MiB, which the largest here is.
    let options = Options::default()
        .with_utf8()
        .with_max_payload_read(2 << 20);
    WebSocket::from_stream(stream, role, options).expect("no extensions to disagree on")
}
