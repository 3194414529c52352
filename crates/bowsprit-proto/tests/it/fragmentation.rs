//! RFC 6455 §5.4, Fragmentation.

use bowsprit_proto::{Cause, CloseCode, Message, ProtocolError, SendError, State};

use crate::support::{
    Pair, ROLES, Seen, fragments, frame, frames, open, open_with, peer_of, plain, receive, sent,
    text,
};

#[test]
fn joins_fragments_to_the_message_that_was_sent() {
    let tables: [&[&[u8]]; 7] = [
        &[b"Hel", b"lo"],
        &[b"", b"Hello"],
        &[b"Hello", b""],
        &[b"", b"", b"Hello", b"", b""],
        &[b"H", b"e", b"l", b"l", b"o"],
        &[b"Hel", b"", b"", b"lo"],
        &[b"Hello"],
    ];
    for role in ROLES {
        for pieces in tables {
            let wire = fragments(peer_of(role), 1, pieces);
            let outcome = receive(|| open(role), &wire);
            assert_eq!(outcome.events, [text("Hello")], "{pieces:?}");

            let wire = fragments(peer_of(role), 2, pieces);
            let outcome = receive(|| open(role), &wire);
            assert_eq!(
                outcome.events,
                [Seen::Binary(b"Hello".into())],
                "{pieces:?}"
            );
        }
    }
}

#[test]
fn joins_empty_fragments_to_an_empty_message() {
    for role in ROLES {
        for count in 1..5 {
            let wire = fragments(peer_of(role), 1, &vec![&b""[..]; count]);
            assert_eq!(receive(|| open(role), &wire).events, [text("")]);
            let wire = fragments(peer_of(role), 2, &vec![&b""[..]; count]);
            let outcome = receive(|| open(role), &wire);
            assert_eq!(outcome.events, [Seen::Binary(Vec::new())]);
        }
    }
}

#[test]
fn joins_fragments_around_a_ping() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [
            frame(peer, 0x01, b"Hel"),
            frame(peer, 0x89, b"one"),
            frame(peer, 0x00, b"lo"),
            frame(peer, 0x8A, b"two"),
            frame(peer, 0x89, b""),
            frame(peer, 0x80, b"!"),
            frame(peer, 0x82, b"next"),
        ];
        let outcome = receive(|| open(role), &wire.concat());
        let expected = [
            Seen::Ping(b"one".into()),
            Seen::Pong(b"two".into()),
            Seen::Ping(Vec::new()),
            text("Hello!"),
            Seen::Binary(b"next".into()),
        ];
        assert_eq!(outcome.events, expected);
        let pongs = [frame(role, 0x8A, b"one"), frame(role, 0x8A, b"")];
        assert_eq!(outcome.sent, pongs.concat());
    }
}

#[test]
fn accepts_a_close_inside_a_message() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [frame(peer, 0x01, b"never e"), frame(peer, 0x88, &[3, 233])];
        let outcome = receive(|| open(role), &wire.concat());
        assert_eq!(outcome.events, [Seen::Close(1001, String::new())]);
        assert_eq!(outcome.state, State::Exchanged);
        assert_eq!(plain(&outcome.sent), [(0x88, vec![3, 233])]);
    }
}

#[test]
fn tells_both_ends_of_a_close_inside_a_message() {
    for role in ROLES {
        let (mut sender, mut receiver) = (open(role), open(peer_of(role)));
        sender.send_fragment("begun", false).expect("open");
        sender.close(CloseCode::NORMAL, "").expect("open");
        let mut wire: Vec<u8> = sender.transmit().flatten().copied().collect();
        let mut wire = &mut wire[..];
        while receiver.receive(&mut wire).is_some() {}
        for end in [&sender, &receiver] {
            let closed = end.closed().expect("a close frame");
            assert_eq!(closed.cause, Some(Cause::Unfinished));
            assert!(!closed.is_clean());
        }
        // Whose message was whole has lost nothing by what the other does.
        let mut sender = open(role);
        sender.send_fragment("begun, ", false).expect("open");
        sender.send_fragment("ended", true).expect("open");
        sender.close(CloseCode::NORMAL, "").expect("open");
        assert_eq!(
            sender.closed().and_then(|closed| closed.cause.clone()),
            None
        );
    }
}

#[test]
fn begins_a_new_message_after_the_last_fragment() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [
            fragments(peer, 1, &[b"a", b"b"]),
            fragments(peer, 2, &[b"c", b"d"]),
            fragments(peer, 1, &[b"e"]),
            fragments(peer, 1, &[b"", b"f"]),
        ];
        let outcome = receive(|| open(role), &wire.concat());
        let expected = [text("ab"), Seen::Binary(b"cd".into()), text("e"), text("f")];
        assert_eq!(outcome.events, expected);
    }
}

#[test]
fn refuses_a_continuation_after_the_last_fragment() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [fragments(peer, 1, &[b"a", b"b"]), frame(peer, 0x80, b"c")];
        let outcome = receive(|| open(role), &wire.concat());
        let failed = Seen::Failed(ProtocolError::UnexpectedContinuation);
        assert_eq!(outcome.events, [text("ab"), failed]);
    }
}

#[test]
fn rejects_a_message_inside_another() {
    for role in ROLES {
        for first in [0x01, 0x02, 0x81, 0x82] {
            let peer = peer_of(role);
            let wire = [frame(peer, 0x01, b"a"), frame(peer, first, b"b")];
            let outcome = receive(|| open(role), &wire.concat());
            let failed = Seen::Failed(ProtocolError::ExpectedContinuation);
            assert_eq!(outcome.events, [failed]);
        }
    }
}

#[test]
fn sends_fragments_with_the_right_opcodes() {
    for role in ROLES {
        let mut connection = open(role);
        for (piece, last) in [("Hel", false), ("", false), ("lo", true)] {
            connection
                .send_fragment(piece, last)
                .expect("the message goes on");
        }
        for (piece, last) in [(&b""[..], false), (b"x", true), (b"alone", true)] {
            connection
                .send_fragment(piece, last)
                .expect("the message goes on");
        }
        let expected = [
            fragments(role, 1, &[b"Hel", b"", b"lo"]),
            fragments(role, 2, &[b"", b"x"]),
            frame(role, 0x82, b"alone"),
        ];
        assert_eq!(sent(&mut connection), expected.concat());
    }
}

#[test]
fn refuses_other_messages_inside_a_fragmented_one() {
    for role in ROLES {
        let mut connection = open(role);
        connection
            .send_fragment("begin", false)
            .expect("an open connection");
        let inside = Err(SendError::InsideMessage);
        assert_eq!(connection.send("other"), inside);
        assert_eq!(connection.send(&b"other"[..]), inside);
        assert_eq!(connection.send_shared(Message::from("other")), inside);
        assert_eq!(connection.send_fragment(&b"other kind"[..], true), inside);
        assert_eq!(connection.send_fragment(&b"other kind"[..], false), inside);
        connection.ping(b"?").expect("pings may go between");
        connection.pong(b"!").expect("pongs may go between");
        connection
            .send_fragment("end", true)
            .expect("the message goes on");
        connection.send("next").expect("the message has ended");

        let expected = [
            frame(role, 0x01, b"begin"),
            frame(role, 0x89, b"?"),
            frame(role, 0x8A, b"!"),
            frame(role, 0x80, b"end"),
            frame(role, 0x81, b"next"),
        ];
        assert_eq!(sent(&mut connection), expected.concat());
    }
}

#[test]
fn closes_inside_a_message_that_is_sent_in_fragments() {
    for role in ROLES {
        let mut pair = Pair::new();
        let end = pair.end(role);
        end.connection
            .send_fragment("never ends", false)
            .expect("an open connection");
        end.connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        let refused = end.connection.send_fragment("", true);
        assert_eq!(refused, Err(SendError::Closing));
        pair.run();
        let peer = pair.end(peer_of(role));
        assert_eq!(peer.seen, [Seen::Close(1000, String::new())]);
        assert_eq!(peer.connection.state(), State::Ended);
    }
}

#[test]
fn refuses_a_fragment_for_which_there_is_no_room() {
    let mut connection = open_with(bowsprit_proto::Role::Server, |config| {
        config.limits.send_buffer = 100;
    });
    connection
        .send_fragment(&[0; 90][..], false)
        .expect("room in an empty queue");
    let refused = connection.send_fragment(&[0; 20][..], true);
    assert_eq!(refused, Err(SendError::Full));
    sent(&mut connection);
    connection
        .send_fragment(&[0; 20][..], true)
        .expect("room again, and the message goes on");
    assert_eq!(frames(&sent(&mut connection))[0].first, 0x80);
}
