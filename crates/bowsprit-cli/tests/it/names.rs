//! Connections by name, and `.` for the one that was used last.

use crate::support::{echo, run, run_against};

#[test]
fn takes_a_name_wherever_an_id_may_stand() {
    let outcome = run_against(
        echo,
        "connect --name chat URI\nconnect URI\nconnect --name feed-2 URI\nsend chat hi\nwait chat message\n\
         send feed-2,1 two\nwait 1-2 message\nping chat hi\nclose feed-2 4000 bye\nshow chat\n",
    );
    outcome.expect_in_order(&[
        "> Created connection with id 0 (chat)",
        "> Created connection with id 1",
        "> Created connection with id 2 (feed-2)",
        "0 (chat) << text 2 hi",
        "> Sent to 2 connections",
        "2 (feed-2) closed 4000 (Unknown) \"bye\" by this side",
        ">> hi",
    ]);
    assert!(outcome.lines().contains(&"1 << text 3 two"), "{outcome:?}");
    assert!(
        outcome.lines().contains(&"2 (feed-2) << text 3 two"),
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn means_by_a_dot_the_connection_that_was_made_or_named_last() {
    let outcome = run_against(
        echo,
        "send . x\nconnect URI\nconnect URI\nsend . one\nwait . message\nsend 0 two\nwait 0 message\n\
         close .\nsend all three\nwait 1 message\n",
    );
    outcome.expect_in_order(&[
        "> No connection was used yet, so . means none",
        "1 << text 3 one",
        "0 << text 3 two",
        "0 closed 1000 (Normal close) by this side",
        "> Sent to 1 connection",
        "1 << text 5 three",
    ]);
}

#[test]
fn sends_a_line_that_begins_with_a_bracket_to_the_one_used_last() {
    let outcome = run_against(
        echo,
        "> too early\nconnect URI\n> hello\n>  two\n>none\n>\nwait 0 message\nwait 0 message\nwait 0 message\n",
    );
    outcome.expect_in_order(&[
        "> No connection was used yet, so . means none",
        "> Usage: > <message>, to the connection used last",
    ]);
    outcome.expect_in_order(&["0 << text 5 hello", "0 << text 4  two", "0 << text 4 none"]);
}

#[test]
fn refuses_a_name_that_is_taken_and_gives_it_on_when_its_holder_has_ended() {
    let outcome = run_against(
        echo,
        "connect --name a URI\nconnect --name a URI\nclose a\nconnect --name a URI\nsend a hi\nwait 1 message\nlist\n",
    );
    outcome.expect_in_order(&[
        "> Connection 0 is called a already",
        "0 (a) closed 1000 (Normal close) by this side",
        "> Created connection with id 1 (a)",
        "1 (a) << text 2 hi",
    ]);
    let row = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("> 0 "));
    assert!(
        row.is_some_and(|row| row.starts_with("> 0  -    closed ")),
        "{outcome:?}"
    );
}

#[test]
fn refuses_what_cannot_be_a_name_and_suggests_one_that_is_there() {
    let names = ["5", "5-9", "all", ".", "-a", "a,b", "open", "'a b'", "ä"];
    let script: String = names
        .map(|name| format!("connect --name={name} ws://h\n"))
        .concat();
    let outcome = run(&[], script);
    assert_eq!(outcome.lines().len(), names.len());
    for line in outcome.lines() {
        assert!(line.starts_with("> Not a value of --name: "), "{line}");
    }
    let outcome = run_against(
        echo,
        "connect --name chat URI\nsend chta x\nsend Chat x\nsend other x\n",
    );
    outcome.expect_in_order(&[
        "> No connection is called chta (did you mean chat?)",
        "> No connection is called Chat (did you mean chat?)",
        "> No connection is called other (see list)",
    ]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn refuses_a_name_that_nothing_has() {
    let outcome = run(&["--name", "chat"], "");
    assert_eq!(outcome.status, Some(2), "a name for nothing: {outcome:?}");
    let outcome = run(&["--name", "chat", "ws://127.0.0.1:1"], "");
    let sentence = "bowsprit: --name is for connections at the prompt: a pipe has one\n";
    assert_eq!(
        (outcome.stderr.as_str(), outcome.status),
        (sentence, Some(2))
    );
}
