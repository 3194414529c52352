//! Futures that are dropped again and again after every number of polls: nothing lost, doubled or torn.
//! `tests/faults/cancellation/` drops those of every method once, wherever it waits.

use std::time::Duration;

use bowsprit::{CloseCode, Config, Error, Message, WebSocket};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::interval,
};

use super::support::{
    CLOSE, PING, PONG, TEXT, Trickle, answer, closing, drain, frame, pair, pair_on, polled,
    read_frame, within,
};

/// More polls than any of the operations here needs.
const ENOUGH: usize = 64;

/// A client that gets and gives one byte at a time, and the bare peer.
async fn slow_client() -> (WebSocket<Trickle<DuplexStream>>, DuplexStream) {
    let (near, far) = duplex(64 * 1024);
    let request = bowsprit::Client::new()
        .request("ws://in.memory/")
        .expect("a URI");
    let (client, far) = tokio::join!(request.connect_on(Trickle::new(near)), answer(far));
    (client.expect("a client"), far)
}

#[tokio::test(start_paused = true)]
async fn recv_can_be_dropped_after_any_poll() {
    for polls in 1..ENOUGH {
        let (mut client, mut bare) = slow_client().await;
        let input = [
            frame(TEXT, b"first"),
            frame(PING, b"?"),
            frame(TEXT, "zweit\u{e9}".as_bytes()),
            frame(TEXT, b""),
            frame(CLOSE, &closing(1000, "")),
        ];
        let peer = tokio::spawn(async move {
            bare.write_all(&input.concat()).await.expect("a write");
            [read_frame(&mut bare).await, read_frame(&mut bare).await]
        });
        let mut received = Vec::new();
        let receiving = async {
            loop {
                match polled(polls, client.recv()).await {
                    None => {}
                    Some(Ok(Some(message))) => received.push(message),
                    Some(Ok(None)) => break,
                    Some(Err(error)) => panic!("after {polls} polls: {error}"),
                }
            }
        };
        within(receiving).await;
        assert_eq!(
            received,
            ["first", "zweit\u{e9}", ""].map(Message::from),
            "{polls} polls"
        );
        let answers = peer.await.expect("no panic");
        let expected = [(PONG, b"?".to_vec()), (CLOSE, closing(1000, ""))];
        assert_eq!(answers, expected.map(Some), "{polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn send_can_be_dropped_after_any_poll() {
    let mut finished = 0;
    for polls in 0..ENOUGH {
        let (mut client, mut bare) = slow_client().await;
        if let Some(sent) = polled(polls, client.send("first")).await {
            sent.expect("open");
            finished += 1;
        }
        client.send("second").await.expect("open");
        if polls > 0 {
            assert_eq!(read_frame(&mut bare).await, Some((TEXT, b"first".to_vec())));
        }
        assert_eq!(
            read_frame(&mut bare).await,
            Some((TEXT, b"second".to_vec()))
        );
        drop(client);
        assert_eq!(
            bare.read(&mut [0]).await.expect("an end"),
            0,
            "{polls} polls"
        );
    }
    assert!(
        (1..ENOUGH).contains(&finished),
        "{finished} of {ENOUGH} were finished"
    );
}

#[tokio::test(start_paused = true)]
async fn feed_and_flush_can_be_dropped_after_any_poll() {
    for polls in 0..ENOUGH {
        let (mut client, mut bare) = slow_client().await;
        let fed = polled(polls, client.feed("first")).await;
        assert_eq!(fed.is_some(), polls > 0, "there is room at once");
        let _ = polled(polls, client.flush()).await;
        client.feed("second").await.expect("open");
        let _ = polled(polls, client.flush()).await;
        client.flush().await.expect("open");
        if polls > 0 {
            assert_eq!(read_frame(&mut bare).await, Some((TEXT, b"first".to_vec())));
        }
        assert_eq!(
            read_frame(&mut bare).await,
            Some((TEXT, b"second".to_vec()))
        );
        drop(client);
        assert_eq!(
            bare.read(&mut [0]).await.expect("an end"),
            0,
            "{polls} polls"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_waits_for_room_has_queued_nothing_when_dropped() {
    for polls in 0..ENOUGH {
        let mut config = Config::client();
        config.limits.send_high_water = 8;
        let (near, far) = duplex(64);
        let (mut client, mut server) =
            pair_on(Trickle::new(near), far, config, Config::server()).await;
        client.feed("0123456789").await.expect("open");
        let fed = polled(polls, client.feed("maybe")).await;
        let mut expected = vec![Message::from("0123456789")];
        if let Some(fed) = fed {
            fed.expect("open");
            expected.push(Message::from("maybe"));
        }
        let (closed, received) =
            tokio::join!(client.close(CloseCode::NORMAL, ""), drain(&mut server));
        assert!(closed.expect("open").is_clean());
        assert_eq!(received, expected, "{polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn close_can_be_dropped_after_any_poll() {
    for polls in 0..ENOUGH {
        let (near, far) = duplex(64 * 1024);
        let (mut client, server) =
            pair_on(Trickle::new(near), far, Config::client(), Config::server()).await;
        let mut server = server;
        let peer = tokio::spawn(async move {
            let messages = drain(&mut server).await;
            (messages, server.close_info().expect("an end").clone())
        });
        client.feed("before").await.expect("open");
        let _ = polled(polls, client.close(CloseCode::GOING_AWAY, "first")).await;
        let closed = within(client.close(CloseCode::NORMAL, "second"))
            .await
            .expect("open");
        let (messages, remote) = within(peer).await.expect("no panic");
        assert_eq!(messages, [Message::from("before")], "{polls} polls");
        let expected = if polls == 0 { "second" } else { "first" };
        assert_eq!(closed.local_reason(), expected, "{polls} polls");
        assert_eq!(remote.remote_reason(), expected, "{polls} polls");
        assert!(closed.is_clean() && remote.is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn halves_can_be_dropped_after_any_poll() {
    for polls in 1..ENOUGH {
        let (near, far) = duplex(64 * 1024);
        let (client, mut server) =
            pair_on(Trickle::new(near), far, Config::client(), Config::server()).await;
        let (mut sender, mut receiver) = client.split();
        let echo = tokio::spawn(async move {
            while let Some(message) = server.recv().await? {
                server.feed(message).await?;
            }
            Ok::<_, Error>(())
        });
        for number in 0..5 {
            let _ = polled(polls, sender.send(number.to_string())).await;
        }
        for number in 0..5 {
            let message = loop {
                if let Some(message) = within(polled(polls, receiver.recv())).await {
                    break message.expect("no error");
                }
            };
            assert_eq!(
                message,
                Some(Message::from(number.to_string())),
                "{polls} polls"
            );
        }
        let _ = polled(polls, sender.close(CloseCode::NORMAL, "")).await;
        assert_eq!(within(receiver.recv()).await, Ok(None));
        within(echo).await.expect("no panic").expect("a clean end");
    }
}

#[tokio::test(start_paused = true)]
async fn recv_may_lose_every_race_in_a_select() {
    let (mut client, mut server) = pair().await;
    let sender = tokio::spawn(async move {
        let mut every = interval(Duration::from_millis(3));
        for number in 0..1000 {
            every.tick().await;
            server.send(number.to_string()).await.expect("open");
        }
        server
    });
    let mut every = interval(Duration::from_millis(1));
    let (mut next, mut ticks) = (0, 0);
    while next < 1000 {
        tokio::select! {
            biased;
            _ = every.tick() => ticks += 1,
            message = client.recv() => {
                let message = message.expect("no error").expect("a message");
                assert_eq!(message.as_text(), Some(next.to_string().as_str()));
                next += 1;
            }
        }
    }
    assert!(ticks > 1000, "recv was dropped {ticks} times");
    drop(sender.await.expect("no panic"));
}

#[tokio::test(start_paused = true)]
async fn a_send_wait_that_is_dropped_has_queued_nothing() {
    let mut config = Config::client();
    config.limits.send_high_water = 8;
    let (near, far) = duplex(64 * 1024);
    let (mut client, mut server) = pair_on(near, far, config, Config::server()).await;
    let handle = client.handle();
    handle.send("0123456789").expect("room");
    assert!(polled(3, handle.send_wait("dropped")).await.is_none());
    assert!(polled(1, client.recv()).await.is_none());
    handle.send_wait("kept").await.expect("open");
    handle.close(CloseCode::NORMAL, "").expect("open");
    let (received, _) = tokio::join!(drain(&mut server), drain(&mut client));
    assert_eq!(received, ["0123456789", "kept"].map(Message::from));
}
