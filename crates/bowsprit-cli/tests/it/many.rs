//! One command for several connections: lists, ranges, and `all`.

use std::sync::mpsc;

use crate::support::{echo, run, run_against};

const FIVE: &str = "connect URI\nconnect URI\nconnect URI\nconnect URI\nconnect URI\n";

#[test]
fn sends_one_message_to_all() {
    let outcome = run_against(echo, &format!("{FIVE}send all  hello\nwait all message\n"));
    outcome.expect_in_order(&["> Sent to 5 connections"]);
    for id in 0..5 {
        outcome.expect_in_order(&[&format!("{id} << text 6  hello")]);
    }
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn sends_to_a_list_and_to_a_range_and_to_nobody_else() {
    let script = format!("{FIVE}send 0,2 one\nsend 3-4 two\nwait 0,2-4 message\nshow all\n");
    let outcome = run_against(echo, &script);
    outcome.expect_in_order(&[
        "> Sent to 2 connections",
        "> Sent to 2 connections",
        "> Connection 0",
        ">> one",
        "> Connection 1",
        "> Messages Processed: (0) ",
        "> Connection 2",
        ">> one",
        "> Connection 3",
        ">> two",
        "> Connection 4",
        ">> two",
    ]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn tells_who_did_not_get_a_message_and_why() {
    let script = format!("{FIVE}connect ws://127.0.0.1:1\nclose 1\nsend 0-7,9 x\n");
    let outcome = run_against(echo, &script);
    outcome.expect_in_order(&[
        "> Sent to 4 of 8 connections",
        "> Error sending message: Bad Connection (connection 1 is closed)",
        "> Error sending message: Bad Connection (connection 5 failed to open)",
        "> No connection found with id 6-7",
        "> No connection found with id 9",
    ]);
    assert_eq!(outcome.status, Some(3), "connection 5 was first");
}

#[test]
fn means_by_all_those_that_have_not_ended() {
    let script =
        format!("{FIVE}close 0,2\nsend all x\nwait all message\nclose all 4000 bye\nlist\n");
    let outcome = run_against(echo, &script);
    outcome.expect_in_order(&[
        "> Closing connection 0",
        "> Closing connection 2",
        "> Sent to 3 connections",
        "> Closing connection 1",
        "> Closing connection 3",
        "> Closing connection 4",
    ]);
    for id in [1, 3, 4] {
        outcome.expect_in_order(&[&format!("{id} closed 4000 (Unknown) \"bye\" by this side")]);
    }
    assert_eq!(
        outcome.stdout.matches(" closed ").count(),
        5 + 5,
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(0));
    let outcome = run(
        &[],
        "send all x\nclose all\nping all\nwait all open\nshow all\n",
    );
    let refused = "> No connection is open";
    assert_eq!(
        outcome.lines(),
        [refused, refused, refused, refused, "> No connections"]
    );
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn pings_all_and_waits_for_every_pong() {
    let outcome = run_against(
        echo,
        &format!("{FIVE}ping all\nping 0-1\nping 0 hi \u{1b}\nshow 0\n"),
    );
    for id in 0..5 {
        let pong = format!("{id} pong ");
        assert!(outcome.stdout.contains(&pong), "{outcome:?}");
    }
    assert!(
        outcome.stdout.contains(" ms \"hi \\u{1b}\"\n"),
        "{outcome:?}"
    );
    let line = outcome
        .stdout
        .lines()
        .find(|line| line.starts_with("> Last round trip: "));
    let line = line.expect("connection 0 was pinged");
    assert!(line.contains("mean") && line.ends_with(" of 3)"), "{line}");
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn carries_a_payload_of_125_bytes_in_a_ping_and_refuses_more() {
    let (pings, ping) = mpsc::channel();
    let longest = "p".repeat(125);
    let outcome = run_against(
        move |mut peer| {
            peer.accept();
            if let Some((9, payload)) = peer.read() {
                peer.frame(0x8a, &payload);
                pings.send(payload).expect("the test listens");
            }
            peer.echo_close();
        },
        &format!("connect URI\nping 0 {longest}\nping 0 {longest}p\n"),
    );
    assert_eq!(ping.recv(), Ok(longest.into_bytes()));
    outcome.expect_in_order(&["> A ping carries up to 125 bytes, and this payload has 126"]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn closes_with_a_code_that_is_written_as_a_word() {
    let outcome = run_against(echo, "connect URI\nclose 0 going-away see you\n");
    outcome.expect_in_order(&["0 closed 1001 (Going away) \"see you\" by this side"]);
}

#[test]
fn refuses_a_list_that_is_none() {
    let outcome = run(
        &[],
        "send 0, x\nclose 3-1\nping 0-\nshow ,\nwait a,_ open\n",
    );
    let answers = ["0,", "3-1", "0-", ",", "a,_"].map(|list| {
        format!("> Not a list of connection ids: {list} (expected such as 0,2,5-9, or all)")
    });
    assert_eq!(outcome.lines(), answers);
}
