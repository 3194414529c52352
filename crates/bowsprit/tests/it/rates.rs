//! Peers that send faster than they may, and programs that must not blame them for it.

use std::time::Duration;

use bowsprit::{
    Cause, CloseCode, Config, Error, Handlers, Initiator, Message, ProtocolError, Rate,
};
use tokio::{io::AsyncWriteExt as _, sync::mpsc, time::sleep};

use super::support::{
    CLOSE, PING, PONG, TEXT, closing, handlers_of_bare, masked, read_frame, server_of_bare, settle,
    within,
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
