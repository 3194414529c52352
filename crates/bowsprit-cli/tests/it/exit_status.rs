//! The exit status of a script: what went wrong first.

use std::net::TcpListener;

use crate::support::{Outcome, Peer, run, run_against, serve};

fn status_against(behavior: impl Fn(Peer) + Clone + Send + 'static, script: &str) -> Option<i32> {
    run_against(behavior, script).status
}

/// Opens, closes with this code at once, and stays until the client has gone.
fn closing(code: u16) -> impl Fn(Peer) + Clone + Send + 'static {
    move |mut peer: Peer| {
        peer.accept();
        peer.close(code, "");
        peer.drain();
    }
}

/// Says nothing any more, after the handshake or before it.
fn silent(mut peer: Peer, accepts: bool) {
    if accepts {
        peer.accept();
    }
    peer.stay();
}

#[test]
fn is_0_after_a_good_end() {
    for code in [1000, 1001] {
        assert_eq!(
            status_against(closing(code), "connect URI\nwait 0 close\n"),
            Some(0)
        );
    }
    let without_code = |mut peer: Peer| {
        peer.accept();
        peer.frame(0x88, &[]);
        peer.drain();
    };
    assert_eq!(
        status_against(without_code, "connect URI\nwait 0 close\n"),
        Some(0)
    );
    let answering = |mut peer: Peer| {
        peer.accept();
        peer.read_close().expect("a close frame");
        peer.close(4002, "");
    };
    let status = status_against(answering, "connect URI\nclose 0 4000\n");
    assert_eq!(status, Some(0), "this side closed");
}

#[test]
fn is_1_for_a_refused_line_and_a_wait_in_vain() {
    assert_eq!(run(&[], "nonsense\n").status, Some(1));
    let status = status_against(
        |peer| silent(peer, true),
        "connect URI\nwait 0 message 0.1\nquit!\n",
    );
    assert_eq!(status, Some(1));
}

#[test]
fn is_2_where_it_cannot_start() {
    for arguments in [
        &["--no-such-option"][..],
        &["--ca", "/no/such/file"],
        &["send"],
        &["no-such-form"],
    ] {
        let outcome = run(arguments, "list\n");
        let told = (outcome.stdout.as_str(), outcome.stderr.lines().count());
        assert_eq!((told, outcome.status), (("", 1), Some(2)), "{outcome:?}");
    }
}

#[test]
fn is_3_where_nothing_could_be_connected_to() {
    for uri in ["ws://127.0.0.1:1", "ws://no-such-host.invalid"] {
        assert_eq!(
            run(&[], format!("connect {uri}\n")).status,
            Some(3),
            "{uri}"
        );
        assert_eq!(run(&[uri], "").status, Some(3), "{uri}");
    }
}

#[test]
fn is_4_where_tls_fails() {
    let address = serve(|mut peer| peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_eq!(
        run(&[], format!("connect wss://{address}\n")).status,
        Some(4)
    );
}

#[test]
fn is_5_where_the_handshake_is_refused_or_wrong() {
    for answer in [
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "",
    ] {
        let status = status_against(
            move |mut peer| {
                peer.request();
                peer.write(answer.as_bytes());
            },
            "connect URI\n",
        );
        assert_eq!(status, Some(5), "{answer}");
    }
}

#[test]
fn is_6_where_the_peer_breaks_the_protocol() {
    let violating = |mut peer: Peer| {
        peer.accept();
        peer.frame(0x81, b"\xff");
        peer.drain();
    };
    assert_eq!(
        status_against(violating, "connect URI\nwait 0 close\n"),
        Some(6)
    );
    let over_the_limit = |mut peer: Peer| {
        peer.accept();
        peer.text("more than ten bytes");
        peer.drain();
    };
    let script = "connect --max-message 10 URI\nwait 0 close\n";
    assert_eq!(status_against(over_the_limit, script), Some(6));
}

#[test]
fn is_7_where_no_close_frame_came() {
    let dropping = |mut peer: Peer| peer.accept();
    assert_eq!(
        status_against(dropping, "connect URI\nwait 0 close\n"),
        Some(7)
    );
}

#[test]
fn is_8_where_the_peer_closed_with_another_code() {
    for code in [1008, 1011, 4001] {
        assert_eq!(
            status_against(closing(code), "connect URI\nwait 0 close\n"),
            Some(8)
        );
    }
}

fn expect_timeout(outcome: &Outcome, told: &str) {
    assert!(outcome.stdout.contains(told), "{outcome:?}");
    assert_eq!(outcome.status, Some(124), "{outcome:?}");
}

#[test]
fn is_124_where_a_time_that_was_asked_for_is_over() {
    let outcome = run_against(
        |peer| silent(peer, false),
        "connect --open-timeout 200ms URI\n",
    );
    expect_timeout(&outcome, "0 failed opening handshake timed out");
    let outcome = run_against(
        |peer| silent(peer, true),
        "connect --close-timeout 200ms URI\nclose 0\n",
    );
    expect_timeout(&outcome, "closing handshake timed out");
    let outcome = run_against(
        |peer| silent(peer, true),
        "connect --keepalive 100ms --pong-timeout 200ms URI\nwait 0 close\n",
    );
    expect_timeout(&outcome, "wait for a pong timed out");
    let outcome = run_against(
        |peer| silent(peer, true),
        "connect --idle-timeout 200ms --close-timeout 200ms URI\nwait 0 close\n",
    );
    expect_timeout(&outcome, "0 closed ");
}

#[test]
fn is_what_went_wrong_first() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let free = listener.local_addr().expect("the listener is bound");
    drop(listener);
    let script = format!("connect ws://{free}\nnonsense\nsend 0 x\n");
    assert_eq!(run(&[], script).status, Some(3));
    let script = format!("nonsense\nconnect ws://{free}\n");
    assert_eq!(run(&[], script).status, Some(1));
}
