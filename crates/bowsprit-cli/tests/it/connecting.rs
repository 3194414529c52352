//! Opening connections, and the ways in which they do not open.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;

use rcgen::{CertificateParams, KeyPair};

use crate::support::{Peer, run, run_against, serve, serve_on};
use crate::tls::{Identity, serve as serve_tls};

/// What `connect` prints against a server that answers so.
fn told(answer: &'static [u8]) -> (String, Option<i32>) {
    let outcome = run_against(
        move |mut peer: Peer| {
            peer.request();
            peer.write(answer);
        },
        "connect URI\n",
    );
    assert_eq!(outcome.stderr, "");
    (outcome.lines()[1].to_owned(), outcome.status)
}

/// What `connect` prints with these words behind it.
fn told_of(words: &str) -> (String, Option<i32>) {
    let outcome = run(&[], format!("connect {words}\n"));
    (outcome.lines()[1].to_owned(), outcome.status)
}

#[test]
fn tells_each_fault_of_a_uri_in_its_own_words() {
    let outcome = run(
        &[],
        "connect 127.0.0.1:9002\nconnect foo://a/\nconnect ws://\nconnect ws://:9002\nconnect ws://a:0\n\
         connect ws://a:9002abc\nconnect ws://a:9002 \nconnect ws://[::1\nconnect ws://me:pw@a/\n\
         connect ws://a/b c\nconnect ws://a/#frag\nconnect http://\n",
    );
    let mut answers = outcome.lines();
    assert_eq!(answers.len(), 12);
    for answer in &answers {
        assert!(
            answer.starts_with("> Connect initialization error: invalid uri ("),
            "{answer}"
        );
        assert!(!answer.contains("pw"), "a password is not repeated");
    }
    answers.dedup();
    assert!(answers.len() > 8, "the faults are told apart: {answers:?}");
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn tells_the_status_of_an_http_answer() {
    for (status, event) in [
        (
            "301 Moved Permanently",
            "0 failed HTTP 301 Moved Permanently",
        ),
        ("404", "0 failed HTTP 404"),
    ] {
        let outcome = run_against(
            move |mut peer| {
                peer.request();
                peer.write(
                    format!("HTTP/1.1 {status} \r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")
                        .as_bytes(),
                );
            },
            "connect URI\nshow 0\n",
        );
        outcome.expect_in_order(&[
            event,
            "> Status: Failed",
            "> Remote Server: nginx",
            "> Error/close reason: Invalid HTTP status.",
            "> Messages Processed: (0) ",
            &format!("> HTTP response: {status}"),
            "",
        ]);
        assert_eq!(outcome.status, Some(5));
    }
}

#[test]
fn tells_the_cause_of_a_transport_failure() {
    let outcome = run(
        &[],
        "connect ws://127.0.0.1:1\nshow 0\nconnect ws://no-such-host.invalid\nshow 1\n",
    );
    outcome.expect_in_order(&[
        "0 failed connection refused (127.0.0.1:1)",
        "> Error/close reason: Underlying Transport Error (connection refused (127.0.0.1:1))",
    ]);
    let resolved = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("1 failed "));
    assert!(
        resolved.is_some_and(|line| line.contains("no-such-host.invalid")),
        "{}",
        outcome.stdout
    );
}

#[test]
fn an_http_answer_is_told_with_its_status_and_where_it_leads() {
    for (answer, line) in [
        (
            &b"HTTP/1.1 301 Moved Permanently\r\nLocation: wss://me:pw@a.example/x?token=1\r\n\r\n"
                [..],
            "0 failed HTTP 301 Moved Permanently: moved to wss://***@a.example/x?token=*** (-L follows)",
        ),
        (
            b"HTTP/1.1 401 Unauthorized\r\n\r\n",
            "0 failed HTTP 401 Unauthorized (--auth USER:PW, --bearer TOKEN)",
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /\x1b[2J\r\n\r\n",
            "0 failed header value contains a control character",
        ),
    ] {
        assert_eq!(told(answer), (line.to_owned(), Some(5)));
    }
}

#[test]
fn what_is_no_http_is_quoted_and_cannot_act_on_the_terminal() {
    for (answer, said) in [
        (
            &b"220 \x1b[2J\xff mail\r\n"[..],
            "220 \\u{1b}[2J\u{fffd} mail",
        ),
        (b"a\\b \"c\"\n", "a\\\\b \"c\""),
    ] {
        let line = format!("0 failed not a WebSocket server: it said \"{said}\"");
        assert_eq!(told(answer), (line, Some(5)));
    }
}

#[test]
fn an_answer_that_does_not_upgrade_says_what_it_lacks() {
    for (answer, lacking) in [
        (&b"HTTP/1.1 101 Switching Protocols\r\n\r\n"[..], "no Upgrade header"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "no Sec-WebSocket-Accept header",
        ),
    ] {
        let (line, status) = told(answer);
        assert!(line.starts_with("0 failed answer of the server does not upgrade"), "{line}");
        assert!(line.contains(lacking), "{line}");
        assert_eq!(status, Some(5));
    }
    let ended = "0 failed server ended the connection without an answer".to_owned();
    assert_eq!(told(b""), (ended, Some(5)));
}

#[test]
fn a_certificate_is_told_with_its_fault_and_the_ways_out() {
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let old = params.self_signed(&key).expect("a certificate");
    let old = Identity::of("connecting-old", old.pem(), key.serialize_pem());
    let other = Identity::new("connecting-other", "other.example");
    let at = |address: SocketAddr| format!("wss://localhost:{}/", address.port());
    for (identity, options, fault, ways) in [
        (
            &old,
            format!("--ca {} ", old.file("chain.pem")),
            "certificate expired on 2021-01-01",
            "(--insecure)",
        ),
        (
            &other,
            format!("--ca {} ", other.file("chain.pem")),
            "certificate is not valid for localhost",
            "(--sni NAME, --insecure)",
        ),
    ] {
        let address = serve_tls(identity, |tls| tls);
        let (line, status) = told_of(&format!("{options}{}", at(address)));
        assert!(line.starts_with(&format!("0 failed {fault}")), "{line}");
        assert!(line.ends_with(ways), "{line}");
        assert_eq!(status, Some(4));
    }
    let plain = serve(|mut peer: Peer| peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let (line, status) = told_of(&format!("wss://{plain}/"));
    assert!(
        line.starts_with("0 failed server does not speak TLS on this port"),
        "{line}"
    );
    assert_eq!(status, Some(4));
}

#[test]
fn fails_the_handshake_on_a_subprotocol_that_nobody_asked_for() {
    let outcome = run_against(
        |mut peer| peer.accept_with("Sec-WebSocket-Protocol: chat\r\n"),
        "connect URI\nshow 0\n",
    );
    outcome.expect_in_order(&["> Status: Failed"]);
}

#[test]
fn puts_brackets_around_an_ipv6_address_in_the_host_header() {
    // A machine without IPv6 has nothing to test here.
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return;
    };
    let (requests, request) = mpsc::channel();
    let address = serve_on(listener, move |mut peer| {
        requests.send(peer.request()).expect("the test listens");
    });
    run(&[], format!("connect ws://{address}\n"));
    let request = request.recv().expect("a request");
    assert!(
        request.contains(&format!("Host: {address}\r\n")),
        "{request}"
    );
    assert!(address.to_string().starts_with("[::1]:"));
}

#[test]
fn prints_the_uri_as_it_was_typed() {
    let outcome = run(&[], "connect WS://127.0.0.1:1/%7Ea?b\nshow 0\n");
    outcome.expect_in_order(&["> URI: WS://127.0.0.1:1/%7Ea?b"]);
}

#[test]
fn warns_at_every_start_that_certificates_are_not_verified() {
    let outcome = run(&["--insecure"], "");
    assert!(outcome.stderr.contains("NOT VERIFIED"));
    assert_eq!(outcome.stdout, "");
}

#[test]
fn does_not_start_with_a_ca_file_that_cannot_be_read() {
    let outcome = run(&["--ca", "/no/such/file"], "");
    assert!(
        outcome
            .stderr
            .starts_with("bowsprit: CA file /no/such/file: "),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stderr.lines().count(), 1);
    assert_eq!(outcome.status, Some(2));
}
