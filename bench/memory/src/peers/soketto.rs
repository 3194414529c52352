//! soketto: `receive_data` into one buffer, `send_text` or `send_binary`, and `flush`. It leaves the
//! check of text to the application, by `std` in its documentation.

use soketto::{
    Data,
    connection::{Builder, Receiver, Sender},
};

use super::{Run, block_on};
use crate::{cell::Cell, stream::Mock};

pub fn receive(cell: &Cell, stream: Mock) -> Run {
    let (_sender, mut receiver) = open(cell, stream);
    let cell = cell.clone();
    let mut message = Vec::new();
    Box::new(move |messages| {
        block_on(async {
            for _ in 0..messages {
                message.clear();
                let data = receiver
                    .receive_data(&mut message)
                    .await
                    .expect("a message");
                if matches!(data, Data::Text(_)) {
                    str::from_utf8(&message).expect("text");
                }
                cell.received(&message);
            }
        });
    })
}

pub fn send(cell: &Cell, stream: Mock) -> Run {
    let (mut sender, _receiver) = open(cell, stream);
    let message = cell.message();
    let text = cell
        .is_text()
        .then(|| String::from_utf8(message.to_vec()).expect("text"));
    Box::new(move |messages| {
        let _open = &_receiver;
        block_on(async {
            for _ in 0..messages {
                let sent = match &text {
                    Some(text) => sender.send_text(text).await,
                    None => sender.send_binary(&message).await,
                };
                sent.expect("an open connection");
                sender.flush().await.expect("an open connection");
            }
        });
    })
}

fn open(cell: &Cell, stream: Mock) -> (Sender<Mock>, Receiver<Mock>) {
    let mode = if cell.is_server() {
        soketto::Mode::Server
    } else {
        soketto::Mode::Client
    };
    Builder::new(stream, mode).finish()
}
