//! The messages that are kept: `history`, `save`, their limits, and `reconnect`.

use std::fs;

use crate::support::{Peer, directory, echo, run_against};

/// Sends `count` messages, then echoes.
fn greeter(count: usize) -> impl Fn(Peer) + Clone + Send + 'static {
    move |mut peer| {
        peer.accept();
        (0..count).for_each(|number| peer.text(&format!("greeting {number}")));
        while let Some((opcode, payload)) = peer.read() {
            peer.frame(0x80 | opcode, &payload);
            if opcode == 8 {
                return;
            }
        }
    }
}

#[test]
fn prints_the_latest_messages_with_number_direction_kind_and_size() {
    let outcome = run_against(
        echo,
        "connect URI\nhistory 0\nsend 0 one\nwait 0 message\nsend 0 --hex 00ff\nwait 0 message\nhistory 0\nhistory 0 1\n\
         history 0 x\nhistory 7\n",
    );
    let lines = outcome.lines();
    assert!(lines.contains(&"> No messages"), "{outcome:?}");
    let rows: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.contains(" text 3 one") || line.contains(" binary 2 00 FF"))
        .collect();
    let ends = rows.iter().filter(|row| row.starts_with("> ")).map(|row| {
        let mut words = row.splitn(4, ' ').skip(1);
        (words.next(), words.nth(1))
    });
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            (Some("1"), Some(">> text 3 one")),
            (Some("2"), Some("<< text 3 one")),
            (Some("3"), Some(">> binary 2 00 FF")),
            (Some("4"), Some("<< binary 2 00 FF")),
            (Some("4"), Some("<< binary 2 00 FF")),
        ]
    );
    outcome.expect_in_order(&[
        "> Not a number of messages: x (expected such as 20)",
        "> No connection found with id 7",
    ]);
}

#[test]
fn keeps_as_many_messages_and_bytes_as_it_was_told_and_says_what_it_dropped() {
    let outcome = run_against(
        greeter(10),
        "connect --keep-messages 3 URI\nconnect --keep-bytes 25 URI\nconnect --keep-messages 0 URI\nwait 0-2 message\n\
         send all end\nwait 0-2 message\nwait 0-2 message\nwait 0-2 message\nwait 0-2 message\nwait 0-2 message\n\
         wait 0-2 message\nwait 0-2 message\nwait 0-2 message\nwait 0-2 message\nwait 0-2 message\nshow 0-2\nhistory 0\n",
    );
    outcome.expect_in_order(&[
        "> Messages Processed: (12) ",
        "<< end",
        "> Older messages dropped: 9 (90B)",
        "> Messages Processed: (12) ",
        "<< end",
        "> Messages Processed: (12) ",
        "> Older messages dropped: 12 (106B)",
        "> 9 older ones were dropped (90B)",
    ]);
}

#[test]
fn saves_the_messages_for_nobody_else_and_replaces_nothing_unasked() {
    let directory = directory("save");
    let (text, json, raw) = (
        directory.join("a.txt"),
        directory.join("a b.jsonl"),
        directory.join("a.raw"),
    );
    fs::write(&raw, "precious").expect("a file");
    let (t, j, r) = (text.display(), json.display(), raw.display());
    let outcome = run_against(
        echo,
        &format!(
            "connect --name chat URI\nsend 0 on\u{1b}e\nwait 0 message\nsend 0 --hex 00ff\nwait 0 message\nsave 0 {t}\n\
             save chat {j}\nsave 0 {r}\nsave 0 --force {r}\nsave 0 {t}\nsave 0 /nowhere/x\nsave all,0 x\nsave 0 --force /dev/null\n"
        ),
    );
    outcome.expect_in_order(&[
        &format!("> Saved 4 messages in {t}"),
        &format!("> Saved 4 messages in {j}"),
        &format!("> Error writing {r}: file exists: --force replaces it"),
        &format!("> Saved 2 messages in {r}"),
        &format!("> Error writing {t}: file exists: --force replaces it"),
        "> Error writing /nowhere/x: no such file or directory",
        "> Not a list of connection ids: all,0 (expected such as 0,2,5-9, or all)",
        "> Error writing /dev/null: not a regular file",
    ]);
    let saved = fs::read_to_string(&text).expect("the text");
    assert_eq!(saved.lines().count(), 4);
    assert!(saved.contains(" >> text 4 on\\u{1b}e\n"), "{saved}");
    let saved = fs::read_to_string(&json).expect("the objects");
    let events: Vec<serde_json::Value> = saved
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(events.len(), 4);
    assert_eq!(events[0]["name"], "chat");
    assert_eq!(events[0]["direction"], "sent");
    assert_eq!(events[0]["text"], "on\u{1b}e");
    assert_eq!(events[3]["base64"], "AP8=");
    assert_eq!(fs::read(&raw).expect("what came"), b"on\x1be\n\x00\xff");
    #[cfg(unix)]
    for file in [text, json, raw] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(
            mode & 0o777,
            if file.ends_with("a.raw") {
                0o600
            } else {
                mode & 0o700
            },
            "{file:?}"
        );
        assert_eq!(mode & 0o077, 0, "{file:?}");
    }
    fs::remove_dir_all(directory).expect("what was made here");
}

#[test]
fn makes_a_connection_again_under_its_id_with_its_options_and_its_messages() {
    let outcome = run_against(
        |mut peer| {
            let request = peer.request();
            assert!(request.contains("\r\nX-Own: 1\r\n"), "{request}");
            peer.answer(&request, "");
            while let Some((opcode, payload)) = peer.read() {
                peer.frame(0x80 | opcode, &payload);
                if opcode == 8 {
                    return;
                }
            }
        },
        "connect --name a -H 'X-Own: 1' URI\nreconnect 0\nreconnect all\nsend a before\nwait a message\nclose a\n\
         reconnect a\nsend a after\nwait a message\nshow a\n",
    );
    outcome.expect_in_order(&[
        "> Connection a is open: close a comes first",
        "> No connection has ended",
        "0 (a) << text 6 before",
        "0 (a) closed 1000 (Normal close) by this side",
        "> Connecting again with id 0",
        "0 (a) << text 5 after",
        "> Status: Open",
        "> Messages Processed: (2) ",
        ">> before",
        "<< before",
        ">> after",
        "<< after",
    ]);
    assert!(
        outcome.stdout.contains("<< before\n-- made again at "),
        "{outcome:?}"
    );
    assert_eq!(
        outcome.stdout.matches(" open 101 ").count(),
        2,
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn shows_only_so_much_of_a_connection_and_its_headers_if_asked() {
    let outcome = run_against(
        |mut peer| {
            peer.accept_with(
                "Server: fixture/1\r\nSet-Cookie: sid=hunter2; HttpOnly\r\nX-Evil: a\u{202e}b\r\n",
            );
            ["one", "two", "three"]
                .iter()
                .for_each(|text| peer.text(text));
            peer.echo_close();
        },
        "connect URI\nwait 0 message\nwait 0 message\nwait 0 message\nshow 0 --last 1 --headers\nshow 0 --first 1\n",
    );
    outcome.expect_in_order(&[
        "> Messages Processed: (3) ",
        "<< three",
        "> Header: Server: fixture/1",
        "> Header: Set-Cookie: sid=***; HttpOnly",
        "> Header: X-Evil: a\\u{202e}b",
        "> Usage: show <connection id>",
    ]);
    assert!(!outcome.lines().contains(&"<< two"), "{outcome:?}");
    assert!(!outcome.stdout.contains("hunter2"), "{outcome:?}");
}
