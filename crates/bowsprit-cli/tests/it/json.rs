//! `--json`: every line of standard output is an event.

use serde_json::{Value, json};

use crate::support::{Outcome, Peer, run, serve};

fn talkative() -> String {
    let address = serve(|mut peer: Peer| {
        peer.accept_with("Server: fixture/1\r\nSet-Cookie: id=s3cret\r\n");
        peer.frame(0x89, b"there?");
        peer.text("a\u{1b}[2J\\\u{202e}");
        peer.frame(0x82, &[0, 255]);
        peer.echo_close();
    });
    format!("ws://me:s3cret@{address}/x?room=1&token=s3cret").replace("me:s3cret@", "")
}

/// The events of this kind, without their times.
fn of_kind(outcome: &Outcome, kind: &str) -> Vec<Value> {
    let events = outcome.events().into_iter();
    let mut events: Vec<_> = events.filter(|event| event["event"] == kind).collect();
    for event in &mut events {
        let time = event.as_object_mut().and_then(|event| event.remove("time"));
        let time = time.expect("a time");
        let time = time.as_str().expect("a time");
        assert!(time.len() == 27 && time.ends_with('Z'), "{time}");
    }
    events
}

#[test]
fn prints_every_thing_that_happens_as_an_object() {
    let uri = talkative();
    let script = format!(
        "connect {uri}\nwait 0 message\nwait 0 message\nsend 0 hi\nsend 0 --hex ff00\nlist\nclose 0 4000 bye\nshow 0\n"
    );
    let outcome = run(&["--json", "--bearer", "s3cret"], script);
    let only = |kind: &str| match of_kind(&outcome, kind).as_slice() {
        [event] => event.clone(),
        other => panic!("{kind}: {other:?}"),
    };
    let program = concat!("bowsprit/", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        only("start"),
        json!({"event": "start", "format": 1, "program": program})
    );
    assert_eq!(outcome.events()[0]["event"], "start");
    let shown = uri.replace("s3cret", "***");
    let connect = only("connect");
    assert_eq!(
        (&connect["id"], &connect["uri"]),
        (&json!(0), &json!(shown))
    );
    assert_eq!(
        connect["headers"][1],
        json!(["Authorization", "Bearer ***"])
    );
    let open = only("open");
    assert_eq!((&open["id"], &open["status"]), (&json!(0), &json!(101)));
    assert_eq!(open["uri"], shown);
    assert!(
        open["seconds"].is_number() && open["peer"].is_string(),
        "{open}"
    );
    assert_eq!(
        open["headers"],
        json!([["Server", "fixture/1"], ["Set-Cookie", "id=***"]])
    );
    let ping =
        json!({"id": 0, "event": "ping", "direction": "received", "size": 6, "text": "there?"});
    assert_eq!(only("ping"), ping);
    let message = |direction: &str, opcode: &str, size: u32, field: &str, payload: &str| json!({"id": 0, "event": "message", "direction": direction, "opcode": opcode, "size": size, field: payload});
    let expected = [
        message("received", "text", 9, "text", "a\u{1b}[2J\\\u{202e}"),
        message("received", "binary", 2, "base64", "AP8="),
        message("sent", "text", 2, "text", "hi"),
        message("sent", "binary", 2, "base64", "/wA="),
    ];
    assert_eq!(of_kind(&outcome, "message"), expected);
    let connections = of_kind(&outcome, "connection");
    let [listed, closed] = connections.as_slice() else {
        panic!("{connections:?}");
    };
    assert_eq!(
        (&listed["status"], &listed["sent"], &listed["received"]),
        (&json!("open"), &json!(2), &json!(2))
    );
    assert_eq!(
        (&closed["status"], &closed["close"]["code"]),
        (&json!("closed"), &json!(4000))
    );
    let close = json!({"id": 0, "event": "close", "code": 4000, "reason": "bye", "clean": true,
        "sent": {"code": 4000, "reason": "bye"}, "initiator": "local"});
    assert_eq!(only("close"), close);
    assert_eq!(only("exit"), json!({"event": "exit", "exit_status": 0}));
    assert!(!outcome.stdout.contains("s3cret"), "{}", outcome.stdout);
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));
}

#[test]
fn prints_answers_as_events_and_says_which_are_refusals() {
    // Colours are for people.
    let outcome = run(&["--json", "--color=always"], "nonsense\nlist\nhelp list\n");
    let answers = of_kind(&outcome, "answer");
    let refused = json!({"event": "answer", "text": "Unrecognized Command", "refused": true});
    assert_eq!(answers[0], refused);
    assert_eq!(
        answers[1],
        json!({"event": "answer", "text": "No connections"})
    );
    assert!(answers.len() > 2, "{answers:?}");
    let last = outcome.events().pop().expect("events");
    assert_eq!(
        (&last["event"], &last["exit_status"]),
        (&json!("exit"), &json!(1))
    );
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn prints_failures_with_their_stage_and_remedy() {
    let address = serve(|mut peer: Peer| {
        peer.request();
        peer.write(b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\nSet-Cookie: s3cret\r\n\r\n<h1>Nothing here</h1>");
    });
    let script = format!("connect ws://{address}/\nconnect ws://127.0.0.1:1/\n");
    let outcome = run(&["--json"], script);
    let failures = of_kind(&outcome, "fail");
    let [refused, nobody] = failures.as_slice() else {
        panic!("{failures:?}");
    };
    assert_eq!(
        (&refused["stage"], &refused["exit_status"]),
        (&json!("http"), &json!(5))
    );
    assert_eq!(refused["error"], "HTTP 404 Not Found");
    assert_eq!(refused["remedy"], "check the path of the URI");
    assert_eq!(refused["http"]["status"], 404);
    assert_eq!(
        refused["http"]["headers"],
        json!([["Server", "nginx"], ["Set-Cookie", "***"]])
    );
    assert_eq!(refused["http"]["body"], "<h1>Nothing here</h1>");
    assert_eq!(
        (&nobody["stage"], &nobody["exit_status"]),
        (&json!("connect"), &json!(3))
    );
    assert_eq!(nobody["error"], "connection refused (127.0.0.1:1)");
}

#[test]
fn prints_the_log_as_events_too() {
    let outcome = run(
        &["--json", "-vv"],
        format!("connect {}\nwait 0 message\n", talkative()),
    );
    let log = of_kind(&outcome, "log");
    let has = |beginning: &str| {
        log.iter().any(|event| {
            event["id"] == 0
                && event["text"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(beginning))
        })
    };
    assert!(has("http sent GET /x?*** HTTP/1.1"), "{log:?}");
    assert!(has("http received Set-Cookie: ***"), "{log:?}");
    assert!(has("frame_header received fin=true"), "{log:?}");
}
