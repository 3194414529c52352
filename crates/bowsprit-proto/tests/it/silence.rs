//! RFC 6455 §7.1.1 and §10.4, connections that say nothing and transports that take nothing.

use std::time::Duration;

use bowsprit_proto::{
    Cause, CloseCode, Closed, Config, Connection, Initiator, KeepAlive, Prepared, Role, Stage,
    State, Timestamp,
};

use crate::support::{ROLES, close_frame, feed, fragments, frame, open_with, peer_of, plain, sent};

const fn at(millis: u64) -> Timestamp {
    Timestamp(Duration::from_millis(millis))
}

fn due(connection: &mut Connection, now: u64) -> Option<u64> {
    let due = connection.poll_timeout(at(now))?;
    Some(u64::try_from(due.0.as_millis()).expect("a short time"))
}

fn closed(connection: &Connection) -> Closed {
    connection.closed().cloned().expect("an end")
}

fn idle_after_a_second(config: &mut Config) {
    config.keepalive = None;
    config.timeouts.idle = Some(Duration::from_secs(1));
}

fn open_idle(role: Role) -> Connection {
    let mut connection = open_with(role, idle_after_a_second);
    assert_eq!(due(&mut connection, 0), Some(1_000));
    connection
}

#[test]
fn closes_a_connection_without_messages_with_1001() {
    for role in ROLES {
        let mut connection = open_idle(role);
        connection.handle_timeout(at(999));
        assert_eq!(connection.state(), State::Open);
        connection.handle_timeout(at(1_000));
        assert_eq!(connection.state(), State::CloseSent);
        assert_eq!(sent(&mut connection), close_frame(role, 1001, b"idle"));
        // The closing handshake has its own time, and the cause stays.
        assert_eq!(due(&mut connection, 1_000), Some(6_000));
        feed(&mut connection, &close_frame(peer_of(role), 1001, b"idle"));
        connection.receive_eof();
        let closed = closed(&connection);
        assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Idle)));
        assert_eq!(closed.initiator, Some(Initiator::Local));
        assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
        assert_eq!(closed.to_string(), "wait for a message timed out");
    }
}

#[test]
fn an_idle_peer_that_does_not_answer_the_close_stays_an_idle_one() {
    for role in ROLES {
        let mut connection = open_idle(role);
        connection.handle_timeout(at(1_000));
        due(&mut connection, 1_000);
        connection.handle_timeout(at(6_000));
        assert_eq!(connection.state(), State::Ended);
        let cause = closed(&connection).cause;
        assert_eq!(cause, Some(Cause::Timeout(Stage::Idle)));
    }
}

#[test]
fn every_message_in_either_direction_is_against_idleness() {
    type Act = fn(&mut Connection, Role);
    let acts: [(&str, Act); 7] = [
        ("a message came", |connection, peer| {
            feed(connection, &frame(peer, 0x81, b"x"));
        }),
        ("one in two fragments came", |connection, peer| {
            feed(connection, &fragments(peer, 2, &[b"x", b"y"]));
        }),
        ("its beginning came", |connection, peer| {
            feed(connection, &frame(peer, 0x02, b"x"));
        }),
        ("some bytes of it came", |connection, peer| {
            let wire = frame(peer, 0x82, b"xxxx");
            feed(connection, &wire[..3]);
            feed(connection, &wire[3..wire.len() - 1]);
        }),
        ("one was sent", |connection, _| {
            connection.send("x").expect("open");
            sent(connection);
        }),
        ("a prepared one was sent", |connection, _| {
            let prepared = Prepared::new("x");
            connection.send_prepared(&prepared).expect("open");
            sent(connection);
        }),
        ("a fragment was sent", |connection, _| {
            connection.send_fragment("x", false).expect("open");
            sent(connection);
        }),
    ];
    for role in ROLES {
        for (what, act) in acts {
            let mut connection = open_idle(role);
            act(&mut connection, peer_of(role));
            connection.handle_timeout(at(1_000));
            assert_eq!(connection.state(), State::Open, "{what}");
            assert_eq!(due(&mut connection, 1_000), Some(2_000));
            if what != "its beginning came" {
                connection.handle_timeout(at(2_000));
                assert_eq!(
                    connection.state(),
                    State::CloseSent,
                    "{what}, but only once"
                );
            }
        }
    }
}

#[test]
fn a_streamed_message_is_against_idleness_even_if_it_is_one_frame() {
    for role in ROLES {
        let mut connection = open_with(role, |config| {
            idle_after_a_second(config);
            config.streaming = true;
        });
        due(&mut connection, 0);
        feed(&mut connection, &frame(peer_of(role), 0x82, b"x"));
        connection.handle_timeout(at(1_000));
        assert_eq!(connection.state(), State::Open);
    }
}

#[test]
fn pings_and_pongs_are_no_messages() {
    for role in ROLES {
        let mut connection = open_idle(role);
        for opcode in [0x89, 0x8A] {
            feed(&mut connection, &frame(peer_of(role), opcode, b""));
        }
        connection.ping(b"").expect("open");
        sent(&mut connection);
        connection.handle_timeout(at(1_000));
        assert_eq!(connection.state(), State::CloseSent);
    }
}

#[test]
fn what_is_still_on_its_way_is_no_idleness() {
    for role in ROLES {
        let mut connection = open_idle(role);
        connection.ping(b"").expect("open");
        connection.handle_timeout(at(1_000));
        assert_eq!(connection.state(), State::Open);
    }
}

#[test]
fn keepalive_and_idleness_have_their_own_times() {
    for role in ROLES {
        let mut connection = open_with(role, |config| {
            config.keepalive = Some(KeepAlive {
                interval: Duration::from_millis(300),
                timeout: Duration::from_millis(300),
            });
            config.timeouts.idle = Some(Duration::from_secs(1));
        });
        let mut now = 0;
        let mut pings = 0;
        while connection.state() == State::Open {
            now = due(&mut connection, now).expect("a deadline");
            connection.handle_timeout(at(now));
            for (first, payload) in plain(&sent(&mut connection)) {
                if first == 0x89 {
                    pings += 1;
                    feed(&mut connection, &frame(peer_of(role), 0x8A, &payload));
                }
            }
        }
        assert_eq!((now, pings), (1_000, 2), "pings at 300 and 900");
        let cause = closed(&connection).cause;
        assert_eq!(cause, Some(Cause::Timeout(Stage::Idle)));
    }
}

#[test]
fn a_caller_may_queue_something_before_an_idle_connection_is_closed() {
    for role in ROLES {
        let mut connection = open_idle(role);
        assert!(!connection.is_idle(at(999)));
        assert!(connection.is_idle(at(1_000)) && connection.is_idle(at(1_000)));
        connection.send("last words").expect("open");
        connection.close_idle();
        let frames = plain(&sent(&mut connection));
        let close = [&[3, 233][..], b"idle"].concat();
        assert_eq!(frames, [(0x81, b"last words".to_vec()), (0x88, close)]);
        assert!(!connection.is_idle(at(9_000)), "it is closing");
    }
}

/// A connection with 100,000 bytes that nobody takes, and a minute for that.
fn stuck(role: Role) -> Connection {
    let mut connection = open_with(role, |config| config.keepalive = None);
    assert_eq!(due(&mut connection, 0), None, "nothing is queued");
    connection.send(&[0; 100_000][..]).expect("open");
    assert_eq!(due(&mut connection, 5_000), Some(65_000));
    connection
}

#[test]
fn gives_a_transport_up_that_takes_nothing_for_a_minute() {
    for role in ROLES {
        let mut connection = stuck(role);
        // Bytes of the peer make no difference.
        feed(&mut connection, &frame(peer_of(role), 0x81, b"alive"));
        connection.handle_timeout(at(64_999));
        assert_eq!(connection.state(), State::Open);
        connection.handle_timeout(at(65_000));
        assert_eq!(connection.state(), State::Ended);
        let closed = closed(&connection);
        assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Write)));
        assert_eq!((closed.local, closed.remote), (None, None));
        assert!(!connection.wants_write());
        assert_eq!(due(&mut connection, 65_000), None);
    }
}

#[test]
fn a_transport_that_takes_little_has_time() {
    for role in ROLES {
        let mut connection = stuck(role);
        let mut now = 65_000;
        for _ in 0..5 {
            connection.transmitted(1);
            connection.handle_timeout(at(now));
            assert_eq!(connection.state(), State::Open);
            now += 60_000;
            assert_eq!(due(&mut connection, now - 60_000), Some(now));
        }
        connection.handle_timeout(at(now));
        assert_eq!(connection.state(), State::Ended);
    }
}

#[test]
fn a_queue_that_was_emptied_needs_no_deadline() {
    for role in ROLES {
        let mut connection = stuck(role);
        sent(&mut connection);
        connection.handle_timeout(at(65_000));
        assert_eq!(connection.state(), State::Open);
        assert_eq!(due(&mut connection, 65_000), None);
        // The next one has all of its time.
        connection.send("x").expect("open");
        assert_eq!(due(&mut connection, 70_000), Some(130_000));
    }
}

#[test]
fn a_transport_may_take_as_long_as_it_likes_where_that_is_said() {
    for role in ROLES {
        let mut connection = open_with(role, |config| {
            config.keepalive = None;
            config.timeouts.write = None;
        });
        connection.send("x").expect("open");
        assert_eq!(due(&mut connection, 0), None);
        connection.handle_timeout(at(1 << 40));
        assert_eq!(connection.state(), State::Open);
    }
}

#[test]
fn a_closing_has_no_deadline_but_its_own() {
    for role in ROLES {
        let mut connection = stuck(role);
        connection.close(CloseCode::NORMAL, "").expect("open");
        assert_eq!(due(&mut connection, 64_000), Some(69_000));
        connection.handle_timeout(at(66_000));
        assert_eq!(connection.state(), State::CloseSent);
        connection.handle_timeout(at(69_000));
        let cause = closed(&connection).cause;
        assert_eq!(cause, Some(Cause::Timeout(Stage::Close)));
    }
}

#[test]
fn waits_of_nothing_are_short_and_not_endless_work() {
    for role in ROLES {
        let mut connection = open_with(role, |config| {
            config.keepalive = Some(KeepAlive {
                interval: Duration::ZERO,
                timeout: Duration::ZERO,
            });
        });
        assert_eq!(due(&mut connection, 0), Some(10));
        connection.handle_timeout(at(10));
        assert_eq!(due(&mut connection, 10), Some(20));
        sent(&mut connection);
        connection.handle_timeout(at(20));
        assert_eq!(connection.state(), State::Ended);

        let mut connection = open_with(role, |config| {
            config.timeouts.idle = Some(Duration::ZERO);
            config.timeouts.write = Some(Duration::ZERO);
        });
        connection.ping(b"").expect("open");
        assert_eq!(due(&mut connection, 0), Some(10));
    }
}
