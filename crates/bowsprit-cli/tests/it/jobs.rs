//! Work that repeats.

use std::net::TcpListener;

use crate::support::{echo, run, run_against, serve_on};

#[test]
fn sends_and_pings_again_and_again_until_it_is_stopped() {
    let outcome = run_against(
        echo,
        "connect URI\nevery 20ms send 0 tick\nwait 0 message\nwait 0 message\njobs\nstop 1\nping 0 --every 20ms now\n\
         every 20ms ping 0 too\njobs\nstop all\njobs\nstop 7\nstop\n",
    );
    outcome.expect_in_order(&[
        "> Job 1: every 20ms send: tick",
        "0 << text 4 tick",
        "0 << text 4 tick",
        "> Job 2: every 20ms ping now",
        "> Job 3: every 20ms ping too",
        "> Stopped 2 jobs",
        "> No jobs",
        "> There is no job 7 (see jobs)",
        "> Not serving",
    ]);
    let listed = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("> 1 every 20ms on connection 0 send: tick ("));
    assert!(listed.is_some(), "{outcome:?}");
}

#[test]
fn ends_with_its_connections() {
    let outcome = run_against(
        echo,
        "connect --name a URI\nconnect URI\nevery 1h send all x\nclose a\njobs\nclose 1\njobs\nevery 1h ping 0\nevery 1h ping all\n",
    );
    outcome.expect_in_order(&[
        "0 (a) closed 1000 (Normal close) by this side",
        "> 1 every 1h on connection 1 send: x (0 times)",
        "1 closed 1000 (Normal close) by this side",
        "> Job 1 is over: connection 1 has ended (0 times)",
        "> No jobs",
        "> No such connection is open, so there is nothing to repeat",
        "> No connection is open",
    ]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn goes_on_when_its_connection_was_made_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let turn = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let address = serve_on(listener, move |mut peer| {
        peer.accept();
        let (_, payload) = peer.read().expect("a message");
        // The first time the peer is gone after that.
        if turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 {
            peer.frame(0x81, &payload);
            peer.echo_close();
        }
    });
    let outcome = run(
        &[],
        format!(
            "connect --reconnect=first=10ms,max=10ms ws://{address}\nevery 20ms send 0 tick\nwait 0 message\njobs\n"
        ),
    );
    let retry = outcome.stdout.find("0 retry 1 in ").expect("a further try");
    let tick = outcome
        .stdout
        .find("0 << text 4 tick")
        .expect("a message after it");
    assert!(retry < tick, "{outcome:?}");
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn refuses_what_cannot_repeat() {
    let outcome = run_against(
        echo,
        "connect URI\nevery\nevery 5 send 0 x\nevery 1ms send 0 x\nevery off ping 0\nevery 5s show 0\nevery 5s send 0 \"\"\"\n\
         every 5s send 0 --json {\nevery 5s send 9 x\nstop x\nlist open\n",
    );
    outcome.expect_in_order(&[
        "> Usage: every <time> send <connection id> <message>",
        "> Not a time: 5 (a time needs its unit, as in 500ms, 10s or 2m; off for none)",
        "> Not a time: 1ms (at least 10ms)",
        "> Not a time: off (stop <job> ends a job)",
        "> Usage: every <time> send <connection id> <message>",
        "> What repeats is one line: send a file, @path, for more",
        "> Not JSON: the value is not complete",
        "> No connection found with id 9",
        "> Not a job: x (expected a number, see jobs)",
    ]);
    assert!(
        outcome.stdout.contains("> 0  open"),
        "the next line is a command: {outcome:?}"
    );
}
