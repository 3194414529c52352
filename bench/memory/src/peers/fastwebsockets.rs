//! fastwebsockets: a `FragmentCollector`, with vectored writes. It checks text itself.

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket};

use super::{Run, block_on};
use crate::{cell::Cell, stream::Mock};

pub fn receive(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let cell = cell.clone();
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                let frame = socket.read_frame().await.expect("a message");
                assert!(matches!(frame.opcode, OpCode::Text | OpCode::Binary));
                cell.received(&frame.payload);
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
                let payload = Payload::Borrowed(&message);
                let frame = if is_text {
                    Frame::text(payload)
                } else {
                    Frame::binary(payload)
                };
                socket.write_frame(frame).await.expect("an open connection");
            }
        });
    })
}

fn open(cell: &Cell, stream: Mock) -> FragmentCollector<Mock> {
    let role = if cell.is_server() {
        Role::Server
    } else {
        Role::Client
    };
    let mut socket = WebSocket::after_handshake(stream, role);
    socket.set_writev(true);
    FragmentCollector::new(socket)
}
