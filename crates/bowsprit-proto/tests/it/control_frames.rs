//! RFC 6455 §5.5, Control Frames: ping and pong.

use bowsprit_proto::{
    CloseCode, Connection, MessageRef,
    Role::{self, Server},
    SendError, State,
};

use crate::support::{
    Pair, ROLES, Seen, close_frame, feed, frame, frames, open, open_with, peer_of, plain, receive,
    sent, text,
};

#[test]
fn answers_a_ping_with_the_same_payload() {
    for role in ROLES {
        for len in [0, 1, 4, 124, 125] {
            let payload: Vec<u8> = (1..).take(len).collect();
            let wire = frame(peer_of(role), 0x89, &payload);
            let outcome = receive(|| open(role), &wire);
            assert_eq!(outcome.events, [Seen::Ping(payload.clone())]);
            assert_eq!(outcome.sent, frame(role, 0x8A, &payload));
            assert_eq!(outcome.state, State::Open);
        }
    }
}

#[test]
fn queues_the_pong_before_it_reports_the_ping() {
    for role in ROLES {
        let mut connection = open(role);
        let mut wire = frame(peer_of(role), 0x89, b"now");
        let event = connection.receive(&mut &mut wire[..]);
        assert!(event.is_some());
        assert_eq!(sent(&mut connection), frame(role, 0x8A, b"now"));
    }
}

#[test]
fn takes_a_pong_that_nobody_asked_for() {
    for role in ROLES {
        for payload in [&b""[..], b"unasked", &[9; 125]] {
            let outcome = receive(|| open(role), &frame(peer_of(role), 0x8A, payload));
            assert_eq!(outcome.events, [Seen::Pong(payload.into())]);
            assert_eq!(outcome.sent, b"");
        }
    }
}

#[test]
fn leaves_the_pong_to_the_caller_who_wants_that() {
    for role in ROLES {
        let make = || open_with(role, |config| config.automatic_pong = false);
        let wire = frame(peer_of(role), 0x89, b"by hand");
        let outcome = receive(make, &wire);
        assert_eq!(outcome.events, [Seen::Ping(b"by hand".into())]);
        assert_eq!(outcome.sent, b"");

        let mut connection = make();
        connection.pong(b"by hand").expect("an open connection");
        assert_eq!(sent(&mut connection), frame(role, 0x8A, b"by hand"));
    }
}

#[test]
fn sends_pings_and_pongs_up_to_125_bytes() {
    for role in ROLES {
        let mut connection = open(role);
        connection.ping(&[1; 125]).expect("the longest ping");
        connection.pong(&[2; 125]).expect("the longest pong");
        let too_long = Err(SendError::ControlTooLong);
        assert_eq!(connection.ping(&[3; 126]), too_long);
        assert_eq!(connection.pong(&[4; 126]), too_long);
        let expected = [frame(role, 0x89, &[1; 125]), frame(role, 0x8A, &[2; 125])];
        assert_eq!(sent(&mut connection), expected.concat());
    }
}

#[test]
fn answers_no_ping_once_the_closing_has_begun() {
    for role in ROLES {
        let peer = peer_of(role);
        let mut connection = open(role);
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        let seen = feed(&mut connection, &frame(peer, 0x89, b"late"));
        assert_eq!(seen, [Seen::Ping(b"late".into())]);
        assert_eq!(plain(&sent(&mut connection)), [(0x88, vec![3, 232])]);

        let wire = [close_frame(peer, 1000, b""), frame(peer, 0x89, b"later")];
        let outcome = receive(|| open(role), &wire.concat());
        assert_eq!(plain(&outcome.sent), [(0x88, vec![3, 232])]);
    }
}

#[test]
fn answers_pings_between_messages_in_order() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire: Vec<u8> = (0..20_u8)
            .flat_map(|n| [frame(peer, 0x82, &[n]), frame(peer, 0x89, &[n])].concat())
            .collect();
        let outcome = receive(|| open(role), &wire);
        let pongs: Vec<u8> = (0..20).flat_map(|n| frame(role, 0x8A, &[n])).collect();
        assert_eq!(outcome.sent, pongs);
        assert_eq!(outcome.events.len(), 40);
    }
}

const BACKLOG: usize = 16 * 1024;

/// The payloads of the pongs among what was sent.
fn pongs(wire: &[u8]) -> Vec<Vec<u8>> {
    let sent = plain(wire).into_iter();
    sent.filter_map(|(first, payload)| (first == 0x8A).then_some(payload))
        .collect()
}

/// A connection with this much queued, header included.
fn with_backlog(role: Role, queued: usize) -> Connection {
    let mut connection = open(role);
    let header = frame(role, 0x82, &vec![0; queued]).len() - queued;
    let payload = vec![0; queued - header];
    connection
        .send(&payload[..])
        .expect("one message fits an empty queue");
    assert_eq!(connection.queued_bytes(), queued);
    connection
}

#[test]
fn sends_the_first_and_the_latest_pong_behind_a_backlog() {
    for role in ROLES {
        let mut connection = with_backlog(role, BACKLOG + 1);
        let pong = frame(role, 0x8A, &[0]).len();
        for n in 0..=200 {
            feed(&mut connection, &frame(peer_of(role), 0x89, &[n]));
            let queued = connection.queued_bytes();
            assert_eq!(queued, BACKLOG + 1 + pong, "further pongs wait outside");
        }
        let sent_frames = plain(&sent(&mut connection));
        assert_eq!(sent_frames[1..], [(0x8A, vec![0]), (0x8A, vec![200])]);
        assert_eq!(sent(&mut connection), b"", "it is sent once");
    }
}

#[test]
fn queues_every_pong_up_to_the_backlog() {
    for role in ROLES {
        let mut connection = with_backlog(role, BACKLOG);
        feed(&mut connection, &frame(peer_of(role), 0x89, b"fits"));
        assert!(connection.queued_bytes() > BACKLOG);
        feed(&mut connection, &frame(peer_of(role), 0x89, b"waits"));
        feed(&mut connection, &frame(peer_of(role), 0x89, b"replaces it"));
        let pongs = pongs(&sent(&mut connection));
        assert_eq!(pongs, [&b"fits"[..], b"replaces it"]);
    }
}

#[test]
fn bounds_the_memory_of_a_ping_flood() {
    for role in ROLES {
        let mut connection = open(role);
        let flood = frame(peer_of(role), 0x89, &[0; 125]).repeat(100);
        for _ in 0..100 {
            feed(&mut connection, &flood);
        }
        assert!(connection.queued_bytes() < BACKLOG + 200);
        assert!(frames(&sent(&mut connection)).len() < 200);
    }
}

#[test]
fn sends_a_late_pong_before_the_pong_of_a_newer_ping() {
    for role in ROLES {
        // Whether or not there is a backlog still when the first pong has left.
        for behind in [0, 2 * BACKLOG] {
            let mut connection = with_backlog(role, 2 * BACKLOG);
            feed(&mut connection, &frame(peer_of(role), 0x89, b"first"));
            let len = connection.queued_bytes();
            feed(&mut connection, &frame(peer_of(role), 0x89, b"older"));
            assert_eq!(connection.queued_bytes(), len, "it waits");
            connection
                .send(&vec![0; behind][..])
                .expect("an open connection");
            // A part of the backlog leaves, then another ping comes.
            let mut wire: Vec<u8> = connection.transmit().flatten().copied().collect();
            wire.truncate(len);
            connection.transmitted(len);
            feed(&mut connection, &frame(peer_of(role), 0x89, b"newer"));

            wire.extend(sent(&mut connection));
            assert_eq!(pongs(&wire), [b"first", b"older", b"newer"], "{behind}");
        }
    }
}

#[test]
fn queues_a_late_pong_no_sooner_than_the_first_has_left() {
    for role in ROLES {
        let mut connection = with_backlog(role, 2 * BACKLOG);
        for payload in [b"first", b"older", b"newer"] {
            feed(&mut connection, &frame(peer_of(role), 0x89, payload));
        }
        let pong = frame(role, 0x8A, b"first").len();
        assert_eq!(connection.queued_bytes(), 2 * BACKLOG + pong);
        connection
            .send(&[0; 3 * BACKLOG][..])
            .expect("an open connection");

        let queued = connection.queued_bytes();
        let mut wire: Vec<u8> = connection.transmit().flatten().copied().collect();
        wire.truncate(2 * BACKLOG + pong);
        connection.transmitted(wire.len() - 1);
        assert_eq!(connection.queued_bytes(), queued - wire.len() + 1);
        connection.transmitted(1);
        assert_eq!(connection.queued_bytes(), queued - wire.len() + pong);
        wire.extend(sent(&mut connection));
        let order: Vec<u8> = frames(&wire).iter().map(|frame| frame.first).collect();
        assert_eq!(order, [0x82, 0x8A, 0x82, 0x8A]);
        assert_eq!(pongs(&wire), [b"first", b"newer"]);
    }
}

#[test]
fn queues_a_late_pong_when_the_backlog_is_gone() {
    for role in ROLES {
        // The first pong goes behind a backlog and stays unsent.
        let mut connection = with_backlog(role, 2 * BACKLOG);
        let pong = frame(role, 0x8A, b"first").len();
        feed(&mut connection, &frame(peer_of(role), 0x89, b"first"));
        feed(&mut connection, &frame(peer_of(role), 0x89, b"later"));
        connection.transmitted(BACKLOG + pong - 1);
        assert_eq!(connection.queued_bytes(), BACKLOG + 1);
        connection.transmitted(1);
        assert_eq!(connection.queued_bytes(), BACKLOG + pong, "both pongs");
    }
}

#[test]
fn starves_no_pong_while_the_queue_never_runs_dry() {
    for role in ROLES {
        let mut connection = with_backlog(role, 2 * BACKLOG);
        feed(&mut connection, &frame(peer_of(role), 0x89, b"alive?"));
        let mut wire = Vec::new();
        for _ in 0..100 {
            let step = connection.queued_bytes() - 10;
            wire.extend(connection.transmit().flatten().take(step));
            connection.transmitted(step);
            connection.send(&[0; 1000][..]).expect("an open connection");
        }
        wire.extend(sent(&mut connection));
        let place = frames(&wire).iter().position(|frame| frame.first == 0x8A);
        assert_eq!(
            place,
            Some(1),
            "the pong goes behind the backlog, not behind all"
        );
    }
}

#[test]
fn starves_no_pong_while_there_is_always_a_backlog() {
    const LONGEST_WRITE: usize = 2_000;
    for role in ROLES {
        let mut connection = with_backlog(role, 2 * BACKLOG);
        let mut wire = Vec::new();
        // How much was written when each ping came, and the most that was queued.
        let (mut asked, mut most) = (Vec::new(), 0);
        for n in 0..1_000_u16 {
            asked.push((n, wire.len()));
            feed(
                &mut connection,
                &frame(peer_of(role), 0x89, &n.to_be_bytes()),
            );
            let step = LONGEST_WRITE - usize::from(n % 13) * 150;
            wire.extend(connection.transmit().flatten().take(step));
            connection.transmitted(step);
            assert!(connection.queued_bytes() > BACKLOG);
            while connection.queued_bytes() <= 2 * BACKLOG {
                connection
                    .send(&[0; 1_000][..])
                    .expect("an open connection");
            }
            most = most.max(connection.queued_bytes());
        }
        assert!(most < 2 * BACKLOG + 1_100, "{most}: pongs do not pile up");
        wire.extend(sent(&mut connection));

        let (mut end, mut answers) = (0, Vec::new());
        for sent in frames(&wire) {
            end += frame(role, sent.first, &sent.payload).len();
            if let (0x8A, [high, low]) = (sent.first, &sent.payload[..]) {
                answers.push((u16::from_be_bytes([*high, *low]), end));
            }
        }
        assert!(answers.is_sorted_by(|one, next| one.0 < next.0));
        for (ping, came) in asked {
            let answer = answers.iter().find(|(pong, _)| *pong >= ping);
            let (pong, left) = answer.expect("the pong of this ping or of a later one");
            // Behind what was queued, and behind the pong that waited there, nothing else.
            let waited = left - came;
            assert!(waited <= 2 * most + LONGEST_WRITE, "{ping} {pong} {waited}");
        }
    }
}

#[test]
fn drops_a_late_pong_when_it_closes() {
    for role in ROLES {
        let mut connection = with_backlog(role, 2 * BACKLOG);
        feed(&mut connection, &frame(peer_of(role), 0x89, b"queued"));
        feed(&mut connection, &frame(peer_of(role), 0x89, b"late"));
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        let wire = sent(&mut connection);
        let opcodes: Vec<_> = frames(&wire).iter().map(|frame| frame.first).collect();
        assert_eq!(opcodes, [0x82, 0x8A, 0x88]);
        assert_eq!(pongs(&wire), [b"queued"]);
    }
}

#[test]
fn reads_a_close_that_is_buffered_behind_a_ping() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [frame(peer, 0x89, b"?"), close_frame(peer, 1000, b"bye")];
        let outcome = receive(|| open(role), &wire.concat());
        let expected = [Seen::Ping(b"?".into()), Seen::Close(1000, "bye".into())];
        assert_eq!(outcome.events, expected);
        let answers = [frame(role, 0x8A, b"?"), close_frame(role, 1000, b"bye")];
        assert_eq!(outcome.sent, answers.concat());
    }
}

#[test]
fn pings_cross_between_the_two_ends() {
    let mut pair = Pair::new();
    for role in ROLES {
        let connection = &mut pair.end(role).connection;
        connection.ping(b"there?").expect("an open connection");
        connection.send("behind it").expect("an open connection");
    }
    pair.run();
    for role in ROLES {
        let expected = [
            Seen::Ping(b"there?".into()),
            text("behind it"),
            Seen::Pong(b"there?".into()),
        ];
        assert_eq!(pair.end(role).seen, expected);
    }
}

#[test]
fn lends_a_control_payload_to_answer_it() {
    let mut server = open(Server);
    let mut wire = frame(peer_of(Server), 0x89, b"payload");
    let Some(bowsprit_proto::Event::Ping(payload)) = server.receive(&mut &mut wire[..]) else {
        panic!("a whole ping was given");
    };
    server
        .send(MessageRef::from(&payload[..]))
        .expect("an open connection");
    assert_eq!(frames(&sent(&mut server)).len(), 2);
}
