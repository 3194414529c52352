//! web-socket: `recv` from a `BufReader`, since it reads a header in steps, and `send`. It leaves the
//! check of text to the application.

use tokio::io::BufReader;
use web_socket::{DataType, Event, MessageType, WebSocket};

use super::{Run, block_on};
use crate::{cell::Cell, stream::Mock};

pub fn receive(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let cell = cell.clone();
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                let Event::Data { ty, data } = socket.recv().await.expect("a message") else {
                    panic!("a message was sent");
                };
                if matches!(ty, DataType::Complete(MessageType::Text)) {
                    str::from_utf8(&data).expect("text");
                }
                cell.received(&data);
            }
        });
    })
}

pub fn send(cell: &Cell, stream: Mock) -> Run {
    let mut socket = open(cell, stream);
    let message = cell.message();
    let text = cell
        .is_text()
        .then(|| String::from_utf8(message.to_vec()).expect("text"));
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                let sent = match &text {
                    Some(text) => socket.send(text.as_str()).await,
                    None => socket.send(&message[..]).await,
                };
                sent.expect("an open connection");
            }
        });
    })
}

fn open(cell: &Cell, stream: Mock) -> WebSocket<BufReader<Mock>> {
    let stream = BufReader::new(stream);
    if cell.is_server() {
        WebSocket::server(stream)
    } else {
        WebSocket::client(stream)
    }
}
