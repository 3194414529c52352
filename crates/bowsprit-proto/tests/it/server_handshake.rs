//! RFC 6455 §4.2, Server-Side Requirements.

use std::time::{Duration, Instant};

use HandshakeError::*;
use bowsprit_proto::Config;
use bowsprit_proto::handshake::{
    Accept, HandshakeError, InvalidRequest, Response, ServerHandshake,
};

use crate::opening_handshake::{REQUEST, RESPONSE, edit, extend, header, new_server, serve};

#[test]
fn accepts_valid_requests() {
    let edits = [
        ("GET", "GET http://server.example.com/chat HTTP/1.1"),
        ("GET", "GET WSS://server.example.com HTTP/1.1"),
        ("GET", "GET /?q=[{a|b}]^`'\"<>\\ HTTP/1.1"),
        ("Host", "hOST:[::1]:9002"),
        ("Upgrade", "Upgrade: h2c, WebSocket"),
        ("Upgrade", "Upgrade: h2c\r\nUpgrade: websocket"),
        ("Connection", "Connection: keep-alive, Upgrade"),
        ("Connection", "Connection: a\r\nConnection: ,uPGRADE"),
        // The spare bits of the last character are set.
        (
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==",
        ),
    ];
    for (old, new) in edits {
        assert_eq!(serve(&edit(REQUEST, old, new)), Ok(true), "{new}");
    }
    let more = [
        "Content-Length: 0",
        "Origin: null\r\nX-Empty:\r\nX: \t a \t",
        "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: c,,A",
        "Sec-WebSocket-Extensions: x; y, z\r\nSec-WebSocket-Extensions: x",
    ];
    for lines in more {
        assert_eq!(serve(&extend(REQUEST, lines)), Ok(true), "{lines}");
    }
}

/// Asserts that a server fails with this error, and that it answers with this status.
fn rejects(head: &[u8], error: HandshakeError, status: u16) {
    assert_eq!(Response::for_error(&error).status(), status, "{error}");
    assert_eq!(serve(head), Err(error), "{}", head.escape_ascii());
}

#[test]
fn rejects_a_malformed_request_line() {
    let malformed = [
        "GET",
        "GET /chat",
        "GET  /chat HTTP/1.1",
        "GET /chat  HTTP/1.1",
        "GET /chat HTTP/1.1 ",
        "GET /a b HTTP/1.1",
        "GET\t/chat\tHTTP/1.1",
        "GET /chat http/1.1",
        "GET /chat HTTP/1",
        "GET /chat HTTP/1.1x",
        "G(T /chat HTTP/1.1",
        "GET  HTTP/1.1",
        "GET /a\tb HTTP/1.1",
        "GET /a\0 HTTP/1.1",
        "GET / HTTP/1.1\r",
    ];
    for line in malformed {
        rejects(&edit(REQUEST, "GET", line), StartLine(line.into()), 400);
    }
}

#[test]
fn rejects_another_method_or_version_of_http() {
    for method in ["POST", "HEAD", "get", "CONNECT"] {
        let head = edit(REQUEST, "GET", &format!("{method} / HTTP/1.1"));
        rejects(&head, Method(method.into()), 405);
    }
    for (major, minor) in [(0, 9), (1, 0), (1, 2), (2, 0), (9, 9)] {
        let head = edit(REQUEST, "GET", &format!("GET / HTTP/{major}.{minor}"));
        rejects(&head, HttpVersion { major, minor }, 505);
    }
    let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    rejects(http2, HttpVersion { major: 2, minor: 0 }, 505);
}

#[test]
fn rejects_a_target_that_is_neither_a_path_nor_a_uri() {
    let targets = ["*", "chat", "?x", "host:80", "/a#b", "/é", "ftp://h/"];
    for target in targets {
        let head = edit(REQUEST, "GET", &format!("GET {target} HTTP/1.1"));
        rejects(&head, Target(target.into()), 400);
    }
}

#[test]
fn rejects_a_request_without_exactly_one_host() {
    rejects(&edit(REQUEST, "Host", ""), Missing("Host"), 400);
    rejects(
        &extend(REQUEST, "Host: server.example.com"),
        Duplicate("Host"),
        400,
    );
    let ports = [":80", "a:b", "a:1:2", "::1", "[::1]:x"];
    let brackets = ["[]", "[::1", "::1]", "[::1]x", "a[::1]", "[a]b]", "[[::1]]"];
    let characters = ["", "a b", "user@a", "a/b", "a?b", "é"];
    for host in [&ports[..], &brackets, &characters].concat() {
        rejects(&header(REQUEST, "Host", host), InvalidHost, 400);
    }
    for target in ["http://", "http:///x", "http://user@h/x", "ws://a\"/"] {
        let head = edit(REQUEST, "GET", &format!("GET {target} HTTP/1.1"));
        rejects(&head, InvalidHost, 400);
    }
    rejects(
        &extend(REQUEST, "Origin: a\r\nOrigin: b"),
        Duplicate("Origin"),
        400,
    );
}

#[test]
fn rejects_a_request_without_the_upgrade_tokens() {
    rejects(&edit(REQUEST, "Upgrade", ""), MissingUpgrade, 426);
    for value in ["", "websocketx", "not-websocket", "h2c", "websocket/13"] {
        rejects(&header(REQUEST, "Upgrade", value), MissingUpgrade, 426);
    }
    rejects(&edit(REQUEST, "Connection", ""), MissingConnection, 426);
    for value in ["", "not-upgrade", "keep-alive", "upgradex"] {
        rejects(
            &header(REQUEST, "Connection", value),
            MissingConnection,
            426,
        );
    }
}

#[test]
fn rejects_a_key_that_is_not_16_bytes_in_base64() {
    let name = "Sec-WebSocket-Key";
    let invalid = [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ= =",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZVg=",
        "dGhlIHNhbXBsZSBub25j_Q==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for key in invalid {
        rejects(&header(REQUEST, name, key), InvalidKey(key.into()), 400);
    }
    rejects(&edit(REQUEST, name, ""), Missing(name), 400);
    rejects(
        &extend(REQUEST, &format!("{name}: x")),
        Duplicate(name),
        400,
    );
}

#[test]
fn rejects_every_version_but_the_text_13() {
    let name = "Sec-WebSocket-Version";
    for version in ["0", "8", "14", "255"] {
        rejects(
            &header(REQUEST, name, version),
            Version(version.into()),
            426,
        );
    }
    for version in ["", "256", "+13", "013", "13.0", "13, 8", "x"] {
        rejects(
            &header(REQUEST, name, version),
            Version(version.into()),
            400,
        );
    }
    rejects(&edit(REQUEST, name, ""), Missing(name), 426);
    rejects(
        &extend(REQUEST, &format!("{name}: 13")),
        Duplicate(name),
        400,
    );
}

#[test]
fn rejects_a_request_with_a_body() {
    let announcements = [
        "Content-Length: 5",
        "Content-Length: +0",
        "Content-Length: 0\r\nContent-Length: 5",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
    ];
    for lines in announcements {
        rejects(&extend(REQUEST, lines), Body, 400);
    }
}

#[test]
fn rejects_subprotocol_offers_that_are_no_tokens_or_repeat() {
    let name = "Sec-WebSocket-Protocol";
    for (value, shown) in [
        ("a b", "a b"),
        ("a, b;c", "b;c"),
        (", ,", ""),
        ("\"a\"", "\"a\""),
    ] {
        let head = extend(REQUEST, &format!("{name}: {value}"));
        rejects(&head, InvalidSubprotocol(shown.into()), 400);
    }
    let head = extend(REQUEST, &format!("{name}: a,b\r\n{name}: c,a"));
    rejects(&head, DuplicateSubprotocol("a".into()), 400);
}

#[test]
fn rejects_header_lines_that_others_read_differently() {
    let table = [
        ("Space : x", HeaderLine),
        ("Tab\t: x", HeaderLine),
        (" folded", HeaderLine),
        ("\tfolded: x", HeaderLine),
        ("no colon", HeaderLine),
        (": no name", HeaderLine),
        ("a b: x", HeaderLine),
        ("é: x", HeaderLine),
        ("X: bare\rreturn", HeaderValue),
        ("X: two\r", HeaderValue),
        ("X\r: x", HeaderLine),
        ("\r", HeaderLine),
        ("X: bare\nfeed: x", BareLineFeed),
        ("X: \0", HeaderValue),
        ("X: \u{7f}", HeaderValue),
    ];
    for (line, error) in table {
        rejects(&extend(REQUEST, line), error, 400);
    }
    rejects(b"GET / HTTP/1.1\n\n", BareLineFeed, 400);
}

#[test]
fn checks_the_grammar_of_extension_offers() {
    let outcome = |value: &str| {
        serve(&extend(
            REQUEST,
            &format!("Sec-WebSocket-Extensions: {value}"),
        ))
    };
    let valid = r#"
        a
        a,b
        a , b
        ,a,,b,
        a;b
        a ; b ; c
        a;b=c
        a; b = c
        a;b="c"
        a;b="\c\d" , e
        constructor; __proto__=1
        permessage-deflate; client_max_window_bits=08
    "#;
    for value in valid.trim().lines().map(str::trim) {
        assert_eq!(outcome(value), Ok(true), "{value}");
    }
    let invalid = r#",
        a b
        a;
        a;;b
        a;=b
        a;b=
        a;b c
        a;b=c d
        a;b="c
        a;b=""
        a;b="c d"
        a;b="c"d
        a;b="c\"
        a;b="c\";d="e"
        a;b="\\"
        a/b
        a=b
        a;b=c=d
        é
    "#;
    for value in invalid.trim().lines().map(str::trim).chain([""]) {
        assert_eq!(
            outcome(value),
            Err(InvalidExtensions(value.into())),
            "{value}"
        );
    }
}

#[test]
fn shows_what_the_client_asks_for() {
    let mut server = new_server();
    let head = edit(
        REQUEST,
        "GET",
        "GET http://other.example:81?x=1 HTTP/1.1\r\nSec-WebSocket-Protocol: b, a\r\nX: 1",
    );
    assert_eq!(server.receive(&mut &head[..]), Ok(true));
    let request = server.request().expect("it was read");
    assert_eq!((request.method(), request.target()), ("GET", "/?x=1"));
    assert_eq!(
        (request.authority(), request.header("host")),
        ("other.example:81", Some("server.example.com"))
    );
    assert!(request.subprotocols().eq(["b", "a"]));
    assert_eq!(request.headers().nth(1), Some(("X", "1")));
}

#[test]
fn writes_the_response_of_the_rfc() {
    let mut server = new_server();
    server
        .receive(&mut extend(REQUEST, "Sec-WebSocket-Protocol: a, b").as_slice())
        .expect("valid");
    let (mut accept, mut out) = (Accept::default(), Vec::new());
    accept
        .subprotocol("b")
        .expect("a token")
        .header("Server", "demo")
        .expect("valid");
    let agreed = server.accept(&accept, &mut out).expect("it is offered");
    assert_eq!(agreed.subprotocol.as_deref(), Some("b"));
    let expected = extend(RESPONSE, "Sec-WebSocket-Protocol: b\r\nServer: demo");
    assert_eq!(
        out.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

#[test]
fn names_no_subprotocol_where_none_is_chosen() {
    let mut server = new_server();
    let request = extend(REQUEST, "Sec-WebSocket-Protocol: a, b");
    server.receive(&mut request.as_slice()).expect("valid");
    let mut out = Vec::new();
    let agreed = server.accept(&Accept::default(), &mut out);
    assert_eq!(agreed.expect("it is offered").subprotocol, None);
    assert_eq!(
        out.escape_ascii().to_string(),
        RESPONSE.escape_default().to_string()
    );
}

#[test]
fn accepts_neither_what_was_not_offered_nor_what_is_no_request() {
    let mut accept = Accept::default();
    accept.subprotocol("chat").expect("a token");
    let run = |head: &[u8]| {
        let (mut server, mut out) = (new_server(), Vec::new());
        let _ = server.receive(&mut &head[..]);
        let outcome = server.accept(&accept, &mut out);
        assert!(outcome.is_ok() || out.is_empty());
        outcome.map(|agreed| agreed.subprotocol)
    };
    assert_eq!(
        run(&extend(REQUEST, "Sec-WebSocket-Protocol: chat")),
        Ok(Some("chat".into()))
    );
    assert_eq!(
        run(REQUEST.as_bytes()),
        Err(InvalidRequest::SubprotocolNotOffered("chat".into()))
    );
    let other_case = extend(REQUEST, "Sec-WebSocket-Protocol: Chat");
    assert_eq!(
        run(&other_case),
        Err(InvalidRequest::SubprotocolNotOffered("chat".into()))
    );
    assert_eq!(run(b"GET / HTTP/1.1\r\n"), Err(InvalidRequest::NoRequest));
    assert_eq!(
        run(b"GET / HTTP/1.1\r\n\r\n"),
        Err(InvalidRequest::NoRequest)
    );
}

#[test]
fn writes_refusals_that_end_the_connection() {
    let encode = |refusal: &Response| {
        let mut out = Vec::new();
        refusal.encode(&mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    let mut refusal = Response::new(401).expect("a status");
    refusal
        .header("WWW-Authenticate", "Basic")
        .expect("valid")
        .body("no\n");
    let expected = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 3\r\n\
        WWW-Authenticate: Basic\r\n\r\nno\n";
    assert_eq!(encode(&refusal), expected);
    let upgrade = encode(&Response::for_error(&Version("8".into())));
    assert!(
        upgrade.starts_with("HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n"),
        "{upgrade}"
    );
    assert!(
        upgrade.contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        "{upgrade}"
    );
    let method = encode(&Response::for_error(&Method("PUT".into())));
    assert!(
        method.contains("\r\nAllow: GET\r\n") && method.ends_with("\r\n\r\nMethod Not Allowed\n"),
        "{method}"
    );
    let empty = encode(Response::new(204).expect("a status").body("no"));
    assert_eq!(
        empty,
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    );
    for status in [0, 100, 101, 199, 600, 65535] {
        let expected = Some(InvalidRequest::Status(status));
        assert_eq!(Response::new(status).err(), expected);
        assert_eq!(Response::plain(status).err(), expected);
    }
}

#[test]
fn answers_head_without_the_body_but_with_its_length() {
    let head = |response: &Response| {
        let mut out = Vec::new();
        response.encode_head(&mut out);
        String::from_utf8(out).expect("UTF-8")
    };
    let page = Response::plain(404).expect("a status");
    let expected = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 10\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\r\n";
    assert_eq!(head(&page), expected);
    let mut whole = Vec::new();
    page.encode(&mut whole);
    assert_eq!(whole, format!("{expected}Not Found\n").into_bytes());
    let empty = Response::plain(204).expect("a status");
    assert!(!head(&empty).contains("Content-Length"), "{empty:?}");
}

#[test]
fn a_mistake_of_the_servers_own_is_a_500_that_tells_nothing() {
    let mistake = Accept::default().header("X-Secret", "a\nb").map(|_| ());
    let response = Response::from(mistake.expect_err("two lines"));
    let mut out = Vec::new();
    response.encode(&mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(
        text.starts_with("HTTP/1.1 500 Internal Server Error\r\n"),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\nInternal Server Error\n"), "{text}");
    assert!(!text.contains("Secret"), "{text}");
}

#[test]
fn answers_show_what_was_set() {
    let mut accept = Accept::default();
    assert_eq!(accept.chosen_subprotocol(), None);
    accept.subprotocol("b").expect("a token");
    accept.header("X", "1").expect("valid");
    assert_eq!(accept.chosen_subprotocol(), Some("b"));
    assert_eq!(accept.headers().collect::<Vec<_>>(), [("X", "1")]);
    let mut response = Response::new(200).expect("a status");
    response.header("Y", " 2 ").expect("valid");
    assert_eq!(response.headers().collect::<Vec<_>>(), [("Y", "2")]);
}

#[test]
fn enforces_each_limit_at_its_edge() {
    let mut config = Config::server();
    let limits = &mut config.limits;
    (limits.head_line, limits.head, limits.headers) = (60, 300, 8);
    let receive = |head: &[u8]| ServerHandshake::new(&config).receive(&mut &head[..]);
    let status = |error: &HandshakeError| Response::for_error(error).status();

    let line = |length: usize| {
        edit(
            REQUEST,
            "GET",
            &format!("GET /{:a>1$} HTTP/1.1", "", length - 14),
        )
    };
    assert_eq!(receive(&line(60)), Ok(true));
    let error = StartLineTooLong { limit: 60 };
    assert_eq!((receive(&line(61)), status(&error)), (Err(error), 414));

    let line = |length: usize| extend(REQUEST, &format!("X: {:a>1$}", "", length - 3));
    assert_eq!(receive(&line(60)), Ok(true));
    let error = LineTooLong { limit: 60 };
    assert_eq!((receive(&line(61)), status(&error)), (Err(error), 431));

    let count = |count: usize| extend(REQUEST, &vec!["X:"; count - 5].join("\r\n"));
    assert_eq!(receive(&count(8)), Ok(true));
    let error = TooManyHeaders { limit: 8 };
    assert_eq!((receive(&count(9)), status(&error)), (Err(error), 431));

    let full = format!("X: {}\r\n", "a".repeat(50)).repeat(2);
    let used = REQUEST.len() + full.len() + "X: \r\n".len();
    let size = |size: usize| extend(REQUEST, &format!("{full}X: {:a>1$}", "", size - used));
    assert_eq!(receive(&size(300)), Ok(true));
    let error = HeadTooLarge { limit: 300 };
    assert_eq!((receive(&size(301)), status(&error)), (Err(error), 431));
}

#[test]
fn blames_the_limit_that_comes_first() {
    let mut config = Config::server();
    for (line, head, error) in [
        (60, 50, HeadTooLarge { limit: 50 }),
        (50, 60, StartLineTooLong { limit: 50 }),
    ] {
        (config.limits.head_line, config.limits.head) = (line, head);
        for size in [1, 100] {
            let mut server = ServerHandshake::new(&config);
            let received = [b'a'; 100]
                .chunks(size)
                .map(|mut piece| server.receive(&mut piece));
            assert_eq!(received.last(), Some(Err(error.clone())), "{size}");
        }
    }
}

#[test]
fn counts_nothing_that_follows_the_head() {
    let mut input = REQUEST.as_bytes().to_vec();
    input.resize(1 << 20, b'x');
    assert_eq!(new_server().receive(&mut input.as_slice()), Ok(true));
}

#[test]
fn takes_time_in_proportion_to_the_input() {
    let mut config = Config::server();
    (config.limits.head_line, config.limits.head) = (usize::MAX, usize::MAX);
    let mut server = ServerHandshake::new(&config);
    let started = Instant::now();
    assert_eq!(server.receive(&mut &b"GET /"[..]), Ok(false));
    for _ in 0..8192 {
        assert_eq!(server.receive(&mut &[b'a'; 1024][..]), Ok(false));
    }
    // Searching from the start each time would look at 34 GB.
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}
