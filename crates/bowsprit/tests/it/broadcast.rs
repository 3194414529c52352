//! One message to many: encoded once, in order, and no slow reader holds up the others.

use std::{
    sync::{Arc, mpsc},
    task::{Wake, Waker},
    thread,
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, Config, Context, Deflate, Handle, Handler, Hub, Membership, Message,
    MessageRef, Prepared, SendError, Server, SlowReader, State, WebSocket, broadcast,
};
use tokio::io::{DuplexStream, duplex};

use super::support::{
    CLOSE, Recorder, TEXT, closing, drain, pair, pair_on, pair_with, read_frame, server_of_bare,
    within,
};

type Ends = (WebSocket<DuplexStream>, WebSocket<DuplexStream>);

fn compressing(deflate: Deflate) -> (Config, Config) {
    let (mut client, mut server) = (Config::client(), Config::server());
    client.deflate = Some(Deflate::dedicated());
    server.deflate = Some(deflate);
    (client, server)
}

async fn receive(ws: &mut WebSocket<DuplexStream>) -> Message {
    let received = within(ws.recv()).await.expect("no error");
    received.expect("a message")
}

/// What the owner of a server's end does: it writes what handles have queued.
fn run(mut ws: WebSocket<DuplexStream>) {
    tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
}

#[tokio::test]
async fn reaches_everybody_whatever_was_agreed_on() {
    let mut clients = Vec::new();
    let mut handles = Vec::new();
    let mut add = |(client, mut server): Ends| {
        handles.push(server.handle());
        clients.push(client);
        run(server);
    };
    add(pair().await);
    for deflate in [Deflate::shared(), Deflate::dedicated()] {
        let (client, server) = compressing(deflate);
        add(pair_with(client, server).await);
    }
    let mut small = Deflate::shared();
    small.server_max_window_bits = 9;
    let (client, server) = compressing(small);
    add(pair_with(client, server).await);

    for (round, len) in [0, 10, 1_000, 50_000].into_iter().enumerate() {
        let own = Message::from("before it, in the connection's own context ".repeat(4));
        for handle in &handles {
            handle.send(own.clone()).expect("room");
        }
        let news = Message::from("to all of you ".repeat(len));
        let delivery = broadcast(&handles, news.clone(), SlowReader::Report);
        assert_eq!((delivery.queued, delivery.full), (4, 0), "round {round}");
        for client in &mut clients {
            assert_eq!(receive(client).await, own);
            assert!(receive(client).await == news, "round {round}");
        }
    }
}

#[tokio::test]
async fn writes_the_same_bytes_to_all_without_copying_a_large_payload() {
    let (near, far) = duplex(1 << 20);
    let (io, writes) = Recorder::new(far);
    let (_client, mut server) = pair_on(near, io, Config::client(), Config::server()).await;
    let news = Prepared::new(Message::from(vec![7; 300 << 10]));
    let handle = server.handle();
    writes.take();
    for _ in 0..3 {
        handle.send_prepared(&news).expect("room");
    }
    // Whoever receives writes first.
    let receiving = tokio::time::timeout(Duration::from_millis(20), server.recv());
    assert!(receiving.await.is_err());
    let written: usize = writes.take().iter().map(Vec::len).sum();
    assert_eq!(written, 3 * ((300 << 10) + 10));
}

#[tokio::test]
async fn a_client_sends_a_masked_copy() {
    for (client, server) in [
        (Config::client(), Config::server()),
        compressing(Deflate::dedicated()),
    ] {
        let (mut client, mut server) = pair_with(client, server).await;
        let handle = client.handle();
        let news = Prepared::from("news, news and more news, and all of it is news");
        for _ in 0..2 {
            handle.send_prepared(&news).expect("room");
            handle.send("and something of its own").expect("room");
        }
        handle.close(CloseCode::NORMAL, "").expect("open");
        let (received, _) = tokio::join!(drain(&mut server), drain(&mut client));
        let own = Message::from("and something of its own");
        let expected = [news.message(), &own, news.message(), &own];
        assert!(received.iter().eq(expected), "{received:?}");
    }
}

/// A connection whose queue is full, since nobody runs it.
async fn stuck() -> (WebSocket<DuplexStream>, DuplexStream, Handle) {
    let (mut server, peer) = server_of_bare(Config::server()).await;
    let handle = server.handle();
    while handle.send("x".repeat(100 << 10)).is_ok() {}
    (server, peer, handle)
}

#[tokio::test]
async fn a_slow_reader_is_reported_skipped_or_closed_and_the_others_get_theirs() {
    let (_server, _peer, slow) = stuck().await;
    let (mut client, mut server) = pair().await;
    let good = server.handle();
    run(server);
    let (mut ended, mut other) = pair().await;
    let gone = other.handle();
    tokio::join!(drain(&mut other), async {
        within(ended.close(CloseCode::NORMAL, ""))
            .await
            .expect("a clean end")
    });
    let waiting = slow.buffered_bytes();
    let handles = [slow.clone(), gone, good];
    let news = Prepared::new("x".repeat(90 << 10));
    let mut policies = vec![SlowReader::Skip, SlowReader::Report];
    policies.push(SlowReader::Close(CloseCode::TRY_AGAIN_LATER));
    for policy in policies {
        let delivery = broadcast(&handles, news.clone(), policy);
        let counts = (delivery.queued, delivery.full, delivery.not_open);
        assert_eq!(counts, (1, 1, 1), "{policy:?}");
        let reported = policy == SlowReader::Report;
        let expected: &[Handle] = if reported { &handles[..1] } else { &[] };
        assert_eq!(delivery.slow, expected, "{policy:?}");
        assert!(receive(&mut client).await == *news.message());
        if !matches!(policy, SlowReader::Close(_)) {
            assert_eq!(slow.buffered_bytes(), waiting, "nothing was queued");
        }
    }
    assert_eq!(slow.send("too late"), Err(SendError::Closing));
}

#[tokio::test]
async fn a_slow_reader_that_is_closed_is_told_so_once_it_reads() {
    let (server, mut peer, slow) = stuck().await;
    broadcast(
        [&slow],
        "x".repeat(90 << 10),
        SlowReader::Close(CloseCode::TRY_AGAIN_LATER),
    );
    run(server);
    let mut messages = 0;
    loop {
        match read_frame(&mut peer).await.expect("a frame") {
            (TEXT, payload) => {
                assert_eq!(payload.len(), 100 << 10);
                messages += 1;
            }
            frame => {
                assert_eq!(frame, (CLOSE, closing(1013, "")));
                break;
            }
        }
    }
    assert_eq!(messages, 10, "what was queued before");
}

#[tokio::test]
async fn a_slow_reader_is_closed_even_with_a_code_that_may_not_be_sent() {
    let (_server, _peer, slow) = stuck().await;
    let news = "x".repeat(90 << 10);
    broadcast([&slow], news, SlowReader::Close(CloseCode::NO_STATUS));
    assert_eq!(slow.state(), State::Closing);
}

#[tokio::test]
async fn an_uncompressed_message_goes_as_it_is() {
    let (client, server) = compressing(Deflate::dedicated());
    let (near, far) = duplex(64 << 10);
    let (io, writes) = Recorder::new(far);
    let (mut client, mut server) = pair_on(near, io, client, server).await;
    let handle = server.handle();
    writes.take();
    let secret = "a secret that repeats, a secret that repeats, a secret that repeats";
    handle
        .send_prepared(&Prepared::uncompressed(secret))
        .expect("room");
    handle.send_prepared(&Prepared::new(secret)).expect("room");
    tokio::select! {
        _ = server.recv() => panic!("nothing was sent"),
        received = client.recv() => assert_eq!(received, Ok(Some(Message::from(secret)))),
    }
    let written = writes.take().concat();
    let plain = [&[0x81, 67], secret.as_bytes()].concat();
    assert!(written.starts_with(&plain));
    assert_eq!(written[plain.len()], 0xC1, "text with RSV1");
    assert!(written.len() < plain.len() * 3 / 2);
}

struct Guest {
    room: Hub,
    place: Option<Membership>,
}

impl Handler for Guest {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        self.place = Some(self.room.join(&cx.handle()));
        let _ = cx.send_prepared(&Prepared::from("welcome"));
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        let message = Message::from(message);
        self.room
            .broadcast_except(cx.id(), message, SlowReader::Skip);
    }
}

#[tokio::test]
async fn a_hub_knows_who_is_there() {
    let room = Hub::new();
    let server = Server::builder().bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("ws://{}", server.local_addr().expect("an address"));
    let (serving, guests) = (server.clone(), room.clone());
    tokio::spawn(async move {
        let guest = move |_: &Arc<_>| Guest {
            room: guests.clone(),
            place: None,
        };
        serving.serve_handlers(guest).await
    });
    let mut clients = Vec::new();
    for count in 1..=3 {
        let mut client = within(bowsprit::connect(&uri)).await.expect("a connection");
        let welcome = within(client.recv()).await.expect("no error");
        assert_eq!(welcome, Some(Message::from("welcome")));
        assert_eq!(room.len(), count);
        clients.push(client);
    }
    clients[0].send("from the first").await.expect("open");
    for client in &mut clients[1..] {
        let heard = within(client.recv()).await.expect("no error");
        assert_eq!(heard, Some(Message::from("from the first")));
    }
    let delivery = room.broadcast("from outside", SlowReader::Report);
    assert_eq!(delivery.queued, 3);
    for client in &mut clients {
        let heard = within(client.recv()).await.expect("no error");
        assert_eq!(
            heard,
            Some(Message::from("from outside")),
            "its own is not heard"
        );
    }
    for mut client in clients {
        within(client.close(CloseCode::NORMAL, ""))
            .await
            .expect("a clean end");
    }
    for handle in room.handles() {
        within(handle.closed()).await;
    }
    // A handler is dropped after those who wait for the end have been told.
    within(async {
        while !room.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(room.broadcast("nobody", SlowReader::Report).queued, 0);
}

/// Leaves its hub on the spot when it is woken, as no task of tokio's would.
struct LeavesWhenWoken(std::sync::Mutex<Option<Membership>>);

impl Wake for LeavesWhenWoken {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().expect("no panic").take());
    }
}

#[tokio::test]
async fn holds_no_lock_while_it_wakes() {
    let room = Hub::new();
    let (_client, mut server) = pair().await;
    let place = room.join(&server.handle());
    let waker = Waker::from(Arc::new(LeavesWhenWoken(std::sync::Mutex::new(Some(
        place,
    )))));
    {
        let mut receiving = std::pin::pin!(server.recv());
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(room.broadcast("go", SlowReader::Report).queued, 1);
    assert!(room.is_empty());
}

#[tokio::test]
async fn each_member_that_the_filter_likes_has_a_result() {
    let hub = Hub::new();
    let (mut reached, mut server) = pair().await;
    let there = server.handle();
    run(server);
    let (_passed_over, mut server) = pair().await;
    let elsewhere = server.handle();
    run(server);
    let (_unread, _far, full) = stuck().await;
    let (client, mut server) = pair().await;
    let gone = server.handle();
    drop((client, server));
    let _memberships = [&there, &elsewhere, &full, &gone].map(|handle| hub.join(handle));

    let news = Prepared::new("x".repeat(90 << 10));
    let mut asked = 0;
    let filter = |handle: &Handle| {
        asked += 1;
        // Outside the hub's lock.
        assert_eq!(hub.len(), 4);
        *handle != elsewhere
    };
    let slow = SlowReader::Close(CloseCode::TRY_AGAIN_LATER);
    let outcomes = hub.broadcast_each(filter, news.clone(), slow);
    assert_eq!(asked, 4);
    assert_eq!(outcomes.len(), 3);
    let result = |handle: &Handle| {
        let mut of_it = outcomes.iter().filter(|outcome| outcome.handle == *handle);
        of_it.next().map(|outcome| outcome.result)
    };
    assert_eq!(result(&there), Some(Ok(())));
    assert_eq!(result(&full), Some(Err(SendError::Full)));
    assert_eq!(result(&gone), Some(Err(SendError::Closed)));
    assert_eq!(result(&elsewhere), None);
    assert_eq!(full.state(), State::Closing, "a slow reader is dealt with");
    assert!(receive(&mut reached).await == *news.message());

    let delivery = hub.broadcast_if(|handle| *handle == there, "to you", SlowReader::Report);
    assert_eq!(
        (delivery.queued, delivery.full, delivery.not_open),
        (1, 0, 0)
    );
    assert_eq!(receive(&mut reached).await, "to you".into());
}

/// Connections of the test below. Each takes two descriptors of this process.
const CROWD: usize = 1_000;

/// Many systems let a process have 1024 until it asks for more.
#[cfg(unix)]
fn allow_descriptors(count: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        limit.current = Some(count);
        setrlimit(Resource::Nofile, limit).expect("descriptors for everybody");
    }
}

#[cfg(not(unix))]
fn allow_descriptors(_: u64) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_local_connections_get_one_message_each_with_its_result() {
    allow_descriptors(2 * CROWD as u64 + 500);
    let hub = Hub::new();
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    let (serving, room) = (server.clone(), hub.clone());
    tokio::spawn(async move {
        let stay = move |mut ws: WebSocket| {
            let membership = room.join(&ws.handle());
            async move {
                while ws.recv().await?.is_some() {}
                drop(membership);
                Ok(())
            }
        };
        serving.serve(stay).await
    });
    let mut clients = Vec::with_capacity(CROWD);
    for _ in 0..CROWD {
        clients.push(within(bowsprit::connect(&uri)).await.expect("open"));
    }
    // A client is open a moment before the server has run its future.
    within(async {
        while hub.len() < CROWD {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let message = Prepared::from("all hands on deck");
    let outcomes = hub.broadcast_each(|_| true, message.clone(), SlowReader::Report);
    assert_eq!(outcomes.len(), CROWD);
    assert!(outcomes.iter().all(|outcome| outcome.result == Ok(())));
    let half: std::collections::HashSet<_> = outcomes
        .iter()
        .take(CROWD / 2)
        .map(|outcome| outcome.handle.id())
        .collect();
    let delivery = hub.broadcast_if(
        |handle| half.contains(&handle.id()),
        message,
        SlowReader::Skip,
    );
    assert_eq!(
        (delivery.queued, delivery.full, delivery.not_open),
        (CROWD / 2, 0, 0)
    );
    assert_eq!(hub.broadcast("the end", SlowReader::Skip).queued, CROWD);

    let mut heard_twice = 0;
    for client in &mut clients {
        let mut times = 0;
        loop {
            let message = within(client.recv())
                .await
                .expect("no error")
                .expect("a message");
            match message.as_text() {
                Some("all hands on deck") => times += 1,
                Some("the end") => break,
                other => panic!("{other:?}"),
            }
        }
        assert!((1..=2).contains(&times), "{times}");
        heard_twice += usize::from(times == 2);
    }
    assert_eq!(heard_twice, CROWD / 2);
    let closing = server.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(30));
    let reading = async {
        for client in &mut clients {
            drain_tcp(client).await;
        }
    };
    let (cut, ()) = tokio::join!(within(closing), reading);
    assert_eq!(cut, 0);
}

async fn drain_tcp(client: &mut WebSocket) {
    assert_eq!(within(client.recv()).await, Ok(None));
    let closed = client.close_info().expect("closed");
    assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
}

#[test]
fn what_becomes_of_a_message_may_ask_the_hub() {
    struct HeadCount(Hub);

    impl From<HeadCount> for Prepared {
        fn from(HeadCount(room): HeadCount) -> Self {
            let (tell, told) = mpsc::channel();
            // On this thread it would wait for its own lock for ever.
            thread::spawn(move || tell.send(room.join(&nobody())));
            let joined = told.recv_timeout(Duration::from_secs(60));
            let _membership = joined.expect("a lock that nobody holds");
            Self::from("one more")
        }
    }

    let room = Hub::new();
    let delivery = room.broadcast(HeadCount(room.clone()), SlowReader::Skip);
    assert_eq!(delivery.queued, 0);
    let delivery = room.broadcast_except(nobody().id(), HeadCount(room.clone()), SlowReader::Skip);
    assert_eq!(delivery.queued, 0);
}

/// A handle of a connection that nobody makes.
fn nobody() -> Handle {
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    request.handle()
}
