//! Attacks by what a connection does between its opening and its end: numbers 54 to 59 of the catalogue.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use bowsprit::Deflate;

use super::ground::{
    DEFLATE, FACES, SPARE, allow_descriptors, attack_on, frame, open, pour, rest, server,
};

/// 54 and 55: clients that have closed, or broken a rule, and never end TCP.
#[test]
fn a_peer_that_never_ends_tcp_is_let_go() {
    for face in FACES {
        let held = attack_on(face, server(|_| {}), |address| {
            [frame(0x88, b"\x03\xE8"), frame(0x83, b"")]
                .concat()
                .chunks(8)
                .cycle()
                .take(100)
                .map(|bytes| {
                    let mut stream = open(address, "");
                    stream.write_all(bytes).expect("a write");
                    let mut close = [0; 4];
                    stream.read_exact(&mut close).expect("a close frame");
                    assert_eq!(close[..2], *b"\x88\x02");
                    stream
                })
                .collect::<Vec<_>>()
        });
        assert!(
            held.most < 256 * 1024 && held.left < 16 * 1024,
            "{face:?} {held:?}"
        );
    }
}

/// 57: everything comes back, and nobody takes it: small messages and large ones.
#[test]
fn answers_that_nobody_reads_do_not_pile_up() {
    for face in FACES {
        for (message, most) in [(vec![b'x'; 100], 2 << 20), (vec![b'x'; 1 << 20], 6 << 20)] {
            let impatient = server(|config| config.timeouts.write = Some(Duration::from_secs(1)));
            let held = attack_on(face, impatient, |address| {
                let mut stream = open(address, "");
                let batch = frame(0x82, &message).repeat((1 << 20) / message.len());
                // Until the server has waited long enough.
                pour(&mut stream, &batch, usize::MAX);
            });
            assert!(held.most < most && held.left < SPARE, "{face:?} {held:?}");
        }
    }
}

/// 57 once more, compressed: a kilobyte is a mebibyte when it is to go back.
#[test]
fn compressed_answers_that_nobody_reads_do_not_pile_up() {
    for face in FACES {
        let impatient = server(|config| {
            config.timeouts.write = Some(Duration::from_secs(1));
            let mut deflate = Deflate::shared();
            deflate.threshold = usize::MAX;
            config.deflate = Some(deflate);
        });
        let held = attack_on(face, impatient, |address| {
            let mut stream = open(address, DEFLATE);
            // A hundred thousand times the same byte, in fixed codes.
            let batch = frame(0xC2, &run()).repeat(100);
            pour(&mut stream, &batch, usize::MAX);
        });
        assert!(
            held.most < 3 << 20 && held.left < SPARE,
            "{face:?} {held:?}"
        );
    }
}

/// A block with the fixed codes that repeats one byte: 13 bits for each 258 of them.
fn run() -> Vec<u8> {
    let mut bits: Vec<u8> = vec![0, 1, 0];
    bits.extend([1, 0, 0, 1, 0, 0, 0, 1]);
    for _ in 0..400 {
        // Length 258, distance 1.
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }
    bits.extend([0; 10]);
    let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    bits.chunks(8).map(byte).collect()
}

/// 59: five hundred clients that go as they are: idle, in a message, with answers unread, which resets.
#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let last_words: [&[u8]; 4] = [
        b"",
        b"\x82",
        b"\x02\x85\0\0\0\0hello",
        b"\x81\x85\0\0\0\0hello",
    ];
    for face in FACES {
        let held = attack_on(face, server(|_| {}), |address| {
            for words in last_words.into_iter().cycle().take(500) {
                let mut stream = open(address, "");
                stream.write_all(words).expect("a write");
            }
        });
        assert!(
            held.most < 256 * 1024 && held.left < 16 * 1024,
            "{face:?} {held:?}"
        );
    }
}

/// 56: what a silent connection holds until keepalive finds it.
#[test]
fn a_thousand_silent_connections_hold_little() {
    const CROWD: u64 = 1000;
    allow_descriptors(2 * CROWD + 500);
    for face in FACES {
        for (lines, each) in [("", 2100), (DEFLATE, 2400)] {
            let server = server(|config| config.deflate = Some(Deflate::shared()));
            let held = attack_on(face, server, |address| {
                let crowd: Vec<TcpStream> = (0..CROWD).map(|_| open(address, lines)).collect();
                drop(crowd);
            });
            assert!(held.most < CROWD * each, "{face:?} {held:?}");
            assert!(held.left < 128 * 1024, "{face:?} {held:?}");
        }
    }
}

/// Many attackers at once, of every kind, cost no more than the sum of what each may.
#[test]
fn attackers_of_all_kinds_at_once_get_no_more_than_each_alone() {
    let attacks: [(Vec<u8>, Vec<u8>); 5] = [
        (vec![], frame(0x89, &[b'p'; 125])),
        (frame(0x01, b"a"), frame(0x00, b"a")),
        (frame(0x02, b""), frame(0x00, &[0; 10_000])),
        (vec![], frame(0xC2, &run())),
        (frame(0x42, b""), frame(0x00, &run())),
    ];
    for face in FACES {
        let impatient = server(|config| {
            config.timeouts.write = Some(Duration::from_secs(1));
            config.deflate = Some(Deflate::shared());
        });
        let held = attack_on(face, impatient, |address| {
            let attackers = attacks.iter().cycle().take(20).cloned();
            let attackers = attackers.map(|(first, flood)| {
                thread::spawn(move || {
                    let mut stream = open(address, DEFLATE);
                    pour(&mut stream, &first, 1);
                    pour(&mut stream, &flood.repeat((32 << 10) / flood.len() + 1), 30);
                    let _ = stream.shutdown(Shutdown::Write);
                    drop(rest(stream));
                })
            });
            let attackers: Vec<_> = attackers.collect();
            for attacker in attackers {
                attacker.join().expect("no panic");
            }
        });
        assert!(
            held.most < 24 << 20 && held.left < SPARE,
            "{face:?} {held:?}"
        );
    }
}
