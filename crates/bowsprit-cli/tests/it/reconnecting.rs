//! Connections that are made again, and redirections.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Peer, Program, run, run_against, serve, serve_on};

/// Does this with the first connection and that with all others.
fn first_then(
    first: impl Fn(Peer) + Clone + Send + 'static,
    then: impl Fn(Peer) + Clone + Send + 'static,
) -> impl Fn(Peer) + Clone + Send + 'static {
    let count = Arc::new(AtomicUsize::new(0));
    move |peer| match count.fetch_add(1, Ordering::SeqCst) {
        0 => first(peer),
        _ => then(peer),
    }
}

#[test]
fn comes_back_after_the_connection_was_lost() {
    let server = first_then(
        |mut peer| peer.accept(),
        |mut peer| {
            peer.accept();
            peer.text("again");
            peer.echo_close();
        },
    );
    let script =
        "connect --reconnect=first=10ms URI\nwait 0 close\nwait 0 open\nwait 0 message\nshow 0\n";
    let outcome = run_against(server, script);
    let lines = outcome.lines();
    let has = |beginning: &str| lines.iter().any(|line| line.starts_with(beginning));
    assert!(has("0 closed 1006 (Abnormal close): "), "{outcome:?}");
    assert!(has("0 retry 1 in "), "{outcome:?}");
    outcome.expect_in_order(&["0 << text 5 again", "> Status: Open"]);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("0 open 101"))
            .count(),
        2
    );
    assert_eq!(outcome.status, Some(0), "the connection came back");
}

#[test]
fn waits_for_a_server_that_is_not_there_yet() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("the listener is bound");
    drop(listener);
    let mut program = Program::start(&["--reconnect=first=50ms,max=50ms"]);
    program.write(format!("connect ws://{address}\nwait 0 message\n").as_bytes());
    program.read_until("\n0 retry 2 in ");
    let listener = TcpListener::bind(address).expect("the port is still free");
    serve_on(listener, |mut peer| {
        peer.accept();
        peer.text("late");
        peer.echo_close();
    });
    let retry = program.read_line();
    let refused = format!("(connection refused ({address}))");
    assert!(retry.ends_with(&refused), "{retry}");
    let outcome = program.finish();
    outcome.expect_in_order(&["0 << text 4 late"]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn gives_up_after_as_many_tries_as_it_was_told() {
    let outcome = run(
        &["-q"],
        "connect --reconnect=tries=2,first=10ms ws://127.0.0.1:1\nshow 0\n",
    );
    outcome.expect_in_order(&["> Status: Failed"]);
    assert_eq!(outcome.status, Some(3));
    let outcome = run(
        &[],
        "connect --reconnect=tries=2,first=10ms ws://127.0.0.1:1\n",
    );
    let retries: Vec<_> = outcome
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("0 retry "))
        .collect();
    assert_eq!(retries.len(), 2, "{outcome:?}");
    assert!(
        outcome
            .stdout
            .ends_with("0 failed connection refused (127.0.0.1:1)\n")
    );
}

#[test]
fn is_given_up_by_close_and_by_quit() {
    for leave in ["close 0\nlist\n", ""] {
        let mut program = Program::start(&[]);
        let lost = serve(first_then(
            |mut peer| peer.accept(),
            |mut peer| {
                peer.request();
            },
        ));
        program.write(
            format!("connect --reconnect=first=1h,max=1h ws://{lost}\nwait 0 close\n{leave}")
                .as_bytes(),
        );
        let outcome = program.finish();
        outcome.expect_in_order(&["0 failed attempt was given up"]);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
    }
}

#[test]
fn stays_closed_where_nothing_was_asked_or_it_was_switched_off() {
    for options in ["", "--reconnect=off "] {
        let flags = if options.is_empty() {
            &[][..]
        } else {
            &["--reconnect"]
        };
        let uri = format!("ws://{}", serve(|mut peer| peer.accept()));
        let outcome = run(
            flags,
            format!("connect {options}{uri}\nwait 0 close\nlist\n"),
        );
        assert!(!outcome.stdout.contains("retry"), "{outcome:?}");
        assert_eq!(outcome.status, Some(7));
    }
}

#[test]
fn follows_redirections_only_where_it_is_told_to() {
    let target = format!(
        "ws://{}/there",
        serve(|mut peer| {
            let head = peer.request();
            assert!(head.starts_with("GET /there "), "{head}");
            assert!(
                !head.contains("Authorization"),
                "no secret goes to another origin"
            );
            peer.answer(&head, "");
            peer.echo_close();
        })
    );
    let location = target.clone();
    let uri = format!(
        "ws://{}",
        serve(move |mut peer| {
            assert!(peer.request().contains("Authorization"));
            peer.write(format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        })
    );
    let outcome = run(&["--auth", "me:pw"], format!("connect -L {uri}\nshow 0\n"));
    outcome.expect_in_order(&["> Status: Open", &format!("> Redirected to: {target}")]);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    for options in ["", "-L=0 "] {
        let outcome = run(&["--auth", "me:pw"], format!("connect {options}{uri}\n"));
        assert!(
            outcome
                .stdout
                .contains("0 failed HTTP 307 Temporary Redirect"),
            "{outcome:?}"
        );
        assert_eq!(outcome.status, Some(5));
    }
}
