//! `bowsprit serve`: faults on demand, and what the exit status of a client makes of each.

use std::time::Duration;

use crate::serve_lab::Serving;
use crate::support::run;

#[test]
fn each_fault_has_its_exit_status() {
    for (arguments, script, status) in [
        (
            &["--cut", "100%"][..],
            "connect URI\nsend 0 x\nwait 0 close\n",
            7,
        ),
        (
            &["--corrupt", "100%:utf8"],
            "connect URI\nsend 0 x\nwait 0 close\n",
            6,
        ),
        (
            &["--corrupt", "100%:reserved"],
            "connect URI\nsend 0 x\nwait 0 close\n",
            6,
        ),
        (
            &["--corrupt", "100%:mask"],
            "connect URI\nsend 0 x\nwait 0 close\n",
            6,
        ),
        (
            &["--corrupt", "100%:opcode"],
            "connect URI\nsend 0 x\nwait 0 close\n",
            6,
        ),
        (
            &["--corrupt", "100%:fragment"],
            "connect URI\nsend 0 x\nwait 0 close\n",
            6,
        ),
        (
            &["--corrupt", "100%"],
            "connect URI\nsend 0 x\nwait 0 close\n",
            6,
        ),
        (&["--refuse", "503"], "connect URI\n", 5),
        (&["--close", "4010"], "connect URI\nwait 0 close\n", 8),
        (
            &["--close-after", "1", "--code", "4010:enough"],
            "connect URI\nsend 0 x\nwait 0 close\n",
            8,
        ),
        (&["--close-after", "50ms"], "connect URI\nwait 0 close\n", 0),
        (
            &["--close-after", "50ms", "--code", "1011"],
            "connect URI\nwait 0 close\n",
            8,
        ),
        (
            &["--stall", "0"],
            "connect --keepalive 100ms --pong-timeout 100ms URI\nwait 0 close\n",
            124,
        ),
        (
            &["--stall", "50ms"],
            "connect --keepalive 300ms --pong-timeout 300ms URI\nwait 0 close\n",
            124,
        ),
        (
            &["--handshake-delay", "5s"],
            "connect --open-timeout 200ms URI\n",
            124,
        ),
        (
            &["--drop", "100%"],
            "connect URI\nsend 0 x\nwait 0 message 1\n",
            1,
        ),
    ] {
        let serving = Serving::start(arguments);
        let outcome = serving.talk(script);
        assert_eq!(
            outcome.status,
            Some(status),
            "{arguments:?}\n{}",
            outcome.stdout
        );
    }
}

#[test]
fn a_closing_server_answers_the_last_message_first() {
    let serving = Serving::start(&["--close-after", "2", "--code", "4010:enough"]);
    let outcome = serving.talk(
        "connect URI\nsend 0 one\nsend 0 two\nwait 0 message\nwait 0 message\nwait 0 close\n",
    );
    outcome.expect_in_order(&[
        "0 << text 3 one",
        "0 << text 3 two",
        "0 closed 4010 (Unknown) \"enough\" by peer",
    ]);
}

#[test]
fn the_same_seed_loses_the_same_messages() {
    let script = format!(
        "connect URI\n{}close 0\n",
        (0..100)
            .map(|n| format!("send 0 {n}\n"))
            .collect::<String>()
    );
    let heard = |seed: &str| {
        let serving = Serving::start(&["--drop", "30%", "--seed", seed]);
        let outcome = serving.talk(&script);
        let lines = outcome
            .lines()
            .into_iter()
            .filter(|line| line.contains("<<"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = heard("7");
    assert!((40..=95).contains(&first.len()), "{} of 100", first.len());
    assert_eq!(heard("7"), first);
    assert_ne!(heard("8"), first);
}

/// What six connections hear of thirty messages each, and how they end.
fn heard(faults: &[&str], seed: &str, step: &str) -> Vec<String> {
    // Pings come when time wills it, and change nothing.
    let beside = ["--latency", "0..3ms", "--keepalive", "5ms", "--ui"];
    let serving = Serving::start(&[faults, &beside, &["--seed", seed]].concat());
    let script: String = (0..6)
        .map(|id| {
            let steps = (0..30).map(|number| {
                let step = step.replace("ID", &id.to_string());
                step.replace("NUMBER", &number.to_string())
            });
            format!("connect URI\n{}close {id}\n", steps.collect::<String>())
        })
        .collect();
    let outcome = serving.talk(&script);
    let told = outcome.lines().into_iter().filter_map(|line| {
        let is_cut = line.contains("closed 1006") && !line.contains("protocol violation");
        match line {
            // The system has several words for it.
            _ if is_cut => Some(line.split(' ').take(3).collect::<Vec<_>>().join(" ")),
            _ if line.contains(" << ") || line.contains(" closed ") => Some(line.to_owned()),
            _ => None,
        }
    });
    told.collect()
}

#[test]
fn a_second_run_with_the_seed_does_the_same_to_each_connection() {
    for (faults, step, ends) in [
        (
            &["--drop", "20%"][..],
            "send ID NUMBER\n",
            &["closed 1000 (Normal close)"][..],
        ),
        (
            &["--cut", "3%", "--corrupt", "3%"],
            "send ID NUMBER\nwait ID message\n",
            &["closed 1006\n", "protocol violation"],
        ),
    ] {
        let first = heard(faults, "3", step);
        for end in ends {
            assert!(
                first.iter().any(|line| format!("{line}\n").contains(end)),
                "{end}: {first:#?}"
            );
        }
        assert_eq!(heard(faults, "3", step), first);
        assert_ne!(heard(faults, "4", step), first);
    }
}

#[test]
fn requests_that_open_no_connection_take_no_chance_of_one() {
    let lost = |requests: usize| {
        let serving = Serving::start(&["--drop", "50%", "--seed", "5", "--ui"]);
        for _ in 0..requests {
            assert!(serving.get("/").starts_with("HTTP/1.1 200"));
        }
        let sends: String = (0..40).map(|number| format!("send 0 {number}\n")).collect();
        let outcome = serving.talk(&format!("connect URI\n{sends}close 0\n"));
        let heard = outcome
            .lines()
            .into_iter()
            .filter(|line| line.contains("<<"));
        heard.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lost(3), lost(0));
}

#[test]
fn the_numbers_of_the_page_meet_no_faults() {
    let serving = Serving::start(&["--ui", "--drop", "100%", "--stall", "1"]);
    let own = serving.uri.replace("ws:", "http:");
    let outcome = serving.talk(&format!(
        "connect --origin {own} URI/.bowsprit/live\nwait 0 message\nwait 0 message\n"
    ));
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
}

#[test]
fn a_seed_that_was_chosen_is_printed() {
    let mut serving = Serving::start(&["--drop", "50%"]);
    let line = serving.line_with("--seed ");
    let (_, seed) = line.rsplit_once(' ').expect("a number");
    seed.parse::<u64>().expect("a number");
}

#[test]
fn answers_come_late_and_none_overtakes() {
    let serving = Serving::start(&["--delay", "20ms..400ms", "--seed", "1"]);
    let sends: String = (0..20).map(|n| format!("send 0 {n}\n")).collect();
    let outcome = serving.talk(&format!(
        "connect URI\n{sends}{}",
        "wait 0 message\n".repeat(20)
    ));
    assert_eq!(outcome.status, Some(0));
    assert!(
        outcome.took > Duration::from_millis(100),
        "{:?}",
        outcome.took
    );
    let lines = outcome
        .lines()
        .into_iter()
        .filter(|line| line.contains("<<"));
    let numbers: Vec<u32> = lines
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
}

#[test]
fn writes_no_faster_than_asked_for() {
    let serving = Serving::start(&["--slow", "2kB/s", "--no-compress"]);
    let text = "x".repeat(1000);
    let outcome = serving.talk(&format!("connect URI\nsend 0 {text}\nwait 0 message\n"));
    assert_eq!(outcome.status, Some(0));
    assert!(
        outcome.took > Duration::from_millis(450),
        "{:?}",
        outcome.took
    );
}

#[test]
fn faults_leave_what_they_are_not_about_alone() {
    // A delay of nothing sends all through the same way, with TLS and large messages.
    let serving = Serving::start(&["--delay", "1ms", "--tls-self-signed"]);
    let uri = serving.uri.replace("127.0.0.1", "localhost");
    let text = "y".repeat(100_000);
    let outcome = run(
        &["--insecure"],
        format!("connect {uri}\nsend 0 {text}\nwait 0 message\nping 0 p\nclose 0 4001 bye\n"),
    );
    outcome.expect_in_order(&["0 closed 4001 (Unknown) \"bye\" by this side"]);
    assert!(outcome.stdout.contains("0 << text 100000 y"));
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn refuses_faults_that_are_none() {
    for arguments in [
        &["--drop", "5"][..],
        &["--drop", "101%"],
        &["--corrupt", "5%:nonsense"],
        &["--refuse", "101"],
        &["--code", "1005"],
        &["--close-after", "1", "--code", "1006"],
        &["--stall", "soon"],
        &["--slow", "10"],
        &["--delay", "2s..1s"],
    ] {
        let outcome = run(&[&["serve", "0"], arguments].concat(), "");
        assert_eq!(
            (outcome.stdout.as_str(), outcome.status),
            ("", Some(2)),
            "{arguments:?}"
        );
    }
}
