//! RFC 7692 §6 and §7.2, what is sent compressed arrives as it was.

use std::time::Duration;

use bowsprit_proto::{
    Connection, Deflate, Message, MessageRef, Prepared,
    Role::{self, Client, Server},
    SendError,
};

use crate::{
    deflate_support::{
        BEGIN_TEXT, BINARY, Reference, TEXT, compress, deflated, deflated_with, message, noise,
        prose, settings,
    },
    puff,
    support::{
        Outcome, Pair, ROLES, Seen, coalesced, feed, feed_in, frame, frames, peer_of, receive,
        sent, text,
    },
};

/// Compressible ones, such as are not, and both in one, around the lengths that change a header.
fn payloads() -> Vec<Vec<u8>> {
    let mut payloads = vec![Vec::new(), vec![0], b"Hello".to_vec()];
    for len in [63, 64, 125, 126, 127, 1_000] {
        payloads.push(prose(len, len).into_bytes());
        payloads.push(noise(len, len as u64));
    }
    payloads.push([noise(300, 1), prose(3_000, 1).into_bytes(), noise(300, 1)].concat());
    payloads
}

/// Around what an inflater and a compressor hand out at once, and far over it.
fn large_payloads() -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for len in [16_383, 16_384, 16_385, 65_535, 65_536, 1 << 20] {
        payloads.push(vec![7; len]);
        payloads.push(prose(len, len).into_bytes());
        payloads.push(noise(len, 9));
    }
    payloads
}

/// Sends these one by one and compares what arrives.
fn passes(role: Role, deflate: Deflate, payloads: &[Vec<u8>], reads: &[usize]) {
    let mut sender = deflated(role, deflate);
    let mut receiver = deflated(peer_of(role), deflate);
    for payload in payloads {
        sender.send(&payload[..]).expect("an open connection");
        let seen = feed_in(&mut receiver, &sent(&mut sender), reads);
        let is_same = matches!(&seen[..], [Seen::Binary(data)] if data == payload);
        assert!(is_same, "{} bytes, {deflate:?}", payload.len());
    }
}

fn grid() -> impl Iterator<Item = (Role, Deflate)> {
    let windows = (9..=15).flat_map(|bits| [(true, bits), (false, bits)]);
    let levels =
        windows.flat_map(|(takeover, bits)| [1, 6, 9].map(|level| (takeover, bits, level)));
    levels.flat_map(|(takeover, bits, level)| {
        ROLES.map(|role| (role, settings(takeover, bits, level)))
    })
}

#[test]
fn arrives_whatever_was_agreed_on() {
    let payloads = payloads();
    for (role, mut deflate) in grid() {
        for threshold in [0, 64, usize::MAX] {
            deflate.threshold = threshold;
            passes(role, deflate, &payloads, &[7, 1_000]);
        }
    }
}

#[test]
fn arrives_however_large_it_is() {
    let payloads = large_payloads();
    for (role, has_takeover, bits, level) in [
        (Client, true, 15, 1),
        (Server, true, 9, 6),
        (Client, false, 12, 6),
        (Server, false, 15, 1),
    ] {
        let deflate = settings(has_takeover, bits, level);
        passes(role, deflate, &payloads, &[usize::MAX]);
        passes(role, deflate, &payloads, &[16_384, 5, 1_448]);
    }
}

/// Lengths at which the compressed payload is as long as what a compressor hands out at once, and near it.
#[test]
fn arrives_though_the_output_of_the_compressor_is_just_full() {
    // Level 1 makes noise longer, level 6 stores it.
    for (has_takeover, level, lens) in [
        (true, 1, 15_450..15_560),
        (false, 6, 16_300..16_350),
        (true, 6, 16_300..16_350),
    ] {
        let deflate = settings(has_takeover, 15, level);
        let mut sender = deflated(Server, deflate);
        let mut receiver = deflated(Client, deflate);
        let mut compressed = Vec::new();
        for len in lens {
            // Ends in what compresses, so that it is never sent as it is.
            let payload = [noise(len, len as u64), vec![0; 3_000]].concat();
            sender.send(&payload[..]).expect("an open connection");
            let wire = sent(&mut sender);
            compressed.push(frames(&wire)[0].payload.len());
            assert_eq!(feed(&mut receiver, &wire), [Seen::Binary(payload)], "{len}");
        }
        let (least, most) = (compressed.iter().min(), compressed.iter().max());
        let is_around = least < Some(&16_379) && most > Some(&16_385);
        assert!(is_around, "{level} {least:?} {most:?}");
    }
}

#[test]
fn arrives_however_the_reads_are_cut() {
    for role in ROLES {
        for has_takeover in [true, false] {
            let deflate = settings(has_takeover, 15, 6);
            let mut sender = deflated(role, deflate);
            let messages = [
                prose(100, 1),
                prose(100, 2),
                String::new(),
                "é€😀".repeat(9),
            ];
            for message in &messages {
                sender.send(&message[..]).expect("an open connection");
            }
            let wire = sent(&mut sender);
            let outcome = receive(|| deflated(peer_of(role), deflate), &wire);
            let expected: Vec<Seen> = messages.iter().map(|message| text(message)).collect();
            assert_eq!(outcome.events, expected);
        }
    }
}

/// An inflater hands out 16 KiB at a time, wherever that cuts.
#[test]
fn puts_characters_together_that_are_cut_where_a_piece_of_the_output_ends() {
    for unit in ["é", "€", "😀"] {
        for shift in 0..unit.len() {
            let message = "a".repeat(shift) + &unit.repeat(50_000 / unit.len()) + "z";
            for role in ROLES {
                let deflate = settings(true, 15, 1);
                let wire = self::message(peer_of(role), TEXT, message.as_bytes());
                for reads in [[usize::MAX, 1], [3, 1]] {
                    let seen = feed_in(&mut deflated(role, deflate), &wire, &reads);
                    assert!(seen == [text(&message)], "{unit} {shift}");
                    let make = |config: &mut bowsprit_proto::Config| config.streaming = true;
                    let mut streaming = deflated_with(role, deflate, make);
                    let seen = coalesced(feed_in(&mut streaming, &wire, &reads));
                    assert!(
                        seen == [Seen::TextPiece(message.clone(), true)],
                        "{unit} {shift}"
                    );
                }
            }
        }
    }
}

#[test]
fn keeps_the_context_of_hundreds_of_messages() {
    for role in ROLES {
        for bits in [9, 12, 15] {
            let mut deflate = settings(true, bits, 6);
            // Some go as they are and become part of no context.
            deflate.threshold = 50;
            let mut sender = deflated(role, deflate);
            let mut receiver = deflated(peer_of(role), deflate);
            let (mut history, mut reach) = (Vec::new(), 0);
            for n in 0..300 {
                let message = match n % 5 {
                    0 => prose(n, n).into_bytes(),
                    1 => noise(n, 3),
                    2 => noise(n * 3, n as u64),
                    _ => prose(400, n / 7).into_bytes(),
                };
                sender.send(&message[..]).expect("an open connection");
                let wire = sent(&mut sender);
                for sent in frames(&wire) {
                    assert_eq!(sent.first & 0x40 != 0, message.len() >= 50);
                    if sent.first & 0x40 != 0 {
                        let inflated = puff::inflate(&history, &sent.payload).expect("DEFLATE");
                        assert_eq!(inflated.data, message, "{n}");
                        assert!(inflated.distance <= 1 << bits);
                        reach = reach.max(inflated.reach);
                        history.extend(inflated.data);
                    }
                }
                let seen = feed_in(&mut receiver, &wire, &[n % 11 + 1, 90]);
                assert_eq!(seen, [Seen::Binary(message)], "{n}");
            }
            assert!(reach > 200, "earlier messages were referred to: {reach}");
        }
    }
}

#[test]
fn inflates_hundreds_of_messages_of_another_implementation() {
    for role in ROLES {
        let mut reference = Reference::new(6);
        let mut receiver = deflated(role, settings(true, 15, 1));
        for n in 0..300 {
            let message = match n % 3 {
                0 => noise(n * 5, 3),
                _ => prose(n * 7, n / 9).into_bytes(),
            };
            let wire = frame(peer_of(role), BINARY, &reference.message(&message));
            let seen = feed_in(&mut receiver, &wire, &[n % 13 + 1, 300]);
            assert_eq!(seen, [Seen::Binary(message)], "{n}");
        }
    }
}

#[test]
fn inflates_what_reaches_back_as_far_as_the_window() {
    for role in ROLES {
        let mut reference = Reference::new(9);
        let mut receiver = deflated(role, settings(true, 15, 1));
        let far = noise(10_000, 5);
        for filler in [0, 10_000, 22_000, 22_700] {
            for data in [&far, &noise(filler, filler as u64), &far] {
                let wire = frame(peer_of(role), BINARY, &reference.message(data));
                assert!(
                    feed(&mut receiver, &wire) == [Seen::Binary(data.clone())],
                    "{filler}"
                );
            }
        }
    }
}

#[test]
fn joins_compressed_fragments_around_control_frames() {
    let pieces: [&[&str]; 8] = [
        &["Hel", "lo"],
        &["", "after an empty one"],
        &["before an empty one", ""],
        &["around", "", "an empty one"],
        &["", "", ""],
        &["alone"],
        &["é€", "😀", "é€😀é€😀é€😀"],
        &["the same", "the same", "the same"],
    ];
    for role in ROLES {
        for has_takeover in [true, false] {
            let deflate = settings(has_takeover, 15, 6);
            let mut sender = deflated(role, deflate);
            let mut expected = Vec::new();
            for pieces in pieces.iter().cycle().take(24) {
                for (n, piece) in pieces.iter().enumerate() {
                    let last = n + 1 == pieces.len();
                    sender
                        .send_fragment(*piece, last)
                        .expect("an open connection");
                    if !last {
                        assert_eq!(sender.send("x"), Err(SendError::InsideMessage));
                        let wrong = sender.send_fragment(&b"x"[..], false);
                        assert_eq!(wrong, Err(SendError::InsideMessage));
                        sender.ping(&[9]).expect("an open connection");
                        expected.push(Seen::Ping(vec![9]));
                    }
                }
                expected.push(text(&pieces.concat()));
            }
            let wire = sent(&mut sender);
            for size in [1, 2, 5, usize::MAX] {
                let mut receiver = deflated(peer_of(role), deflate);
                assert_eq!(feed_in(&mut receiver, &wire, &[size]), expected, "{size}");
            }
            let firsts: Vec<u8> = frames(&wire[..]).iter().map(|sent| sent.first).collect();
            assert_eq!(firsts[..3], [0x41, 0x89, 0x80]);
            assert!(
                firsts
                    .iter()
                    .all(|first| [0x41, 0x89, 0x80, 0x00, 0xC1].contains(first))
            );
        }
    }
}

#[test]
fn lets_the_first_fragment_decide_for_the_whole_message() {
    for role in ROLES {
        let mut deflate = settings(false, 15, 6);
        deflate.threshold = 10;
        let mut sender = deflated(role, deflate);
        for pieces in [
            ["short", "and then a long one"],
            ["a long one first", "short"],
        ] {
            sender
                .send_fragment(pieces[0], false)
                .expect("an open connection");
            sender
                .send_fragment(pieces[1], true)
                .expect("an open connection");
        }
        let wire = sent(&mut sender);
        let firsts: Vec<u8> = frames(&wire).iter().map(|sent| sent.first).collect();
        assert_eq!(firsts, [0x01, 0x80, 0x41, 0x80]);
        let seen = feed(&mut deflated(peer_of(role), deflate), &wire);
        assert_eq!(
            seen,
            [
                text("shortand then a long one"),
                text("a long one firstshort")
            ]
        );
    }
}

#[test]
fn joins_fragments_that_cut_the_compressed_bytes_anywhere() {
    let data = "é€😀 and more of it, é€😀 and more of it";
    let payload = compress(data.as_bytes());
    for role in ROLES {
        for cut in 0..=payload.len() {
            for second in cut..=payload.len() {
                let wire = [
                    frame(peer_of(role), BEGIN_TEXT, &payload[..cut]),
                    frame(peer_of(role), 0x89, b""),
                    frame(peer_of(role), 0x00, &payload[cut..second]),
                    frame(peer_of(role), 0x80, &payload[second..]),
                ];
                let mut receiver = deflated(role, settings(false, 15, 1));
                let seen = feed(&mut receiver, &wire.concat());
                assert_eq!(seen, [Seen::Ping(vec![]), text(data)], "{cut} {second}");
            }
        }
    }
}

#[test]
fn takes_uncompressed_messages_among_compressed_ones() {
    for role in ROLES {
        let peer = peer_of(role);
        let mut reference = Reference::new(6);
        let (one, two) = (prose(200, 1), prose(200, 2));
        let wire = [
            frame(peer, TEXT, &reference.message(one.as_bytes())),
            frame(peer, 0x81, two.as_bytes()),
            frame(peer, 0x01, b"in "),
            frame(peer, 0x80, b"fragments"),
            // Refers to the first, and would not be right if the others were part of the context.
            frame(peer, TEXT, &reference.message(one.as_bytes())),
        ];
        let outcome = receive(|| deflated(role, settings(true, 15, 1)), &wire.concat());
        let expected = [text(&one), text(&two), text("in fragments"), text(&one)];
        assert_eq!(outcome.events, expected);
    }
}

#[test]
fn sends_as_it_is_what_does_not_shrink_unless_it_is_part_of_a_context() {
    for role in ROLES {
        for (has_takeover, first) in [(false, 0x82), (true, BINARY)] {
            let deflate = settings(has_takeover, 15, 6);
            let mut sender = deflated(role, deflate);
            let mut receiver = deflated(peer_of(role), deflate);
            let like = noise(500, 1);
            for (n, data) in [&like, &noise(500, 2), &like, &b"x".to_vec(), &Vec::new()]
                .into_iter()
                .enumerate()
            {
                if n % 2 == 0 {
                    sender.send(&data[..]).expect("an open connection");
                } else {
                    sender
                        .send_shared(Message::from(data.clone()))
                        .expect("an open connection");
                }
                let wire = sent(&mut sender);
                assert_eq!(frames(&wire)[0].first, first, "{n}");
                let is_reference = has_takeover && n == 2;
                assert_eq!(frames(&wire)[0].payload.len() < 100, is_reference || n > 2);
                assert_eq!(
                    feed(&mut receiver, &wire),
                    [Seen::Binary(data.clone())],
                    "{n}"
                );
            }
        }
    }
}

/// To send it compressed would cost more than to lose the context does.
#[test]
fn sends_what_grows_much_as_it_is_and_begins_a_new_context() {
    for role in ROLES {
        let deflate = settings(true, 12, 1);
        let mut sender = deflated(role, deflate);
        let mut receiver = deflated(peer_of(role), deflate);
        let words = prose(2_000, 1).into_bytes();
        let large = noise(20_000, 5);
        let mut lens = Vec::new();
        for (n, data) in [&words, &large, &words, &words].into_iter().enumerate() {
            sender.send(&data[..]).expect("an open connection");
            let wire = sent(&mut sender);
            let sent = frames(&wire).remove(0);
            let expected = if n == 1 { 0x82 } else { BINARY };
            assert_eq!(sent.first, expected, "{n}");
            lens.push(sent.payload.len());
            assert_eq!(
                feed(&mut receiver, &wire),
                [Seen::Binary(data.clone())],
                "{n}"
            );
        }
        assert_eq!(lens[0], lens[2], "afresh");
        assert!(lens[3] < lens[2] / 2, "{lens:?}");
    }
}

/// The compressed frame was made without our context, and the peer's context goes on with it.
#[test]
fn stays_right_when_a_prepared_message_comes_between() {
    let news = Prepared::new(prose(2_000, 77));
    let random = Prepared::new(noise(2_000, 7));
    let secret = Prepared::uncompressed(prose(2_000, 78));
    for role in ROLES {
        for has_takeover in [true, false] {
            for bits in [9, 15] {
                let deflate = settings(has_takeover, bits, 6);
                let mut sender = deflated(role, deflate);
                let mut expected = Vec::new();
                for n in 0..40 {
                    let own = prose(600, n % 4);
                    sender.send(&own[..]).expect("an open connection");
                    expected.push(text(&own));
                    let prepared = [&news, &random, &secret][n % 3];
                    sender.send_prepared(prepared).expect("an open connection");
                    expected.push(match prepared.message() {
                        Message::Text(text) => self::text(text.as_str()),
                        Message::Binary(data) => Seen::Binary(data.to_vec()),
                    });
                    sender
                        .send_fragment(&own[..300], false)
                        .expect("an open connection");
                    assert_eq!(sender.send_prepared(&news), Err(SendError::InsideMessage));
                    sender
                        .send_fragment(&own[300..], true)
                        .expect("an open connection");
                    expected.push(text(&own));
                }
                let wire = sent(&mut sender);
                let mut receiver = deflated(peer_of(role), deflate);
                let seen = feed_in(&mut receiver, &wire, &[1_000, 3]);
                assert!(seen == expected, "{deflate:?}");
            }
        }
    }
}

/// Lets the keepalive pings of both ends leave and be answered.
fn be_quiet(pair: &mut Pair) {
    for _ in 0..3 {
        pair.run();
        pair.advance(Duration::from_secs(20));
    }
    pair.run();
}

#[test]
fn goes_on_after_a_keepalive_ping_has_given_the_compressor_back() {
    for role in ROLES {
        let deflate = settings(true, 15, 6);
        let mut pair = Pair::of(ROLES.map(|role| deflated(role, deflate)));
        let mut expected = Vec::new();
        let mut compressed_lens = Vec::new();
        let send = |pair: &mut Pair, expected: &mut Vec<Seen>| {
            let connection = &mut pair.end(role).connection;
            let message = noise(400, 4);
            connection.send(&message[..]).expect("an open connection");
            let len = connection.queued_bytes();
            expected.push(Seen::Binary(message));
            pair.run();
            len
        };
        for _ in 0..3 {
            for _ in 0..2 {
                compressed_lens.push(send(&mut pair, &mut expected));
            }
            be_quiet(&mut pair);
        }
        let peer = pair.end(peer_of(role));
        let is_message = |seen: &&Seen| matches!(seen, Seen::Binary(_));
        let seen: Vec<Seen> = peer.seen.iter().filter(is_message).cloned().collect();
        assert_eq!(seen, expected);
        assert!(peer.seen.iter().any(|seen| matches!(seen, Seen::Ping(_))));
        let is_fresh: Vec<bool> = compressed_lens.iter().map(|len| *len > 300).collect();
        assert_eq!(is_fresh, [true, false, true, false, true, false]);
    }
}

#[test]
fn keeps_the_context_inside_a_message_through_a_keepalive_ping() {
    for role in ROLES {
        for has_takeover in [true, false] {
            let deflate = settings(has_takeover, 15, 6);
            let mut pair = Pair::of(ROLES.map(|role| deflated(role, deflate)));
            let piece = noise(300, 4);
            for (n, last) in [false, false, true].into_iter().enumerate() {
                let connection = &mut pair.end(role).connection;
                connection
                    .send_fragment(MessageRef::from(&piece[..]), last)
                    .expect("an open connection");
                let is_fresh = connection.queued_bytes() > 100;
                assert_eq!(is_fresh, n == 0, "it refers to the first fragment");
                be_quiet(&mut pair);
            }
            let whole = Seen::Binary(piece.repeat(3));
            let seen = &pair.end(peer_of(role)).seen;
            assert!(seen.contains(&whole));
            assert!(seen.iter().any(|seen| matches!(seen, Seen::Ping(_))));
        }
    }
}

#[test]
fn shares_the_compressors_of_a_thread_among_connections_of_all_kinds() {
    let kinds: Vec<Deflate> = grid().step_by(5).map(|(_, deflate)| deflate).collect();
    let mut pairs: Vec<[Connection; 2]> = kinds
        .iter()
        .map(|deflate| [Client, Server].map(|role| deflated(role, *deflate)))
        .collect();
    for n in 0..3 {
        for [client, server] in &mut pairs {
            let message = prose(700, n);
            client
                .send_fragment(&message[..200], false)
                .expect("an open connection");
            server.send(&message[..]).expect("an open connection");
            assert_eq!(feed(client, &sent(server)), [text(&message)]);
        }
        for [client, server] in &mut pairs {
            let message = prose(700, n);
            client
                .send_fragment(&message[200..], true)
                .expect("an open connection");
            assert_eq!(feed(server, &sent(client)), [text(&message)]);
        }
    }
}

#[test]
fn moves_to_another_thread_inside_a_message() {
    for has_takeover in [true, false] {
        let deflate = settings(has_takeover, 12, 6);
        let (mut sender, mut receiver) = (deflated(Client, deflate), deflated(Server, deflate));
        let message = prose(900, 5);
        sender
            .send_fragment(&message[..450], false)
            .expect("an open connection");
        assert_eq!(feed(&mut receiver, &sent(&mut sender)), []);
        let moved = std::thread::spawn(move || {
            sender
                .send_fragment(&message[450..], true)
                .expect("an open connection");
            sender.send(&message[..]).expect("an open connection");
            let wire = sent(&mut sender);
            assert_eq!(
                feed_in(&mut receiver, &wire, &[9]),
                [text(&message), text(&message)]
            );
        });
        moved.join().expect("the thread's own assertions hold");
    }
}

#[test]
fn fails_no_call_on_a_message_in_fragments_that_the_queue_has_no_room_for() {
    let deflate = settings(true, 15, 6);
    let limited = |config: &mut bowsprit_proto::Config| config.limits.send_buffer = 1_000;
    let mut sender = deflated_with(Client, deflate, limited);
    let data = noise(600, 3);
    sender
        .send_fragment(&data[..], false)
        .expect("an empty queue");
    assert_eq!(sender.send_fragment(&data[..], false), Err(SendError::Full));
    let wire = sent(&mut sender);
    sender
        .send_fragment(&data[..], true)
        .expect("an empty queue");
    let wire = [wire, sent(&mut sender)].concat();
    let outcome = Outcome::of(deflated(Server, deflate), &wire, &[50]);
    assert_eq!(
        outcome.events,
        [Seen::Binary(data.repeat(2))],
        "what was refused is in no context"
    );
}
