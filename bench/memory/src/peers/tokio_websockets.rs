//! tokio-websockets: `next` and `send`. It checks text itself.

use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Message, Payload, ServerBuilder, WebSocketStream};

use super::{Run, block_on};
use crate::{cell::Cell, stream::Mock};

pub fn receive(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let cell = cell.clone();
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                let message = socket.next().await.expect("a message").expect("no failure");
                assert!(message.is_text() || message.is_binary());
                cell.received(message.as_payload());
            }
        });
    })
}

pub fn send(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let message = if cell.is_text() {
        let bytes = cell.message();
        let text = str::from_utf8(&bytes).expect("text");
        Message::text(text.to_owned())
    } else {
        Message::binary(Payload::from(cell.message()))
    };
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                socket
                    .send(message.clone())
                    .await
                    .expect("an open connection");
            }
        });
    })
}

fn open(cell: &Cell, stream: Mock) -> WebSocketStream<Mock> {
    if cell.is_server() {
        ServerBuilder::new().serve(stream)
    } else {
        ClientBuilder::new().take_over(stream)
    }
}
