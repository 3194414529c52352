//! RFC 7692 §6, §7.2.2 and §8, compressed messages of a peer that means harm.

use bowsprit_proto::{
    Config, Connection, Deflate, Message,
    ProtocolError::{self, InvalidDeflate, InvalidUtf8, MessageTooBig, ReservedBits},
    Role::{Client, Server},
    State,
};

use crate::{
    deflate_support::{
        BEGIN_BINARY, BEGIN_TEXT, BINARY, Bits, TEXT, compress, deflated, deflated_with, message,
        noise, prose, settings,
    },
    puff,
    support::{
        Outcome, ROLES, Seen, close_frame, coalesced, feed, feed_in, frame, hex, open, peer_of,
        receive, sent, text,
    },
};

/// Fails with this however the reads are cut, and says so to the peer.
fn fails(make: impl Fn() -> Connection, wire: &[u8], error: ProtocolError) {
    let role = make().role();
    let outcome = receive(make, wire);
    assert_eq!(
        outcome.events.last(),
        Some(&Seen::Failed(error)),
        "{wire:x?}"
    );
    assert_eq!(outcome.state, State::Failed);
    let code = error.close_code().0;
    assert!(outcome.sent.ends_with(&close_frame(role, code, b"")));
}

/// Fails on this payload of one message with and without context takeover, streamed or whole.
fn is_no_deflate(payload: &[u8]) {
    for (role, has_takeover) in ROLES
        .into_iter()
        .flat_map(|role| [(role, true), (role, false)])
    {
        let deflate = settings(has_takeover, 15, 1);
        let wire = frame(peer_of(role), BINARY, payload);
        fails(|| deflated(role, deflate), &wire, InvalidDeflate);
        for reads in [1, usize::MAX] {
            // What came before the fault may have been handed out.
            let mut streaming = deflated_with(role, deflate, |config| config.streaming = true);
            let seen = feed_in(&mut streaming, &wire, &[reads]);
            assert_eq!(
                seen.last(),
                Some(&Seen::Failed(InvalidDeflate)),
                "{payload:x?}"
            );
            assert!(
                !seen
                    .iter()
                    .any(|seen| matches!(seen, Seen::BinaryPiece(_, true)))
            );
        }
    }
}

#[test]
fn refuses_reserved_bits_that_mean_nothing() {
    for role in ROLES {
        let peer = peer_of(role);
        let payload = compress(b"Hello");
        let deflate = || deflated(role, settings(true, 15, 1));
        let begin = frame(peer, BEGIN_TEXT, b"");
        let plain = frame(peer, 0x01, b"");
        for first in [
            0x40, 0xC0, 0xC8, 0xC9, 0xCA, 0xE1, 0xD1, 0xF2, 0x91, 0xA1, 0xB1, 0x61, 0x51,
        ] {
            let wire = frame(peer, first, &payload);
            fails(deflate, &wire, ReservedBits);
            fails(
                deflate,
                &[begin.clone(), wire.clone()].concat(),
                ReservedBits,
            );
            fails(deflate, &[plain.clone(), wire].concat(), ReservedBits);
        }
        // Without agreement.
        for first in [TEXT, BINARY, BEGIN_TEXT, BEGIN_BINARY, 0xC9, 0xC0] {
            fails(|| open(role), &frame(peer, first, &payload), ReservedBits);
        }
        // As soon as it can be known: the length has not come.
        let wire = frame(peer, TEXT, &noise(300, 1));
        assert_eq!(
            feed(&mut open(role), &wire[..2]),
            [Seen::Failed(ReservedBits)]
        );
    }
}

#[test]
fn refuses_what_is_not_deflate() {
    for payload in [
        // The reserved type of block.
        "06",
        "07",
        "06 00 00 ff ff",
        "f2 48 cd c9 c9 07 06",
        // Stored blocks whose length does not match its complement.
        "00 05 00 fa fe 48 65 6c 6c 6f 00",
        "00 05 00 05 00 48 65 6c 6c 6f 00",
        "00 00 00 00 00 00",
        // Dynamic blocks: too many codes, no code at all, no end of a block, too short.
        "fc ff",
        "04 00 00 00 00 00 00 00",
        "05 c0 81 00 00 00 00 00 90 ff 6b 04",
        "04",
        // Nothing at all: not even the empty block has begun.
        "",
        // Behind the final block there is nothing, or what is no block.
        "f3 48 cd c9 c9 07 00",
        "03 00",
        "03 00 ff",
        "03 00 06",
        "f3 48 cd c9 c9 07 00 ff ff",
        // The end of the flush was not left out, and its bytes are no block.
        "f2 48 cd c9 c9 07 00 00 00 ff",
        "f2 48 cd c9 c9 07 00 00",
    ] {
        assert_eq!(puff::inflate(&[], &hex(payload)), None, "{payload}");
        is_no_deflate(&hex(payload));
    }
}

/// The reserved codes of RFC 1951 §3.2.6.
#[test]
fn refuses_lengths_and_distances_that_there_are_none_of() {
    let a = || Bits::default().fixed(false).literal(b'a');
    // 286 and 287 are codes of eight bits from 0xC6 on, 30 and 31 the last of five bits.
    let reversed = |value: u8| usize::from(value.reverse_bits());
    is_no_deflate(
        &a().number(reversed(0xC6), 8)
            .number(0, 5)
            .end_of_block()
            .payload(),
    );
    is_no_deflate(
        &a().number(reversed(0xC7), 8)
            .number(0, 5)
            .end_of_block()
            .payload(),
    );
    is_no_deflate(&a().number(0x40, 7).number(0x0F, 5).end_of_block().payload());
    is_no_deflate(&a().number(0x40, 7).number(0x1F, 5).end_of_block().payload());
}

#[test]
fn refuses_a_message_that_ends_inside_a_block() {
    let stored = Bits::default().stored(&[b'x'; 20]).payload();
    let fixed = "Hello, hello"
        .bytes()
        .fold(Bits::default().fixed(false), Bits::literal);
    let dynamic = compress(&[prose(900, 1).into_bytes(), noise(50, 1)].concat());
    assert_eq!(dynamic[0] & 7, 4, "a dynamic block");
    for payload in [stored, fixed.end_of_block().payload(), dynamic] {
        assert!(puff::inflate(&[], &payload).is_some());
        for cut in 0..payload.len() {
            if puff::inflate(&[], &payload[..cut]).is_none() {
                is_no_deflate(&payload[..cut]);
            }
        }
    }
    // As many bytes are missing as the receiver appends.
    for missing in 1..=8 {
        let whole = Bits::default().stored(&[0xFF; 20]).cut();
        is_no_deflate(&whole[..whole.len() - missing]);
        let end = [&[b'x'; 20][..], &[0, 0, 0xFF, 0xFF, 3, 0, 0, 0]].concat();
        let whole = Bits::default().stored(&end[..20 + missing]).cut();
        is_no_deflate(&whole[..whole.len() - missing]);
    }
}

/// Another connection of this thread, whose inflater has just been full of a secret.
fn serve_a_secret() {
    for has_takeover in [true, false] {
        let secret = "the secret of another connection ".repeat(2_000);
        let wire = message(Client, TEXT, secret.as_bytes());
        let mut other = deflated(Server, settings(has_takeover, 15, 1));
        assert!(feed(&mut other, &wire) == [text(&secret)]);
    }
}

#[test]
fn refers_to_nothing_before_the_first_message() {
    for distance in [
        1, 2, 3, 4, 7, 258, 259, 500, 4_096, 16_384, 30_000, 32_767, 32_768,
    ] {
        for known in [0, 1, 2] {
            let begun = (0..known).fold(Bits::default().fixed(false), |bits, _| bits.literal(b'k'));
            let payload = begun.copy_three(distance).end_of_block().payload();
            let is_known = distance <= known;
            for role in ROLES {
                for has_takeover in [true, false] {
                    serve_a_secret();
                    let mut receiver = deflated(role, settings(has_takeover, 15, 1));
                    let wire = frame(peer_of(role), BINARY, &payload);
                    let seen = feed_in(&mut receiver, &wire, &[if known == 1 { 1 } else { 100 }]);
                    let expected = if is_known {
                        Seen::Binary(vec![b'k'; known + 3])
                    } else {
                        Seen::Failed(InvalidDeflate)
                    };
                    assert_eq!(seen, [expected], "{distance} {known}");
                }
            }
        }
    }
}

#[test]
fn refers_to_earlier_messages_only_under_context_takeover_and_only_in_the_window() {
    for role in ROLES {
        let peer = peer_of(role);
        for (has_takeover, bits) in [(true, 9), (true, 12), (true, 15), (false, 15)] {
            let window = 1_usize << bits;
            for (earlier, distance) in [
                (100, 1),
                (100, 100),
                (100, 101),
                (40_000, window),
                (40_000, window + 1),
                (40_000, 40_000),
            ] {
                if distance > 32_768 {
                    continue;
                }
                serve_a_secret();
                let mut receiver = deflated(role, settings(has_takeover, bits, 1));
                let first = noise(earlier, 3);
                let seen = feed(&mut receiver, &message(peer, BINARY, &first));
                assert!(seen == [Seen::Binary(first.clone())]);
                serve_a_secret();
                let back = Bits::default().fixed(false).copy_three(distance);
                let seen = feed(
                    &mut receiver,
                    &frame(peer, BINARY, &back.end_of_block().payload()),
                );
                let is_known = has_takeover && distance <= window.min(earlier);
                let expected = if is_known {
                    let from = &first[earlier - distance..];
                    Seen::Binary(from.iter().copied().cycle().take(3).collect())
                } else {
                    Seen::Failed(InvalidDeflate)
                };
                assert_eq!(seen, [expected], "{bits} {earlier} {distance}");
            }
        }
    }
}

#[test]
fn refers_to_nothing_before_a_final_block_without_context_takeover() {
    for role in ROLES {
        for (distance, reads) in [
            (1, 1),
            (5, 100),
            (6, 1),
            (33, 100),
            (1_000, 2),
            (32_768, 100),
        ] {
            for in_new_message in [true, false] {
                serve_a_secret();
                let hello = "Hello"
                    .bytes()
                    .fold(Bits::default().fixed(true), Bits::literal);
                let hello = hello.end_of_block().align();
                let wire = if in_new_message {
                    let back = Bits::default().fixed(false).copy_three(distance);
                    let wire = [hello.payload(), back.end_of_block().payload()];
                    wire.map(|payload| frame(peer_of(role), TEXT, &payload))
                        .concat()
                } else {
                    let back = hello.fixed(false).copy_three(distance).end_of_block();
                    frame(peer_of(role), TEXT, &back.payload())
                };
                let mut receiver = deflated(role, settings(false, 15, 1));
                let seen = feed_in(&mut receiver, &wire, &[reads]);
                assert_eq!(
                    seen.last(),
                    Some(&Seen::Failed(InvalidDeflate)),
                    "{distance}"
                );
            }
        }
    }
}

/// What a damaged message may do: nothing but what DEFLATE says, and the next one must not see it.
#[test]
fn makes_of_flipped_bits_what_deflate_makes_of_them() {
    let history = prose(200, 4).into_bytes();
    let mut messages =
        [prose(120, 5).into_bytes(), noise(40, 5), vec![b'z'; 3_000]].map(|data| compress(&data));
    messages[1] = Bits::default()
        .stored(&noise(20, 5))
        .fixed(true)
        .end_of_block()
        .align()
        .stored(b"rest")
        .payload();
    let mut accepted = 0;
    for payload in &messages {
        for bit in 0..payload.len() * 8 {
            let mut damaged = payload.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            for (role, has_takeover) in [(Client, true), (Server, false)] {
                let peer = peer_of(role);
                let mut receiver = deflated(role, settings(has_takeover, 15, 1));
                feed(&mut receiver, &message(peer, BINARY, &history));
                let seen = feed_in(&mut receiver, &frame(peer, BINARY, &damaged), &[3, 50]);
                let known: &[u8] = if has_takeover { &history } else { &[] };
                let expected = puff::inflate(known, &damaged);
                accepted += usize::from(expected.is_some());
                let expected = expected.map_or(Seen::Failed(InvalidDeflate), |inflated| {
                    Seen::Binary(inflated.data)
                });
                assert!(seen == [expected], "bit {bit} of {payload:x?}: {seen:x?}");
            }
        }
    }
    assert!(accepted > 100, "some flips leave DEFLATE: {accepted}");
}

/// To go on behind each of them costs as much as to inflate a kilobyte.
#[test]
fn takes_a_few_final_blocks_and_no_flood_of_them() {
    let empty = hex("03 00");
    for role in ROLES {
        for has_takeover in [true, false] {
            let settings = settings(has_takeover, 15, 1);
            let message = |count| {
                let payload = [empty.repeat(count), compress(b"Hello")].concat();
                frame(peer_of(role), TEXT, &payload)
            };
            let few = feed(&mut deflated(role, settings), &message(60));
            assert_eq!(few, [text("Hello")]);
            for streaming in [true, false] {
                let mut receiver =
                    deflated_with(role, settings, |config| config.streaming = streaming);
                let many = feed(&mut receiver, &message(20_000));
                assert_eq!(many, [Seen::Failed(InvalidDeflate)]);
            }
        }
    }
}

#[test]
fn takes_thousands_of_empty_blocks() {
    let stored = Bits::default().stored(b"").cut();
    let empties = [
        stored,
        // Ten bits each: four of them are a whole number of bytes.
        hex("02 08 20 80 00"),
    ];
    for role in ROLES {
        for has_takeover in [true, false] {
            for empty in &empties {
                let payload = [empty.repeat(20_000), compress(b"Hello")].concat();
                let wire = frame(peer_of(role), TEXT, &payload);
                for reads in [usize::MAX, 1_448] {
                    let mut receiver = deflated(role, settings(has_takeover, 15, 1));
                    assert_eq!(feed_in(&mut receiver, &wire, &[reads]), [text("Hello")]);
                }
            }
        }
    }
}

/// Zeros as raw DEFLATE: a megabyte of them in a kilobyte, in one flush each.
fn zeros(len: usize) -> Vec<u8> {
    compress(&vec![0; len])
}

fn limited(role: bowsprit_proto::Role, limit: usize) -> Connection {
    deflated_with(role, settings(true, 15, 1), |config| {
        config.limits.message = limit
    })
}

#[test]
fn accepts_a_message_at_its_limit_and_no_byte_more() {
    for role in ROLES {
        for limit in [0, 1, 5, 100, 16_384, 16_385, 100_000] {
            for data in [
                vec![0; limit],
                noise(limit, 1),
                prose(limit, 1).into_bytes(),
            ] {
                let at = message(peer_of(role), BINARY, &data);
                let over = message(peer_of(role), BINARY, &[&data[..], &[0]].concat());
                for reads in [usize::MAX, 100] {
                    let seen = feed_in(&mut limited(role, limit), &at, &[reads]);
                    assert!(seen == [Seen::Binary(data.clone())], "{limit}");
                    let seen = feed_in(&mut limited(role, limit), &over, &[reads]);
                    assert!(seen == [Seen::Failed(MessageTooBig { limit })], "{limit}");
                }
                // The limit is on the whole of the fragments, and on each message for itself.
                let payload = compress(&data);
                let pieces: Vec<&[u8]> = payload.chunks(payload.len().div_ceil(3)).collect();
                let mut wire = frame(peer_of(role), BEGIN_BINARY, b"");
                for piece in pieces {
                    wire.extend(frame(peer_of(role), 0x00, piece));
                }
                wire.extend(frame(peer_of(role), 0x80, b""));
                let mut receiver = limited(role, limit);
                for _ in 0..2 {
                    assert!(
                        feed(&mut receiver, &wire) == [Seen::Binary(data.clone())],
                        "{limit}"
                    );
                }
                let len = frame(peer_of(role), 0x80, b"").len();
                wire.truncate(wire.len() - len);
                let byte = Bits::default().fixed(false).literal(0).end_of_block();
                let one_more = [&[0, 0, 0xFF, 0xFF][..], &byte.payload()].concat();
                wire.extend(frame(peer_of(role), 0x80, &one_more));
                let seen = feed(&mut receiver, &wire);
                assert!(
                    seen == [Seen::Failed(MessageTooBig { limit })],
                    "{limit} {seen:?}"
                );
            }
        }
    }
}

/// What nothing compresses takes more bytes than it has, above all in small fragments.
#[test]
fn accepts_at_the_limit_what_became_longer_by_being_compressed() {
    // Codes of nine bits each, where a compressor does not look for better ones.
    let nine_bits = |len| noise(len, 1).iter().map(|byte| 144 + byte % 112).collect();
    for role in ROLES {
        for (size, count, level) in [
            (1, 1_500, 1),
            (20, 1_500, 6),
            (64, 1_500, 1),
            (64, 1_500, 6),
            (65, 1_500, 1),
            (100, 1_000, 1),
            (1_000, 100, 1),
            (300_000, 1, 1),
            (1 << 20, 1, 1),
        ] {
            let deflate = settings(true, 15, level);
            let unlimited = |config: &mut Config| config.limits.send_buffer = usize::MAX;
            let mut sender = deflated_with(role, deflate, unlimited);
            let data: Vec<u8> = nine_bits(size * count);
            for (n, piece) in data.chunks(size).enumerate() {
                let last = n + 1 == count;
                sender
                    .send_fragment(piece, last)
                    .expect("an open connection");
            }
            // As it would be if nothing were compressed.
            let limit = size + (count - 1) * size.max(64);
            let limited = |config: &mut Config| config.limits.message = limit;
            let mut receiver = deflated_with(peer_of(role), deflate, limited);
            let seen = feed(&mut receiver, &sent(&mut sender));
            let is_same = matches!(&seen[..], [Seen::Binary(seen)] if *seen == data);
            assert!(is_same, "{count} times {size} at level {level}");
        }
    }
}

#[test]
fn ends_a_flood_of_fragments_that_inflate_to_nothing() {
    for role in ROLES {
        for piece in [&b""[..], &[0, 0, 0, 0xFF, 0xFF]] {
            let peer = peer_of(role);
            let mut receiver = limited(role, 100_000);
            let mut seen = feed(&mut receiver, &frame(peer, BEGIN_TEXT, piece));
            let batch = frame(peer, 0x00, piece).repeat(100);
            for _ in 0..20 {
                seen.extend(feed(&mut receiver, &batch));
            }
            assert_eq!(seen, [Seen::Failed(MessageTooBig { limit: 100_000 })]);
        }
    }
}

#[test]
fn stops_a_bomb_at_the_limit() {
    let bomb = zeros(64 << 20);
    assert!(bomb.len() < 80_000);
    for role in ROLES {
        let peer = peer_of(role);
        let whole = frame(peer, BINARY, &bomb);
        let fragments = [
            frame(peer, BEGIN_BINARY, &bomb[..30_000]),
            frame(peer, 0x80, &bomb[30_000..]),
        ];
        for wire in [whole, fragments.concat()] {
            for reads in [usize::MAX, 1_448] {
                let limit = 1 << 20;
                let outcome = Outcome::of(limited(role, limit), &wire, &[reads]);
                assert_eq!(outcome.events, [Seen::Failed(MessageTooBig { limit })]);
                assert_eq!(outcome.sent, close_frame(role, 1009, b""));
            }
        }
    }
}

#[test]
fn hands_a_streamed_bomb_out_in_pieces_that_are_bounded() {
    let bomb = zeros(16 << 20);
    for role in ROLES {
        let wire = frame(peer_of(role), BINARY, &bomb);
        let streaming = |config: &mut Config| config.streaming = true;
        let mut receiver = deflated_with(role, settings(true, 15, 1), streaming);
        let seen = feed(&mut receiver, &wire);
        let mut total = 0;
        for seen in &seen {
            let Seen::BinaryPiece(data, _) = seen else {
                panic!("a piece was expected");
            };
            assert!(data.len() <= 1_024 * 1_032 + 258, "{}", data.len());
            total += data.len();
        }
        assert_eq!(total, 16 << 20);
        assert!(matches!(seen.last(), Some(Seen::BinaryPiece(_, true))));
    }
}

#[test]
fn finds_text_that_is_not_utf8_before_the_message_ends() {
    for role in ROLES {
        for broken in [
            &b"\xFF"[..],
            b"\xC3\x28",
            b"\xE2\x82\x28",
            b"\xED\xA0\x80",
            b"\xF5",
            b"\x80",
        ] {
            for before in [0_usize, 1, 16_383, 16_384, 40_000] {
                let data = [&vec![b'a'; before][..], broken, b"and so on"].concat();
                let payload = compress(&data);
                // A flush behind it, and the rest never comes.
                let flushed = [&payload[..], &[0, 0, 0xFF, 0xFF]].concat();
                for first in [
                    frame(peer_of(role), BEGIN_TEXT, &flushed),
                    frame(peer_of(role), TEXT, &[&flushed[..], &[0; 9]].concat()),
                ] {
                    let cut = first.len() - if first[0] == TEXT { 9 } else { 0 };
                    for reads in [usize::MAX, 1] {
                        for streaming in [true, false] {
                            let adjust = |config: &mut Config| config.streaming = streaming;
                            let mut receiver = deflated_with(role, settings(true, 15, 1), adjust);
                            let seen = feed_in(&mut receiver, &first[..cut], &[reads]);
                            assert_eq!(seen.last(), Some(&Seen::Failed(InvalidUtf8)), "{before}");
                        }
                    }
                }
            }
        }
        // Cut at the end of the message.
        let wire = message(
            peer_of(role),
            TEXT,
            "é".repeat(9_000).as_bytes().split_last().expect("bytes").1,
        );
        for streaming in [true, false] {
            let adjust = |config: &mut Config| config.streaming = streaming;
            let mut receiver = deflated_with(role, settings(true, 15, 1), adjust);
            let seen = coalesced(feed(&mut receiver, &wire));
            assert_eq!(seen.last(), Some(&Seen::Failed(InvalidUtf8)));
            assert_eq!(sent(&mut receiver), close_frame(role, 1007, b""));
        }
    }
}

#[test]
fn keeps_others_of_the_thread_out_of_harm_after_a_failure() {
    for role in ROLES {
        let deflate: Deflate = settings(true, 15, 1);
        let mut well = deflated(role, deflate);
        let begun = frame(peer_of(role), BEGIN_TEXT, &hex("f2 48 cd"));
        assert_eq!(feed(&mut well, &begun), []);
        for payload in ["06", "f2 48 cd c9 ff ff ff", "02 ff"] {
            let wire = frame(peer_of(role), BINARY, &hex(payload));
            assert_eq!(
                feed(&mut deflated(role, deflate), &wire),
                [Seen::Failed(InvalidDeflate)]
            );
            let wire = message(peer_of(role), BINARY, b"fine");
            let fine = Seen::Binary(b"fine".to_vec());
            assert_eq!(feed(&mut deflated(role, deflate), &wire), [fine]);
        }
        let ended = frame(peer_of(role), 0x80, &hex("c9 c9 07 00"));
        assert_eq!(feed(&mut well, &ended), [text("Hello")]);
        well.send_shared(Message::from("still open"))
            .expect("an open connection");
    }
}

#[test]
fn tells_the_first_fault_however_much_is_read_at_once() {
    let no_text = || Bits::default().fixed(false).literal(0xFF);
    let no_block = no_text().end_of_block().number(0, 1).number(3, 2).cut();
    let copies = (0..200).fold(no_text(), |bits, _| bits.copy_three(1));
    let too_much = copies.end_of_block().payload();
    let final_block = |bits: Bits| bits.fixed(true).end_of_block().align();
    let flood = (0..100).fold(Bits::default(), |bits, _| final_block(bits));
    let flood = flood.stored(&noise(60_000, 1)).payload();
    for role in ROLES {
        let (peer, deflate) = (peer_of(role), settings(true, 15, 1));
        let small = || deflated_with(role, deflate, |config| config.limits.message = 300);
        fails(small, &frame(peer, TEXT, &no_block), InvalidUtf8);
        fails(small, &frame(peer, TEXT, &too_much), InvalidUtf8);
        let streaming = || deflated_with(role, deflate, |config| config.streaming = true);
        fails(streaming, &frame(peer, TEXT, &no_block), InvalidUtf8);
        let wire = frame(peer, BINARY, &flood);
        for reads in [1, usize::MAX] {
            let seen = feed_in(&mut deflated(role, deflate), &wire, &[reads]);
            assert_eq!(seen, [Seen::Failed(InvalidDeflate)], "in reads of {reads}");
        }
    }
}
