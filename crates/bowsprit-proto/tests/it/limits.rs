//! RFC 6455 §10.4, Implementation-Specific Limits.

use bowsprit_proto::{
    Config, Message,
    ProtocolError::{FrameTooBig, MessageTooBig},
    Role::{Client, Server},
    SendError, State,
};

use crate::support::{
    Outcome, ROLES, Seen, close_frame, feed, feed_in, fragments, frame, hex, open, open_with,
    peer_of, receive, sent, text,
};

/// Messages of fragments of these lengths, and how large they count.
const COSTS: &[(&[usize], usize)] = &[
    (&[0], 0),
    (&[1], 1),
    (&[63], 63),
    (&[64], 64),
    (&[500], 500),
    (&[0, 0], 64),
    (&[1, 1], 65),
    (&[1, 63], 65),
    (&[1, 64], 65),
    (&[1, 65], 66),
    (&[100, 10, 100], 264),
    (&[0, 0, 0, 0], 192),
];

#[test]
fn counts_each_further_fragment_at_64_bytes_at_least() {
    for (role, opcode) in ROLES.into_iter().flat_map(|role| [(role, 1), (role, 2)]) {
        for &(lens, cost) in COSTS {
            let pieces: Vec<Vec<u8>> = lens.iter().map(|len| vec![b'x'; *len]).collect();
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let wire = fragments(peer_of(role), opcode, &pieces);
            let limited = |limit| {
                let make = move || open_with(role, |config| config.limits.message = limit);
                receive(make, &wire)
            };
            let expected = match opcode {
                1 => text(&"x".repeat(pieces.concat().len())),
                _ => Seen::Binary(pieces.concat()),
            };
            assert_eq!(limited(cost).events, [expected], "{lens:?}");
            if let Some(limit) = cost.checked_sub(1) {
                let outcome = limited(limit);
                let failed = Seen::Failed(MessageTooBig { limit });
                assert_eq!(outcome.events, [failed], "{lens:?}");
                assert_eq!(outcome.sent, close_frame(role, 1009, b""), "{lens:?}");
            }
        }
    }
}

#[test]
fn counts_each_message_for_itself() {
    for role in ROLES {
        let make = || open_with(role, |config| config.limits.message = 100);
        let one = fragments(peer_of(role), 1, &[b"", b"x"]);
        let ping = frame(peer_of(role), 0x89, &[0; 125]);
        let outcome = Outcome::of(make(), &[one, ping].concat().repeat(50), &[11]);
        assert_eq!(outcome.events.len(), 100);
        assert_eq!(outcome.state, State::Open);
    }
}

#[test]
fn refuses_a_message_on_its_header_before_any_payload() {
    let message = 1000;
    let limited = |role| open_with(role, |config| config.limits.message = message);
    let table = [
        (
            Server,
            "81fe 03e9 00000000",
            MessageTooBig { limit: message },
        ),
        (Client, "817e 03e9", MessageTooBig { limit: message }),
        (
            Client,
            "0101 61 007e 03e8",
            MessageTooBig { limit: message },
        ),
        (
            Client,
            "0101 61 807f 0000000000030000",
            MessageTooBig { limit: message },
        ),
        (
            Client,
            "017f 0000010000000000",
            MessageTooBig { limit: message },
        ),
        (
            Server,
            "82ff 0000010000000000 00000000",
            MessageTooBig { limit: message },
        ),
        (
            Server,
            "82ff 7fffffffffffffff 00000000",
            MessageTooBig { limit: message },
        ),
    ];
    for (role, digits, error) in table {
        let bytes = hex(digits);
        let outcome = receive(|| limited(role), &bytes);
        assert_eq!(outcome.events, [Seen::Failed(error)], "{digits}");
        assert_eq!(outcome.sent, close_frame(role, 1009, b""), "{digits}");
        let early = feed_in(&mut limited(role), &bytes[..bytes.len() - 1], &[1]);
        assert_eq!(early, [], "{digits}");
    }
}

#[test]
fn refuses_a_frame_over_its_own_limit() {
    for role in ROLES {
        let make = || open_with(role, |config| config.limits.frame = 200);
        let wire = fragments(peer_of(role), 2, &[&[1; 200], &[2; 200], &[3; 200]]);
        let outcome = receive(make, &wire);
        let message = [[1; 200], [2; 200], [3; 200]].concat();
        assert_eq!(outcome.events, [Seen::Binary(message)]);
        let wire = fragments(peer_of(role), 2, &[&[1; 200], &[2; 201]]);
        let outcome = receive(make, &wire);
        assert_eq!(outcome.events, [Seen::Failed(FrameTooBig { limit: 200 })]);
        assert_eq!(outcome.sent, close_frame(role, 1009, b""));

        // On the header, whatever the message may have, and whether or not it is streamed.
        let len = frame(peer_of(role), 0x82, &[0; 201]).len() - 201;
        for (message, streaming) in [(usize::MAX, false), (10, false), (10, true)] {
            let make = || {
                open_with(role, |config| {
                    config.limits.frame = 200;
                    config.limits.message = message;
                    config.streaming = streaming;
                })
            };
            let header = &frame(peer_of(role), 0x82, &[0; 201])[..len];
            let seen = feed_in(&mut make(), &header[..len - 1], &[1]);
            assert_eq!(seen, [], "judged too early");
            let seen = feed_in(&mut make(), header, &[1]);
            assert_eq!(seen, [Seen::Failed(FrameTooBig { limit: 200 })]);
        }
    }
}

#[test]
fn lets_a_frame_be_as_large_as_its_message() {
    // More than a message may have by default.
    for (role, limit) in [(Client, 17 << 20), (Server, 2 << 20)] {
        let make = || open_with(role, |config| config.limits.message = limit);
        let wire = fragments(peer_of(role), 2, &[b"x", &vec![5; limit - 1]]);
        let seen = feed(&mut make(), &wire);
        assert!(matches!(&seen[..], [Seen::Binary(data)] if data.len() == limit));
        let wire = fragments(peer_of(role), 2, &[b"x", &vec![5; limit]]);
        let seen = feed(&mut make(), &wire[..30]);
        assert_eq!(seen, [Seen::Failed(MessageTooBig { limit })]);
    }
}

#[test]
fn holds_no_control_frame_against_the_frame_limit() {
    for role in ROLES {
        let peer = peer_of(role);
        for limit in [0, 1, 10] {
            let make = || open_with(role, |config| config.limits.frame = limit);
            let piece = vec![7; limit];
            let wire = [
                frame(peer, 0x89, &[1; 11]),
                frame(peer, 0x02, &piece),
                frame(peer, 0x89, &[2; 125]),
                frame(peer, 0x8A, &[3; 125]),
                frame(peer, 0x80, &piece),
                close_frame(peer, 1000, &[b'x'; 123]),
            ];
            let outcome = receive(make, &wire.concat());
            let expected = [
                Seen::Ping(vec![1; 11]),
                Seen::Ping(vec![2; 125]),
                Seen::Pong(vec![3; 125]),
                Seen::Binary(piece.repeat(2)),
                Seen::Close(1000, "x".repeat(123)),
            ];
            assert_eq!(outcome.events, expected, "{limit}");
            let outcome = receive(make, &frame(peer, 0x82, &vec![7; limit + 1]));
            assert_eq!(outcome.events, [Seen::Failed(FrameTooBig { limit })]);
        }
    }
}

#[test]
fn takes_a_message_as_large_as_the_default_limit() {
    for (role, limit) in [(Client, 16 << 20), (Server, 1 << 20)] {
        let wire = frame(peer_of(role), 0x82, &vec![5; limit]);
        for sizes in [vec![usize::MAX], vec![70_001]] {
            let seen = feed_in(&mut open(role), &wire, &sizes);
            assert!(matches!(&seen[..], [Seen::Binary(data)] if data.len() == limit));
        }
        let wire = frame(peer_of(role), 0x82, &vec![5; limit + 1]);
        let seen = feed(&mut open(role), &wire[..14]);
        assert_eq!(seen, [Seen::Failed(MessageTooBig { limit })]);
    }
}

#[test]
fn ends_a_flood_of_tiny_fragments_with_1009() {
    for (first, further) in [
        ("01 80 00000000", "00 80 00000000"),
        ("02 81 00000000 61", "00 81 00000000 61"),
    ] {
        let mut server = open(Server);
        let mut seen = feed(&mut server, &hex(first));
        let batch = hex(further).repeat(1000);
        let mut batches = 0;
        while seen.is_empty() {
            batches += 1;
            assert!(
                batches < 20,
                "a mebibyte is 16384 fragments at 64 bytes each"
            );
            seen = feed(&mut server, &batch);
        }
        assert_eq!(seen, [Seen::Failed(MessageTooBig { limit: 1 << 20 })]);
        assert_eq!(sent(&mut server), close_frame(Server, 1009, b""));
        assert_eq!(batches, 17);
    }
}

#[test]
fn holds_no_streamed_message_against_the_message_limit() {
    for role in ROLES {
        let make = || {
            open_with(role, |config| {
                config.streaming = true;
                config.limits.message = 10;
            })
        };
        let wire = fragments(peer_of(role), 2, &[&[1; 100][..]; 50]);
        let seen = feed(&mut make(), &wire);
        assert_eq!(seen.len(), 50);
        assert_eq!(seen.last(), Some(&Seen::BinaryPiece(vec![1; 100], true)));

        // Nor has a frame a limit of its own: this one says that it is a tebibyte.
        let mut connection = make();
        let mask = hex(if role == Server { "00000000" } else { "" });
        let length = hex(if role == Server { "82ff" } else { "827f" });
        let wire = [length, hex("0000010000000000"), mask, b"begins".to_vec()].concat();
        let seen = feed(&mut connection, &wire);
        assert_eq!(seen, [Seen::BinaryPiece(b"begins".into(), false)]);
        assert_eq!(connection.state(), State::Open);
    }
}

#[test]
fn refuses_what_the_send_queue_has_no_room_for() {
    for role in ROLES {
        let mut connection = open_with(role, |config| config.limits.send_buffer = 1000);
        connection.send(&[0; 500][..]).expect("room");
        let queued = connection.queued_bytes();
        let room = 1000 - queued;

        let full = Err(SendError::Full);
        let over = vec![0; room + 1];
        assert_eq!(connection.send(&over[..]), full);
        assert_eq!(connection.send_shared(Message::from(over.clone())), full);
        assert_eq!(connection.send_fragment(&over[..], false), full);
        assert_eq!(
            connection.queued_bytes(),
            queued,
            "nothing of it was queued"
        );

        connection
            .send(&over[1..])
            .expect("exactly the room there is");
        assert_eq!(connection.ping(b""), full);
        assert_eq!(connection.send(""), full);
        connection.pong(b"x").expect("a pong always has room");
        connection
            .close(bowsprit_proto::CloseCode::NORMAL, "")
            .expect("a close always has room");
    }
}

#[test]
fn queues_one_message_of_any_size_when_it_is_empty() {
    for role in ROLES {
        let make = || open_with(role, |config| config.limits.send_buffer = 10);
        let large = vec![1; 300_000];
        let mut connection = make();
        connection.send(&large[..]).expect("an empty queue");
        assert_eq!(connection.send("x"), Err(SendError::Full));
        assert_eq!(sent(&mut connection), frame(role, 0x82, &large));
        connection.send("x").expect("an empty queue again");

        let mut connection = make();
        connection
            .send_shared(Message::from(large.clone()))
            .expect("an empty queue");
        assert_eq!(connection.send("x"), Err(SendError::Full));
        assert_eq!(sent(&mut connection), frame(role, 0x82, &large));
    }
}

#[test]
fn answers_pings_though_the_send_queue_is_full() {
    for role in ROLES {
        let mut connection = open_with(role, |config| config.limits.send_buffer = 10);
        connection.send(&[0; 100][..]).expect("an empty queue");
        feed(&mut connection, &frame(peer_of(role), 0x89, b"?"));
        let expected = [frame(role, 0x82, &[0; 100]), frame(role, 0x8A, b"?")];
        assert_eq!(sent(&mut connection), expected.concat());
    }
}

#[test]
fn refuses_a_ping_that_the_send_queue_has_no_room_for() {
    for role in ROLES {
        let mut connection = open_with(role, |config| config.limits.send_buffer = 1000);
        connection.send(&[0; 900][..]).expect("an empty queue");
        let queued = connection.queued_bytes();
        let room = 1000 - queued;
        let over = vec![0; room + 1];
        assert_eq!(connection.ping(&over), Err(SendError::Full));
        assert_eq!(
            connection.queued_bytes(),
            queued,
            "nothing of it was queued"
        );
        connection
            .ping(&over[1..])
            .expect("exactly the room there is");
        assert_eq!(connection.ping(b""), Err(SendError::Full));
        let too_long = Err(SendError::ControlTooLong);
        assert_eq!(connection.ping(&[0; 126]), too_long, "that is said first");
        sent(&mut connection);
        connection.ping(&[0; 125]).expect("an empty queue again");
    }
}

#[test]
fn has_room_for_every_pong_and_holds_few_of_them() {
    for role in ROLES {
        for len in [0, 100, 100_000] {
            let mut connection = open_with(role, |config| config.limits.send_buffer = 10);
            connection.send(&vec![0; len][..]).expect("an empty queue");
            let queued = connection.queued_bytes();
            for n in 0..1_000_u16 {
                let payload = n.to_be_bytes().repeat(62);
                assert_eq!(connection.pong(&payload), Ok(()), "{len} {n}");
            }
            // As many as fit 16 KiB, or one.
            let most = queued.max(16 << 10) + frame(role, 0x8A, &[0; 125]).len();
            assert!(connection.queued_bytes() <= most, "{len}");
            assert_eq!(connection.ping(b""), Err(SendError::Full));
            assert_eq!(connection.send("x"), Err(SendError::Full));
            let wire = sent(&mut connection);
            let latest = frame(role, 0x8A, &999_u16.to_be_bytes().repeat(62));
            assert!(wire.ends_with(&latest), "{len}");
        }
    }
}

#[test]
fn gives_and_takes_the_memory_of_the_send_queue() {
    for role in ROLES {
        let mut connection = open(role);
        assert!(connection.take_buffer().is_none(), "it has none yet");
        let mut lent = Vec::with_capacity(4096);
        lent.extend(b"what was in it does not matter");
        let place = lent.as_ptr();
        connection.lend_buffer(lent);
        connection.send("hello").expect("an open connection");
        assert!(connection.take_buffer().is_none(), "bytes are queued");
        connection.transmitted(1);
        assert!(connection.take_buffer().is_none(), "some still are");
        assert_eq!(sent(&mut connection), frame(role, 0x81, b"hello")[1..]);

        let taken = connection.take_buffer().expect("all is written");
        assert_eq!((taken.as_ptr(), taken.len()), (place, 0));
        assert!(connection.take_buffer().is_none(), "it was taken");
        connection.send("more").expect("an open connection");
        assert_eq!(sent(&mut connection), frame(role, 0x81, b"more"));
    }
}

#[test]
fn keeps_what_is_queued_when_memory_is_lent() {
    for role in ROLES {
        let mut connection = open(role);
        connection.send("queued").expect("an open connection");
        connection.lend_buffer(Vec::with_capacity(100));
        assert_eq!(sent(&mut connection), frame(role, 0x81, b"queued"));
    }
}

#[test]
fn has_the_defaults_that_the_docs_promise() {
    for (role, message) in [(Client, 16 << 20), (Server, 1 << 20)] {
        let config = Config::for_role(role);
        assert_eq!(config.limits.message, message);
        assert_eq!(config.limits.frame, usize::MAX);
        assert_eq!(config.limits.send_buffer, 1 << 20);
        assert_eq!(config.limits.send_high_water, 256 << 10);
        assert_eq!(config.limits.send_low_water, 64 << 10);
        assert_eq!(config.timeouts.close.as_secs(), 5);
        assert_eq!(config.timeouts.open.as_secs(), 10);
        let keepalive = config.keepalive.expect("a keepalive by default");
        assert_eq!(keepalive.interval.as_secs(), 20);
        assert_eq!(keepalive.timeout.as_secs(), 20);
        assert!(config.automatic_pong && !config.streaming);
    }
}
