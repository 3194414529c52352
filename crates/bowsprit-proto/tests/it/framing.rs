//! RFC 6455 §5.2, Base Framing Protocol.

use std::{borrow::Cow, sync::Arc};

use bowsprit_proto::{
    Config, Connection, Event, Message, MessageRef,
    ProtocolError::{self, *},
    Role::{self, Client, Server},
    State,
    frame::{FrameHeader, Opcode},
};

use crate::support::{
    KEY, Outcome, ROLES, Seen, feed, feed_in, frame, hex, open, peer_of, plain, receive, sent, text,
};

const BIG: usize = 1 << 20;

/// Who receives, the bytes, the rule that they break, and how many of them show it.
const BROKEN: &[(Role, &str, ProtocolError, usize)] = &[
    // Reserved bits, each and all.
    (Server, "c180 00000000", ReservedBits, 2),
    (Server, "a180 00000000", ReservedBits, 2),
    (Server, "9180 00000000", ReservedBits, 2),
    (Server, "f3ff 0000000080000000 00000000", ReservedBits, 2),
    (Server, "c980 00000000", ReservedBits, 2),
    (Server, "0180 00000000 c080 00000000", ReservedBits, 8),
    (Client, "c100", ReservedBits, 2),
    // Reserved opcodes, however large they say they are.
    (
        Server,
        "83ff 0000000080000000 00000000",
        ReservedOpcode(3),
        2,
    ),
    (
        Server,
        "03ff ffffffffffffffff 00000000",
        ReservedOpcode(3),
        2,
    ),
    (Server, "8400", ReservedOpcode(4), 2),
    (Server, "85fe 0000", ReservedOpcode(5), 2),
    (Server, "8680", ReservedOpcode(6), 2),
    (Server, "8780", ReservedOpcode(7), 2),
    (Server, "8b80", ReservedOpcode(11), 2),
    (Server, "8c80", ReservedOpcode(12), 2),
    (Server, "8dff", ReservedOpcode(13), 2),
    (Server, "8e80", ReservedOpcode(14), 2),
    (Client, "0f7f", ReservedOpcode(15), 2),
    // Control frames: in one piece, and short.
    (Server, "0980", FragmentedControl, 2),
    (Server, "0880", FragmentedControl, 2),
    (Client, "0a00", FragmentedControl, 2),
    (Server, "0affffffffffffffffffeb0e8f", FragmentedControl, 2),
    (Server, "89fe 007e 00000000", ControlTooLong, 2),
    (Server, "88ff 0000000000010000", ControlTooLong, 2),
    (Client, "8a7e 0001", ControlTooLong, 2),
    // Masks.
    (Server, "810568656c6c6f", MaskRequired, 2),
    (Server, "8900", MaskRequired, 2),
    (Client, "8185 37fa213d 7f9f4d5158", MaskForbidden, 2),
    (Client, "82ff 0000000000010000", MaskForbidden, 2),
    // Lengths.
    (Server, "82fe 0005 00000000 0000000000", NonMinimalLength, 4),
    (Server, "82fe 0000 00000000", NonMinimalLength, 4),
    (Server, "81fe 007d 00000000", NonMinimalLength, 4),
    (
        Server,
        "82ff 0000000000000005 00000000",
        NonMinimalLength,
        10,
    ),
    (
        Server,
        "82ff 000000000000ffff 00000000",
        NonMinimalLength,
        10,
    ),
    (Client, "817e 007d", NonMinimalLength, 4),
    (Client, "827f 000000000000ffff", NonMinimalLength, 10),
    (Server, "82ff ffffffffffffffff 00000000", LengthOverflow, 10),
    (Server, "82ff 8000000000000000 00000000", LengthOverflow, 10),
    (Client, "827f 8000000000000000", LengthOverflow, 10),
    (
        Server,
        "82ff 7fffffffffffffff 00000000",
        MessageTooBig { limit: BIG },
        14,
    ),
    (
        Server,
        "0281 00000000 61 80ff 7ffffffffffffffb 00000000",
        MessageTooBig { limit: BIG },
        21,
    ),
    (
        Server,
        "82ff 0000000000100001 00000000",
        MessageTooBig { limit: BIG },
        14,
    ),
    (
        Client,
        "827f 0000000001000001",
        MessageTooBig { limit: BIG << 4 },
        10,
    ),
    // Fragments.
    (Server, "8080 00000000", UnexpectedContinuation, 6),
    (
        Server,
        "0085 00000000 6162636465",
        UnexpectedContinuation,
        6,
    ),
    (Client, "8000", UnexpectedContinuation, 2),
    (
        Server,
        "0180 00000000 8180 00000000",
        ExpectedContinuation,
        12,
    ),
    (
        Server,
        "0180 00000000 0280 00000000",
        ExpectedContinuation,
        12,
    ),
    (Client, "0200 8200", ExpectedContinuation, 4),
    // Text and close frames.
    (Server, "8182 00000000 fffe", InvalidUtf8, 7),
    (Client, "817e 0400 61ff", InvalidUtf8, 6),
    (Server, "8881 00000000 03", InvalidCloseLength, 7),
    (Client, "880203ed", InvalidCloseCode(1005), 4),
    (Client, "880303e8ff", InvalidCloseReason, 5),
];

#[test]
fn refuses_every_broken_frame_at_the_byte_that_shows_it() {
    for &(role, digits, error, decisive) in BROKEN {
        let bytes = hex(digits);
        let outcome = receive(|| open(role), &bytes);
        assert_eq!(outcome.events, [Seen::Failed(error)], "{digits}");
        assert_eq!(outcome.state, State::Failed, "{digits}");

        let early = feed_in(&mut open(role), &bytes[..decisive - 1], &[1]);
        assert_eq!(early, [], "{digits} judged too early");
        let shown = feed_in(&mut open(role), &bytes[..decisive], &[1]);
        assert_eq!(shown, [Seen::Failed(error)], "{digits} judged too late");
    }
}

#[test]
fn tells_the_peer_why_before_it_reports_a_protocol_error() {
    for &(role, digits, error, _) in BROKEN {
        let code = match error {
            InvalidUtf8 | InvalidCloseReason => 1007_u16,
            MessageTooBig { .. } => 1009,
            _ => 1002,
        };
        let mut connection = open(role);
        let mut bytes = hex(digits);
        let mut input = &mut bytes[..];
        let event = connection.receive(&mut input);
        assert!(matches!(event, Some(Event::Failed(_))), "{digits}");
        let told = plain(&sent(&mut connection));
        assert_eq!(told, [(0x88, code.to_be_bytes().to_vec())], "{digits}");
        assert_eq!(error.close_code().0, code, "{digits}");
        assert!(connection.wants_shutdown(), "{digits}");
    }
}

#[test]
fn delivers_what_came_before_a_bad_frame_and_ignores_what_comes_after() {
    for &(role, digits, error, _) in BROKEN {
        let peer = peer_of(role);
        let before = [
            frame(peer, 0x81, b"before"),
            frame(peer, 0x89, b"?"),
            frame(peer, 0x82, b""),
        ];
        let after = [
            frame(peer, 0x81, b"after"),
            frame(peer, 0x89, b"?"),
            frame(peer, 0x88, b""),
            vec![0xFF; 20],
        ];
        let outcome = receive(
            || open(role),
            &[before.concat(), hex(digits), after.concat()].concat(),
        );
        let expected = [
            text("before"),
            Seen::Ping(b"?".into()),
            Seen::Binary(Vec::new()),
        ];
        // A frame whose payload was cut short in the table goes on in what follows.
        assert_eq!(outcome.events[..3], expected, "{digits}");
        assert_eq!(outcome.events[3..], [Seen::Failed(error)], "{digits}");
        let told = plain(&outcome.sent);
        assert_eq!(told.len(), 2, "{digits}: one pong, one close");
        assert_eq!(told[0], (0x8A, b"?".to_vec()), "{digits}");
    }
}

#[test]
fn encodes_and_decodes_every_form_of_the_length() {
    let table = [
        (0, "00"),
        (1, "01"),
        (125, "7d"),
        (126, "7e 007e"),
        (127, "7e 007f"),
        (65_535, "7e ffff"),
        (65_536, "7f 0000000000010000"),
        (200_000, "7f 0000000000030d40"),
    ];
    for (len, digits) in table {
        let payload = vec![b'x'; len];
        let message = String::from_utf8(payload.clone()).expect("ASCII");
        for role in ROLES {
            let mut header = [vec![0x81], hex(digits)].concat();
            if role == Client {
                header[1] |= 0x80;
                header.extend(KEY);
            }
            let mut sender = open(role);
            sender.send(&*message).expect("an open connection");
            let wire = sent(&mut sender);
            assert_eq!(wire[..header.len()], header, "{len} {role:?}");
            assert_eq!(wire, frame(role, 0x81, &payload), "{len} {role:?}");

            for sizes in [vec![usize::MAX], vec![1], vec![1000, 1, 7]] {
                let seen = feed_in(&mut open(peer_of(role)), &wire, &sizes);
                assert_eq!(seen, [text(&message)], "{len} {role:?} {sizes:?}");
            }
            for cut in 1..wire.len().min(20) {
                let outcome = Outcome::of(open(peer_of(role)), &wire, &[cut, usize::MAX]);
                assert_eq!(outcome.events, [text(&message)], "{len} {role:?} {cut}");
            }
        }
    }
}

#[test]
fn decodes_the_examples_of_the_rfc() {
    // §5.7.
    let table = [
        (Client, "8105 48656c6c6f", text("Hello")),
        (Server, "8185 37fa213d 7f9f4d5158", text("Hello")),
        (Client, "0103 48656c 8002 6c6f", text("Hello")),
        (Client, "8905 48656c6c6f", Seen::Ping(b"Hello".into())),
        (
            Server,
            "8a85 37fa213d 7f9f4d5158",
            Seen::Pong(b"Hello".into()),
        ),
    ];
    for (role, digits, expected) in table {
        let outcome = receive(|| open(role), &hex(digits));
        assert_eq!(outcome.events, [expected], "{digits}");
    }
}

#[test]
fn hands_out_all_messages_of_a_read_in_order() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [
            frame(peer, 0x81, b"one"),
            frame(peer, 0x82, &[2; 200]),
            frame(peer, 0x81, b""),
            frame(peer, 0x8A, b"four"),
            frame(peer, 0x81, "fünf".as_bytes()),
        ];
        let expected = [
            text("one"),
            Seen::Binary(vec![2; 200]),
            text(""),
            Seen::Pong(b"four".into()),
            text("fünf"),
        ];
        let outcome = receive(|| open(role), &wire.concat());
        assert_eq!(outcome.events, expected);
        assert_eq!(outcome.sent, b"");
    }
}

#[test]
fn takes_an_empty_read_for_nothing() {
    let mut server = open(Server);
    let wire = frame(Client, 0x81, b"hello");
    let mut seen = Vec::new();
    for byte in wire {
        seen.extend(feed(&mut server, &[]));
        seen.extend(feed(&mut server, &[byte]));
        seen.extend(feed(&mut server, &[]));
    }
    assert_eq!(seen, [text("hello")]);
}

#[test]
fn lends_a_whole_message_and_owns_a_cut_one() {
    for role in ROLES {
        for (first, payload) in [(0x81, "whole"), (0x82, "whole")] {
            let mut wire = frame(peer_of(role), first, payload.as_bytes());
            let last = wire.len() - 1;
            let borrowed = |event: Option<Event<'_>>| match event {
                Some(Event::Message(MessageRef::Text(text))) => matches!(text, Cow::Borrowed(_)),
                Some(Event::Message(MessageRef::Binary(data))) => matches!(data, Cow::Borrowed(_)),
                other => panic!("a message was expected, not {other:?}"),
            };
            assert!(borrowed(open(role).receive(&mut &mut wire.clone()[..])));

            let mut connection = open(role);
            assert!(connection.receive(&mut &mut wire[..last]).is_none());
            assert!(!borrowed(connection.receive(&mut &mut wire[last..])));
        }
    }
}

#[test]
fn answers_while_a_lent_message_is_held() {
    let mut server = open(Server);
    let mut wire = frame(Client, 0x81, b"echo");
    let mut input = &mut wire[..];
    let Some(Event::Message(message)) = server.receive(&mut input) else {
        panic!("a whole message was given");
    };
    server.send(message).expect("an open connection");
    assert_eq!(sent(&mut server), frame(Server, 0x81, b"echo"));
}

#[test]
fn sends_each_kind_of_message() {
    for role in ROLES {
        let mut connection = open(role);
        let messages = [
            Message::from("text"),
            Message::from(&b"binary"[..]),
            Message::from(""),
            Message::from(Vec::new()),
        ];
        for message in &messages {
            connection.send(message).expect("an open connection");
        }
        for message in messages {
            connection.send_shared(message).expect("an open connection");
        }
        let four = [
            frame(role, 0x81, b"text"),
            frame(role, 0x82, b"binary"),
            frame(role, 0x81, b""),
            frame(role, 0x82, b""),
        ];
        assert_eq!(sent(&mut connection), four.concat().repeat(2));
    }
}

#[test]
fn takes_a_message_in_every_form_that_a_caller_has_at_hand() {
    let forms: [(MessageRef<'_>, u8, bool); 5] = [
        ("hello".into(), 0x81, false),
        (String::from("hello").into(), 0x81, true),
        (b"hello".into(), 0x82, false),
        (b"hello"[..].into(), 0x82, false),
        (b"hello".to_vec().into(), 0x82, true),
    ];
    for (message, first, owned) in forms {
        assert_eq!(message.is_owned(), owned);
        let mut server = open(Server);
        server.send(message).expect("an open connection");
        assert_eq!(sent(&mut server), frame(Server, first, b"hello"));
    }
    assert_eq!(Message::from(b"hello"), Message::from(b"hello".to_vec()));
}

#[test]
fn knows_the_six_opcodes() {
    for bits in 0..=0xFF {
        let opcode = Opcode::from_bits(bits);
        let known = matches!(bits, 0..=2 | 8..=10);
        assert_eq!(opcode.map(|opcode| opcode as u8), known.then_some(bits));
        assert_eq!(
            opcode.is_some_and(Opcode::is_control),
            matches!(bits, 8..=10)
        );
    }
}

#[test]
fn decodes_a_header_from_any_prefix_only_when_it_is_whole() {
    let header = FrameHeader {
        masking_key: Some(KEY),
        ..FrameHeader::new(false, Opcode::Binary, 1 << 40)
    };
    let mut wire = Vec::new();
    header.encode(&mut wire);
    assert_eq!(wire, hex("02ff 0000010000000000 37fa213d"));
    assert_eq!(wire.len(), FrameHeader::MAX_LEN);
    for len in 0..wire.len() {
        assert_eq!(FrameHeader::decode(&wire[..len], Server), Ok(None), "{len}");
    }
    wire.extend([0; 5]);
    assert_eq!(FrameHeader::decode(&wire, Server), Ok(Some((header, 14))));
}

#[test]
fn names_its_role_and_its_settings() {
    let config = Arc::new(Config::server());
    let server = Connection::server(Arc::clone(&config));
    assert_eq!(server.role(), Server);
    assert!(Arc::ptr_eq(server.config(), &config));
    assert_eq!(Connection::client(config, || KEY).role(), Client);
}
