//! Shutting endpoints down: everyone is told, and nobody is waited for longer than the deadline.

use std::{future::ready, io::ErrorKind, pin::pin, thread, time::Duration};

use bowsprit::{
    Cause, Client, CloseCode, Config, ConnectError, Error, Handle, Handlers, Message, SendError,
    Server, State,
};
use tokio::{
    io::{AsyncWriteExt as _, duplex},
    time::{Instant, sleep},
};

use super::support::{
    CLOSE, Log, TEXT, answer, ask, closing, echo, listen, log, masked, polled, read_frame,
    read_head, run, settle, within,
};

const LONG: Duration = Duration::from_secs(50);
const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_client_says_goodbye_on_every_connection() {
    let echo = echo().await;
    let client = Client::new();
    let mut logs = Vec::new();
    for _ in 0..5 {
        let (handlers, mut log) = log();
        client
            .request(&echo.uri)
            .expect("a URI")
            .handler(handlers)
            .start();
        log.open().await;
        logs.push(log);
    }
    assert_eq!(
        within(client.shutdown(CloseCode::GOING_AWAY, LONG)).await,
        0
    );
    for mut log in logs {
        let closed = log.closed().await;
        assert!(closed.is_clean(), "{closed}");
        assert_eq!(closed.local_code(), CloseCode::GOING_AWAY);
        log.ends().await;
    }
}

#[tokio::test]
async fn a_client_gives_up_what_is_connecting() {
    let (_listener, uri) = listen().await;
    let client = Client::new();
    let (handlers, mut log) = log();
    let request = client.request(&uri).expect("a URI").handler(handlers);
    let handle = request.start();
    let waiting = tokio::spawn(client.request(&uri).expect("a URI").connect());
    settle().await;
    assert_eq!(
        within(client.shutdown(CloseCode::GOING_AWAY, LONG)).await,
        0
    );
    assert_eq!(log.failed().await, "attempt was given up");
    log.ends().await;
    assert_eq!(handle.state(), State::Closed);
    let error = waiting.await.expect("no panic").expect_err("given up");
    assert!(matches!(error, ConnectError::Canceled), "{error}");
}

/// A connection to a peer that never answers, however long it is asked to wait.
async fn open_to_deaf(client: &Client) -> (Log, tokio::net::TcpStream) {
    let (listener, uri) = listen().await;
    let (handlers, mut log) = log();
    let mut config = Config::client();
    config.timeouts.close = Duration::from_secs(3600);
    let request = client.request(&uri).expect("a URI").config(config);
    request.handler(handlers).start();
    let (tcp, _) = within(listener.accept()).await.expect("a client");
    let tcp = answer(tcp).await;
    log.open().await;
    (log, tcp)
}

#[tokio::test]
async fn a_client_cuts_those_that_do_not_answer_and_counts_them() {
    let client = Client::new();
    let mut deaf = [open_to_deaf(&client).await, open_to_deaf(&client).await];
    let echo = echo().await;
    let (handlers, mut good) = log();
    client
        .request(&echo.uri)
        .expect("a URI")
        .handler(handlers)
        .start();
    good.open().await;
    let start = Instant::now();
    // The good one has time enough to answer, the others have all the time there is.
    let cut = client
        .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(2))
        .await;
    assert_eq!(cut, 2);
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert!(good.closed().await.is_clean());
    for (log, tcp) in &mut deaf {
        assert_eq!(log.closed().await.cause, Some(Cause::Aborted));
        log.ends().await;
        assert_eq!(read_frame(tcp).await, Some((CLOSE, closing(1001, ""))));
        assert_eq!(read_frame(tcp).await, None);
    }
}

#[tokio::test]
async fn after_a_shutdown_nothing_can_be_started() {
    let echo = echo().await;
    let client = Client::new();
    let request = client.request(&echo.uri).expect("a URI");
    assert_eq!(client.shutdown(CloseCode::GOING_AWAY, LONG).await, 0);
    let (handlers, mut log) = log();
    let handle = request.handler(handlers).start();
    assert_eq!(log.failed().await, "attempt was given up");
    log.ends().await;
    assert_eq!(handle.state(), State::Closed);
    let error = client.request(&echo.uri).expect("a URI").connect().await;
    assert!(matches!(error, Err(ConnectError::Canceled)), "{error:?}");
}

#[tokio::test]
async fn a_code_that_may_not_be_sent_becomes_1001() {
    let client = Client::new();
    let (mut log, mut tcp) = open_to_deaf(&client).await;
    let shutdown = tokio::spawn(async move { client.shutdown(CloseCode::ABNORMAL, LONG).await });
    assert_eq!(read_frame(&mut tcp).await, Some((CLOSE, closing(1001, ""))));
    drop(tcp);
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
    log.closed().await;
}

#[tokio::test]
async fn a_connection_with_an_owner_is_closed_when_it_is_polled() {
    let echo = echo().await;
    let client = Client::new();
    let request = client.request(&echo.uri).expect("a URI");
    let mut ws = within(request.connect()).await.expect("a connection");
    let owner = tokio::spawn(async move {
        let end = ws.recv().await;
        (end, ws)
    });
    settle().await;
    assert_eq!(
        within(client.shutdown(CloseCode::GOING_AWAY, LONG)).await,
        0
    );
    let (end, ws) = owner.await.expect("no panic");
    assert_eq!(end, Ok(None));
    let closed = ws.close_info().expect("an end");
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(closed.local_code(), CloseCode::GOING_AWAY);
}

#[tokio::test]
async fn a_server_says_goodbye_on_every_connection() {
    let server = echo().await;
    let mut owners = Vec::new();
    for _ in 0..5 {
        let mut ws = within(bowsprit::connect(&server.uri))
            .await
            .expect("a connection");
        owners.push(tokio::spawn(async move {
            let end = ws.recv().await;
            (end, ws.close_info().cloned())
        }));
    }
    let cut = within(server.server.shutdown(CloseCode::GOING_AWAY, LONG)).await;
    assert_eq!(cut, 0);
    for owner in owners {
        let (end, closed) = within(owner).await.expect("no panic");
        assert_eq!(end, Ok(None));
        assert_eq!(closed.expect("an end").remote_code(), CloseCode::GOING_AWAY);
    }
    within(server.serving)
        .await
        .expect("no panic")
        .expect("a normal end");
}

#[tokio::test]
async fn a_server_delivers_what_was_queued_before_its_goodbye() {
    const MESSAGES: usize = 40;
    // Far more than the system keeps for a peer that does not read yet.
    let mut config = Config::server();
    config.limits.send_buffer = 64 << 20;
    let (opened, mut open) = tokio::sync::mpsc::unbounded_channel();
    let server = run(Server::builder().config(config), move || {
        let opened = opened.clone();
        Handlers::new().on_open(move |cx| {
            for number in 0..MESSAGES {
                let text = format!("{number} {}", "x".repeat(256 << 10));
                cx.send(text.as_str()).expect("room");
            }
            opened.send(()).expect("a test");
        })
    })
    .await;
    let mut ws = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    within(open.recv()).await.expect("an open connection");
    let control = server.server.clone();
    let shutdown = tokio::spawn(async move { control.shutdown(CloseCode::GOING_AWAY, LONG).await });
    settle().await;
    for number in 0..MESSAGES {
        let message = within(ws.recv())
            .await
            .expect("no error")
            .expect("a message");
        let text = message.as_text().expect("a text");
        assert!(text.starts_with(&format!("{number} ")), "{}", &text[..10]);
    }
    assert_eq!(within(ws.recv()).await, Ok(None));
    assert_eq!(
        ws.close_info().expect("an end").remote_code(),
        CloseCode::GOING_AWAY
    );
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
}

#[tokio::test]
async fn what_handles_have_queued_is_delivered_before_the_goodbye() {
    // More than a connection takes from its handles at once.
    const MESSAGES: usize = 40;
    let client = Client::new();
    let (listener, uri) = listen().await;
    let (handlers, mut log) = log();
    let request = client.request(&uri).expect("a URI").handler(handlers);
    let handle = request.start();
    let (tcp, _) = within(listener.accept()).await.expect("a client");
    let mut tcp = answer(tcp).await;
    log.open().await;
    for _ in 0..MESSAGES {
        handle.send("x".repeat(16 << 10)).expect("room");
    }
    // Begins before the connection's task has looked at what handles ask of it.
    let shutdown = client.shutdown(CloseCode::GOING_AWAY, LONG);
    let reading = async move {
        for _ in 0..MESSAGES {
            let (opcode, _) = read_frame(&mut tcp).await.expect("a message");
            assert_eq!(opcode, TEXT);
        }
        let goodbye = (CLOSE, closing(1001, ""));
        assert_eq!(read_frame(&mut tcp).await, Some(goodbye));
    };
    let (cut, ()) = within(async { tokio::join!(biased; shutdown, reading) }).await;
    assert_eq!(cut, 0);
}

/// It may be late to look: those that it is to count do not give up by themselves at the same moment.
#[tokio::test(start_paused = true)]
async fn those_that_do_not_answer_wait_to_be_cut_and_counted() {
    let client = Client::new();
    let (near, far) = duplex(512);
    let mut near = Some(near);
    let dial = move || ready(near.take().ok_or_else(|| ErrorKind::NotConnected.into()));
    let (handlers, mut log) = log();
    let request = client.request("ws://in.memory/").expect("a URI");
    request.handler(handlers).start_on(dial);
    let _deaf = answer(far).await;
    log.open().await;

    let mut shutdown = pin!(client.shutdown(CloseCode::GOING_AWAY, LONG));
    tokio::select! {
        biased;
        cut = &mut shutdown => panic!("{cut} were cut at once"),
        () = ready(()) => {}
    }
    sleep(LONG).await;
    settle().await;
    assert_eq!(shutdown.await, 1);
    assert_eq!(log.closed().await.cause, Some(Cause::Aborted));
}

#[tokio::test]
async fn a_server_cuts_those_that_do_not_answer_and_counts_them() {
    let mut config = Config::server();
    config.timeouts.close = Duration::from_secs(3600);
    let server = run(Server::builder().config(config), Handlers::new).await;
    let mut deaf = ask(server.bare().await).await;
    settle().await;
    let cut = within(server.server.shutdown(CloseCode::GOING_AWAY, SHORT)).await;
    assert_eq!(cut, 1);
    assert_eq!(
        read_frame(&mut deaf).await,
        Some((CLOSE, closing(1001, "")))
    );
    assert_eq!(read_frame(&mut deaf).await, None);
}

#[tokio::test]
async fn a_server_cuts_futures_that_do_not_end() {
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    let running = server.clone();
    let serving = tokio::spawn(async move {
        running
            .serve(|mut ws| async move {
                ws.send("busy").await?;
                std::future::pending::<()>().await;
                Ok(())
            })
            .await
    });
    let mut ws = within(bowsprit::connect(&uri)).await.expect("a connection");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("busy"))));
    assert_eq!(
        within(server.shutdown(CloseCode::GOING_AWAY, SHORT)).await,
        1
    );
    assert_eq!(within(ws.recv()).await, Err(Error::Ended(Cause::Eof)));
    within(serving)
        .await
        .expect("no panic")
        .expect("a normal end");
}

/// Their own time to answer ends no earlier, or they would be gone when they are counted.
#[tokio::test(start_paused = true)]
async fn those_who_do_not_answer_are_counted_at_the_deadline() {
    let server = Server::builder().build();
    let mut deaf = Vec::new();
    for _ in 0..10 {
        let (near, far) = duplex(4096);
        let own = server.clone();
        let running =
            tokio::spawn(async move { own.serve_on(near, None, |_| Handlers::new()).await });
        deaf.push((ask(far).await, running));
    }
    // With several threads a connection may begin to wait before the shutdown does: here by half a second.
    let begun = polled(1, server.shutdown(CloseCode::GOING_AWAY, LONG)).await;
    assert_eq!(begun, None);
    settle().await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(server.shutdown(CloseCode::GOING_AWAY, LONG).await, 10);
    for (_, running) in deaf {
        within(running).await.expect("no panic").expect("was open");
    }
}

/// A program may end with `serve`, and take the runtime from what is still on its way.
#[tokio::test]
async fn serving_ends_after_the_last_goodbye() {
    let server = run(Server::builder(), Handlers::new).await;
    let mut slow = ask(server.bare().await).await;
    let control = server.server.clone();
    let shutdown = tokio::spawn(async move { control.shutdown(CloseCode::GOING_AWAY, LONG).await });
    assert_eq!(
        read_frame(&mut slow).await,
        Some((CLOSE, closing(1001, "")))
    );
    settle().await;
    assert!(!server.serving.is_finished(), "a goodbye is to come");
    let goodbye = masked(CLOSE, &closing(1001, ""));
    slow.write_all(&goodbye).await.expect("a write");
    let ended = within(server.serving).await.expect("no panic");
    ended.expect("a normal end");
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
}

#[tokio::test]
async fn a_server_closes_the_connections_that_its_futures_own() {
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    let running = server.clone();
    tokio::spawn(async move {
        running
            .serve(|mut ws| async move {
                while let Some(message) = ws.recv().await? {
                    ws.send(message).await?;
                }
                Ok(())
            })
            .await
    });
    let mut ws = within(bowsprit::connect(&uri)).await.expect("a connection");
    ws.send("ahoy").await.expect("open");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("ahoy"))));
    let shutdown = tokio::spawn(async move { server.shutdown(CloseCode::GOING_AWAY, LONG).await });
    assert_eq!(within(ws.recv()).await, Ok(None));
    assert_eq!(
        ws.close_info().expect("an end").remote_code(),
        CloseCode::GOING_AWAY
    );
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
}

#[tokio::test]
async fn a_server_tells_those_still_shaking_hands() {
    let server = echo().await;
    let mut silent = server.bare().await;
    // The connection is in the server's hands once a later one was served.
    let mut later = ask(server.bare().await).await;
    let control = server.server.clone();
    let shutdown = tokio::spawn(async move { control.shutdown(CloseCode::GOING_AWAY, LONG).await });
    let head = read_head(&mut silent).await;
    assert!(
        head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert_eq!(
        read_frame(&mut later).await,
        Some((CLOSE, closing(1001, "")))
    );
    drop((silent, later));
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
    within(server.serving)
        .await
        .expect("no panic")
        .expect("a normal end");
}

#[tokio::test]
async fn dropping_the_future_that_serves_leaves_open_connections_alone() {
    let server = echo().await;
    let mut tcp = ask(server.bare().await).await;
    server.serving.abort();
    settle().await;
    let ahoy = masked(TEXT, b"ahoy");
    tokio::io::AsyncWriteExt::write_all(&mut tcp, &ahoy)
        .await
        .expect("a write");
    assert_eq!(read_frame(&mut tcp).await, Some((TEXT, b"ahoy".to_vec())));
}

#[tokio::test]
async fn the_port_is_free_when_a_shutdown_returns() {
    let server = echo().await;
    let address = server.address();
    settle().await;
    within(server.server.shutdown(CloseCode::GOING_AWAY, LONG)).await;
    let again = Server::builder().bind(address).await;
    assert!(again.is_ok(), "{:?}", again.err());
}

/// Sends from a thread of its own until it may not, and tells how many messages were taken.
fn send_until_refused(handle: Handle) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let mut taken = 0;
        loop {
            match handle.send(taken.to_string()) {
                Ok(()) => taken += 1,
                Err(SendError::Full) => thread::yield_now(),
                Err(_) => return taken,
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_handle_was_told_is_queued_arrives_whoever_closes_meanwhile() {
    for by_handle in [true, false].repeat(10) {
        let (opened, mut handles) = tokio::sync::mpsc::unbounded_channel();
        let handlers = Handlers::new().on_open(move |cx| drop(opened.send(cx.handle())));
        let server = run(Server::builder(), move || handlers.clone()).await;
        let mut ws = within(bowsprit::connect(&server.uri))
            .await
            .expect("a connection");
        let handle = within(handles.recv()).await.expect("a handle");
        let sender = send_until_refused(handle.clone());
        let control = server.server.clone();
        let closing = tokio::spawn(async move {
            // In the midst of it all.
            sleep(Duration::from_millis(3)).await;
            if by_handle {
                handle.close(CloseCode::NORMAL, "").expect("open");
            } else {
                assert_eq!(control.shutdown(CloseCode::GOING_AWAY, LONG).await, 0);
            }
        });
        let mut received = 0;
        while within(ws.recv()).await.expect("a clean end").is_some() {
            received += 1;
        }
        within(closing).await.expect("no panic");
        let taken = tokio::task::spawn_blocking(|| sender.join())
            .await
            .expect("no panic");
        assert_eq!(
            taken.expect("no panic"),
            received,
            "closed by a handle: {by_handle}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_connections_get_what_was_queued_and_then_the_goodbye() {
    const CONNECTIONS: usize = 1000;
    let server = Server::builder().build();
    let (opened, mut open) = tokio::sync::mpsc::unbounded_channel();
    let mut peers = Vec::new();
    for _ in 0..CONNECTIONS {
        // The transport holds less than is in flight.
        let (near, far) = duplex(512);
        let opened = opened.clone();
        let handlers = Handlers::new().on_open(move |cx| {
            cx.send("from the handler ".repeat(100).as_str())
                .expect("room");
            opened.send(cx.handle()).expect("a test");
        });
        let control = server.clone();
        tokio::spawn(async move { control.serve_on(near, None, move |_| handlers).await });
        let request = Client::new().request("ws://in.memory/").expect("a URI");
        peers.push(within(request.connect_on(far)).await.expect("a connection"));
        let handle = within(open.recv()).await.expect("a handle");
        handle.send("from a handle ".repeat(100)).expect("room");
    }
    let start = Instant::now();
    let shutdown = tokio::spawn(async move { server.shutdown(CloseCode::GOING_AWAY, LONG).await });
    settle().await;
    for mut ws in peers {
        for expected in ["from the handler ", "from a handle "] {
            let message = within(ws.recv()).await.expect("no error");
            assert_eq!(message, Some(Message::from(expected.repeat(100))));
        }
        assert_eq!(within(ws.recv()).await, Ok(None));
        let closed = ws.close_info().expect("an end");
        assert!(closed.is_clean(), "{closed}");
        assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
    }
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
    // By the paused clock: nobody had to be waited for.
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}
