//! `list` and `stats`: columns for people and grep.

use crate::support::{Outcome, echo, run, run_against};

const TWO: &str = "connect --name chat URI\nconnect URI\nsend chat hello\nwait chat message\nping chat\nclose 1\n";

/// The words of the row of a connection.
fn row<'o>(outcome: &'o Outcome, id: &str) -> Vec<&'o str> {
    let begins = format!("> {id} ");
    let line = outcome
        .stdout
        .lines()
        .find(|line| line.starts_with(&begins));
    line.expect("a row").split_ascii_whitespace().collect()
}

#[test]
fn lists_state_traffic_latency_and_queue_in_columns() {
    let outcome = run_against(echo, &format!("{TWO}list\n"));
    let head = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("> id "));
    let head: Vec<&str> = head.expect("a head").split_ascii_whitespace().collect();
    assert_eq!(
        head,
        [
            ">", "id", "name", "state", "in", "out", "bytes", "latency", "age", "idle", "queue",
            "uri"
        ]
    );
    let (first, second) = (row(&outcome, "0"), row(&outcome, "1"));
    assert_eq!(first[..7], [">", "0", "chat", "open", "1", "1", "10B"]);
    assert!(
        first[7].ends_with("ms") || first[7].ends_with('s'),
        "{first:?}"
    );
    assert_eq!(first[10], "0B");
    assert!(first[11].starts_with("ws://127.0.0.1:"), "{first:?}");
    assert_eq!(second[..8], [">", "1", "-", "closed", "0", "0", "0B", "-"]);
    assert_eq!(second[9..11], ["-", "-"]);
}

#[test]
fn has_no_column_for_names_where_there_are_none() {
    let outcome = run_against(echo, "connect URI\nlist\n");
    assert_eq!(row(&outcome, "0")[..3], [">", "0", "open"]);
}

#[test]
fn lists_those_in_one_state_or_those_that_are_named() {
    let outcome = run_against(
        echo,
        &format!("{TWO}list open\nlist closed\nlist failed\nlist chat\nlist 0-9\nlist nobody\n"),
    );
    let rows = outcome
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("> 0 ") || line.starts_with("> 1 "));
    let ids: Vec<&str> = rows.map(|row| &row[2..3]).collect();
    assert_eq!(ids, ["0", "1", "0", "0", "1"]);
    outcome.expect_in_order(&[
        "> No connection is failed",
        "> No connection found with id 2-9",
        "> No connection is called nobody (see list)",
    ]);
}

#[test]
fn tells_counts_rates_and_round_trips() {
    let outcome = run_against(echo, &format!("{TWO}stats 0\nstats\nshow 0\n"));
    for beginning in [
        "> Connection 0 (chat): Open",
        ">   Open for: ",
        ">   Received: 1 message, 5B, ",
        ">   Sent: 1 message, 5B, ",
        ">   Round trips: 1, min ",
        ">   Waiting to be sent: 0B",
        "> 2 connections: 1 open, 1 closed ",
        ">   Messages kept: 10B",
        "> Open for: ",
        "> Received: 1 message, 5B, ",
    ] {
        let found = outcome
            .lines()
            .into_iter()
            .any(|line| line.starts_with(beginning));
        assert!(found, "{beginning}: {outcome:?}");
    }
    assert_eq!(run(&[], "stats\n").lines(), ["> No connections"]);
}

#[test]
fn shows_all_of_a_connection_as_one_object() {
    let outcome = run_against(echo, &format!("{TWO}show 0 --json\nshow 1 --json\n"));
    let objects = outcome
        .lines()
        .into_iter()
        .filter(|line| line.starts_with('{'));
    let objects: Vec<serde_json::Value> = objects
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [first, second] = objects.as_slice() else {
        panic!("two objects: {outcome:?}");
    };
    assert_eq!(
        (&first["id"], &first["name"], &first["status"]),
        (&0.into(), &"chat".into(), &"open".into())
    );
    assert_eq!((&first["received"], &first["sent"]), (&1.into(), &1.into()));
    assert_eq!(first["round_trips"]["count"], 1);
    assert_eq!(first["close"], serde_json::Value::Null);
    assert_eq!(
        (&second["status"], &second["close"]["code"]),
        (&"closed".into(), &1000.into())
    );
}
