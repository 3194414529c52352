//! RFC 6455 §5.4, messages handed out piece by piece while they arrive.

use std::borrow::Cow;

use bowsprit_proto::{Connection, Event, MessageRef, ProtocolError, Role, State};

use crate::support::{
    ROLES, Seen, close_frame, coalesced, feed, feed_in, fragments, frame, open_with, peer_of,
    plain, sent,
};

pub(crate) fn streaming(role: Role) -> Connection {
    open_with(role, |config| config.streaming = true)
}

fn piece(text: &str, last: bool) -> Seen {
    Seen::TextPiece(text.into(), last)
}

#[test]
fn hands_out_each_piece_as_it_arrives() {
    for role in ROLES {
        let wire = frame(peer_of(role), 0x81, b"Hello");
        let mut connection = streaming(role);
        let cut = wire.len() - 3;
        assert_eq!(feed(&mut connection, &wire[..cut]), [piece("He", false)]);
        assert_eq!(
            feed(&mut connection, &wire[cut..cut + 1]),
            [piece("l", false)]
        );
        assert_eq!(feed(&mut connection, &wire[cut + 1..]), [piece("lo", true)]);
        let whole = feed(&mut connection, &wire);
        assert_eq!(whole, [piece("Hello", true)]);
    }
}

#[test]
fn says_which_fragment_is_the_last() {
    for role in ROLES {
        let peer = peer_of(role);
        let seen = feed(
            &mut streaming(role),
            &fragments(peer, 1, &[b"a", b"b", b"c"]),
        );
        assert_eq!(
            seen,
            [piece("a", false), piece("b", false), piece("c", true)]
        );
        let seen = feed(&mut streaming(role), &fragments(peer, 2, &[b"a", b""]));
        let expected = [
            Seen::BinaryPiece(b"a".into(), false),
            Seen::BinaryPiece(Vec::new(), true),
        ];
        assert_eq!(seen, expected);
    }
}

#[test]
fn hands_out_an_empty_message_as_one_last_piece() {
    for role in ROLES {
        for count in 1..4 {
            for size in [1, usize::MAX] {
                let wire = fragments(peer_of(role), 1, &vec![&b""[..]; count]);
                let seen = feed_in(&mut streaming(role), &wire, &[size]);
                assert_eq!(seen, [piece("", true)]);
                let wire = fragments(peer_of(role), 2, &vec![&b""[..]; count]);
                let seen = feed_in(&mut streaming(role), &wire, &[size]);
                assert_eq!(seen, [Seen::BinaryPiece(Vec::new(), true)]);
            }
        }
    }
}

#[test]
fn ends_every_piece_of_text_between_two_characters() {
    let text = "aé€😀ß日本語🎉";
    for role in ROLES {
        for fragment in 1..12 {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(fragment).collect();
            let wire = fragments(peer_of(role), 1, &pieces);
            for size in 1..20 {
                // The test's `String`s prove the boundaries, the join proves that nothing is lost.
                let seen = feed_in(&mut streaming(role), &wire, &[size]);
                let lasts = seen
                    .iter()
                    .filter(|seen| matches!(seen, Seen::TextPiece(_, true)));
                assert_eq!(lasts.count(), 1);
                assert_eq!(coalesced(seen), [piece(text, true)], "{fragment} {size}");
            }
        }
    }
}

#[test]
fn hands_out_no_empty_piece_but_the_last() {
    for role in ROLES {
        let wire = fragments(
            peer_of(role),
            1,
            &["€".as_bytes(), b"", "😀".as_bytes(), b""],
        );
        for size in [1, 2, 5] {
            let mut seen = feed_in(&mut streaming(role), &wire, &[size]);
            assert_eq!(seen.pop(), Some(piece("", true)));
            assert_eq!(seen, [piece("€", false), piece("😀", false)]);
        }
    }
}

#[test]
fn hands_out_control_frames_between_the_pieces() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [
            frame(peer, 0x01, "a\u{E9}".as_bytes()),
            frame(peer, 0x89, b"?"),
            frame(peer, 0x00, b"\xE2\x82"),
            frame(peer, 0x8A, b"!"),
            frame(peer, 0x80, b"\xAC"),
            close_frame(peer, 1000, b""),
        ];
        for size in [1, 2, 3, usize::MAX] {
            let mut connection = streaming(role);
            let seen = coalesced(feed_in(&mut connection, &wire.concat(), &[size]));
            let expected = [
                piece("aé", false),
                Seen::Ping(b"?".into()),
                Seen::Pong(b"!".into()),
                piece("€", true),
                Seen::Close(1000, String::new()),
            ];
            assert_eq!(seen, expected);
            let sent = plain(&sent(&mut connection));
            assert_eq!(sent, [(0x8A, b"?".to_vec()), (0x88, vec![3, 232])]);
        }
    }
}

#[test]
fn keeps_the_rules_of_whole_messages() {
    use ProtocolError::{ExpectedContinuation, InvalidUtf8, UnexpectedContinuation};
    for role in ROLES {
        let peer = peer_of(role);
        let table = [
            (frame(peer, 0x80, b"x"), UnexpectedContinuation),
            (
                [frame(peer, 0x01, b""), frame(peer, 0x81, b"")].concat(),
                ExpectedContinuation,
            ),
            (
                [frame(peer, 0x81, b"a"), frame(peer, 0x80, b"b")].concat(),
                UnexpectedContinuation,
            ),
            (fragments(peer, 1, &[b"\xE2\x82", b""]), InvalidUtf8),
            (fragments(peer, 1, &[b"ab", b"\xE2", b"\x28"]), InvalidUtf8),
            (frame(peer, 0x81, b"\xFF"), InvalidUtf8),
        ];
        for (wire, error) in table {
            for size in [1, 2, usize::MAX] {
                let mut connection = streaming(role);
                let seen = feed_in(&mut connection, &wire, &[size]);
                assert_eq!(seen.last(), Some(&Seen::Failed(error)));
                assert_eq!(connection.state(), State::Failed);
                let code = error.close_code().0;
                assert_eq!(sent(&mut connection), close_frame(role, code, b""));
            }
        }
    }
}

#[test]
fn lends_pieces_that_lie_in_the_input() {
    for role in ROLES {
        let mut wire = frame(peer_of(role), 0x81, "whole é".as_bytes());
        let end = wire.len() - 1;
        let mut connection = streaming(role);
        let event = connection.receive(&mut &mut wire[..end]);
        let Some(Event::Fragment(MessageRef::Text(Cow::Borrowed("whole ")), false)) = event else {
            panic!("a lent piece was expected, not {event:?}");
        };
        let event = connection.receive(&mut &mut wire[end..]);
        let Some(Event::Fragment(MessageRef::Text(Cow::Owned(text)), true)) = event else {
            panic!("an owned piece was expected, not {event:?}");
        };
        assert_eq!(text, "é");
    }
}

#[test]
fn streams_a_message_larger_than_memory_would_hold() {
    let mut connection = streaming(Role::Client);
    let piece = vec![9; 60_000];
    let mut total = 0;
    for n in 0..2_000 {
        let first = if n == 0 { 0x02 } else { 0x00 };
        for seen in feed(&mut connection, &frame(Role::Server, first, &piece)) {
            let Seen::BinaryPiece(data, false) = seen else {
                panic!("a piece was expected, not {seen:?}");
            };
            total += data.len();
        }
    }
    assert_eq!(total, 120_000_000, "far over the message limit of 16 MiB");
    assert_eq!(connection.state(), State::Open);
}
