//! Pings and pongs: round trips, peers that answer late, not at all, or unasked, and what handlers decide.

use std::{sync::Arc, time::Duration};

use bowsprit::{
    Cause, Client, Closed, Config, Error, Handle, Handlers, Message, Pong, RoundTrips, SendError,
    Stage, WebSocket,
};
use tokio::{
    io::{AsyncWriteExt as _, DuplexStream},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::support::{
    CLOSE, PING, PONG, TEXT, client_of_bare, closing, echo, frame, handlers_of_bare, log, masked,
    pair, read_frame, server_of_bare, settle, within,
};

const SECOND: Duration = Duration::from_secs(1);

/// Receives in a task of its own, so that the connection moves.
fn driven(mut ws: WebSocket<DuplexStream>) -> JoinHandle<Result<Option<Message>, Error>> {
    tokio::spawn(async move {
        loop {
            match ws.recv().await {
                Ok(Some(_)) => {}
                end => return end,
            }
        }
    })
}

async fn next_ping(bare: &mut DuplexStream) -> Vec<u8> {
    match read_frame(bare).await {
        Some((PING, payload)) => payload,
        other => panic!("no ping but {other:?}"),
    }
}

/// Count, last, mean and worst.
fn figures(trips: RoundTrips) -> (u64, [Option<Duration>; 3]) {
    (trips.count, [trips.last, trips.mean, trips.worst])
}

#[tokio::test(start_paused = true)]
async fn every_face_measures_the_round_trips_of_its_pings() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let handle = client.handle();
    assert_eq!(client.round_trips(), RoundTrips::default());

    client.ping(b"from the socket").await.expect("open");
    assert_eq!(next_ping(&mut bare).await, b"from the socket");
    sleep(2 * SECOND).await;
    let pong = [frame(PONG, b"from the socket"), frame(TEXT, b"")].concat();
    bare.write_all(&pong).await.expect("open");
    client.recv().await.expect("open");
    assert_eq!(figures(client.round_trips()), (1, [Some(2 * SECOND); 3]));
    assert_eq!(handle.round_trips(), client.round_trips());

    let (mut sender, mut receiver) = client.split();
    sender.ping(b"from a half").await.expect("open");
    assert_eq!(next_ping(&mut bare).await, b"from a half");
    sleep(4 * SECOND).await;
    let pong = [frame(PONG, b"from a half"), frame(TEXT, b"")].concat();
    bare.write_all(&pong).await.expect("open");
    receiver.recv().await.expect("open");
    let expected = (2, [Some(4 * SECOND), Some(3 * SECOND), Some(4 * SECOND)]);
    assert_eq!(figures(receiver.round_trips()), expected);
    assert_eq!(sender.round_trips(), receiver.round_trips());

    let owner = tokio::spawn(async move { receiver.recv().await });
    handle.ping(b"from a handle").expect("open");
    assert_eq!(next_ping(&mut bare).await, b"from a handle");
    sleep(3 * SECOND).await;
    bare.write_all(&frame(PONG, b"from a handle"))
        .await
        .expect("open");
    settle().await;
    let expected = (3, [Some(3 * SECOND), Some(3 * SECOND), Some(4 * SECOND)]);
    assert_eq!(figures(handle.round_trips()), expected);
    drop(bare);
    within(owner).await.expect("no panic").expect_err("an end");
    assert_eq!(
        figures(handle.round_trips()),
        expected,
        "after the end, too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_knows_the_round_trip_when_it_hears_of_the_pong() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let handlers = Handlers::new()
        .on_open(|cx| cx.ping(b"there?").expect("open"))
        .on_pong(move |cx, payload| {
            tell.send((payload.to_vec(), cx.round_trips().last))
                .expect("a test");
        });
    let mut bare = handlers_of_bare(Config::server(), handlers).await;
    assert_eq!(next_ping(&mut bare).await, b"there?");
    sleep(SECOND).await;
    let pongs = [masked(PONG, b"unasked"), masked(PONG, b"there?")];
    bare.write_all(&pongs.concat()).await.expect("open");
    assert_eq!(told.recv().await, Some((b"unasked".to_vec(), None)));
    assert_eq!(told.recv().await, Some((b"there?".to_vec(), Some(SECOND))));
}

#[tokio::test(start_paused = true)]
async fn a_handle_made_later_knows_the_round_trips_before_it() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    server.ping(b"?").await.expect("open");
    sleep(SECOND).await;
    let pong = [masked(PONG, b"?"), masked(TEXT, b"")].concat();
    bare.write_all(&pong).await.expect("open");
    server.recv().await.expect("open");
    assert_eq!(server.handle().round_trips(), server.round_trips());
    assert_eq!(server.round_trips().last, Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn keepalive_measures_a_peer_that_answers_late() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let handle = client.handle();
    let owner = driven(client);
    for (number, late) in (1..=5).zip([1, 19, 5, 19, 1]) {
        let ping = next_ping(&mut bare).await;
        assert_eq!(ping, format!("keepalive {number}").into_bytes());
        sleep(late * SECOND).await;
        bare.write_all(&frame(PONG, &ping)).await.expect("open");
        settle().await;
        assert_eq!(handle.round_trips().last, Some(late * SECOND));
    }
    let expected = (5, [Some(SECOND), Some(9 * SECOND), Some(19 * SECOND)]);
    assert_eq!(figures(handle.round_trips()), expected);
    assert!(!owner.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_peer_may_answer_the_latest_ping_only() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let handle = client.handle();
    let _owner = driven(client);
    for payload in ["one", "two", "three"] {
        handle.ping(payload.as_bytes()).expect("open");
        next_ping(&mut bare).await;
        sleep(SECOND).await;
    }
    // A pong of an earlier ping that comes behind that of a later one answers nothing.
    let pongs = [frame(PONG, b"three"), frame(PONG, b"one")].concat();
    bare.write_all(&pongs).await.expect("open");
    settle().await;
    assert_eq!(figures(handle.round_trips()), (1, [Some(SECOND); 3]));
}

#[tokio::test(start_paused = true)]
async fn pongs_that_nobody_asked_for_are_signs_of_life_and_no_round_trips() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let handle = client.handle();
    let owner = driven(client);
    let start = Instant::now();
    while start.elapsed() < 300 * SECOND {
        sleep(15 * SECOND).await;
        bare.write_all(&frame(PONG, b"keepalive 1"))
            .await
            .expect("open");
    }
    assert!(!owner.is_finished());
    assert_eq!(handle.round_trips(), RoundTrips::default());
    assert_eq!(handle.buffered_bytes(), 0);
    // No ping was needed.
    handle.send("first").expect("open");
    assert_eq!(read_frame(&mut bare).await, Some((TEXT, b"first".to_vec())));
}

/// What a handler hears of the end.
#[derive(Debug, PartialEq)]
enum Heard {
    PongTimeout(bool),
    Closed(Closed),
}

fn ends() -> (Handlers, mpsc::UnboundedReceiver<Heard>) {
    let (tell, told) = mpsc::unbounded_channel();
    let tell = Arc::new(move |heard| tell.send(heard).expect("a test"));
    let on_close = Arc::clone(&tell);
    let handlers = Handlers::new()
        .on_pong_timeout(move |cx| {
            let refused = cx.send("too late") == Err(SendError::Closed);
            tell(Heard::PongTimeout(refused));
        })
        .on_close(move |_, closed| on_close(Heard::Closed(closed.clone())));
    (handlers, told)
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_of_a_peer_that_never_answers_before_it_hears_of_the_end() {
    let (handlers, mut told) = ends();
    let mut bare = handlers_of_bare(Config::server(), handlers).await;
    let start = Instant::now();
    assert_eq!(next_ping(&mut bare).await, b"keepalive 1");
    assert_eq!(told.recv().await, Some(Heard::PongTimeout(true)));
    assert_eq!(start.elapsed(), 40 * SECOND);
    let Some(Heard::Closed(closed)) = told.recv().await else {
        panic!("not closed");
    };
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Pong)));
    assert_eq!((closed.local, closed.remote), (None, None));
    assert_eq!(told.recv().await, None, "each once");
    assert_eq!(read_frame(&mut bare).await, None, "no close frame");
}

#[tokio::test(start_paused = true)]
async fn no_other_end_is_a_pong_timeout() {
    for ending in [Some(masked(CLOSE, &closing(1000, ""))), None] {
        let (handlers, mut told) = ends();
        let mut bare = handlers_of_bare(Config::server(), handlers).await;
        if let Some(bytes) = ending {
            bare.write_all(&bytes).await.expect("open");
        }
        drop(bare);
        assert!(matches!(told.recv().await, Some(Heard::Closed(_))));
        assert_eq!(told.recv().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_of_the_application_has_no_deadline_of_its_own() {
    let (mut client, mut bare) = client_of_bare({
        let mut config = Config::client();
        config.keepalive = None;
        config
    })
    .await;
    let handle = client.handle();
    let owner = driven(client);
    handle.ping(b"never answered").expect("open");
    next_ping(&mut bare).await;
    sleep(3600 * SECOND).await;
    assert!(!owner.is_finished());
}

#[tokio::test(start_paused = true)]
async fn payloads_have_up_to_125_bytes_on_every_face() {
    let (mut client, server) = pair().await;
    let handle = client.handle();
    let (fits, too_long) = ([7; 125], [7; 126]);
    assert_eq!(handle.ping(&too_long), Err(SendError::ControlTooLong));
    let refused = client.ping(&too_long).await;
    assert_eq!(refused, Err(SendError::ControlTooLong.into()));
    client.ping(&fits).await.expect("it fits");
    handle.ping(b"").expect("nothing fits, too");
    let owners = [driven(client), driven(server)];
    settle().await;
    assert_eq!(handle.round_trips().count, 2);
    for owner in owners {
        owner.abort();
    }

    let (tell, mut told) = mpsc::unbounded_channel();
    let handlers = Handlers::new().on_open(move |cx| {
        let results = [cx.ping(&too_long), cx.ping(&fits)];
        tell.send(results).expect("a test");
    });
    let mut bare = handlers_of_bare(Config::server(), handlers).await;
    let expected = [Err(SendError::ControlTooLong), Ok(())];
    assert_eq!(told.recv().await, Some(expected));
    assert_eq!(next_ping(&mut bare).await, fits);
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_handler_suppresses_every_pong_is_given_up() {
    let handlers = Handlers::new().on_ping(|_, _| Pong::Suppress);
    let mut config = Config::server();
    config.keepalive = None;
    let far = handlers_of_bare(config, handlers).await;
    // The handshake is done: what is left is a client's connection over the same bytes.
    let (mut client, mut near) = client_of_bare(Config::client()).await;
    let handle = client.handle();
    let start = Instant::now();
    let mut far = far;
    let relayed =
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
    let end = client.recv().await;
    assert_eq!(end, Err(Error::Ended(Cause::Timeout(Stage::Pong))));
    assert_eq!(start.elapsed(), 40 * SECOND);
    assert_eq!(handle.round_trips().count, 0);
    drop(client);
    let _ = relayed.await;
}

#[tokio::test]
async fn round_trips_are_measured_over_a_socket() {
    let echo = echo().await;
    let (handlers, mut log) = log();
    let request = Client::new().request(&echo.uri).expect("a URI");
    let handle: Handle = request.handler(handlers).start();
    log.open().await;
    for payload in [b"one", b"two"] {
        handle.ping(payload).expect("open");
        log.next().await;
    }
    let trips = handle.round_trips();
    assert_eq!(trips.count, 2);
    assert!(trips.worst >= trips.mean && trips.worst >= trips.last);
    assert!(trips.last > Some(Duration::ZERO), "{trips:?}");
}
