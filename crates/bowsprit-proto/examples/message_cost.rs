//! What it costs to receive or to send a small message: a driver for callgrind.
//!
//! Its arguments are a path through the library and a number of messages. A path is a direction, a
//! role, a kind of payload (`ascii`, `mixed` or `binary`) and its length in bytes.
//!
//! ```console
//! $ cargo build --release -p bowsprit-proto --example message_cost
//! $ valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!       target/release/examples/message_cost receive-server-ascii-125 100000
//! $ valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!       target/release/examples/message_cost receive-server-ascii-125 200000
//! ```
//!
//! Callgrind prints the instructions as `Collected`. The difference of the two runs, divided by the
//! 100,000 messages that the second has more, is the cost of one: the start-up cancels out.
//! `bench/instructions.py` does this for the paths of its table.

#![expect(
    clippy::print_stdout,
    reason = "the count is what the driver is run for"
)]

use std::{env, iter, sync::Arc};

use bowsprit_proto::{Config, Connection, Event, Message, Role};

/// What a read brings at most.
const READ: usize = 64 * 1024;
/// What is sent before it is written.
const SENT_TOGETHER: usize = 16;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, wanted] = &arguments[..] else {
        panic!("usage: message_cost PATH MESSAGES");
    };
    let wanted = wanted.parse().expect("a number of messages");
    let parts: Vec<&str> = path.split('-').collect();
    let [direction, role, kind, len] = parts[..] else {
        panic!("a path is as receive-server-ascii-125, not {path}");
    };
    let role = match role {
        "server" => Role::Server,
        "client" => Role::Client,
        other => panic!("no role: {other}"),
    };
    let message = message(kind, len.parse().expect("a length in bytes"));
    match direction {
        "receive" => receive(role, &message, wanted),
        "send" => send(role, &message, wanted),
        other => panic!("no direction: {other}"),
    }
    println!("{wanted} messages");
}

fn message(kind: &str, len: usize) -> Message {
    let words = match kind {
        "ascii" => "The quick brown fox jumps over the lazy dog. ",
        // Characters of one to four bytes.
        "mixed" => "Zwölf Boxkämpfer, 東京の天気 – 21 °C 🚣 ",
        "binary" => {
            let bytes: Vec<u8> = (0..=255).cycle().take(len).collect();
            return Message::Binary(bytes.into());
        }
        other => panic!("no kind of payload: {other}"),
    };
    let mut text = String::with_capacity(len);
    for character in words.chars().cycle() {
        if text.len() + character.len_utf8() > len {
            break;
        }
        text.push(character);
    }
    text.extend(iter::repeat_n('.', len - text.len()));
    Message::Text(text.into())
}

fn connection(role: Role) -> Connection {
    Connection::new(role, Arc::new(Config::for_role(role)), || {
        [0x37, 0xFA, 0x21, 0x3D]
    })
}

/// Each batch is copied into a scratch buffer first, as a read from a socket would.
fn receive(role: Role, message: &Message, wanted: usize) {
    let (batch, per_batch) = batch(role, message);
    let mut scratch = vec![0; batch.len()];
    let mut connection = connection(role);
    let mut received = 0;
    while received < wanted {
        let len = batch.len() / per_batch * per_batch.min(wanted - received);
        let mut read = &mut scratch[..len];
        read.copy_from_slice(&batch[..len]);
        while let Some(event) = connection.receive(&mut read) {
            match event {
                Event::Message(got) if got.as_bytes().len() == message.as_bytes().len() => {
                    received += 1;
                }
                other => panic!("a message was sent, not {other:?}"),
            }
        }
    }
    assert_eq!(received, wanted);
}

/// As many frames to `role` as fit into a read, and their number.
fn batch(role: Role, message: &Message) -> (Vec<u8>, usize) {
    let mut peer = connection(match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    });
    let mut count = 0;
    loop {
        peer.send(message).expect("an open connection");
        if peer.queued_bytes() > READ {
            break;
        }
        count += 1;
    }
    let bytes: Vec<u8> = peer.transmit().flatten().copied().collect();
    let len = bytes.len() / (count + 1) * count;
    (bytes[..len].to_vec(), count)
}

/// The buffer stays with the connection, as while its driver has more to write.
fn send(role: Role, message: &Message, wanted: usize) {
    let mut connection = connection(role);
    for sent in 1..=wanted {
        connection.send(message).expect("an open connection");
        if sent % SENT_TOGETHER == 0 {
            let len = connection.transmit().map(<[u8]>::len).sum();
            connection.transmitted(len);
        }
    }
}
