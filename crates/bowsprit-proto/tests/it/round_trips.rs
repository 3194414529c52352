//! RFC 6455 §5.5.2 and §5.5.3, which ping a pong answers and how long it took.

use std::time::Duration;

use bowsprit_proto::{Connection, Role::Server, RoundTrips, SendError, Timestamp};

use crate::support::{ROLES, feed, frame, open, peer_of, plain, sent};

const fn at(millis: u64) -> Timestamp {
    Timestamp(Duration::from_millis(millis))
}

/// How many round trips there were, and the last, the mean and the worst in milliseconds.
fn trips(connection: &Connection) -> (u64, [u128; 3]) {
    let RoundTrips {
        count,
        last,
        mean,
        worst,
        ..
    } = connection.round_trips();
    let millis = [last, mean, worst].map(|time| time.map_or(0, |time| time.as_millis()));
    (count, millis)
}

fn took(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

#[test]
fn measures_each_ping_by_its_own_pong() {
    for role in ROLES {
        let mut connection = open(role);
        assert_eq!(connection.round_trips(), RoundTrips::default());
        for (payload, now) in [(&b"one"[..], 0), (b"", 10), (&[0xFF; 125], 30)] {
            connection.ping_at(payload, at(now)).expect("open");
        }
        assert_eq!(trips(&connection), (0, [0; 3]), "no pong came");
        assert_eq!(connection.measure(b"one", at(100)), took(100));
        assert_eq!(connection.measure(b"", at(120)), took(110));
        assert_eq!(connection.measure(&[0xFF; 125], at(150)), took(120));
        assert_eq!(trips(&connection), (3, [120, 110, 120]));
        connection.ping_at(b"quick", at(200)).expect("open");
        assert_eq!(connection.measure(b"quick", at(230)), took(30));
        assert_eq!(trips(&connection), (4, [30, 90, 120]));
    }
}

#[test]
fn measures_no_pong_that_answers_nothing() {
    for role in ROLES {
        let mut connection = open(role);
        assert_eq!(connection.measure(b"unasked", at(1)), None);
        connection.ping_at(b"ping", at(0)).expect("open");
        for other in [&b"pin"[..], b"ping2", b"", b"PING"] {
            assert_eq!(connection.measure(other, at(5)), None, "{other:?}");
        }
        assert_eq!(connection.measure(b"ping", at(7)), took(7));
        assert_eq!(connection.measure(b"ping", at(9)), None, "only once");
        assert_eq!(trips(&connection), (1, [7; 3]));
    }
}

#[test]
fn a_pong_of_a_later_ping_answers_the_earlier_ones() {
    let mut connection = open(Server);
    for (payload, now) in [(b"1", 0), (b"2", 10), (b"3", 20), (b"4", 30)] {
        connection.ping_at(payload, at(now)).expect("open");
    }
    assert_eq!(connection.measure(b"3", at(50)), took(30));
    for earlier in [b"1", b"2", b"3"] {
        assert_eq!(connection.measure(earlier, at(60)), None);
    }
    assert_eq!(connection.measure(b"4", at(70)), took(40));
    assert_eq!(trips(&connection), (2, [40, 35, 40]));
}

#[test]
fn takes_the_latest_of_pings_that_look_the_same() {
    let mut connection = open(Server);
    for now in [0, 100, 200] {
        connection.ping_at(b"same", at(now)).expect("open");
    }
    assert_eq!(connection.measure(b"same", at(250)), took(50));
    assert_eq!(connection.measure(b"same", at(260)), None);
}

#[test]
fn forgets_the_oldest_of_many_pings() {
    let mut connection = open(Server);
    for number in 0..17_u8 {
        connection
            .ping_at(&[number], at(number.into()))
            .expect("open");
    }
    assert_eq!(connection.measure(&[0], at(100)), None, "the seventeenth");
    assert_eq!(connection.measure(&[1], at(100)), took(99));
}

#[test]
fn remembers_no_ping_that_was_refused_or_is_not_to_be_measured() {
    let mut connection = open(Server);
    let refused = connection.ping_at(&[b'x'; 126], at(0));
    assert_eq!(refused, Err(SendError::ControlTooLong));
    connection.ping(b"plain").expect("open");
    assert_eq!(connection.measure(&[b'x'; 126], at(1)), None);
    assert_eq!(connection.measure(b"plain", at(1)), None);
}

#[test]
fn a_clock_that_goes_back_measures_nothing_rather_than_failing() {
    let mut connection = open(Server);
    connection.ping_at(b"ping", at(100)).expect("open");
    assert_eq!(connection.measure(b"ping", at(1)), took(0));
    assert_eq!(trips(&connection), (1, [0; 3]));
}

#[test]
fn numbers_the_pings_of_keepalive_and_measures_them() {
    for role in ROLES {
        let mut connection = open(role);
        let mut now = 0;
        for number in 1..=3 {
            let ping = loop {
                let due = connection.poll_timeout(at(now)).expect("a keepalive");
                now = u64::try_from(due.0.as_millis()).expect("a short time");
                connection.handle_timeout(due);
                if let Some((0x89, payload)) = plain(&sent(&mut connection)).pop() {
                    break payload;
                }
            };
            assert_eq!(ping, format!("keepalive {number}").into_bytes());
            now += 40;
            feed(&mut connection, &frame(peer_of(role), 0x8A, &ping));
            assert_eq!(connection.measure(&ping, at(now)), took(40));
        }
        assert_eq!(trips(&connection), (3, [40; 3]));
    }
}

#[test]
fn a_pong_that_came_late_is_measured_and_that_of_the_last_ping_too() {
    let mut connection = open(Server);
    connection.poll_timeout(at(0));
    connection.handle_timeout(at(20_000));
    // A message keeps the connection alive though its ping is not answered.
    feed(&mut connection, &frame(peer_of(Server), 0x81, b"alive"));
    connection.handle_timeout(at(40_000));
    connection.handle_timeout(at(60_000));
    let pings = plain(&sent(&mut connection));
    assert_eq!(pings.len(), 2, "{pings:?}");
    assert_eq!(connection.measure(b"keepalive 1", at(60_500)), took(40_500));
    assert_eq!(connection.measure(b"keepalive 2", at(60_600)), took(600));
    assert_eq!(trips(&connection), (2, [600, 20_550, 40_500]));
}
