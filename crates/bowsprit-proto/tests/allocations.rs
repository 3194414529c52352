//! What a message allocates once its connection is in full swing: nothing, but for compression.

use std::{mem, sync::Arc};

use allocation_counter::measure;
use bowsprit_proto::{
    Config, Connection, Deflate, Event, Message, Role,
    handshake::{Accept, Agreed, ServerHandshake},
};

/// A thousand messages, as the driver reads them from a busy peer.
const BATCHES: u64 = 63;
const BATCH: usize = 16;
const MESSAGES: u64 = BATCHES * BATCH as u64;
const PAYLOAD: usize = 125;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n";

fn connection(role: Role, deflate: Option<Deflate>) -> Connection {
    let mut config = Config::for_role(role);
    config.deflate = deflate;
    let config = Arc::new(config);
    let agreed = agree(&config);
    Connection::new(role, config, || [0x37, 0xFA, 0x21, 0x3D]).with_agreed(&agreed)
}

/// Without context takeover it is the same for both ends.
fn agree(config: &Arc<Config>) -> Agreed {
    let mut handshake = ServerHandshake::new(config);
    let whole = handshake.receive(&mut REQUEST.as_bytes());
    assert_eq!(whole, Ok(true));
    let agreed = handshake.accept(&Accept::default(), &mut Vec::new());
    agreed.expect("a sound request")
}

/// An end that echoes, and the buffers that its driver has.
struct Echo {
    connection: Connection,
    read: Vec<u8>,
    spare: Vec<u8>,
    written: usize,
}

impl Echo {
    /// One read and one write, as the driver makes them.
    fn turn(&mut self, wire: &[u8]) {
        self.read.clear();
        self.read.extend_from_slice(wire);
        self.connection.lend_buffer(mem::take(&mut self.spare));
        let mut input = &mut self.read[..];
        let mut count = 0;
        while let Some(event) = self.connection.receive(&mut input) {
            let Event::Message(message) = event else {
                panic!("a message was sent, not {event:?}");
            };
            self.connection.send(message).expect("an open connection");
            count += 1;
        }
        assert_eq!(count, BATCH);
        self.written = self.connection.transmit().map(<[u8]>::len).sum();
        self.connection.transmitted(self.written);
        self.spare = self.connection.take_buffer().expect("all is written");
    }
}

/// How many allocations `MESSAGES` messages make in an echo of this role.
fn allocations(role: Role, deflate: Option<Deflate>, message: &Message) -> u64 {
    let mut peer = match role {
        Role::Client => connection(Role::Server, deflate),
        Role::Server => connection(Role::Client, deflate),
    };
    for _ in 0..BATCH {
        peer.send(message).expect("an open connection");
    }
    let wire: Vec<u8> = peer.transmit().flatten().copied().collect();
    let mut echo = Echo {
        connection: connection(role, deflate),
        read: Vec::new(),
        spare: Vec::new(),
        written: 0,
    };
    for _ in 0..2 {
        echo.turn(&wire);
    }
    let counted = measure(|| (0..BATCHES).for_each(|_| echo.turn(&wire)));
    let plain = PAYLOAD * BATCH;
    for sent in [wire.len(), echo.written] {
        assert_eq!(sent < plain, deflate.is_some(), "{sent} bytes");
    }
    assert_eq!(counted.bytes_current, 0, "nothing is left behind");
    counted.count_total
}

/// Text and bytes that can be compressed.
fn messages() -> [Message; 2] {
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(3);
    [
        Message::from(&text[..PAYLOAD]),
        Message::from(vec![0xA5; PAYLOAD]),
    ]
}

#[test]
fn an_echo_allocates_nothing() {
    for role in [Role::Server, Role::Client] {
        for message in messages() {
            assert_eq!(
                allocations(role, None, &message),
                0,
                "{role:?}, {message:?}"
            );
        }
    }
}

/// What it inflates to is owned. Compressors, inflaters and what they write to are the thread's.
#[test]
fn an_echo_with_compression_allocates_once_for_each_message() {
    let deflate = Some(Deflate::shared());
    for role in [Role::Server, Role::Client] {
        for message in messages() {
            let counted = allocations(role, deflate, &message);
            assert_eq!(counted, MESSAGES, "{role:?}, {message:?}");
        }
    }
}

/// What a server allocates for a head of so many bytes, in all, that comes in such pieces.
fn cost_of_head(len: usize, piece: usize) -> u64 {
    let mut config = Config::server();
    (config.limits.head_line, config.limits.head) = (usize::MAX, usize::MAX);
    let head = vec![b'a'; len];
    let counted = measure(|| {
        let mut handshake = ServerHandshake::new(&config);
        for mut bytes in head.chunks(piece) {
            assert_eq!(handshake.receive(&mut bytes), Ok(false));
        }
    });
    counted.bytes_total
}

#[test]
fn a_head_costs_no_more_in_many_pieces_than_in_few() {
    // Buffers that double cost twice their last size, at most four times what is in them. What is looked
    // at again with each piece, as a whole, would be copied a thousand times.
    for (len, piece) in [(64 << 10, 1), (64 << 10, 64), (1 << 20, 1024)] {
        let cost = cost_of_head(len, piece);
        assert!(cost <= 4 * len as u64, "{len} in pieces of {piece}: {cost}");
    }
}
