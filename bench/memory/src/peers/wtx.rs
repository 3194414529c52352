//! wtx: `read_frame` without a copy where that is possible, and `write_frame`, which masks the caller's
//! own buffer. It checks text itself.

use wtx::{
    collection::Vector,
    rng::ChaCha20,
    web_socket::{Frame, OpCode, WebSocketBuffer, WebSocketOwned, WebSocketPayloadOrigin},
};

use super::{Run, block_on};
use crate::{cell::Cell, stream::Mock};

type WebSocket<const IS_CLIENT: bool> = WebSocketOwned<(), ChaCha20, Mock, IS_CLIENT>;

pub fn receive(cell: &Cell, stream: Mock) -> Run {
    if cell.is_server() {
        receive_as::<false>(cell, stream)
    } else {
        receive_as::<true>(cell, stream)
    }
}

pub fn send(cell: &Cell, stream: Mock) -> Run {
    if cell.is_server() {
        send_as::<false>(cell, stream)
    } else {
        send_as::<true>(cell, stream)
    }
}

fn receive_as<const IS_CLIENT: bool>(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open::<IS_CLIENT>(stream);
    let cell = cell.clone();
    let mut buffer = Vector::new();
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                let read = socket.read_frame(&mut buffer, WebSocketPayloadOrigin::Adaptive);
                let frame = read.await.expect("a message");
                assert!(matches!(frame.op_code(), OpCode::Text | OpCode::Binary));
                cell.received(frame.payload());
            }
        });
    })
}

fn send_as<const IS_CLIENT: bool>(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open::<IS_CLIENT>(stream);
    let code = if cell.is_text() {
        OpCode::Text
    } else {
        OpCode::Binary
    };
    let original = cell.message();
    let mut message = original.to_vec();
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                // A client's send leaves it masked; masking what is masked costs the same.
                if IS_CLIENT && cfg!(test) {
                    message.copy_from_slice(&original);
                }
                let mut frame = Frame::<_, IS_CLIENT>::new_fin(code, message.as_mut_slice());
                socket
                    .write_frame(&mut frame)
                    .await
                    .expect("an open connection");
            }
        });
    })
}

fn open<const IS_CLIENT: bool>(stream: Mock) -> WebSocket<IS_CLIENT> {
    let generator = ChaCha20::from_key(rand::random());
    WebSocket::new((), false, generator, stream, WebSocketBuffer::new())
}
