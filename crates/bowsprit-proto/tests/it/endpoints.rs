//! What the endpoints above ask of a connection, besides messages.

use std::time::Duration;

use bowsprit_proto::{CloseCode, Initiator, Message, Role::Server, SendError, State, Timestamp};

use crate::support::{ROLES, Seen, close_frame, feed, frame, open, open_with, peer_of, sent};

#[test]
fn a_held_answer_lets_messages_out_before_it() {
    for role in ROLES {
        let mut connection = open(role);
        connection.hold_close_answer();
        connection.answer_close();
        assert!(!connection.wants_write(), "there is nothing to answer yet");

        let seen = feed(&mut connection, &close_frame(peer_of(role), 1001, b"bye"));
        assert_eq!(seen, [Seen::Close(1001, String::from("bye"))]);
        assert_eq!(connection.state(), State::Open);
        connection.send("one more").expect("no answer has left");
        connection.answer_close();

        let mut expected = frame(role, 0x81, b"one more");
        expected.extend(close_frame(role, 1001, b"bye"));
        assert_eq!(sent(&mut connection), expected);
        assert_eq!(connection.state(), State::Exchanged);
        assert_eq!(connection.send("too late"), Err(SendError::Closing));
        let closed = connection.closed().expect("an end");
        assert_eq!(closed.initiator, Some(Initiator::Remote));

        connection.answer_close();
        assert!(!connection.wants_write(), "an answer is given once");
    }
}

#[test]
fn a_held_answer_is_none_where_this_side_closed_first() {
    for role in ROLES {
        let mut connection = open(role);
        connection.hold_close_answer();
        connection.close(CloseCode::NORMAL, "").expect("open");
        assert_eq!(sent(&mut connection), close_frame(role, 1000, b""));
        feed(&mut connection, &close_frame(peer_of(role), 1000, b""));
        connection.answer_close();
        assert_eq!(sent(&mut connection), b"");
        assert_eq!(connection.state(), State::Exchanged);
        let closed = connection.closed().expect("an end");
        assert_eq!(closed.initiator, Some(Initiator::Local));
    }
}

#[test]
fn the_limit_of_what_is_queued_can_be_lifted() {
    let mut connection = open_with(Server, |config| config.limits.send_buffer = 10);
    connection.send("eight by").expect("room");
    assert_eq!(connection.send("more"), Err(SendError::Full));
    connection.lift_send_limit();
    assert_eq!(connection.send("more"), Ok(()));
}

#[test]
fn tells_whether_a_message_in_fragments_is_being_sent() {
    for role in ROLES {
        let mut connection = open(role);
        assert!(!connection.is_inside_message());
        connection.send_fragment("be", false).expect("open");
        assert!(connection.is_inside_message());
        connection.send_fragment("gun", true).expect("open");
        assert!(!connection.is_inside_message());
    }
}

#[test]
fn tells_how_much_of_a_frame_is_to_come() {
    for role in ROLES {
        let mut connection = open(role);
        assert_eq!(connection.missing_bytes(), 0);
        let wire = frame(peer_of(role), 0x82, &[7; 1000]);
        feed(&mut connection, &wire[..wire.len() - 600]);
        assert_eq!(connection.missing_bytes(), 600);
        feed(&mut connection, &wire[wire.len() - 600..]);
        assert_eq!(connection.missing_bytes(), 0);
    }
}

#[test]
fn shows_in_one_piece_what_lies_in_one() {
    let mut connection = open(Server);
    assert_eq!(connection.transmit_whole(), None);
    connection.send("ahoy").expect("open");
    assert_eq!(
        connection.transmit_whole(),
        Some(frame(Server, 0x81, b"ahoy").as_slice())
    );
    connection.transmitted(2);
    assert_eq!(connection.transmit_whole(), Some(&b"ahoy"[..]));

    // Too large to be copied.
    let large = Message::from(vec![7; 100_000]);
    connection.send_shared(large).expect("open");
    assert_eq!(connection.transmit_whole(), None);
}

#[test]
fn the_time_for_closing_can_be_set_before_it_runs() {
    for role in ROLES {
        let mut connection = open(role);
        connection.set_close_timeout(Duration::from_millis(70));
        connection.close(CloseCode::NORMAL, "").expect("open");
        sent(&mut connection);
        let now = Timestamp(Duration::from_millis(1000));
        let due = connection.poll_timeout(now).expect("a deadline");
        assert_eq!(due.0, Duration::from_millis(1070));
        connection.handle_timeout(due);
        assert_eq!(connection.state(), State::Ended);
    }
}
