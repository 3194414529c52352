//! `use`: plain lines are messages; and messages that take several lines.

use crate::support::{Program, echo, run_against};

#[test]
fn sends_plain_lines_to_the_connection_in_use_until_it_is_left() {
    let outcome = run_against(
        echo,
        "connect URI\nconnect URI\nuse 0\nquit\n//slash\n> bracket\n\n/send 1 other\n/use 1\nplain\n/use\nlist\n\
         wait 0 message\nwait 0 message\nwait 0 message\nwait 1 message\nwait 1 message\n",
    );
    outcome.expect_in_order(&[
        "> Lines go to connection 0 now; /help, /use and other commands begin with a slash",
        "> Lines go to connection 1 now; /help, /use and other commands begin with a slash",
        "> Lines are commands again",
    ]);
    outcome.expect_in_order(&[
        "0 << text 4 quit",
        "0 << text 6 /slash",
        "0 << text 9 > bracket",
    ]);
    outcome.expect_in_order(&["1 << text 5 other", "1 << text 5 plain"]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn a_command_that_names_no_connection_is_for_the_one_in_use() {
    let outcome = run_against(
        echo,
        "connect URI\nconnect URI\nuse 1\nhello\n/wait . message\n/ping\n/history\n/show\n/close\n/wait 1 close\n",
    );
    outcome.expect_in_order(&[
        "1 << text 5 hello",
        "> Messages Processed: (2) ",
        "1 closed 1000 (Normal close) by this side",
    ]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn uses_nothing_that_is_not_there_or_not_one() {
    let outcome = run_against(
        echo,
        "use 0\nconnect URI\nconnect URI\nuse all\nuse 0-1\nclose 1\nuse 1\nuse\nuse none\nuse nobody\nsend 0 still a command\n",
    );
    outcome.expect_in_order(&[
        "> No connection found with id 0",
        "> One connection at a time is in use",
        "> One connection at a time is in use",
        "> Connection 1 has ended",
        "> No connection is in use",
        "> No connection is in use",
        "> No connection is called nobody (none has a name: connect --name gives one)",
    ]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn takes_no_message_of_a_script_for_a_command_when_its_connection_has_ended() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.close(1000, "");
            peer.drain();
        },
        "connect URI\nuse 0\n/wait 0 close\nquit!\n/show 0\n",
    );
    outcome.expect_in_order(&[
        "> Error sending message: Bad Connection (connection 0 is closed)",
        "> Status: Closed",
    ]);
}

#[test]
fn sends_several_lines_as_one_message() {
    let outcome = run_against(
        echo,
        "connect URI\nsend 0 \"\"\"\n# no comment\n\n  quit\n\"\"\"\nwait 0 message\nuse 0\n\"\"\"\none\ntwo\n\"\"\"\n\
         /wait 0 message\n/use\nsend 0 \"\"\"\n\"\"\"\nwait 0 message\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "0 << text 20 # no comment\\n\\n  quit",
        "0 << text 7 one\\ntwo",
        "0 << text 0 ",
    ]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn goes_on_with_a_json_value_until_it_is_complete() {
    let outcome = run_against(
        echo,
        "connect URI\nsend 0 --json {\"a\": [1,\n  \"}\\\"\"\n]}\nwait 0 message\nsend 0 --json [1, 2]\nwait 0 message\n\
         send 0 --json {\"a\" 1}\nsend 0 --json nothing\nsend 0 --json {\n]\nlist open\n",
    );
    outcome.expect_in_order(&[
        "0 << text 20 {\"a\": [1,\\n  \"}\\\\\"\"\\n]}",
        "0 << text 6 [1, 2]",
        "> Not JSON: expected `:` at line 1 column 6",
        "> Not JSON: expected ident at line 1 column 2",
        "> Not JSON: key must be a string at line 2 column 1",
    ]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn sends_nothing_of_a_message_that_was_not_ended() {
    for (open, answer) in [
        (
            "send 0 \"\"\"",
            "> Not sent: the message was not ended with \"\"\"",
        ),
        (
            "send 0 --json {",
            "> Not sent: the JSON value was not complete",
        ),
    ] {
        let outcome = run_against(echo, &format!("connect URI\n{open}\nclose 0\nlist"));
        outcome.expect_in_order(&[answer, "> Closing connection 0"]);
        assert!(!outcome.stdout.contains("<<"), "{outcome:?}");
        assert_eq!(outcome.status, Some(1));
    }
}

#[test]
fn takes_no_line_of_a_message_that_is_refused_for_a_command() {
    let outcome = run_against(echo, "send 7 \"\"\"\nquit!\n\"\"\"\nconnect URI\n");
    assert_eq!(outcome.lines()[0], "> No connection found with id 7");
    assert_eq!(outcome.lines()[1], "> Created connection with id 0");
    let mut script = b"send 7 \"\"\"\nbroken \xff\nquit!\n\"\"\"\nsend 7 \"\"\"\n".to_vec();
    script.extend(std::iter::repeat_n(b'x', 9 << 20));
    script.push(b'\n');
    script.extend(std::iter::repeat_n(b'x', 9 << 20));
    script.extend(b"\nquit!\n\"\"\"\nlist\n");
    let mut program = Program::start(&[]);
    program.write(&script);
    assert_eq!(
        program.finish().lines(),
        [
            "> Not sent: Line 2 is not valid UTF-8 at byte 8",
            "> Not sent: the message is longer than 16777216 bytes",
            "> No connections",
        ]
    );
}

#[test]
fn begins_no_block_where_lines_are_messages() {
    let outcome = run_against(
        echo,
        "connect URI\nuse 0\n/repeat 2\nfirst\n/expect 0 text \"\"\"\nfirst\n\"\"\"\n/include no/file\n/send 0 \"\"\"\n/end\n\"\"\"\n/use\n\
         wait 0 message\nrepeat 2\nsend 0 \"\"\"\n  # x\n  \"\"\"\nend\nwait 0 message\nwait 0 message\n",
    );
    let refused = |word| {
        format!("> {word} goes on in further lines, which are messages now: /use comes first")
    };
    outcome.expect_in_order(&[
        &refused("repeat"),
        &refused("include"),
        "> Lines are commands again",
    ]);
    outcome.expect_in_order(&[
        "0 << text 5 first",
        "0 << text 4 /end",
        "0 << text 3 # x",
        "0 << text 3 # x",
    ]);
}
