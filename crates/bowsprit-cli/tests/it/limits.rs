//! Times and limits: what a peer may make this program wait for, and hold.

use std::fs;
use std::thread;

use crate::support::{Outcome, Peer, run, run_against, serve};

/// Fails unless the connection ended for this reason, with this status.
fn expect_end(outcome: &Outcome, cause: &str, status: i32) {
    let ended = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("0 closed "));
    assert!(
        ended.is_some_and(|line| line.contains(cause)),
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(status), "{outcome:?}");
}

/// Answers pings, and tells of each with a message.
fn tell_pings(mut peer: Peer) {
    peer.accept();
    while let Some((opcode, payload)) = peer.read() {
        match opcode {
            9 => {
                peer.frame(0x8a, &payload);
                peer.text("pinged");
            }
            8 => return peer.frame(0x88, &payload),
            _ => {}
        }
    }
}

#[test]
fn pings_a_silent_peer_and_shows_how_long_it_took() {
    let script =
        "connect --keepalive 30ms --pong-timeout 1s URI\nwait 0 message\nwait 0 message\nshow 0\n";
    let outcome = run_against(tell_pings, script);
    outcome.expect_in_order(&["0 << text 6 pinged", "0 << text 6 pinged"]);
    let line = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("> Last round trip: "));
    assert!(
        line.is_some_and(|line| line.contains("mean")),
        "{outcome:?}"
    );
    assert!(
        !outcome.stdout.contains("0 pong"),
        "nobody typed those pings"
    );
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn pings_nobody_where_that_is_off() {
    let uri = format!("ws://{}", serve(tell_pings));
    let script = format!("connect --keepalive off {uri}\nwait 0 message 0.3\n");
    let outcome = run(&["--keepalive", "30ms"], script);
    outcome.expect_in_order(&["> Connection 0 sent no message within 300 ms"]);
}

#[test]
fn closes_a_connection_over_which_nothing_is_said() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.echo_close();
        },
        "connect --idle-timeout 100ms URI\nwait 0 close\n",
    );
    expect_end(&outcome, "wait for a message timed out", 124);
}

#[test]
fn gives_up_a_peer_that_does_not_read() {
    let file = std::env::temp_dir().join(format!("bowsprit-it-stall-{}", std::process::id()));
    fs::write(&file, vec![0; 64 << 20]).expect("a file in the temporary directory");
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            loop {
                thread::park();
            }
        },
        &format!(
            "connect --no-compress --write-timeout 200ms URI\nsend 0 --file {}\nwait 0 close 3600\n",
            file.display()
        ),
    );
    fs::remove_file(file).expect("the file is still there");
    expect_end(&outcome, "wait for the peer to read timed out", 124);
}

#[test]
fn accepts_no_larger_frame_than_it_is_told_to() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.text("more than ten bytes");
            peer.drain();
        },
        "connect --max-frame 10B URI\nwait 0 close\n",
    );
    expect_end(&outcome, "limit of 10", 6);
}

#[test]
fn accepts_no_message_in_more_frames_than_it_is_told_to() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.frame(0x01, b"a");
            peer.frame(0x00, b"b");
            peer.frame(0x80, b"c");
            peer.drain();
        },
        "connect --max-fragments 2 URI\nwait 0 close\n",
    );
    expect_end(&outcome, "more frames than the limit of 2", 6);
}

#[test]
fn accepts_messages_no_faster_than_it_is_told_to() {
    let flood = |mut peer: Peer| {
        peer.accept();
        (0..4).for_each(|_| peer.text("x"));
        peer.drain();
    };
    let outcome = run_against(flood, "connect --max-rate 1/s,3 URI\nwait 0 close\n");
    expect_end(&outcome, "faster than the limit of 1 a second", 6);
    let script = "connect --max-rate 1/s,4 URI\nwait 0 message\nwait 0 message\nwait 0 message\nwait 0 message\n";
    assert_eq!(run_against(flood, script).status, Some(0));
}
