//! Attacks with frames: lengths that lie, floods of small ones, broken rules; numbers 29 to 44 of the
//! catalogue.

use std::{
    io::{self, Write as _},
    mem,
    net::Shutdown,
    pin::Pin,
    task::{Context, Poll},
    thread,
};

use bowsprit::{Config, Rate, accept};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::yield_now,
};

use super::ground::{
    FACES, REQUEST, SPARE, attack_on, frame, open, pour, read_frame, rest, server,
};

/// What breaks a rule, in bytes, and the code that the server ends the connection with.
const BROKEN: &[(&[u8], u16)] = &[
    // 29: lengths that overflow when something is added, and those that are only too large.
    (b"\x82\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0", 1002),
    (
        b"\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xEB\x0E\x8F",
        1002,
    ),
    (
        b"\x02\x8A\0\0\0\x000123456789\x80\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFB\0\0\0\0",
        1009,
    ),
    (b"\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0", 1009),
    (b"\x82\xFF\0\0\0\0\0\x10\0\x01\0\0\0\0", 1009),
    // 31: a reserved opcode, and nothing of its payload.
    (b"\xF3\xFF\0\0\0\0\x80\0\0\0\0\0\0\0", 1002),
    (b"\x83\xFF\0\0\0\0\x80\0\0\0\0\0\0\0", 1002),
    // 32: lengths in a longer form than they need.
    (b"\x82\xFE\0\x05\0\0\0\0hello", 1002),
    (b"\x82\xFF\0\0\0\0\0\0\0\x05\0\0\0\0hello", 1002),
    // 33: no mask.
    (b"\x81\x05hello", 1002),
    // 34: control frames that are long, or in fragments.
    (b"\x89\xFE\0\x7E\0\0\0\0", 1002),
    (b"\x09\x80\0\0\0\0", 1002),
    // 35: reserved bits that nobody agreed on.
    (b"\xC1\x80\0\0\0\0", 1002),
    (b"\xA1\x80\0\0\0\0", 1002),
    (b"\x91\x80\0\0\0\0", 1002),
    // 36: a continuation of nothing, a message inside another.
    (b"\x80\x80\0\0\0\0", 1002),
    (b"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b", 1002),
    // 38: text that is none, at once and behind an empty last fragment.
    (b"\x81\x82\0\0\0\0\xFF\xFE", 1007),
    (b"\x01\x82\0\0\0\0\xE2\x82\x80\x80\0\0\0\0", 1007),
    // 39: close frames.
    (b"\x88\x81\0\0\0\0\x03", 1002),
    (b"\x88\x83\0\0\0\0\x03\xE8\xFF", 1007),
];

fn closed_with(code: u16) -> Vec<u8> {
    [&b"\x88\x02"[..], &code.to_be_bytes()].concat()
}

#[test]
fn a_broken_rule_costs_its_connection_and_no_memory() {
    for face in FACES {
        let held = attack_on(face, server(|_| {}), |address| {
            for (bytes, code) in BROKEN {
                let mut stream = open(address, "");
                stream.write_all(bytes).expect("a write");
                assert_eq!(rest(stream), closed_with(*code), "{}", bytes.escape_ascii());
            }
        });
        assert!(
            held.most < 16 * 1024 && held.left < 4096,
            "{face:?} {held:?}"
        );
    }
}

/// 39: 0 to 999, 1004 to 1006, 1015 to 2999 and 5000 to 65535 may stand in no close frame.
#[test]
fn a_code_that_may_not_be_sent_is_no_close() {
    let refused = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535];
    let echoed = [1000, 1003, 1007, 1012, 1014, 3000, 4999];
    for face in FACES {
        let held = attack_on(face, server(|_| {}), |address| {
            for code in refused.into_iter().chain(echoed) {
                let mut stream = open(address, "");
                let wire = frame(0x88, &u16::to_be_bytes(code));
                stream.write_all(&wire).expect("a write");
                let told = if echoed.contains(&code) { code } else { 1002 };
                assert_eq!(rest(stream), closed_with(told), "{code}");
            }
        });
        assert!(
            held.most < 16 * 1024 && held.left < 4096,
            "{face:?} {held:?}"
        );
    }
}

/// 30: two hundred at once, each of which has announced as much as it may and sent ten bytes.
#[test]
fn announced_lengths_reserve_nothing() {
    const CROWD: u64 = 200;
    for face in FACES {
        let held = attack_on(face, server(|_| {}), |address| {
            let crowd = (0..CROWD).map(|_| {
                let mut stream = open(address, "");
                stream
                    .write_all(b"\x82\xFF\0\0\0\0\0\x10\0\0\0\0\0\0ten bytes.")
                    .expect("a write");
                stream
            });
            let crowd: Vec<_> = crowd.collect();
            // Another one is served while they wait, and no sooner than they are.
            let mut last = open(address, "");
            last.write_all(&frame(0x88, b"")).expect("a write");
            assert_eq!(rest(last), b"\x88\x00");
            drop(crowd);
        });
        assert!(held.most < CROWD * 5 * 512, "{face:?} {held:?}");
        assert!(held.left < 16 * 1024, "{face:?} {held:?}");
    }
}

/// 37: a message of 400,000 fragments of one byte, of none, and of both beside a limit that is off.
#[test]
fn tiny_fragments_meet_the_limit_of_the_message() {
    let begin = frame(0x01, b"a");
    for face in FACES {
        for (piece, limit, code, most) in [
            (frame(0x00, b"a"), 1 << 20, 1009, 32 * 1024),
            (frame(0x00, b""), 1 << 20, 1009, 16 * 1024),
            (frame(0x00, b"a"), usize::MAX, 1008, 256 * 1024),
            (frame(0x00, b""), usize::MAX, 1008, 16 * 1024),
        ] {
            let limited = server(|config| config.limits.message = limit);
            let held = attack_on(face, limited, |address| {
                let mut stream = open(address, "");
                stream.write_all(&begin).expect("a write");
                pour(&mut stream, &piece.repeat(1000), 400);
                let said = rest(stream);
                assert!(said.is_empty() || said == closed_with(code), "{said:x?}");
            });
            assert!(held.most < most && held.left < 4096, "{face:?} {held:?}");
        }
    }
}

/// 42 and 43: 4 MiB of pings, of pongs, of both between fragments; their sender reads nothing.
#[test]
fn floods_of_control_frames_are_not_kept() {
    let floods = [
        frame(0x89, &[b'p'; 125]),
        frame(0x89, b""),
        frame(0x8A, &[b'p'; 125]),
        [frame(0x89, b"?"), frame(0x8A, b"!")].concat(),
    ];
    for face in FACES {
        for flood in &floods {
            let held = attack_on(face, server(|_| {}), |address| {
                let mut stream = open(address, "");
                stream.write_all(&frame(0x01, b"a")).expect("a write");
                let batch = flood.repeat((64 << 10) / flood.len());
                pour(&mut stream, &batch, 64);
            });
            assert!(
                held.most < 64 * 1024 && held.left < SPARE,
                "{face:?} {held:?}"
            );
        }
    }
}

/// 43: who behaves is served while four others send all that they can.
#[test]
fn a_flood_starves_nobody() {
    let floods = [
        frame(0x89, b""),
        frame(0x8A, b""),
        frame(0x81, b"x"),
        frame(0x00, b""),
    ];
    for face in FACES {
        let limited = server(|config| config.limits.message = usize::MAX);
        let held = attack_on(face, limited, |address| {
            let mut honest = open(address, "");
            let flooding = floods.clone().map(|flood| {
                thread::spawn(move || {
                    let mut stream = open(address, "");
                    let first = frame(0x01, b"a");
                    if flood == frame(0x00, b"") {
                        stream.write_all(&first).expect("a write");
                    }
                    let mut reader = stream.try_clone().expect("a descriptor");
                    let reading = thread::spawn(move || {
                        io::copy(&mut reader, &mut io::sink()).unwrap_or_default()
                    });
                    pour(&mut stream, &flood.repeat(1000), 200);
                    let _ = stream.shutdown(Shutdown::Both);
                    reading.join().expect("no panic");
                })
            });
            for n in 0..100_u8 {
                honest.write_all(&frame(0x82, &[n])).expect("a write");
                assert_eq!(read_frame(&mut honest), (0x82, vec![n]));
            }
            for flood in flooding {
                flood.join().expect("no panic");
            }
        });
        // Who reads its answers slowly, on a busy machine, gets as much as one that does not read.
        assert!(
            held.most < 4 << 20 && held.left < SPARE,
            "{face:?} {held:?}"
        );
    }
}

/// A client in memory that asks for a connection and then sends the same frame for ever.
struct Endless {
    request: Vec<u8>,
    frame: Vec<u8>,
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.request.is_empty() {
            buf.put_slice(&mem::take(&mut self.request));
            return Poll::Ready(Ok(()));
        }
        (0..100).for_each(|_| buf.put_slice(&self.frame));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// 43: a task that awaits a message gives others their turn, though control frames are always there to be read.
#[tokio::test]
async fn control_frames_without_an_end_let_others_have_their_turn() {
    for first in [0x89, 0x8A] {
        let peer = Endless {
            request: format!("{REQUEST}\r\n").into(),
            frame: frame(first, b""),
        };
        let mut socket = accept(peer, Config::server()).await.expect("a handshake");
        let waiting = tokio::spawn(async move { socket.recv().await });
        for _ in 0..10 {
            yield_now().await;
        }
        waiting.abort();
        waiting.await.expect_err("no message came");
    }
}

/// 43: where the rate of messages is limited, a flood ends with its connection.
#[test]
fn a_flood_ends_where_the_rate_is_limited() {
    for face in FACES {
        let limited = server(|config| {
            config.limits.rate = Some(Rate {
                per_second: 10,
                burst: 100,
            });
        });
        let held = attack_on(face, limited, |address| {
            for first in [0x81, 0x89, 0x8A] {
                let mut stream = open(address, "");
                pour(&mut stream, &frame(first, b"").repeat(1000), 10);
                let said = rest(stream);
                assert!(
                    said.is_empty() || said.ends_with(&closed_with(1008)),
                    "{said:x?}"
                );
            }
        });
        assert!(
            held.most < 96 * 1024 && held.left < SPARE,
            "{face:?} {held:?}"
        );
    }
}

/// 40: nothing is made of what comes behind a close frame, and it is answered once.
#[test]
fn what_follows_a_close_frame_is_thrown_away() {
    let garbage = [
        frame(0x81, b"hello"),
        frame(0x89, b"?"),
        frame(0x88, b"\x03\xE9"),
        vec![0xFF; 1000],
    ];
    for face in FACES {
        let held = attack_on(face, server(|_| {}), |address| {
            let mut stream = open(address, "");
            let close = frame(0x88, b"\x03\xE8bye");
            let wire = [close, garbage.concat()].concat();
            stream.write_all(&wire).expect("a write");
            assert_eq!(rest(stream), b"\x88\x05\x03\xE8bye");

            let mut stream = open(address, "");
            stream.write_all(&frame(0x88, b"")).expect("a write");
            pour(&mut stream, &garbage.concat(), 1000);
            let said = rest(stream);
            assert!(said.is_empty() || said == b"\x88\x00", "{said:x?}");
        });
        assert!(
            held.most < 16 * 1024 && held.left < 4096,
            "{face:?} {held:?}"
        );
    }
}

/// 44: a message of 20 KB, each byte in a write of its own.
#[test]
fn a_message_byte_by_byte_costs_what_it_is() {
    let message = [b'x'; 20_000];
    for face in FACES {
        let held = attack_on(face, server(|_| {}), |address| {
            let mut stream = open(address, "");
            stream.set_nodelay(true).expect("an option");
            for byte in frame(0x82, &message) {
                stream.write_all(&[byte]).expect("a write");
            }
            assert_eq!(read_frame(&mut stream), (0x82, message.to_vec()));
        });
        assert!(
            held.most < 64 * 1024 && held.left < 4096,
            "{face:?} {held:?}"
        );
    }
}
