//! Everything that goes wrong at a server: one line says what happened, where, and what helps.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

use crate::support::{Peer, run, run_against, serve};
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

fn event(script: &str) -> (String, Option<i32>) {
    let outcome = run(&[], format!("{script}\n"));
    (outcome.lines()[1].to_owned(), outcome.status)
}

#[test]
fn a_refused_port_and_an_unknown_name_are_named() {
    let refused = "0 failed connection refused (127.0.0.1:1)".to_owned();
    assert_eq!(event("connect ws://127.0.0.1:1/"), (refused, Some(3)));
    let (line, status) = event("connect ws://no-such-host.invalid/");
    assert!(line.contains("no-such-host.invalid"), "{line}");
    assert_eq!(status, Some(3));
}

#[test]
fn a_uri_without_a_scheme_is_refused() {
    let outcome = run(&[], "connect localhost:9002\n");
    let line = outcome.lines()[0];
    assert!(
        line.starts_with("> Connect initialization error: invalid uri ("),
        "{line}"
    );
    assert!(line.contains("ws"), "{line}");
}

#[test]
fn an_http_answer_is_told_with_its_status_and_where_it_leads() {
    for (answer, line) in [
        (
            &b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\n\r\n"[..],
            "0 failed HTTP 404 Not Found",
        ),
        (
            b"HTTP/1.1 301 Moved Permanently\r\nLocation: wss://me:pw@a.example/x?token=1\r\n\r\n",
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
        (&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], "SSH-2.0-OpenSSH_9.2p1"),
        (b"220 \x1b[2J\xff mail\r\n", "220 \\u{1b}[2J\u{fffd} mail"),
        (b"a\\b \"c\"\n", "a\\\\b \"c\""),
    ] {
        let line = format!("0 failed not a WebSocket server: it said \"{said}\"");
        assert_eq!(told(answer), (line, Some(5)));
    }
}

#[test]
fn a_wrong_accept_value_is_told_with_the_right_one() {
    let (line, status) = told(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    );
    let right = line
        .strip_prefix("0 failed server did not prove that it read the request: ")
        .and_then(|line| {
            line.strip_prefix(
                "Sec-WebSocket-Accept is \"AAAAAAAAAAAAAAAAAAAAAAAAAAA=\", expected \"",
            )
        })
        .and_then(|line| line.strip_suffix('"'));
    assert_eq!(right.map(str::len), Some(28), "{line}");
    assert_eq!(status, Some(5));
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
    let own = Identity::new("accident", "localhost");
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let old = params.self_signed(&key).expect("a certificate");
    let old = Identity::of("accident-old", old.pem(), key.serialize_pem());
    let other = Identity::new("accident-other", "other.example");
    let at = |address: SocketAddr| format!("wss://localhost:{}/", address.port());
    for (identity, options, fault, ways) in [
        (
            &own,
            String::new(),
            "certificate is self-signed",
            "(--ca FILE, --insecure)",
        ),
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
        let (line, status) = event(&format!("connect {options}{}", at(address)));
        assert!(line.starts_with(&format!("0 failed {fault}")), "{line}");
        assert!(line.ends_with(ways), "{line}");
        assert_eq!(status, Some(4));
    }
    let plain = serve(|mut peer: Peer| peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let (line, status) = event(&format!("connect wss://{plain}/"));
    assert!(
        line.starts_with("0 failed server does not speak TLS on this port"),
        "{line}"
    );
    assert_eq!(status, Some(4));
}

#[test]
fn a_server_that_never_answers_is_given_up_and_the_time_is_named() {
    let outcome = run_against(
        |mut peer: Peer| {
            peer.request();
            thread::sleep(Duration::from_secs(60));
        },
        "connect --open-timeout 300ms URI\n",
    );
    let line = "0 failed opening handshake timed out after 300 ms (--open-timeout TIME)";
    assert_eq!(outcome.lines()[1], line);
    assert_eq!(outcome.status, Some(124));
}

#[test]
fn an_end_is_told_with_who_made_it_and_why() {
    for (name, line, status) in [
        ("4001", "0 closed 4001 (Unknown) \"bye\" by peer", 8),
        ("drop", "0 closed 1006 (Abnormal close): ", 7),
        ("text", "0 closed 1006 (Abnormal close): ", 6),
    ] {
        let outcome = run_against(
            move |mut peer: Peer| {
                peer.accept();
                match name {
                    "4001" => peer.close(4001, "bye"),
                    "text" => peer.frame(0x81, b"\xff"),
                    _ => return,
                }
                peer.drain();
            },
            "connect URI\nwait 0 close\n",
        );
        let printed = outcome.lines()[2];
        assert!(printed.starts_with(line), "{printed}");
        assert_eq!(printed.contains("UTF-8"), name == "text", "{printed}");
        assert_eq!(outcome.status, Some(status), "{outcome:?}");
    }
}

#[test]
fn every_form_says_what_happened_and_ends_with_its_status() {
    let nothing = serve(|mut peer: Peer| {
        peer.request();
        peer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    let nothing = format!("ws://{nothing}");
    for (uri, said, status) in [
        ("ws://127.0.0.1:1", "connection refused (127.0.0.1:1)", 3),
        (
            "ws://no-such-host.invalid",
            "name not found: no-such-host.invalid",
            3,
        ),
        (nothing.as_str(), "HTTP 404 Not Found", 5),
    ] {
        for (words, prints_only_payloads) in [
            (&["send", uri, "x"][..], true),
            (&["listen", uri], true),
            (&[uri], true),
            (&["ping", "-c", "1", uri], true),
            (&["check", uri], false),
            (&["load", "-c", "1", "-d", "100ms", uri], false),
        ] {
            let outcome = run(words, "x\n");
            let printed = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(printed.contains(said), "{words:?}: {outcome:?}");
            assert_eq!(outcome.status, Some(status), "{words:?}: {outcome:?}");
            assert!(
                !prints_only_payloads || outcome.stdout.is_empty(),
                "{words:?}: {outcome:?}"
            );
        }
    }
}
