//! Requests that mean one thing here and another elsewhere, and what refusals give away.

use std::{
    future::pending,
    io::{Read as _, Write as _},
    net::Shutdown,
};

use bowsprit::{Accept, HttpRequest, Response, Server, ServerBuilder};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::ground::{ask, assert_echoes, attack, client};

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// What a refused client must not find in its refusal.
const MARK: &str = "MARK";

/// A whole request to upgrade with these lines.
fn upgrade(lines: &str) -> String {
    format!("{UPGRADE}{lines}\r\n")
}

#[test]
fn a_request_that_others_read_differently_is_400_and_the_end() {
    let smuggled = "GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let lines = [
        // RFC 9112 section 6.1: two lengths of one body, or one where there is none.
        "Content-Length: 45\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: 45\r\n",
        "Content-Length: 0\r\nContent-Length: 45\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: 0, 0\r\n",
        // Section 5.1 and 5.2: white space where there is none, and lines that go on.
        "X-Mark : MARK\r\n",
        " X-Mark: MARK\r\n",
        "X-Mark: MARK\r\n folded\r\n",
        "X-Mark\r\n",
        ": MARK\r\n",
        "X Mark: MARK\r\n",
        // Section 2.2: lines that end elsewhere.
        "X-Mark: MARK\n",
        "X-Mark: MA\rRK\r\n",
        "X-Mark: MA\0RK\r\n",
        "X-Mark: MARK\n\r\n",
        "X-\u{e9}: MARK\r\n",
        // What may be there once.
        "Host: MARK\r\n",
        "Origin: http://localhost\r\nOrigin: http://localhost\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Sec-WebSocket-Version: 13\r\n",
    ];
    let held = attack(Server::builder(), |address| {
        for line in lines {
            let answer = ask(address, (upgrade(line) + smuggled).as_bytes());
            assert!(answer.starts_with("HTTP/1.1 400 "), "{line:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{line:?}: {answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            assert!(!answer.contains(MARK), "{line:?}: {answer}");
        }
    });
    assert!(held.most < 32 * 1024, "{held:?}");
}

/// Lets everybody in but those who ask for these.
fn choosy() -> ServerBuilder {
    Server::builder().validate(|request: HttpRequest| async move {
        match request.path() {
            "/closed" => Err(Response::plain(404)?),
            "/slow" => pending().await,
            _ => Ok(Accept::default()),
        }
    })
}

#[test]
fn no_second_request_is_answered_after_a_refusal() {
    let keeping = upgrade("Connection: keep-alive\r\n");
    let firsts = [
        (keeping.replace("/ ", "/closed "), 404),
        (keeping.replace("13\r\n", "12\r\n"), 426),
        (keeping.replace("GET", "POST"), 405),
        (upgrade("Origin: null\r\n"), 403),
    ];
    let held = attack(choosy(), |address| {
        for (first, status) in firsts {
            // Together, and when the answer to the first is there.
            let both = ask(address, (first.clone() + &upgrade("")).as_bytes());
            assert!(both.starts_with(&format!("HTTP/1.1 {status} ")), "{both}");
            assert_eq!(both.matches("HTTP/1.1 ").count(), 1, "{both}");
            let mut stream = client(address);
            stream.write_all(first.as_bytes()).expect("a write");
            let mut answer = vec![0; both.len()];
            stream.read_exact(&mut answer).expect("an answer");
            // The server may have gone already.
            let _ = stream.write_all(upgrade("").as_bytes());
            let mut second = Vec::new();
            let _ = stream.read_to_end(&mut second);
            assert!(second.is_empty(), "{}", second.escape_ascii());
        }
    });
    assert!(held.most < 32 * 1024, "{held:?}");
}

#[test]
fn what_comes_behind_a_request_waits_in_the_kernel() {
    const CLIENTS: u64 = 100;
    let mut early = upgrade("").replace("/ ", "/slow ").into_bytes();
    early.extend(b"\x82\xfe\xff\xff\0\0\0\0");
    early.resize(48 * 1024, 0);
    let held = attack(choosy(), |address| {
        let waiting: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let mut waiting = client(address);
                waiting.write_all(&early).expect("a write");
                waiting
            })
            .collect();
        assert_echoes(address);
        drop(waiting);
    });
    assert!(held.most < CLIENTS * 12 * 1024, "{held:?}");
}

#[test]
fn answers_repeat_nothing_of_a_request() {
    let whole = upgrade("");
    let without_upgrade = whole.replace("Upgrade: websocket", "X-Mark: MARK");
    let requests = [
        "MARK\r\n\r\n".to_owned(),
        "GET /MARK HTTP/3.0\r\n\r\n".to_owned(),
        "GET MARK HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        whole.replace("GET", "MARK"),
        whole.replace("13\r\n", "MARK\r\n"),
        whole.replace("localhost", "MA RK"),
        whole.replace("/ ", "/closed?MARK "),
        whole.replace("dGhlIHNhbXBsZSBub25jZQ==", "MARK"),
        without_upgrade,
        upgrade("Origin: http://MARK\r\n"),
        upgrade("Sec-WebSocket-Protocol: MARK MARK\r\n"),
        upgrade("Sec-WebSocket-Extensions: \"MARK\r\n"),
        upgrade("Cookie: MARK\r\nContent-Length: 4\r\n"),
        upgrade(&format!("X-Long: MARK{}\r\n", "a".repeat(9000))),
    ];
    let held = attack(choosy(), |address| {
        for request in requests {
            let answer = ask(address, request.as_bytes());
            let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
            assert!(
                head.starts_with("HTTP/1.1 4") || head.starts_with("HTTP/1.1 505 "),
                "{head}"
            );
            assert!(!answer.contains(MARK), "{request:?}: {answer}");
            // The registered words of the status, and no more.
            assert!(head.contains(body.trim_end()), "{answer}");
            let names = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            let known = [
                "Connection",
                "Content-Length",
                "Content-Type",
                "Server",
                "Date",
            ];
            let of_status = ["Allow", "Upgrade", "Sec-WebSocket-Version"];
            for (name, _) in names {
                assert!(known.contains(&name) || of_status.contains(&name), "{head}");
            }
        }
        // What is taken over into a 101 is the server's own word, too.
        let mut stream = client(address);
        let offers =
            upgrade("Sec-WebSocket-Protocol: MARK\r\nX-Mark: MARK\r\nOrigin: http://localhost\r\n");
        stream.write_all(offers.as_bytes()).expect("a write");
        stream.shutdown(Shutdown::Write).expect("an end");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an end");
        assert!(
            answer.starts_with(b"HTTP/1.1 101 "),
            "{}",
            answer.escape_ascii()
        );
        assert!(!answer.escape_ascii().to_string().contains(MARK));
    });
    assert!(held.most < 32 * 1024, "{held:?}");
}

#[tokio::test]
async fn a_refused_client_fills_no_log() {
    // Each is one byte in the head, and six characters where it is displayed.
    let long = "\u{80}".repeat(3500);
    let whole = upgrade("");
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    for request in [
        whole.replace("/ ", &format!("/{long} ")),
        whole.replace("GET", &"A".repeat(7000)),
        whole.replace("HTTP/1.1", &"A".repeat(7000)),
        whole.replace("13\r\n", &format!("{long}\r\n")),
        whole.replace(key, &long),
        upgrade(&format!("Origin: http://{long}\r\n")),
        upgrade(&format!("Sec-WebSocket-Protocol: {long}\r\n")),
        upgrade(&format!("Sec-WebSocket-Extensions: {long}\r\n")),
        long.clone(),
    ] {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        far.write_all(request.as_bytes()).await.expect("a write");
        let server = choosy().build();
        let answer = async {
            let mut answer = Vec::new();
            far.read_to_end(&mut answer).await.expect("an end");
            drop(far);
        };
        let (refused, ()) = tokio::join!(server.accept_on(near, None), answer);
        let shown = refused.expect_err("a refusal").to_string();
        assert!(shown.len() < 1024, "{shown}");
    }
}
