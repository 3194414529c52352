//! The contestants, one file each: how its documentation has it receive and send.

use std::{
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use crate::{
    cell::{Cell, Direction},
    stream::{Mock, Written},
};

mod bowsprit;
mod fastwebsockets;
mod floor;
mod sockudo_ws;
mod soketto;
mod tokio_websockets;
mod tungstenite;
mod web_socket;
mod wtx;
mod yawc;

/// Passes as many messages as it is told through one open connection.
pub type Run = Box<dyn FnMut(usize)>;

pub struct Peer {
    pub name: &'static str,
    receive: fn(&Cell, Mock) -> Run,
    send: fn(&Cell, Mock) -> Run,
}

/// A peer is a module with the functions `receive` and `send`.
macro_rules! peer {
    ($name:literal, $module:ident) => {
        Peer {
            name: $name,
            receive: $module::receive,
            send: $module::send,
        }
    };
}

pub const PEERS: [Peer; 10] = [
    peer!("floor", floor),
    peer!("bowsprit", bowsprit),
    peer!("tungstenite", tungstenite),
    peer!("fastwebsockets", fastwebsockets),
    peer!("tokio-websockets", tokio_websockets),
    peer!("yawc", yawc),
    peer!("sockudo-ws", sockudo_ws),
    peer!("web-socket", web_socket),
    peer!("soketto", soketto),
    peer!("wtx", wtx),
];

impl Peer {
    /// Opens a connection for this cell.
    pub fn start(&self, cell: &Cell) -> (Run, Rc<Written>) {
        let (stream, written) = Mock::new(cell.frames());
        let run = match cell.direction {
            Direction::Receive => (self.receive)(cell, stream),
            Direction::Send => (self.send)(cell, stream),
        };
        (run, written)
    }
}

/// Drives a future whose transport is always ready.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bowsprit_proto::{Config, Connection, Event};

    use super::PEERS;
    use crate::cell::{Cell, Direction};

    const MESSAGES: usize = 7;

    #[test]
    fn all_receive_and_send_what_the_cell_says() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let runtime = runtime.expect("a runtime");
        let _context = runtime.enter();
        for cell in Cell::all() {
            for peer in &PEERS {
                let (mut run, written) = peer.start(&cell);
                // Twice, so that what one call left over shows in the next.
                run(MESSAGES);
                run(MESSAGES);
                if cell.direction == Direction::Send {
                    let messages = parse(&cell, &mut written.copy.borrow_mut());
                    assert_eq!(messages, 2 * MESSAGES, "{} {}", peer.name, cell.name());
                }
            }
        }
    }

    /// Hands what was written to the other end; the number of messages that came of it.
    fn parse(cell: &Cell, mut wire: &mut [u8]) -> usize {
        let mut other_end = if cell.is_server() {
            Connection::client(Arc::new(Config::client()), || [0; 4])
        } else {
            Connection::server(Arc::new(Config::server()))
        };
        let mut messages = 0;
        while let Some(event) = other_end.receive(&mut wire) {
            let Event::Message(message) = event else {
                panic!("a message, not {event:?}");
            };
            assert_eq!(message.as_text().is_some(), cell.is_text());
            cell.received(message.as_bytes());
            messages += 1;
        }
        messages
    }
}
