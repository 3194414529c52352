//! The library's log channels, printed with this program's ids.

use crate::support::{Peer, run, serve};

fn script() -> String {
    let address = serve(|mut peer: Peer| {
        peer.accept();
        peer.frame(0x89, b"are you there?");
        peer.text("a\u{1b}[2Jb");
        peer.echo_close();
    });
    format!(
        "connect ws://127.0.0.1:1\nconnect ws://{address}/x?token=secret\nwait 1 message\nclose 1\n"
    )
}

#[test]
fn prints_the_channels_that_were_asked_for_and_no_others() {
    let outcome = run(&["-q", "--log", "connect,fail,control"], script());
    let logged: Vec<_> = outcome
        .lines()
        .into_iter()
        .filter(|line| line.contains(" log "))
        .collect();
    let begins = |beginning: &str| logged.iter().any(|line| line.starts_with(beginning));
    assert!(begins("0 log fail "), "{outcome:?}");
    assert!(begins("1 log connect "), "{outcome:?}");
    assert!(begins("1 log control "), "{outcome:?}");
    assert!(!outcome.stdout.contains("message_header"), "{outcome:?}");
    assert!(
        !logged.iter().any(|line| line.contains("secret")),
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(3));
}

#[test]
fn prints_everything_and_nothing_that_acts_on_a_terminal() {
    let outcome = run(&["--log", "all"], script());
    for channel in ["message_header", "message_payload", "disconnect"] {
        assert!(
            outcome.stdout.contains(&format!("1 log {channel} ")),
            "{outcome:?}"
        );
    }
    assert!(
        !outcome.stdout.chars().any(|c| c.is_control() && c != '\n'),
        "{outcome:?}"
    );
}

#[test]
fn prints_every_frame_both_ways() {
    let outcome = run(&["--trace"], script());
    let frames = |beginning: &str| {
        let lines = outcome.lines().into_iter();
        lines.filter(|line| line.starts_with(beginning)).count()
    };
    for header in [
        "received fin=true rsv=000 opcode=ping masked=false len=14",
        "sent fin=true rsv=000 opcode=pong masked=true len=14",
        "received fin=true rsv=000 opcode=text masked=false len=6",
        "sent fin=true rsv=000 opcode=close masked=true len=2",
        "received fin=true rsv=000 opcode=close masked=false len=2",
    ] {
        assert_eq!(
            frames(&format!("1 log frame_header {header}")),
            1,
            "{outcome:?}"
        );
    }
    assert_eq!(frames("1 log frame_payload sent excerpt=are you there?"), 1);
    assert_eq!(frames("1 log frame_payload received excerpt=a\\x1b[2Jb"), 1);
    assert_eq!(frames("1 log message"), 0);
}

#[test]
fn prints_nothing_of_the_log_unless_asked_to() {
    assert!(!run(&[], script()).stdout.contains(" log "));
}

#[test]
fn refuses_a_channel_that_there_is_not() {
    let outcome = run(&["--log", "connect,everything"], "");
    assert!(outcome.stderr.contains("no such channel"), "{outcome:?}");
    assert_eq!(outcome.status, Some(2));
}
