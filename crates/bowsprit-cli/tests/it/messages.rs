//! Messages there and back, what is printed of them, and pings.

use std::fs;

use crate::support::{run, run_against};

#[test]
fn drops_the_one_blank_before_a_message_and_no_more() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            for expected in ["hello", " two", "trailing  ", "", "--hex is text", "tab"] {
                assert_eq!(peer.read(), Some((1, expected.as_bytes().to_vec())));
            }
            peer.echo_close();
        },
        "connect URI\nsend 0 hello\nsend 0  two\nsend 0 trailing  \nsend 0 \nsend 0 -- --hex is text\nsend 0\ttab\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "> Messages Processed: (6) ",
        ">> hello",
        ">>  two",
        ">> trailing  ",
        ">> ",
        ">> --hex is text",
        ">> tab",
        "",
    ]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn shows_binary_in_upper_case_hex_with_a_blank_behind_each_byte() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            assert_eq!(peer.read(), Some((2, vec![0, 0xff, 0x7f])));
            peer.frame(0x82, &[0, 1, 0xab]);
            peer.frame(0x82, &[]);
            peer.echo_close();
        },
        "connect URI\nsend 0 --hex 00ff 7f\nwait 0 message\nwait 0 message\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "0 << binary 3 00 01 AB",
        "0 << binary 0 ",
        ">> 00 FF 7F ",
        "<< 00 01 AB ",
        "<< ",
    ]);
}

#[test]
fn lets_no_control_character_of_a_server_reach_the_output() {
    let evil = "a\u{1b}[2J\u{1b}]0;title\u{7}\r\nb\u{9b}31m\u{202e}\u{200b}\\";
    let outcome = run_against(
        move |mut peer| {
            peer.accept_with("Server: evil\u{202e}\r\n");
            peer.text(evil);
            peer.close(4000, evil);
            peer.drain();
        },
        "connect URI\nwait 0 close\nshow 0\nlist\n",
    );
    assert!(
        !outcome.stdout.chars().any(|c| c.is_control() && c != '\n'),
        "{:?}",
        outcome.stdout
    );
    assert!(!outcome.stdout.contains(['\u{202e}', '\u{200b}']));
    let shown = "a\\u{1b}[2J\\u{1b}]0;title\\u{7}\\r\\nb\\u{9b}31m\\u{202e}\\u{200b}\\\\";
    outcome.expect_in_order(&[
        &format!("> Error/close reason: close code: 4000 (Unknown), close reason: {shown}"),
        &format!("<< {shown}"),
    ]);
}

#[test]
fn cuts_a_long_message_in_its_event_line_and_shows_it_whole() {
    let message = "m".repeat(100);
    let sent = message.clone();
    let outcome = run_against(
        move |mut peer| {
            peer.accept();
            peer.text(&sent);
            peer.echo_close();
        },
        "connect URI\nwait 0 message\nshow 0\n",
    );
    outcome.expect_in_order(&[
        &format!("0 << text 100 {}…", "m".repeat(60)),
        &format!("<< {message}"),
    ]);
}

#[test]
fn keeps_the_latest_thousand_messages_and_counts_all() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            (0..1_500).for_each(|number| peer.text(&number.to_string()));
            peer.close(1000, "");
            peer.drain();
        },
        "connect URI\nwait 0 close\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "> Messages Processed: (1500) ",
        "<< 500",
        "<< 1499",
        "> Older messages dropped: 500 (1.4KiB)",
        "",
    ]);
    assert!(!outcome.lines().contains(&"<< 499"));
}

#[test]
fn prints_an_event_line_for_everything_that_happens_unless_quiet() {
    let server = |mut peer: crate::support::Peer| {
        peer.accept();
        peer.text("hello");
        peer.frame(0x89, b"ping of the server");
        peer.close(1000, "bye");
        peer.drain();
    };
    let address = crate::support::serve(server);
    let script = format!("connect ws://{address}\nwait 0 close\n");
    let outcome = run(&[], &script);
    let lines = outcome.lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        lines[1].starts_with("0 open 101 fixture/1 (") && lines[1].ends_with(" ms)"),
        "{}",
        lines[1]
    );
    assert_eq!(
        lines[2..],
        [
            "0 << text 5 hello",
            "0 closed 1000 (Normal close) \"bye\" by peer"
        ]
    );
    assert_eq!(
        run(&["--quiet"], &script).lines(),
        ["> Created connection with id 0"]
    );
}

#[test]
fn tells_the_round_trip_of_a_ping() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            let (opcode, payload) = peer.read().expect("a ping");
            assert_eq!(opcode, 9);
            peer.frame(0x8a, b"not asked for");
            peer.frame(0x8a, &payload);
            peer.echo_close();
        },
        "connect URI\nping 0\nshow 0\n",
    );
    let pongs: Vec<_> = outcome
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("0 pong "))
        .collect();
    assert_eq!(pongs.len(), 1, "{}", outcome.stdout);
    assert!(pongs[0].ends_with(" ms"));
    assert!(outcome.stdout.contains("\n> Last round trip: "));
}

#[test]
fn tells_that_a_connection_ended_before_its_pong() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.read();
        },
        "connect URI\nping 0\n",
    );
    outcome.expect_in_order(&["> Connection 0 sent no pong (it is closed)"]);
    assert_eq!(outcome.status, Some(7));
}

#[test]
fn sends_files_of_any_size_in_order_and_loses_none() {
    let file = std::env::temp_dir().join(format!("bowsprit-it-{}", std::process::id()));
    let size = 3 << 20;
    fs::write(&file, vec![0xa5; size]).expect("a file in the temporary directory");
    let mut script = "connect URI\n".to_owned();
    for _ in 0..8 {
        script += &format!("send 0 --file {}\nsend 0 between\n", file.display());
    }
    script += &"wait 0 message\n".repeat(16);
    script += "show 0\n";
    let outcome = run_against(|peer| peer.echo(), &script);
    fs::remove_file(&file).expect("the file is still there");
    assert_eq!(
        outcome.status,
        Some(0),
        "{}",
        outcome.stdout.get(..2_000).unwrap_or(&outcome.stdout)
    );
    let received: Vec<_> = outcome
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("0 << "))
        .collect();
    let binary = format!("0 << binary {size} {}…", ["A5"; 20].join(" "));
    assert_eq!(received, [binary.as_str(), "0 << text 7 between"].repeat(8));
    outcome.expect_in_order(&["> Messages Processed: (32) "]);
}
