//! Lines that cannot be carried out: one specific answer each, and nothing else changes.

use crate::support::{Outcome, Peer, echo, run, run_against};

/// A connection that stays open and must not hear anything but the close frame at the end.
fn deaf_server(mut peer: Peer) {
    peer.accept();
    let (opcode, payload) = peer.read().expect("a close frame");
    peer.frame(0x80 | opcode, &payload);
    assert_eq!(
        (opcode, payload),
        (8, vec![3, 0xe9]),
        "only quit may have sent anything"
    );
}

/// Runs lines, each to be refused, beside an open connection; returns the answers.
fn refuse(lines: &[&str]) -> Vec<String> {
    let script = format!("connect URI\n{}\nshow 0\n", lines.join("\n"));
    let outcome = run_against(deaf_server, &script);
    outcome.expect_in_order(&[
        "> Status: Open",
        "> Messages Processed: (0) ",
        "> Closing connection 0",
        "0 closed 1001 (Going away) by this side",
    ]);
    assert_eq!(outcome.status, Some(1));
    let printed = outcome.lines();
    let answers = printed
        .get(2..2 + lines.len())
        .expect("an answer to each line");
    assert!(
        printed
            .get(2 + lines.len())
            .is_some_and(|line| line.starts_with("> URI: ")),
        "{}",
        outcome.stdout
    );
    answers.iter().map(|line| (*line).to_owned()).collect()
}

fn answers_of(outcome: &Outcome) -> Vec<&str> {
    outcome.lines()
}

#[test]
fn tells_the_usage_of_a_bare_command_instead_of_aborting() {
    let outcome = run(&[], "connect\nconnect \nshow\nsend\nclose\nping\nwait\n");
    assert_eq!(
        answers_of(&outcome),
        [
            "> Usage: connect <ws uri>",
            "> Usage: connect <ws uri>",
            "> Usage: show <connection id>",
            "> Usage: send <connection id> <message>",
            "> Usage: close <connection id> [<close code:default=1000>] [<close reason>]",
            "> Usage: ping <connection id> [<payload>]",
            "> Usage: wait <connection id> open|message|close [<time:default=10s>]",
        ]
    );
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn runs_whole_words_only_and_suggests_the_rest() {
    let answers = refuse(&[
        "sen 0 x",
        "sendx 0 x",
        "send0 x",
        "closex",
        "showx0",
        "CLOSE 0",
        "what",
        "connectx ws://a",
    ]);
    assert_eq!(
        answers,
        [
            "> Unrecognized Command (did you mean send?)",
            "> Unrecognized Command (did you mean send?)",
            "> Unrecognized Command (did you mean send?)",
            "> Unrecognized Command (did you mean close?)",
            "> Unrecognized Command (did you mean show?)",
            "> Unrecognized Command (did you mean close?)",
            "> Unrecognized Command",
            "> Unrecognized Command (did you mean connect?)",
        ]
    );
}

#[test]
fn refuses_an_id_that_is_no_number_and_no_name() {
    let answers = refuse(&["close", "send 0x0 world", "show 0x0", "wait _ open"]);
    assert!(answers[0].starts_with("> Usage: close "));
    for (answer, read) in answers[1..].iter().zip(["0x0", "0x0", "_"]) {
        assert_eq!(
            *answer,
            format!("> Not a connection id: {read} (expected a number or a name, see list)")
        );
    }
}

#[test]
fn refuses_a_name_that_no_connection_has() {
    let answers = refuse(&["send hello world", "show abc", "close abc", "ping .a"]);
    let hint = "(none has a name: connect --name gives one)";
    assert_eq!(
        answers,
        [
            format!("> No connection is called hello {hint}"),
            format!("> No connection is called abc {hint}"),
            format!("> No connection is called abc {hint}"),
            "> Not a connection id: .a (expected a number or a name, see list)".to_owned(),
        ]
    );
}

#[test]
fn names_the_option_that_takes_what_a_uri_may_not_have() {
    let hint = "(URI contains a user name or a password; -u, --auth USER:PW takes them)";
    let outcome = run(&[], "connect ws://ann:hunter2@127.0.0.1:1\n");
    assert_eq!(
        outcome.stdout,
        format!("> Connect initialization error: invalid uri {hint}\n")
    );
    let outcome = run(&["send", "ws://ann:hunter2@127.0.0.1:1", "x"], "");
    assert!(outcome.stderr.contains(hint), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
}

#[test]
fn names_the_scheme_that_a_uri_lacks() {
    let script = "connect example.org/chat\nconnect localhost:9002\nconnect :9002/x\n\
                  connect http://example.org/\nconnect foo\n";
    let begins = "> Connect initialization error: invalid uri";
    assert_eq!(
        run(&[], script).lines(),
        [
            format!(
                "{begins} (example.org/chat has no scheme: wss://example.org/chat, or ws://example.org/chat without TLS)"
            ),
            format!("{begins} (localhost:9002 has no scheme: ws://localhost:9002)"),
            format!("{begins} (:9002/x has no scheme: ws://localhost:9002/x)"),
            format!(
                "{begins} (http://example.org/ is for HTTP: ws://example.org/ is for WebSockets)"
            ),
            begins.to_owned(),
        ]
    );
}

#[test]
fn takes_a_time_with_its_unit_wherever_there_is_one() {
    let script = "connect URI\nsend 0 a\nwait 0 message 20s\nsend 0 b\nwait 0 message 60\n\
                  wait 0 message 1ms\nwait 0 message 5 s\n";
    let outcome = run_against(echo, script);
    let mut answers = answers_of(&outcome);
    answers.retain(|line| line.starts_with("> ") && !line.starts_with("> Closing"));
    // What was made, the time that was over, and the line that is wrong.
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert_eq!(
        answers.last(),
        Some(&"> Usage: wait <connection id> open|message|close [<time:default=10s>]")
    );
}

#[test]
fn does_not_wrap_a_number_that_is_too_large() {
    let answers = refuse(&[
        "show 7",
        "show -1",
        "show 4294967296",
        "send 99999999999999999999 x",
        "close -1",
        "ping 7",
        "close 0 65536",
        "close 0 66536",
        "close 0 -1",
    ]);
    assert_eq!(
        answers,
        [
            "> Unknown connection id 7",
            "> Unknown connection id -1",
            "> Unknown connection id 4294967296",
            "> No connection found with id 99999999999999999999",
            "> No connection found with id -1",
            "> No connection found with id 7",
            "> Error initiating close: Invalid close code used (65536 is out of range)",
            "> Error initiating close: Invalid close code used (66536 is out of range)",
            "> Error initiating close: Invalid close code used (-1 is out of range)",
        ]
    );
}

#[test]
fn refuses_a_close_code_that_is_no_number() {
    let answers = refuse(&["close 0 going away", "close 0 1000bye"]);
    assert_eq!(
        answers,
        [
            "> Not a close code: going (did you mean going-away?)",
            "> Not a close code: 1000bye (expected a number from 1000 to 4999, or a word such as going-away)",
        ]
    );
}

#[test]
fn refuses_codes_that_never_go_on_the_wire() {
    let codes = [
        "0",
        "999",
        "1005",
        "1006",
        "1015",
        "5000",
        "65535",
        "1005 with reason",
    ];
    let lines = codes.map(|code| format!("close 0 {code}"));
    let answers = refuse(&lines.each_ref().map(String::as_str));
    assert!(
        answers
            .iter()
            .all(|answer| answer == "> Error initiating close: Invalid close code used"),
        "{answers:?}"
    );
    let answers = refuse(&["close 0 1004", "close 0 1016", "close 0 2999"]);
    assert!(
        answers
            .iter()
            .all(|answer| answer == "> Error initiating close: Reserved close code used"),
        "{answers:?}"
    );
}

#[test]
fn names_the_byte_where_a_line_is_not_utf_8() {
    let outcome = run(&[], b"help xyzzy\nsend 0 \xff\nlist\n");
    assert_eq!(
        answers_of(&outcome),
        [
            "> Unrecognized Command",
            "> Line 2 is not valid UTF-8 at byte 8",
            "> No connections"
        ]
    );
}

#[test]
fn refuses_a_line_over_the_limit_and_takes_the_next() {
    let mut script = vec![b'x'; (16 << 20) + 10];
    script.extend(b"\nlist\n");
    let outcome = run(&[], script);
    assert_eq!(
        answers_of(&outcome),
        ["> Line 1 is longer than 16777216 bytes", "> No connections"]
    );
}

#[test]
fn refuses_what_is_no_binary_message() {
    let answers = refuse(&[
        "send 0 --hex 0",
        "send 0 --hex zz",
        "send 0 --file",
        "send 0 --file /dev/zero",
        "send 0",
    ]);
    assert_eq!(
        answers,
        [
            "> Not hexadecimal: the number of digits is odd",
            "> Not hexadecimal: z is not a hexadecimal digit",
            "> Usage: send <connection id> --file <path>",
            "> Error reading /dev/zero: not a regular file",
            "> Usage: send <connection id> <message>",
        ]
    );
}

#[test]
fn refuses_messages_to_a_connection_that_has_failed_or_closed() {
    let outcome = run(
        &["-q", "--serve=0"],
        "connect ws://127.0.0.1:1\nsend 0 x\nclose 0\nping 0\nwait 0 open\nwait 0 message\n",
    );
    let printed = outcome.lines();
    assert_eq!(
        printed.get(2..),
        Some(
            &[
                "> Error sending message: Bad Connection (connection 0 failed to open)",
                "> Error initiating close: Bad Connection (connection 0 failed to open)",
                "> Error sending ping: Bad Connection (connection 0 failed to open)",
                "> Connection 0 is not open (it is failed)",
                "> Connection 0 sent no message (it is failed)",
            ][..]
        )
    );
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.close(1000, "");
            peer.drain();
        },
        "connect URI\nwait 0 close\nsend 0 x\nclose 0\n",
    );
    outcome.expect_in_order(&[
        "> Error sending message: Bad Connection (connection 0 is closed)",
        "> Error initiating close: Bad Connection (connection 0 is closed)",
    ]);
}
