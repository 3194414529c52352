//! The client endpoint: defaults, requests, and the thread of its own.

use std::{
    cell::RefCell,
    collections::HashSet,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use bowsprit::{
    Cause, Client, CloseCode, Config, ConnectError, Handlers, InvalidRequest, Message,
    ProtocolError, Server, State,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::support::{
    Echo, Happened, Log, accepting, echo, echo_on_a_thread, listen, log, read_frame, read_head,
    run, wait, within,
};

const USER_AGENT: &str = concat!("bowsprit/", env!("CARGO_PKG_VERSION"));

/// An address where nobody listens, as long as the socket is held.
fn nobody() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let address = socket.local_addr().expect("an address");
    (socket, format!("ws://{address}/"))
}

/// A server that tells a header of the request as its first message.
async fn telling(header: &'static str) -> super::support::Running {
    run(Server::builder(), move || {
        Handlers::new().on_open(move |cx| {
            let value = cx
                .info()
                .request_header(header)
                .unwrap_or("none")
                .to_owned();
            cx.send(value.as_str()).expect("room");
        })
    })
    .await
}

async fn first_message(client: &Client, uri: &str) -> Message {
    let mut ws = client
        .request(uri)
        .expect("a URI")
        .connect()
        .await
        .expect("a connection");
    within(ws.recv())
        .await
        .expect("no error")
        .expect("a message")
}

#[tokio::test]
async fn opens_and_closes_exactly_once() {
    let echo = echo().await;
    let (handlers, mut log) = log();
    let request = Client::new().request(&echo.uri).expect("a URI");
    let handle = request.handler(handlers).start();
    assert_eq!(log.open().await, handle);
    handle.send("ahoy").expect("room");
    assert_eq!(log.message().await, Message::from("ahoy"));
    handle.close(CloseCode::NORMAL, "done").expect("open");
    let closed = log.closed().await;
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(closed.remote_code(), CloseCode::NORMAL);
    assert_eq!(closed.remote_reason(), "done");
    assert_eq!(closed, within(handle.closed()).await);
    log.ends().await;
}

#[tokio::test]
async fn fails_exactly_once_and_never_closes() {
    let (_guard, uri) = nobody();
    let (handlers, mut log) = log();
    let request = Client::new().request(&uri).expect("a URI");
    let handle = request.handler(handlers).start();
    let text = log.failed().await;
    assert!(text.starts_with("connection refused (127.0.0.1:"), "{text}");
    log.ends().await;
    let closed = within(handle.closed()).await;
    assert_eq!(closed.cause, Some(Cause::Transport(text.as_str().into())));
    assert_eq!(closed.remote_code(), CloseCode::ABNORMAL);
    assert_eq!(handle.state(), State::Closed);
    assert!(handle.info().is_none());
}

#[tokio::test]
async fn a_panic_in_on_fail_leaves_nobody_waiting() {
    let (_bound, uri) = nobody();
    let panicking = Handlers::new().on_fail(|_, _| panic!("on purpose"));
    let request = Client::new().request(&uri).expect("a URI");
    let handle = request.handler(panicking).start();
    within(handle.closed()).await;
    assert_eq!(handle.state(), State::Closed);
}

#[tokio::test]
async fn a_refused_handshake_fails_with_its_response_at_hand() {
    let (listener, uri) = listen().await;
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut tcp, _) = listener.accept().await.expect("a client");
        read_head(&mut tcp).await;
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nServer: Kaazing Gateway\r\n\r\n";
        tcp.write_all(answer).await.expect("a write");
    });
    let (handlers, mut log) = log();
    let request = Client::new().request(&uri).expect("a URI");
    request.handler(handlers).start();
    match log.next().await {
        Happened::Failed(text, server) => {
            assert_eq!(text, "server answered with HTTP 503 Service Unavailable");
            assert_eq!(server.as_deref(), Some("Kaazing Gateway"));
        }
        other => panic!("{other:?}"),
    }
    log.ends().await;
}

#[tokio::test]
async fn changed_handlers_reach_later_requests_only() {
    let echo = echo().await;
    let [(first, mut first_log), (second, mut second_log)] = [log(), log()];
    let client = Client::builder().handlers(first).build();
    let before = client.request(&echo.uri).expect("a URI");
    let open = client.request(&echo.uri).expect("a URI").start();
    first_log.open().await;
    client.set_defaults(|defaults| defaults.handlers = second);
    let after = client.request(&echo.uri).expect("a URI");

    open.send("mine").expect("open");
    assert_eq!(first_log.message().await, Message::from("mine"));
    let before = before.start();
    assert_eq!(first_log.open().await, before);
    let after = after.start();
    assert_eq!(second_log.open().await, after);
    assert!(first_log.is_silent() && second_log.is_silent());
}

#[tokio::test]
async fn handlers_of_a_request_replace_those_of_its_client() {
    let echo = echo().await;
    let [(general, mut general_log), (own, mut own_log)] = [log(), log()];
    let client = Client::builder().handlers(general).build();
    let request = client.request(&echo.uri).expect("a URI");
    let handle = request.handler(own).start();
    assert_eq!(own_log.open().await, handle);
    handle.close(CloseCode::NORMAL, "").expect("open");
    own_log.closed().await;
    own_log.ends().await;
    assert!(general_log.is_silent());

    let other = client.request(&echo.uri).expect("a URI").start();
    assert_eq!(general_log.open().await, other);
}

#[tokio::test]
async fn a_request_replaces_one_handler_and_keeps_the_others() {
    let echo = echo().await;
    let (general, mut general_log) = log();
    let (own, mut own_messages) = tokio::sync::mpsc::unbounded_channel();
    let client = Client::builder().handlers(general).build();
    let handle = client
        .request(&echo.uri)
        .expect("a URI")
        .map_handlers(|handlers| {
            handlers.on_message(move |_, message| {
                own.send(message.into_message()).expect("a test");
            })
        })
        .start();
    assert_eq!(general_log.open().await, handle);
    assert_eq!(handle.close_info(), None);
    handle.send("for the one that was replaced").expect("room");
    let message = within(own_messages.recv()).await;
    assert_eq!(
        message,
        Some(Message::from("for the one that was replaced"))
    );
    handle.close(CloseCode::NORMAL, "done").expect("open");
    let closed = general_log.closed().await;
    assert_eq!(within(handle.closed()).await, closed);
    assert_eq!(handle.close_info(), Some(closed));
}

#[tokio::test]
async fn a_changed_config_reaches_later_requests_only() {
    let echo = echo().await;
    let client = Client::new();
    let before = client.request(&echo.uri).expect("a URI");
    client.set_defaults(|defaults| {
        let mut config = Config::client();
        config.limits.message = 4;
        defaults.config = Arc::new(config);
    });
    let after = client.request(&echo.uri).expect("a URI");

    let mut ws = before.connect().await.expect("a connection");
    ws.send("longer").await.expect("room");
    let message = within(ws.recv()).await.expect("no error");
    assert_eq!(message, Some(Message::from("longer")));

    let mut ws = after.connect().await.expect("a connection");
    ws.send("longer").await.expect("room");
    let error = within(ws.recv()).await.expect_err("too long");
    let too_big = ProtocolError::MessageTooBig { limit: 4 };
    assert_eq!(error.protocol_error(), Some(too_big));
}

#[tokio::test]
async fn a_changed_user_agent_reaches_later_requests_only() {
    let server = telling("user-agent").await;
    let client = Client::new();
    let before = client.request(&server.uri).expect("a URI");
    client.set_defaults(|defaults| defaults.user_agent = Some("probe/2".into()));
    assert_eq!(
        first_message(&client, &server.uri).await,
        Message::from("probe/2")
    );
    let mut ws = before.connect().await.expect("a connection");
    let message = within(ws.recv()).await.expect("no error");
    assert_eq!(message, Some(Message::from(USER_AGENT)));
}

#[tokio::test]
async fn calls_itself_by_name_and_version_unless_told_otherwise() {
    let server = telling("user-agent").await;
    let named = Client::builder().user_agent("probe/1".to_owned()).build();
    let silent = Client::builder().user_agent(None).build();
    for (client, expected) in [
        (Client::new(), USER_AGENT),
        (named, "probe/1"),
        (silent, "none"),
    ] {
        assert_eq!(
            first_message(&client, &server.uri).await,
            Message::from(expected)
        );
    }
}

#[tokio::test]
async fn a_user_agent_that_is_no_header_is_refused_with_the_request() {
    let client = Client::builder()
        .user_agent("a\r\nCookie: b".to_owned())
        .build();
    let error = client.request("ws://localhost/").expect_err("two headers");
    assert!(matches!(error, InvalidRequest::Header(_)), "{error}");
}

#[tokio::test]
async fn a_connection_is_made_in_three_steps_of_which_none_waits() {
    let (listener, uri) = listen().await;
    let (handlers, mut log) = log();
    let client = Client::new();
    let request = client.request(&uri).expect("a URI");
    let handle = request.handle();
    assert_eq!(handle.state(), State::Connecting);
    let request = request
        .header("X-Berth", "7")
        .and_then(|request| request.subprotocol("chat.v2"))
        .and_then(|request| request.subprotocol("chat.v1"))
        .expect("a request")
        .handler(handlers);
    assert_eq!(request.start(), handle);
    assert_eq!(handle.state(), State::Connecting);
    assert!(log.is_silent());

    let (mut tcp, _) = within(listener.accept()).await.expect("a client");
    let head = read_head(&mut tcp).await;
    assert!(head.contains("X-Berth: 7\r\n"), "{head}");
    assert!(
        head.contains("Sec-WebSocket-Protocol: chat.v2, chat.v1\r\n"),
        "{head}"
    );
    assert!(log.is_silent() && handle.state() == State::Connecting);
    drop(tcp);
    log.failed().await;
}

#[tokio::test]
async fn the_headers_of_the_response_are_at_hand() {
    let name = "harbour/3".to_owned();
    let builder = Server::builder().server_header(name).expect("a header");
    let server = run(builder, || Echo).await;
    let (tell, told) = mpsc::channel();
    let handlers = Handlers::new().on_open(move |cx| {
        let server = cx.info().response_header("SERVER").map(str::to_owned);
        tell.send((server, cx.info().uri().to_owned()))
            .expect("a test");
        cx.close(CloseCode::NORMAL, "").expect("open");
    });
    let request = Client::new().request(&server.uri).expect("a URI");
    let handle = request.handler(handlers).start();
    within(handle.closed()).await;
    let expected = (Some("harbour/3".to_owned()), server.uri.clone());
    assert_eq!(told.recv().expect("an open connection"), expected);
    let info = handle.info().expect("an open connection");
    assert_eq!(info.response_header("server"), Some("harbour/3"));
    assert_eq!(info.response_header("x-none"), None);
    assert_eq!(info.request_header("host"), None, "that is ours");
    assert_eq!(info.peer(), Some(server.address()));
}

#[tokio::test]
async fn early_messages_come_after_on_open() {
    let (listener, uri) = listen().await;
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut tcp, _) = listener.accept().await.expect("a client");
        let head = read_head(&mut tcp).await;
        let mut answer = accepting(&head);
        answer.extend(b"\x81\x05early\x88\x02\x03\xE8");
        tcp.write_all(&answer).await.expect("a write");
        while read_frame(&mut tcp).await.is_some() {}
    });
    let (handlers, mut log) = log();
    let request = Client::new().request(&uri).expect("a URI");
    request.handler(handlers).start();
    log.open().await;
    assert_eq!(log.message().await, Message::from("early"));
    assert!(log.closed().await.is_clean());
    log.ends().await;
}

#[tokio::test]
async fn an_invalid_uri_is_refused_at_once_and_uses_no_id() {
    let client = Client::new();
    let [one, two] = [(); 2].map(|()| {
        assert!(matches!(
            client.request("http://localhost/"),
            Err(InvalidRequest::Uri(_))
        ));
        client.request("ws://localhost/").expect("a URI").handle()
    });
    assert!(one.id() < two.id());
    let error = bowsprit::connect("not a uri").await.expect_err("no URI");
    assert!(matches!(error, ConnectError::Request(_)), "{error}");
}

#[tokio::test]
async fn dropping_an_attempt_ends_its_handle() {
    let (_listener, uri) = listen().await;
    let client = Client::new();
    let request = client.request(&uri).expect("a URI");
    let unstarted = request.handle();
    drop(request);
    assert_eq!(
        within(unstarted.closed()).await.remote_code(),
        CloseCode::ABNORMAL
    );
    assert_eq!(unstarted.state(), State::Closed);

    let request = client.request(&uri).expect("a URI");
    let dropped = request.handle();
    assert!(super::support::polled(3, request.connect()).await.is_none());
    within(dropped.closed()).await;
    assert_eq!(dropped.state(), State::Closed);
}

#[test]
fn a_background_client_makes_connections_one_after_another() {
    let uri = echo_on_a_thread();
    let client = Client::builder().background().expect("a thread");
    for round in ["one", "two", "three"] {
        let (handlers, mut log) = log();
        let request = client.request(&uri).expect("a URI").handler(handlers);
        let handle = request.start();
        wait(async {
            log.open().await;
            handle.send(round).expect("open");
            assert_eq!(log.message().await, Message::from(round));
            handle.close(CloseCode::NORMAL, "").expect("open");
            assert!(log.closed().await.is_clean());
            log.ends().await;
        });
    }
}

#[test]
fn after_perpetual_mode_the_thread_ends_with_the_last_connection() {
    let client = Client::builder().background().expect("a thread");
    let (handlers, mut log) = log();
    let request = client.request(&echo_on_a_thread()).expect("a URI");
    let handle = request.handler(handlers).start();
    wait(log.open());
    client.stop_perpetual();
    handle.send("still here").expect("open");
    assert_eq!(wait(log.message()), Message::from("still here"));
    handle.close(CloseCode::GOING_AWAY, "").expect("open");
    client.join();
    assert_eq!(
        handle.state(),
        State::Closed,
        "join waits for the connection"
    );
    assert_eq!(wait(log.closed()).local_code(), CloseCode::GOING_AWAY);
    wait(log.ends());

    let (handlers, mut late) = self::log();
    let late_handle = client
        .request("ws://127.0.0.1:1/")
        .expect("a URI")
        .handler(handlers)
        .start();
    assert_eq!(wait(late.failed()), "attempt was given up");
    assert_eq!(late_handle.state(), State::Closed);
    client.join();
    assert_eq!(
        client.blocking_shutdown(CloseCode::GOING_AWAY, Duration::from_secs(1)),
        0
    );
}

thread_local! {
    /// Dropped with its thread.
    static ALIVE: RefCell<Option<mpsc::Sender<()>>> = const { RefCell::new(None) };
}

/// Handlers that tell when the thread that has run them is gone.
fn watching(handlers: Handlers) -> (Handlers, mpsc::Receiver<()>) {
    let (alive, gone) = mpsc::channel();
    let handlers = handlers.on_open(move |_| ALIVE.set(Some(alive.clone())));
    (handlers, gone)
}

#[test]
fn the_thread_outlives_the_client_until_its_connections_are_done() {
    let client = Client::builder().background().expect("a thread");
    let (handlers, mut log) = log();
    let (handlers, gone) = watching(handlers);
    let request = client.request(&echo_on_a_thread()).expect("a URI");
    let handle = request.handler(handlers).start();
    drop(client);
    handle_open(&handle);
    handle.send("still here").expect("open");
    assert_eq!(wait(log.message()), Message::from("still here"));
    assert_eq!(gone.try_recv(), Err(mpsc::TryRecvError::Empty));
    handle.close(CloseCode::NORMAL, "").expect("open");
    assert!(wait(log.closed()).is_clean());
    wait(log.ends());
    let end = gone.recv_timeout(Duration::from_secs(60));
    assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
}

/// Waits until the connection is open.
fn handle_open(handle: &bowsprit::Handle) {
    wait(async {
        while !handle.is_open() {
            assert_eq!(handle.state(), State::Connecting);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_blocking_shutdown_says_goodbye_and_joins() {
    let uri = echo_on_a_thread();
    let client = Client::builder().background().expect("a thread");
    let logs: Vec<Log> = (0..3)
        .map(|_| {
            let (handlers, mut log) = log();
            client
                .request(&uri)
                .expect("a URI")
                .handler(handlers)
                .start();
            wait(log.open());
            log
        })
        .collect();
    let cut = client.blocking_shutdown(CloseCode::GOING_AWAY, Duration::from_secs(30));
    assert_eq!(cut, 0);
    for mut log in logs {
        let closed = wait(log.closed());
        assert!(closed.is_clean(), "{closed}");
        assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
        wait(log.ends());
    }
    assert_eq!(
        client.blocking_shutdown(CloseCode::GOING_AWAY, Duration::from_secs(1)),
        0
    );
}

#[test]
fn a_blocking_shutdown_does_not_wait_for_threads_that_block() {
    let client = Client::builder().background().expect("a thread");
    let request = client.request(&echo_on_a_thread()).expect("a URI");
    // As the system's resolver does when no name server answers.
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(Some(blocked));
    let (opened, open) = mpsc::channel();
    let handlers = Handlers::new().on_open(move |_| {
        let blocked = blocked.lock().expect("no panic").take();
        tokio::task::spawn_blocking(move || blocked.map(|blocked| blocked.recv()));
        opened.send(()).expect("a test");
    });
    request.handler(handlers).start();
    open.recv().expect("an open connection");
    let (done, end) = mpsc::channel();
    thread::spawn(move || {
        let cut = client.blocking_shutdown(CloseCode::GOING_AWAY, Duration::from_secs(30));
        done.send(cut).expect("a test");
    });
    assert_eq!(end.recv_timeout(Duration::from_secs(50)), Ok(0));
    drop(release);
}

#[test]
fn a_handler_may_join_and_drop_its_own_client() {
    let client = Client::builder().background().expect("a thread");
    let request = client.request(&echo_on_a_thread()).expect("a URI");
    let own = client.clone();
    let handlers = Handlers::new().on_open(move |cx| {
        own.join();
        cx.close(CloseCode::NORMAL, "").expect("open");
    });
    let handle = request.handler(handlers).start();
    drop(client);
    assert!(wait(handle.closed()).is_clean());
}

#[test]
fn panics_of_a_handler_leave_the_background_thread_alone() {
    let uri = echo_on_a_thread();
    let client = Client::builder().background().expect("a thread");
    let panicking = Handlers::new().on_open(|_| panic!("on purpose"));
    let request = client.request(&uri).expect("a URI").handler(panicking);
    let closed = wait(request.start().closed());
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(closed.local_code(), CloseCode::INTERNAL_ERROR);

    let (handlers, mut log) = log();
    client
        .request(&uri)
        .expect("a URI")
        .handler(handlers)
        .start();
    wait(log.open());
}

#[test]
fn a_background_client_can_be_used_from_many_threads() {
    let uri = echo_on_a_thread();
    let client = Client::builder().background().expect("a thread");
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (client, uri) = (client.clone(), uri.clone());
            thread::spawn(move || {
                let (handlers, mut log) = log();
                let request = client.request(&uri).expect("a URI").handler(handlers);
                let handle = request.start();
                wait(log.open());
                handle.send(format!("from {number}")).expect("open");
                wait(log.message())
            })
        })
        .collect();
    for (number, thread) in threads.into_iter().enumerate() {
        let message = thread.join().expect("no panic");
        assert_eq!(message, Message::from(format!("from {number}")));
    }
}

#[tokio::test]
async fn a_long_message_streams_both_ways_and_holds_back_those_of_handles() {
    let mut config = Config::client();
    config.streaming = true;
    config.limits.message = 10;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let echo = echo().await;
    let handlers = Handlers::new()
        .on_open(|cx| {
            cx.send_fragment("one, ", false).expect("room");
            cx.handle().send("from a handle").expect("room");
            cx.ping(b"between").expect("room");
            cx.send_fragment("two, ", false).expect("room");
            cx.send_fragment("three", true).expect("room");
        })
        .on_fragment(move |_, fragment, last| {
            tell.send((fragment.as_text().expect("text").to_owned(), last))
                .expect("a test");
        });
    let client = Client::builder().config(config).handlers(handlers).build();
    client.request(&echo.uri).expect("a URI").start();
    let mut messages = Vec::new();
    let mut text = String::new();
    while messages.len() < 2 {
        let (piece, last) = within(told.recv()).await.expect("a fragment");
        text += &piece;
        if last {
            messages.push(std::mem::take(&mut text));
        }
    }
    assert_eq!(messages, ["one, two, three", "from a handle"]);
}

// RFC 6455 §4.1, §5.3: drawn at random for each connection and each frame.
#[tokio::test(start_paused = true)]
async fn nonces_and_masking_keys_follow_no_pattern() {
    const CONNECTIONS: usize = 32;
    let (mut nonces, mut keys) = (HashSet::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let (near, mut far) = duplex(4096);
        let request = Client::new().request("ws://in.memory/").expect("a URI");
        let server = async {
            let head = read_head(&mut far).await;
            far.write_all(&accepting(&head)).await.expect("a write");
            head
        };
        let (client, head) = tokio::join!(request.connect_on(near), server);
        let nonce = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        nonces.insert(nonce.expect("a key").to_owned());
        let mut client = client.expect("a connection");
        for _ in 0..4 {
            client.send("").await.expect("open");
            assert_eq!(far.read_u16().await.expect("a frame"), 0x8180);
            keys.push(far.read_u32().await.expect("a masking key"));
        }
    }
    assert_eq!(nonces.len(), CONNECTIONS);
    // Two of 128 random keys are alike once in half a million times, which one pair is allowed for.
    let steps = keys.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let different_steps: HashSet<u32> = steps.collect();
    let different: HashSet<u32> = keys.iter().copied().collect();
    assert!(different.len() >= keys.len() - 1, "{keys:x?}");
    assert!(different_steps.len() >= keys.len() - 2, "{keys:x?}");
}
