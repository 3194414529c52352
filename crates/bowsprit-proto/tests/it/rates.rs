//! RFC 6455 §10.4, how many messages and how many frames of one a peer may send.

use std::time::Duration;

use bowsprit_proto::{
    Cause, CloseCode, Config, Connection, ProtocolError, Rate, Role, State, Timestamp,
};

use crate::support::{
    ROLES, Seen, close_frame, feed, fragments, frame, open, open_with, peer_of, receive, sent, text,
};

const fn at(millis: u64) -> Timestamp {
    Timestamp(Duration::from_millis(millis))
}

/// Ten messages a second, five at once.
fn limited(role: Role) -> Connection {
    limited_with(role, |_| {})
}

fn limited_with(role: Role, adjust: impl FnOnce(&mut Config)) -> Connection {
    open_with(role, |config| {
        config.limits.rate = Some(Rate {
            per_second: 10,
            burst: 5,
        });
        adjust(config);
    })
}

const TOO_MANY: Seen = Seen::Failed(ProtocolError::TooManyMessages { per_second: 10 });

#[test]
fn takes_as_many_messages_at_once_as_the_burst_and_closes_with_1008() {
    for role in ROLES {
        let wire = frame(peer_of(role), 0x81, b"x").repeat(7);
        let outcome = receive(|| limited(role), &wire);
        let mut expected = vec![text("x"); 5];
        expected.push(TOO_MANY);
        assert_eq!(outcome.events, expected, "and nothing after the failure");
        assert_eq!(outcome.sent, close_frame(role, 1008, b""));
        assert_eq!(outcome.state, State::Failed);
        let closed = outcome.closed.expect("a failure");
        let error = ProtocolError::TooManyMessages { per_second: 10 };
        assert_eq!(closed.cause, Some(Cause::Protocol(error)));
        assert_eq!(closed.local_code(), CloseCode::POLICY_VIOLATION);
        let words = "messages come faster than the limit of 10 a second";
        assert_eq!(closed.to_string(), words, "no violation of the protocol");
    }
}

#[test]
fn pings_and_pongs_count_and_a_close_does_not() {
    for role in ROLES {
        let peer = peer_of(role);
        for first in [0x89, 0x8A] {
            let wire = frame(peer, first, b"").repeat(6);
            let outcome = receive(|| limited(role), &wire);
            assert_eq!(outcome.events.len(), 6);
            assert_eq!(outcome.events.last(), Some(&TOO_MANY));
        }
        let mut wire = frame(peer, 0x82, b"").repeat(5);
        wire.extend(close_frame(peer, 1000, b""));
        let outcome = receive(|| limited(role), &wire);
        assert_eq!(outcome.events.last(), Some(&Seen::Close(1000, "".into())));
        assert_eq!(outcome.state, State::Exchanged);
    }
}

#[test]
fn a_message_in_fragments_counts_once() {
    for role in ROLES {
        let message = fragments(peer_of(role), 1, &[&b"x"[..]; 20]);
        let outcome = receive(|| limited(role), &message.repeat(5));
        assert_eq!(outcome.events, vec![text(&"x".repeat(20)); 5]);
        let outcome = receive(|| limited(role), &message.repeat(6));
        assert_eq!(outcome.events.last(), Some(&TOO_MANY));
    }
}

#[test]
fn with_streaming_each_piece_counts() {
    for role in ROLES {
        let mut connection = limited_with(role, |config| config.streaming = true);
        let seen = feed(
            &mut connection,
            &fragments(peer_of(role), 2, &[&b"x"[..]; 6]),
        );
        assert_eq!(seen.len(), 6);
        assert_eq!(seen.last(), Some(&TOO_MANY));
    }
}

#[test]
fn takes_a_steady_stream_at_the_rate_for_ever() {
    for role in ROLES {
        let mut connection = limited(role);
        let message = frame(peer_of(role), 0x81, b"x");
        for now in (0..100_000).step_by(100) {
            connection.tell_time(at(now), false);
            assert_eq!(feed(&mut connection, &message), [text("x")], "{now}");
        }
        // The burst is still there.
        connection.tell_time(at(100_000), false);
        assert_eq!(feed(&mut connection, &message.repeat(5)).len(), 5);
        assert_eq!(connection.state(), State::Open);
        assert_eq!(feed(&mut connection, &message), [TOO_MANY]);
    }
}

#[test]
fn a_stream_that_is_a_little_too_fast_ends() {
    for role in ROLES {
        let mut connection = limited(role);
        let message = frame(peer_of(role), 0x81, b"x");
        let ended = (0..10_000).step_by(90).find(|now| {
            connection.tell_time(at(*now), false);
            feed(&mut connection, &message) == [TOO_MANY]
        });
        let ended = ended.expect("an end");
        assert!((3_000..6_000).contains(&ended), "after {ended} ms");
    }
}

#[test]
fn what_waited_while_nobody_read_is_not_held_against_the_peer() {
    for role in ROLES {
        let mut connection = limited(role);
        let message = frame(peer_of(role), 0x81, b"x");
        connection.tell_time(at(0), false);
        feed(&mut connection, &message);
        // A minute's worth of them lies in one read.
        connection.tell_time(at(60_000), false);
        let seen = feed(&mut connection, &message.repeat(604));
        assert_eq!(seen, vec![text("x"); 604]);
        // What was not used is no more than the burst a moment later.
        connection.tell_time(at(60_000), false);
        assert_eq!(feed(&mut connection, &message), [TOO_MANY]);
    }
}

#[test]
fn what_was_not_used_is_kept_up_to_the_burst() {
    for role in ROLES {
        let mut connection = limited(role);
        let message = frame(peer_of(role), 0x81, b"x");
        for now in [0, 60_000, 60_000] {
            connection.tell_time(at(now), false);
        }
        let seen = feed(&mut connection, &message.repeat(6));
        assert_eq!(seen.last(), Some(&TOO_MANY), "{} came", seen.len());
    }
}

#[test]
fn takes_rates_at_the_ends_of_their_range() {
    for role in ROLES {
        let message = frame(peer_of(role), 0x81, b"x");
        for (per_second, burst, most) in [(0, 0, 1), (0, 3, 3), (u32::MAX, u32::MAX, 1000)] {
            let mut connection = open_with(role, |config| {
                config.limits.rate = Some(Rate { per_second, burst });
            });
            connection.tell_time(Timestamp(Duration::ZERO), false);
            connection.tell_time(Timestamp(Duration::MAX), false);
            connection.tell_time(Timestamp(Duration::ZERO), false);
            let seen = feed(&mut connection, &message.repeat(1000));
            let taken = seen.iter().filter(|seen| **seen == text("x")).count();
            assert_eq!(taken, most, "{per_second} {burst}");
        }
    }
}

#[test]
fn without_a_rate_nothing_is_counted() {
    for role in ROLES {
        let mut connection = open(role);
        connection.tell_time(at(0), false);
        let wire = frame(peer_of(role), 0x81, b"x").repeat(10_000);
        assert_eq!(feed(&mut connection, &wire).len(), 10_000);
    }
}

#[test]
fn refuses_a_message_in_too_many_frames_with_1008() {
    for role in ROLES {
        let make = || open_with(role, |config| config.limits.fragments = 3);
        let peer = peer_of(role);
        let three = fragments(peer, 1, &[&b"x"[..]; 3]);
        let four = fragments(peer, 1, &[&b"x"[..]; 4]);
        let outcome = receive(make, &three.repeat(2));
        assert_eq!(outcome.events, [text("xxx"), text("xxx")]);

        let outcome = receive(make, &four);
        let error = ProtocolError::TooManyFragments { limit: 3 };
        assert_eq!(outcome.events, [Seen::Failed(error)]);
        assert_eq!(outcome.sent, close_frame(role, 1008, b""));
        let words = outcome.closed.expect("a failure").to_string();
        assert_eq!(words, "message is in more frames than the limit of 3");
    }
}

#[test]
fn control_frames_between_fragments_are_none() {
    for role in ROLES {
        let peer = peer_of(role);
        let ping = frame(peer, 0x89, b"");
        let wire = [
            frame(peer, 0x01, b"x"),
            ping.repeat(5),
            frame(peer, 0x80, b"y"),
        ];
        let outcome = receive(
            || open_with(role, |config| config.limits.fragments = 2),
            &wire.concat(),
        );
        assert_eq!(outcome.events.last(), Some(&text("xy")));
    }
}

#[test]
fn fragments_are_not_counted_where_nothing_is_held() {
    for role in ROLES {
        let mut connection = open_with(role, |config| {
            config.limits.fragments = 3;
            config.streaming = true;
        });
        let wire = fragments(peer_of(role), 2, &[&b"x"[..]; 50]);
        assert_eq!(feed(&mut connection, &wire).len(), 50);
        assert_eq!(sent(&mut connection), b"");
    }
}

#[test]
fn has_the_defaults_that_the_docs_promise() {
    for role in ROLES {
        let config = Config::for_role(role);
        assert_eq!(config.limits.fragments, 131_072);
        assert_eq!(config.limits.rate, None);
        assert_eq!(config.timeouts.idle, None);
        assert_eq!(config.timeouts.write, Some(Duration::from_secs(60)));
    }
}
