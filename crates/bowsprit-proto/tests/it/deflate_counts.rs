//! RFC 7692 §6: how much went compressed, which each end is told of its own messages and of the peer's.

use bowsprit_proto::{
    Compressed, Compression, Connection, Deflate, Prepared,
    Role::{Client, Server},
};

use crate::{
    deflate_support::{TEXT, deflated, deflated_with, message, noise, prose, settings},
    support::{feed, frames, open, sent},
};

fn counts(connection: &Connection) -> Compression {
    connection.compression().expect("compression was agreed on")
}

/// Messages, bytes of payload, and bytes on the wire.
fn figures(way: Compressed) -> (u64, u64, u64) {
    (way.messages, way.payload_bytes, way.wire_bytes)
}

#[test]
fn nothing_is_told_where_nothing_was_agreed_on() {
    for role in [Client, Server] {
        assert_eq!(open(role).compression(), None);
        let connection = deflated(role, Deflate::shared());
        assert_eq!(connection.compression(), Some(Compression::default()));
    }
}

#[test]
fn both_ends_count_the_same_whatever_was_agreed_on() {
    for role in [Client, Server] {
        let peer = if role == Client { Server } else { Client };
        for has_takeover in [false, true] {
            let deflate = settings(has_takeover, 12, 2);
            let (mut sender, mut receiver) = (deflated(role, deflate), deflated(peer, deflate));
            let mut expected = (0, 0, 0);
            for n in 0..20 {
                let text = prose(300 + 50 * n, n);
                sender.send(text.as_str()).expect("open");
                let wire = sent(&mut sender);
                let [frame] = &frames(&wire)[..] else {
                    panic!("one frame");
                };
                expected.0 += 1;
                expected.1 += text.len() as u64;
                expected.2 += frame.payload.len() as u64;
                // However the message is cut, it counts once.
                for piece in wire.chunks(7) {
                    feed(&mut receiver, piece);
                }
                assert_eq!(figures(counts(&sender).sent), expected);
                assert_eq!(figures(counts(&receiver).received), expected);
            }
            assert_eq!(counts(&sender).received, Compressed::default());
            assert_eq!(counts(&receiver).sent, Compressed::default());
            assert!(counts(&sender).sent.ratio() < Some(0.5));
        }
    }
}

#[test]
fn a_message_that_goes_as_it_is_does_not_count() {
    let (mut sender, mut receiver) = (
        deflated(Client, Deflate::shared()),
        deflated(Server, Deflate::shared()),
    );
    // Below the threshold, and not worth it.
    for payload in [vec![b'a'; 63], noise(500, 1)] {
        sender.send(payload).expect("open");
        feed(&mut receiver, &sent(&mut sender));
    }
    assert_eq!(counts(&sender), Compression::default());
    assert_eq!(counts(&receiver), Compression::default());
    // What one message came as is the difference.
    let before = counts(&receiver).received;
    let wire = message(Client, TEXT, &[b'a'; 200]);
    feed(&mut receiver, &wire);
    let own = counts(&receiver).received.since(&before);
    assert_eq!((own.messages, own.payload_bytes), (1, 200));
    assert_eq!(own.wire_bytes, frames(&wire)[0].payload.len() as u64);
}

#[test]
fn fragments_count_as_the_message_that_they_are() {
    for streaming in [false, true] {
        let deflate = settings(true, 15, 2);
        let mut sender = deflated(Server, deflate);
        let mut receiver = deflated_with(Client, deflate, |config| config.streaming = streaming);
        let pieces = ["first ".repeat(40), "second ".repeat(40), String::new()];
        let mut wire = Vec::new();
        for (n, piece) in pieces.iter().enumerate() {
            assert_eq!(counts(&sender).sent.messages, 0, "not whole yet");
            let last = n + 1 == pieces.len();
            sender.send_fragment(piece.as_str(), last).expect("open");
            wire.extend(sent(&mut sender));
        }
        feed(&mut receiver, &wire);
        let on_wire: usize = frames(&wire).iter().map(|frame| frame.payload.len()).sum();
        let payload: usize = pieces.iter().map(String::len).sum();
        let expected = (1, payload as u64, on_wire as u64);
        assert_eq!(figures(counts(&sender).sent), expected);
        assert_eq!(figures(counts(&receiver).received), expected);
    }
}

#[test]
fn a_prepared_message_counts_on_each_connection_that_sends_it_compressed() {
    for len in [100, 5_000, 2_000_000] {
        let news = Prepared::new(prose(len, 1));
        for role in [Client, Server] {
            let mut sender = deflated(role, Deflate::shared());
            sender.send_prepared(&news).expect("open");
            let [frame] = &frames(&sent(&mut sender))[..] else {
                panic!("one frame");
            };
            let expected = (1, len as u64, frame.payload.len() as u64);
            assert_eq!(figures(counts(&sender).sent), expected);
            let mut plain = open(role);
            plain.send_prepared(&news).expect("open");
            assert_eq!(plain.compression(), None);
        }
    }
}
