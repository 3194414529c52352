//! Peers that do not read: what they cost, whom they hold up, and who waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bowsprit::{Cause, Client, CloseCode, Config, Error, Handlers, Message, SendError, WebSocket};
use tokio::{
    io::{AsyncWriteExt as _, DuplexStream, duplex},
    sync::Notify,
    time::{sleep, timeout},
};

use super::support::{
    CLOSE, TEXT, closing, drain, echo, masked, pair, pair_on, pair_with, polled, read_frame,
    server_of_bare, settle, within,
};

const KIB: usize = 1 << 10;

fn text(len: usize) -> Message {
    Message::from("x".repeat(len))
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_refused_when_too_much_waits_and_queues_nothing_then() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    let mut taken = 0;
    while handle.send(text(100 * KIB)).is_ok() {
        taken += 1;
        // A frame's header is counted at its longest.
        assert_eq!(handle.buffered_bytes(), taken * (100 * KIB + 14));
    }
    assert_eq!(taken, 10, "1 MiB is the limit");
    assert_eq!(handle.send(text(100 * KIB)), Err(SendError::Full));
    assert_eq!(handle.buffered_bytes(), 10 * (100 * KIB + 14));
    handle.send("there is room for a small one").expect("room");
    handle.close(CloseCode::NORMAL, "").expect("open");
    let (received, _) = tokio::join!(drain(&mut server), drain(&mut client));
    let mut expected = vec![text(100 * KIB); 10];
    expected.push(Message::from("there is room for a small one"));
    assert!(received == expected, "{} messages came", received.len());
    assert_eq!(handle.buffered_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_close_loses_nothing_that_a_handle_was_told_is_queued() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    let mut queued = 0;
    while handle.send(text(100 * KIB)).is_ok() {
        queued += 1;
    }
    // Beside them the connection has messages of its own: together more than the limit.
    let mut fed = 0;
    while polled(3, client.feed(vec![0; 90 * KIB])).await.is_some() {
        fed += 1;
    }
    assert!(fed > 1, "{fed}");
    assert!(handle.buffered_bytes() > 1024 * KIB);
    let closing = client.close(CloseCode::GOING_AWAY, "");
    let (received, closed) = tokio::join!(drain(&mut server), within(closing));
    assert!(closed.expect("a clean end").is_clean());
    let texts = received
        .iter()
        .filter(|message| message.as_text().is_some());
    assert_eq!((texts.count(), received.len()), (queued, queued + fed));
}

#[tokio::test(start_paused = true)]
async fn one_message_of_any_size_fits_an_empty_queue() {
    let mut large = Config::server();
    large.limits.message = 4 << 20;
    large.limits.frame = 4 << 20;
    let (mut client, mut server) = pair_with(Config::client(), large).await;
    let handle = client.handle();
    handle.send(text(3 << 20)).expect("an empty queue");
    assert_eq!(handle.send(""), Err(SendError::Full));
    handle.close(CloseCode::NORMAL, "").expect("open");
    let (received, _) = tokio::join!(drain(&mut server), drain(&mut client));
    assert!(received == [text(3 << 20)]);
}

#[tokio::test(start_paused = true)]
async fn the_count_of_buffered_bytes_falls_as_they_leave() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    assert_eq!(handle.buffered_bytes(), 0);
    for _ in 0..4 {
        handle.send(text(100 * KIB)).expect("room");
    }
    let owner = tokio::spawn(async move { drain(&mut client).await });
    settle().await;
    // The peer has not read: 64 KiB are in the pipe between them.
    let left = handle.buffered_bytes();
    assert!((330 * KIB..350 * KIB).contains(&left), "{left} are left");
    let mut last = left;
    for _ in 0..4 {
        server.recv().await.expect("no error").expect("a message");
        settle().await;
        assert!(handle.buffered_bytes() < last);
        last = handle.buffered_bytes();
    }
    assert_eq!(last, 0);
    handle.close(CloseCode::NORMAL, "").expect("open");
    drain(&mut server).await;
    owner.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn send_wait_waits_for_room_and_goes_on() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    for _ in 0..3 {
        handle.send(text(100 * KIB)).expect("room");
    }
    assert!(polled(5, handle.send_wait("early")).await.is_none());
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.send_wait("patient").await }
    });
    let owner = tokio::spawn(async move { drain(&mut client).await });
    settle().await;
    assert!(waiting.is_finished(), "64 KiB have gone into the pipe");
    waiting.await.expect("no panic").expect("open");
    for _ in 0..3 {
        assert!(server.recv().await.expect("no error") == Some(text(100 * KIB)));
    }
    assert_eq!(server.recv().await, Ok(Some(Message::from("patient"))));
    handle.close(CloseCode::NORMAL, "").expect("open");
    drain(&mut server).await;
    owner.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn send_wait_is_woken_though_all_leaves_in_one_write() {
    let (near, far) = duplex(1 << 20);
    let (mut client, _server) = pair_on(near, far, Config::client(), Config::server()).await;
    let handle = client.handle();
    for _ in 0..3 {
        handle.send(text(100 * KIB)).expect("room");
    }
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.send_wait("patient").await }
    });
    settle().await;
    let owner = tokio::spawn(async move { drain(&mut client).await });
    within(waiting).await.expect("no panic").expect("open");
    owner.abort();
}

#[tokio::test(start_paused = true)]
async fn send_wait_ends_with_the_connection() {
    let (mut client, _server) = pair().await;
    let handle = client.handle();
    for _ in 0..3 {
        handle.send(text(100 * KIB)).expect("room");
    }
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.send_wait("never").await }
    });
    settle().await;
    assert!(!waiting.is_finished());
    drop(client);
    let end = within(waiting).await.expect("no panic");
    assert_eq!(end, Err(SendError::Closed));
}

#[tokio::test(start_paused = true)]
async fn feed_waits_above_high_water_and_goes_on() {
    let (mut client, mut server) = pair().await;
    let mut fed = 0;
    while polled(2, client.feed(text(100 * KIB))).await.is_some() {
        fed += 1;
    }
    // 300 KiB are over the high water, and 64 KiB of them have gone into the pipe.
    assert_eq!(fed, 4);
    assert!(client.queued_bytes() < 400 * KIB);
    let closing = client.close(CloseCode::NORMAL, "");
    let (closed, received) = tokio::join!(closing, drain(&mut server));
    assert!(closed.expect("open").is_clean());
    assert_eq!(received.len(), fed);
}

#[tokio::test(start_paused = true)]
async fn two_peers_that_only_send_do_not_wait_for_each_other_for_ever() {
    let whole = |mut config: Config| {
        config.limits.message = 8 << 20;
        config.limits.frame = 8 << 20;
        config
    };
    let cases = [
        // One message, and many: the server reads ahead as much as one message may hold.
        (whole(Config::client()), whole(Config::server()), 1, 4 << 20),
        (Config::client(), Config::server(), 64, 64 * KIB),
    ];
    for (client, server, count, len) in cases {
        let (mut client, mut server) = pair_with(client, server).await;
        let both = async {
            tokio::join!(
                send_then_receive(&mut client, count, len),
                send_then_receive(&mut server, count, len)
            )
        };
        within(both).await;
    }
}

async fn send_then_receive(ws: &mut WebSocket<DuplexStream>, count: usize, len: usize) {
    for _ in 0..count {
        ws.send(text(len)).await.expect("open");
    }
    for _ in 0..count {
        let message = ws.recv().await.expect("no error").expect("a message");
        assert_eq!(message.as_bytes().len(), len);
    }
}

/// How many bytes of messages a peer gets rid of that never reads.
async fn pour(bare: &mut DuplexStream) -> usize {
    let message = masked(TEXT, &[b'x'; 125]);
    let mut poured = 0;
    // Virtual time stands still while anything moves.
    while let Ok(written) = timeout(Duration::from_secs(1), bare.write_all(&message)).await {
        written.expect("open");
        poured += message.len();
        assert!(poured < 64 << 20, "no end in sight");
    }
    poured
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_costs_little_memory() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let handle = server.handle();
    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await? {
            server.feed(message).await?;
        }
        Ok::<_, Error>(server)
    });
    let poured = pour(&mut bare).await;
    assert!(
        handle.buffered_bytes() < 400 * KIB,
        "{} are queued",
        handle.buffered_bytes()
    );
    // What waits to be sent, what was read ahead, and the pipes.
    assert!(poured < 2 << 20, "{poured} were taken");
    assert!(!echo.is_finished());
    // Once the peer reads, everything goes on where it stood.
    let reading = async {
        for _ in 0..poured / 131 {
            assert_eq!(read_frame(&mut bare).await, Some((TEXT, vec![b'x'; 125])));
        }
    };
    timeout(Duration::from_secs(10), reading)
        .await
        .expect("every answer");
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_up_nobody_else() {
    let server = echo().await;
    let mut lazy = super::support::ask(server.bare().await).await;
    let pouring = tokio::spawn(async move {
        let messages = masked(TEXT, &[b'x'; 125]).repeat(1000);
        while lazy.write_all(&messages).await.is_ok() {}
    });
    let mut ws = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    for number in 0..1000 {
        ws.send(number.to_string()).await.expect("open");
        let back = within(ws.recv()).await;
        assert_eq!(back, Ok(Some(Message::from(number.to_string()))));
    }
    assert!(!pouring.is_finished());
    pouring.abort();
}

#[tokio::test]
async fn a_task_that_only_sends_lets_others_have_their_turn() {
    let server = echo().await;
    // Little enough for the socket to take all of it at once.
    let mut ws = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    let turns = Arc::new(AtomicU32::new(0));
    let counting = tokio::spawn({
        let turns = turns.clone();
        async move {
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    tokio::task::yield_now().await;
    let before = turns.load(Ordering::Relaxed);
    for _ in 0..1000 {
        ws.send("x").await.expect("open");
    }
    assert!(turns.load(Ordering::Relaxed) > before);
    counting.abort();
}

#[tokio::test]
async fn a_handler_client_gets_back_everything_that_it_pushes() {
    const MANY: u32 = 200_000;
    let echo = echo().await;
    let (next, done) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let (seen, all) = (next.clone(), done.clone());
    let handlers = Handlers::new().on_message(move |_, message| {
        let expected = seen.fetch_add(1, Ordering::Relaxed);
        assert_eq!(message.as_bytes(), expected.to_be_bytes());
        if expected + 1 == MANY {
            all.notify_one();
        }
    });
    let request = Client::new().request(&echo.uri).expect("a URI");
    let handle = request.handler(handlers).start();
    while !handle.is_open() {
        sleep(Duration::from_millis(1)).await;
    }
    let mut most = 0;
    for number in 0..MANY {
        let message = number.to_be_bytes().to_vec();
        within(handle.send_wait(message)).await.expect("open");
        most = most.max(handle.buffered_bytes());
    }
    within(done.notified()).await;
    assert!(most < 400 * KIB, "{most} were queued");
    assert_eq!(next.load(Ordering::Relaxed), MANY);
    assert_eq!(handle.buffered_bytes(), 0);
    handle.close(CloseCode::NORMAL, "").expect("open");
    assert!(within(handle.closed()).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn what_came_while_a_send_waited_outlives_the_peer() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let input = [
        masked(TEXT, b"one"),
        masked(TEXT, b"two"),
        masked(CLOSE, &closing(1008, "enough")),
    ];
    bare.write_all(&input.concat()).await.expect("a write");
    assert_eq!(server.recv().await, Ok(Some(Message::from("one"))));
    assert!(polled(5, server.send(text(500 * KIB))).await.is_none());
    drop(bare);
    let met = server.flush().await.expect_err("nobody there");
    assert_eq!(server.recv().await, Ok(Some(Message::from("two"))));
    assert_eq!(server.recv().await, Err(met));
    assert_eq!(server.recv().await, Ok(None));
    let closed = server.close_info().expect("an end");
    assert_eq!(
        (closed.remote_code(), closed.remote_reason()),
        (CloseCode(1008), "enough")
    );
}

#[tokio::test(start_paused = true)]
async fn reading_ahead_has_an_end() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let sending = tokio::spawn(async move {
        server.send(text(500 * KIB)).await.expect("open");
        server
    });
    let poured = pour(&mut bare).await;
    assert!(poured < 2 << 20, "{poured} were taken");
    assert!(!sending.is_finished());
    let (opcode, payload) = read_frame(&mut bare).await.expect("a message");
    assert_eq!((opcode, payload.len()), (TEXT, 500 * KIB));
    let mut server = sending.await.expect("no panic");
    for _ in 0..poured / 131 {
        let message = server.recv().await.expect("no error").expect("a message");
        assert_eq!(message.as_bytes(), [b'x'; 125]);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_buffered_after_the_end() {
    let (mut client, _server) = pair().await;
    let handle = client.handle();
    for _ in 0..3 {
        handle.send(text(100 * KIB)).expect("room");
    }
    assert!(polled(1, client.recv()).await.is_none());
    assert!(handle.buffered_bytes() > 200 * KIB);
    handle.terminate();
    assert_eq!(client.recv().await, Err(Error::Ended(Cause::Aborted)));
    assert_eq!(handle.buffered_bytes(), 0);
}
