//! The echo server in the program.

use std::net::TcpListener;

use crate::support::{Program, run};

/// A session that serves, and the port that it chose.
fn serving() -> (Program, u16) {
    let mut program = Program::start(&[]);
    program.write(b"serve 0\n");
    let line = program.read_line();
    let port = line.strip_prefix("> Serving echo on ws://127.0.0.1:");
    let port = port.and_then(|port| port.parse().ok());
    (program, port.unwrap_or_else(|| panic!("{line}")))
}

#[test]
fn echoes_text_and_binary_with_nothing_else_installed() {
    let (mut program, port) = serving();
    program.write(
        format!(
            "connect ws://localhost:{port}\nsend 0 hällo\nsend 0 --hex 00ff\nwait 0 message\nwait 0 message\n\
             ping 0\nclose 0 1001 example message\nshow 0\nstop\n"
        )
        .as_bytes(),
    );
    let outcome = program.finish();
    outcome.expect_in_order(&[
        "0 << text 6 hällo",
        "0 << binary 2 00 FF",
        "> Error/close reason: close code: 1001 (Going away), close reason: example message",
        &format!("> Stopped serving on ws://127.0.0.1:{port}, 0 connections closed"),
    ]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn serves_again_on_the_same_port_at_once() {
    let (mut program, port) = serving();
    let once = format!("connect ws://127.0.0.1:{port}\nstop\n");
    program.write(format!("{once}serve {port}\n{once}").as_bytes());
    let outcome = program.finish();
    let stopped = format!("> Stopped serving on ws://127.0.0.1:{port}, 1 connection closed");
    let serving = format!("> Serving echo on ws://127.0.0.1:{port}");
    outcome.expect_in_order(&[&stopped, &serving, &stopped]);
    // The server has closed a connection when it has the client's answer; the client's own end of it
    // comes before or after that.
    let end = |id| format!("{id} closed 1001 (Going away) by peer");
    outcome.expect_in_order(&[&end(0)]);
    outcome.expect_in_order(&[&stopped, &serving, &end(1)]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn tells_in_one_line_that_a_port_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("the listener is bound").port();
    let outcome = run(&[], format!("serve {port}\n"));
    assert_eq!(outcome.lines().len(), 1);
    assert!(
        outcome
            .stdout
            .starts_with(&format!("> Error serving on 127.0.0.1:{port}: ")),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .ends_with("; port 0 takes any that is free\n"),
        "{}",
        outcome.stdout
    );
    let outcome = run(&[&format!("--serve={port}")], "");
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(2)));
    assert!(
        outcome
            .stderr
            .starts_with(&format!("bowsprit: Error serving on 127.0.0.1:{port}: ")),
        "{}",
        outcome.stderr
    );
}

#[test]
fn serves_once_and_stops_once() {
    let outcome = run(&[], "stop\nserve 0\nserve 0\nstop\nstop\n");
    let lines = outcome.lines();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!((lines[0], lines[4]), ("> Not serving", "> Not serving"));
    assert!(lines[1].starts_with("> Serving echo on ws://127.0.0.1:") && !lines[1].ends_with(":0"));
    assert!(lines[2].starts_with("> Already serving echo on ws://127.0.0.1:"));
    assert_eq!(outcome.status, Some(1));
}
