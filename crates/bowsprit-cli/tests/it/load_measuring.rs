//! `load` against servers that misbehave in known ways: the figures must say so.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::load_support::{echo, figures, load};
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
    const STALL: Duration = Duration::from_millis(500);
    // It stalls once, at the 20th message; with 1,000 a second all others are due before that is over.
    let address = serve(|peer: Peer| {
        peer.echo_and_stall(|number| number == 19, || thread::sleep(STALL));
    });
    let uri = format!("ws://{address}");
    let stall = STALL.as_secs_f64() * 1e3;
    let (_, stalled) = figures(&["-c", "1", "-n", "400", "--rate", "1000/s"], &uri);
    assert_eq!(stalled.number("/latency/samples"), 400.0);
    // The message of number n was due after n ms and answered after the stall, which nothing can make shorter:
    // half of them waited 300 ms and more, and the worst all of it (times keep three digits).
    for (path, least) in [
        ("/latency/max_ms", stall - 1.0),
        ("/latency/p95_ms", stall - 45.0),
        ("/latency/p50_ms", stall - 205.0),
    ] {
        assert!(stalled.number(path) >= least, "{path}: {}", stalled.value());
    }
    // A closed loop sends nothing meanwhile, so one of 400 has seen it: that is why there is --rate.
    let (_, closed) = figures(&["-c", "1", "-n", "400"], &uri);
    assert!(closed.number("/latency/max_ms") >= stall - 1.0);
    let whole = closed.number("/latency/mean_ms") * 400.0;
    assert!(
        whole <= closed.number("/seconds") * 1e3 + 1.0,
        "each waits for the one before: {}",
        closed.value()
    );
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
    // It reads nothing more for half a second: kernel and queue fill up, and what is due waits on this side.
    const FRAME: usize = 14 + 512 * 1024;
    let uri = open(|peer| {
        peer.read_bytes(1);
        thread::sleep(Duration::from_millis(500));
        peer.read_bytes(60 * FRAME - 1);
        peer.close(1000, "");
    });
    let options = [
        "-c",
        "1",
        "--mode",
        "send",
        "--rate",
        "100/s",
        "-d",
        "600ms",
        "--size",
        "512KiB",
        "--send-buffer",
        "1MiB",
    ];
    let (outcome, figures) = figures(&options, &uri);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(
        figures.number("/sent/messages"),
        60.0,
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
        while let Some((1, first)) = peer.read() {
            let Some((1, second)) = peer.read() else {
                break;
            };
            for payload in [second, first] {
                let text = String::from_utf8(payload).expect("text");
                peer.text(&format!("{{\"ok\":true,{}", text.trim_start_matches('{')));
            }
        }
        peer.close(1000, "");
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
    let uri = open(Peer::drain_frames);
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
fn a_count_that_cannot_be_reached_ends_with_the_errors() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let dead = format!("ws://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let turns = Arc::new(AtomicU32::new(0));
    // It lets one connection in, and no other any more.
    let dying = serve(move |mut peer: Peer| {
        if turns.fetch_add(1, Ordering::SeqCst) == 0 {
            peer.accept();
            peer.read();
        }
    });
    for (uri, status, opened) in [(dead, 3, 0.0), (format!("ws://{dying}"), 7, 1.0)] {
        let options = [
            "-c",
            "1",
            "-n",
            "5",
            "--reconnect",
            "--answer-timeout",
            "300ms",
        ];
        let (outcome, figures) = figures(&options, &uri);
        assert_eq!(outcome.status, Some(status), "{}", outcome.stderr);
        assert_eq!(figures.number("/connections/opened"), opened);
        assert!(figures.number("/errors") >= 1.0, "{}", figures.value());
    }
}

#[test]
fn compression_that_nobody_agreed_to_is_told() {
    let uri = open(echo);
    let (_, figures) = figures(&["-c", "2", "-n", "2", "--compress"], &uri);
    assert_eq!(figures.number("/connections/compressed"), 0.0);
    let outcome = load(&["-c", "2", "-n", "2", "--compress"], &uri);
    let line = "compression  agreed on by 0 of them";
    assert!(outcome.stdout.contains(line), "{}", outcome.stdout);
    let agreeing = serve(|mut peer: Peer| {
        peer.accept_with("Sec-WebSocket-Extensions: permessage-deflate\r\n");
        echo(&mut peer);
    });
    let options = ["-c", "2", "-n", "2", "--compress", "--size", "0"];
    let (_, figures) = crate::load_support::figures(&options, &format!("ws://{agreeing}"));
    assert_eq!(figures.number("/connections/compressed"), 2.0);
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
