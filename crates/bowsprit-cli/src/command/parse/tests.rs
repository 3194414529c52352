//! Lines and the commands that they are.

use bowsprit::CloseCode;

use super::*;
use crate::command::{Closing, Payload};

fn id_of(number: &str) -> Ids {
    Ids::parse(number).expect("ids")
}

fn text(id: &str, text: &str) -> Command {
    Command::Send {
        ids: id_of(id),
        payload: Payload::Text(text.to_owned()),
    }
}

fn closing(code: u16, reason: &str) -> Command {
    Command::Close {
        ids: id_of("0"),
        how: Closing::Frame {
            code: CloseCode(code),
            reason: reason.to_owned(),
        },
    }
}

#[test]
fn reads_every_command() {
    let waiting = |goal, millis| Command::Wait {
        ids: id_of("3"),
        goal,
        limit: Duration::from_millis(millis),
    };
    let pinging = |ids, payload: &str| Command::Ping {
        ids: id_of(ids),
        payload: payload.to_owned(),
    };
    for (line, command) in [
        (
            "connect ws://localhost:9002",
            Command::Connect {
                uri: "ws://localhost:9002".to_owned(),
                options: Box::default(),
                several: Several::default(),
            },
        ),
        (
            "connect not a websocket uri",
            Command::Connect {
                uri: "not a websocket uri".to_owned(),
                options: Box::default(),
                several: Several::default(),
            },
        ),
        (
            "connect  ws://a ",
            Command::Connect {
                uri: " ws://a ".to_owned(),
                options: Box::default(),
                several: Several::default(),
            },
        ),
        ("ping 0", pinging("0", "")),
        ("ping all  two", pinging("all", " two")),
        ("help close", Command::Help { of: Some("close") }),
        ("serve", Command::Serve { port: 9002 }),
        ("serve 0", Command::Serve { port: 0 }),
        ("stop", Command::Stop),
        ("wait 3 open", waiting(Goal::Open, 10_000)),
        ("wait 3 message 0.5", waiting(Goal::Message, 500)),
        ("wait 3 close 60", waiting(Goal::Close, 60_000)),
        ("help ", Command::Help { of: None }),
        ("quit", Command::Quit),
        ("quit!", Command::QuitNow),
    ] {
        assert_eq!(parse(line), Ok(Some(command)), "{line}");
    }
    assert_eq!(parse(""), Ok(None));
    assert_eq!(parse(" \t "), Ok(None));
}

#[test]
fn drops_exactly_one_blank_in_front_of_a_message() {
    for (line, command) in [
        ("send 0 hello", text("0", "hello")),
        ("send 0  two", text("0", " two")),
        ("send 0 trailing  ", text("0", "trailing  ")),
        ("send 0 ", text("0", "")),
        ("send 0\ttab", text("0", "tab")),
        (
            "send  0 id behind two blanks",
            text("0", "id behind two blanks"),
        ),
        ("send 0 -- --hex is text", text("0", "--hex is text")),
        ("send 0 -- -- twice", text("0", "-- twice")),
    ] {
        assert_eq!(parse(line), Ok(Some(command)), "{line}");
    }
}

#[test]
fn reads_binary_messages() {
    let sending = |payload| {
        Ok(Some(Command::Send {
            ids: id_of("0"),
            payload,
        }))
    };
    assert_eq!(
        parse("send 0 --hex 00ff 7f"),
        sending(Payload::Binary(vec![0, 0xff, 0x7f]))
    );
    assert_eq!(parse("send 0 --hex"), sending(Payload::Binary(vec![])));
    assert_eq!(
        parse("send 0 --file a file"),
        sending(Payload::File("a file".into()))
    );
}

#[test]
fn drops_exactly_one_blank_in_front_of_a_reason() {
    for (line, command) in [
        ("close 0", closing(1000, "")),
        ("close 0 1001", closing(1001, "")),
        (
            "close 0 1001 example message",
            closing(1001, "example message"),
        ),
        ("close 0 4000  two", closing(4000, " two")),
        ("close 0 1006", closing(1006, "")),
    ] {
        assert_eq!(parse(line), Ok(Some(command)), "{line}");
    }
}

#[test]
fn refuses_a_line_that_lacks_an_id_or_has_a_wrong_one() {
    for (line, answer) in [
        ("connect", "Usage: connect <ws uri>"),
        ("connect ", "Usage: connect <ws uri>"),
        ("show", "Usage: show <connection id>"),
        ("show 0 extra", "Usage: show <connection id>"),
        (
            "show +1",
            "Not a connection id: +1 (expected a number or a name, see list)",
        ),
        (
            "show 0x0",
            "Not a connection id: 0x0 (expected a number or a name, see list)",
        ),
        (
            "show \u{1b}c",
            "Not a connection id: \\u{1b}c (expected a number or a name, see list)",
        ),
        ("send", "Usage: send <connection id> <message>"),
        ("send 0", "Usage: send <connection id> <message>"),
        (
            "send 0 --hexed is no text",
            "Not an option of send: --hexed (send <id> -- --hexed sends it as text)",
        ),
        (
            "send 0 --hex 0",
            "Not hexadecimal: the number of digits is odd",
        ),
        ("send 0 --file", "Usage: send <connection id> --file <path>"),
    ] {
        assert_eq!(parse(line), Err(answer.to_owned()), "{line}");
    }
}

#[test]
fn refuses_codes_ports_and_words_that_do_not_exist() {
    for (line, answer) in [
        (
            "close",
            "Usage: close <connection id> [<close code:default=1000>] [<close reason>]",
        ),
        (
            "close 0 bye",
            "Not a close code: bye (expected a number from 1000 to 4999, or a word such as going-away)",
        ),
        (
            "close 0 1000bye",
            "Not a close code: 1000bye (expected a number from 1000 to 4999, or a word such as going-away)",
        ),
        (
            "close 0 65536",
            "Error initiating close: Invalid close code used (65536 is out of range)",
        ),
        (
            "close 0 -1",
            "Error initiating close: Invalid close code used (-1 is out of range)",
        ),
        ("ping", "Usage: ping <connection id> [<payload>]"),
        (
            "serve x",
            "Not a port: x (expected a number from 0 to 65535)",
        ),
        (
            "serve 65536",
            "Not a port: 65536 (expected a number from 0 to 65535)",
        ),
        ("serve 1 2", "Usage: serve [<port:default=9002>]"),
        (
            "wait 0",
            "Usage: wait <connection id> open|message|close [<time:default=10s>]",
        ),
        (
            "wait 0 pong",
            "Nothing to wait for: pong (expected open, message or close)",
        ),
        (
            "wait 0 open -1",
            "Not a time: -1 (expected such as 500ms, 5s or 5, a day at most)",
        ),
        (
            "wait 0 open nan",
            "Not a time: nan (expected such as 500ms, 5s or 5, a day at most)",
        ),
        ("help xyzzy", "Unrecognized Command"),
        ("help close now", "Usage: help"),
        (
            "show 3-1",
            "Not a list of connection ids: 3-1 (expected such as 0,2,5-9, or all)",
        ),
        ("quit now", "Usage: quit"),
        ("sen 0 x", "Unrecognized Command (did you mean send?)"),
        ("QUIT", "Unrecognized Command (did you mean quit?)"),
        (
            "connectws://a",
            "Unrecognized Command (did you mean connect?)",
        ),
        ("what", "Unrecognized Command"),
    ] {
        assert_eq!(parse(line), Err(answer.to_owned()), "{line}");
    }
}

#[test]
fn takes_a_payload_of_125_bytes_for_a_ping_and_no_more() {
    let line = format!("ping 0 {}", "x".repeat(125));
    assert!(parse(&line).is_ok());
    assert_eq!(
        parse(&format!("{line}ä")),
        Err("A ping carries up to 125 bytes, and this payload has 127".to_owned())
    );
}

#[test]
fn reads_options_before_the_uri_and_nothing_else_of_a_line_without_any() {
    let Ok(Some(Command::Connect { uri, options, .. })) =
        parse("connect  --open-timeout 3s ws://a/")
    else {
        panic!("options are taken");
    };
    assert_eq!(uri, "ws://a/");
    assert!(options.is_given());
    let Ok(Some(Command::Connect { uri, options, .. })) =
        parse("connect ws://a/ --open-timeout 3s")
    else {
        panic!("the URI is told to be wrong later");
    };
    assert_eq!(uri, "ws://a/ --open-timeout 3s");
    assert!(!options.is_given());
}

#[test]
fn opens_many_by_either_command() {
    let Ok(Some(opened)) = parse("open 100 --no-compress ws://a/") else {
        panic!("many are opened");
    };
    assert_eq!(
        parse("connect --count 100 --no-compress ws://a/"),
        Ok(Some(opened))
    );
    for (line, answer) in [
        ("open", "Usage: open <count> [<options>] <ws uri>"),
        ("open 3", "Usage: open <count> [<options>] <ws uri>"),
        (
            "open ws://a/",
            "Not a count: ws://a/ (a count is a number from 1 to 50000)",
        ),
        (
            "open 0 ws://a/",
            "Not a count: 0 (a count is a number from 1 to 50000)",
        ),
        (
            "open 3 --count 3 ws://a/",
            "The count stands behind open already: --count is for connect",
        ),
        (
            "open 3 --name a ws://a/",
            "A name is for one connection: --name does not go with a count",
        ),
    ] {
        assert_eq!(parse(line), Err(answer.to_owned()), "{line}");
    }
}

#[test]
fn reads_what_to_show_and_to_list() {
    let showing = |ids, last, headers| Command::Show {
        ids: id_of(ids),
        what: Shown {
            last,
            headers,
            json: false,
        },
    };
    for (line, command) in [
        ("show 7", showing("7", None, false)),
        ("show  7 ", showing("7", None, false)),
        ("show -1", showing("-1", None, false)),
        ("show . --headers --last 3", showing(".", Some(3), true)),
        (
            "list",
            Command::List {
                of: Listed::Fitting,
            },
        ),
        (
            "list open",
            Command::List {
                of: Listed::State("open"),
            },
        ),
        (
            "list 0-9",
            Command::List {
                of: Listed::Ids(id_of("0-9")),
            },
        ),
        ("show 0,2-3", showing("0,2-3", None, false)),
    ] {
        assert_eq!(parse(line), Ok(Some(command)), "{line}");
    }
}
