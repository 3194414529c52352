//! The ways out: `quit`, the end of input, signals.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::{Peer, Program, run, run_against, serve};

/// What is said where the deadline for leaving is over.
const NOT_IN_TIME: &str = "> Connection 0 did not close in time, dropped";

/// Opens, and answers no close frame.
fn never_answering(mut peer: Peer) {
    peer.accept();
    peer.stay();
}

#[test]
fn closes_what_is_open_with_1001_in_the_order_of_the_ids() {
    let (codes, code) = mpsc::channel();
    let server = move |mut peer: Peer| {
        peer.accept();
        let (number, reason) = peer.read_close().expect("a close frame");
        peer.close(number, &reason);
        codes.send((number, reason)).expect("the test listens");
    };
    let outcome = run_against(
        server,
        "connect URI\nconnect URI\nconnect ws://127.0.0.1:1\nconnect URI\nclose 1 4000\nquit\n",
    );
    outcome.expect_in_order(&["> Closing connection 0", "> Closing connection 3"]);
    assert!(
        !outcome.stdout.contains("> Closing connection 1")
            && !outcome.stdout.contains("> Closing connection 2")
    );
    let mut codes: Vec<_> = code.try_iter().collect();
    codes.sort_unstable();
    let going_away = || (1001, String::new());
    assert_eq!(codes, [going_away(), going_away(), (4000, String::new())]);
}

#[test]
fn ends_although_a_peer_never_answers_the_close_frame() {
    let outcome = run_against(never_answering, "connect --close-timeout 1h URI\nquit\n");
    outcome.expect_in_order(&["> Closing connection 0", NOT_IN_TIME]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn gives_up_a_connection_that_is_still_being_made() {
    let (requests, request) = mpsc::channel();
    let address = serve(move |mut peer| {
        requests.send(peer.request()).expect("the test listens");
        peer.stay();
    });
    let mut program = Program::start(&["--open-timeout", "1h"]);
    program.write(format!("connect ws://{address}\n").as_bytes());
    request.recv().expect("a request");
    program.signal("TERM");
    let outcome = program.wait();
    outcome.expect_in_order(&[
        "> Canceling connection 0 (still connecting)",
        "0 failed attempt was given up",
    ]);
    assert_eq!(outcome.status, Some(143));
}

#[test]
fn closes_with_1001_when_a_signal_ends_it() {
    for (signal, status) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let (codes, code) = mpsc::channel();
        let address = serve(move |mut peer| {
            peer.accept();
            peer.text("ready");
            let (number, reason) = peer.read_close().expect("a close frame");
            peer.close(number, &reason);
            codes.send(number).expect("the test listens");
        });
        let mut program = Program::start(&[]);
        program.write(format!("connect ws://{address}\nwait 0 close 3600\n").as_bytes());
        program.read_until("<< text 5 ready\n");
        program.signal(signal);
        let outcome = program.wait();
        outcome.expect_in_order(&[
            "> Closing connection 0",
            "0 closed 1001 (Going away) by this side",
        ]);
        assert_eq!(outcome.status, Some(status));
        assert_eq!(code.recv(), Ok(1001));
    }
}

#[test]
fn ends_at_once_at_the_second_signal() {
    let mut program = Program::start(&["--close-timeout", "1h"]);
    let address = serve(never_answering);
    program.write(format!("connect ws://{address}\nwait 0 close 3600\n").as_bytes());
    program.read_until("0 open 101 ");
    program.signal("INT");
    program.read_until("> Closing connection 0\n");
    program.signal("INT");
    let outcome = program.wait();
    assert!(!outcome.stdout.contains(NOT_IN_TIME), "{outcome:?}");
    assert_eq!(outcome.status, Some(130));
}

#[test]
fn ends_at_the_second_signal_although_nobody_takes_its_output() {
    let address = serve(|mut peer| {
        peer.accept();
        while peer.write_text("flood").is_ok() {}
    });
    let mut program = Program::start(&[]);
    program.write(format!("connect ws://{address}\nwait 0 close 3600\n").as_bytes());
    program.read_until("0 << text 5 flood\n");
    // Two that come too close to each other count as one.
    while program.is_running() {
        program.signal("TERM");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(program.wait().status, Some(143));
}

#[test]
fn leaves_without_waiting_when_told_twice_over() {
    let outcome = run_against(never_answering, "connect --close-timeout 1h URI\nquit!\n");
    assert!(!outcome.stdout.contains(NOT_IN_TIME), "{outcome:?}");
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn takes_no_line_behind_quit() {
    let outcome = run(&[], "quit\nlist\n");
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(0)));
}
