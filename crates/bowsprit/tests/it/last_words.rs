//! What was read of a peer before its transport failed is heard, on both faces, and then the failure.

use std::time::Duration;

use bowsprit::{Cause, CloseCode, Config, Error, Message, SendError, Stage, WebSocket};
use tokio::io::{AsyncWriteExt as _, DuplexStream};

use super::support::{
    CLOSE, Happened, PING, PONG, TEXT, closing, handlers_of_bare, log, masked, polled,
    server_of_bare, within,
};

const COUNT: usize = 100;

/// Pings, pongs and messages, and what is behind them, as one read.
fn all_kinds(end: &[u8]) -> Vec<u8> {
    let frames = [PING, PONG, TEXT].map(|kind| masked(kind, b"last words").repeat(COUNT));
    [&frames.concat(), end].concat()
}

fn going_away() -> Vec<u8> {
    masked(CLOSE, &closing(1001, ""))
}

/// Receives so many messages, and then the error that ended the connection, once.
async fn error_behind_messages(ws: &mut WebSocket<DuplexStream>, count: usize) -> Cause {
    for number in 0..count {
        let message = within(ws.recv()).await;
        let expected = Ok(Some(Message::from("last words")));
        assert_eq!(message, expected, "message {number}");
    }
    let Err(Error::Ended(cause)) = within(ws.recv()).await else {
        panic!("no error");
    };
    assert_eq!(within(ws.recv()).await, Ok(None));
    let closed = ws.close_info().expect("an end");
    assert_eq!(closed.cause, Some(cause.clone()));
    assert!(!closed.is_clean());
    cause
}

#[tokio::test(start_paused = true)]
async fn all_that_was_read_is_received_though_a_pong_cannot_leave() {
    let ends = [
        (vec![], CloseCode::ABNORMAL),
        (going_away(), CloseCode::GOING_AWAY),
    ];
    for (end, code) in ends {
        let (mut server, mut bare) = server_of_bare(Config::server()).await;
        bare.write_all(&all_kinds(&end)).await.expect("a write");
        drop(bare);
        let cause = error_behind_messages(&mut server, COUNT).await;
        assert!(matches!(cause, Cause::Transport(_)), "{cause}");
        assert_eq!(server.close_info().expect("an end").remote_code(), code);
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_was_read_is_received_though_the_program_sends_into_the_failure() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let handle = server.handle();
    bare.write_all(&all_kinds(&going_away()))
        .await
        .expect("a write");
    drop(bare);
    let first = within(server.recv()).await;
    assert_eq!(first, Ok(Some(Message::from("last words"))));
    let sent = within(server.send("an answer")).await;
    assert_eq!(sent, Err(Error::Send(SendError::Closed)));
    let flushed = within(server.flush()).await;
    assert!(matches!(flushed, Err(Error::Ended(_))), "{flushed:?}");
    // Who only sends knows of the end at once, who receives behind the messages.
    let known = server.close_info().expect("an end");
    assert_eq!(known.remote_code(), CloseCode::ABNORMAL);
    assert!(handle.close_info().is_some());
    error_behind_messages(&mut server, COUNT - 1).await;
    let closed = server.close_info().expect("an end");
    assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_ahead_is_received_however_the_sending_failed() {
    // The peer goes away, or it lives and never reads.
    for goes in [true, false] {
        let mut config = Config::server();
        // Room for a few messages: the rest is kept as it came.
        config.limits.message = 300;
        config.timeouts.write = Some(Duration::from_secs(5));
        let (mut server, mut bare) = server_of_bare(config).await;
        bare.write_all(&all_kinds(&going_away()))
            .await
            .expect("a write");
        let mut sending = Box::pin(server.send("x".repeat(500 * 1024)));
        assert!(polled(20, &mut sending).await.is_none());
        let bare = (!goes).then_some(bare);
        let sent = within(sending).await;
        assert!(matches!(sent, Err(Error::Ended(_))), "{sent:?}");
        let cause = error_behind_messages(&mut server, COUNT).await;
        assert_eq!(Err(Error::Ended(cause.clone())), sent);
        let timed_out = cause == Cause::Timeout(Stage::Write);
        assert_eq!(timed_out, bare.is_some(), "{cause}");
        let closed = server.close_info().expect("an end");
        assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_connection_is_given_up_with_is_not_received() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    bare.write_all(&all_kinds(&[])).await.expect("a write");
    let first = within(server.recv()).await;
    assert_eq!(first, Ok(Some(Message::from("last words"))));
    server.handle().terminate();
    let sent = within(server.send("an answer")).await;
    assert_eq!(sent, Err(Error::Ended(Cause::Aborted)));
    let received = within(server.recv()).await;
    assert_eq!(received, Err(Error::Ended(Cause::Aborted)));
    assert_eq!(within(server.recv()).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_handler_hears_all_that_was_read_though_a_pong_cannot_leave() {
    for end in [vec![], going_away()] {
        let (handlers, mut log) = log();
        let mut bare = handlers_of_bare(Config::server(), handlers).await;
        log.open().await;
        bare.write_all(&all_kinds(&end)).await.expect("a write");
        drop(bare);
        for number in 0..3 * COUNT {
            let heard = log.next().await;
            let as_sent = match number / COUNT {
                0 => matches!(heard, Happened::Ping(_)),
                1 => matches!(heard, Happened::Pong(_)),
                _ => matches!(heard, Happened::Message(_)),
            };
            assert!(as_sent, "{number}: {heard:?}");
        }
        let closed = log.closed().await;
        assert!(
            matches!(closed.cause, Some(Cause::Transport(_))),
            "{closed}"
        );
        assert_eq!(closed.remote.is_some(), !end.is_empty());
        log.ends().await;
    }
}
