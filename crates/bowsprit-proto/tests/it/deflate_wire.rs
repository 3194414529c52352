//! RFC 7692 §6.1, §7.2.1 and §7.2.3, what compressed messages look like on the wire.

use bowsprit_proto::{
    Connection, Message, Prepared,
    Role::{self, Server},
};

use crate::{
    deflate_support::{BEGIN_TEXT, BINARY, Bits, TEXT, compress, deflated, noise, prose, settings},
    puff,
    support::{ROLES, Seen, Sent, frame, frames, hex, peer_of, receive, sent, text},
};

/// Feeds compressed payloads of text and compares the messages.
fn inflates(payloads: &[&str], has_takeover: bool, expected: &[&str]) {
    for role in ROLES {
        let wire: Vec<u8> = payloads
            .iter()
            .flat_map(|payload| frame(peer_of(role), TEXT, &hex(payload)))
            .collect();
        let outcome = receive(|| deflated(role, settings(has_takeover, 15, 1)), &wire);
        let expected: Vec<Seen> = expected.iter().map(|expected| text(expected)).collect();
        assert_eq!(outcome.events, expected, "{payloads:?}");
    }
}

#[test]
fn inflates_the_examples_of_the_rfc() {
    for has_takeover in [true, false] {
        // §7.2.3.1: one block.
        inflates(&["f2 48 cd c9 c9 07 00"], has_takeover, &["Hello"]);
        // §7.2.3.3: a block without compression.
        inflates(
            &["00 05 00 fa ff 48 65 6c 6c 6f 00"],
            has_takeover,
            &["Hello"],
        );
        // §7.2.3.4: a block with the final bit.
        inflates(&["f3 48 cd c9 c9 07 00 00"], has_takeover, &["Hello"]);
        // §7.2.3.5: two blocks.
        let two = "f2 48 05 00 00 00 ff ff ca c9 c9 07 00";
        inflates(&[two], has_takeover, &["Hello"]);
        // §7.2.3.6: nothing.
        inflates(&["00", "00"], has_takeover, &["", ""]);
        let all = ["f3 48 cd c9 c9 07 00 00", "00", two, "f2 48 cd c9 c9 07 00"];
        inflates(&all, has_takeover, &["Hello", "", "Hello", "Hello"]);
    }
    // §7.2.3.2: the second message refers to the first.
    inflates(
        &["f2 48 cd c9 c9 07 00", "f2 00 11 00 00"],
        true,
        &["Hello", "Hello"],
    );
}

#[test]
fn inflates_the_fragments_of_the_rfc() {
    // §7.2.3.1: the same bytes in two frames.
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [
            frame(peer, BEGIN_TEXT, &hex("f2 48 cd")),
            frame(peer, 0x80, &hex("c9 c9 07 00")),
        ];
        let outcome = receive(|| deflated(role, settings(false, 15, 1)), &wire.concat());
        assert_eq!(outcome.events, [text("Hello")]);
    }
}

#[test]
fn sends_what_the_examples_of_the_rfc_say() {
    for role in ROLES {
        let mut sender = deflated(role, settings(true, 15, 6));
        let mut payload = |message: &str| {
            sender.send(message).expect("an open connection");
            let sent = frames(&sent(&mut sender)).remove(0);
            assert_eq!(sent.first, TEXT);
            sent.payload
        };
        assert_eq!(payload("Hello"), hex("f2 48 cd c9 c9 07 00"));
        // §7.2.3.2 has five bytes; a better match needs four.
        for _ in 0..2 {
            let again = payload("Hello");
            assert!(again.len() <= 5, "{again:?}");
            let inflated = puff::inflate(b"Hello", &again).expect("DEFLATE");
            assert_eq!(inflated.data, b"Hello");
            assert_eq!(payload(""), [0], "§7.2.3.6");
        }
    }
}

/// §7.2.3.4: the window goes on behind a final block, with context takeover, and begins anew without.
#[test]
fn goes_on_behind_a_final_block() {
    let hello = |bits: Bits| "Hello".bytes().fold(bits, Bits::literal);
    let again = |bits: Bits| bits.copy_three(5).end_of_block();
    let message = hello(Bits::default().fixed(true)).end_of_block().align();
    let twice = hello(message.fixed(true)).end_of_block().align().payload();
    let back = again(Bits::default().fixed(true)).align().payload();
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [
            frame(peer, TEXT, &twice),
            frame(peer, TEXT, &back),
            frame(peer, TEXT, &hex("f2 48 cd c9 c9 07 00")),
        ];
        let outcome = receive(|| deflated(role, settings(true, 15, 1)), &wire.concat());
        let expected = [text("HelloHello"), text("Hel"), text("Hello")];
        assert_eq!(outcome.events, expected);
        let wire = [
            frame(peer, TEXT, &twice),
            frame(peer, TEXT, &hex("f2 48 cd c9 c9 07 00")),
        ];
        let outcome = receive(|| deflated(role, settings(false, 15, 1)), &wire.concat());
        assert_eq!(outcome.events, [text("HelloHello"), text("Hello")]);
    }
}

/// What one call sent: the first byte of each frame.
fn firsts(role: Role, adjust: impl FnOnce(&mut Connection)) -> Vec<u8> {
    let mut deflate = settings(false, 15, 6);
    deflate.threshold = 64;
    let mut sender = deflated(role, deflate);
    adjust(&mut sender);
    let frames = frames(&sent(&mut sender)).into_iter();
    frames.map(|sent| sent.first).collect()
}

#[test]
fn marks_the_first_frame_of_a_compressed_message_and_no_other() {
    let (long, short) = (prose(64, 1), prose(63, 1));
    for role in ROLES {
        let open = "an open connection";
        let send = |message: &str| firsts(role, |sender| sender.send(message).expect(open));
        assert_eq!(send(&long), [TEXT]);
        assert_eq!(send(&short), [0x81], "below the threshold");
        let binary = firsts(role, |sender| sender.send(long.as_bytes()).expect(open));
        assert_eq!(binary, [BINARY]);
        let shared = |data: Vec<u8>| {
            firsts(role, |sender| {
                sender.send_shared(Message::from(data)).expect(open)
            })
        };
        assert_eq!(shared(vec![0; 64]), [BINARY]);
        assert_eq!(shared(vec![0; 63]), [0x82]);
        assert_eq!(shared(vec![0; 100_000]), [BINARY]);
        assert_eq!(shared(noise(100_000, 1)), [0x82]);
        let prepared =
            |message: Prepared| firsts(role, |sender| sender.send_prepared(&message).expect(open));
        assert_eq!(prepared(Prepared::new(&long[..])), [TEXT]);
        assert_eq!(prepared(Prepared::new(&short[..])), [0x81]);
        assert_eq!(prepared(Prepared::uncompressed(&long[..])), [0x81]);
        assert_eq!(prepared(Prepared::new(noise(100_000, 1))), [0x82]);
        let fragments = firsts(role, |sender| {
            for (piece, last) in [(&long, false), (&short, false), (&long, true)] {
                sender.send_fragment(&piece[..], last).expect(open);
            }
            sender.ping(&[0; 100]).expect(open);
            sender.pong(&[0; 100]).expect(open);
            let code = bowsprit_proto::CloseCode::NORMAL;
            sender.close(code, &"why".repeat(30)).expect(open);
        });
        assert_eq!(fragments, [BEGIN_TEXT, 0x00, 0x80, 0x89, 0x8A, 0x88]);
    }
}

#[test]
fn leaves_the_end_of_the_last_flush_out() {
    const TAIL: &[u8] = &[0, 0, 0xFF, 0xFF];
    for role in ROLES {
        for has_takeover in [true, false] {
            let mut sender = deflated(role, settings(has_takeover, 15, 6));
            for n in [0_usize, 1, 5, 100, 16_384, 70_000] {
                sender.send(vec![7; n]).expect("an open connection");
                sender.send(prose(n + 100, n)).expect("an open connection");
                sender
                    .send_fragment(&noise(n, 1)[..], false)
                    .expect("an open connection");
                sender
                    .send_fragment(&noise(n, 2)[..], true)
                    .expect("an open connection");
            }
            for Sent { first, payload, .. } in frames(&sent(&mut sender)) {
                match first {
                    0x42 => assert!(payload.is_empty() || payload.ends_with(TAIL)),
                    0xC1 | 0xC2 | 0x80 => assert!(!payload.is_empty() && !payload.ends_with(TAIL)),
                    _ => assert!(!has_takeover && payload.len() < 10),
                }
            }
        }
    }
}

/// Data that repeats at every distance which could be over a window.
fn repeating(window_bits: u8) -> Vec<u8> {
    let window = 1_usize << window_bits;
    let mut data = Vec::new();
    for distance in [
        window / 2,
        window - 300,
        window - 1,
        window,
        window + 1,
        window * 2 - 1,
    ] {
        let unit = noise(distance, distance as u64);
        data.extend([&unit[..], &unit[..], &unit[..distance / 2]].concat());
    }
    data
}

#[test]
fn refers_no_further_back_than_was_agreed() {
    for bits in 9..=15 {
        let data = repeating(bits);
        for level in [1, 2, 3, 6, 9] {
            let mut sender = deflated(Server, settings(true, bits, level));
            let mut history: Vec<u8> = Vec::new();
            let mut farthest = 0;
            for piece in [
                &data[..],
                &data[1..],
                &data[..1 << bits],
                &data[..1 << (bits - 1)],
            ] {
                sender.send(piece).expect("an open connection");
                let sent = frames(&sent(&mut sender)).remove(0);
                if sent.first != BINARY {
                    // Did not shrink, so it went as it is, and nothing before it is referred to.
                    assert!(sent.payload == piece);
                    history.clear();
                    continue;
                }
                let payload = &sent.payload;
                let inflated = puff::inflate(&history, payload).expect("DEFLATE");
                assert!(inflated.data == piece, "{bits} {level}");
                farthest = farthest.max(inflated.distance);
                history.extend(piece);
            }
            assert!(farthest <= 1 << bits, "{farthest} at {bits} {level}");
            // Level 1 finds too little in the smallest window, and sends all as it is.
            let reaches_far = farthest > 1 << (bits - 2);
            assert!(
                reaches_far || (bits, level) == (9, 1),
                "{farthest} at {bits} {level}"
            );
        }
    }
}

#[test]
fn prepares_messages_for_each_window() {
    for bits in 9..=15 {
        let data = repeating(bits);
        let prepared = Prepared::new(data.clone());
        // Whichever window comes first: the frame of another does not serve for this one.
        for first in [9, 15] {
            let mut other = deflated(Server, settings(false, first, 6));
            other.send_prepared(&prepared).expect("an open connection");
        }
        let mut sender = deflated(Server, settings(false, bits, 6));
        sender.send_prepared(&prepared).expect("an open connection");
        let sent = &frames(&sent(&mut sender))[0];
        assert_eq!(sent.first, BINARY);
        let inflated = puff::inflate(&[], &sent.payload).expect("DEFLATE");
        assert!(inflated.data == data && inflated.distance <= 1 << bits);
    }
}

#[test]
fn refers_to_no_earlier_message_without_context_takeover() {
    for role in ROLES {
        for level in [1, 6, 9] {
            let mut sender = deflated(role, settings(false, 15, level));
            let message = prose(1_000, 1);
            for n in 0..10 {
                match n % 3 {
                    0 => sender.send(&message[..]),
                    1 => sender.send_prepared(&Prepared::new(&message[..])),
                    _ => sender
                        .send_fragment(&message[..], false)
                        .and_then(|()| sender.send_fragment("", true)),
                }
                .expect("an open connection");
                let payloads = frames(&sent(&mut sender)).into_iter();
                let payload = payloads.fold(Vec::new(), |all, sent| [all, sent.payload].concat());
                let inflated = puff::inflate(&[], &payload).expect("it stands alone");
                assert!(inflated.data == message.as_bytes());
            }
        }
    }
}

#[test]
fn the_reference_inflates_what_another_implementation_deflates() {
    for data in [
        vec![],
        b"Hello".to_vec(),
        noise(5_000, 1),
        prose(50_000, 2).into_bytes(),
        vec![0; 70_000],
    ] {
        let inflated = puff::inflate(&[], &compress(&data)).expect("DEFLATE");
        assert!(inflated.data == data);
        assert_eq!(inflated.reach, 0);
    }
    let inflated = puff::inflate(b"Hello", &hex("f2 00 11 00 00")).expect("DEFLATE");
    assert_eq!((inflated.data, inflated.reach), (b"Hello".to_vec(), 4));
    assert_eq!(puff::inflate(b"llo", &hex("f2 00 11 00 00")), None);
}

#[test]
fn takes_the_nearest_level_that_there_is() {
    for role in ROLES {
        let compressed = |level| {
            let mut connection = deflated(role, settings(false, 15, level));
            connection.send(prose(4000, 1).as_str()).expect("open");
            sent(&mut connection)
        };
        assert_eq!(compressed(0), compressed(1));
        assert_eq!(compressed(200), compressed(9));
        assert_ne!(compressed(1), compressed(9));
    }
}
