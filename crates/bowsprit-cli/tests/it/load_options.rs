//! `load`: what it refuses before anything is dialled, and what it cannot connect to.

use std::net::TcpListener;

use crate::load_support::load;
use crate::support::{Peer, serve};

#[test]
fn refuses_options_that_contradict_each_other() {
    for (options, word) in [
        (vec!["--rate", "10/s", "--in-flight", "2"], "--in-flight"),
        (vec!["--phase", "1s:10/s", "--duration", "2s"], "--duration"),
        (vec!["--message", "a", "--size", "10"], "--size"),
        (vec!["--template", "{{seq}}", "--binary"], "--binary"),
        (vec!["--answers", "seq"], "{{seq}}"),
        (vec!["--mode", "listen", "--rate", "10/s"], "--mode listen"),
        (vec!["--mode", "send", "--in-flight", "2"], "--mode send"),
        (vec!["--mode", "ping", "--message", "a"], "--mode ping"),
        (vec!["--mode", "connect", "--size", "10"], "--mode connect"),
        (vec!["--phase", "1s:0/s"], "no message at all"),
        (vec!["--template", "{{who}}"], "{{who}} is no placeholder"),
        (vec!["--message", "@/nowhere"], "cannot read /nowhere"),
        (vec!["--fail-if", "p99>50"], "needs its unit"),
        (vec!["--fail-if", "speed>50"], "there are the metrics"),
        (
            vec!["--mode", "connect", "--fail-if", "p99>5ms"],
            "connect-p99",
        ),
        (
            vec!["--mode", "listen", "--fail-if", "max>5ms"],
            "nothing is answered in this mode",
        ),
        (vec!["--connections", "0"], "connections"),
        (vec!["--size", "2..1"], "range"),
        (vec!["--warmup", "off"], "--warmup cannot be off"),
    ] {
        let outcome = load(&options, "ws://127.0.0.1:1");
        assert_eq!(outcome.status, Some(2), "{options:?}");
        assert!(
            outcome.stderr.contains(word),
            "{options:?}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "", "{options:?}");
    }
}

#[test]
fn refuses_a_uri_that_is_none() {
    let outcome = load(&[], "http://127.0.0.1:1");
    assert_eq!(outcome.status, Some(2), "{}", outcome.stderr);
}

#[test]
fn more_connections_than_descriptors_are_refused_before_the_first() {
    let outcome = load(&["--connections", "1000000"], "ws://127.0.0.1:1");
    assert_eq!(outcome.status, Some(2));
    let fault = outcome.stderr;
    assert!(
        fault.starts_with("bowsprit: 1000000 connections need "),
        "{fault}"
    );
    assert!(fault.contains("ulimit -Hn"), "{fault}");
}

#[test]
fn a_refused_connection_is_counted_by_its_stage_and_gives_3() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    for mode in ["echo", "connect"] {
        let outcome = load(&["--mode", mode, "-c", "3"], &format!("ws://{address}"));
        assert_eq!(outcome.status, Some(3), "{mode}");
        let fault = format!("tcp: connection refused ({address})");
        assert!(
            outcome.stdout.contains(&fault),
            "{mode}: {}",
            outcome.stdout
        );
        assert!(outcome.stderr.contains("no connection opened"), "{mode}");
    }
}

#[test]
fn a_refused_handshake_is_counted_and_gives_5() {
    let address = serve(|mut peer: Peer| {
        peer.request();
        peer.write(b"HTTP/1.1 503 Busy\x1b[2J\r\nContent-Length: 0\r\n\r\n");
    });
    let outcome = load(&["-c", "3"], &format!("ws://{address}"));
    assert_eq!(outcome.status, Some(5), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("0 opened, 3 failed"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("3  handshake: "),
        "{}",
        outcome.stdout
    );
    assert!(!outcome.stdout.contains('\x1b'), "{}", outcome.stdout);
}

#[test]
fn a_server_that_refuses_some_is_measured_with_the_rest() {
    let turns = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let address = serve(move |mut peer: Peer| {
        let turn = turns.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if turn.is_multiple_of(2) {
            peer.request();
            return;
        }
        peer.accept();
        crate::load_support::echo(&mut peer);
    });
    let outcome = load(
        &["-c", "4", "-n", "8", "--fail-if", "opened<4"],
        &format!("ws://{address}"),
    );
    assert_eq!(outcome.status, Some(1), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("2 opened"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("2 failed"), "{}", outcome.stdout);
    assert!(
        outcome
            .stderr
            .contains("opened is 2, and it was not to be under 4"),
        "{}",
        outcome.stderr
    );
}
