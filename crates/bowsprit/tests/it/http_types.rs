//! Requests and responses of the crate `http`, both ways.

use bowsprit::{
    Client, ConnectError, InvalidRequest, Response, ResponseExt, Server,
    http::{self, HeaderValue},
    proto::handshake,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::support::{read_head, within};

fn wanted(uri: &str) -> http::request::Builder {
    http::Request::get(uri)
}

/// What a request puts on the wire.
async fn head_of(request: &http::Request<()>) -> String {
    let request = Client::new().request_from(request).expect("a request");
    let (near, mut far) = duplex(4096);
    let connecting = tokio::spawn(request.connect_on(near));
    let head = read_head(&mut far).await;
    drop(far);
    let ended = within(connecting).await.expect("no panic");
    ended.expect_err("no answer");
    head
}

#[tokio::test]
async fn a_request_brings_its_uri_headers_and_subprotocols() {
    let request = wanted("https://example.com:444/feed?x=1")
        .header("authorization", "Bearer token")
        .header("x-ship", "Mary")
        .header("x-ship", "Celeste")
        .header("user-agent", "probe/2")
        .header("sec-websocket-protocol", "v2, v1")
        .header("sec-websocket-protocol", "v0")
        .body(())
        .expect("a request");
    let head = head_of(&request).await;
    assert!(
        head.starts_with("GET /feed?x=1 HTTP/1.1\r\nHost: example.com:444\r\n"),
        "{head}"
    );
    for line in [
        "authorization: Bearer token\r\n",
        "x-ship: Mary\r\nx-ship: Celeste\r\n",
        "user-agent: probe/2\r\n",
        "Sec-WebSocket-Protocol: v2, v1, v0\r\n",
    ] {
        assert!(head.contains(line), "{line:?} in {head}");
    }
    assert_eq!(head.to_ascii_lowercase().matches("user-agent").count(), 1);
}

#[test]
fn a_request_that_cannot_be_made_is_refused() {
    let refusal = |request: http::request::Builder| {
        let request = request.body(()).expect("a request");
        Client::new().request_from(&request).expect_err("refused")
    };
    assert!(matches!(refusal(wanted("/feed")), InvalidRequest::Uri(_)));
    assert!(matches!(
        refusal(wanted("ftp://a/")),
        InvalidRequest::Uri(_)
    ));
    let post = http::Request::post("ws://a/");
    assert_eq!(refusal(post), InvalidRequest::Method("POST".into()));
    for owned in [
        "host",
        "upgrade",
        "connection",
        "sec-websocket-key",
        "sec-websocket-extensions",
    ] {
        let error = refusal(wanted("ws://a/").header(owned, "x"));
        let expected = handshake::InvalidRequest::OwnedHeader(owned.into());
        assert_eq!(error, expected.into());
    }
    let twice = wanted("ws://a/").header("sec-websocket-protocol", "v1, v1");
    assert!(matches!(refusal(twice), InvalidRequest::Header(_)));
    let bytes = HeaderValue::from_bytes(b"\xFF").expect("a value");
    let error = refusal(wanted("ws://a/").header("x-ship", bytes));
    assert!(error.to_string().contains("x-ship"), "{error}");
}

#[tokio::test]
async fn a_server_sees_requests_as_http_does() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::builder().http(move |request| {
        tell.send(request.to_http()).expect("a test");
        async {
            let mut answer = http::Response::new("welcome\n");
            answer
                .headers_mut()
                .insert("x-berth", HeaderValue::from_static("7"));
            answer
                .headers_mut()
                .insert("content-length", HeaderValue::from_static("999"));
            Response::from_http(answer).unwrap_or_else(Response::from)
        }
    });
    let (mut near, far) = duplex(4096);
    let server = server.build();
    let serving = tokio::spawn(async move { server.accept_on(far, None).await.map(drop) });
    let request = b"PUT /a?b=c HTTP/1.1\r\nHost: a\r\nX-Ship: Mary\r\nX-Ship: Celeste\r\n\r\n";
    near.write_all(request).await.expect("a write");
    let mut answer = String::new();
    within(near.read_to_string(&mut answer))
        .await
        .expect("an answer");
    assert!(answer.contains("x-berth: 7\r\n"), "{answer}");
    assert!(
        answer.contains("Content-Length: 8\r\n") && !answer.contains("999"),
        "{answer}"
    );
    within(serving)
        .await
        .expect("no panic")
        .expect_err("plain HTTP");

    let seen = told.recv().await.expect("a request").expect("a valid one");
    assert_eq!(
        (seen.method().as_str(), seen.uri().to_string()),
        ("PUT", "/a?b=c".into())
    );
    let ships: Vec<_> = seen.headers().get_all("x-ship").iter().collect();
    assert_eq!(ships, ["Mary", "Celeste"]);
}

#[test]
fn responses_keep_status_headers_and_body() {
    let mut response = Response::new(426).expect("a status");
    response.header("Upgrade", "websocket").expect("a header");
    response.body("no\n");
    let http = response.to_http();
    assert_eq!(http.status(), 426);
    assert_eq!(http.headers()["connection"], "close, Upgrade");
    assert_eq!(http.headers()["content-length"], "3");
    assert_eq!(http.body().as_ref(), b"no\n");

    let back = Response::from_http(http).expect("a response");
    assert_eq!(back.status(), 426);
    assert_eq!(
        back.headers().collect::<Vec<_>>(),
        [("upgrade", "websocket")]
    );
    let switching = http::Response::builder().status(101).body("");
    Response::from_http(switching.expect("a response")).expect_err("no end of an exchange");
}

#[tokio::test]
async fn a_refusal_is_a_response_of_http() {
    let (near, mut far) = duplex(4096);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let connecting = tokio::spawn(request.connect_on(near));
    read_head(&mut far).await;
    let answer = b"HTTP/1.1 403 Forbidden\r\nX-Why: crowded\r\nContent-Length: 2\r\n\r\nno";
    far.write_all(answer).await.expect("a write");
    let error = within(connecting)
        .await
        .expect("no panic")
        .expect_err("refused");
    let response = error.to_http().expect("a response");
    assert_eq!(
        (response.status().as_u16(), response.body().as_ref()),
        (403, &b"no"[..])
    );
    assert_eq!(response.headers()["x-why"], "crowded");
    assert!(ConnectError::Canceled.to_http().is_none());
}

#[tokio::test]
async fn the_peers_headers_can_be_listed() {
    let (client, server) = super::support::pair().await;
    let names: Vec<&str> = server.info().headers().map(|(name, _)| name).collect();
    assert_eq!(names, ["Host", "User-Agent"]);
    assert_eq!(server.info().header_map()["host"], "in.memory");
    assert!(client.info().header_map().contains_key("server"));
}

#[test]
fn cookies_of_several_lines_are_all_kept() {
    let wanted = http::Request::get("ws://a/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(())
        .expect("a request");
    let request = Client::new().request_from(&wanted).expect("a request");
    let request = request.cookie("c", "3").expect("a cookie");
    let (request, _upgrading) = request.into_http().expect("a request");
    let cookies: Vec<_> = request.headers().get_all("cookie").iter().collect();
    assert_eq!(cookies, ["a=1; b=2; c=3"]);
}
