//! What it costs to receive a small message: a driver for callgrind.
//!
//! Feeds the same batch of masked 125-byte text frames, as large as a read of 64 KiB, to a server
//! until it has received as many messages as the argument says, and prints how many those were.
//! Each batch is copied into a scratch buffer first, as a read from a socket would.
//!
//! ```console
//! $ cargo build --release --example receive_cost
//! $ valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!       target/release/examples/receive_cost 100000
//! $ valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!       target/release/examples/receive_cost 200000
//! ```
//!
//! Callgrind prints the instructions as `Collected`. The difference of the two runs, divided by the
//! 100,000 messages that the second has more, is the cost of one: the start-up cancels out.

#![expect(
    clippy::print_stdout,
    reason = "the count is what the driver is run for"
)]

use std::{env, sync::Arc};

use bowsprit_proto::{Config, Connection, Event};

const PAYLOAD: usize = 125;
const BATCH: usize = 64 * 1024;

fn main() {
    let argument = env::args().nth(1);
    let wanted = argument.map_or(Ok(100_000), |count| count.parse());
    let wanted: usize = wanted.expect("the argument is a number of messages");

    let (batch, per_batch) = batch();
    let mut scratch = vec![0; batch.len()];
    let mut server = Connection::server(Arc::new(Config::server()));
    let mut received = 0;
    while received < wanted {
        let len = batch.len() / per_batch * per_batch.min(wanted - received);
        let read = &mut scratch[..len];
        read.copy_from_slice(&batch[..len]);
        received += receive(&mut server, read);
    }
    println!("{received} messages received");
}

/// As many frames as fit, and their number.
fn batch() -> (Vec<u8>, usize) {
    let mut client = Connection::client(Arc::new(Config::client()), || [0x37, 0xFA, 0x21, 0x3D]);
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(3);
    let mut count = 0;
    while client.queued_bytes() + PAYLOAD + 6 <= BATCH {
        client.send(&text[..PAYLOAD]).expect("an open connection");
        count += 1;
    }
    (client.transmit().flatten().copied().collect(), count)
}

/// Counts the messages in one read.
fn receive(server: &mut Connection, mut read: &mut [u8]) -> usize {
    let mut count = 0;
    while let Some(event) = server.receive(&mut read) {
        match event {
            Event::Message(message) if message.as_bytes().len() == PAYLOAD => count += 1,
            other => panic!("a message was sent, not {other:?}"),
        }
    }
    count
}
