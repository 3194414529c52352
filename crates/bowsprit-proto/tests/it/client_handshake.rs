//! RFC 6455 §4.1, Client Requirements.

use HandshakeError::*;
use bowsprit_proto::handshake::{Agreed, ClientHandshake, HandshakeError, Request};
use bowsprit_proto::{Config, Uri};

use crate::opening_handshake::{
    NONCE, REQUEST, RESPONSE, answer, edit, extend, header, new_client,
};

#[test]
fn writes_the_request_of_the_rfc() {
    assert_eq!(
        new_client(&[]).request_bytes().escape_ascii().to_string(),
        REQUEST.escape_default().to_string()
    );
}

#[test]
fn writes_subprotocols_and_headers_in_their_order() {
    let mut request = Request::new(Uri::parse("wss://[::1]:9002?x=1").expect("a URI"));
    request
        .header("X-One", " 1 ")
        .expect("valid")
        .header("Origin", "https://a")
        .expect("valid");
    request
        .subprotocol("b")
        .expect("valid")
        .subprotocol("a")
        .expect("valid")
        .subprotocol("B")
        .expect("valid");
    request
        .header("x-one", "2")
        .expect("valid")
        .header("ORIGIN", "https://b")
        .expect("valid");
    let headers: Vec<_> = request.headers().collect();
    assert_eq!(
        headers,
        [("X-One", "1"), ("x-one", "2"), ("ORIGIN", "https://b")]
    );
    let client = ClientHandshake::new(&request, NONCE, &Config::client());
    let text = String::from_utf8(client.request_bytes().to_vec()).expect("UTF-8");
    assert!(
        text.starts_with("GET /?x=1 HTTP/1.1\r\nHost: [::1]:9002\r\n"),
        "{text}"
    );
    let end = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: b, a, B\r\n\
        X-One: 1\r\nx-one: 2\r\nORIGIN: https://b\r\n\r\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn takes_all_lines_of_a_header_back() {
    let mut request = Request::new(Uri::parse("ws://localhost/").expect("a URI"));
    for (name, value) in [("X-One", "1"), ("X-Two", "2"), ("x-one", "3")] {
        request.header(name, value).expect("valid");
    }
    request.remove_header("X-ONE");
    assert_eq!(request.headers().collect::<Vec<_>>(), [("X-Two", "2")]);
}

#[test]
fn tells_the_version_of_the_answer() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let mut client = new_client(&[]);
        let answer = format!("{version} 404 Not Found\r\n\r\n");
        client
            .receive(&mut answer.as_bytes())
            .expect_err("no status 101");
        let response = client.response().expect("a response");
        assert_eq!(response.version(), version);
    }
}

#[test]
fn accepts_valid_responses() {
    let edits = [
        ("HTTP", "HTTP/1.1 101"),
        ("HTTP", "HTTP/1.1 101 "),
        ("HTTP", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 OK"),
        ("HTTP", "HTTP/1.1 103 \r\nLink: x\r\n\r\nHTTP/1.1 101 OK"),
        ("Upgrade", "UPGRADE:WebSocket"),
        ("Upgrade", "Upgrade: websocket\r\nUpgrade: WebSocket"),
        ("Connection", "connection:\tkeep-alive ,, UPGRADE\t"),
        ("Connection", "Connection: a\r\nConnection: Upgrade"),
        ("Connection", "Connection: Upgrade\r\nContent-Length: 0"),
        (
            "Connection",
            "Connection: Upgrade\r\nEmpty:\r\nUTF: caf\u{e9}",
        ),
    ];
    for (old, new) in edits {
        let head = edit(RESPONSE, old, new);
        assert_eq!(
            answer(&["chat"], &head),
            Ok(Some(Agreed::default())),
            "{new:?}"
        );
    }
}

/// Asserts that a client which offers `a` and `b` fails with this error.
fn fails(head: &[u8], error: HandshakeError) {
    assert_eq!(
        answer(&["a", "b"], head),
        Err(error),
        "{}",
        head.escape_ascii()
    );
}

#[test]
fn rejects_a_response_with_another_status_or_version() {
    let start = |line: &str| edit(RESPONSE, "HTTP", line);
    fails(&start("HTTP/1.1 200 OK"), Status(200));
    fails(&start("HTTP/1.0 404 Not Found"), Status(404));
    fails(
        &start("HTTP/1.0 101 OK"),
        HttpVersion { major: 1, minor: 0 },
    );
    fails(
        &start("HTTP/1.2 101 OK"),
        HttpVersion { major: 1, minor: 2 },
    );
    fails(
        &start("HTTP/2.0 101 OK"),
        HttpVersion { major: 2, minor: 0 },
    );
    let malformed = [
        "HTTP/1.1",
        "HTTP/1.1 1010",
        "HTTP/1.1 +11 x",
        "HTTP/1.1 099 x",
        "HTTP/1.1  101 x",
        "HTTP/1.10 101 x",
        "HTTP/1 101 x",
        "HTTP/1.1 101 \0",
        "HTTP/1.1 101 a\rb",
    ];
    for line in malformed {
        fails(&start(line), StartLine(line.into()));
    }
}

#[test]
fn rejects_a_response_without_the_upgrade_token() {
    fails(&edit(RESPONSE, "Upgrade", ""), MissingUpgrade);
    for value in [
        "",
        "websocketx",
        "not-websocket",
        "websocket, h2c",
        "web socket",
    ] {
        fails(&header(RESPONSE, "Upgrade", value), MissingUpgrade);
    }
    fails(&edit(RESPONSE, "Connection", ""), MissingConnection);
    for value in ["", "not-upgrade", "upgraded, close", "upgrade;x"] {
        fails(&header(RESPONSE, "Connection", value), MissingConnection);
    }
}

#[test]
fn rejects_a_response_that_does_not_prove_it_read_the_key() {
    let name = "Sec-WebSocket-Accept";
    let expected = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    for received in ["", "x", "s3pplmbitxaq9kygzzhzrbk+xoo=", &expected[1..]] {
        let error = AcceptMismatch {
            expected: expected.into(),
            received: received.into(),
        };
        fails(&header(RESPONSE, name, received), error);
    }
    fails(&edit(RESPONSE, name, ""), Missing(name));
    fails(
        &extend(RESPONSE, &format!("{name}: {expected}")),
        Duplicate(name),
    );
}

#[test]
fn rejects_a_response_that_chooses_what_was_not_offered() {
    let name = "Sec-WebSocket-Protocol";
    for chosen in ["", "c", "A", "a, b"] {
        let head = extend(RESPONSE, &format!("{name}: {chosen}"));
        fails(&head, UnrequestedSubprotocol(chosen.into()));
    }
    fails(
        &extend(RESPONSE, &format!("{name}: a\r\n{name}: a")),
        Duplicate(name),
    );
    let head = extend(RESPONSE, "Sec-WebSocket-Extensions: permessage-deflate");
    fails(&head, UnrequestedExtension("permessage-deflate".into()));
}

#[test]
fn rejects_a_response_with_a_body() {
    fails(&extend(RESPONSE, "Content-Length: 5"), Body);
    fails(&extend(RESPONSE, "Transfer-Encoding: chunked"), Body);
}

#[test]
fn agrees_on_a_subprotocol_that_was_offered() {
    let head = extend(RESPONSE, "Sec-WebSocket-Protocol: b");
    let agreed = answer(&["a", "b"], &head)
        .expect("valid")
        .expect("complete");
    assert_eq!(agreed.subprotocol.as_deref(), Some("b"));
    assert_eq!(answer(&[], &head), Err(UnrequestedSubprotocol("b".into())));
}

#[test]
fn keeps_the_head_of_a_refusal_and_leaves_its_body() {
    let mut input = &b"HTTP/1.1 503 Try Later\r\nServer: demo\r\nContent-Length: 4\r\n\r\nbusy"[..];
    let mut client = new_client(&[]);
    assert_eq!(client.receive(&mut input), Err(Status(503)));
    assert_eq!(client.receive(&mut input), Err(Status(503)));
    assert_eq!(input, b"busy");
    let head = client.response().expect("it was read");
    assert_eq!(
        (head.status(), head.reason(), head.header("SERVER")),
        (503, "Try Later", Some("demo"))
    );
    assert!(
        head.headers()
            .eq([("Server", "demo"), ("Content-Length", "4")])
    );
}

#[test]
fn keeps_what_was_read_before_an_error() {
    let mut client = new_client(&[]);
    let mut input = &b"HTTP/1.1 101 OK\r\nServer: demo\r\nbroken\r\n\r\n"[..];
    assert_eq!(client.receive(&mut input), Err(HeaderLine));
    assert_eq!(
        client.response().and_then(|head| head.header("server")),
        Some("demo")
    );
}

#[test]
fn reads_values_that_are_not_utf8_as_latin1() {
    let mut client = new_client(&[]);
    let mut input = &b"HTTP/1.1 404 \xe9\r\nServer: caf\xe9\r\nX: caf\xc3\xa9\r\n\r\n"[..];
    assert_eq!(client.receive(&mut input), Err(Status(404)));
    let head = client.response().expect("it was read");
    assert_eq!(
        (head.reason(), head.header("server"), head.header("x")),
        ("", Some("café"), Some("café"))
    );
}

#[test]
fn stops_endless_heads_early() {
    let limits = Config::client().limits;
    let (line, head, headers) = (limits.head_line, limits.head, limits.headers);
    // How it begins, what repeats, and how it ends.
    let table = [
        ("HTTP/1.1 101 OK\r\n", "a", LineTooLong { limit: line }),
        ("HTTP/1.1 101 ", "a", StartLineTooLong { limit: line }),
        (
            "HTTP/1.1 101 OK\r\n",
            "a: b\r\n",
            TooManyHeaders { limit: headers },
        ),
        (
            "",
            "HTTP/1.1 100 Go on\r\n\r\n",
            HeadTooLarge { limit: head },
        ),
    ];
    for (beginning, repeated, error) in table {
        let mut client = new_client(&[]);
        let mut received = client.receive(&mut beginning.as_bytes());
        let mut rounds = 0;
        while received == Ok(None) && rounds < head {
            received = client.receive(&mut repeated.as_bytes());
            rounds += 1;
        }
        assert_eq!(received, Err(error));
    }
}

#[test]
fn shows_the_beginning_of_long_text_only() {
    for lines in [
        "Sec-WebSocket-Accept: LONG\r\n",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: LONG\r\n",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: LONG\r\n",
    ] {
        let lines = lines.replace("LONG", &"a".repeat(8000));
        let mut client = new_client(&[]);
        let answer =
            format!("HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{lines}\r\n");
        let error = client
            .receive(&mut answer.as_bytes())
            .expect_err("too much");
        let shown = error.to_string();
        assert!(
            shown.contains("aaa\"... (8000 bytes)") && shown.len() < 256,
            "{shown}"
        );
    }
}
