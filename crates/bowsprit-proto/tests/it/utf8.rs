//! RFC 6455 §8.1, Handling of Errors in UTF-8-Encoded Data.

use bowsprit_proto::{
    ProtocolError,
    Role::{self, Client, Server},
};

use crate::support::{
    Outcome, ROLES, Seen, feed_in, fragments, frame, hex, open, open_with, peer_of, plain, receive,
    text,
};

/// The cases of Markus Kuhn's decoder stress test, and the neighbours of every bound.
const INVALID: &[&str] = &[
    // Continuation bytes alone.
    "80",
    "bf",
    "80bf",
    "80bf80bf80bf80",
    "61 80 62",
    // First bytes alone, followed by something else.
    "c2 20",
    "df 20",
    "e0 20",
    "ef 20",
    "f0 20",
    "f4 20",
    "e2 28 a1",
    "e2 82 28",
    "f0 28 8c bc",
    "f0 90 28 bc",
    "f0 90 8c 28",
    "c3 28",
    "c3 c3",
    "e2 82 e2 82 ac",
    "f0 9f 98 f0 9f 98 80",
    // Bytes that never occur.
    "fe",
    "ff",
    "fe fe ff ff",
    "c0",
    "c1",
    "f5",
    "f8",
    "fc",
    // Longer than needed.
    "c0 80",
    "c0 af",
    "c1 bf",
    "e0 80 80",
    "e0 80 af",
    "e0 9f bf",
    "f0 80 80 80",
    "f0 80 80 af",
    "f0 8f bf bf",
    "f8 80 80 80 af",
    "f8 87 bf bf bf",
    "fc 80 80 80 80 af",
    "fc 83 bf bf bf bf",
    // Surrogates, single and paired.
    "ed a0 80",
    "ed ad bf",
    "ed ae 80",
    "ed af bf",
    "ed b0 80",
    "ed be 80",
    "ed bf bf",
    "ed a0 80 ed b0 80",
    "ed af bf ed bf bf",
    // Over U+10FFFF.
    "f4 90 80 80",
    "f5 80 80 80",
    "f7 bf bf bf",
    "f8 88 80 80 80",
    "fb bf bf bf bf",
    "fc 84 80 80 80 80",
    "fd bf bf bf bf bf",
];

/// Characters that are not complete.
const CUT: &[&str] = &[
    "c2", "df", "e0 a0", "e2", "e2 82", "ed 9f", "ef bf", "f0", "f0 90", "f0 9f 98", "f4 8f bf",
];

/// The bounds of every length, and what decoders stumble over.
const VALID: &[&str] = &[
    "",
    "\0",
    "a",
    "\u{7F}",
    "\u{80}",
    "\u{7FF}",
    "\u{800}",
    "\u{FFF}",
    "\u{1000}",
    "\u{CFFF}",
    "\u{D000}",
    "\u{D7FF}",
    "\u{E000}",
    "\u{FFFD}",
    "\u{FFFE}",
    "\u{FFFF}",
    "\u{10000}",
    "\u{3FFFF}",
    "\u{40000}",
    "\u{FFFFF}",
    "\u{100000}",
    "\u{10FFFE}",
    "\u{10FFFF}",
    "\u{FEFF}",
    "κόσμε",
    "Hello-µ@ßöäüàá-UTF-8!!",
    "日本語",
    "😀😀",
    "aé€😀",
];

/// How many bytes show that `bytes` cannot become UTF-8, whatever follows.
fn decisive(bytes: &[u8]) -> usize {
    (1..=bytes.len())
        .find(|&len| {
            let error = std::str::from_utf8(&bytes[..len]).err();
            error.is_some_and(|error| error.error_len().is_some())
        })
        .expect("a sequence that is invalid, not cut")
}

const FAILED: [Seen; 1] = [Seen::Failed(ProtocolError::InvalidUtf8)];

/// The bytes in one fragment, in one frame a byte, and cut in two at every place.
fn every_fragmentation(from: Role, bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![
        fragments(from, 1, &[bytes]),
        fragments(from, 1, &[bytes, b""]),
        fragments(from, 1, &bytes.chunks(1).collect::<Vec<_>>()),
    ];
    for cut in 0..=bytes.len() {
        let (a, b) = bytes.split_at(cut);
        all.push(fragments(from, 1, &[a, b]));
        all.push(fragments(from, 1, &[a, b"", b, b""]));
    }
    all.retain(|wire| !wire.is_empty());
    all
}

#[test]
fn refuses_every_invalid_sequence_however_it_is_cut() {
    for digits in INVALID {
        for around in [
            ("", ""),
            ("é", "z"),
            ("abc€", "😀 and more than sixteen bytes of it"),
        ] {
            let bytes = [around.0.as_bytes(), &hex(digits), around.1.as_bytes()].concat();
            for role in ROLES {
                for wire in every_fragmentation(peer_of(role), &bytes) {
                    let outcome = receive(|| open(role), &wire);
                    assert_eq!(outcome.events, FAILED, "{digits}");
                    assert_eq!(plain(&outcome.sent), [(0x88, vec![3, 0xEF])], "{digits}");
                }
            }
        }
    }
}

#[test]
fn delivers_every_valid_sequence_however_it_is_cut() {
    for sequence in VALID {
        for expected in [(*sequence).to_owned(), format!("ä{sequence}😀{sequence}z")] {
            for role in ROLES {
                for wire in every_fragmentation(peer_of(role), expected.as_bytes()) {
                    let outcome = receive(|| open(role), &wire);
                    assert_eq!(outcome.events, [text(&expected)]);
                }
            }
        }
    }
}

#[test]
fn refuses_a_text_that_ends_inside_a_character() {
    for digits in CUT {
        for before in ["", "a", "€"] {
            let bytes = [before.as_bytes(), &hex(digits)].concat();
            for role in ROLES {
                for wire in every_fragmentation(peer_of(role), &bytes) {
                    assert_eq!(receive(|| open(role), &wire).events, FAILED, "{digits}");
                }
            }
        }
    }
}

#[test]
fn refuses_a_cut_character_before_an_empty_last_fragment() {
    let wire = hex("0182 00000000 e282  8080 00000000");
    assert_eq!(receive(|| open(Server), &wire).events, FAILED);
    let wire = hex("0102 e282  8000");
    assert_eq!(receive(|| open(Client), &wire).events, FAILED);
}

#[test]
fn does_not_complete_a_character_with_the_next_message() {
    for role in ROLES {
        let peer = peer_of(role);
        let wire = [frame(peer, 0x81, b"\xE2\x82"), frame(peer, 0x81, b"\xAC")];
        assert_eq!(receive(|| open(role), &wire.concat()).events, FAILED);
    }
}

#[test]
fn fails_fast_inside_an_unfinished_frame() {
    for digits in INVALID {
        for before in ["", "κόσμε"] {
            let bytes = [before.as_bytes(), &hex(digits)].concat();
            let decisive = decisive(&bytes);
            for role in ROLES {
                // A frame of which most never comes.
                let mut payload = bytes.clone();
                payload.resize(60_000, b' ');
                let wire = frame(peer_of(role), 0x01, &payload);
                let shown = wire.len() - payload.len() + decisive;
                for sizes in [[1], [2], [3], [7], [usize::MAX]] {
                    let early = feed_in(&mut open(role), &wire[..shown - 1], &sizes);
                    assert_eq!(early, [], "{digits} judged too early");
                    let seen = feed_in(&mut open(role), &wire[..shown], &sizes);
                    assert_eq!(seen, FAILED, "{digits} judged too late");
                }
            }
        }
    }
}

#[test]
fn fails_fast_between_fragments() {
    for role in ROLES {
        let peer = peer_of(role);
        // Autobahn 6.4.1: the second fragment is wrong, and a third would follow.
        let wire = [
            frame(peer, 0x01, "κόσμε".as_bytes()),
            frame(peer, 0x00, b"\xF4\x90\x80\x80"),
        ];
        assert_eq!(receive(|| open(role), &wire.concat()).events, FAILED);
    }
}

#[test]
fn checks_a_text_that_was_cut_after_control_frames() {
    for role in ROLES {
        let peer = peer_of(role);
        let cut = |last: &[u8]| {
            let wire = [
                frame(peer, 0x01, b"\xF0\x9F"),
                frame(peer, 0x89, b"\xF0\x9F"),
                frame(peer, 0x80, last),
            ];
            receive(|| open(role), &wire.concat()).events
        };
        let ping = Seen::Ping(b"\xF0\x9F".into());
        assert_eq!(cut(b"\x98\x80"), [ping.clone(), text("😀")]);
        assert_eq!(cut(b"\x98"), [ping, FAILED[0].clone()]);
    }
}

#[test]
fn takes_any_bytes_in_a_binary_message() {
    let bytes: Vec<u8> = (0..=255).collect();
    for role in ROLES {
        for pieces in [vec![&bytes[..]], bytes.chunks(3).collect()] {
            let wire = fragments(peer_of(role), 2, &pieces);
            let outcome = Outcome::of(open(role), &wire, &[5]);
            assert_eq!(outcome.events, [Seen::Binary(bytes.clone())]);
        }
    }
}

#[test]
fn checks_long_texts_across_reads_of_any_size() {
    let long = "aé€😀".repeat(3_000);
    for role in ROLES {
        let peer = peer_of(role);
        let pieces: Vec<&[u8]> = long.as_bytes().chunks(1_111).collect();
        for wire in [
            frame(peer, 0x81, long.as_bytes()),
            fragments(peer, 1, &pieces),
        ] {
            for size in [1, 2, 3, 5, 64, 1_000, 4_096] {
                let seen = feed_in(&mut open(role), &wire, &[size]);
                assert_eq!(seen, [text(&long)], "reads of {size}");
            }
        }
        // The last byte of the last character is missing.
        let short = &long.as_bytes()[..long.len() - 1];
        let wire = frame(peer, 0x81, short);
        for size in [1, 64, usize::MAX] {
            assert_eq!(feed_in(&mut open(role), &wire, &[size]), FAILED);
        }
    }
}

#[test]
fn refuses_the_same_sequences_where_text_is_streamed() {
    let make = |role| move || open_with(role, |config| config.streaming = true);
    for digits in INVALID.iter().chain(CUT) {
        for role in ROLES {
            for wire in every_fragmentation(peer_of(role), &hex(digits)) {
                for sizes in [[1], [2], [usize::MAX]] {
                    let mut seen = feed_in(&mut make(role)(), &wire, &sizes);
                    assert_eq!(seen.pop(), Some(FAILED[0].clone()), "{digits}");
                    let pieces = |seen| matches!(seen, Seen::TextPiece(_, false));
                    assert!(seen.into_iter().all(pieces), "{digits}");
                }
            }
        }
    }
}
