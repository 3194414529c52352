//! sockudo-ws: `next` and `send`. It checks text itself.

use futures_util::{SinkExt, StreamExt};
use sockudo_ws::{Config, Message, WebSocketStream};

use super::{Run, block_on};
use crate::{cell::Cell, stream::Mock};

pub fn receive(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let cell = cell.clone();
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                match socket.next().await.expect("a message").expect("no failure") {
                    Message::Text(payload) | Message::Binary(payload) => cell.received(&payload),
                    other => panic!("a message was sent, not {other:?}"),
                }
            }
        });
    })
}

pub fn send(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let message = if cell.is_text() {
        Message::Text(cell.message())
    } else {
        Message::Binary(cell.message())
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
        WebSocketStream::server(stream, Config::default())
    } else {
        WebSocketStream::client(stream, Config::default())
    }
}
