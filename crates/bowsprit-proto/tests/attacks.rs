//! RFC 6455 §10.4, what attacks cost in memory and in work, byte by byte: numbers 29 to 44 of
//! `docs/explanation/security/catalogue.md`.

use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use bowsprit_proto::{Config, Connection, Event, ProtocolError, Role};

const MIB: usize = 1 << 20;
const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn open(role: Role, adjust: impl FnOnce(&mut Config)) -> Connection {
    let mut config = Config::for_role(role);
    adjust(&mut config);
    Connection::new(role, Arc::new(config), || [0; 4])
}

/// A frame that `role` receives. A masking key of zeros leaves the payload as it is.
fn frame(role: Role, first: u8, len: u64, payload: &[u8]) -> Vec<u8> {
    let mask = if role == Role::Server { 0x80 } else { 0 };
    let mut wire = match len {
        0..=125 => vec![first, mask | len.to_be_bytes()[7]],
        126..=0xFFFF => [&[first, mask | 126], &len.to_be_bytes()[6..]].concat(),
        _ => [&[first, mask | 127], &len.to_be_bytes()[..]].concat(),
    };
    wire.extend(&[0; 4][..usize::from(role == Role::Server) * 4]);
    wire.extend(payload);
    wire
}

/// Gives `wire` in reads of this size; how many messages came, or what went wrong.
fn receive(
    connection: &mut Connection,
    wire: &mut [u8],
    reads: usize,
) -> Result<usize, ProtocolError> {
    let mut messages = 0;
    for mut input in wire.chunks_mut(reads) {
        while let Some(event) = connection.receive(&mut input) {
            match event {
                Event::Message(_) => messages += 1,
                Event::Failed(error) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(messages)
}

fn cost(connection: &mut Connection, wire: &mut [u8], reads: usize) -> AllocationInfo {
    measure(|| {
        let _ = receive(connection, wire, reads);
    })
}

#[test]
fn an_announced_length_buys_no_more_memory_than_what_has_come() {
    for role in ROLES {
        for first in [0x81, 0x82, 0x01, 0x02] {
            for len in [126, 60_000, 65_536, 1 << 20, 1 << 62] {
                for came in [1, 10, 100] {
                    let mut connection = open(role, |config| config.limits.message = usize::MAX);
                    let mut wire = frame(role, first, len, &b"x".repeat(came));
                    let cost = cost(&mut connection, &mut wire, usize::MAX);
                    let most = 200 + 2 * came as u64;
                    assert!(cost.bytes_max <= most, "{len} {came} {cost:?}");
                }
            }
        }
    }
}

/// Left to itself a vector would grow to nearly twice the limit.
#[test]
fn a_message_in_pieces_holds_no_more_than_its_limit() {
    for role in ROLES {
        for first in [0x01, 0x02] {
            for (size, limit) in [
                (1_448, MIB),
                (7_000, MIB),
                (90_000, 1_000_000),
                (700_000, MIB),
            ] {
                let mut connection = open(role, |config| config.limits.message = limit);
                let payload = vec![b'x'; size];
                let begin = frame(role, first, size as u64, &payload);
                let next = frame(role, 0x00, size as u64, &payload);
                let count = limit / size - 1;
                let mut wire = [begin, next.repeat(count)].concat();
                let cost = cost(&mut connection, &mut wire, 65_536);
                let left = u64::try_from(cost.bytes_current).expect("a message has begun");
                assert!(left <= limit as u64 + 300, "{size} {cost:?}");
                assert!(cost.bytes_max <= 2 * limit as u64 + 300, "{size} {cost:?}");
            }
        }
    }
}

/// 44: the work is that of copying each byte a few times, however few come at once.
#[test]
fn bytes_that_come_one_by_one_cost_in_proportion() {
    for role in ROLES {
        for first in [0x81, 0x82] {
            for len in [20_000, 200_000, 1_000_000] {
                let mut connection = open(role, |_| {});
                let mut wire = frame(role, first, len as u64, &vec![b'x'; len]);
                let cost = cost(&mut connection, &mut wire, 1);
                assert!(cost.bytes_total <= 4 * len as u64 + 1_000, "{len} {cost:?}");
                assert!(cost.count_total < 40, "{len} {cost:?}");
            }
        }
    }
}

/// 37: 400,000 fragments, and how much of them is kept when the limit strikes.
#[test]
fn tiny_fragments_buy_no_more_memory_than_they_are() {
    for role in ROLES {
        for (payload, most) in [(&b"a"[..], 24 * 1024), (b"", 512)] {
            let mut connection = open(role, |config| config.limits.message = MIB);
            let piece = frame(role, 0x00, payload.len() as u64, payload);
            let mut wire = [frame(role, 0x01, 1, b"a"), piece.repeat(400_000)].concat();
            let cost = cost(&mut connection, &mut wire, 65_536);
            assert!(cost.bytes_max <= most * 2, "{cost:?}");
            let failed = connection.closed().and_then(|closed| closed.cause.clone());
            assert!(failed.is_some());
        }
    }
}

/// 42: 400,000 pings of a peer that reads nothing.
#[test]
fn pings_that_nobody_takes_the_pongs_of_buy_one_queue() {
    for role in ROLES {
        for payload in [&[b'p'; 125][..], b""] {
            let mut connection = open(role, |_| {});
            let mut wire = frame(role, 0x89, payload.len() as u64, payload).repeat(4_000);
            let cost = measure(|| {
                for _ in 0..100 {
                    let _ = receive(&mut connection, &mut wire, 65_536);
                }
            });
            assert!(cost.bytes_max <= 50_000, "{cost:?}");
            assert!(connection.queued_bytes() < 17_000);
        }
    }
}
