//! Handles: any thread, before a connection opens and after it has ended.

use std::{
    collections::HashSet,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use bowsprit::{
    Cause, Client, CloseCode, CloseError, Config, Error, Handle, Handlers, Message, Pong,
    SendError, Server, Stage, State,
};
use tokio::{
    io::{AsyncWriteExt as _, duplex},
    runtime,
};

use super::support::{
    CLOSE, Happened, PING, PONG, Running, TEXT, answer, closing, drain, echo, echo_on_a_thread,
    frame, listen, log, masked, pair, polled, read_frame, run, server_of_bare, settle, wait,
    within,
};

/// An open connection with handlers, and its bare peer.
async fn open_to_bare(handlers: Handlers) -> (Handle, tokio::net::TcpStream) {
    let (listener, uri) = listen().await;
    let request = Client::new()
        .request(&uri)
        .expect("a URI")
        .handler(handlers);
    let handle = request.start();
    let (tcp, _) = within(listener.accept()).await.expect("a client");
    let tcp = answer(tcp).await;
    (handle, tcp)
}

#[test]
#[expect(
    clippy::mutable_key_type,
    reason = "a handle compares and hashes by its id alone"
)]
fn ids_are_unique_across_clients_and_hash() {
    let clients = [Client::new(), Client::new()];
    let mut seen = HashSet::new();
    for client in clients.iter().cycle().take(10) {
        let request = client.request("ws://localhost/").expect("a URI");
        let handle = request.handle();
        assert_eq!(handle, request.handle());
        assert!(seen.insert(handle.clone()), "{handle:?} is not unique");
        assert!(!seen.insert(handle));
    }
    let ids: HashSet<_> = seen.iter().map(Handle::id).collect();
    assert_eq!(ids.len(), 10);
}

#[tokio::test]
async fn before_it_opens_nothing_can_be_sent() {
    let (_listener, uri) = listen().await;
    let request = Client::new().request(&uri).expect("a URI");
    for handle in [request.handle(), request.start()] {
        assert_eq!(handle.state(), State::Connecting);
        assert!(!handle.is_open());
        assert_eq!(handle.send("early"), Err(SendError::NotOpen));
        assert_eq!(handle.ping(b""), Err(SendError::NotOpen));
        assert_eq!(
            handle.close(CloseCode::NORMAL, ""),
            Err(CloseError::NotOpen)
        );
        assert_eq!(handle.close_without_code(), Err(CloseError::NotOpen));
        assert_eq!(
            within(handle.send_wait("early")).await,
            Err(SendError::NotOpen)
        );
        assert_eq!(handle.buffered_bytes(), 0);
        assert!(handle.info().is_none());
        assert_eq!(handle.state(), State::Connecting);
    }
}

#[tokio::test]
async fn after_the_end_every_operation_says_so() {
    let echo = echo().await;
    let (handlers, mut log) = log();
    let request = Client::new().request(&echo.uri).expect("a URI");
    let handle = request.handler(handlers).start();
    log.open().await;
    handle.close(CloseCode::NORMAL, "").expect("open");
    let closed = within(handle.closed()).await;
    log.closed().await;
    log.ends().await;

    assert_eq!(handle.state(), State::Closed);
    assert_eq!(handle.send("late"), Err(SendError::Closed));
    assert_eq!(handle.ping(b""), Err(SendError::Closed));
    assert_eq!(handle.close(CloseCode::NORMAL, ""), Err(CloseError::Closed));
    assert_eq!(
        handle.close(CloseCode(1006), ""),
        Err(CloseError::InvalidCode(CloseCode(1006)))
    );
    assert_eq!(
        within(handle.send_wait("late")).await,
        Err(SendError::Closed)
    );
    assert_eq!(within(handle.closed()).await, closed);
    handle.pause_reading();
    handle.resume_reading();
    handle.terminate();
    assert_eq!(handle.buffered_bytes(), 0);
    assert!(handle.info().is_some(), "what was settled stays known");
    assert_eq!(handle.state(), State::Closed);
}

#[tokio::test]
async fn closes_without_a_code_when_asked_to() {
    let (handle, mut tcp) = open_to_bare(Handlers::new()).await;
    within(async {
        while !handle.is_open() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    handle.close_without_code().expect("open");
    assert_eq!(read_frame(&mut tcp).await, Some((CLOSE, Vec::new())));
    assert_eq!(
        handle.close(CloseCode::NORMAL, ""),
        Err(CloseError::Closing)
    );
}

#[tokio::test]
async fn inside_on_close_nothing_can_be_sent_any_more() {
    let (tell, told) = mpsc::channel();
    let handlers = Handlers::new().on_close(move |cx, _| {
        let handle = cx.handle();
        let tried = (
            cx.send("late"),
            handle.send("late"),
            handle.close(CloseCode::NORMAL, ""),
        );
        tell.send((tried, handle.state())).expect("a test");
    });
    let (handle, tcp) = open_to_bare(handlers).await;
    drop(tcp);
    within(handle.closed()).await;
    let (tried, state) = told.recv().expect("an end");
    assert_eq!(
        tried,
        (
            Err(SendError::Closed),
            Err(SendError::Closed),
            Err(CloseError::Closed)
        )
    );
    assert_eq!(state, State::Closed);
}

#[test]
fn many_threads_may_send_at_once() {
    const EACH: usize = 200;
    let client = Client::builder().background().expect("a thread");
    let (handlers, mut log) = log();
    let request = client.request(&echo_on_a_thread()).expect("a URI");
    let handle = request.handler(handlers).start();
    wait(log.open());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let handle = handle.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    handle.send(format!("{thread} {number}")).expect("room");
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("no panic"));
    let mut next = [0; 4];
    for _ in 0..4 * EACH {
        let message = wait(log.message());
        let text = message.as_text().expect("a text");
        let (thread, number) = text.split_once(' ').expect("two numbers");
        let thread: usize = thread.parse().expect("a number");
        assert_eq!(number, next[thread].to_string(), "of thread {thread}");
        next[thread] += 1;
    }
    assert!(log.is_silent());
}

#[tokio::test]
async fn any_number_of_callers_may_wait_for_the_end() {
    let (handle, tcp) = open_to_bare(Handlers::new()).await;
    let waiters: Vec<_> = (0..10)
        .map(|_| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.closed().await })
        })
        .collect();
    settle().await;
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    drop(tcp);
    for waiter in waiters {
        let closed = within(waiter).await.expect("no panic");
        assert_eq!(closed.cause, Some(Cause::Eof));
    }
}

#[tokio::test]
async fn terminating_a_connection_that_is_not_open_yet_fails_it() {
    for pauses in [false, true] {
        let (listener, uri) = listen().await;
        let (handlers, mut log) = log();
        let request = Client::new().request(&uri).expect("a URI");
        let handle = request.handler(handlers).start();
        let (tcp, _) = within(listener.accept()).await.expect("a client");
        settle().await;
        if pauses {
            // It has been called before, for a reason that was no reason to stop.
            handle.pause_reading();
            handle.resume_reading();
            settle().await;
        }
        let start = Instant::now();
        handle.terminate();
        assert_eq!(log.failed().await, "attempt was given up");
        // Far earlier than the opening handshake would have timed out.
        assert!(start.elapsed() < Duration::from_secs(5));
        log.ends().await;
        assert_eq!(handle.state(), State::Closed);
        drop(tcp);
    }
}

#[tokio::test]
async fn terminating_a_request_before_it_starts_fails_it() {
    let (_listener, uri) = listen().await;
    let (handlers, mut log) = log();
    let request = Client::new()
        .request(&uri)
        .expect("a URI")
        .handler(handlers);
    request.handle().terminate();
    request.start();
    assert_eq!(log.failed().await, "attempt was given up");
    log.ends().await;
}

#[tokio::test]
async fn terminating_an_open_connection_drops_it_without_a_close_frame() {
    let (handlers, mut log) = log();
    let (handle, mut tcp) = open_to_bare(handlers).await;
    log.open().await;
    handle.terminate();
    let closed = log.closed().await;
    assert_eq!(closed.cause, Some(Cause::Aborted));
    assert_eq!((closed.local, closed.remote), (None, None));
    log.ends().await;
    assert_eq!(read_frame(&mut tcp).await, None);
}

#[tokio::test]
async fn a_code_that_may_not_be_sent_leaves_the_connection_usable() {
    let echo = echo().await;
    let (handlers, mut log) = log();
    let request = Client::new().request(&echo.uri).expect("a URI");
    let handle = request.handler(handlers).start();
    log.open().await;
    for (code, text) in [
        (1006, "Invalid close code used"),
        (1004, "Reserved close code used"),
    ] {
        let error = handle.close(CloseCode(code), "").expect_err("refused");
        assert_eq!(error.to_string(), text);
        assert_eq!(handle.state(), State::Open);
    }
    handle.send("still here").expect("open");
    assert_eq!(log.message().await, Message::from("still here"));
}

#[tokio::test]
async fn a_reason_is_cut_between_two_characters() {
    let (handlers, mut log) = log();
    let (handle, mut tcp) = open_to_bare(handlers).await;
    log.open().await;
    handle
        .close(CloseCode(4000), &"é".repeat(100))
        .expect("open");
    let cut = "é".repeat(61);
    assert_eq!(
        read_frame(&mut tcp).await,
        Some((CLOSE, closing(4000, &cut)))
    );
    tcp.write_all(&frame(CLOSE, &closing(4000, "")))
        .await
        .expect("a write");
    drop(tcp);
    assert_eq!(log.closed().await.local_reason(), cut);
}

#[tokio::test(start_paused = true)]
async fn what_handles_have_queued_goes_before_a_close_of_the_owner() {
    let (mut client, mut server) = pair().await;
    client.handle().send("first").expect("open");
    let (closed, received) = tokio::join!(client.close(CloseCode::NORMAL, ""), drain(&mut server));
    assert!(closed.expect("open").is_clean());
    assert_eq!(received, [Message::from("first")]);
    // A handle may be faster with the close, too: the owner then only waits.
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    handle.close(CloseCode::GOING_AWAY, "").expect("open");
    let (closed, _) = tokio::join!(client.close(CloseCode::NORMAL, ""), drain(&mut server));
    assert_eq!(closed.expect("closing").local_code(), CloseCode::GOING_AWAY);
}

#[tokio::test]
async fn what_handles_have_queued_goes_before_a_close_of_the_handler() {
    let handlers = Handlers::new().on_open(|cx| {
        cx.handle().send("first").expect("open");
        cx.close(CloseCode::NORMAL, "").expect("open");
    });
    let (_handle, mut tcp) = open_to_bare(handlers).await;
    let first = (TEXT, b"first".to_vec());
    assert_eq!(read_frame(&mut tcp).await, Some(first));
    let goodbye = (CLOSE, closing(1000, ""));
    assert_eq!(read_frame(&mut tcp).await, Some(goodbye));
}

#[tokio::test(start_paused = true)]
async fn a_close_behind_what_a_peer_does_not_read_has_its_deadline() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let handle = server.handle();
    let owner = tokio::spawn(async move { server.recv().await });
    for _ in 0..8 {
        handle.send("x".repeat(100 << 10)).expect("room");
    }
    handle.close(CloseCode::NORMAL, "").expect("open");
    let start = tokio::time::Instant::now();
    // It reads nothing, and shows that it is alive.
    let alive = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if bare.write_all(&masked(PONG, b"")).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let closed = tokio::select! {
        closed = within(handle.closed()) => closed,
        () = alive => panic!("for ever"),
    };
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Close)));
    assert!(start.elapsed() < Duration::from_secs(6));
    owner.await.expect("no panic").expect_err("a timeout");
}

#[tokio::test]
async fn closing_twice_and_sending_behind_it_are_refused() {
    let (handlers, mut log) = log();
    let (handle, mut tcp) = open_to_bare(handlers).await;
    log.open().await;
    handle.send("before").expect("open");
    handle.close(CloseCode::NORMAL, "").expect("open");
    assert_eq!(handle.state(), State::Closing);
    assert_eq!(
        handle.close(CloseCode::NORMAL, ""),
        Err(CloseError::Closing)
    );
    assert_eq!(handle.send("behind"), Err(SendError::Closing));
    assert_eq!(handle.ping(b"behind"), Err(SendError::Closing));
    assert_eq!(read_frame(&mut tcp).await, Some((TEXT, b"before".to_vec())));
    assert_eq!(read_frame(&mut tcp).await, Some((CLOSE, closing(1000, ""))));
    drop(tcp);
    // The peer never answered.
    assert_eq!(log.closed().await.cause, Some(Cause::Eof));
}

#[tokio::test]
async fn the_peers_close_shows_in_the_state() {
    let (handlers, mut log) = log();
    let (handle, mut tcp) = open_to_bare(handlers).await;
    log.open().await;
    tcp.write_all(&frame(CLOSE, &closing(1012, "later")))
        .await
        .expect("a write");
    assert_eq!(
        read_frame(&mut tcp).await,
        Some((CLOSE, closing(1012, "later")))
    );
    settle().await;
    assert_eq!(handle.state(), State::Closing);
    assert_eq!(handle.send("late"), Err(SendError::Closing));
    drop(tcp);
    let closed = log.closed().await;
    assert!(closed.is_clean());
    assert_eq!(
        closed.to_string(),
        "closed by the peer: 1012 (Service restart): later"
    );
}

#[tokio::test]
async fn a_ping_comes_back_as_a_pong() {
    let echo = echo().await;
    let (handlers, mut log) = log();
    let request = Client::new().request(&echo.uri).expect("a URI");
    let handle = request.handler(handlers).start();
    log.open().await;
    handle.ping(b"there?").expect("open");
    match log.next().await {
        Happened::Pong(payload) => assert_eq!(payload, b"there?"),
        other => panic!("{other:?}"),
    }
    assert_eq!(handle.ping(&[0; 126]), Err(SendError::ControlTooLong));
    handle.ping(&[0; 125]).expect("it fits");
}

#[tokio::test]
async fn a_ping_of_the_peer_is_told_and_answered() {
    let (handlers, mut log) = log();
    let (_handle, mut tcp) = open_to_bare(handlers).await;
    log.open().await;
    tcp.write_all(&frame(PING, b"there?"))
        .await
        .expect("a write");
    match log.next().await {
        Happened::Ping(payload) => assert_eq!(payload, b"there?"),
        other => panic!("{other:?}"),
    }
    assert_eq!(read_frame(&mut tcp).await, Some((PONG, b"there?".to_vec())));
}

#[tokio::test]
async fn a_handler_decides_whether_a_ping_is_answered() {
    let handlers = Handlers::new().on_ping(|_, payload| {
        if payload == b"hush" {
            Pong::Suppress
        } else {
            Pong::Reply
        }
    });
    let (_handle, mut tcp) = open_to_bare(handlers).await;
    let pings = [frame(PING, b"hush"), frame(PING, b"speak")].concat();
    tcp.write_all(&pings).await.expect("a write");
    assert_eq!(read_frame(&mut tcp).await, Some((PONG, b"speak".to_vec())));
}

#[tokio::test]
async fn without_handlers_everything_is_ignored_and_pings_are_answered() {
    let (handle, mut tcp) = open_to_bare(Handlers::new()).await;
    let input = [
        frame(TEXT, b"unheard"),
        frame(PONG, b"unasked"),
        frame(PING, b"?"),
    ]
    .concat();
    tcp.write_all(&input).await.expect("a write");
    assert_eq!(read_frame(&mut tcp).await, Some((PONG, b"?".to_vec())));
    assert!(handle.is_open());
}

/// A server whose handlers give their handles away.
async fn giving_handles() -> (Running, tokio::sync::mpsc::UnboundedReceiver<Handle>) {
    let (give, given) = tokio::sync::mpsc::unbounded_channel();
    let server = run(Server::builder(), move || {
        let give = give.clone();
        Handlers::new().on_open(move |cx| give.send(cx.handle()).expect("a test"))
    })
    .await;
    (server, given)
}

#[tokio::test]
async fn a_server_reaches_its_connections_by_handles() {
    let (server, mut handles) = giving_handles().await;
    let mut ws = bowsprit::connect(&server.uri).await.expect("a connection");
    let handle = within(handles.recv()).await.expect("a handle");
    settle().await;
    handle.send("pushed").expect("open");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("pushed"))));
    handle
        .close(CloseCode::TRY_AGAIN_LATER, "full")
        .expect("open");
    assert_eq!(within(ws.recv()).await, Ok(None));
    let closed = within(handle.closed()).await;
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(closed.remote_code(), CloseCode::TRY_AGAIN_LATER);
}

#[tokio::test(start_paused = true)]
async fn a_paused_connection_reads_nothing_until_it_is_resumed() {
    let (mut client, mut server) = pair().await;
    let handle = server.handle();
    handle.pause_reading();
    client.send("wait").await.expect("open");
    let mut receiving = std::pin::pin!(server.recv());
    assert!(polled(5, receiving.as_mut()).await.is_none());
    handle.resume_reading();
    assert_eq!(within(receiving).await, Ok(Some(Message::from("wait"))));
}

#[tokio::test]
async fn a_paused_handler_is_not_called_until_it_is_resumed() {
    let (handlers, mut log) = log();
    let (handle, mut tcp) = open_to_bare(handlers).await;
    log.open().await;
    handle.pause_reading();
    settle().await;
    tcp.write_all(&frame(TEXT, b"wait")).await.expect("a write");
    // The connection has its turn, and what the peer sent lies before it.
    handle.send("ours still leave").expect("open");
    assert_eq!(
        read_frame(&mut tcp).await,
        Some((TEXT, b"ours still leave".to_vec()))
    );
    assert!(log.is_silent());
    handle.resume_reading();
    assert_eq!(log.message().await, Message::from("wait"));
}

#[tokio::test]
async fn a_handler_may_pause_its_own_connection() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let handlers = Handlers::new().on_message(move |cx, message| {
        tell.send(message.into_message()).expect("a test");
        cx.pause_reading();
    });
    let (handle, mut tcp) = open_to_bare(handlers).await;
    for text in ["one", "two"] {
        tcp.write_all(&frame(TEXT, text.as_bytes()))
            .await
            .expect("a write");
        let message = within(told.recv()).await;
        assert_eq!(message, Some(Message::from(text)));
        settle().await;
        assert!(told.is_empty());
        handle.resume_reading();
    }
}

#[tokio::test(start_paused = true)]
async fn handles_of_one_connection_keep_their_order() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    for number in 0..10 {
        handle.send(number.to_string()).expect("open");
    }
    handle.close(CloseCode::NORMAL, "").expect("open");
    let (received, rest) = tokio::join!(drain(&mut server), drain(&mut client));
    let expected: Vec<_> = (0..10)
        .map(|number| Message::from(number.to_string()))
        .collect();
    assert_eq!(received, expected);
    assert!(rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn terminating_ends_what_the_owner_waits_for() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    let receiving = tokio::spawn(async move { client.recv().await });
    settle().await;
    handle.terminate();
    let end = within(receiving).await.expect("no panic");
    assert_eq!(end, Err(Error::Ended(Cause::Aborted)));
    assert_eq!(within(server.recv()).await, Err(Error::Ended(Cause::Eof)));
    assert_eq!(handle.state(), State::Closed);
}

#[test]
fn a_handle_that_closes_as_soon_as_it_can_does_not_see_the_connection_open_again() {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut undone = 0;
    for _ in 0..3000 {
        let request = Client::new().request("ws://in.memory/").expect("a URI");
        let handle = request.handle();
        let closer = thread::spawn(move || {
            while handle.close(CloseCode::NORMAL, "").is_err() {
                std::hint::spin_loop();
            }
            for _ in 0..2000 {
                if handle.state() == State::Open {
                    return true;
                }
                std::hint::spin_loop();
            }
            false
        });
        let client = runtime.block_on(async {
            let (near, far) = duplex(64 * 1024);
            let (client, far) = tokio::join!(request.connect_on(near), answer(far));
            (client.expect("a client"), far)
        });
        undone += usize::from(closer.join().expect("no panic"));
        drop(client);
    }
    assert_eq!(undone, 0);
}
