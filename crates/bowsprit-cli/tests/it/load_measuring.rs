//! `load` against servers that misbehave in known ways: the figures must say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::load_support::{echo, figures};
use crate::support::{Peer, serve};

/// A server that does this with each connection once it is open.
fn open(behavior: impl Fn(&mut Peer) + Clone + Send + 'static) -> String {
    let address = serve(move |mut peer: Peer| {
        peer.accept();
        behavior(&mut peer);
    });
    format!("ws://{address}")
}

#[test]
fn a_count_is_sent_and_answered_exactly() {
    let uri = open(echo);
    for options in [
        &["-c", "3", "-n", "100"] as &[&str],
        &["-c", "3", "-n", "100", "--in-flight", "7", "--threads", "2"],
        &["-c", "3", "-n", "100", "--rate", "1000/s", "--threads", "3"],
        &["-c", "3", "-n", "100", "--binary", "--size", "0..125"],
        &["-c", "3", "-n", "100", "--mode", "ping"],
        &["-c", "3", "-n", "100", "--think", "1ms", "--warmup", "50ms"],
        &[
            "-c",
            "3",
            "-n",
            "100",
            "--template",
            "{{id}} {{seq}} {{now}} {{random}}",
        ],
    ] {
        let (outcome, figures) = figures(options, &uri);
        assert_eq!(outcome.status, Some(0), "{options:?}: {}", outcome.stderr);
        for (path, value) in [
            ("/connections/opened", 3.0),
            ("/connections/failed", 0.0),
            ("/connections/lost", 0.0),
            ("/sent/messages", 100.0),
            ("/latency/samples", 100.0),
            ("/connect/samples", 3.0),
            ("/errors", 0.0),
        ] {
            assert_eq!(figures.number(path), value, "{options:?}: {path}");
        }
        assert!(figures.number("/received/messages") >= 100.0, "{options:?}");
    }
}

#[test]
fn what_was_asked_for_by_count_is_measured_until_its_last_answer() {
    const DELAY: Duration = Duration::from_millis(250);
    let uri = open(|peer| {
        while let Some((opcode @ (1 | 2), payload)) = peer.read() {
            thread::sleep(DELAY);
            peer.frame(0x80 | opcode, &payload);
        }
    });
    // All of them are sent in one moment, which has no rate.
    let (_, figures) = figures(&["-c", "2", "-n", "2"], &uri);
    let seconds = figures.number("/seconds");
    assert!(seconds >= DELAY.as_secs_f64(), "{seconds}");
    let last = figures.number("/series/0/seconds");
    assert!(
        (last - seconds.min(1.0)).abs() < 1e-6,
        "{last} of {seconds}"
    );
    for path in ["/sent", "/received"] {
        let rate = figures.number(&format!("{path}/messages_per_second"));
        assert!((rate - 2.0 / seconds).abs() < 1e-3, "{path}: {rate}");
    }
}

#[test]
fn a_delay_of_the_server_is_in_every_latency() {
    const DELAY: Duration = Duration::from_millis(40);
    let uri = open(|peer| {
        while let Some((opcode @ (1 | 2), payload)) = peer.read() {
            thread::sleep(DELAY);
            peer.frame(0x80 | opcode, &payload);
        }
    });
    let (_, figures) = figures(&["-c", "2", "-n", "10"], &uri);
    for path in ["/latency/min_ms", "/latency/p50_ms", "/latency/max_ms"] {
        let millis = figures.number(path);
        // Three digits are kept.
        assert!(millis >= 39.9, "{path} is {millis}");
    }
}

#[test]
fn a_stall_is_seen_by_all_that_were_due_in_it() {
    // It stalls for a second at the 20th message; with 200 a second, 200 are due while it does.
    let uri = open(|peer| {
        let mut count = 0;
        while let Some((opcode @ (1 | 2), payload)) = peer.read() {
            count += 1;
            if count == 20 {
                thread::sleep(Duration::from_secs(1));
            }
            peer.frame(0x80 | opcode, &payload);
        }
    });
    let options = ["-c", "1", "-n", "400", "--rate", "200/s"];
    let (_, figures) = figures(&options, &uri);
    assert_eq!(figures.number("/latency/samples"), 400.0);
    // Of those that were due in the first half of the stall each waited half a second or more: 100 of
    // 400. A generator that waits for answers would have seen one.
    assert!(figures.number("/latency/max_ms") >= 999.0);
    assert!(figures.number("/latency/p90_ms") >= 500.0, "{figures:?}");
    assert!(figures.number("/latency/p75_ms") >= 490.0, "{figures:?}");
}

#[test]
fn more_than_can_be_sent_is_sent_late_and_answered_all_the_same() {
    let uri = open(echo);
    let options = ["-c", "2", "-n", "5000", "--rate", "1000000/s"];
    let (outcome, figures) = figures(&options, &uri);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(figures.number("/latency/samples"), 5_000.0);
    assert_eq!(figures.number("/errors"), 0.0, "{}", figures.value());
}

#[test]
fn what_was_due_before_a_connection_took_it_counts_from_then() {
    // It reads nothing for half a second: kernel and queue fill up, and what is due waits on this side.
    let uri = open(|peer| {
        thread::sleep(Duration::from_millis(500));
        peer.drain_frames();
    });
    let options = [
        "-c",
        "1",
        "--mode",
        "send",
        "--rate",
        "100/s",
        "-d",
        "1s",
        "--size",
        "200KiB",
        "--send-buffer",
        "256KiB",
    ];
    let (outcome, figures) = figures(&options, &uri);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(
        figures.number("/sent/messages"),
        100.0,
        "{}",
        figures.value()
    );
    assert!(
        figures.number("/own/late_max_ms") >= 100.0,
        "{}",
        figures.value()
    );
}

#[test]
fn a_wrong_answer_is_an_error_and_no_latency() {
    let uri = open(|peer| {
        let mut count = 0;
        while let Some((opcode @ (1 | 2), payload)) = peer.read() {
            count += 1;
            if u32::is_multiple_of(count, 5) {
                peer.text("something else");
            } else {
                peer.frame(0x80 | opcode, &payload);
            }
        }
    });
    let options = [
        "-c",
        "1",
        "-n",
        "50",
        "--fail-if",
        "error-rate>50%",
        "--fail-if",
        "errors>0",
    ];
    let (outcome, figures) = figures(&options, &uri);
    assert_eq!(figures.errors("answer: not what was sent"), 10.0);
    assert_eq!(figures.number("/latency/samples"), 40.0);
    assert_eq!(outcome.status, Some(1));
    let sentence = "errors is 10, and it was not to be over 0 (--fail-if)";
    assert!(outcome.stderr.contains(sentence), "{}", outcome.stderr);
    let verdict = "passed       error-rate is 19.6%, and not over 50.0%";
    assert!(outcome.stderr.contains(verdict), "{}", outcome.stderr);
    // With any answer good enough there is nothing wrong.
    let (outcome, figures) =
        crate::load_support::figures(&["-c", "1", "-n", "50", "--answers", "any"], &uri);
    assert_eq!(outcome.status, Some(0));
    assert_eq!(figures.number("/errors"), 0.0);
}

#[test]
fn answers_by_number_may_come_in_any_order() {
    let uri = open(|peer| {
        // Two at a time, the second one first, with more around the number than was sent.
        while let (Some((1, first)), Some((1, second))) = (peer.read(), peer.read()) {
            for payload in [second, first] {
                let text = String::from_utf8(payload).expect("text");
                peer.text(&format!("{{\"ok\":true,{}", text.trim_start_matches('{')));
            }
        }
    });
    let template = r#"{"number":{{seq}},"by":{{id}}}"#;
    let options = [
        "-c",
        "1",
        "-n",
        "40",
        "-i",
        "2",
        "--answers",
        "seq",
        "--template",
        template,
    ];
    let (outcome, figures) = figures(&options, &uri);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(figures.number("/latency/samples"), 40.0);
    assert_eq!(figures.number("/errors"), 0.0, "{}", figures.value());
}

#[test]
fn more_answers_than_messages_are_errors() {
    let uri = open(|peer| {
        while let Some((opcode @ (1 | 2), payload)) = peer.read() {
            peer.frame(0x80 | opcode, &payload);
            peer.frame(0x80 | opcode, &payload);
        }
    });
    let (_, figures) = figures(&["-c", "1", "-n", "1"], &uri);
    assert!(figures.errors("answer: to nothing that was sent") <= 1.0);
    assert_eq!(figures.number("/latency/samples"), 1.0);
}

#[test]
fn an_answer_that_never_comes_is_given_up_with_its_connection() {
    let uri = open(|peer| peer.drain());
    let options = ["-c", "2", "-n", "2", "--answer-timeout", "300ms"];
    let (outcome, figures) = figures(&options, &uri);
    assert_eq!(
        figures.errors("answer: none within 300ms"),
        2.0,
        "{}",
        figures.value()
    );
    assert!(figures.value()["latency"].is_null());
    assert_ne!(outcome.status, Some(124), "the program ended by itself");
}

#[test]
fn connections_that_end_are_counted_by_how() {
    let turns = Arc::new(AtomicU32::new(0));
    let uri = open(move |peer| {
        let turn = turns.fetch_add(1, Ordering::SeqCst);
        peer.read();
        match turn {
            0 => peer.close(1011, "broken \x1b[31m"),
            1 => peer.close(4000, "go"),
            2 => {}
            _ => peer.frame(0xff, b"nonsense"),
        }
    });
    let (outcome, figures) = figures(&["-c", "4", "-n", "4"], &uri);
    assert_eq!(figures.number("/connections/lost"), 4.0);
    assert_eq!(
        figures.errors("connection: closed by the peer with 1011"),
        1.0,
        "{}",
        figures.value()
    );
    assert_eq!(
        figures.errors("connection: closed by the peer with 4000"),
        1.0
    );
    assert_eq!(figures.errors("answer: the connection ended first"), 4.0);
    assert!(
        outcome
            .status
            .is_some_and(|status| (6..=8).contains(&status)),
        "{outcome:?}"
    );
    assert!(
        outcome.stderr.contains("every connection has ended"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stdout.contains('\x1b'));
}

#[test]
fn handshakes_are_counted_one_by_one() {
    let uri = open(|peer| peer.echo_close());
    for rate in [&[] as &[&str], &["--rate", "200/s"]] {
        let options = [
            &["--mode", "connect", "-c", "4", "-n", "40", "--threads", "2"],
            rate,
        ]
        .concat();
        let (outcome, figures) = figures(&options, &uri);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        assert_eq!(figures.number("/connections/opened"), 40.0);
        assert_eq!(figures.number("/connect/samples"), 40.0);
        assert_eq!(figures.number("/errors"), 0.0, "{}", figures.value());
    }
}

#[test]
fn receivers_of_a_broadcast_count_what_comes() {
    let uri = open(|peer| {
        for _ in 0..20 {
            peer.text("news");
        }
        peer.echo_close();
    });
    let options = ["--mode", "listen", "-c", "3", "-d", "500ms"];
    let (outcome, figures) = figures(&options, &uri);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(figures.number("/sent/messages"), 0.0);
    assert!(figures.number("/received/messages") <= 60.0);
}

#[test]
fn a_threshold_that_cannot_be_judged_is_missed() {
    let uri = open(|peer| peer.echo_close());
    let options = ["-c", "1", "-n", "1", "--answer-timeout", "100ms"];
    let options = [&options[..], &["--fail-if", "p99>1s"]].concat();
    let (outcome, _) = figures(&options, &uri);
    assert_eq!(outcome.status, Some(1));
    assert!(
        outcome.stderr.contains("p99 cannot be told"),
        "{}",
        outcome.stderr
    );
}
