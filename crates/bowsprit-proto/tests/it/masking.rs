//! RFC 6455 §5.3, Client-to-Server Masking.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use bowsprit_proto::{
    CloseCode, Config, Connection, Message,
    Role::{Client, Server},
    frame::{MaskingKey, apply_mask},
};
use proptest::prelude::*;

use crate::support::{KEY, ROLES, feed_in, frames, hex, open, sent, text};

/// One of everything that can be sent.
fn send_everything(connection: &mut Connection) {
    let sent = [
        connection.send("text"),
        connection.send(&b"binary"[..]),
        connection.send(""),
        connection.send_shared(Message::from(vec![7; 100_000])),
        connection.send_fragment("first", false),
        connection.ping(b"ping"),
        connection.pong(b""),
        connection.send_fragment("last", true),
    ];
    assert_eq!(sent, [Ok(()); 8]);
    connection
        .close(CloseCode::NORMAL, "bye")
        .expect("an open connection");
}

#[test]
fn masks_every_frame_of_a_client_and_none_of_a_server() {
    for role in ROLES {
        let mut connection = open(role);
        send_everything(&mut connection);
        let frames = frames(&sent(&mut connection));
        assert_eq!(frames.len(), 9);
        let key = (role == Client).then_some(KEY);
        for frame in &frames {
            assert_eq!(frame.key, key, "{role:?}");
        }
        assert_eq!(frames[0].payload, b"text");
        assert_eq!(frames[3].payload, [7; 100_000]);
        assert_eq!((frames[6].first, &frames[6].payload[..]), (0x8A, &b""[..]));
        assert_eq!(frames[8].payload, [&[0x03, 0xE8][..], b"bye"].concat());
    }
}

#[test]
fn masks_with_the_key_that_it_was_given() {
    let mut client = open(Client);
    client.send("Hello").expect("an open connection");
    assert_eq!(sent(&mut client), hex("8185 37fa213d 7f9f4d5158"));
}

#[test]
fn draws_a_key_for_each_frame() {
    static DRAWN: AtomicU32 = AtomicU32::new(0);
    let mut client = Connection::client(Arc::new(Config::client()), || {
        DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes()
    });
    send_everything(&mut client);
    let frames = frames(&sent(&mut client));
    let keys: Vec<_> = frames.iter().filter_map(|frame| frame.key).collect();
    let expected: Vec<_> = (0..9_u32).map(u32::to_be_bytes).collect();
    assert_eq!(keys, expected);
    assert_eq!(frames[0].payload, b"text");
}

#[test]
fn asks_for_no_key_in_a_server() {
    let config = Arc::new(Config::server());
    let mut server = Connection::new(Server, config, || panic!("a server needs no key"));
    send_everything(&mut server);
    assert!(!sent(&mut server).is_empty());
}

#[test]
fn unmasks_across_reads_of_any_size() {
    let message = "The key goes on where the last read stopped. ".repeat(5);
    let mut client = open(Client);
    client.send(&*message).expect("an open connection");
    let wire = sent(&mut client);
    for size in 1..40 {
        let seen = feed_in(&mut open(Server), &wire, &[size]);
        assert_eq!(seen, [text(&message)], "reads of {size}");
        let seen = feed_in(&mut open(Server), &wire, &[size, 1, 2]);
        assert_eq!(seen, [text(&message)], "reads of {size}, 1 and 2");
    }
}

#[test]
fn moves_a_connection_between_threads() {
    let mut client = open(Client);
    let sender = thread::spawn(move || {
        client.send("from afar").expect("an open connection");
        sent(&mut client)
    });
    let wire = sender.join().expect("the thread ends");
    assert_eq!(feed_in(&mut open(Server), &wire, &[3]), [text("from afar")]);
}

/// The definition of §5.3, and the key for the byte after the payload.
fn masked(payload: &[u8], key: MaskingKey) -> (Vec<u8>, MaskingKey) {
    let bytes = payload.iter().zip(key.iter().cycle());
    let mut next = key;
    next.rotate_left(payload.len() % 4);
    (bytes.map(|(byte, key)| byte ^ key).collect(), next)
}

#[test]
fn masks_every_length_in_every_phase_as_the_rfc_defines_it() {
    let bytes: Vec<u8> = (0..=255)
        .cycle()
        .take(120)
        .map(|n: u8| n.wrapping_mul(89))
        .collect();
    for start in 0..9 {
        for len in 0..=100 {
            for phase in 0..4 {
                let mut key = KEY;
                key.rotate_left(phase);
                // In place, at every alignment, and nothing beside it.
                let mut buffer = bytes.clone();
                let (before, rest) = buffer.split_at_mut(start);
                let (payload, after) = rest.split_at_mut(len);
                let (expected, next) = masked(payload, key);
                assert_eq!(apply_mask(payload, key), next, "{start} {len} {phase}");
                assert_eq!(payload, expected, "{start} {len} {phase}");
                assert_eq!(before, &bytes[..start], "{start} {len} {phase}");
                assert_eq!(after, &bytes[start + len..], "{start} {len} {phase}");
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::properties::cases(512))]

    #[test]
    fn masks_in_pieces_as_at_once(
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        key: MaskingKey,
        cuts in proptest::collection::vec(0_usize..40, 0..12),
    ) {
        let (expected, expected_key) = masked(&payload, key);
        let mut pieces = payload;
        let mut rest = &mut pieces[..];
        let mut next = key;
        for cut in cuts {
            let (piece, later) = rest.split_at_mut(cut.min(rest.len()));
            next = apply_mask(piece, next);
            rest = later;
        }
        prop_assert_eq!(apply_mask(rest, next), expected_key);
        prop_assert_eq!(pieces, expected);
    }
}

#[test]
fn refuses_what_the_other_role_would_send() {
    for role in ROLES {
        let mut same = open(role);
        same.send("hello").expect("an open connection");
        let wire = sent(&mut same);
        let error = match role {
            Client => bowsprit_proto::ProtocolError::MaskForbidden,
            Server => bowsprit_proto::ProtocolError::MaskRequired,
        };
        let seen = feed_in(&mut open(role), &wire, &[1]);
        assert_eq!(seen, [crate::support::Seen::Failed(error)]);
    }
}
