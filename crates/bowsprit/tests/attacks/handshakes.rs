//! Heads without an end, heads that take for ever, and clients that never finish their handshake.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    thread,
    time::Duration,
};

use bowsprit::{Config, Server, ServerBuilder};

use super::ground::{allow_descriptors, ask, assert_echoes, attack, client, open};

/// A whole request but for the empty line at its end.
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// More than any buffer on the way holds.
const FLOOD: usize = 256 << 20;

const HALF_OPEN: usize = 300;

/// A server that gives a handshake three seconds: enough for those who behave, on a busy machine too.
fn impatient() -> ServerBuilder {
    let mut config = Config::server();
    config.timeouts.open = Duration::from_secs(3);
    Server::builder().config(config)
}

/// Sends the beginning and then the rest again and again, until the server hangs up. What it said.
fn flood(address: SocketAddr, beginning: &str, repeated: &str) -> String {
    let mut stream = client(address);
    let mut reading = stream.try_clone().expect("a second handle");
    let answer = thread::spawn(move || {
        let mut answer = Vec::new();
        // A reset follows where more was sent than the server takes.
        let _ = reading.read_to_end(&mut answer);
        String::from_utf8(answer).expect("text")
    });
    let block = repeated.repeat(4096 / repeated.len());
    let mut sent = 0;
    let mut written = stream.write_all(beginning.as_bytes());
    while written.is_ok() {
        assert!(sent < FLOOD, "the server takes everything");
        sent += block.len();
        written = stream.write_all(block.as_bytes());
    }
    answer.join().expect("no panic")
}

/// Sends the beginning, and then the rest byte by byte and for ever. What the server said.
fn drip(address: SocketAddr, beginning: &str, repeated: &str) -> String {
    let mut stream = client(address);
    let mut reading = stream.try_clone().expect("a second handle");
    let answer = thread::spawn(move || {
        let mut answer = Vec::new();
        let _ = reading.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    });
    let mut written = stream.write_all(beginning.as_bytes());
    for byte in repeated.bytes().cycle() {
        if written.is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
        written = stream.write_all(&[byte]);
    }
    answer.join().expect("no panic")
}

/// What each of many clients costs that sends this and nothing more, while another is served.
fn half_open(server: ServerBuilder, beginning: &[u8]) -> u64 {
    allow_descriptors(4096);
    let held = attack(server, |address| {
        let stuck: Vec<_> = (0..HALF_OPEN)
            .map(|_| {
                let mut stuck = client(address);
                stuck.write_all(beginning).expect("a write");
                stuck
            })
            .collect();
        // The server takes its clients in their order, so it has all of them by now.
        assert_echoes(address);
        drop(stuck);
    });
    held.most / HALF_OPEN as u64
}

#[test]
fn a_request_that_is_no_upgrade_ends_its_connection() {
    let held = attack(Server::builder(), |address| {
        let answer = ask(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    });
    assert!(held.most < 32 * 1024 && held.left < 16 * 1024, "{held:?}");
}

#[test]
fn a_head_without_an_end_is_cut_at_its_limit() {
    let long = format!("X-Long: {}\r\n", "a".repeat(1000));
    let line = format!("{REQUEST}X-Long: ");
    let floods = [
        ("GET /", "a", 414),
        ("", "a", 414),
        ("", "\r\n", 400),
        (&line, "a", 431),
        (REQUEST, "X-Short: 1\r\n", 431),
        (REQUEST, &long, 431),
    ];
    for (beginning, repeated, status) in floods {
        let held = attack(Server::builder(), |address| {
            let answer = flood(address, beginning, repeated);
            let expected = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&expected), "{beginning:?}: {answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        });
        assert!(held.most < 80 * 1024, "{beginning:?}: {held:?}");
    }
}

#[test]
fn more_headers_than_the_limit_are_431_however_many() {
    let held = attack(Server::builder(), |address| {
        let with = |count: usize| format!("{REQUEST}{}\r\n", "A: b\r\n".repeat(count));
        // Five are there already, and the limit is 100.
        open(address, &"A: b\r\n".repeat(90));
        open(address, &"A: b\r\n".repeat(95));
        for count in [96, 2000, 20_000] {
            let answer = ask(address, with(count).as_bytes());
            assert!(answer.starts_with("HTTP/1.1 431 "), "{count}: {answer}");
        }
    });
    assert!(held.most < 32 * 1024, "{held:?}");
}

#[test]
fn lists_that_are_slow_to_read_elsewhere_cost_little() {
    let spaces = " ".repeat(8000);
    let members: String = (0..1300).map(|number| format!("p{number},")).collect();
    let lines = [
        (format!("Sec-WebSocket-Protocol: b{spaces}x"), 400),
        (format!("Sec-WebSocket-Protocol: b{spaces}"), 101),
        (format!("Sec-WebSocket-Protocol: {}", ",".repeat(8000)), 400),
        (
            format!("Sec-WebSocket-Protocol: {}", "a,".repeat(4000)),
            400,
        ),
        (format!("Sec-WebSocket-Protocol: {members}"), 101),
        (format!("Sec-WebSocket-Extensions: {members}"), 101),
        (
            format!("Sec-WebSocket-Extensions: a{}", ";b".repeat(4000)),
            101,
        ),
        (
            format!("Sec-WebSocket-Extensions: a;b=\"{}", "\\".repeat(8000)),
            400,
        ),
        (format!("Sec-WebSocket-Extensions: a;b=\"{spaces}"), 400),
        (
            "Sec-WebSocket-Extensions: constructor; __proto__=1".to_owned(),
            101,
        ),
    ];
    for (line, status) in lines {
        let held = attack(Server::builder(), |address| {
            let request = format!("{REQUEST}{line}\r\n\r\n");
            let mut stream = client(address);
            stream.write_all(request.as_bytes()).expect("a write");
            let mut answer = [0; 13];
            stream.read_exact(&mut answer).expect("an answer");
            let expected = format!("HTTP/1.1 {status} ");
            assert_eq!(
                answer.escape_ascii().to_string(),
                expected,
                "{}",
                &line[..40]
            );
        });
        assert!(held.most < 320 * 1024, "{line}: {held:?}");
    }
}

#[test]
fn a_handshake_has_one_deadline_however_the_client_drips() {
    let line = format!("{REQUEST}X-Slow: ");
    let drips = [
        ("", REQUEST),
        ("GET /", "a"),
        (&line, "a"),
        (REQUEST, "X-Slow: 1\r\n"),
    ];
    let held = attack(impatient(), |address| {
        thread::scope(|scope| {
            for (beginning, repeated) in drips {
                scope.spawn(move || {
                    let answer = drip(address, beginning, repeated);
                    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
                });
            }
            // Half a request, and none at all.
            for beginning in [REQUEST, ""] {
                scope.spawn(move || {
                    let answer = ask(address, beginning.as_bytes());
                    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
                });
            }
        });
    });
    assert!(held.most < 32 * 1024, "{held:?}");
}

#[test]
fn a_half_open_handshake_costs_little_and_keeps_nobody_out() {
    let half = &REQUEST.as_bytes()[..100];
    for beginning in [b"", &b"G"[..], half, REQUEST.as_bytes()] {
        let each = half_open(Server::builder(), beginning);
        assert!(each < 4 * 1024, "{each} after {} bytes", beginning.len());
    }
}

#[test]
fn heads_that_are_almost_whole_make_room_for_each_other() {
    let head = format!(
        "{REQUEST}{}",
        format!("X-Long: {}\r\n", "a".repeat(1000)).repeat(30)
    );
    let each = half_open(Server::builder(), head.as_bytes());
    // What 1024 of them may hold together, and not what 300 have sent: that is 9 MiB, and twice as
    // much where memory grows by doubling.
    assert!(each * (HALF_OPEN as u64) < 6 << 20, "{each}");
}

#[test]
fn refused_clients_that_stay_cost_little_and_are_let_go() {
    allow_descriptors(4096);
    let request = format!("{REQUEST}Origin: http://evil.example\r\n\r\n");
    let held = attack(Server::builder(), |address| {
        let refused: Vec<_> = (0..HALF_OPEN)
            .map(|_| {
                let mut refused = client(address);
                refused.write_all(request.as_bytes()).expect("a write");
                refused
            })
            .collect();
        assert_echoes(address);
        for mut refused in refused {
            let mut answer = String::new();
            // The end comes from the server: this side has not ended anything.
            refused.read_to_string(&mut answer).expect("an end");
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        }
    });
    assert!(held.most < HALF_OPEN as u64 * 4 * 1024, "{held:?}");
}
