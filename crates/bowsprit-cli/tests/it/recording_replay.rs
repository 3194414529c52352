//! `replay`: the client's side of a record against a server, and the differences.

use std::sync::mpsc::{self, Receiver};

use crate::recording::{Folder, echo, echo_uri};
use crate::support::{Outcome, Peer, Program, run, serve};

const START: &str =
    r#"{"time":"2026-01-01T00:00:00Z","event":"start","format":1,"program":"test"}"#;

/// A record of one connection: its opening, these events, a second apart.
fn record(uri: &str, events: &[&str]) -> String {
    let opening = [
        format!(r#""event":"connect","uri":"{uri}""#),
        format!(r#""event":"open","uri":"{uri}","seconds":0.001,"status":101,"headers":[]"#),
    ];
    let events = opening
        .iter()
        .map(String::as_str)
        .chain(events.iter().copied());
    let lines = (1..).zip(events).map(|(second, event)| {
        format!("{{\"time\":\"2026-01-01T00:00:{second:02}Z\",\"id\":0,{event}}}\n")
    });
    format!("{START}\n{}", lines.collect::<String>())
}

fn sent(text: &str) -> String {
    let text = text.replace('"', "\\\"");
    format!(r#""event":"message","direction":"sent","opcode":"text","size":1,"text":"{text}""#)
}

fn received(text: &str) -> String {
    sent(text).replace(r#""sent""#, r#""received""#)
}

const CLOSED_HERE: &str = r#""event":"close","code":1000,"reason":"","sent":{"code":1000,"reason":""},"initiator":"local","clean":true"#;
const CLOSED_THERE: &str =
    r#""event":"close","code":4001,"reason":"bye","initiator":"remote","clean":true"#;

fn replay(record: &str, arguments: &[&str]) -> Outcome {
    let folder = Folder::new();
    let path = folder.write("r.jsonl", record);
    run(
        &[&["replay", path.as_str(), "--speed", "max"], arguments].concat(),
        "",
    )
}

/// Plays a record of these events against a server that does this.
fn against(
    behavior: impl Fn(Peer) + Clone + Send + 'static,
    events: &[&str],
    arguments: &[&str],
) -> Outcome {
    let uri = format!("ws://{}", serve(behavior));
    replay(&record(&uri, events), arguments)
}

#[test]
fn finds_nothing_where_all_is_as_recorded() {
    let events = [
        &sent("a"),
        &received("a"),
        &sent("b"),
        &received("b"),
        CLOSED_HERE,
    ];
    let outcome = against(echo, &events, &[]);
    assert_eq!(
        outcome.status,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let lines = outcome.lines();
    assert_eq!(
        lines[0],
        "1 connection, 2 sent, 2 received: 2 as recorded, 0 different, 0 missing, 0 unexpected"
    );
    assert!(
        lines[1].starts_with("answers: recorded p50 1000 ms, p99 1000 ms of 2; now p50 "),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with("openings: recorded p50 1.0 ms, p99 1.0 ms of 1; now "),
        "{}",
        lines[2]
    );
}

#[test]
fn tells_what_is_different_and_where() {
    let behavior = |mut peer: Peer| {
        peer.accept();
        for answer in [r#"{"a":{"b":[1,9]},"t":5}"#, "extra", "same", "close"] {
            if answer == "extra" {
                peer.text(answer);
                continue;
            }
            peer.read();
            if answer == "close" {
                return peer.close_and_leave(1008, "no");
            }
            peer.text(answer);
        }
        peer.drain();
    };
    let events = [
        &sent("1"),
        &received(r#"{"t":5,"a":{"b":[1,2]}}"#),
        &sent("2"),
        &received("same"),
        &sent("3"),
        &received("gone"),
        CLOSED_THERE,
    ];
    let outcome = against(behavior, &events, &["--timeout", "30s"]);
    assert_eq!(outcome.status, Some(1));
    let lines = outcome.lines();
    assert_eq!(
        lines[..4],
        [
            "connection 0: message 1 (line 5) differs at $.a.b[1]: recorded 2, now 9",
            "connection 0: message 2 came and is not in the record: text 5 extra",
            "connection 0: message 3 (line 9) is missing: text 4 gone",
            "connection 0: end: recorded close code 4001 \"bye\" by peer, now close code 1008 \"no\" by peer",
        ],
        "{}",
        outcome.stdout
    );
}

#[test]
fn tells_the_differences_to_programs() {
    let events = [&sent("{\"n\":1}"), &received("{\"n\":2}"), CLOSED_HERE];
    let outcome = against(echo, &events, &["--json"]);
    assert_eq!(outcome.status, Some(1));
    assert_eq!(
        outcome.lines()[0],
        r#"{"event":"difference","connection":"0","kind":"different","position":1,"line":5,"paths":["$.n"],"recorded":{"opcode":"text","size":7,"text":"{\"n\":2}"},"now":{"opcode":"text","size":7,"text":"{\"n\":1}"}}"#
    );
    assert!(outcome.lines()[1].starts_with(
        r#"{"event":"summary","connections":1,"sent":1,"received":1,"equal":0,"different":1,"#
    ));
    let quiet = against(echo, &events, &["--quiet"]);
    assert_eq!((quiet.status, quiet.stdout.as_str()), (Some(1), ""));
}

#[test]
fn leaves_out_what_it_is_told_to_ignore() {
    let events = [
        &sent(r#"{"id":7,"at":"12:30"}"#),
        &received(r#"{"at":"08:15","id":8}"#),
        CLOSED_HERE,
    ];
    for (arguments, status) in [
        (&["--ignore", "$.id", "--ignore", "$.at"][..], 0),
        (&["--ignore", "$.id", "--ignore", r"\d\d:\d\d"], 0),
        (&["--ignore", "$.id"], 1),
        (&["--ignore", "$.id", "--ignore", "$.at", "--strict"], 1),
    ] {
        let outcome = against(echo, &events, arguments);
        assert_eq!(
            outcome.status,
            Some(status),
            "{arguments:?}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn sends_each_message_after_the_answer_that_came_before_it() {
    let behavior = |mut peer: Peer| {
        peer.accept();
        peer.text("token 1");
        // Whoever sends before it has the token gets another answer.
        let (_, first) = peer.read().expect("a message");
        peer.text(&format!("got {}", String::from_utf8_lossy(&first)));
        peer.echo_close();
    };
    let events = [
        &received("token 1"),
        &sent("use 1"),
        &received("got use 1"),
        CLOSED_HERE,
    ];
    let outcome = against(behavior, &events, &[]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
}

#[test]
fn keeps_the_order_between_connections() {
    let (uri, folder) = (echo_uri(), Folder::new());
    let path = folder.file("two.jsonl");
    let script = format!(
        "connect {uri}/a\nconnect {uri}/b\nsend 0 x\nwait 0 message\nsend 1 y\nwait 1 message\nclose 0\nclose 1 4000 z\n"
    );
    run(&["--record", &path], script);
    let outcome = run(&["replay", &path, "--speed", "max"], "");
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    assert!(outcome.lines()[0].starts_with("2 connections, 2 sent, 2 received: 2 as recorded"));
    let one = run(
        &["replay", &path, "--speed", "1000x", "--connection", "1"],
        "",
    );
    assert_eq!(one.status, Some(0), "{}", one.stdout);
    assert!(one.lines()[0].starts_with("1 connection, 1 sent, 1 received"));
    let none = run(&["replay", &path, "--connection", "9"], "");
    assert_eq!(none.status, Some(2));
}

#[test]
fn plays_at_the_recorded_pace_unless_told_otherwise() {
    let uri = echo_uri();
    let folder = Folder::new();
    let text = record(&uri, &[&sent("a"), &received("a"), CLOSED_HERE]);
    let path = folder.write("r.jsonl", &text);
    // Four pauses of a second, at ten times the speed.
    let outcome = run(&["replay", &path, "--speed", "10x"], "");
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    assert!(outcome.took.as_millis() >= 400, "{:?}", outcome.took);
    let cut = run(&["replay", &path, "--max-pause", "1ms"], "");
    assert_eq!(cut.status, Some(0), "{}", cut.stdout);
    assert!(
        cut.stderr.contains(
            "4 pauses of the record were longer than 0.001 s and cut to that (--max-pause)"
        ),
        "{}",
        cut.stderr
    );
}

#[test]
fn goes_elsewhere_when_told() {
    let text = record(
        "wss://there.example/x",
        &[&sent("a"), &received("a"), CLOSED_HERE],
    );
    let uri = echo_uri();
    assert_eq!(replay(&text, &[&uri]).status, Some(0));
    let map = format!("wss://there.example={uri}");
    assert_eq!(replay(&text, &["--map", &map]).status, Some(0));
}

#[test]
fn asks_for_the_secrets_that_the_record_hides() {
    let uri = echo_uri();
    let masked = record(&format!("{uri}/?token=***"), &[CLOSED_HERE]);
    let outcome = replay(&masked, &[]);
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.stderr.contains("the record hides a secret of"),
        "{}",
        outcome.stderr
    );
    let (headers, header) = mpsc::channel();
    let address = serve(move |mut peer| {
        let request = peer.request();
        headers.send(request.clone()).expect("the test listens");
        peer.answer(&request, "");
        peer.echo_close();
    });
    let connect = format!("\"uri\":\"ws://{address}\"");
    let hidden = record(&format!("ws://{address}"), &[CLOSED_HERE]).replacen(
        &connect,
        &format!(r#"{connect},"headers":[["Authorization","Bearer ***"],["X-Kept","yes"],["User-Agent","old/1"]]"#),
        1,
    );
    let outcome = replay(&hidden, &[]);
    assert!(
        outcome
            .stderr
            .contains("the record hides Authorization, which is not sent"),
        "{}",
        outcome.stderr
    );
    let request = header.recv().expect("a request");
    assert!(
        request.contains("X-Kept: yes\r\n") && request.contains("User-Agent: old/1\r\n"),
        "{request}"
    );
    assert!(!request.contains("Authorization"), "{request}");
    let outcome = replay(&hidden, &["--bearer", "again"]);
    assert!(!outcome.stderr.contains("hides"), "{}", outcome.stderr);
    let request = header.recv().expect("a request");
    assert!(
        request.contains("Authorization: Bearer again\r\n"),
        "{request}"
    );
}

#[test]
fn tells_that_a_handshake_went_otherwise() {
    let subprotocol = |mut peer: Peer| {
        peer.accept_with("Sec-WebSocket-Protocol: chat\r\n");
        peer.echo_close();
    };
    let outcome = against(subprotocol, &[CLOSED_HERE], &["--subprotocol", "chat"]);
    assert_eq!(
        outcome.lines()[0],
        "connection 0: subprotocol: recorded none, now chat"
    );
    assert_eq!(outcome.status, Some(1));
    let arguments = ["--subprotocol", "chat", "--ignore", "subprotocol"];
    let outcome = against(subprotocol, &[CLOSED_HERE], &arguments);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let refused = |mut peer: Peer| {
        peer.request();
        peer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    };
    let outcome = against(refused, &[&sent("a"), CLOSED_HERE], &[]);
    assert!(
        outcome.lines()[0].starts_with("connection 0: opening: recorded open, now "),
        "{}",
        outcome.stdout
    );
    assert_eq!(outcome.status, Some(5));
}

#[test]
fn gives_up_a_message_that_does_not_come() {
    let silent = |mut peer: Peer| {
        peer.accept();
        peer.echo_close();
    };
    let answers: Vec<String> = (0..50).map(|_| received("answer")).collect();
    let mut events: Vec<&str> = answers.iter().map(String::as_str).collect();
    events.push(CLOSED_HERE);
    let outcome = against(silent, &events, &["--timeout", "700ms"]);
    // It waits once and not for each message, or the program would count as hung.
    assert_eq!(outcome.status, Some(1));
    assert_eq!(
        outcome.stdout.matches("is missing").count(),
        50,
        "{}",
        outcome.stdout
    );
}

#[test]
fn names_the_line_that_is_broken_before_it_connects() {
    let good = record("ws://127.0.0.1:1", &[]);
    for (text, told) in [
        (
            format!("{good}{{\"time\":1}}\n{good}"),
            "line 4: invalid type: number, expected a timestamp string",
        ),
        (
            format!(
                "{good}\u{1b}[31m\n\n{}\n",
                good.lines().last().expect("an event")
            ),
            "line 4: expected value",
        ),
        (
            good.replace("\"format\":1", "\"format\":9"),
            "line 1: it has format 9, and this program reads format 1",
        ),
        ("hello\n".to_owned(), "line 1: expected value"),
        (
            good.split_once('\n').expect("lines").1.to_owned(),
            "line 1: a record begins with its event `start`",
        ),
        (format!("{START}\n"), "has no connection"),
        (String::new(), "it is empty"),
        (
            good.replace("\"id\":0", "\"id\":-1"),
            "line 2: invalid number",
        ),
    ] {
        // The second broken line tells it from one that was cut off.
        let text = text.replace("{\"time\":1}\n", "{\"time\":1}\n{\"time\":2}\n");
        let outcome = replay(&text, &[]);
        assert_eq!(outcome.status, Some(2), "{text}");
        assert!(outcome.stderr.contains(told), "{told}: {}", outcome.stderr);
        assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
    }
}

#[test]
fn survives_times_that_are_out_of_order_or_absurd() {
    let uri = echo_uri();
    let text = record(&uri, &[&sent("a"), &received("a"), CLOSED_HERE])
        .replace("00:00:03Z", "23:59:59Z")
        .replace("2026-01-01T00:00:05Z", "9998-01-01T00:00:00Z");
    let folder = Folder::new();
    let path = folder.write("r.jsonl", &text);
    let outcome = run(&["replay", &path, "--max-pause", "10ms"], "");
    assert_eq!(
        outcome.status,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("the time goes backwards 1 times"),
        "{}",
        outcome.stderr
    );
}

/// The code and the reason of a close frame, if one came.
type Close = Option<(u16, String)>;

/// A record whose replay waits for an answer for ever; when it has begun to, and what closed its connection.
fn waiting_replay(folder: &Folder) -> (String, Receiver<()>, Receiver<Close>) {
    let (ends, end) = mpsc::channel();
    let (begins, begin) = mpsc::channel();
    let address = serve(move |mut peer| {
        peer.accept();
        // What it has sent shows that it knows that it is open.
        peer.read();
        begins.send(()).expect("the test listens");
        ends.send(peer.read_close()).expect("the test listens");
    });
    let events = [&sent("question")[..], &received("never")];
    let path = folder.write("r.jsonl", &record(&format!("ws://{address}"), &events));
    (path, begin, end)
}

#[test]
fn closes_its_connections_when_it_is_interrupted() {
    let folder = Folder::new();
    let (path, begin, end) = waiting_replay(&folder);
    let program = Program::start(&["replay", &path, "--speed", "max", "--timeout", "off"]);
    begin.recv().expect("a client");
    program.signal("INT");
    assert_eq!(end.recv(), Ok(Some((1001, String::new()))));
    assert_eq!(program.wait().status, Some(130));
}

#[test]
fn shows_no_control_character_of_a_server() {
    let hostile = |mut peer: Peer| {
        peer.accept();
        peer.text("\u{1b}[2J\u{202e}");
        peer.close(4000, "\u{1b}]0;x\u{7}");
        peer.drain();
    };
    let outcome = against(hostile, &[&received("fine"), CLOSED_THERE], &[]);
    assert_eq!(outcome.status, Some(1));
    assert!(
        !outcome.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{}",
        outcome.stdout
    );
}

#[test]
fn plays_each_try_of_a_connection_that_was_made_again() {
    let folder = Folder::new();
    let path = folder.file("again.jsonl");
    let drop = |mut peer: Peer| {
        peer.accept();
        let (_, message) = peer.read().expect("a message");
        peer.text(&String::from_utf8_lossy(&message));
        peer.close_and_leave(1012, "restart");
    };
    let uri = format!("ws://{}", serve(drop));
    let script = format!(
        "connect --reconnect {uri}\nsend 0 a\nwait 0 message\nwait 0 close\nwait 0 open\nsend 0 b\nwait 0 message\n"
    );
    run(&["--record", &path], script);
    let outcome = run(&["replay", &path, "--speed", "max"], "");
    assert_eq!(
        outcome.status,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    assert!(
        outcome.lines()[0].starts_with("2 connections, 2 sent, 2 received: 2 as recorded"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn plays_a_record_at_the_prompt() {
    let folder = Folder::new();
    let uri = echo_uri();
    let equal = folder.write(
        "equal.jsonl",
        &record(&uri, &[&sent("a"), &received("a"), CLOSED_HERE]),
    );
    let other = folder.write(
        "other.jsonl",
        &record(&uri, &[&sent("a"), &received("b"), CLOSED_HERE]),
    );
    let outcome = run(&[], format!("replay {equal} --speed max\nlist\n"));
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let lines = outcome.lines();
    assert!(
        lines[0].starts_with("> 1 connection, 1 sent, 1 received: 1 as recorded"),
        "{}",
        lines[0]
    );
    assert_eq!(
        lines.last(),
        Some(&"> No connections"),
        "the next line waits: {}",
        outcome.stdout
    );
    let outcome = run(&[], format!("replay '{other}' {uri} --speed max\n"));
    assert_eq!(outcome.status, Some(1), "{}", outcome.stdout);
    let differs = "> connection 0: message 1 (line 5) differs: recorded text 1 b, now text 1 a";
    outcome.expect_in_order(&[differs]);
    for (line, answer) in [
        ("replay", "> Usage: replay <file> [<options>] [<ws uri>]"),
        ("replay off", "> Not replaying"),
        (
            "replay x --serve",
            "> replay --serve is for the command line",
        ),
        (
            "replay /no/such/file",
            "> cannot read /no/such/file: no such file or directory",
        ),
        (
            "replay x --sped max",
            "> unexpected argument '--sped' found",
        ),
    ] {
        let outcome = run(&[], format!("{line}\n"));
        assert_eq!(
            (outcome.stdout.trim_end(), outcome.status),
            (answer, Some(1)),
            "{line}"
        );
    }
}

#[test]
fn ends_a_replay_with_the_session() {
    let folder = Folder::new();
    let (path, begin, end) = waiting_replay(&folder);
    let mut program = Program::start(&[]);
    program.write(format!("replay {path} --speed max --timeout off\n").as_bytes());
    begin.recv().expect("a client");
    program.signal("TERM");
    assert_eq!(end.recv(), Ok(Some((1001, String::new()))));
    assert_eq!(program.wait().status, Some(143));
}
