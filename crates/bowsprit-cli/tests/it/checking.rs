//! `bowsprit check`: a handshake explained, and a health check by its exit status.

use serde_json::{Value, json};

use crate::support::{Outcome, Peer, run, serve};
use crate::tls::{Identity, serve as serve_tls};

fn check(options: &[&str], uri: &str) -> Outcome {
    run(&[&["check"], options, &[uri]].concat(), "")
}

/// A server that does all that it should, with these header lines in its answer.
fn healthy(headers: &'static str) -> String {
    let address = serve(move |mut peer: Peer| {
        peer.accept_with(headers);
        peer.text("welcome");
        while let Some((opcode, payload)) = peer.read() {
            match opcode {
                9 => peer.frame(0x8a, &payload),
                8 => return peer.frame(0x88, &payload),
                _ => {}
            }
        }
    });
    format!("ws://localhost:{}/x?token=s3cret", address.port())
}

fn answering(answer: &'static [u8]) -> String {
    let address = serve(move |mut peer: Peer| {
        peer.request();
        peer.write(answer);
    });
    format!("ws://{address}/")
}

fn object(outcome: &Outcome) -> Value {
    match outcome.events().as_slice() {
        [object] => object.clone(),
        other => panic!("one object and not {other:?}"),
    }
}

#[test]
fn explains_each_stage_of_a_handshake() {
    let uri = healthy(
        "Server: a\u{202e}b\r\nSet-Cookie: s3cret\r\nSec-WebSocket-Protocol: chat\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n",
    );
    let outcome = check(&["-s", "chat", "--bearer", "s3cret"], &uri);
    let lines: Vec<_> = outcome.lines().into_iter().map(str::trim).collect();
    assert_eq!(lines[0], uri.replace("s3cret", "***"));
    for (line, end) in [
        ("DNS        localhost: 127.0.0.1", " ms"),
        ("TCP        connected to 127.0.0.1:", " ms"),
        ("HTTP       101 Switching Protocols", " ms"),
        ("> GET /x?*** HTTP/1.1", ""),
        ("> Authorization: ***", ""),
        ("< Server: a\\u{202e}b", ""),
        ("< Set-Cookie: ***", ""),
        ("WebSocket  accept value is right: ", " ms"),
        ("subprotocol: chat", ""),
        (
            "compression: permessage-deflate; client_no_context_takeover",
            "",
        ),
        ("server refers back to earlier messages, up to ", " bytes"),
        (
            "client compresses each message on its own, within ",
            " bytes",
        ),
        ("Ping       answered", " ms"),
        ("Close      answered with 1000 (Normal close)", " ms"),
        ("Total ", " ms"),
        ("OK", ""),
    ] {
        let found = lines
            .iter()
            .any(|printed| printed.starts_with(line) && printed.ends_with(end));
        assert!(found, "{line:?} in {}", outcome.stdout);
    }
    assert!(!outcome.stdout.contains("s3cret"), "{outcome:?}");
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));

    let outcome = check(
        &["--show-secrets", "--bearer", "s3cret"],
        &uri.replace("chat", ""),
    );
    assert!(
        outcome.stdout.contains("> Authorization: Bearer s3cret"),
        "{outcome:?}"
    );
}

#[test]
fn tells_what_tls_settled_and_warns_of_what_is_wrong_with_it() {
    let identity = Identity::new("check", "localhost");
    let uri = format!(
        "wss://localhost:{}/",
        serve_tls(&identity, |tls| tls).port()
    );
    let outcome = check(&["--ca", &identity.file("chain.pem"), "--json"], &uri);
    let object = object(&outcome);
    assert_eq!(
        (&object["ok"], &object["exit_status"]),
        (&json!(true), &json!(0)),
        "{object:#}"
    );
    let stages = object["stages"].as_array().expect("stages");
    let names: Vec<_> = stages
        .iter()
        .filter_map(|stage| stage["stage"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "dns",
            "connect",
            "tls",
            "http",
            "websocket",
            "ping",
            "close"
        ]
    );
    assert!(
        stages.iter().all(|stage| stage["seconds"].is_number()),
        "{object:#}"
    );
    let settled = &stages[2]["settled"];
    assert_eq!(
        (&settled["version"], &settled["verified"]),
        (&json!("TLS 1.3"), &json!(true))
    );
    assert_eq!(settled["certificate"]["names"], json!(["localhost"]));

    let outcome = check(&["--insecure"], &uri);
    assert!(
        outcome
            .stdout
            .contains("Warning    the certificate is NOT VERIFIED"),
        "{outcome:?}"
    );
    assert!(outcome.stdout.contains("verified:    NO"), "{outcome:?}");
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert_eq!(check(&["--insecure", "--strict"], &uri).status, Some(1));
}

#[test]
fn names_the_stage_the_reason_and_the_remedy_of_each_failure() {
    let ssh = answering(b"SSH-2.0-OpenSSH\x1b[2J\r\n");
    let missing =
        answering(b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\n\r\nno such\nplace\x1b[2J\n");
    let moved = answering(b"HTTP/1.1 301 Moved\r\nLocation: /y\r\n\r\n");
    let wrong = answering(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: AAAA\r\n\r\n",
    );
    for (uri, stage, error, remedy, status) in [
        (
            "ws://127.0.0.1:1/",
            "connect",
            "connection refused (127.0.0.1:1)",
            "nothing listens there",
            3,
        ),
        (
            "ws://no-such-host.invalid/",
            "dns",
            "no-such-host.invalid",
            "--resolve",
            3,
        ),
        (
            &ssh,
            "http",
            "not a WebSocket server: it said \"SSH-2.0-OpenSSH",
            "another service",
            5,
        ),
        (&missing, "http", "HTTP 404 Not Found", "check the path", 5),
        (&moved, "http", "HTTP 301 Moved: moved to /y", "-L", 5),
        (
            &wrong,
            "websocket",
            "Sec-WebSocket-Accept is \"AAAA\", expected \"",
            "cache",
            5,
        ),
    ] {
        let outcome = check(&["--json"], uri);
        let failure = &object(&outcome)["failure"];
        let has = |field: &str, part: &str| {
            failure[field]
                .as_str()
                .is_some_and(|text| text.contains(part))
        };
        assert_eq!(failure["stage"], stage, "{outcome:?}");
        assert!(has("error", error), "{outcome:?}");
        assert!(has("remedy", remedy), "{outcome:?}");
        assert_eq!(outcome.status, Some(status), "{outcome:?}");

        let outcome = check(&[], uri);
        let printed = |name: &str| {
            outcome
                .lines()
                .into_iter()
                .any(|line| line.starts_with(name))
        };
        assert!(
            printed("FAILED") && printed("Stage") && printed("Try"),
            "{outcome:?}"
        );
        assert!(!outcome.stdout.contains('\u{1b}'), "{outcome:?}");
        assert_eq!(
            (outcome.stderr.as_str(), outcome.status),
            ("", Some(status))
        );
    }
}

#[test]
fn shows_what_came_before_the_failure() {
    let missing =
        answering(b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\n\r\nno such\nplace\x1b[2J\n");
    let outcome = check(&[], &missing);
    assert!(outcome.stdout.contains("< Server: nginx\n"), "{outcome:?}");
    assert!(
        outcome.stdout.contains("| no such\n") && outcome.stdout.contains("| place\\u{1b}[2J\n"),
        "{outcome:?}"
    );
    let outcome = check(&[], "ws://127.0.0.1:1/");
    assert!(
        outcome
            .stdout
            .contains("127.0.0.1:1 failed: connection refused"),
        "{outcome:?}"
    );
}

#[test]
fn prints_nothing_under_quiet_unless_it_fails() {
    let outcome = check(&["-q"], &healthy(""));
    let printed = (outcome.stdout.as_str(), outcome.stderr.as_str());
    assert_eq!((printed, outcome.status), (("", ""), Some(0)));
    let outcome = check(&["-q"], "ws://127.0.0.1:1/");
    let line = "bowsprit: ws://127.0.0.1:1/: connection refused (127.0.0.1:1)\n";
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("", line)
    );
    assert_eq!(outcome.status, Some(3));
}

#[test]
fn says_once_what_to_try_at_a_plain_port() {
    let plain = serve(|mut peer: Peer| peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let uri = format!("wss://{plain}/");
    let outcome = check(&["-q"], &uri);
    let what = "server does not speak TLS on this port; try a plain connection, or another port";
    assert_eq!(outcome.stderr, format!("bowsprit: {uri}: {what}\n"));
    assert_eq!(outcome.status, Some(4));
}

#[test]
fn warns_of_what_was_offered_in_vain_and_of_redirections() {
    let uri = healthy("");
    let outcome = check(&["-s", "chat", "--json"], &uri);
    let object = object(&outcome);
    let warnings = object["warnings"].as_array().expect("warnings");
    let kinds: Vec<_> = warnings
        .iter()
        .filter_map(|warning| warning["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["compression", "subprotocol"]);

    let address = serve(move |mut peer: Peer| {
        peer.request();
        peer.write(format!("HTTP/1.1 302 Found\r\nLocation: {uri}\r\n\r\n").as_bytes());
    });
    let outcome = check(&["-L"], &format!("ws://{address}/"));
    assert!(
        outcome.stdout.contains("Redirect   ws://localhost:"),
        "{outcome:?}"
    );
    assert!(
        outcome
            .stdout
            .contains("Warning    the server redirects to ws://localhost:"),
        "{outcome:?}"
    );
    assert!(!outcome.stdout.contains("s3cret"), "{outcome:?}");
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn fails_where_the_server_ends_the_connection_at_once() {
    let address = serve(|mut peer: Peer| {
        peer.accept();
        peer.close(1008, "not you");
        peer.drain();
    });
    let outcome = check(&[], &format!("ws://{address}/"));
    assert!(
        outcome
            .stdout
            .contains("FAILED     server ended the connection at once: "),
        "{outcome:?}"
    );
    assert!(outcome.stdout.contains("1008"), "{outcome:?}");
    assert_eq!(outcome.status, Some(8), "{outcome:?}");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_that_nobody_serves_is_not_connected() {
    let outcome = check(&[], "ws+unix:/nowhere/bowsprit.sock");
    assert_eq!(outcome.status, Some(3), "{outcome:?}");
    assert!(
        outcome.stdout.contains("TCP        not connected"),
        "{outcome:?}"
    );
}

#[test]
fn a_port_that_hangs_up_on_tls_is_told_what_to_try() {
    let address = serve(|mut peer: Peer| {
        peer.read_some();
    });
    let outcome = check(&[], &format!("wss://{address}"));
    assert_eq!(outcome.status, Some(4), "{outcome:?}");
    assert!(outcome.stdout.contains("try ws:"), "{outcome:?}");
}
