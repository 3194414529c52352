//! `replay --serve`: clients that are answered as the recorded server did.

use std::fs;

use crate::recording::{Folder, echo_uri};
use crate::serve_lab::Serving;
use crate::support::{Outcome, Peer, Program, run, serve};

/// Records this session against such a server.
fn recorded(
    folder: &Folder,
    behavior: impl Fn(Peer) + Clone + Send + 'static,
    script: &str,
) -> String {
    let path = folder.file("session.jsonl");
    let uri = format!("ws://{}", serve(behavior));
    let outcome = run(&["--record", &path], script.replace("URI", &uri));
    assert_ne!(outcome.status, Some(2), "{}", outcome.stderr);
    path
}

/// A server of the record, and its URI.
fn start(path: &str, arguments: &[&str]) -> (Program, String) {
    let mut program =
        Program::start(&[&["replay", path, "--serve", "--speed", "max"], arguments].concat());
    let line = program.read_line();
    let (_, uri) = line.split_once(" on ").expect("where it serves");
    assert!(
        line.starts_with("Serving ") && uri.starts_with("ws://127.0.0.1:"),
        "{line}"
    );
    (program, uri.to_owned())
}

fn quote(mut peer: Peer) {
    peer.accept_with("Server: market/1\r\nSec-WebSocket-Protocol: quotes\r\n");
    peer.text("welcome");
    let (_, wish) = peer.read().expect("a wish");
    peer.text(&format!("{}: 41", String::from_utf8_lossy(&wish)));
    peer.text(&format!("{}: 42", String::from_utf8_lossy(&wish)));
    peer.close_and_leave(4001, "market closed");
}

const SCRIPT: &str =
    "connect --subprotocol quotes URI/q?token=x\nwait 0 message\nsend 0 ABC\nwait 0 close\n";

fn client(script: &str, uri: &str) -> Outcome {
    run(&[], script.replace("URI", uri))
}

#[test]
fn answers_as_the_recorded_server_did() {
    let folder = Folder::new();
    let path = recorded(&folder, quote, SCRIPT);
    let (program, uri) = start(&path, &["--once"]);
    let seen = client(&format!("{SCRIPT}show 0\n"), &uri);
    seen.expect_in_order(&[
        "0 << text 7 welcome",
        "0 << text 7 ABC: 41",
        "0 << text 7 ABC: 42",
        "0 closed 4001 (Unknown) \"market closed\" by peer",
        "> Remote Server: market/1",
        "> Subprotocol: quotes",
    ]);
    assert_eq!(seen.status, Some(8));
    let served = program.wait();
    assert_eq!(served.status, Some(0), "{}", served.stdout);
    assert_eq!(
        served.lines()[0],
        "1 connection, 3 sent, 1 received: 1 as recorded, 0 different, 0 missing, 0 unexpected"
    );
}

#[test]
fn tells_what_the_client_does_otherwise() {
    let folder = Folder::new();
    let path = recorded(&folder, quote, SCRIPT);
    let (program, uri) = start(&path, &["--once"]);
    client(
        &SCRIPT
            .replace("ABC", "XYZ")
            .replace("--subprotocol quotes ", ""),
        &uri,
    );
    let served = program.wait();
    assert_eq!(served.status, Some(1));
    assert_eq!(
        served.lines()[..2],
        [
            "connection 0: subprotocol: recorded quotes, now none offered",
            "connection 0: message 1 (line 5) differs: recorded text 3 ABC, now text 3 XYZ",
        ]
    );
}

#[test]
fn tells_a_close_that_is_another_one() {
    let folder = Folder::new();
    let path = recorded(
        &folder,
        crate::recording::echo,
        "connect URI\nsend 0 a\nwait 0 message\nclose 0 4000 a\n",
    );
    for (close, told) in [
        ("close 0 4000 a\n", None),
        (
            "close 0\n",
            Some("connection 0: end: recorded close code 4000 \"a\", now close code 1000 \"\""),
        ),
    ] {
        let (program, uri) = start(&path, &["--once"]);
        client(
            &format!("connect URI\nsend 0 a\nwait 0 message\n{close}"),
            &uri,
        );
        let served = program.wait();
        assert_eq!(
            served.status,
            Some(i32::from(told.is_some())),
            "{}",
            served.stdout
        );
        assert!(
            told.is_none_or(|told| served.lines()[0] == told),
            "{}",
            served.stdout
        );
    }
}

#[test]
fn finds_the_connection_by_its_path_and_its_order() {
    let folder = Folder::new();
    let name = |mut peer: Peer| {
        let request = peer.request();
        let target = request.split(' ').nth(1).expect("a target").to_owned();
        peer.answer(&request, "");
        peer.text(&format!("this is {target}"));
        peer.echo_close();
    };
    let script =
        "connect URI/a\nwait 0 message\nclose 0\nconnect URI/b?x=1\nwait 1 message\nclose 1\n";
    let path = recorded(&folder, name, script);
    let (program, uri) = start(&path, &[]);
    for (target, said) in [
        ("/b?x=1", "/b?x=1"),
        ("/b", "/b?x=1"),
        ("/a", "/a"),
        ("/a", "/a"),
    ] {
        let seen = client(
            &format!("connect URI{target}\nwait 0 message\nclose 0\n"),
            &uri,
        );
        assert!(
            seen.stdout.contains(&format!("this is {said}")),
            "{target}: {}",
            seen.stdout
        );
    }
    let unknown = client("connect URI/c\n", &uri);
    assert!(
        unknown.stdout.contains("0 failed HTTP 404 Not Found"),
        "{}",
        unknown.stdout
    );
    program.signal("TERM");
    assert_eq!(program.wait().status, Some(143));
}

#[test]
fn refuses_as_the_recorded_server_refused() {
    let folder = Folder::new();
    let refuse = |mut peer: Peer| {
        peer.request();
        peer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    };
    let path = recorded(&folder, refuse, "connect URI/x\n");
    let (program, uri) = start(&path, &["--once"]);
    let seen = client("connect URI/x\n", &uri);
    assert!(seen.stdout.contains("0 failed HTTP 503"), "{}", seen.stdout);
    assert_eq!(program.wait().status, Some(0));
}

#[test]
fn drops_a_connection_that_the_recorded_server_dropped() {
    let folder = Folder::new();
    let drop = |mut peer: Peer| {
        peer.accept();
        peer.text("last words");
    };
    let path = recorded(&folder, drop, "connect URI\nwait 0 close\n");
    let (program, uri) = start(&path, &["--once"]);
    assert_eq!(client("connect URI\nwait 0 close\n", &uri).status, Some(7));
    assert_eq!(program.wait().status, Some(0));
}

#[test]
fn can_be_replayed_against_itself() {
    let folder = Folder::new();
    let path = recorded(&folder, quote, SCRIPT);
    let (server, uri) = start(&path, &["--once"]);
    let uri = format!("{uri}/q");
    let played = run(&["replay", &path, &uri, "--speed", "max"], "");
    assert_eq!(played.status, Some(0), "{}{}", played.stdout, played.stderr);
    assert_eq!(server.wait().status, Some(0));
}

#[test]
fn closes_with_1001_when_it_is_told_to_end() {
    let folder = Folder::new();
    let path = recorded(
        &folder,
        crate::recording::echo,
        "connect URI\nsend 0 a\nwait 0 message\n",
    );
    let (server, uri) = start(&path, &[]);
    let mut client = Program::start(&[]);
    client.write(format!("connect {uri}\n").as_bytes());
    while !client.read_line().starts_with("0 open") {}
    server.signal("INT");
    assert!(client.read_line().starts_with("0 closed 1001"));
    assert_eq!(server.wait().status, Some(130));
    client.finish();
}

#[test]
fn says_why_it_cannot_serve() {
    let folder = Folder::new();
    let path = recorded(&folder, crate::recording::echo, "connect URI\n");
    let taken = echo_uri();
    let port = taken.rsplit(':').next().expect("a port");
    let failed = folder.write(
        "failed.jsonl",
        &fs::read_to_string(&path)
            .expect("a record")
            .replace("\"event\":\"open\"", "\"event\":\"log\",\"text\":\"\""),
    );
    for (arguments, told) in [
        (
            vec!["replay", &path, "--serve", "--bearer", "x"],
            "are for playing a record, not for --serve",
        ),
        (
            vec!["replay", &path, "ws://x", "--serve"],
            "cannot be used with",
        ),
        (vec!["replay", &path, "--once"], "--serve"),
        (
            vec!["replay", &failed, "--serve"],
            "no connection of the record can be served: none was answered",
        ),
    ] {
        let outcome = run(&arguments, "");
        assert_eq!(outcome.status, Some(2), "{arguments:?}");
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    }
    let address = format!("--serve={port}");
    let outcome = run(&["replay", &path, &address], "");
    assert!(
        outcome.stderr.contains(&format!(
            "cannot listen on 127.0.0.1:{port}: address already in use"
        )),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_record_of_serve_is_played_and_served_from_the_side_of_its_clients() {
    let folder = Folder::new();
    let path = folder.file("server.jsonl");
    let serving = Serving::start(&["--record", &path]);
    let uri = format!("{}/q", serving.uri);
    let talk = "connect -H 'X-Tenant: 7' URI\nsend 0 ABC\nwait 0 message\nsend 0 --hex 00\nwait 0 message\nclose 0 4000 done\nwait 0 close\n";
    assert_eq!(client(talk, &uri).status, Some(0));
    serving.signal("TERM");
    serving.wait();
    // What a client sent is sent again, and the server's answers are compared.
    let serving = Serving::start(&[]);
    let played = run(&["replay", &path, &serving.uri, "--speed", "max"], "");
    assert_eq!(played.status, Some(0), "{played:?}");
    assert!(
        played
            .stdout
            .starts_with("1 connection, 2 sent, 2 received: 2 as recorded, 0 different"),
        "{}",
        played.stdout
    );
    // A client is answered as the server did.
    let (program, uri) = start(&path, &["--once"]);
    let seen = client(&talk.replace("URI", "URI/q"), &uri);
    seen.expect_in_order(&["0 << text 3 ABC", "0 << binary 1 00"]);
    assert_eq!(program.wait().status, Some(0));
    // As lines it is the record of a client: who reads it again turns it no second time.
    let lines = folder.file("client.jsonl");
    assert_eq!(
        run(&["replay", &path, "--export", &lines], "").status,
        Some(0)
    );
    let text = fs::read_to_string(&lines).expect("the record");
    assert!(!text.contains("\"event\":\"serve\""), "{text}");
    assert!(text.contains("[\"X-Tenant\",\"7\"]"), "{text}");
    let (program, uri) = start(&lines, &["--once"]);
    let seen = client(&talk.replace("URI", "URI/q"), &uri);
    seen.expect_in_order(&["0 << text 3 ABC", "0 << binary 1 00"]);
    assert_eq!(program.wait().status, Some(0));
}
