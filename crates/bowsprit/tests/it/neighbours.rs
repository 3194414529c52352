//! WebSockets in applications of axum and hyper, and over connections that a client of hyper's has opened.

use std::{convert::Infallible, future::pending, net::SocketAddr, time::Duration};

use bowsprit::{
    Accept, AcceptError, Client, CloseCode, ConnectError, Handler, Handlers, Message, Response,
    Server, State, Upgrade, WebSocket,
    http::{self, Version},
    proto::handshake::HandshakeError,
};
use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::{body::Incoming, client, service::service_fn, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use self::application::{serve, server};
use super::support::{
    Echo, REQUEST, TEXT, drain, echo as echo_server, masked, read_frame, read_head, settle, within,
};

#[path = "../../examples/axum.rs"]
#[expect(dead_code, reason = "its `main` is not ours")]
mod application;

/// The application of the example, running.
struct Running {
    address: SocketAddr,
    done: oneshot::Sender<()>,
    serving: JoinHandle<Result<usize, Box<dyn std::error::Error + Send + Sync>>>,
}

async fn application() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let (done, is_done) = oneshot::channel();
    let is_done = async {
        let _ = is_done.await;
    };
    let server = server().expect("valid settings");
    let serving = tokio::spawn(serve(listener, server, is_done));
    Running {
        address,
        done,
        serving,
    }
}

impl Running {
    fn uri(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// The answer to a request by hand, to its end.
    async fn ask(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(self.address).await.expect("a socket");
        socket.write_all(request.as_bytes()).await.expect("a write");
        let mut answer = String::new();
        within(socket.read_to_string(&mut answer))
            .await
            .expect("an answer, and the end behind it");
        answer
    }
}

/// A request for this path, with these header lines in place of others.
fn request(path: &str, replaced: &[(&str, &str)], more: &str) -> String {
    let mut request = REQUEST.replacen("GET /", &format!("GET {path}"), 1);
    for (line, other) in replaced {
        assert!(request.contains(line), "{line}");
        request = request.replacen(line, other, 1);
    }
    format!("{request}{more}\r\n")
}

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

#[tokio::test]
async fn an_application_of_axum_has_pages_an_echo_and_a_chat() {
    let app = application().await;
    let page = app
        .ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(page.contains("<title>Harbour"), "{page}");
    let health = app
        .ask("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(health.ends_with("\r\n\r\nwell\n"), "{health}");

    let mut ws = within(bowsprit::connect(&app.uri("/echo")))
        .await
        .expect("open");
    ws.send("hello").await.expect("a write");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("hello"))));

    let chat = Client::new()
        .request(&app.uri("/chat"))
        .expect("a URI")
        .subprotocol("chat.v9")
        .and_then(|request| request.subprotocol("chat.v1"))
        .and_then(|request| request.header("Authorization", "Bearer ahoy"));
    let mut first = within(chat.expect("valid").connect()).await.expect("open");
    assert_eq!(first.subprotocol(), Some("chat.v1"));
    let chat = Client::new()
        .request(&app.uri("/chat"))
        .expect("a URI")
        .header("Cookie", "a=b; token=ahoy");
    let mut second = within(chat.expect("valid").connect()).await.expect("open");
    assert_eq!(second.subprotocol(), None);
    second.send("land in sight").await.expect("a write");
    for ws in [&mut first, &mut second] {
        let heard = within(ws.recv()).await.expect("no error").expect("a line");
        let text = heard.as_text().expect("text");
        assert!(text.ends_with(": land in sight"), "{text}");
    }
}

#[tokio::test]
async fn an_application_of_axum_refuses_with_the_status_that_says_why() {
    let app = application().await;
    let cases = [
        (request("/chat", &[], ""), 401, "who are you?"),
        (request("/echo", &[(KEY, "")], ""), 400, ""),
        (
            request("/echo", &[(VERSION, "Sec-WebSocket-Version: 8\r\n")], ""),
            426,
            "sec-websocket-version: 13\r\n",
        ),
        (
            request("/echo", &[], "Origin: https://evil.example\r\n"),
            403,
            "connection: close\r\n",
        ),
        (
            request("/echo", &[("GET", "POST")], "Content-Length: 0\r\n"),
            405,
            "allow: GET\r\n",
        ),
        (
            "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            426,
            "upgrade: websocket\r\n",
        ),
    ];
    for (request, status, part) in cases {
        let request = match status {
            // axum's own answers leave the connection open.
            401 => request.replacen("Connection: Upgrade", "Connection: close, Upgrade", 1),
            _ => request,
        };
        let answer = app.ask(&request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(part), "{part:?} in {answer}");
    }
}

#[tokio::test]
async fn a_shutdown_reaches_connections_that_axum_has_let_go() {
    let app = application().await;
    let mut ws = within(bowsprit::connect(&app.uri("/echo")))
        .await
        .expect("open");
    app.done.send(()).expect("a server");
    drain(&mut ws).await;
    let closed = ws.close_info().expect("closed");
    assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
    let served = within(app.serving).await.expect("no panic");
    assert_eq!(served.expect("an end"), 0);
}

type Answered = Result<http::Response<Full<Bytes>>, Infallible>;

/// One connection of a client's, served by hyper and upgraded by `server`; `run` gets what is open.
fn hyper_on<F, Fut>(io: DuplexStream, server: Server, run: F)
where
    F: Fn(Upgrade, TokioIo<Upgraded>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let answer = move |request: http::Request<Incoming>| {
        let (server, run) = (server.clone(), run.clone());
        async move {
            let (answer, upgrade) = match server.upgrade(&request, None).await {
                Ok(accepted) => accepted,
                Err(refused) => return Answered::Ok(refused.into()),
            };
            tokio::spawn(async move {
                let io = hyper::upgrade::on(request).await.expect("an upgrade");
                run(upgrade, TokioIo::new(io)).await;
            });
            Ok(answer.map(|()| Full::default()))
        }
    };
    let http = hyper::server::conn::http1::Builder::new();
    let serving = http.serve_connection(TokioIo::new(io), service_fn(answer));
    tokio::spawn(serving.with_upgrades());
}

async fn echo(upgrade: Upgrade, io: TokioIo<Upgraded>) {
    let mut ws = upgrade.over(io);
    while let Ok(Some(message)) = ws.recv().await {
        ws.feed(message).await.expect("room");
    }
}

#[tokio::test]
async fn what_comes_together_with_the_request_is_not_lost() {
    let (mut near, far) = duplex(64 * 1024);
    hyper_on(far, Server::builder().build(), echo);
    let mut bytes = format!("{REQUEST}\r\n").into_bytes();
    bytes.extend(masked(TEXT, b"early"));
    bytes.extend(&masked(TEXT, b"in two reads")[..8]);
    near.write_all(&bytes).await.expect("a write");
    assert_eq!(frame_behind_head(&mut near).await, b"early");
    let rest = &masked(TEXT, b"in two reads")[8..];
    near.write_all(rest).await.expect("a write");
    let (_, payload) = read_frame(&mut near).await.expect("a frame");
    assert_eq!(payload, b"in two reads");
}

async fn frame_behind_head(io: &mut DuplexStream) -> Vec<u8> {
    let head = read_head(io).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let (opcode, payload) = read_frame(io).await.expect("a frame");
    assert_eq!(opcode, TEXT);
    payload
}

#[tokio::test]
async fn a_handler_runs_over_an_upgraded_connection() {
    let (mut near, far) = duplex(64 * 1024);
    hyper_on(far, Server::builder().build(), |upgrade, io| async {
        upgrade.serve_over(io, |_| Echo).await;
    });
    let mut bytes = format!("{REQUEST}\r\n").into_bytes();
    bytes.extend(masked(TEXT, b"hello"));
    near.write_all(&bytes).await.expect("a write");
    assert_eq!(frame_behind_head(&mut near).await, b"hello");
}

#[tokio::test]
async fn the_settings_of_the_server_hold_for_its_upgrades() {
    let server = Server::builder()
        .subprotocols(["chat.v2", "chat.v1"])
        .expect("valid names")
        .validate(|request| async move {
            match (request.path(), request.header("cookie")) {
                ("/in", Some("a=1")) => {
                    let mut accept = Accept::default();
                    accept.header("X-Berth", "7")?;
                    Ok(accept)
                }
                _ => Err(Response::plain(401)?),
            }
        })
        .max_connections(1)
        .build();
    let wanted = |path: &str| asking(&[("sec-websocket-protocol", "chat.v1, chat.v2")], path);
    let refused = server
        .upgrade(&wanted("/in"), None)
        .await
        .expect_err("no cookie");
    assert!(matches!(refused.error(), AcceptError::Rejected(401)));

    let mut welcome = wanted("/in");
    welcome
        .headers_mut()
        .insert("cookie", http::HeaderValue::from_static("a=1"));
    let (answer, upgrade) = server.upgrade(&welcome, None).await.expect("welcome");
    assert_eq!(answer.status(), 101);
    assert_eq!(
        answer.headers()["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert_eq!(answer.headers()["sec-websocket-protocol"], "chat.v2");
    assert_eq!(answer.headers()["x-berth"], "7");
    assert_eq!(upgrade.info().subprotocol(), Some("chat.v2"));
    assert_eq!(upgrade.info().uri(), "ws://localhost/in");

    let refused = server.upgrade(&welcome, None).await.expect_err("full");
    assert!(matches!(refused.error(), AcceptError::TooManyConnections));
    let answer: http::Response<Bytes> = refused.into();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "5");
    drop(upgrade);
    let _again = server.upgrade(&welcome, None).await.expect("room again");
}

#[tokio::test]
async fn a_connection_counts_for_its_address_until_it_ends() {
    let server = Server::builder().max_per_address(1).build();
    let peer = |last| Some(SocketAddr::from(([192, 0, 2, last], 1)));
    let request = asking(&[], "/");
    let (_, upgrade) = server.upgrade(&request, peer(1)).await.expect("room");
    let (near, far) = duplex(4096);
    let ws = upgrade.over(far);
    let refused = server.upgrade(&request, peer(1)).await.expect_err("full");
    assert!(matches!(refused.error(), AcceptError::TooManyFromAddress));
    assert_eq!(refused.response().status(), 429);
    let _other = server.upgrade(&request, peer(2)).await.expect("room");
    drop((near, ws));
    let _again = server.upgrade(&request, peer(1)).await.expect("room");
}

/// A request that hyper might hand over.
fn asking(more: &[(&str, &str)], target: &str) -> http::Request<()> {
    let mut request = http::Request::get(target)
        .header("host", "localhost")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

#[tokio::test]
async fn a_server_may_insist_on_a_subprotocol() {
    let server = Server::builder().subprotocols(["chat"]).expect("a name");
    let server = server.require_subprotocol().build();
    for offered in [&[][..], &[("sec-websocket-protocol", "mail")]] {
        let refused = server.upgrade(&asking(offered, "/"), None).await;
        let refused = refused.expect_err("none of ours");
        assert!(matches!(refused.error(), AcceptError::Subprotocol));
        assert_eq!(refused.response().status(), 400);
    }
    let offered = asking(&[("sec-websocket-protocol", "mail, chat")], "/");
    let (_, upgrade) = server.upgrade(&offered, None).await.expect("ours");
    assert_eq!(upgrade.info().subprotocol(), Some("chat"));
}

#[tokio::test]
async fn a_request_of_another_version_of_http_is_refused() {
    let server = Server::builder().build();
    for (version, error, status) in [
        (
            Version::HTTP_2,
            HandshakeError::HttpVersion { major: 2, minor: 0 },
            505,
        ),
        (
            Version::HTTP_3,
            HandshakeError::HttpVersion { major: 3, minor: 0 },
            505,
        ),
        (
            Version::HTTP_10,
            HandshakeError::HttpVersion { major: 1, minor: 0 },
            505,
        ),
    ] {
        let mut request = asking(&[], "https://localhost/");
        *request.version_mut() = version;
        let refused = server.upgrade(&request, None).await.expect_err("refused");
        assert!(
            matches!(refused.error(), AcceptError::Handshake(found) if *found == error),
            "{refused}"
        );
        assert_eq!(refused.response().status(), status);
    }
}

#[tokio::test]
async fn a_request_over_the_limits_is_refused() {
    let server = Server::builder().build();
    let long = "x".repeat(9_000);
    let refused = server
        .upgrade(&asking(&[("cookie", &long)], "/"), None)
        .await;
    let refused = refused.expect_err("too long");
    assert_eq!(refused.response().status(), 431);
    assert!(
        !format!("{refused:?}").contains("xxx"),
        "a secret in {refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_takes_too_long_is_a_503() {
    let server = Server::builder().validate(|_| pending()).build();
    let refused = server.upgrade(&asking(&[], "/"), None).await;
    assert_eq!(refused.expect_err("late").response().status(), 503);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_refuses_upgrades_and_ends_those_on_their_way() {
    let server = Server::builder().build();
    let (_, upgrade) = server.upgrade(&asking(&[], "/"), None).await.expect("open");
    let closing = server.clone();
    let shutdown = tokio::spawn(async move {
        closing
            .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(1))
            .await
    });
    settle().await;
    let refused = server.upgrade(&asking(&[], "/"), None).await;
    let refused = refused.expect_err("shutting down");
    assert!(matches!(refused.error(), AcceptError::ShuttingDown));
    assert_eq!(refused.response().status(), 503);

    let (mut near, far) = duplex(4096);
    let mut ws = upgrade.over(far);
    let (_, left) = tokio::join!(async { ws.recv().await.is_err() }, async {
        let frame = read_frame(&mut near).await;
        drop(near);
        frame
    });
    assert_eq!(left.expect("a close frame").1, 1001_u16.to_be_bytes());
    drop(ws);
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
}

/// A connection of hyper's client to `address`, ready for one request.
async fn hyper_to(address: SocketAddr) -> client::conn::http1::SendRequest<Empty<Bytes>> {
    let socket = TcpStream::connect(address).await.expect("a connection");
    let (sender, connection) = client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .expect("a client of hyper's");
    tokio::spawn(connection.with_upgrades());
    sender
}

#[tokio::test]
async fn a_client_of_hypers_opens_the_connection() {
    let running = echo_server().await;
    let client = Client::new();
    let request = client.request(&running.uri).expect("a URI");
    let handle = request.handle();
    assert_eq!(handle.state(), State::Connecting);
    let (request, upgrading) = request.into_http().expect("a request");
    let mut sender = hyper_to(running.address()).await;
    let response = within(sender.send_request(request.map(|()| Empty::new())))
        .await
        .expect("an answer");
    let upgrade = upgrading.check(&response).expect("an upgrade");
    let upgraded = within(hyper::upgrade::on(response)).await;
    let mut ws = upgrade.over(TokioIo::new(upgraded.expect("a transport")));
    assert_eq!(handle.state(), State::Open);
    assert_eq!(ws.info().uri(), running.uri);
    handle.send("by handle").expect("room");
    assert_eq!(within(ws.recv()).await, Ok(Some("by handle".into())));
    let closed = within(ws.close(CloseCode::NORMAL, "")).await;
    assert!(closed.expect("a close").is_clean());
}

#[tokio::test]
async fn a_client_of_hypers_runs_a_handler_and_loses_nothing() {
    struct Greeter(Option<oneshot::Sender<Vec<u8>>>);
    impl Handler for Greeter {
        fn on_message(
            &mut self,
            cx: &mut bowsprit::Context<'_>,
            message: bowsprit::MessageRef<'_>,
        ) {
            let tell = self.0.take().expect("one message");
            tell.send(message.as_bytes().to_vec()).expect("a test");
            cx.close(CloseCode::NORMAL, "").expect("open");
        }
    }
    let (near, mut far) = duplex(4096);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let (request, upgrading) = request.into_http().expect("a request");
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(near))
        .await
        .expect("a client of hyper's");
    tokio::spawn(connection.with_upgrades());
    let answering = async {
        let head = read_head(&mut far).await;
        let mut answer = super::support::accepting(&head);
        // A frame in the same segment as the 101.
        answer.extend(b"\x81\x05early");
        far.write_all(&answer).await.expect("a write");
    };
    let request = request.map(|()| Empty::<Bytes>::new());
    let (response, ()) = tokio::join!(sender.send_request(request), answering);
    let response = response.expect("an answer");
    let upgrade = upgrading.check(&response).expect("an upgrade");
    let io = hyper::upgrade::on(response).await.expect("a transport");
    let (tell, told) = oneshot::channel();
    tokio::spawn(upgrade.serve_over(TokioIo::new(io), |_| Greeter(Some(tell))));
    assert_eq!(within(told).await.expect("a message"), b"early");
}

#[tokio::test]
async fn a_client_of_hypers_learns_why_it_was_refused() {
    let running = echo_server().await;
    let request = Client::new().request(&running.uri).expect("a URI");
    let request = request.header("Origin", "https://evil.example");
    let request = request.expect("a header").into_http();
    let (request, upgrading) = request.expect("a request");
    let mut sender = hyper_to(running.address()).await;
    let response = within(sender.send_request(request.map(|()| Empty::new())))
        .await
        .expect("an answer");
    let error = upgrading.check(&response).expect_err("refused");
    assert_eq!(error.response().expect("a head").status(), 403);
    assert_eq!(error.to_http().expect("a response").status(), 403);
}

#[test]
fn every_rule_for_the_answer_holds() {
    let cases: [(&str, &str, &str); 4] = [
        ("sec-websocket-accept", "c2FtcGxl", "Sec-WebSocket-Accept"),
        ("sec-websocket-protocol", "mail", "mail"),
        ("sec-websocket-extensions", "x-zip", "x-zip"),
        ("upgrade", "h2c", "Upgrade"),
    ];
    for (name, value, part) in cases {
        let request = Client::new().request("ws://localhost/").expect("a URI");
        let request = request.subprotocol("chat").expect("a name");
        let handle = request.handle();
        let (request, upgrading) = request.into_http().expect("a request");
        let key = request.headers()["sec-websocket-key"]
            .to_str()
            .expect("text");
        let accept = bowsprit::proto::handshake::accept_value(key);
        let mut response = http::Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", accept)
            .body(())
            .expect("a response");
        let value = http::HeaderValue::from_static(value);
        response.headers_mut().insert(
            http::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
            value,
        );
        let error = upgrading.check(&response).expect_err("a broken rule");
        assert!(matches!(error, ConnectError::Handshake { .. }));
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(handle.state(), State::Closed);
    }
}

#[tokio::test]
async fn a_client_that_was_shut_down_upgrades_nothing() {
    let client = Client::new();
    let request = client.request("ws://localhost/").expect("a URI");
    client.shutdown(CloseCode::GOING_AWAY, Duration::ZERO).await;
    let error = request.into_http().expect_err("no more");
    assert!(matches!(error, ConnectError::Canceled));
}

/// The compiler checks it: what hyper gives goes between threads.
#[test]
fn upgraded_connections_move_between_threads() {
    fn movable<T: Send>() {}
    movable::<Upgrade>();
    movable::<WebSocket<TokioIo<Upgraded>>>();
}

#[tokio::test]
async fn slots_of_upgrades_that_came_to_nothing_are_free_again() {
    let server = Server::builder()
        .max_connections(1)
        .validate(|request| async move {
            match request.path() {
                "/panic" => panic!("on purpose"),
                "/never" => pending().await,
                _ => Ok(Accept::default()),
            }
        })
        .build();
    let request = |path: &str, key: &str| {
        http::Request::get(path)
            .header("host", "a")
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", key)
            .body(())
            .expect("a request")
    };
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    for _ in 0..3 {
        drop(
            server
                .upgrade(&request("/", KEY), None)
                .await
                .expect("room"),
        );
        server
            .upgrade(&request("/panic", KEY), None)
            .await
            .expect_err("no way in");
        server
            .upgrade(&request("/", "x"), None)
            .await
            .expect_err("no way in");
        let never = request("/never", KEY);
        timeout(Duration::from_millis(10), server.upgrade(&never, None))
            .await
            .expect_err("never");
        let (_, upgrade) = server
            .upgrade(&request("/", KEY), None)
            .await
            .expect("room");
        let (near, far) = duplex(1024);
        drop(far);
        upgrade.serve_over(near, |_| Handlers::new()).await;
    }
    let cut = server
        .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(1))
        .await;
    assert_eq!(cut, 0);
}

#[tokio::test]
async fn an_upgrade_that_is_dropped_at_any_moment_ends_its_handle_and_frees_its_place() {
    let client = Client::new();
    let server = Server::builder().build();
    for moment in 0..5 {
        let request = client.request("ws://a/").expect("a URI");
        let handle = request.handle();
        let (asked, upgrading) = request.into_http().expect("a request");
        if moment > 0 {
            let (answer, theirs) = server.upgrade(&asked, None).await.expect("welcome");
            drop(theirs);
            let upgrade = upgrading.check(&answer).expect("an upgrade");
            let (near, far) = duplex(1024);
            match moment {
                1 => drop(upgrade),
                2 => drop(upgrade.over(near)),
                3 => drop(upgrade.serve_over(near, |_| Handlers::new())),
                _ => {
                    let serving = upgrade.serve_over(near, |_| Handlers::new());
                    timeout(Duration::from_millis(10), serving)
                        .await
                        .expect_err("open");
                }
            }
            drop(far);
        } else {
            drop(upgrading);
        }
        within(handle.closed()).await;
        assert_eq!(handle.state(), State::Closed);
    }
    let cut = client
        .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5))
        .await;
    assert_eq!(cut, 0);
    let cut = server
        .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5))
        .await;
    assert_eq!(cut, 0);
}
