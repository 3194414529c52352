//! `bowsprit ping`: round trips, and everything that a peer may do instead of answering.

use crate::support::{Outcome, Peer, Program, run, serve};

/// A server that answers each ping so.
fn answering(answer: impl Fn(&mut Peer, &[u8]) + Clone + Send + 'static) -> String {
    let address = serve(move |mut peer: Peer| {
        peer.accept();
        while let Some((opcode, payload)) = peer.read() {
            match opcode {
                9 => answer(&mut peer, &payload),
                8 => return peer.frame(0x88, &payload),
                _ => {}
            }
        }
    });
    format!("ws://{address}/")
}

fn echoing() -> String {
    answering(|peer, payload| peer.frame(0x8a, payload))
}

fn ping(options: &[&str], uri: &str) -> Outcome {
    run(&[&["ping"], options, &[uri]].concat(), "")
}

/// Without the times, which differ.
fn timeless(line: &str) -> &str {
    line.split(" time").next().unwrap_or(line)
}

#[test]
fn tells_the_99th_percentile_where_there_are_enough_for_one() {
    for (count, name) in [("99", "rtt median = "), ("100", "rtt median/p99 = ")] {
        let outcome = ping(&["-q", "-c", count, "-i", "1ms"], &echoing());
        let last = outcome.lines().last().copied().unwrap_or_default();
        assert!(last.starts_with(name), "{outcome:?}");
    }
}

#[test]
fn prints_a_line_for_each_pong_and_a_block_at_the_end() {
    let uri = echoing();
    let outcome = ping(&["-c", "3", "-i", "1ms"], &uri);
    let host = uri.trim_start_matches("ws://").trim_end_matches('/');
    let lines = outcome.lines();
    let begins = format!("PING {uri} ({host}): 16 bytes of payload, open after ");
    assert!(lines[0].starts_with(&begins), "{outcome:?}");
    for (number, line) in (1..).zip(&lines[1..4]) {
        assert_eq!(
            timeless(line),
            format!("16 bytes from {host}: seq={number}")
        );
        assert!(line.ends_with(" ms"), "{line}");
    }
    assert_eq!(lines[4], format!("--- {uri} ping statistics ---"));
    assert!(
        lines[5].starts_with("3 pings sent, 3 pongs received, 0% lost, time "),
        "{outcome:?}"
    );
    assert!(
        lines[6].starts_with("rtt min/avg/max/mdev = "),
        "{outcome:?}"
    );
    assert!(lines[7].starts_with("rtt median = "), "{outcome:?}");
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));
}

#[test]
fn tells_what_was_lost_and_fails() {
    let silent = answering(|_, _| {});
    let outcome = ping(&["-c", "2", "-i", "1ms", "-W", "50ms"], &silent);
    outcome.expect_in_order(&[
        "no answer to seq=1 within 50 ms",
        "no answer to seq=2 within 50 ms",
    ]);
    assert!(
        outcome
            .stdout
            .contains("2 pings sent, 0 pongs received, 100% lost"),
        "{outcome:?}"
    );
    assert!(!outcome.stdout.contains("rtt "), "{outcome:?}");
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn tells_apart_what_is_no_answer() {
    // The first ping stays without an answer until the second came.
    let uri = {
        let address = serve(|mut peer: Peer| {
            peer.accept();
            let mut pings = Vec::new();
            while let Some((opcode, payload)) = peer.read() {
                match opcode {
                    9 => pings.push(payload),
                    8 => return peer.frame(0x88, &payload),
                    _ => {}
                }
                if let [first, second] = pings.as_slice() {
                    peer.frame(0x8a, b"unasked \x1b[2J");
                    peer.frame(0x8a, second);
                    peer.frame(0x8a, second);
                    peer.frame(0x8a, &first.clone());
                    pings.clear();
                }
            }
        });
        format!("ws://{address}/")
    };
    let outcome = ping(&["-c", "2", "-i", "1ms"], &uri);
    let remarks: Vec<_> = outcome.lines()[1..5]
        .iter()
        .map(|line| line.rsplit(" (").next().unwrap_or_default())
        .collect();
    assert!(
        outcome.lines()[1].ends_with("that nobody asked for"),
        "{outcome:?}"
    );
    assert!(remarks[1].contains("seq=2 time="), "{outcome:?}");
    assert_eq!(remarks[2..], ["duplicate)", "out of order)"]);
    assert!(
        outcome
            .lines()
            .contains(&"1 duplicates, 1 out of order, 1 unasked for"),
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert!(!outcome.stdout.contains('\u{1b}'));
}

#[test]
fn pings_with_as_many_bytes_as_asked_for() {
    let outcome = ping(&["-c", "2", "-i", "1ms", "--size", "125"], &echoing());
    assert!(
        outcome.lines()[1].starts_with("125 bytes from "),
        "{outcome:?}"
    );
    let outcome = ping(&["-c", "2", "-i", "1ms", "--size", "0"], &echoing());
    assert!(
        outcome.lines()[2].starts_with("0 bytes from ") && outcome.lines()[2].contains("seq=2"),
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(0));
    assert_eq!(ping(&["--size", "126"], &echoing()).status, Some(2));
    assert_eq!(ping(&["-i", "0"], &echoing()).status, Some(2));
    assert_eq!(ping(&["-c", "0"], &echoing()).status, Some(2));
}

#[test]
fn prints_the_block_at_ctrl_c_and_closes() {
    let (closes, closed) = std::sync::mpsc::channel();
    let (pings, pinged) = std::sync::mpsc::channel();
    let address = serve(move |mut peer: Peer| {
        peer.accept();
        while let Some((opcode, payload)) = peer.read() {
            match opcode {
                9 => {
                    peer.frame(0x8a, &payload);
                    pings.send(()).expect("the test listens");
                }
                _ => return closes.send(payload).expect("the test listens"),
            }
        }
    });
    let program = Program::start(&["ping", &format!("ws://{address}/"), "-i", "20ms"]);
    // The answer to the first has come before the second goes.
    (0..2).for_each(|_| pinged.recv().expect("a ping"));
    program.signal("INT");
    let outcome = program.wait();
    assert!(
        outcome.stdout.contains(" ping statistics ---\n"),
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert_eq!(
        closed.recv().expect("a close frame"),
        1000_u16.to_be_bytes()
    );
}

#[test]
fn ends_with_the_connection_and_its_status() {
    for (code, status, told) in [
        (
            1011,
            8,
            "closed 1011 (Internal endpoint error) \"bye\" by peer",
        ),
        (1000, 1, "closed 1000 (Normal close) \"bye\" by peer"),
    ] {
        let uri = answering(move |peer, _| peer.close(code, "bye"));
        let outcome = ping(&["-c", "9", "-i", "1ms"], &uri);
        assert!(outcome.lines().contains(&told), "{outcome:?}");
        assert!(outcome.stdout.contains("100% lost"), "{outcome:?}");
        assert_eq!(outcome.status, Some(status), "{outcome:?}");
    }
}

#[test]
fn says_in_one_line_why_it_could_not_begin() {
    let outcome = ping(&[], "ws://127.0.0.1:1/?token=s3cret");
    let line = "bowsprit: ws://127.0.0.1:1/?token=***: connection refused (127.0.0.1:1)\n";
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        ("", line)
    );
    assert_eq!(outcome.status, Some(3));
    let outcome = ping(&[], "example.org");
    assert!(
        outcome.stderr.contains("or ws://example.org without TLS"),
        "{outcome:?}"
    );
    assert_eq!(outcome.status, Some(2));
}

#[test]
fn prints_only_the_block_under_quiet_and_events_for_programs() {
    let outcome = ping(&["-q", "-c", "1"], &echoing());
    assert!(outcome.stdout.starts_with("--- "), "{outcome:?}");
    let outcome = ping(&["--json", "-c", "2", "-i", "1ms"], &echoing());
    let events = outcome.events();
    let kinds: Vec<_> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!(kinds[..4], ["start", "connect", "open", "ping"]);
    assert_eq!(kinds[7..], ["statistics", "close", "exit"]);
    let pongs: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "pong")
        .collect();
    assert_eq!(
        (&pongs[0]["number"], &pongs[1]["number"]),
        (&1.into(), &2.into())
    );
    assert!(pongs[0]["seconds"].is_number(), "{outcome:?}");
    let statistics = &events[7];
    assert_eq!(
        (&statistics["sent"], &statistics["received"]),
        (&2.into(), &2.into())
    );
    assert!(statistics["round_trips"]["p99"].is_number(), "{outcome:?}");
}

#[test]
fn ends_quietly_when_nobody_reads_its_output() {
    let mut program = Program::start(&["ping", &echoing(), "-i", "1ms"]);
    program.hang_up();
    program.outlive();
    let outcome = program.finish();
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));
}

#[test]
fn counts_a_flood_of_pongs_that_nobody_asked_for_and_prints_few_of_them() {
    let uri = answering(|peer, payload| {
        (0..1_000).for_each(|_| peer.frame(0x8a, b"x"));
        peer.frame(0x8a, payload);
    });
    let outcome = ping(&["-c", "1"], &uri);
    assert_eq!(outcome.lines().len(), 1 + 3 + 1 + 5, "{outcome:?}");
    assert!(outcome.lines().contains(&"1000 unasked for"), "{outcome:?}");
    assert_eq!(outcome.status, Some(0));
}
