//! RFC 6455 §5.5.2 and §7.1, keepalive and the deadlines of the closing handshake.

use std::time::Duration;

use bowsprit_proto::{
    Cause, CloseCode, Closed, Connection, KeepAlive, Message, ProtocolError,
    Role::{self, Client, Server},
    Stage, State, Timestamp,
};

use crate::support::{
    Pair, ROLES, Seen, close_frame, feed, frame, open, open_with, peer_of, plain, sent, text,
};

const fn at(millis: u64) -> Timestamp {
    Timestamp(Duration::from_millis(millis))
}

/// The deadline that is running.
fn due(connection: &mut Connection, now: u64) -> Option<u64> {
    let due = connection.poll_timeout(at(now))?;
    Some(u64::try_from(due.0.as_millis()).expect("a short time"))
}

fn cause(connection: &Connection) -> Option<Cause> {
    connection.closed().and_then(|closed| closed.cause.clone())
}

const PING: &[u8] = b"keepalive 1";
const NEXT_PING: &[u8] = b"keepalive 2";

#[test]
fn pings_a_silent_peer_and_gives_up_without_an_answer() {
    for role in ROLES {
        let mut connection = open(role);
        let mut now = 1_000;
        for look in [6_000, 11_000, 16_000, 21_000] {
            assert_eq!(due(&mut connection, now), Some(look));
            now = look - 1;
            connection.handle_timeout(at(now));
            assert_eq!(sent(&mut connection), b"", "not before its time");
            now = look;
        }
        assert_eq!(due(&mut connection, 20_999), Some(21_000));

        connection.handle_timeout(at(21_000));
        assert_eq!(sent(&mut connection), frame(role, 0x89, PING));
        assert_eq!(due(&mut connection, 36_000), Some(41_000));
        connection.handle_timeout(at(40_999));
        assert_eq!(connection.state(), State::Open);

        connection.handle_timeout(at(41_000));
        assert_eq!(connection.state(), State::Ended);
        assert_eq!(cause(&connection), Some(Cause::Timeout(Stage::Pong)));
        let closed = connection.closed().expect("the connection has ended");
        assert_eq!(closed.remote_code(), CloseCode::ABNORMAL);
        assert_eq!(due(&mut connection, 41_000), None);
    }
}

#[test]
fn sends_no_ping_when_anything_was_heard() {
    for role in ROLES {
        let peer = peer_of(role);
        let mut connection = open(role);
        due(&mut connection, 0);
        // A part of a frame is a sign of life too.
        let heard = [
            frame(peer, 0x81, b"text"),
            frame(peer, 0x8A, b""),
            frame(peer, 0x89, b"")[..1].to_vec(),
            frame(peer, 0x89, b"")[1..].to_vec(),
            frame(peer, 0x00, b"")[..0].to_vec(),
        ];
        let mut now = 0;
        for bytes in &heard[..4] {
            feed(&mut connection, bytes);
            sent(&mut connection);
            now += 20_000;
            connection.handle_timeout(at(now));
            assert_eq!(sent(&mut connection), b"");
            assert_eq!(due(&mut connection, now), Some(now + 5_000));
        }
        feed(&mut connection, &heard[4]);
        connection.handle_timeout(at(now + 20_000));
        assert_eq!(
            sent(&mut connection),
            frame(role, 0x89, PING),
            "an empty read is silence"
        );
    }
}

#[test]
fn finds_a_silence_a_quarter_of_the_interval_late_at_most() {
    for role in ROLES {
        for last in (0..60_000).step_by(501) {
            let mut connection = open(role);
            let (mut now, mut ping) = (0, 0);
            let mut is_heard = false;
            while connection.state() == State::Open {
                let look = due(&mut connection, now).expect("a deadline");
                if !is_heard && look > last {
                    feed(&mut connection, &frame(peer_of(role), 0x81, b"last"));
                    is_heard = true;
                }
                now = look;
                connection.handle_timeout(at(now));
                for (first, payload) in plain(&sent(&mut connection)) {
                    assert_eq!(first, 0x89);
                    ping = now;
                    if now < last {
                        feed(&mut connection, &frame(peer_of(role), 0x8A, &payload));
                    }
                }
            }
            assert_eq!(cause(&connection), Some(Cause::Timeout(Stage::Pong)));
            assert!(
                (20_000..=25_000).contains(&(ping - last)),
                "{ping} after {last}"
            );
            assert_eq!(now, ping + 20_000);
        }
    }
}

#[test]
fn goes_on_when_the_pong_comes_or_anything_else() {
    for role in ROLES {
        for answer in [
            frame(peer_of(role), 0x8A, PING),
            frame(peer_of(role), 0x82, b"x"),
        ] {
            let mut connection = open(role);
            due(&mut connection, 0);
            connection.handle_timeout(at(20_000));
            sent(&mut connection);
            feed(&mut connection, &answer);
            connection.handle_timeout(at(40_000));
            assert_eq!(connection.state(), State::Open);
            connection.handle_timeout(at(59_999));
            assert_eq!(sent(&mut connection), b"");
            assert_eq!(due(&mut connection, 59_999), Some(60_000));
            connection.handle_timeout(at(60_000));
            assert_eq!(
                sent(&mut connection),
                frame(role, 0x89, NEXT_PING),
                "silent again"
            );
        }
    }
}

#[test]
fn keeps_two_idle_ends_alive_for_a_day() {
    let mut pair = Pair::new();
    for _ in 0..24 * 60 * 4 {
        pair.advance(Duration::from_secs(15));
        pair.run();
    }
    for role in ROLES {
        let end = pair.end(role);
        assert_eq!(end.connection.state(), State::Open);
        assert!(
            end.seen.contains(&Seen::Pong(PING.into()))
                || end.seen.contains(&Seen::Ping(PING.into()))
        );
    }
    pair.client
        .connection
        .send("still here")
        .expect("an open connection");
    pair.run();
    assert_eq!(pair.server.seen.last(), Some(&text("still here")));
}

#[test]
fn notices_that_the_network_is_gone() {
    let mut pair = Pair::new();
    pair.advance(Duration::from_millis(39_999));
    for role in ROLES {
        assert_eq!(pair.end(role).connection.state(), State::Open);
    }
    pair.advance(Duration::from_millis(1));
    for role in ROLES {
        let connection = &pair.end(role).connection;
        assert_eq!(cause(connection), Some(Cause::Timeout(Stage::Pong)));
    }
}

#[test]
fn has_no_deadline_while_open_without_keepalive() {
    for role in ROLES {
        let mut connection = open_with(role, |config| config.keepalive = None);
        assert_eq!(due(&mut connection, 0), None);
        connection.handle_timeout(at(u64::MAX));
        assert_eq!(connection.state(), State::Open);
        assert_eq!(sent(&mut connection), b"");

        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        assert_eq!(
            due(&mut connection, 0),
            Some(5_000),
            "a close has one all the same"
        );
    }
}

#[test]
fn waits_five_seconds_for_the_close_of_the_peer() {
    for role in ROLES {
        let mut connection = open(role);
        due(&mut connection, 0);
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        assert_eq!(due(&mut connection, 12_000), Some(17_000));
        // Neither asking again nor messages move the deadline.
        feed(&mut connection, &frame(peer_of(role), 0x81, b"not yet"));
        assert_eq!(due(&mut connection, 15_000), Some(17_000));
        connection.handle_timeout(at(16_999));
        assert_eq!(connection.state(), State::CloseSent);

        connection.handle_timeout(at(17_000));
        assert_eq!(connection.state(), State::Ended);
        assert_eq!(cause(&connection), Some(Cause::Timeout(Stage::Close)));
        let closed = connection.closed().expect("the connection has ended");
        assert_eq!(closed.local_code(), CloseCode::NORMAL);
        assert_eq!(closed.remote_code(), CloseCode::ABNORMAL);
        assert_eq!(due(&mut connection, 17_000), None);
    }
}

#[test]
fn closes_instead_of_waiting_for_a_pong() {
    for role in ROLES {
        let mut connection = open(role);
        due(&mut connection, 0);
        connection.handle_timeout(at(20_000));
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        assert_eq!(due(&mut connection, 20_000), Some(25_000));
        connection.handle_timeout(at(25_000));
        assert_eq!(cause(&connection), Some(Cause::Timeout(Stage::Close)));
    }
}

/// Ends by its own clock from a closed or failed state.
fn lingers(role: Role, bytes: &[u8]) -> Closed {
    let mut connection = open(role);
    due(&mut connection, 0);
    feed(&mut connection, bytes);
    sent(&mut connection);
    assert_eq!(due(&mut connection, 3_000), Some(4_000));
    assert_eq!(due(&mut connection, 3_500), Some(4_000));
    connection.handle_timeout(at(3_999));
    assert_ne!(connection.state(), State::Ended);
    connection.handle_timeout(at(4_000));
    assert_eq!(connection.state(), State::Ended);
    assert_eq!(due(&mut connection, 4_000), None);
    connection
        .closed()
        .cloned()
        .expect("the connection has ended")
}

#[test]
fn lingers_a_second_for_the_end_of_the_transport() {
    for role in ROLES {
        let closed = lingers(role, &close_frame(peer_of(role), 1000, b""));
        assert!(closed.is_clean());
        let closed = lingers(role, &frame(peer_of(role), 0x83, b""));
        assert!(matches!(closed.cause, Some(Cause::Protocol(_))));
    }
}

/// A closing or failed connection with 500 KB queued before its close frame, which has not left.
///
/// The second has closed before its peer did, the third met a violation.
fn burdened(role: Role) -> [Connection; 3] {
    let peer = peer_of(role);
    let inputs = [
        close_frame(peer, 1000, b""),
        close_frame(peer, 1000, b""),
        frame(peer, 0x83, b""),
    ];
    let mut nth = 0;
    inputs.map(|bytes| {
        nth += 1;
        let mut connection = open(role);
        due(&mut connection, 0);
        connection
            .send(&[0; 500_000][..])
            .expect("an open connection");
        if nth == 2 {
            connection
                .close(CloseCode::NORMAL, "")
                .expect("an open connection");
        }
        feed(&mut connection, &bytes);
        assert!(connection.queued_bytes() > 500_000);
        connection
    })
}

/// How a connection in this state ends when the peer was too slow, or not.
fn expected_cause(state: State, late: bool) -> Option<Cause> {
    match state {
        State::Exchanged => late.then_some(Cause::Timeout(Stage::Close)),
        _ => Some(Cause::Protocol(ProtocolError::ReservedOpcode(3))),
    }
}

#[test]
fn lingers_only_when_all_is_written() {
    for role in ROLES {
        // When all is written, and when the linger is over: five seconds are for all of it.
        for (written, ends) in [(2_500, 3_500), (4_500, 5_500), (5_500, 6_000)] {
            for mut connection in burdened(role) {
                let state = connection.state();
                assert_eq!(due(&mut connection, 1_000), Some(6_000));
                connection.handle_timeout(at(2_001));
                assert_eq!(connection.state(), state, "a second is not all it has");
                // Bytes that leave move no deadline.
                connection.transmitted(400_000);
                assert_eq!(due(&mut connection, 2_001), Some(6_000));
                connection.handle_timeout(at(2_400));
                assert_eq!(connection.state(), state);

                assert!(sent(&mut connection).len() > 100_000);
                assert_eq!(due(&mut connection, written), Some(ends));
                connection.handle_timeout(at(ends - 1));
                assert_eq!(connection.state(), state);
                connection.handle_timeout(at(ends));
                assert_eq!(connection.state(), State::Ended);
                assert_eq!(cause(&connection), expected_cause(state, false));
                let closed = connection.closed().expect("the connection has ended");
                assert_eq!(closed.is_clean(), state == State::Exchanged);
            }
        }
    }
}

#[test]
fn gives_up_after_five_seconds_when_the_close_frame_does_not_leave() {
    for role in ROLES {
        // All of it stays, some, or its last byte.
        for left in [usize::MAX, 200_000, 1] {
            for mut connection in burdened(role) {
                let state = connection.state();
                assert_eq!(due(&mut connection, 1_000), Some(6_000));
                connection.transmitted(connection.queued_bytes().saturating_sub(left));
                assert_eq!(due(&mut connection, 5_000), Some(6_000));
                connection.handle_timeout(at(5_999));
                assert_eq!(connection.state(), state);
                assert!(!connection.wants_shutdown());

                connection.handle_timeout(at(6_000));
                assert_eq!(connection.state(), State::Ended);
                assert_eq!(cause(&connection), expected_cause(state, true));
                let closed = connection.closed().expect("the connection has ended");
                assert!(!closed.is_clean());
                assert_eq!(due(&mut connection, 6_000), None);
                assert!(!connection.wants_write());
            }
        }
    }
}

#[test]
fn ends_clean_though_nobody_asked_again_when_all_was_written() {
    for role in ROLES {
        for mut connection in burdened(role) {
            let state = connection.state();
            assert_eq!(due(&mut connection, 0), Some(5_000));
            sent(&mut connection);
            connection.handle_timeout(at(5_000));
            assert_eq!(connection.state(), State::Ended);
            assert_eq!(cause(&connection), expected_cause(state, false));
        }
    }
}

/// A client closes while a server has 500 KB queued, which leaves in pieces with time between.
fn drained(piece: usize, pause: u64) -> Pair {
    let mut pair = Pair::new();
    let connection = &mut pair.server.connection;
    connection
        .send_shared(Message::from(vec![7; 500_000]))
        .expect("an open connection");
    let connection = &mut pair.client.connection;
    connection
        .close(CloseCode::NORMAL, "")
        .expect("an open connection");
    pair.transfer(Client, usize::MAX, usize::MAX);
    assert_eq!(pair.server.connection.state(), State::Exchanged);
    while pair.server.connection.wants_write() {
        pair.advance(Duration::from_millis(pause));
        pair.transfer(Server, piece, usize::MAX);
    }
    pair.run();
    pair
}

#[test]
fn says_all_to_a_peer_that_closes_and_reads_slowly() {
    let pair = drained(100_000, 800);
    for end in [&pair.client, &pair.server] {
        let closed = end.connection.closed().expect("the connection has ended");
        assert_eq!(end.connection.state(), State::Ended);
        assert!(closed.is_clean());
    }
    let expected = [Seen::Binary(vec![7; 500_000]), Seen::Close(1000, "".into())];
    assert!(pair.client.seen == expected);

    let pair = drained(100_000, 1_100);
    for end in [&pair.client, &pair.server] {
        assert_eq!(end.connection.state(), State::Ended);
        let cause = cause(&end.connection);
        assert_eq!(cause, Some(Cause::Timeout(Stage::Close)), "too slowly");
    }
}

#[test]
fn spends_one_budget_on_the_whole_closing() {
    for role in ROLES {
        let mut connection = open(role);
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        sent(&mut connection);
        assert_eq!(due(&mut connection, 0), Some(5_000));
        feed(&mut connection, &close_frame(peer_of(role), 1000, b""));
        assert_eq!(
            due(&mut connection, 4_500),
            Some(5_000),
            "not a second more"
        );
    }
}

#[test]
fn takes_times_that_have_no_end() {
    for role in ROLES {
        let mut connection = open_with(role, |config| {
            let keepalive = config.keepalive.as_mut().expect("a keepalive by default");
            keepalive.interval = Duration::MAX;
            config.timeouts.close = Duration::MAX;
        });
        let look = connection.poll_timeout(at(1_000));
        assert_eq!(look, Some(at(1_000) + Duration::MAX / 4));
        connection.handle_timeout(at(1_000_000));
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        let end = Some(Timestamp(Duration::MAX));
        assert_eq!(connection.poll_timeout(at(2_000_000)), end);
        connection.handle_timeout(at(3_000_000));
        assert_eq!(connection.state(), State::CloseSent);
    }
}

#[test]
fn asks_for_no_time_once_it_has_ended() {
    for role in ROLES {
        let mut connection = open(role);
        due(&mut connection, 0);
        connection.receive_eof();
        assert_eq!(due(&mut connection, 1), None);
        connection.handle_timeout(at(1_000_000));
        assert_eq!(cause(&connection), Some(Cause::Eof));
        assert_eq!(sent(&mut connection), b"");
    }
}

#[test]
fn survives_a_peer_that_never_ends_the_transport() {
    for (starter, silent) in [(Client, Server), (Server, Client)] {
        let mut pair = Pair::new();
        let connection = &mut pair.end(starter).connection;
        connection
            .close(CloseCode::NORMAL, "")
            .expect("an open connection");
        // The peer's bytes never come, its transport never ends.
        pair.transfer(starter, usize::MAX, usize::MAX);
        pair.advance(Duration::from_millis(4_999));
        assert_eq!(pair.end(starter).connection.state(), State::CloseSent);
        pair.advance(Duration::from_millis(1));
        let connection = &pair.end(starter).connection;
        assert_eq!(cause(connection), Some(Cause::Timeout(Stage::Close)));
        assert_eq!(pair.end(silent).connection.state(), State::Ended);
    }
}

#[test]
fn pings_before_a_close_that_comes_later() {
    let mut connection = open(Server);
    due(&mut connection, 0);
    connection.handle_timeout(at(20_000));
    connection
        .close(CloseCode::NORMAL, "")
        .expect("an open connection");
    let frames = plain(&sent(&mut connection));
    assert_eq!(frames, [(0x89, PING.to_vec()), (0x88, vec![3, 232])]);
}

#[test]
fn supposes_a_peer_alive_that_the_caller_does_not_read() {
    for role in ROLES {
        let mut connection = open(role);
        due(&mut connection, 0);
        for now in [20_000, 40_000, 60_000, 80_000] {
            connection.suppose_alive();
            connection.handle_timeout(at(now));
            assert_eq!(
                sent(&mut connection),
                b"",
                "no ping while the silence is our own"
            );
        }
        connection.handle_timeout(at(100_000));
        assert_eq!(sent(&mut connection), frame(role, 0x89, PING));
    }
}

#[test]
fn gives_up_a_silent_peer_whose_transport_takes_everything() {
    for role in ROLES {
        let mut connection = open(role);
        due(&mut connection, 0);
        let mut now = 0;
        // Always something more is queued than leaves.
        while connection.state() == State::Open && now < 300_000 {
            now += 250;
            let more = Message::from(vec![0; 10_000]);
            connection.send_shared(more).expect("room");
            connection.transmitted(connection.queued_bytes().min(10_000));
            connection.suppose_busy();
            connection.handle_timeout(at(now));
        }
        assert_eq!(cause(&connection), Some(Cause::Timeout(Stage::Pong)));
        assert!((40_000..=46_000).contains(&now), "{now}");
    }
}

#[test]
fn waits_for_a_pong_from_when_its_ping_has_left() {
    for role in ROLES {
        let mut connection = open(role);
        due(&mut connection, 0);
        let bulk = Message::from(vec![0; 500_000]);
        connection.send_shared(bulk).expect("room");
        // A slow reader: it takes so much a second, and the ping is behind it.
        let mut now = 0;
        while connection.queued_bytes() > 0 {
            now += 1_000;
            connection.transmitted(connection.queued_bytes().min(5_000));
            connection.handle_timeout(at(now));
            assert_eq!(connection.state(), State::Open, "at {now}");
        }
        assert!(now > 90_000, "{now}");
        let left = now;
        while connection.state() == State::Open && now < left + 60_000 {
            now += 1_000;
            connection.handle_timeout(at(now));
        }
        assert_eq!(cause(&connection), Some(Cause::Timeout(Stage::Pong)));
        assert!(
            (left + 19_000..=left + 25_000).contains(&now),
            "{left} {now}"
        );

        // One whose bytes do not move has the time of a silent one.
        let mut connection = open(role);
        due(&mut connection, 0);
        connection.send(&Message::from("stuck")).expect("room");
        connection.handle_timeout(at(20_000));
        connection.handle_timeout(at(40_000));
        assert_eq!(cause(&connection), Some(Cause::Timeout(Stage::Pong)));
    }
}

#[test]
fn pings_at_the_interval_though_the_wait_for_a_pong_is_longer() {
    for role in ROLES {
        let mut connection = open_with(role, |config| {
            config.keepalive = Some(KeepAlive {
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(10),
            });
        });
        let mut now = 0;
        let mut pings = Vec::new();
        while now < 10_000 {
            now = due(&mut connection, now).expect("a deadline");
            connection.handle_timeout(at(now));
            let ping = sent(&mut connection);
            if !ping.is_empty() {
                pings.push(now);
                feed(&mut connection, &frame(peer_of(role), 0x8A, b"keepalive"));
            }
        }
        // A quarter of the interval later: the look that finds the pong.
        assert_eq!(
            pings,
            [1_000, 2_250, 3_500, 4_750, 6_000, 7_250, 8_500, 9_750]
        );

        // And without an answer it waits as long as it was told to.
        connection.handle_timeout(at(10_000));
        let begun = 11_000;
        connection.handle_timeout(at(begun));
        assert!(!sent(&mut connection).is_empty());
        let mut now = begun;
        while connection.state() == State::Open {
            now = due(&mut connection, now).expect("a deadline");
            connection.handle_timeout(at(now));
        }
        assert_eq!(now, begun + 10_000);
    }
}
