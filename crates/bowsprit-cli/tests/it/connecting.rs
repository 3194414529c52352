//! Opening connections, and the ways in which they do not open.

use std::net::TcpListener;
use std::sync::mpsc;

use crate::support::{run, run_against, serve_on};

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
fn tells_apart_what_is_wrong_with_an_answer() {
    let ssh = run_against(
        |mut peer| peer.write(b"SSH-2.0-OpenSSH_9.2\r\n"),
        "connect URI\nshow 0\n",
    );
    assert!(
        ssh.stdout
            .contains("> Error/close reason: Opening handshake failed ("),
        "{}",
        ssh.stdout
    );
    let wrong_accept = run_against(
        |mut peer| {
            peer.request();
            peer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
            );
        },
        "connect URI\n",
    );
    let gone = run_against(|mut peer| drop(peer.request()), "connect URI\n");
    let events: Vec<_> = [&ssh, &wrong_accept, &gone]
        .map(|outcome| outcome.lines()[1].to_owned())
        .into();
    assert!(
        events.iter().all(|event| event.starts_with("0 failed ")),
        "{events:?}"
    );
    assert!(
        events[0] != events[1] && events[1] != events[2] && events[0] != events[2],
        "{events:?}"
    );
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
