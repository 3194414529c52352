//! The same accident in each form with one connection: its sentence, empty output, and exit status.

use std::net::SocketAddr;

use crate::support::{Peer, Piped, Program, serve};
use crate::tls::{self, Identity};

/// What the forms do with this URI, and with standard input that stays open where it is read.
fn each_form(options: &[&str], uri: &str) -> [(&'static str, Piped); 3] {
    let start =
        |form: &[&str], rest: &[&str]| Program::start(&[form, options, &[uri], rest].concat());
    [
        ("send", start(&["send"], &["hi"]).heard()),
        ("listen", start(&["listen"], &[]).heard()),
        ("pipe", start(&[], &[]).heard()),
    ]
}

fn expect_at(options: &[&str], uri: &str, told: &str, status: i32) {
    for (form, piped) in each_form(options, uri) {
        assert_eq!(piped.status, Some(status), "{form}: {piped:?}");
        assert_eq!(piped.text(), "", "{form}");
        let lines: Vec<&str> = piped.stderr.lines().collect();
        let line = lines.first().expect("a line that says why");
        assert!(
            line.starts_with("bowsprit: ") && line.contains(told),
            "{form}: {lines:?}"
        );
        // What was asked for and did not come is no accident of its own.
        assert_eq!(lines.len(), 1, "{form}: {lines:?}");
    }
}

fn expect(behavior: impl Fn(Peer) + Clone + Send + 'static, told: &str, status: i32) {
    expect_at(&[], &uri(serve(behavior)), told, status);
}

fn uri(address: SocketAddr) -> String {
    format!("ws://{address}/")
}

fn answering(answer: &'static str) -> impl Fn(Peer) + Clone + Send + 'static {
    move |mut peer| {
        peer.request();
        peer.write(answer.as_bytes());
    }
}

#[test]
fn a_port_where_nobody_listens_is_status_3() {
    let told = "ws://127.0.0.1:1/: connection refused (127.0.0.1:1)";
    expect_at(&[], "ws://127.0.0.1:1", told, 3);
}

#[test]
fn a_name_that_nobody_knows_is_status_3() {
    expect_at(&[], "ws://no-such-host.invalid", "no-such-host.invalid", 3);
}

#[test]
fn a_place_without_a_scheme_is_status_2_with_what_may_have_been_meant() {
    expect_at(&[], "example.org", "ws://example.org without TLS", 2);
    expect_at(
        &[],
        "https://example.org",
        "wss://example.org is for WebSockets",
        2,
    );
}

#[test]
fn a_refusal_in_http_is_status_5() {
    expect(
        answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        "404 Not Found",
        5,
    );
    let moved = "HTTP/1.1 301 Moved Permanently\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    expect(answering(moved), "301", 5);
}

#[test]
fn a_server_of_another_protocol_is_status_5() {
    expect(answering("SSH-2.0-OpenSSH_9.2\r\n"), "", 5);
    let wrong = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    expect(answering(wrong), "Sec-WebSocket-Accept", 5);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_status_4_with_the_ways_out() {
    let identity = Identity::new("accident", "localhost");
    let address = tls::serve(&identity, |tls| tls);
    let uri = format!("wss://localhost:{}", address.port());
    expect_at(&[], &uri, "--insecure", 4);
}

#[test]
fn a_server_that_never_answers_is_status_124_where_the_time_was_asked_for() {
    let silent = |mut peer: Peer| {
        peer.request();
        peer.drain();
    };
    let uri = uri(serve(silent));
    expect_at(
        &["--open-timeout", "200ms"],
        &uri,
        "opening handshake timed out",
        124,
    );
    expect_at(&["--timeout", "200ms"], &uri, "--timeout", 124);
}

#[test]
fn a_close_with_another_code_is_status_8_at_once_though_the_input_is_open() {
    let closing = |mut peer: Peer| {
        peer.accept();
        peer.close(4001, "bye");
        peer.drain();
    };
    expect(closing, "closed 4001 (Unknown) \"bye\" by peer", 8);
}

#[test]
fn an_end_without_a_close_frame_is_status_7() {
    expect(|mut peer| peer.accept(), "closed 1006", 7);
}

#[test]
fn text_that_is_none_is_status_6_and_the_peer_is_told() {
    let violating = |mut peer: Peer| {
        peer.accept();
        peer.frame(0x81, b"\xff");
        let (code, _) = peer.read_close().expect("a close frame");
        assert_eq!(code, 1007);
    };
    expect(violating, "UTF-8", 6);
}

#[test]
fn a_normal_close_is_status_0_and_needs_no_words() {
    let leaving = |mut peer: Peer| {
        peer.accept();
        peer.close(1000, "");
        peer.drain();
    };
    let [_, listen, pipe] = each_form(&[], &uri(serve(leaving)));
    for (form, piped) in [listen, pipe] {
        assert_eq!((piped.text(), piped.stderr.as_str()), ("", ""), "{form}");
        assert_eq!(piped.status, Some(0), "{form}");
    }
}

#[test]
fn what_a_server_controls_reaches_a_pipe_as_it_is_and_the_error_line_escaped() {
    let rude = |mut peer: Peer| {
        peer.accept();
        peer.text("\u{1b}[2J");
        peer.close(4001, "\u{1b}]0;x\u{7}");
        peer.drain();
    };
    for (form, piped) in each_form(&["-n", "2"], &uri(serve(rude))) {
        assert_eq!(piped.text(), "\u{1b}[2J\n", "{form}");
        assert!(
            piped.stderr.contains("\\u{1b}]0;x\\u{7}"),
            "{form}: {piped:?}"
        );
        assert!(!piped.stderr.contains('\u{1b}'), "{form}: {piped:?}");
    }
}
