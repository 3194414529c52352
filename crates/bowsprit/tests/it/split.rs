//! The two halves of a connection.

use std::time::Duration;

use bowsprit::{Cause, CloseCode, Config, Error, Message, SendError, Stage};
use futures_util::{SinkExt, StreamExt as _};
use tokio::{io::AsyncWriteExt as _, time::Instant};

use super::support::{
    CLOSE, PING, PONG, TEXT, client_of_bare, closing, drain, frame, masked, pair, polled,
    read_frame, server_of_bare, settle, within,
};

const MANY: u32 = 10_000;

#[tokio::test]
async fn halves_send_and_receive_at_the_same_time() {
    let (client, server) = pair().await;
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    for ws in [client, server] {
        let (mut sender, mut receiver) = ws.split();
        senders.push(tokio::spawn(async move {
            for number in 0..MANY {
                sender.send(number.to_string()).await.expect("open");
            }
            sender
        }));
        receivers.push(tokio::spawn(async move {
            for number in 0..MANY {
                let message = receiver.recv().await.expect("no error");
                assert_eq!(message, Some(Message::from(number.to_string())));
            }
            receiver
        }));
    }
    let mut whole = Vec::new();
    for (sender, receiver) in senders.into_iter().zip(receivers) {
        let sender = within(sender).await.expect("no panic");
        let receiver = within(receiver).await.expect("no panic");
        whole.push(sender.reunite(receiver).expect("the same connection"));
    }
    let [client, server] = &mut whole[..] else {
        panic!("two ends");
    };
    let (closed, rest) = tokio::join!(client.close(CloseCode::NORMAL, ""), drain(server));
    assert!(closed.expect("open").is_clean());
    assert!(rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_read_and_fed_survives_the_split_and_the_reunion() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let input: Vec<_> = ["a", "b", "c"]
        .iter()
        .flat_map(|t| masked(TEXT, t.as_bytes()))
        .collect();
    // The last frame lacks a byte.
    bare.write_all(&input[..input.len() - 1])
        .await
        .expect("a write");
    assert_eq!(server.recv().await, Ok(Some(Message::from("a"))));
    server.feed("x").await.expect("open");
    let (mut sender, mut receiver) = server.split();
    assert_eq!(receiver.recv().await, Ok(Some(Message::from("b"))));
    sender.feed("y").await.expect("open");
    let mut server = sender.reunite(receiver).expect("the same connection");
    bare.write_all(b"c").await.expect("a write");
    assert_eq!(server.recv().await, Ok(Some(Message::from("c"))));
    server.flush().await.expect("open");
    for expected in [b"x", b"y"] {
        assert_eq!(read_frame(&mut bare).await, Some((TEXT, expected.to_vec())));
    }
}

#[tokio::test(start_paused = true)]
async fn halves_of_two_connections_do_not_join() {
    let (client, server) = pair().await;
    let (one, one_receiver) = client.split();
    let (two, two_receiver) = server.split();
    let (one, two_receiver) = one.reunite(two_receiver).expect_err("strangers");
    one.reunite(one_receiver).expect("the same connection");
    two.reunite(two_receiver).expect("the same connection");
}

#[tokio::test(start_paused = true)]
async fn the_receiver_sees_the_close_of_the_sender_through() {
    let (client, mut server) = pair().await;
    let (mut sender, mut receiver) = client.split();
    let receiving = tokio::spawn(async move {
        let mut messages = Vec::new();
        while let Some(message) = receiver.recv().await.expect("a clean end") {
            messages.push(message);
        }
        (messages, receiver.close_info().expect("an end"))
    });
    server.feed("on its way").await.expect("open");
    sender
        .close(CloseCode::GOING_AWAY, "bye")
        .await
        .expect("open");
    assert_eq!(
        sender.send("late").await,
        Err(Error::Send(SendError::Closing))
    );
    assert!(drain(&mut server).await.is_empty());
    let (messages, closed) = within(receiving).await.expect("no panic");
    assert_eq!(messages, [Message::from("on its way")]);
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(closed.remote_reason(), "bye");
    assert_eq!(
        sender.send("late").await,
        Err(Error::Send(SendError::Closed))
    );
}

#[tokio::test(start_paused = true)]
async fn a_close_that_nobody_answers_ends_in_time() {
    let (client, _bare) = client_of_bare(Config::client()).await;
    let (mut sender, mut receiver) = client.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    let start = Instant::now();
    sender.close(CloseCode::NORMAL, "").await.expect("open");
    let error = receiving.await.expect("no panic").expect_err("no answer");
    assert_eq!(error, Error::Ended(Cause::Timeout(Stage::Close)));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn closing_the_sink_leaves_the_messages_to_the_receiver() {
    let (client, mut bare) = client_of_bare(Config::client()).await;
    let (mut sender, mut receiver) = client.split();
    bare.write_all(&frame(TEXT, b"on its way"))
        .await
        .expect("a write");
    let close = SinkExt::close(&mut sender);
    polled(5, close).await;
    assert_eq!(
        read_frame(&mut bare).await,
        Some((CLOSE, closing(1000, "")))
    );
    bare.write_all(&frame(CLOSE, &closing(1000, "")))
        .await
        .expect("a write");
    drop(bare);
    let message = receiver.next().await.expect("a message");
    assert_eq!(message, Ok(Message::from("on its way")));
    assert_eq!(receiver.next().await, None);
    SinkExt::close(&mut sender).await.expect("closed");
}

#[tokio::test(start_paused = true)]
async fn the_receiver_answers_pings_alone() {
    let (server, mut bare) = server_of_bare(Config::server()).await;
    let (_sender, mut receiver) = server.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    bare.write_all(&masked(PING, b"?")).await.expect("a write");
    assert_eq!(read_frame(&mut bare).await, Some((PONG, b"?".to_vec())));
    drop(bare);
    let end = receiving.await.expect("no panic");
    assert_eq!(end, Err(Error::Ended(Cause::Eof)));
}

#[tokio::test(start_paused = true)]
async fn the_sender_gets_a_handle() {
    let (client, mut server) = pair().await;
    let (sender, mut receiver) = client.split();
    let handle = sender.handle();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    handle.send("from a handle").expect("open");
    assert_eq!(
        server.recv().await,
        Ok(Some(Message::from("from a handle")))
    );
    handle.terminate();
    let end = within(receiving).await.expect("no panic");
    assert_eq!(end, Err(Error::Ended(Cause::Aborted)));
}

#[tokio::test(start_paused = true)]
async fn a_handle_made_while_the_receiver_waits_wakes_it() {
    let (client, mut server) = pair().await;
    let (sender, mut receiver) = client.split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    settle().await;
    let handle = sender.handle();
    let start = Instant::now();
    handle.send("from a handle").expect("open");
    assert_eq!(
        within(server.recv()).await,
        Ok(Some(Message::from("from a handle")))
    );
    // The next keepalive would have come upon it, too.
    assert_eq!(start.elapsed(), Duration::ZERO);
    handle.terminate();
    let end = within(receiving).await.expect("no panic");
    assert_eq!(end, Err(Error::Ended(Cause::Aborted)));
}

#[tokio::test(start_paused = true)]
async fn the_receiver_gets_what_the_sender_reads_while_it_is_blocked() {
    let (server, mut bare) = server_of_bare(Config::server()).await;
    let (mut sender, mut receiver) = server.split();
    let long = Message::from("x".repeat(1 << 20));
    // One task, in which the receiver has its turn first and leaves the reading to the sender.
    let both = async {
        tokio::select! {
            biased;
            message = receiver.recv() => message,
            _ = sender.send(long) => panic!("the peer reads nothing"),
        }
    };
    let asking = async {
        settle().await;
        bare.write_all(&masked(TEXT, b"stop")).await
    };
    let start = Instant::now();
    let (message, asked) = tokio::join!(within(both), asking);
    asked.expect("a write");
    assert_eq!(message, Ok(Some(Message::from("stop"))));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn dropping_both_halves_ends_the_transport() {
    let (client, mut server) = pair().await;
    let (sender, receiver) = client.split();
    drop(sender);
    server.send("one half is left").await.expect("open");
    let mut receiver = receiver;
    let message = receiver.recv().await;
    assert_eq!(message, Ok(Some(Message::from("one half is left"))));
    drop(receiver);
    assert_eq!(server.recv().await, Err(Error::Ended(Cause::Eof)));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_learns_of_an_end_that_its_sender_has_met_first() {
    let (client, server) = pair().await;
    let (mut sender, mut receiver) = client.split();
    drop(server);
    let met = sender.send("too late").await.expect_err("nobody there");
    assert!(matches!(met, Error::Ended(_)), "{met}");
    // `Ok(None)` would tell it that nothing is missing.
    assert_eq!(within(receiver.recv()).await, Err(met));
    assert_eq!(within(receiver.recv()).await, Ok(None));
}
