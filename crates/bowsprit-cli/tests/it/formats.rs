//! Messages in streams of bytes, both ways: boundaries, kinds, JSON events, and what no format can hold.

use crate::support::{Peer, Piped, Program, serve};

fn echoed(arguments: &[&str], input: &[u8]) -> Piped {
    let uri = format!("ws://{}", serve(Peer::echo));
    // The silence begins behind the pong, and that comes behind the answers.
    let arguments = [&["--linger", "50ms"], arguments, &[uri.as_str()]].concat();
    Program::start(&arguments).pipe(input)
}

fn expect_same(arguments: &[&str], input: &[u8]) {
    expect_printed(arguments, input, input);
}

fn expect_printed(arguments: &[&str], input: &[u8], printed: &[u8]) {
    let piped = echoed(arguments, input);
    assert_eq!(piped.stdout, printed, "{arguments:?}: {piped:?}");
    assert_eq!((piped.status, piped.stderr.as_str()), (Some(0), ""));
}

#[test]
fn keeps_the_boundaries_of_messages_in_every_format() {
    expect_same(&[], b"a\n\nb \n");
    expect_printed(&[], b"a\r\nb", b"a\nb\n");
    expect_same(&["-0"], b"a\nb\0\0c\0");
    expect_same(&["--delimiter", r"\r\n--\n"], b"a\nb\r\n--\nc\r\n--\n");
    expect_same(&["--format", "length"], b"\0\0\0\x03a\nb\0\0\0\0");
    expect_same(&["--format", "length", "--binary"], b"\0\0\0\x03\xff\n\0");
    expect_same(&["--format", "base64"], b"/wA=\naGk=\n");
    expect_same(&["--format", "hex"], b"ff00\n6869\n");
    expect_same(&["--binary"], b"\xff\r\n\0\n");
}

#[test]
fn reads_in_one_format_and_prints_in_another() {
    expect_printed(
        &["--input", "whole", "--output", "raw"],
        b"a\nb\n",
        b"a\nb\n",
    );
    expect_printed(
        &["--input", "json"],
        b"{\"a\":\n1} [2]",
        b"{\"a\":\n1}\n[2]\n",
    );
    expect_printed(&["--input", "json", "-0"], b"{\"a\":\n1}", b"{\"a\":\n1}\0");
    expect_printed(&["--input", "hex", "--text"], b"68 69\n", b"hi\n");
    expect_printed(&["--output", "base64"], b"hi\n", b"aGk=\n");
    let image = [b"\x89PNG\r\n\n\0".repeat(100), b"\xff".to_vec()].concat();
    expect_same(&["--binary", "--input", "whole", "--output", "raw"], &image);
}

#[test]
fn sends_files_and_standard_input_as_one_message_each() {
    let uri = format!("ws://{}", serve(Peer::echo));
    let path = std::env::temp_dir().join(format!("bowsprit-it-send-{}", std::process::id()));
    std::fs::write(&path, "two\nlines").expect("a temporary file");
    let file = format!("@{}", path.display());
    let arguments = ["send", "-0", &uri, &file, "@-", "@@name", ""];
    let piped = Program::start(&arguments).pipe("from\nthe pipe\n");
    assert_eq!(piped.text(), "two\nlines\0from\nthe pipe\n\0@name\0\0");
    assert_eq!(piped.status, Some(0));
    std::fs::write(&path, b"\xff").expect("a temporary file");
    let piped = Program::start(&["send", &uri, &file]).pipe("");
    assert!(
        piped.stderr.contains("is not UTF-8 at byte 1 (--binary"),
        "{piped:?}"
    );
    assert_eq!(piped.status, Some(2), "before anything was sent");
    let piped = Program::start(&["send", "--binary", "--output", "hex", &uri, &file]).pipe("");
    assert_eq!((piped.text(), piped.status), ("ff\n", Some(0)));
    let piped = Program::start(&["send", "--binary", &uri, &file]).pipe("");
    assert_eq!(piped.stdout, b"\xff", "the file and not a byte more");
    std::fs::remove_file(&path).expect("the file is still there");
    let piped = Program::start(&["send", &uri, &file]).pipe("");
    assert!(piped.stderr.contains("no such file"), "{piped:?}");
    assert_eq!(piped.status, Some(2));
}

#[test]
fn sends_what_stands_before_a_fault_in_the_input_and_nothing_behind_it() {
    for (arguments, input, told) in [
        (
            &[][..],
            &b"a\nb\xff\nc\n"[..],
            "line 2 is not UTF-8 at byte 2",
        ),
        (&["-0"], b"a\0\xff\0", "message 2 is not UTF-8 at byte 1"),
        (
            &["--input", "json"],
            b"a {",
            "the JSON value in line 1 is none",
        ),
        (
            &["--input", "length"],
            b"\0\0\0\x01a\0\0\0\x09b",
            "message 2 ends after 1 of its 9 bytes",
        ),
        (&["--input", "base64"], b"*\n", "line 1 is not base64"),
        (
            &["--input", "hex"],
            b"abc\n",
            "line 1 is not hexadecimal: the number of digits is odd",
        ),
    ] {
        let piped = echoed(arguments, input);
        assert!(piped.stderr.contains(told), "{piped:?}");
        assert_eq!(piped.status, Some(1), "{piped:?}");
        let before: &[u8] = if input.starts_with(b"a\n") {
            b"a\n"
        } else {
            b""
        };
        assert!(piped.stdout.starts_with(before), "{piped:?}");
    }
}

#[test]
fn refuses_a_binary_message_among_lines_of_text_with_a_hint() {
    let mixing = |mut peer: Peer| {
        peer.accept();
        peer.text("text");
        peer.frame(0x82, b"\xff\0");
        peer.text("more");
        let close = peer.read_close().expect("a close frame");
        peer.close(close.0, "");
        assert_eq!(close.0, 1003, "unsupported data");
    };
    let uri = format!("ws://{}", serve(mixing));
    let piped = Program::start(&["listen", &uri]).pipe("");
    assert_eq!((piped.text(), piped.status), ("text\n", Some(1)));
    assert_eq!(piped.stderr.lines().count(), 1, "{piped:?}");
    assert!(
        piped
            .stderr
            .contains("a binary message of 2 bytes came (--binary"),
        "{piped:?}"
    );
    for (format, printed) in [
        (&["--binary"][..], &b"text\n\xff\0"[..]),
        (&["--binary", "--output", "lines"], b"text\n\xff\0\n"),
        (&["--output", "length"], b"\0\0\0\x04text\0\0\0\x02\xff\0"),
        (&["--output", "raw"], b"text\xff\0"),
        (&["--output", "hex"], b"74657874\nff00\n"),
    ] {
        let piped = Program::start(&[&["listen", "-n", "2"], format, &[&uri]].concat()).pipe("");
        assert_eq!(
            (piped.stdout.as_slice(), piped.status),
            (printed, Some(0)),
            "{format:?}"
        );
    }
}

#[test]
fn prints_every_event_as_json() {
    let server = |mut peer: Peer| {
        peer.accept();
        assert_eq!(peer.read(), Some((1, b"hi".to_vec())));
        peer.frame(0x89, b"p");
        peer.text("h\u{1b}");
        peer.frame(0x82, b"\xff\0");
        peer.echo_close();
    };
    let uri = format!("ws://{}", serve(server));
    let piped = Program::start(&["send", "--json", "-n", "2", &uri, "hi"]).pipe("");
    assert_eq!((piped.status, piped.stderr.as_str()), (Some(0), ""));
    let events: Vec<serde_json::Value> = piped
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let names: Vec<_> = events
        .iter()
        .map(|event| event["event"].as_str().expect("a name"))
        .collect();
    assert_eq!(names[..4], ["start", "connect", "open", "message"]);
    for expected in [
        r#"{"id":0,"event":"message","direction":"sent","opcode":"text","size":2,"text":"hi"}"#,
        r#"{"id":0,"event":"message","direction":"received","opcode":"text","size":2,"text":"h\u001b"}"#,
        r#"{"id":0,"event":"message","direction":"received","opcode":"binary","size":2,"base64":"/wA="}"#,
        r#"{"id":0,"event":"ping","direction":"received","size":1,"text":"p"}"#,
        r#"{"id":0,"event":"pong","direction":"sent","size":1,"text":"p"}"#,
    ] {
        let expected: serde_json::Value = serde_json::from_str(expected).expect("JSON");
        let found = events.iter().any(|event| {
            let mut event = event.clone();
            event.as_object_mut().expect("an object").remove("time");
            event == expected
        });
        assert!(found, "{expected} is not in {events:#?}");
    }
    let close = events.last().expect("an event");
    assert_eq!(
        (&close["event"], &close["code"], &close["clean"]),
        (&"close".into(), &1000.into(), &true.into())
    );
    let piped = Program::start(&["listen", "--json", "ws://127.0.0.1:1"]).pipe("");
    let last = piped.text().lines().last().expect("an event");
    assert!(
        last.contains(r#""event":"fail""#) && last.contains(r#""exit_status":3"#),
        "{last}"
    );
    assert_eq!(piped.status, Some(3));
}

#[test]
fn says_more_or_less_as_it_is_told() {
    let uri = format!("ws://{}", serve(Peer::echo));
    let piped = Program::start(&["send", "-v", &uri, "x"]).pipe("");
    for told in [
        ": open 101 fixture/1 (",
        "bowsprit: http received Server: fixture/1",
        ": closed 1000 (Normal close) by this side",
    ] {
        assert!(piped.stderr.contains(told), "{told}: {piped:?}");
    }
    assert_eq!(piped.text(), "x\n");
    let piped = Program::start(&["send", "-q", "ws://127.0.0.1:1", "x"]).pipe("");
    assert_eq!((piped.stderr.as_str(), piped.status), ("", Some(3)));
    let piped = Program::start(&["send", "--trace", &uri, "x"]).pipe("");
    assert!(
        piped.stderr.contains("bowsprit: frame_payload"),
        "{piped:?}"
    );
    let piped = Program::start(&["send", "-t", &uri, "x"]).pipe("");
    let (time, text) = piped.text().split_once(' ').expect("a time");
    assert_eq!(
        (time.len(), text),
        ("15:04:05.678".len(), "x\n"),
        "{piped:?}"
    );
}
