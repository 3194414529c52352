//! Silent peers of each kind, under a clock that stands still: each ends at its own time.
//!
//! `interop/silence.py` meets them once more with real sockets and real seconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    AcceptError, Cause, CloseCode, Closed, Config, ConnectError, Error, Handlers, Initiator,
    Message, SendError, Server, ServerTls, Stage, accept,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::support::{
    CLOSE, Echo, Flood, PING, PONG, TEXT, ask, client_of_bare, closing, frame, handlers_of_bare,
    masked, pair, polled, read_frame, run, server_of_bare, settle, within,
};

const SECOND: Duration = Duration::from_secs(1);

/// Closes after ten seconds without a message.
fn idle(mut config: Config) -> Config {
    config.timeouts.idle = Some(10 * SECOND);
    config
}

/// Keepalive is not what is looked at.
fn without_keepalive(mut config: Config) -> Config {
    config.keepalive = None;
    config
}

#[tokio::test(start_paused = true)]
async fn silent_from_the_beginning() {
    let (near, mut far) = duplex(4096);
    let start = Instant::now();
    let accepted = tokio::spawn(accept(near, Config::server()));
    let mut answer = Vec::new();
    far.read_to_end(&mut answer).await.expect("an answer");
    assert_eq!(start.elapsed(), 10 * SECOND);
    drop(far);
    let error = accepted.await.expect("no panic").expect_err("silence");
    assert!(
        matches!(error, AcceptError::Timeout(Stage::Open)),
        "{error}"
    );
}

/// With a real clock, since the server listens: it is only ever later, never too early.
#[tokio::test]
async fn silent_in_the_tls_handshake() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let tls = ServerTls::from_pem(
        own.cert.pem().as_bytes(),
        own.signing_key.serialize_pem().as_bytes(),
    );
    let mut config = Config::server();
    config.timeouts.open = SECOND / 10;
    let builder = Server::builder().config(config).tls(tls.expect("TLS"));
    let server = run(builder, || Echo).await;
    let start = Instant::now();
    // Nothing at all, and the first bytes of a ClientHello.
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut tcp = server.bare().await;
        tcp.write_all(bytes).await.expect("a write");
        let mut answer = Vec::new();
        let end = within(tcp.read_to_end(&mut answer)).await;
        assert!(end.is_err() || answer.is_empty(), "{answer:?}");
    }
    assert!(start.elapsed() >= 2 * SECOND / 10);
}

#[tokio::test(start_paused = true)]
async fn silent_in_the_opening_handshake() {
    let (near, _far) = duplex(4096);
    let request = bowsprit::Client::new().request("ws://in.memory/");
    let start = Instant::now();
    let attempt = request.expect("a URI").connect_on(near).await;
    let error = attempt.expect_err("silence");
    assert!(
        matches!(error, ConnectError::Timeout(Stage::Open)),
        "{error}"
    );
    assert_eq!(start.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn silent_once_it_is_open() {
    let (mut server, _bare) = server_of_bare(Config::server()).await;
    let start = Instant::now();
    let end = server.recv().await;
    assert_eq!(end, Err(Error::Ended(Cause::Timeout(Stage::Pong))));
    assert_eq!(start.elapsed(), 40 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn alive_without_a_message() {
    let (mut server, mut bare) = server_of_bare(idle(Config::server())).await;
    let handle = server.handle();
    let start = Instant::now();
    let owner = tokio::spawn(async move { server.recv().await });
    // It shows that it lives, every second.
    for _ in 0..9 {
        sleep(SECOND).await;
        bare.write_all(&masked(PONG, b"")).await.expect("open");
    }
    let close = (CLOSE, closing(1001, "idle"));
    assert_eq!(read_frame(&mut bare).await, Some(close));
    assert_eq!(start.elapsed(), 10 * SECOND);
    bare.write_all(&masked(CLOSE, &closing(1001, "")))
        .await
        .expect("open");
    assert_eq!(read_frame(&mut bare).await, None);
    drop(bare);
    let end = owner.await.expect("no panic");
    assert_eq!(end, Err(Error::Ended(Cause::Timeout(Stage::Idle))));
    let closed = handle.closed().await;
    assert_eq!(closed.initiator, Some(Initiator::Local));
    assert_eq!(closed.local_code(), CloseCode::GOING_AWAY);
    assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
}

#[tokio::test(start_paused = true)]
async fn messages_in_either_direction_are_no_idleness() {
    for sends in [true, false] {
        let (mut client, mut server) =
            super::support::pair_with(idle(Config::client()), Config::server()).await;
        let (near, far) = (client.handle(), server.handle());
        let owners = [
            tokio::spawn(async move { while let Ok(Some(_)) = client.recv().await {} }),
            tokio::spawn(async move { while let Ok(Some(_)) = server.recv().await {} }),
        ];
        for _ in 0..20 {
            sleep(9 * SECOND).await;
            let handle = if sends { &near } else { &far };
            handle.send("not idle").expect("open");
        }
        let start = Instant::now();
        let closed = near.closed().await;
        assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Idle)));
        let waited = start.elapsed();
        assert!(waited >= 10 * SECOND && waited <= 20 * SECOND, "{waited:?}");
        for owner in owners {
            owner.await.expect("no panic");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_our_own_is_no_idleness() {
    let (mut server, mut bare) = server_of_bare(idle(Config::server())).await;
    let handle = server.handle();
    handle.pause_reading();
    let owner = tokio::spawn(async move { server.recv().await });
    bare.write_all(&masked(TEXT, b"waits")).await.expect("open");
    sleep(100 * SECOND).await;
    handle.resume_reading();
    let message = owner.await.expect("no panic");
    assert_eq!(message, Ok(Some(Message::from("waits"))));
}

/// A handler that hears how its connection ended.
fn ending() -> (Handlers, mpsc::UnboundedReceiver<Closed>) {
    let (tell, told) = mpsc::unbounded_channel();
    let handlers = Handlers::new()
        .on_open(|cx| cx.send("x".repeat(500 << 10).as_str()).expect("room"))
        .on_close(move |_, closed| tell.send(closed.clone()).expect("a test"));
    (handlers, told)
}

#[tokio::test(start_paused = true)]
async fn alive_and_never_reading() {
    for keepalive in [true, false] {
        let (handlers, mut told) = ending();
        let mut config = Config::server();
        if !keepalive {
            config = without_keepalive(config);
        }
        let mut bare = handlers_of_bare(config, handlers).await;
        let start = Instant::now();
        let alive = async {
            loop {
                sleep(SECOND).await;
                if bare.write_all(&masked(TEXT, b"alive")).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let closed = tokio::select! {
            closed = told.recv() => closed.expect("an end"),
            () = alive => panic!("for ever"),
        };
        assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Write)));
        assert_eq!(closed.to_string(), "wait for the peer to read timed out");
        assert_eq!((closed.local, closed.remote), (None, None));
        // It has read the answer to its request, which made room once.
        let waited = start.elapsed();
        assert!(
            waited >= 60 * SECOND && waited <= 120 * SECOND,
            "{waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn reading_little_by_little_is_enough() {
    let (handlers, mut told) = ending();
    let mut bare = handlers_of_bare(without_keepalive(Config::server()), handlers).await;
    let mut left = (500 << 10) + 10;
    while left > 0 {
        assert!(timeout(50 * SECOND, told.recv()).await.is_err());
        let mut some = vec![0; left.min(60 << 10)];
        left -= bare.read(&mut some).await.expect("open");
    }
    // With nothing to write there is nothing to wait for.
    assert!(timeout(600 * SECOND, told.recv()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_send_ends_with_a_peer_that_never_reads() {
    let (mut client, mut bare) = client_of_bare(without_keepalive(Config::client())).await;
    let start = Instant::now();
    let error = client.send("x".repeat(1 << 20)).await.expect_err("stuck");
    assert_eq!(error, Error::Ended(Cause::Timeout(Stage::Write)));
    assert_eq!(start.elapsed(), 60 * SECOND);
    // Nothing was cut that had left.
    let mut some = vec![0; 64 << 10];
    bare.read_exact(&mut some).await.expect("what was written");
}

#[tokio::test(start_paused = true)]
async fn a_flood_does_not_hide_that_its_peer_reads_nothing() {
    let (near, far) = duplex(4096);
    let flows = Arc::new(AtomicBool::new(false));
    let flood = Flood {
        io: near,
        flows: flows.clone(),
        pours: masked(TEXT, b"more"),
        drinks: false,
    };
    let (tell, mut told) = mpsc::unbounded_channel();
    let handlers = Handlers::new()
        .on_open(move |cx| {
            flows.store(true, Ordering::Relaxed);
            cx.send("stuck").expect("room");
        })
        .on_close(move |_, closed| tell.send(closed.clone()).expect("a test"));
    let config = without_keepalive(Config::server());
    let server = Server::builder().config(config).build();
    tokio::spawn(async move { server.serve_on(flood, None, |_| handlers).await });
    let start = Instant::now();
    let _far = ask(far).await;
    // Nobody is ever idle, so the clock has to be moved by hand.
    let closed = loop {
        tokio::time::advance(SECOND).await;
        tokio::task::yield_now().await;
        if let Ok(closed) = told.try_recv() {
            break closed;
        }
        assert!(start.elapsed() < 600 * SECOND, "for ever");
    };
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Write)));
    assert!(start.elapsed() >= 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn silent_when_it_is_closed() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let start = Instant::now();
    let closed = client.close(CloseCode::NORMAL, "").await.expect("open");
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Close)));
    assert_eq!(start.elapsed(), 5 * SECOND);
    let close = (CLOSE, closing(1000, ""));
    assert_eq!(read_frame(&mut bare).await, Some(close));
}

#[tokio::test(start_paused = true)]
async fn a_paused_connection_that_is_closed_waits_for_nothing() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    handle.pause_reading();
    let owner = tokio::spawn(async move { client.recv().await });
    let peer = tokio::spawn(async move { server.recv().await });
    settle().await;
    let start = Instant::now();
    handle.close(CloseCode::NORMAL, "").expect("open");
    let closed = within(handle.closed()).await;
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(owner.await.expect("no panic"), Ok(None));
    assert_eq!(peer.await.expect("no panic"), Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_paused_handler_hears_what_comes_in_front_of_the_answer_to_its_close() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (open, mut opened) = mpsc::unbounded_channel();
    let handlers = Handlers::new()
        .on_open(move |cx| {
            cx.pause_reading();
            open.send(cx.handle()).expect("a test");
        })
        .on_message(move |_, message| tell.send(message.into_message()).expect("a test"));
    let mut bare = handlers_of_bare(Config::server(), handlers).await;
    let handle = opened.recv().await.expect("a handle");
    bare.write_all(&masked(TEXT, b"waits")).await.expect("open");
    settle().await;
    assert!(told.is_empty());
    handle.close(CloseCode::NORMAL, "").expect("open");
    assert_eq!(told.recv().await, Some(Message::from("waits")));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_is_told_when_the_closing_begins() {
    // By a handle, and by the peer.
    for by_peer in [false, true] {
        let (open, mut opened) = mpsc::unbounded_channel();
        let handlers = Handlers::new().on_open(move |cx| {
            cx.send("x".repeat(500 << 10).as_str()).expect("room");
            open.send(cx.handle()).expect("a test");
        });
        let mut bare = handlers_of_bare(Config::server(), handlers).await;
        let handle = opened.recv().await.expect("a handle");
        let waiting = tokio::spawn({
            let handle = handle.clone();
            async move { handle.send_wait("never").await }
        });
        settle().await;
        assert!(!waiting.is_finished());
        let start = Instant::now();
        if by_peer {
            let close = masked(CLOSE, &closing(1000, ""));
            bare.write_all(&close).await.expect("open");
        } else {
            handle.close(CloseCode::NORMAL, "").expect("open");
        }
        let refused = waiting.await.expect("no panic");
        assert_eq!(refused, Err(SendError::Closing), "{by_peer}");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_not_touched_by_messages() {
    // Were it armed anew by each, the ping would come later.
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let start = Instant::now();
    let owner = tokio::spawn(async move { while let Ok(Some(_)) = client.recv().await {} });
    for _ in 0..4 {
        bare.write_all(&frame(TEXT, b"x")).await.expect("open");
        sleep(SECOND).await;
    }
    assert!(polled(3, bare.read_u8()).await.is_none());
    // Heard of by the first look, after a quarter of the interval: behind that all is silent.
    let ping = read_frame(&mut bare).await;
    assert_eq!(ping, Some((PING, b"keepalive 1".to_vec())));
    assert_eq!(start.elapsed(), 25 * SECOND);
    owner.abort();
}

#[tokio::test(start_paused = true)]
async fn idleness_needs_no_handle_and_no_keepalive() {
    let config = without_keepalive(idle(Config::server()));
    let (tell, mut told) = mpsc::unbounded_channel();
    let handlers =
        Handlers::new().on_close(move |_, closed| tell.send(closed.clone()).expect("a test"));
    let _bare = handlers_of_bare(config, handlers).await;
    let start = Instant::now();
    let closed = told.recv().await.expect("an end");
    // Ten seconds of silence, and five for the answer that does not come.
    assert_eq!(start.elapsed(), 15 * SECOND);
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Idle)));
}

/// Waits of nothing must not make a busy loop.
#[tokio::test(start_paused = true)]
async fn waits_of_nothing_end_and_do_not_spin() {
    let mut config = Config::server();
    config.timeouts.idle = Some(Duration::ZERO);
    config.timeouts.write = Some(Duration::ZERO);
    config.timeouts.close = Duration::ZERO;
    let (near, far) = duplex(1024);
    let (far, server) = tokio::join!(ask(far), accept(near, config));
    let mut server = server.expect("a server");
    let begun = Instant::now();
    let end = within(server.recv()).await;
    assert!(
        begun.elapsed() <= Duration::from_millis(30),
        "{:?} {end:?}",
        begun.elapsed()
    );
    drop(far);
}
