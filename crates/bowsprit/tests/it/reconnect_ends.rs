//! Connections that are made again: whatever happens meanwhile, they end once, and nothing comes twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, CloseError, Context, Handler, Handlers, Hub, Membership, Reconnect,
    SendError, SlowReader, State,
};
use tokio::{
    io::AsyncWriteExt as _,
    runtime,
    sync::mpsc,
    time::{sleep, timeout},
};

use super::support::{CLOSE, answer, closing, frame, listen, read_frame, read_head, wait, within};

/// Tries at once, as often as they like.
fn at_once() -> Reconnect {
    let mut policy = Reconnect::default();
    policy.first = Duration::from_millis(1);
    policy.max = Duration::from_millis(1);
    policy
}

#[test]
fn a_handle_learns_that_the_runtime_of_a_reconnecting_connection_is_gone() {
    for reconnects in [false, true] {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (handle, _peer) = runtime.block_on(async {
            let (listener, uri) = listen().await;
            let (tell, mut told) = mpsc::unbounded_channel();
            let mut request = Client::new().request(&uri).expect("a URI");
            if reconnects {
                request = request.reconnect(at_once());
            }
            let handle = request
                .handler(Handlers::new().on_open(move |_| tell.send(()).expect("a test")))
                .start();
            let (socket, _) = listener.accept().await.expect("a client");
            let peer = answer(socket).await;
            told.recv().await.expect("open");
            (handle, peer.into_std().expect("a socket"))
        });
        drop(runtime);
        let ended = wait(async {
            timeout(Duration::from_secs(2), handle.closed())
                .await
                .is_ok()
        });
        assert!(
            ended,
            "reconnects: {reconnects}, state {:?}",
            handle.state()
        );
        assert_eq!(handle.send("to nobody"), Err(SendError::Closed));
    }
}

#[tokio::test]
async fn the_first_try_comes_at_once_also_after_it_was_given_up() {
    let (listener, uri) = listen().await;
    let mut policy = Reconnect::default();
    policy.first = Duration::from_secs(3600);
    policy.max = policy.first;
    let request = Client::new().request(&uri).expect("a URI");
    let mut attempts = request.reconnect(policy).attempts();
    timeout(Duration::from_millis(100), attempts.next())
        .await
        .expect_err("nobody answers");
    drop(within(listener.accept()).await);
    let server = async {
        let (socket, _) = listener.accept().await.expect("a client");
        answer(socket).await
    };
    let both = async { tokio::join!(server, attempts.next()) };
    let (_peer, ws) = within(both).await;
    ws.expect("a connection");
}

#[tokio::test]
async fn a_server_that_asks_for_the_longest_wait_is_not_asked_at_once() {
    let (listener, uri) = listen().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.expect("a client");
            read_head(&mut socket).await;
            count.fetch_add(1, Ordering::Relaxed);
            let head = "HTTP/1.1 503 Later\r\nRetry-After: 18446744073709551615\r\n\r\n";
            socket.write_all(head.as_bytes()).await.expect("a write");
        }
    });
    let mut policy = Reconnect::default();
    policy.max = Duration::MAX;
    let request = Client::new().request(&uri).expect("a URI");
    let mut attempts = request.reconnect(policy).attempts();
    timeout(Duration::from_millis(500), attempts.next())
        .await
        .expect_err("a long wait");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// The guest of the documentation of `Hub`.
struct Guest {
    room: Hub,
    membership: Option<Membership>,
    tell: mpsc::UnboundedSender<()>,
}

impl Handler for Guest {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        self.membership = Some(self.room.join(&cx.handle()));
        self.tell.send(()).expect("a test");
    }
}

#[tokio::test]
async fn a_guest_that_joins_at_each_opening_is_in_the_room_after_a_reconnect() {
    let (listener, uri) = listen().await;
    let room = Hub::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let guest = Guest {
        room: room.clone(),
        membership: None,
        tell,
    };
    let request = Client::new().request(&uri).expect("a URI");
    let handle = request.reconnect(at_once()).handler(guest).start();
    for _ in 0..2 {
        let (socket, _) = listener.accept().await.expect("a client");
        let peer = answer(socket).await;
        within(told.recv()).await.expect("open");
        assert_eq!(room.broadcast("hello", SlowReader::Skip).queued, 1);
        drop(peer);
    }
    handle.terminate();
    within(handle.closed()).await;
    within(told.recv()).await;
    assert!(room.is_empty());
}

#[tokio::test]
async fn an_on_close_that_panics_does_not_hide_how_the_connection_ended() {
    let (listener, uri) = listen().await;
    let request = Client::new().request(&uri).expect("a URI");
    let handlers = Handlers::new().on_close(|_, _| panic!("on purpose"));
    let handle = request.reconnect(at_once()).handler(handlers).start();
    let (socket, _) = listener.accept().await.expect("a client");
    let mut peer = answer(socket).await;
    peer.write_all(&frame(CLOSE, &closing(1012, "")))
        .await
        .expect("a write");
    let closed = within(handle.closed()).await;
    assert_eq!(closed.remote_code().0, 1012);
}

#[tokio::test]
async fn a_close_behind_the_peers_is_an_end_all_the_same() {
    let (listener, uri) = listen().await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let retried = tell.clone();
    let handlers = Handlers::new()
        .on_retry(move |_, _| retried.send("retry").expect("a test"))
        .on_open(move |_| tell.send("open").expect("a test"));
    let request = Client::new().request(&uri).expect("a URI");
    let handle = request.reconnect(at_once()).handler(handlers).start();
    let (socket, _) = listener.accept().await.expect("a client");
    let mut peer = answer(socket).await;
    assert_eq!(within(told.recv()).await, Some("open"));
    peer.write_all(&frame(CLOSE, &closing(1012, "")))
        .await
        .expect("a write");
    // The answer is here, and the transport still open.
    read_frame(&mut peer).await.expect("a close frame");
    assert_eq!(handle.state(), State::Closing);
    assert_eq!(
        handle.close(CloseCode::NORMAL, ""),
        Err(CloseError::Closing)
    );
    drop(peer);
    assert_eq!(within(told.recv()).await, None, "no other connection");
}

fn random(below: u64) -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0_u8) % below
}

/// A server that does everything that makes a client come again.
async fn moody(listener: tokio::net::TcpListener) {
    loop {
        let (mut socket, _) = listener.accept().await.expect("a client");
        tokio::spawn(async move {
            match random(5) {
                0 => return,
                1 => {
                    sleep(Duration::from_micros(random(2000))).await;
                    return;
                }
                2 => {
                    read_head(&mut socket).await;
                    let head = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n";
                    let _ = socket.write_all(head.as_bytes()).await;
                    return;
                }
                _ => {}
            }
            let mut socket = answer(socket).await;
            sleep(Duration::from_micros(random(3000))).await;
            if random(2) == 0 {
                let _ = socket.write_all(&frame(CLOSE, &closing(1012, ""))).await;
                sleep(Duration::from_micros(random(1000))).await;
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whenever_it_is_terminated_closed_or_shut_down_a_reconnecting_connection_ends() {
    let (listener, uri) = listen().await;
    tokio::spawn(moody(listener));
    for _ in 0..15 {
        let client = Client::new();
        let mut handles = Vec::new();
        for _ in 0..40 {
            let mut request = client.request(&uri).expect("a URI").reconnect(at_once());
            if random(4) == 0 {
                request = request.handler(Handlers::new().on_open(|cx| cx.pause_reading()));
            }
            handles.push(request.start());
        }
        for (number, handle) in handles.iter().enumerate() {
            let handle = handle.clone();
            tokio::spawn(async move {
                sleep(Duration::from_micros(random(8000))).await;
                match number % 4 {
                    0 => handle.terminate(),
                    1 => {
                        let _ = handle.send("x");
                        let _ = handle.close(CloseCode::NORMAL, "");
                    }
                    2 => {
                        let _ = timeout(Duration::from_millis(1), handle.send_wait("y")).await;
                        handle.resume_reading();
                    }
                    _ => {}
                }
            });
        }
        sleep(Duration::from_micros(random(8000))).await;
        let cut = within(client.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(10))).await;
        assert_eq!(cut, 0);
        for handle in handles {
            within(handle.closed()).await;
            assert_eq!(handle.state(), State::Closed);
        }
    }
}

/// Numbers over many connections: in order, and none twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_message_comes_twice_or_out_of_order_however_often_the_server_goes_away() {
    let (listener, uri) = listen().await;
    let handle = Client::new()
        .request(&uri)
        .expect("a URI")
        .reconnect(at_once())
        .start();
    let sender = handle.clone();
    let sending = tokio::spawn(async move {
        let mut number = 0_u64;
        loop {
            let width = 20 + usize::try_from(random(4000)).expect("a length");
            let text = format!("{number:0>width$}");
            let sent = if number.is_multiple_of(3) {
                sender.send_prepared(&text.into())
            } else {
                sender.send(text)
            };
            match sent {
                Ok(()) => number += 1,
                Err(SendError::Closed) => return number,
                Err(_) => sleep(Duration::from_micros(200)).await,
            }
        }
    });
    let mut last = None;
    for round in 0..150 {
        let (socket, _) = within(listener.accept()).await.expect("a client");
        let mut peer = answer(socket).await;
        for _ in 0..random(30) {
            let Some((_, payload)) = read_frame(&mut peer).await else {
                break;
            };
            let number: u64 = String::from_utf8(payload)
                .expect("text")
                .parse()
                .expect("a number");
            assert!(
                last.is_none_or(|last| number > last),
                "{number} behind {last:?}, {round}"
            );
            last = Some(number);
        }
        if random(2) == 0 {
            let _ = peer.write_all(&frame(CLOSE, &closing(1012, ""))).await;
        }
    }
    handle.terminate();
    let sent = within(sending).await.expect("no panic");
    assert!(last.is_some_and(|last| last < sent), "{last:?} of {sent}");
}
