//! Many connections by one command.

use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::support::{echo, run, run_against, serve, serve_on};

#[test]
fn opens_many_and_tells_it_in_one_line() {
    let outcome = run_against(
        echo,
        "open 150 URI\nsend all hi\nwait all message\nlist\nlist 7\nclose 0-10\nclose all\nreconnect 3,5\nlist open\n",
    );
    outcome.expect_in_order(&[
        "> Created connections with ids 0-149",
        "> Sent to 150 connections",
        "> 150 connections: 150 open (list all, list <state> or list <ids> prints them)",
        "> Closing connection 10",
        "> 11 connections ended: 11 closed 1000 (Normal close) by this side",
        "> Closing 139 connections",
        "> 139 connections ended: 139 closed 1000 (Normal close) by this side",
        "> Connecting again with 2 ids",
    ]);
    assert!(
        outcome
            .stdout
            .contains("> 150 of 150 connections are open, after "),
        "{outcome:?}"
    );
    assert!(!outcome.stdout.contains(" open 101 "), "{outcome:?}");
    assert_eq!(outcome.stdout.matches(" << text 2 hi\n").count(), 150);
    let rows = outcome
        .lines()
        .into_iter()
        .filter(|line| line.contains(" open ") && line.contains("ws://"));
    assert_eq!(
        rows.map(|row| row[2..5].trim().to_owned())
            .collect::<Vec<_>>(),
        ["7", "3", "5"]
    );
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn tells_how_many_failed_and_why() {
    let outcome = run(
        &[],
        "connect --count 100 ws://127.0.0.1:1\nopen 3 no uri\nlist failed\n",
    );
    outcome.expect_in_order(&[
        "> Created connections with ids 0-99",
        "> 100 failed connection refused (127.0.0.1:1)",
        "> Connect initialization error: invalid uri",
    ]);
    assert!(
        outcome
            .stdout
            .contains("> 0 of 100 connections are open, after "),
        "{outcome:?}"
    );
    assert_eq!(
        outcome.stdout.matches(" failed ").count(),
        101,
        "no line for each: {outcome:?}"
    );
    assert_eq!(outcome.status, Some(3));
}

#[test]
fn tells_of_each_where_a_few_of_a_crowd_end() {
    let script = "open 12 URI\nclose 2 4001 bye\nclose 3,5\nreconnect 3,5\nlist 0\n";
    let outcome = run_against(echo, script);
    outcome.expect_in_order(&[
        "> Created connections with ids 0-11",
        "2 closed 4001 (Unknown) \"bye\" by this side",
        "3 closed 1000 (Normal close) by this side",
        "> Connecting again with 2 ids",
    ]);
    outcome.expect_in_order(&["5 closed 1000 (Normal close) by this side"]);
    let ended: Vec<_> = outcome
        .lines()
        .into_iter()
        .filter(|line| line.contains(" ended: "))
        .collect();
    assert_eq!(
        ended,
        ["> 11 connections ended: 11 closed 1001 (Going away) by this side"]
    );
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn tells_programs_of_each_once() {
    let uri = format!("ws://{}", serve(echo));
    let script = format!("open 12 {uri}\nclose 0\nclose 1-11\n");
    let outcome = run(&["--json"], script);
    let events = outcome.events();
    for kind in ["open", "close"] {
        let ids: std::collections::BTreeSet<_> = events
            .iter()
            .filter(|event| event["event"] == kind)
            .map(|event| event["id"].as_u64())
            .collect();
        let count = events.iter().filter(|event| event["event"] == kind).count();
        assert_eq!((ids.len(), count), (12, 12), "{kind}: {outcome:?}");
    }
}

#[test]
fn tells_that_a_crowd_is_made_again() {
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let server = move |mut peer: crate::support::Peer| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        peer.accept();
        match number {
            // Not before all are open.
            0..12 => drop(peer.read()),
            _ => peer.echo_close(),
        }
    };
    let script =
        "open 12 --reconnect=first=200ms URI\nsend all go\nwait all close\nwait all open\n";
    let outcome = run_against(server, script);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let again: usize = outcome
        .lines()
        .into_iter()
        .filter_map(|line| {
            line.strip_prefix("> ")?
                .strip_suffix(" connections open again")
        })
        .filter_map(|count| count.parse::<usize>().ok())
        .sum();
    let each = outcome.stdout.matches(" open 101 ").count();
    assert_eq!(again + each, 12, "{outcome:?}");
}

#[test]
fn closes_a_crowd_in_a_few_lines_when_it_leaves() {
    let outcome = run_against(echo, "open 120 URI\n");
    outcome.expect_in_order(&[
        "> Closing 120 connections",
        "> 120 connections ended: 120 closed 1001 (Going away) by this side",
    ]);
    assert_eq!(outcome.lines().len(), 4, "{outcome:?}");
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn shakes_hands_with_a_bounded_number_at_once_and_gives_up_the_rest_when_it_leaves() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (begun, requests) = std::sync::mpsc::channel();
    let address = serve_on(listener, move |mut peer| {
        peer.request();
        // Nobody is answered.
        begun.send(()).expect("the test listens");
        peer.drain();
    });
    let mut program = crate::support::Program::start(&[]);
    program.write(format!("open 300 ws://{address}\n").as_bytes());
    for _ in 0..64 {
        requests.recv().expect("a request");
    }
    program.signal("TERM");
    let outcome = program.wait();
    assert_eq!(requests.try_iter().count(), 0, "no more than 64 at once");
    assert_eq!(outcome.status, Some(143), "{outcome:?}");
}

/// Runs the commands under a limit that the shell sets: what is printed, and the exit status.
fn run_under(limit: &str, commands: &str) -> (String, Option<i32>) {
    let commands = commands.replace("URI", &format!("ws://{}", serve(echo)));
    let program = env!("CARGO_BIN_EXE_bowsprit");
    let output = Command::new("sh")
        .args(["-c", &format!("{limit}; printf '{commands}' | {program}")])
        .env("BOWSPRIT_CONFIG", "")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    (stdout, output.status.code())
}

#[test]
fn names_the_limit_of_descriptors_and_the_remedy() {
    let (stdout, status) = run_under("ulimit -n 40", "open 150 URI\\nlist\\n");
    let failed = stdout
        .lines()
        .find(|line| line.contains(" failed too many open files"));
    assert!(
        failed.is_some_and(|line| line.ends_with(
            ": the limit of this process is 40; raise it with ulimit -n before the start"
        )),
        "{stdout}"
    );
    assert!(stdout.lines().count() < 50, "no storm of lines: {stdout}");
    assert_eq!(status, Some(3), "{stdout}");
}

#[test]
#[cfg(target_os = "linux")]
fn raises_the_limit_of_descriptors_to_what_is_allowed() {
    let (stdout, status) = run_under("ulimit -Sn 40", "open 60 URI\\n");
    assert!(
        stdout.contains("> 60 of 60 connections are open"),
        "{stdout}"
    );
    assert_eq!(status, Some(0), "{stdout}");
}

#[test]
fn tells_how_far_the_opening_is_while_it_takes_long() {
    let outcome = run_against(
        |mut peer| {
            peer.request();
            peer.drain();
        },
        "open 3 --open-timeout 4s URI\n",
    );
    outcome.expect_in_order(&["> 0 of 3 connections are open, 0 failed so far"]);
    let failed = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("> 3 failed "));
    assert!(failed.is_some(), "{outcome:?}");
    assert_eq!(outcome.status, Some(124));
}
