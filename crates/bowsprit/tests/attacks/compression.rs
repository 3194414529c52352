//! Attacks with compressed messages: numbers 45 to 53 of the catalogue.

use std::{io::Write as _, net::TcpStream, time::Duration};

use allocation_counter::measure;
use bowsprit::{Config, Deflate, ServerBuilder, accept};
use flate2::{Compress, Compression, FlushCompress};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    runtime::Builder,
    time::timeout,
};

use super::ground::{
    DEFLATE, FACES, REQUEST, attack_on, frame, open, pour, read_frame, rest, server,
};

const MIB: usize = 1 << 20;

/// A mebibyte of zeros in a kilobyte, which may stand anywhere and any number of times.
fn zeros() -> Vec<u8> {
    let mut zeros = Vec::with_capacity(4096);
    Compress::new(Compression::best(), false)
        .compress_vec(&vec![0; MIB], &mut zeros, FlushCompress::Full)
        .expect("valid parameters");
    assert!(zeros.len() < 1_100 && zeros.ends_with(&[0, 0, 0xFF, 0xFF]));
    zeros
}

/// Servers without context takeover, and with all of it.
fn servers() -> [ServerBuilder; 2] {
    let mut dedicated = Deflate::dedicated();
    dedicated.client_max_window_bits = 15;
    [Deflate::shared(), dedicated].map(|deflate| server(|config| config.deflate = Some(deflate)))
}

fn said_1009(stream: TcpStream) {
    let said = rest(stream);
    assert!(said.is_empty() || said == b"\x88\x02\x03\xF1", "{said:x?}");
}

/// 45: half a gibibyte in 500 KB, in one frame, and in fragments of any size.
#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = zeros().repeat(470);
    assert!((480_000..520_000).contains(&bomb.len()));
    for face in FACES {
        for server in servers() {
            let held = attack_on(face, server, |address| {
                let mut stream = open(address, DEFLATE);
                pour(&mut stream, &frame(0xC2, &bomb), 1);
                said_1009(stream);
                for size in [100, 5_000, 100_000] {
                    let mut stream = open(address, DEFLATE);
                    pour(&mut stream, &frame(0x42, b""), 1);
                    for piece in bomb.chunks(size) {
                        pour(&mut stream, &frame(0x00, piece), 1);
                    }
                    said_1009(stream);
                }
            });
            // Twice the limit while the memory of the message grows, and an inflater.
            assert!(held.most < 9 * MIB as u64 / 4, "{face:?} {held:?}");
            assert!(held.left < 4096, "{face:?} {held:?}");
        }
    }
}

/// 45: every message keeps to the limit, but the sender never takes an answer, so that they pile up.
#[test]
fn bombs_that_are_read_ahead_meet_the_limit_of_one_message() {
    let mut config = Config::server();
    config.deflate = Some(Deflate::shared());
    config.deflate.as_mut().expect("set above").threshold = usize::MAX;
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let (near, mut far) = duplex(128 * 1024);
    let mut socket = runtime.block_on(async {
        let request = format!("{REQUEST}{DEFLATE}\r\n");
        far.write_all(request.as_bytes()).await.expect("a write");
        let socket = accept(near, config).await.expect("a handshake");
        let head = far.read(&mut [0; 1024]).await.expect("an answer");
        assert!(head > 100);
        let zeros = zeros();
        let message = frame(0xC2, &zeros[..zeros.len() - 4]);
        far.write_all(&message.repeat(60)).await.expect("room");
        socket
    });
    let held = measure(|| {
        let send = async { timeout(Duration::from_secs(1), socket.send(vec![1; MIB])).await };
        runtime.block_on(send).expect_err("nobody reads");
    });
    // The message that is sent, the first that is read ahead and the next one, which goes over the limit.
    assert!(held.bytes_max < 9 * MIB as u64 / 2, "{held:?}");
    // None of them is lost.
    runtime.block_on(async {
        let drain =
            tokio::spawn(async move { tokio::io::copy(&mut far, &mut tokio::io::sink()).await });
        for _ in 0..60 {
            let message = socket.recv().await.expect("open").expect("a message");
            assert_eq!(message.as_bytes().len(), MIB);
        }
        drain.abort();
    });
}

/// 46: two hundred at once, each in the middle of a compressed message.
#[test]
fn an_inflater_in_use_is_all_that_compression_costs() {
    const CROWD: u64 = 200;
    for face in FACES {
        for server in servers() {
            let held = attack_on(face, server, |address| {
                let crowd = (0..CROWD).map(|_| {
                    let mut stream = open(address, DEFLATE);
                    stream
                        .write_all(&frame(0x41, b"\xF2\x48"))
                        .expect("a write");
                    stream
                });
                let crowd: Vec<_> = crowd.collect();
                let mut last = open(address, DEFLATE);
                last.write_all(&frame(0x88, b"")).expect("a write");
                assert_eq!(rest(last), b"\x88\x00");
                drop(crowd);
            });
            assert!(held.most < CROWD * 50 * 1024, "{face:?} {held:?}");
            assert!(held.left < 16 * 1024, "{face:?} {held:?}");
        }
    }
}

/// 47 to 50: what is no DEFLATE, refers too far back, ends too early; bits where they mean nothing.
#[test]
fn corrupt_messages_cost_their_connection_and_no_memory() {
    let broken: [(u8, &[u8], u16); 9] = [
        (0xC1, b"\x06", 1007),
        (0xC1, b"\x00\x05\x00\x05\x00Hello\x00", 1007),
        (0xC1, b"\xFC\xFF", 1007),
        (0xC1, b"\xF2\x48\xCD", 1007),
        (0xC1, b"\x02\x02\x00\x00", 1007),
        (0xC1, &b"\x03\x00".repeat(20_000), 1007),
        (0xC9, b"", 1002),
        (0xC0, b"", 1002),
        (0xE1, b"", 1002),
    ];
    for face in FACES {
        for server in servers() {
            let held = attack_on(face, server, |address| {
                for (first, payload, code) in broken {
                    let mut stream = open(address, DEFLATE);
                    pour(&mut stream, &frame(first, payload), 1);
                    let told = [&b"\x88\x02"[..], &code.to_be_bytes()].concat();
                    assert_eq!(rest(stream), told, "{payload:x?}");
                }
            });
            assert!(
                held.most < 16 * 1024 && held.left < 4096,
                "{face:?} {held:?}"
            );
        }
    }
}

/// 48 and 53: a block with the final bit loses nothing, and thousands of empty ones make no difference.
#[test]
fn strange_blocks_are_read_as_what_they_are() {
    let hello = b"\xF2\x48\xCD\xC9\xC9\x07\x00";
    let last = b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00";
    let empty = b"\x00\x00\x00\xFF\xFF".repeat(5000);
    for face in FACES {
        for server in servers() {
            let held = attack_on(face, server, |address| {
                let mut stream = open(address, DEFLATE);
                let long = [&empty[..], hello].concat();
                for payload in [&last[..], last, hello, &long, last, hello] {
                    stream.write_all(&frame(0xC1, payload)).expect("a write");
                    assert_eq!(read_frame(&mut stream), (0x81, b"Hello".to_vec()));
                }
            });
            assert!(
                held.most < 16 * 1024 && held.left < 4096,
                "{face:?} {held:?}"
            );
        }
    }
}
