//! Ends of connections, from both sides and from neither.

use std::sync::mpsc;

use crate::support::run_against;

#[test]
fn drops_the_one_blank_before_a_reason_and_no_more() {
    let (frames, frame) = mpsc::channel();
    let outcome = run_against(
        move |mut peer| {
            peer.accept();
            let (code, reason) = peer.read_close().expect("a close frame");
            peer.close(code, &reason);
            frames.send((code, reason)).expect("the test listens");
        },
        "connect URI\nclose 0 4000  two blanks \n",
    );
    assert_eq!(frame.recv(), Ok((4000, " two blanks ".to_owned())));
    outcome.expect_in_order(&["0 closed 4000 (Unknown) \" two blanks \" by this side"]);
}

#[test]
fn cuts_a_long_reason_between_characters_and_says_so() {
    let (frames, frame) = mpsc::channel();
    let reason = format!("{}ä rest", "x".repeat(122));
    let outcome = run_against(
        move |mut peer| {
            peer.accept();
            frames.send(peer.read_close()).expect("the test listens");
        },
        &format!("connect URI\nclose 0 1000 {reason}\n"),
    );
    assert_eq!(frame.recv(), Ok(Some((1000, "x".repeat(122)))));
    outcome.expect_in_order(&["> Close reason cut from 129 to 122 bytes"]);
}

#[test]
fn does_the_closing_handshake_with_every_code_that_tells_of_a_fault() {
    for code in [1002, 1007, 1008, 1009, 1011] {
        let outcome = run_against(
            |mut peer| {
                peer.accept();
                peer.read_close().expect("a close frame");
                peer.close(4002, "mine");
            },
            &format!("connect URI\nclose 0 {code}\n"),
        );
        outcome.expect_in_order(&["0 closed 4002 (Unknown) \"mine\" by this side"]);
    }
}

#[test]
fn tells_what_both_sides_said_in_the_closing_handshake() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.read_close().expect("a close frame");
            peer.close(4002, "mine");
        },
        "connect URI\nclose 0 1002 yours\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "0 closed 4002 (Unknown) \"mine\" by this side",
        "> Status: Closed",
        "> Error/close reason: close code: 4002 (Unknown), close reason: mine",
        "> Messages Processed: (0) ",
        "> Sent close: close code: 1002 (Protocol error), close reason: yours",
        "> Closed first by: this side",
        "",
    ]);
}

#[test]
fn tells_that_the_peer_closed_first() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.close(4001, "bye");
            peer.drain();
        },
        "connect URI\nwait 0 close\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "0 closed 4001 (Unknown) \"bye\" by peer",
        "> Error/close reason: close code: 4001 (Unknown), close reason: bye",
        "> Closed first by: peer",
    ]);
}

#[test]
fn spells_policy_violation_right() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.close(1008, "");
            peer.drain();
        },
        "connect URI\nwait 0 close\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "> Error/close reason: close code: 1008 (Policy violation), close reason: ",
    ]);
}

#[test]
fn tells_the_true_cause_of_an_abnormal_end() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.frame(0x81, b"\xff");
            peer.drain();
        },
        "connect URI\nwait 0 close\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "> Status: Closed",
        "> Error/close reason: close code: 1006 (Abnormal close), close reason: ",
        "> Cause: protocol violation by the peer: text is not valid UTF-8",
    ]);
    assert!(
        outcome
            .stdout
            .contains("\n> Sent close: close code: 1007 (Invalid payload)"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn calls_an_invalid_close_code_of_the_peer_a_protocol_error() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.close(999, "");
            peer.drain();
        },
        "connect URI\nwait 0 close\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "> Cause: protocol violation by the peer: close frame with the invalid code 999",
    ]);
}

#[test]
fn tells_that_a_connection_was_dropped() {
    let outcome = run_against(|mut peer| peer.accept(), "connect URI\nwait 0 close\n");
    let line = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("0 closed"));
    assert!(
        line.is_some_and(|line| line.starts_with("0 closed 1006 (Abnormal close): ")),
        "{}",
        outcome.stdout
    );
    assert_eq!(outcome.status, Some(7));
}
