//! RFC 6455 §5.5.1 and §7, Closing the Connection.

use std::ops::RangeInclusive;

use bowsprit_proto::{
    Cause, CloseCode, CloseError, CloseFrame, Connection, Initiator, Message, ProtocolError,
    Role::{Client, Server},
    SendError, Stage, State,
};

use crate::support::{
    Outcome, Pair, ROLES, Seen, close_frame, feed, feed_in, frame, open, peer_of, plain, receive,
    sent, text,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Usable,
    Reserved,
    Invalid,
}

/// Every code there is, §7.4 and the registry of IANA.
const CODES: [(RangeInclusive<u16>, Code); 10] = [
    (0..=999, Code::Invalid),
    (1000..=1003, Code::Usable),
    (1004..=1004, Code::Reserved),
    (1005..=1006, Code::Invalid),
    (1007..=1014, Code::Usable),
    (1015..=1015, Code::Invalid),
    (1016..=2999, Code::Reserved),
    (3000..=3999, Code::Usable),
    (4000..=4999, Code::Usable),
    (5000..=65535, Code::Invalid),
];

fn every_code() -> impl Iterator<Item = (u16, Code)> {
    CODES
        .into_iter()
        .flat_map(|(range, kind)| range.map(move |code| (code, kind)))
}

/// The codes around which implementations differ.
fn telling_codes() -> impl Iterator<Item = (u16, Code)> {
    every_code().filter(|(code, _)| {
        matches!(code, 0 | 1 | 999..=1017 | 2999..=3001 | 3999..=4000 | 4999..=5000 | 65535)
    })
}

#[test]
fn sorts_every_code() {
    assert_eq!(every_code().count(), 65_536);
    for (number, kind) in every_code() {
        let code = CloseCode(number);
        assert_eq!(code.is_reserved(), kind == Code::Reserved, "{number}");
        assert_eq!(code.is_invalid(), kind == Code::Invalid, "{number}");
        assert_eq!(code.can_be_sent(), kind == Code::Usable, "{number}");
        assert_eq!(code.is_application(), (4000..5000).contains(&number));
    }
}

#[test]
fn echoes_usable_codes_and_refuses_all_others() {
    for role in ROLES {
        for (code, kind) in every_code() {
            let wire = close_frame(peer_of(role), code, b"why");
            let outcome = Outcome::of(open(role), &wire, &[usize::MAX]);
            if kind == Code::Usable {
                assert_eq!(outcome.events, [Seen::Close(code, "why".into())]);
                assert_eq!(outcome.sent, close_frame(role, code, b"why"), "{code}");
            } else {
                let error = ProtocolError::InvalidCloseCode(code);
                assert_eq!(outcome.events, [Seen::Failed(error)]);
                assert_eq!(outcome.sent, close_frame(role, 1002, b""), "{code}");
            }
        }
        for (code, _) in telling_codes() {
            receive(|| open(role), &close_frame(peer_of(role), code, b""));
            receive(
                || open(role),
                &close_frame(peer_of(role), code, "ß".as_bytes()),
            );
        }
    }
}

#[test]
fn sends_usable_codes_and_refuses_all_others() {
    for role in ROLES {
        for (number, kind) in every_code() {
            let code = CloseCode(number);
            let mut connection = open(role);
            let result = connection.close(code, "why");
            match kind {
                Code::Usable => {
                    assert_eq!(result, Ok(()));
                    let expected = close_frame(role, number, b"why");
                    assert_eq!(sent(&mut connection), expected);
                    continue;
                }
                Code::Reserved => assert_eq!(result, Err(CloseError::ReservedCode(code))),
                Code::Invalid => assert_eq!(result, Err(CloseError::InvalidCode(code))),
            }
            assert_eq!(connection.state(), State::Open, "{number}");
            assert_eq!(connection.queued_bytes(), 0, "{number}");
        }
    }
}

#[test]
fn refuses_a_close_frame_of_one_byte() {
    for role in ROLES {
        for byte in [0, 3, 255] {
            let wire = frame(peer_of(role), 0x88, &[byte]);
            let outcome = receive(|| open(role), &wire);
            let failed = Seen::Failed(ProtocolError::InvalidCloseLength);
            assert_eq!(outcome.events, [failed]);
            assert_eq!(outcome.sent, close_frame(role, 1002, b""));
        }
    }
}

#[test]
fn refuses_a_reason_that_is_not_utf8() {
    for role in ROLES {
        for reason in [
            &b"\xFF"[..],
            b"abc\xC3",
            b"\xED\xA0\x80",
            b"\xE2\x82",
            b"\xC0\xAF",
        ] {
            let wire = close_frame(peer_of(role), 1000, reason);
            let outcome = receive(|| open(role), &wire);
            let failed = Seen::Failed(ProtocolError::InvalidCloseReason);
            assert_eq!(outcome.events, [failed]);
            assert_eq!(outcome.sent, close_frame(role, 1007, b""));
        }
    }
}

#[test]
fn answers_an_empty_close_with_an_empty_one_and_reports_1005() {
    for role in ROLES {
        let outcome = receive(|| open(role), &frame(peer_of(role), 0x88, b""));
        assert_eq!(outcome.events, [Seen::Close(1005, String::new())]);
        assert_eq!(outcome.sent, frame(role, 0x88, b""));
        let closed = outcome.closed.expect("the closing has begun");
        assert_eq!(closed.remote_code(), CloseCode::NO_STATUS);
        assert_eq!(closed.local_code(), CloseCode::NO_STATUS);
        assert_eq!(closed.initiator, Some(Initiator::Remote));
        assert!(closed.is_clean());
    }
}

#[test]
fn takes_the_longest_reason() {
    for role in ROLES {
        let reason = "€".repeat(41);
        let wire = close_frame(peer_of(role), 4000, reason.as_bytes());
        let outcome = receive(|| open(role), &wire);
        assert_eq!(outcome.events, [Seen::Close(4000, reason.clone())]);
        assert_eq!(outcome.sent, close_frame(role, 4000, reason.as_bytes()));
    }
}

#[test]
fn cuts_a_long_reason_between_two_characters() {
    let a = |count| "a".repeat(count);
    let table = [
        (a(123), 123),
        (a(124), 123),
        (a(10_000), 123),
        (a(122) + "é", 122),
        (a(121) + "é", 123),
        (a(121) + "€", 121),
        (a(122) + "€", 122),
        (a(120) + "€", 123),
        (a(119) + "😀", 123),
        (a(120) + "😀", 120),
        (a(121) + "😀", 121),
        (a(122) + "😀", 122),
        ("😀".repeat(40), 120),
        ("é".repeat(70), 122),
        (a(3), 3),
        (a(0), 0),
    ];
    for (reason, len) in table {
        assert_eq!(CloseFrame::fit_reason(&reason), &reason[..len]);
        for role in ROLES {
            let mut connection = open(role);
            connection
                .close(CloseCode::NORMAL, &reason)
                .expect("an open connection");
            let expected = close_frame(role, 1000, &reason.as_bytes()[..len]);
            assert_eq!(sent(&mut connection), expected, "{reason}");
            let closed = connection.closed().expect("the closing has begun");
            assert_eq!(closed.local_reason(), &reason[..len]);
        }
    }
}

#[test]
fn closes_from_either_side_and_tells_both_the_same() {
    for role in ROLES {
        let mut pair = Pair::new();
        let end = &mut pair.end(role).connection;
        end.send("last words").expect("an open connection");
        end.close(CloseCode(4321), "done")
            .expect("an open connection");
        assert_eq!(end.state(), State::CloseSent);
        pair.run();

        let frame = CloseFrame::new(CloseCode(4321), "done");
        let expected = [text("last words"), Seen::Close(4321, "done".into())];
        assert_eq!(pair.end(peer_of(role)).seen, expected);
        assert_eq!(pair.end(role).seen, expected[1..]);
        for (role, initiator) in [(role, Initiator::Local), (peer_of(role), Initiator::Remote)] {
            let connection = &pair.end(role).connection;
            assert_eq!(connection.state(), State::Ended);
            let closed = connection.closed().expect("the connection has ended");
            assert!(closed.is_clean());
            assert_eq!(closed.local.as_ref(), Some(&frame));
            assert_eq!(closed.remote.as_ref(), Some(&frame));
            assert_eq!(closed.initiator, Some(initiator));
            assert_eq!(closed.cause, None);
        }
    }
}

#[test]
fn closes_without_a_code_when_asked_to() {
    for role in ROLES {
        let mut connection = open(role);
        connection.close_without_code().expect("an open connection");
        assert_eq!(sent(&mut connection), frame(role, 0x88, b""));
        let closed = connection.closed().expect("the closing has begun");
        assert_eq!(closed.local_code(), CloseCode::NO_STATUS);
        assert_eq!(closed.initiator, Some(Initiator::Local));
        assert_eq!(connection.close_without_code(), Err(CloseError::Closing));
    }
}

#[test]
fn closes_from_both_sides_at_once() {
    let mut pair = Pair::new();
    for (role, code) in [(Client, 4001), (Server, 4002)] {
        let connection = &mut pair.end(role).connection;
        connection
            .close(CloseCode(code), "")
            .expect("an open connection");
    }
    pair.run();
    for (role, local, remote) in [(Client, 4001, 4002), (Server, 4002, 4001)] {
        let end = pair.end(role);
        assert_eq!(end.seen, [Seen::Close(remote, String::new())]);
        assert_eq!(end.connection.state(), State::Ended);
        let closed = end.connection.closed().expect("the connection has ended");
        assert!(closed.is_clean());
        assert_eq!(closed.local_code(), CloseCode(local));
        assert_eq!(closed.remote_code(), CloseCode(remote));
        assert_eq!(closed.initiator, Some(Initiator::Local));
    }
}

#[test]
fn answers_a_close_once() {
    for role in ROLES {
        let mut connection = open(role);
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        sent(&mut connection);
        let seen = feed(&mut connection, &close_frame(peer_of(role), 1001, b""));
        assert_eq!(seen, [Seen::Close(1001, String::new())]);
        assert_eq!(connection.state(), State::Exchanged);
        assert_eq!(sent(&mut connection), b"");
    }
}

#[test]
fn ignores_data_and_further_closes_after_a_close() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [
            close_frame(peer, 1000, b"first"),
            frame(peer, 0x81, b"data"),
            close_frame(peer, 1001, b"second"),
            frame(peer, 0x89, b"ping"),
            vec![0xFF; 30],
        ];
        let outcome = receive(|| open(role), &wire.concat());
        assert_eq!(outcome.events, [Seen::Close(1000, "first".into())]);
        assert_eq!(outcome.sent, close_frame(role, 1000, b"first"));
        assert_eq!(outcome.state, State::Exchanged);
        let closed = outcome.closed.expect("the closing has begun");
        assert_eq!(closed.remote_reason(), "first");
    }
}

#[test]
fn uses_up_a_read_with_its_last_event() {
    for role in ROLES {
        for first in [0x88, 0x83] {
            let peer = peer_of(role);
            let mut wire = [frame(peer, first, b""), frame(peer, 0x81, b"data")].concat();
            let mut input = &mut wire[..];
            assert!(open(role).receive(&mut input).is_some());
            assert!(input.is_empty(), "what follows means nothing");
        }
    }
}

#[test]
fn delivers_messages_between_the_two_closes() {
    for role in ROLES {
        let peer = peer_of(role);
        let mut connection = open(role);
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        let wire = [
            frame(peer, 0x81, b"one"),
            frame(peer, 0x01, b"tw"),
            frame(peer, 0x80, b"o"),
            close_frame(peer, 1000, b""),
        ];
        let seen = feed_in(&mut connection, &wire.concat(), &[3]);
        let expected = [text("one"), text("two"), Seen::Close(1000, String::new())];
        assert_eq!(seen, expected);
    }
}

#[test]
fn fails_without_a_second_close_frame() {
    for role in ROLES {
        let mut connection = open(role);
        connection
            .close(CloseCode::NORMAL, "bye")
            .expect("an open connection");
        let seen = feed(&mut connection, &frame(peer_of(role), 0x83, b""));
        let error = ProtocolError::ReservedOpcode(3);
        assert_eq!(seen, [Seen::Failed(error)]);
        assert_eq!(sent(&mut connection), close_frame(role, 1000, b"bye"));
        assert_eq!(connection.state(), State::Failed);
        let closed = connection.closed().expect("the closing has begun");
        assert_eq!(closed.local_code(), CloseCode::NORMAL);
        assert_eq!(closed.cause, Some(Cause::Protocol(error)));
        assert!(!closed.is_clean());
    }
}

/// A connection in each state, as if by nature.
fn in_state(role: bowsprit_proto::Role, state: State) -> Connection {
    let peer = peer_of(role);
    let mut connection = open(role);
    match state {
        State::Open => {}
        State::CloseSent => connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection"),
        State::Exchanged => drop(feed(&mut connection, &close_frame(peer, 1001, b"go"))),
        State::Failed => drop(feed(&mut connection, &frame(peer, 0x83, b""))),
        State::Ended => connection.receive_eof(),
    }
    assert_eq!(connection.state(), state);
    connection
}

#[test]
fn refuses_to_send_in_each_state_with_its_own_error() {
    let table = [
        (State::Open, Ok(()), Ok(())),
        (
            State::CloseSent,
            Err(SendError::Closing),
            Err(CloseError::Closing),
        ),
        (
            State::Exchanged,
            Err(SendError::Closing),
            Err(CloseError::Closing),
        ),
        (
            State::Failed,
            Err(SendError::Closing),
            Err(CloseError::Closing),
        ),
        (
            State::Ended,
            Err(SendError::Closed),
            Err(CloseError::Closed),
        ),
    ];
    for role in ROLES {
        for (state, expected, closed) in table {
            let mut connection = in_state(role, state);
            sent(&mut connection);
            assert_eq!(connection.send("text"), expected);
            let shared = Message::from(vec![0; 9000]);
            assert_eq!(connection.send_shared(shared), expected);
            assert_eq!(connection.send_fragment("whole", true), expected);
            assert_eq!(connection.ping(b""), expected);
            assert_eq!(connection.pong(b""), expected);
            assert_eq!(connection.wants_write(), state == State::Open);
            assert_eq!(connection.close(CloseCode::GOING_AWAY, ""), closed);
            // What is wrong with the code is said first.
            let refused = connection.close(CloseCode::ABNORMAL, "");
            assert_eq!(refused, Err(CloseError::InvalidCode(CloseCode::ABNORMAL)));
        }
    }
}

#[test]
fn says_how_it_ended_when_the_transport_ends_in_each_state() {
    let failed = Cause::Protocol(ProtocolError::ReservedOpcode(3));
    // The state, the codes of both sides, the cause, and whether that is clean.
    let table = [
        (State::Open, 1006, 1006, Some(Cause::Eof), false),
        (State::CloseSent, 1000, 1006, Some(Cause::Eof), false),
        (State::Exchanged, 1001, 1001, None, true),
        (State::Failed, 1002, 1006, Some(failed), false),
        (State::Ended, 1006, 1006, Some(Cause::Eof), false),
    ];
    for role in ROLES {
        for (state, local, remote, cause, clean) in table.clone() {
            let mut connection = in_state(role, state);
            sent(&mut connection);
            for _ in 0..2 {
                connection.receive_eof();
                let closed = connection.closed().expect("the connection has ended");
                assert_eq!(connection.state(), State::Ended);
                assert_eq!(closed.local_code().0, local, "{state:?}");
                assert_eq!(closed.remote_code().0, remote, "{state:?}");
                assert_eq!(closed.cause, cause, "{state:?}");
                assert_eq!(closed.is_clean(), clean, "{state:?}");
                // Nothing that comes later changes it.
                connection.transport_failed("reset");
                connection.abort();
            }
            assert!(!connection.wants_write());
            assert!(!connection.wants_shutdown());
        }
    }
}

#[test]
fn hears_what_came_before_the_transport_ended() {
    type End = (fn(&mut Connection), Cause);
    let ends: [End; 2] = [
        (Connection::receive_eof, Cause::Eof),
        (
            |connection| connection.transport_failed("reset"),
            Cause::Transport("reset".into()),
        ),
    ];
    for role in ROLES {
        let peer = peer_of(role);
        let late = frame(peer, 0x81, b"late");
        for (end, cause) in &ends {
            let mut connection = open(role);
            // It ends in the middle of a frame.
            let message = frame(peer, 0x81, b"hello");
            let (head, tail) = message.split_at(message.len() - 2);
            assert_eq!(feed(&mut connection, head), []);
            end(&mut connection);
            let rest = [
                tail,
                &frame(peer, 0x89, b"?"),
                &close_frame(peer, 1001, b""),
            ]
            .concat();
            let seen = feed(&mut connection, &[rest, late.clone()].concat());
            let told = [
                text("hello"),
                Seen::Ping(b"?".into()),
                Seen::Close(1001, String::new()),
            ];
            assert_eq!(seen, told);
            assert_eq!(feed(&mut connection, &late), []);
            assert!(!connection.wants_write() && !connection.wants_shutdown());
            assert_eq!(connection.state(), State::Ended);
            let closed = connection.closed().expect("the connection has ended");
            assert_eq!(closed.cause.as_ref(), Some(cause));
            assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
            assert_eq!(closed.initiator, Some(Initiator::Remote));
            assert!(!closed.is_clean());
        }
    }
}

#[test]
fn hears_nothing_behind_an_end_that_is_the_last_word() {
    for role in ROLES {
        let late = frame(peer_of(role), 0x81, b"late");
        for state in [State::Exchanged, State::Failed] {
            let mut connection = in_state(role, state);
            connection.transport_failed("reset");
            assert_eq!(feed(&mut connection, &late), [], "{state:?}");
        }
        let mut connection = open(role);
        connection.abort();
        assert_eq!(feed(&mut connection, &late), [], "given up");

        // A violation is the end of what is heard, as it always is.
        let mut connection = open(role);
        connection.receive_eof();
        let error = ProtocolError::ReservedOpcode(3);
        let wire = [frame(peer_of(role), 0x83, b""), late.clone()].concat();
        assert_eq!(feed(&mut connection, &wire), [Seen::Failed(error)]);
        assert_eq!(feed(&mut connection, &late), []);
        let closed = connection.closed().expect("the connection has ended");
        assert_eq!(closed.cause, Some(Cause::Protocol(error)));
        assert!(!connection.wants_write());
    }
}

#[test]
fn is_not_clean_when_its_close_frame_never_left() {
    type End = (fn(&mut Connection), Cause);
    let ends: [End; 3] = [
        (Connection::receive_eof, Cause::Eof),
        (
            |connection| connection.transport_failed("reset"),
            Cause::Transport("reset".into()),
        ),
        (Connection::abort, Cause::Aborted),
    ];
    for role in ROLES {
        // Whether this side began the closing, and how much of its frame stays.
        for (begins, left) in [(false, 4), (false, 1), (true, 4), (true, 1), (true, 0)] {
            for (end, cause) in &ends {
                let mut connection = open(role);
                connection
                    .send(&[0; 500_000][..])
                    .expect("an open connection");
                if begins {
                    connection
                        .close(CloseCode::GOING_AWAY, "")
                        .expect("an open connection");
                }
                feed(&mut connection, &close_frame(peer_of(role), 1001, b""));
                connection.transmitted(connection.queued_bytes() - left);
                assert_eq!(connection.state(), State::Exchanged);

                end(&mut connection);
                let closed = connection.closed().expect("the connection has ended");
                assert_eq!(connection.state(), State::Ended);
                assert_eq!(closed.is_clean(), left == 0, "{begins} {left}");
                assert_eq!(closed.cause, (left > 0).then(|| cause.clone()));
                assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
                assert!(!connection.wants_write());
            }
        }
    }
}

#[test]
fn keeps_the_violation_as_the_cause_when_its_close_frame_never_left() {
    for role in ROLES {
        let mut connection = in_state(role, State::Failed);
        assert!(connection.wants_write());
        connection.transport_failed("reset");
        let closed = connection.closed().expect("the connection has ended");
        let error = ProtocolError::ReservedOpcode(3);
        assert_eq!(closed.cause, Some(Cause::Protocol(error)));
        assert!(!connection.wants_write());
    }
}

#[test]
fn knows_nothing_of_an_end_while_it_is_open() {
    for role in ROLES {
        let mut connection = open(role);
        feed(&mut connection, &frame(peer_of(role), 0x81, b"hello"));
        assert_eq!(connection.closed(), None);
        assert!(!connection.wants_shutdown());
    }
}

#[test]
fn names_the_fault_that_ended_the_transport() {
    for role in ROLES {
        for state in [State::Open, State::CloseSent] {
            let mut connection = in_state(role, state);
            connection.transport_failed("connection reset by peer");
            let closed = connection.closed().expect("the connection has ended");
            assert_eq!(closed.to_string(), "connection reset by peer");
            assert_eq!(connection.state(), State::Ended);

            let mut connection = in_state(role, state);
            connection.abort();
            let closed = connection.closed().expect("the connection has ended");
            assert_eq!(closed.cause, Some(Cause::Aborted));
        }
    }
}

#[test]
fn drops_what_is_queued_when_the_transport_ends() {
    for role in ROLES {
        let mut connection = open(role);
        connection
            .send_shared(Message::from(vec![0; 100_000]))
            .expect("an open connection");
        connection.ping(b"").expect("an open connection");
        connection.pong(b"queued").expect("an open connection");
        connection.pong(b"late").expect("an open connection");
        connection.receive_eof();
        assert_eq!(connection.queued_bytes(), 0);
        assert_eq!(connection.transmit().count(), 0);
        // A write that was under way when the end came.
        connection.transmitted(1000);
        assert!(!connection.wants_write());
        assert!(connection.take_buffer().is_none());
    }
}

#[test]
fn the_server_ends_the_transport_first() {
    for starter in ROLES {
        let mut pair = Pair::new();
        let connection = &mut pair.end(starter).connection;
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        pair.transfer(starter, usize::MAX, usize::MAX);
        pair.transfer(peer_of(starter), usize::MAX, usize::MAX);
        assert!(!pair.client.connection.wants_shutdown());
        if starter == Client {
            assert!(pair.server.connection.wants_shutdown());
        }
    }
}

#[test]
fn shuts_down_only_when_the_close_frame_has_left() {
    for state in [State::Exchanged, State::Failed] {
        let mut server = in_state(Server, state);
        let left = server.queued_bytes();
        server.transmitted(left - 1);
        assert!(!server.wants_shutdown());
        server.transmitted(1);
        assert!(server.wants_shutdown());
    }
    assert!(!in_state(Server, State::CloseSent).wants_shutdown());
}

#[test]
fn sends_what_was_queued_before_the_close_and_nothing_after() {
    for role in ROLES {
        let mut connection = open(role);
        connection.send("one").expect("an open connection");
        connection.ping(b"two").expect("an open connection");
        connection
            .close(CloseCode::NORMAL, "three")
            .expect("an open connection");
        assert_eq!(connection.send("four"), Err(SendError::Closing));
        let opcodes: Vec<u8> = plain(&sent(&mut connection))
            .into_iter()
            .map(|f| f.0)
            .collect();
        assert_eq!(opcodes, [0x81, 0x89, 0x88]);
    }
}

#[test]
fn describes_the_end_in_words() {
    let table = [
        (
            in_state(Client, State::Exchanged),
            "closed by the peer: 1001 (Going away): go",
        ),
        (
            in_state(Client, State::CloseSent),
            "closed by this side: 1000 (Normal close)",
        ),
        (
            in_state(Client, State::Failed),
            "protocol violation by the peer: reserved opcode 0x3",
        ),
        (
            in_state(Client, State::Ended),
            "connection ended without a complete closing handshake",
        ),
    ];
    for (connection, expected) in table {
        let closed = connection.closed().expect("the closing has begun");
        assert_eq!(closed.to_string(), expected);
    }
    assert_eq!(
        Cause::Timeout(Stage::Pong).to_string(),
        "wait for a pong timed out"
    );
}

#[test]
fn prints_a_reason_that_cannot_drive_a_terminal() {
    let frame = CloseFrame::new(
        CloseCode(4001),
        "it's \"over\": \u{1b}[2J\u{9b}1m\n\u{202e}",
    );
    let printed = frame.to_string();
    assert_eq!(
        printed,
        r#"4001 (Unknown): it's "over": \u{1b}[2J\u{9b}1m\n\u{202e}"#
    );
    let mut closed = bowsprit_proto::Closed::default();
    closed.cause = Some(Cause::Transport("\u{7}bell".into()));
    assert_eq!(closed.to_string(), r"\u{7}bell");
}

#[test]
fn blames_the_peer_for_broken_rules_and_not_for_our_limits() {
    let broken = Cause::Protocol(ProtocolError::ReservedBits);
    assert!(
        broken
            .to_string()
            .starts_with("protocol violation by the peer: ")
    );
    let limit = Cause::Protocol(ProtocolError::MessageTooBig { limit: 10 });
    assert_eq!(
        limit.to_string(),
        "message is larger than the limit of 10 bytes"
    );
}
