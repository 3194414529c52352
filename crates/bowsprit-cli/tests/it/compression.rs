//! permessage-deflate, as far as people and programs are told of it.

use serde_json::{Value, json};

use crate::support::{Program, echo, run, run_against};

/// Is compressed; a short message is not.
const LONG: &str =
    "all work and no play makes a dull boy; all work and no play makes a dull boy; all work";

/// An echo server that compresses, and its URI.
fn compressing() -> (Program, String) {
    let mut server = Program::start(&["--serve=0"]);
    let line = server.read_line();
    let uri = line.strip_prefix("> Serving echo on ").expect("its URI");
    let uri = uri.to_owned();
    (server, uri)
}

fn of_kind<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    let of_kind = events.iter().filter(|event| event["event"] == kind);
    of_kind.collect()
}

/// What is left of a message when its time and text are not looked at.
fn way(message: &Value) -> Value {
    json!([
        message["direction"],
        message["size"],
        message["compressed"],
        message["wire_size"]
            .as_u64()
            .is_some_and(|size| size > 0 && size < 86)
    ])
}

#[test]
fn programs_are_told_of_each_message_whether_it_came_compressed() {
    let (_server, uri) = compressing();
    assert_eq!(LONG.len(), 86);
    let script = format!(
        "connect {uri}\nsend 0 hi\nwait 0 message\nsend 0 {LONG}\nwait 0 message\nshow 0\nclose 0\n"
    );
    let outcome = run(&["--json"], script);
    let events = outcome.events();
    let ways: Vec<Value> = of_kind(&events, "message").into_iter().map(way).collect();
    let expected = [
        // It is told when it is handed over, and compressed after that.
        json!(["sent", 2, null, false]),
        json!(["received", 2, false, false]),
        json!(["sent", 86, null, false]),
        json!(["received", 86, true, true]),
    ];
    assert_eq!(ways, expected, "{outcome:?}");
    for kind in ["connection", "close"] {
        let told = &of_kind(&events, kind)[0]["compressed_messages"];
        for direction in ["sent", "received"] {
            let way = &told[direction];
            assert_eq!(
                (&way["messages"], &way["payload_bytes"]),
                (&json!(1), &json!(86))
            );
            assert!(way["wire_bytes"].as_u64() < Some(86), "{told}");
        }
    }
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn one_shot_forms_tell_the_same() {
    let (_server, uri) = compressing();
    for arguments in [&["--json", &uri][..], &["send", "--json", &uri, LONG]] {
        let outcome = run(arguments, LONG);
        let events = outcome.events();
        let messages = of_kind(&events, "message");
        let received = messages
            .iter()
            .find(|event| event["direction"] == "received");
        let received = received.expect("an answer");
        assert_eq!(
            way(received),
            json!(["received", 86, true, true]),
            "{outcome:?}"
        );
        let told = &of_kind(&events, "close")[0]["compressed_messages"];
        assert_eq!(told["sent"]["messages"], 1, "{outcome:?}");
        assert_eq!(told["received"]["wire_bytes"], received["wire_size"]);
    }
}

#[test]
fn servers_tell_it_of_their_clients() {
    // It ends with its only client.
    let arguments = ["serve", "--echo", "--once", "--json", "-v", "127.0.0.1:0"];
    let mut server = Program::start(&arguments);
    let serving = loop {
        let event: Value = serde_json::from_str(&server.read_line()).expect("an event");
        if event["event"] == "serve" {
            break event;
        }
    };
    run(
        &["send", serving["uri"].as_str().expect("its URI"), LONG],
        "",
    );
    let outcome = server.wait();
    let events = outcome.events();
    let received = way(of_kind(&events, "message")[0]);
    assert_eq!(received, json!(["received", 86, true, true]), "{outcome:?}");
    let told = &of_kind(&events, "close")[0]["compressed_messages"];
    for direction in ["sent", "received"] {
        assert_eq!(told[direction]["payload_bytes"], 86, "{told}");
    }
}

#[test]
fn nothing_is_told_where_it_was_not_agreed_on() {
    let outcome = run_against(
        echo,
        &format!("connect URI\nsend 0 {LONG}\nwait 0 message\nshow 0\nstats 0\n"),
    );
    assert!(!outcome.stdout.contains("Compress"), "{outcome:?}");
    let (_server, uri) = compressing();
    let script = format!("connect {uri}\nsend 0 {LONG}\nwait 0 message\nshow 0\n");
    let outcome = run(&["--json", "--no-compress"], script);
    assert!(!outcome.stdout.contains("compress"), "{outcome:?}");
}

#[test]
fn people_are_told_how_much_it_saves() {
    let (_server, uri) = compressing();
    let script = format!(
        "open 2 {uri}\nsend 0 hi\nwait 0 message\nshow 0\nsend all {LONG}\nwait all message\nshow 0\nstats 1\nstats\n"
    );
    let outcome = run(&[], script);
    let told: Vec<&str> = outcome
        .lines()
        .into_iter()
        .filter_map(|line| line.split_once("Compressed: ").map(|(_, told)| told))
        .collect();
    let [shown, of_one, of_all] = told[..] else {
        panic!("{outcome:?}");
    };
    for (told, count, size) in [
        (shown, "1 message", "86B"),
        (of_one, "1 message", "86B"),
        (of_all, "2 messages", "172B"),
    ] {
        let beginning = format!("received {count}, {size} as ");
        assert!(told.starts_with(&beginning), "{told}");
        assert!(
            told.contains(&format!("; sent {count}, {size} as ")),
            "{told}"
        );
        assert!(told.ends_with("%)"), "{told}");
    }
}
