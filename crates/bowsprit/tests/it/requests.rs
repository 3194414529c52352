//! What a server answers: to wrong requests, as the program's hooks decide, and to plain HTTP.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    Accept, AcceptError, Client, CloseCode, Config, HttpRequest, InvalidRequest, Response, Server,
    ServerBuilder, ServerTls, Stage, Tls,
    proto::handshake::{HandshakeError, InvalidRequest as InvalidHeader},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, join, repeat, sink},
    time::Instant,
};
use tokio_util::io::InspectReader;

use super::support::{Echo, REQUEST, Running, read_head, run, settle, within};

fn builder() -> ServerBuilder {
    let named = Server::builder().server_header("harbour".to_owned());
    named.expect("a header")
}

/// All that the server sends to a client that sends this, and nothing else.
async fn exchange(server: &Running, request: &[u8]) -> String {
    let mut tcp = server.bare().await;
    tcp.write_all(request).await.expect("a write");
    let mut answer = Vec::new();
    within(tcp.read_to_end(&mut answer))
        .await
        .expect("an answer and the end");
    undated(&answer)
}

/// The answer without its date, which everything but a 101 has.
fn undated(answer: &[u8]) -> String {
    let answer = str::from_utf8(answer).expect("an answer of text");
    let Some((before, dated)) = answer.split_once("Date: ") else {
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 101 "),
            "{answer}"
        );
        return answer.to_owned();
    };
    let (date, after) = dated.split_once("\r\n").expect("the end of a line");
    httpdate::parse_http_date(date).expect("a date");
    format!("{before}{after}")
}

/// The same without a socket, so that time may be virtual; and what the server makes of it.
async fn exchange_on(server: &Server, request: &str) -> (String, Result<(), AcceptError>) {
    let (near, mut far) = duplex(64 * 1024);
    far.write_all(request.as_bytes()).await.expect("a write");
    let answer = async {
        let mut answer = Vec::new();
        far.read_to_end(&mut answer)
            .await
            .expect("an answer and the end");
        drop(far);
        undated(&answer)
    };
    // What was accepted is dropped at once, so that the transport ends.
    let accepting = async { server.accept_on(near, None).await.map(drop) };
    tokio::join!(answer, accepting)
}

fn upgrade(lines: &str) -> String {
    format!("{REQUEST}{lines}\r\n")
}

/// A whole refusal with these words, and these headers besides those that all have.
fn refusal(status: &str, connection: &str, headers: &str) -> String {
    let (_, words) = status.split_once(' ').expect("words");
    let len = words.len() + 1;
    format!(
        "HTTP/1.1 {status}\r\nConnection: {connection}\r\nContent-Length: {len}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n{headers}Server: harbour\r\n\r\n{words}\n"
    )
}

#[tokio::test]
async fn every_wrong_request_gets_its_status() {
    let server = run(builder(), || Echo).await;
    let bad = refusal("400 Bad Request", "close", "");
    let method = refusal("405 Method Not Allowed", "close", "Allow: GET\r\n");
    let long_line = refusal("414 URI Too Long", "close", "");
    let not_upgrade = refusal(
        "426 Upgrade Required",
        "close, Upgrade",
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    );
    let too_large = refusal("431 Request Header Fields Too Large", "close", "");
    let version = refusal("505 HTTP Version Not Supported", "close", "");
    let forbidden = refusal("403 Forbidden", "close", "");
    let without = |line: &str| upgrade("").replace(line, "");
    let cases = [
        ("SSH-2.0-demo\r\n\r\n".to_owned(), &bad),
        ("GET http:/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), &bad),
        (without("Host: in.memory\r\n"), &bad),
        (
            without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            &bad,
        ),
        (upgrade("Sec-WebSocket-Version: 13\r\n"), &bad),
        (upgrade("Content-Length: 5\r\n"), &bad),
        (upgrade("Host : b\r\n"), &bad),
        (upgrade("").replace("GET", "POST"), &method),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
            &method,
        ),
        (
            upgrade("").replace("GET /", &format!("GET /{}", "a".repeat(9000))),
            &long_line,
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), &not_upgrade),
        (without("Connection: Upgrade\r\n"), &not_upgrade),
        (without("Sec-WebSocket-Version: 13\r\n"), &not_upgrade),
        (upgrade("").replace("n: 13", "n: 8"), &not_upgrade),
        (upgrade(&format!("X: {}\r\n", "a".repeat(9000))), &too_large),
        (upgrade(&"X: a\r\n".repeat(100)), &too_large),
        (
            upgrade(&format!("X: {}\r\n", "a".repeat(8000)).repeat(5)),
            &too_large,
        ),
        (upgrade("").replace("HTTP/1.1", "HTTP/1.0"), &version),
        (upgrade("").replace("HTTP/1.1", "HTTP/2.0"), &version),
        (upgrade("Origin: http://evil.example\r\n"), &forbidden),
    ];
    for (request, expected) in cases {
        let answer = exchange(&server, request.as_bytes()).await;
        let shown = request.get(..200).unwrap_or(&request);
        assert_eq!(&answer, expected, "{shown}");
    }
    // Whatever they were, the next client is served.
    within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
}

#[tokio::test]
async fn a_refused_head_request_gets_no_body() {
    let server = run(builder(), || Echo).await;
    let answer = exchange(&server, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 405 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nContent-Length: 19\r\n"), "{answer}");
}

#[tokio::test]
async fn validate_sees_the_whole_request() {
    let seen = Arc::new(Mutex::new(None));
    let noted = seen.clone();
    let server = builder().validate(move |request: HttpRequest| {
        *noted.lock().expect("no panic") = Some(request);
        async { Ok(Accept::default()) }
    });
    let server = run(server, || Echo).await;
    let uri = server.uri.replace("ws://", "").replace('/', "");
    let request = Client::new()
        .request(&format!("ws://{uri}/quay?berth=7&x=%20?"))
        .expect("a URI")
        .subprotocol("b")
        .and_then(|request| request.subprotocol("a"))
        .and_then(|request| request.header("X-Flag", "red"))
        .and_then(|request| request.header("Origin", &format!("http://{uri}")))
        .expect("valid");
    let ws = within(request.connect()).await.expect("a connection");
    let seen = seen.lock().expect("no panic").take().expect("a request");
    assert_eq!(seen.method(), "GET");
    assert_eq!(seen.target(), "/quay?berth=7&x=%20?");
    assert_eq!(seen.path(), "/quay");
    assert_eq!(seen.query(), Some("berth=7&x=%20?"));
    assert_eq!(seen.authority(), uri);
    assert_eq!(seen.header("x-flag"), Some("red"));
    assert!(seen.headers().any(|header| header == ("X-Flag", "red")));
    assert_eq!(seen.subprotocols().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(seen.origin(), Some(format!("http://{uri}").as_str()));
    let local = ws.get_ref().local_addr().expect("an address");
    assert_eq!(seen.peer(), Some(local));
    assert!(seen.tls().is_none());
}

#[tokio::test]
async fn validate_adds_headers_and_keeps_its_own_server() {
    let server = builder().validate(|request: HttpRequest| async move {
        // It may be asked elsewhere, for as long as that takes.
        tokio::task::yield_now().await;
        let mut accept = Accept::default();
        accept
            .header("Set-Cookie", "a=1")?
            .header("Set-Cookie", "b=2")?;
        if request.path() == "/own" {
            accept.header("server", "quay")?;
        }
        Ok(accept)
    });
    let server = run(server, || Echo).await;
    let mut tcp = server.bare().await;
    let asked = tcp.write_all(upgrade("").as_bytes()).await;
    asked.expect("a write");
    let head = read_head(&mut tcp).await;
    assert!(
        head.ends_with("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: harbour\r\n\r\n"),
        "{head}"
    );
    let mut tcp = server.bare().await;
    let own = upgrade("").replace("GET /", "GET /own");
    tcp.write_all(own.as_bytes()).await.expect("a write");
    let head = read_head(&mut tcp).await;
    assert!(
        head.contains("server: quay\r\n") && !head.contains("harbour"),
        "{head}"
    );
}

#[tokio::test]
async fn validate_refuses_with_any_response() {
    let server = builder()
        .validate(|request: HttpRequest| async move {
            if request.header("authorization").is_some() {
                return Ok(Accept::default());
            }
            let mut response = Response::new(401)?;
            response
                .header("WWW-Authenticate", "Bearer")?
                .body("who is it?\n");
            Err(response)
        })
        .build();
    let (answer, refused) = exchange_on(&server, &upgrade("")).await;
    let expected = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 11\r\n\
        WWW-Authenticate: Bearer\r\nServer: harbour\r\n\r\nwho is it?\n";
    assert_eq!(answer, expected);
    let error = refused.expect_err("a stranger");
    assert!(matches!(error, AcceptError::Rejected(401)), "{error}");
    assert_eq!(error.to_string(), "refused with HTTP 401");
    let (answer, accepted) = exchange_on(&server, &upgrade("Authorization: Bearer x\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    accepted.expect("a friend");
}

#[tokio::test]
async fn validate_is_asked_only_about_what_could_be_accepted() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = builder()
        .validate(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok(Accept::default()) }
        })
        .build();
    for request in [
        upgrade("Origin: http://evil.example\r\n"),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
    ] {
        exchange_on(&server, &request).await.1.expect_err("refused");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    exchange_on(&server, &upgrade(""))
        .await
        .1
        .expect("accepted");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_mistake_in_validate_is_a_500_that_tells_nothing() {
    let invalid = builder().validate(|_| async {
        let mut accept = Accept::default();
        accept.header("X-Secret", "a\r\nb")?;
        Ok(accept)
    });
    let not_offered = builder().validate(|_| async {
        let mut accept = Accept::default();
        accept.subprotocol("secret")?;
        Ok(accept)
    });
    let expected = refusal("500 Internal Server Error", "close", "");
    let (answer, refused) = exchange_on(&invalid.build(), &upgrade("")).await;
    assert_eq!(answer, expected);
    let error = refused.expect_err("a mistake");
    assert!(matches!(error, AcceptError::Rejected(500)), "{error}");

    let offers = upgrade("Sec-WebSocket-Protocol: chat\r\n");
    let (answer, refused) = exchange_on(&not_offered.build(), &offers).await;
    assert_eq!(answer, expected);
    let error = refused.expect_err("a mistake");
    assert!(
        matches!(
            &error,
            AcceptError::Answer(InvalidHeader::SubprotocolNotOffered(name)) if name == "secret"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn validate_that_panics_takes_only_its_connection_with_it() {
    let server = builder().validate(|request: HttpRequest| async move {
        assert_ne!(request.path(), "/panic", "on purpose");
        Ok(Accept::default())
    });
    let server = run(server.max_connections(1), || Echo).await;
    let panics = upgrade("").replace("GET /", "GET /panic");
    let mut tcp = server.bare().await;
    tcp.write_all(panics.as_bytes()).await.expect("a write");
    // An end or a reset, and the slot is free again.
    let _ = within(tcp.read_to_end(&mut Vec::new())).await;
    within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
}

#[tokio::test(start_paused = true)]
async fn validate_has_as_much_time_as_the_handshake() {
    let server = builder()
        .validate(|_| async {
            pending::<()>().await;
            Ok(Accept::default())
        })
        .build();
    let start = Instant::now();
    let (answer, refused) = exchange_on(&server, &upgrade("")).await;
    let expected = refusal("503 Service Unavailable", "close", "Retry-After: 5\r\n");
    assert_eq!(answer, expected);
    assert_eq!(start.elapsed(), Config::server().timeouts.open);
    let error = refused.expect_err("too late");
    assert!(
        matches!(error, AcceptError::Timeout(Stage::Open)),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_validate_delays_nobody_else() {
    let server = builder()
        .validate(|request: HttpRequest| async move {
            if request.path() == "/slow" {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            Ok(Accept::default())
        })
        .build();
    let start = Instant::now();
    let slow = upgrade("").replace("GET /", "GET /slow");
    let slow = async {
        exchange_on(&server, &slow).await.1.expect("accepted");
        start.elapsed()
    };
    let quick = async {
        exchange_on(&server, &upgrade(""))
            .await
            .1
            .expect("accepted");
        start.elapsed()
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!((slow.as_secs(), quick.as_secs()), (5, 0));
}

async fn agreed(server: &Server, offers: &str) -> Option<String> {
    let (near, mut far) = duplex(64 * 1024);
    far.write_all(upgrade(offers).as_bytes())
        .await
        .expect("a write");
    let ws = server.accept_on(near, None).await.expect("accepted");
    let head = read_head(&mut far).await;
    let told = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
    assert_eq!(told, ws.subprotocol(), "{head}");
    ws.subprotocol().map(str::to_owned)
}

#[tokio::test]
async fn the_servers_order_decides_between_subprotocols() {
    let server = builder()
        .subprotocols(["chat.v2", "chat.v1"])
        .expect("tokens")
        .build();
    let cases = [
        ("", None),
        (
            "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n",
            Some("chat.v2"),
        ),
        ("Sec-WebSocket-Protocol: chat.v1\r\n", Some("chat.v1")),
        (
            "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: chat.v1\r\n",
            Some("chat.v1"),
        ),
        ("Sec-WebSocket-Protocol: CHAT.v1, chat.v\r\n", None),
        ("Sec-WebSocket-Protocol: other\r\n", None),
    ];
    for (offers, expected) in cases {
        assert_eq!(
            agreed(&server, offers).await.as_deref(),
            expected,
            "{offers}"
        );
    }
}

#[tokio::test]
async fn the_choice_of_validate_comes_first() {
    let server = builder()
        .subprotocols(["chat.v2", "chat.v1"])
        .expect("tokens")
        .validate(|request: HttpRequest| async move {
            let mut accept = Accept::default();
            if request.subprotocols().any(|name| name == "secret") {
                accept.subprotocol("secret")?;
            }
            Ok(accept)
        })
        .build();
    let both = "Sec-WebSocket-Protocol: chat.v2, secret\r\n";
    assert_eq!(agreed(&server, both).await.as_deref(), Some("secret"));
    let one = "Sec-WebSocket-Protocol: chat.v1\r\n";
    assert_eq!(agreed(&server, one).await.as_deref(), Some("chat.v1"));
}

#[test]
fn subprotocols_are_checked_when_they_are_set() {
    for wrong in [vec!["a b"], vec![""], vec!["a", "b,c"]] {
        let error = Server::builder().subprotocols(wrong).expect_err("no token");
        assert!(
            matches!(error, InvalidRequest::Header(InvalidHeader::Subprotocol(_))),
            "{error}"
        );
    }
    let error = Server::builder().subprotocols(["a", "a"]);
    assert_eq!(
        error.expect_err("twice").to_string(),
        "subprotocol a is offered already"
    );
}

/// Says what was asked, in the body.
fn page() -> ServerBuilder {
    builder().http(|request: HttpRequest| async move {
        let body = format!("{} {}\n", request.method(), request.target());
        let mut response = Response::new(200).expect("a status");
        response
            .header("X-Page", "yes")
            .expect("a header")
            .body(body);
        response
    })
}

#[tokio::test]
async fn plain_http_is_answered_on_the_same_port() {
    let server = run(page(), || Echo).await;
    let head = |len: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len}\r\n\
             X-Page: yes\r\nServer: harbour\r\n\r\n"
        )
    };
    let cases = [
        ("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a?b\n"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "POST /\n",
        ),
        ("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", "DELETE /\n"),
        ("GET / HTTP/1.0\r\n\r\n", "GET /\n"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            "GET /\n",
        ),
        // Another site's page may ask; its browser keeps the answer from it.
        (
            "GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\n\r\n",
            "GET /\n",
        ),
    ];
    for (request, body) in cases {
        let answer = exchange(&server, request.as_bytes()).await;
        assert_eq!(answer, format!("{}{body}", head(body.len())), "{request}");
    }
    let answer = exchange(&server, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer, head("HEAD /\n".len()));
    // Nothing but the first request is answered: what follows it may not be the client's own.
    let two = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2);
    let answer = exchange(&server, two.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
    within(bowsprit::connect(&server.uri))
        .await
        .expect("WebSockets as before");
}

#[tokio::test]
async fn what_is_not_plain_http_does_not_reach_the_hook() {
    let server = page().build();
    let cases = [
        // A body, as long as it is.
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
            "400",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            "400",
        ),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "400"),
        // Meant for a WebSocket and wrong.
        (upgrade("").replace("n: 13", "n: 8"), "426"),
        (upgrade("").replace("Connection: Upgrade\r\n", ""), "426"),
    ];
    for (request, status) in cases {
        let (answer, refused) = exchange_on(&server, &request).await;
        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{request}: {answer}");
        let error = refused.expect_err("refused");
        assert!(matches!(error, AcceptError::Handshake(_)), "{error}");
    }
}

#[tokio::test]
async fn accepting_reports_plain_http() {
    let (answer, refused) = exchange_on(&page().build(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let error = refused.expect_err("no WebSocket");
    assert!(matches!(error, AcceptError::PlainHttp(200)), "{error}");
    let without = Server::builder().build();
    let (answer, refused) = exchange_on(&without, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    let error = refused.expect_err("no WebSocket");
    assert!(
        matches!(
            error,
            AcceptError::Handshake(HandshakeError::MissingUpgrade)
        ),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_answers_is_cut_short() {
    let server = builder().http(|_| pending()).build();
    let (answer, refused) = exchange_on(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let expected = refusal("503 Service Unavailable", "close", "Retry-After: 5\r\n");
    assert_eq!(answer, expected);
    let error = refused.expect_err("too late");
    assert!(
        matches!(error, AcceptError::Timeout(Stage::Open)),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_its_refusal_is_let_go() {
    let server = builder().build();
    // No room for the answer.
    let (near, mut far) = duplex(16);
    let sent = far.write_all(b"not HTTP: no\r\n").await;
    sent.expect("a write");
    let start = Instant::now();
    server.accept_on(near, None).await.expect_err("no request");
    assert_eq!(start.elapsed(), Config::server().timeouts.open);
}

#[tokio::test]
async fn a_refused_client_that_floods_is_let_go() {
    let taken = AtomicUsize::new(0);
    let flood = (&b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"[..]).chain(repeat(b'a'));
    let counting = InspectReader::new(flood, |bytes| {
        taken.fetch_add(bytes.len(), Ordering::Relaxed);
    });
    let server = builder().build();
    let refused = within(server.accept_on(join(counting, sink()), None)).await;
    assert!(refused.is_err(), "no upgrade");
    let taken = taken.load(Ordering::Relaxed);
    assert!((1 << 20..2 << 20).contains(&taken), "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_stays_is_let_go() {
    let server = builder().build();
    let (near, mut far) = duplex(4096);
    let sent = far.write_all(b"not HTTP: no\r\n").await;
    sent.expect("a write");
    let start = Instant::now();
    server.accept_on(near, None).await.expect_err("no request");
    assert_eq!(start.elapsed(), Duration::from_millis(500));
    let head = read_head(&mut far).await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
}

/// A page of 64 KiB.
fn long_page() -> Server {
    let page = |_| async {
        let mut response = Response::new(200).expect("a status");
        response.body(vec![b'x'; 64 << 10]);
        response
    };
    builder().http(page).build()
}

#[tokio::test(start_paused = true)]
async fn a_long_page_has_the_time_of_a_handshake() {
    let server = long_page();
    let (near, mut far) = duplex(1024);
    let asked = far.write_all(b"GET / HTTP/1.0\r\n\r\n").await;
    asked.expect("a write");
    let accepting = tokio::spawn(async move { server.accept_on(near, None).await.map(drop) });
    let mut read = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        match far.read(&mut [0; 1024]).await.expect("a page") {
            0 => break,
            len => read += len,
        }
    }
    assert!(read > 64 << 10, "{read}");
    let end = accepting.await.expect("no panic").expect_err("a page");
    assert!(matches!(end, AcceptError::PlainHttp(200)), "{end}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_nobody_reads_is_cut_at_the_end_of_a_shutdown() {
    let server = long_page();
    let (near, mut far) = duplex(1024);
    let asked = far.write_all(b"GET / HTTP/1.0\r\n\r\n").await;
    asked.expect("a write");
    let running = server.clone();
    let accepting = tokio::spawn(async move { running.accept_on(near, None).await.map(drop) });
    read_head(&mut far).await;
    let start = Instant::now();
    let second = Duration::from_secs(1);
    assert_eq!(server.shutdown(CloseCode::GOING_AWAY, second).await, 1);
    assert_eq!(start.elapsed(), second);
    accepting.await.expect("no panic").expect_err("a page");
}

#[tokio::test]
async fn validate_sees_tls_and_the_default_settings_may_change() {
    let own = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate");
    let version = Arc::new(Mutex::new(None));
    let noted = version.clone();
    let plain = builder().validate(move |request: HttpRequest| {
        *noted.lock().expect("no panic") = request.tls().map(|tls| tls.version);
        async { Ok(Accept::default()) }
    });
    let server = run(plain, || Echo).await;
    let before = within(bowsprit::connect(&server.uri)).await;
    let before = before.expect("a connection");
    assert_eq!(*version.lock().expect("no panic"), None);

    server.server.set_defaults(|defaults| {
        defaults.tls = Some(tls);
        Arc::make_mut(&mut defaults.config).limits.message = 4;
    });
    let uri = format!("wss://localhost:{}/", server.address().port());
    let any = Tls::client().danger_accept_any_certificate();
    let client = Client::builder().tls(any).build();
    let request = client.request(&uri).expect("a URI");
    let mut after = within(request.connect()).await.expect("a connection");
    assert_eq!(*version.lock().expect("no panic"), Some("TLS 1.3"));
    assert!(after.tls_info().is_some());
    after.send("longer").await.expect("open");
    assert_eq!(within(after.recv()).await, Ok(None));
    // The one that was open keeps what it began with.
    let mut before = before;
    before.send("longer").await.expect("open");
    let echo = within(before.recv()).await.expect("open");
    assert_eq!(echo.expect("a message").as_text(), Some("longer"));
}

#[tokio::test]
async fn a_request_that_comes_in_pieces_is_one_request() {
    let server = page().build();
    let (near, mut far): (DuplexStream, DuplexStream) = duplex(64 * 1024);
    let accepted = tokio::spawn(async move { server.accept_on(near, None).await.map(|_| ()) });
    for byte in upgrade("").bytes() {
        far.write_all(&[byte]).await.expect("a write");
        settle().await;
    }
    let head = read_head(&mut far).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    accepted.await.expect("no panic").expect("a WebSocket");
}
