//! Peers that send faster than they may, and programs that must not blame them for it.

use std::time::Duration;

use bowsprit::{
    Cause, CloseCode, Config, Error, Handlers, Initiator, Message, ProtocolError, Rate, WebSocket,
    accept,
};
use tokio::{
    io::{AsyncWriteExt as _, DuplexStream, duplex},
    sync::mpsc,
    time::sleep,
};

use super::support::{
    CLOSE, PING, PONG, TEXT, ask, closing, handlers_of_bare, masked, read_frame, server_of_bare,
    settle, within,
};

/// Ten messages a second, five at once.
fn limited() -> Config {
    let mut config = Config::server();
    config.limits.rate = Some(Rate {
        per_second: 10,
        burst: 5,
    });
    config
}

const TOO_MANY: ProtocolError = ProtocolError::TooManyMessages { per_second: 10 };

#[tokio::test(start_paused = true)]
async fn a_handler_hears_of_no_message_over_the_rate_and_the_peer_is_told_1008() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (close, mut closed) = mpsc::unbounded_channel();
    let handlers = Handlers::new()
        .on_message(move |_, message| tell.send(message.into_message()).expect("a test"))
        .on_close(move |_, closed| close.send(closed.clone()).expect("a test"));
    let mut bare = handlers_of_bare(limited(), handlers).await;
    let flood = masked(TEXT, b"x").repeat(1000);
    bare.write_all(&flood).await.expect("open");
    assert_eq!(
        read_frame(&mut bare).await,
        Some((CLOSE, closing(1008, "")))
    );
    assert_eq!(read_frame(&mut bare).await, None);
    drop(bare);
    for _ in 0..5 {
        assert_eq!(told.recv().await, Some(Message::from("x")));
    }
    assert_eq!(told.recv().await, None);
    let closed = closed.recv().await.expect("an end");
    assert_eq!(closed.cause, Some(Cause::Protocol(TOO_MANY)));
    assert_eq!(closed.initiator, Some(Initiator::Local));
    assert_eq!(closed.local_code(), CloseCode::POLICY_VIOLATION);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_ends_as_well() {
    let (mut server, mut bare) = server_of_bare(limited()).await;
    bare.write_all(&masked(PING, b"?").repeat(100))
        .await
        .expect("open");
    let end = server.recv().await;
    assert_eq!(end, Err(Error::Ended(Cause::Protocol(TOO_MANY))));
    for _ in 0..5 {
        assert_eq!(read_frame(&mut bare).await, Some((PONG, b"?".to_vec())));
    }
    assert_eq!(
        read_frame(&mut bare).await,
        Some((CLOSE, closing(1008, "")))
    );
}

#[tokio::test(start_paused = true)]
async fn a_steady_peer_is_served_for_ever() {
    let (mut server, mut bare) = server_of_bare(limited()).await;
    let owner = tokio::spawn(async move {
        for _ in 0..600 {
            server.recv().await.expect("no error").expect("a message");
        }
    });
    for _ in 0..600 {
        sleep(Duration::from_millis(100)).await;
        bare.write_all(&masked(TEXT, b"x")).await.expect("open");
    }
    within(owner).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_not_blamed_for_what_waited_while_reading_was_paused() {
    let (mut server, mut bare) = server_of_bare(limited()).await;
    let handle = server.handle();
    handle.pause_reading();
    let owner = tokio::spawn(async move {
        for _ in 0..100 {
            server.recv().await.expect("no error").expect("a message");
        }
    });
    for _ in 0..100 {
        sleep(Duration::from_millis(100)).await;
        bare.write_all(&masked(TEXT, b"x")).await.expect("open");
    }
    settle().await;
    assert!(!owner.is_finished());
    handle.resume_reading();
    within(owner).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_not_blamed_for_an_owner_that_was_elsewhere() {
    let (mut server, mut bare) = server_of_bare(limited()).await;
    for _ in 0..50 {
        sleep(Duration::from_millis(100)).await;
        bare.write_all(&masked(TEXT, b"x")).await.expect("open");
    }
    // The first read is the first that the connection knows of the time.
    let mut taken = 0;
    while let Ok(Some(_)) = server.recv().await {
        taken += 1;
        if taken == 50 {
            return;
        }
    }
    panic!("{taken} were taken");
}

/// A server that takes a hundred messages a second, and a peer with room for many on their way.
async fn with_much_room() -> (WebSocket<DuplexStream>, DuplexStream) {
    let mut config = Config::server();
    config.limits.rate = Some(Rate {
        per_second: 100,
        burst: 5,
    });
    let (near, far) = duplex(1 << 20);
    let (far, server) = tokio::join!(ask(far), accept(near, config));
    (server.expect("a server"), far)
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_not_blamed_for_a_backlog_that_takes_more_than_one_read() {
    let (mut server, mut bare) = with_much_room().await;
    let mut message = vec![0x82, 0x80 | 126, 2, 0, 0, 0, 0, 0];
    message.extend([0; 512]);
    for _ in 0..500 {
        // A tenth of what it may send.
        sleep(Duration::from_millis(100)).await;
        bare.write_all(&message).await.expect("open");
    }
    for taken in 0..500 {
        let received = server.recv().await;
        assert!(received.is_ok(), "{received:?} after {taken}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_behind_a_long_silence_still_ends() {
    let (mut server, mut bare) = with_much_room().await;
    sleep(Duration::from_secs(1)).await;
    let mut message = vec![0x82, 0x80 | 126, 2, 0, 0, 0, 0, 0];
    message.extend([0; 512]);
    bare.write_all(&message.repeat(1000)).await.expect("open");
    let mut taken = 0;
    while let Ok(Some(_)) = server.recv().await {
        taken += 1;
    }
    assert_eq!(taken, 105);
}
