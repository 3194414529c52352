//! Connections that are made again: when, how often, and what of their messages goes along.

use std::{sync::Arc, time::Duration};

use bowsprit::{
    Client, CloseCode, Config, ConnectError, ConnectRequest, Handle, Handlers, Message, Reconnect,
    SendError, State, Tls,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, UnboundedReceiver},
};

use super::support::{CLOSE, TEXT, answer, closing, frame, listen, read_frame, read_head, within};

/// Tries at once, as often as they like.
fn policy() -> Reconnect {
    let mut policy = Reconnect::default();
    policy.first = Duration::from_millis(1);
    policy.max = Duration::from_millis(1);
    policy
}

/// What a connection tells, as words.
struct Told(UnboundedReceiver<String>);

impl Told {
    async fn next(&mut self) -> String {
        within(self.0.recv()).await.expect("something to be told")
    }

    async fn all(mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.next().await, *expected);
        }
        assert_eq!(within(self.0.recv()).await, None, "nothing more");
    }
}

fn telling() -> (Handlers, Told) {
    let (sender, told) = mpsc::unbounded_channel();
    let tell = Arc::new(move |what: String| sender.send(what).expect("a test"));
    let [open, close, retry, fail, message] = [(); 5].map(|()| tell.clone());
    let handlers = Handlers::new()
        .on_open(move |_| open("open".into()))
        .on_close(move |_, closed| close(format!("close {}", closed.remote_code().0)))
        .on_retry(move |_, again| retry(format!("retry {}", again.number)))
        .on_fail(move |_, error| fail(format!("fail {error}")))
        .on_message(move |_, lent| message(format!("<< {}", lent.as_text().unwrap_or_default())));
    (handlers, Told(told))
}

fn request(uri: &str) -> ConnectRequest {
    let request = Client::new().request(uri).expect("a URI");
    request.reconnect(policy())
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let (socket, _) = within(listener.accept()).await.expect("a client");
    within(answer(socket)).await
}

async fn refuse(listener: &TcpListener, head: &str) {
    let (mut socket, _) = within(listener.accept()).await.expect("a client");
    read_head(&mut socket).await;
    let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n");
    socket.write_all(answer.as_bytes()).await.expect("a write");
}

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_is_found_again() {
    let (listener, uri) = listen().await;
    let (handlers, mut told) = telling();
    let handle = request(&uri).handler(handlers).start();
    drop(accept(&listener).await);
    for expected in ["open", "close 1006", "retry 1"] {
        assert_eq!(told.next().await, expected);
    }
    let mut peer = accept(&listener).await;
    assert_eq!(told.next().await, "open");
    handle.send("still here").expect("open again");
    assert_eq!(
        within(read_frame(&mut peer)).await,
        Some((TEXT, b"still here".to_vec()))
    );
    peer.write_all(&frame(TEXT, b"me too"))
        .await
        .expect("a write");
    assert_eq!(told.next().await, "<< me too");
    assert!(handle.info().is_some() && handle.close_info().is_none());
    handle.close(CloseCode::NORMAL, "").expect("open");
    peer.write_all(&frame(CLOSE, &closing(1000, "")))
        .await
        .expect("a write");
    told.all(&["close 1000"]).await;
    assert_eq!(
        within(handle.closed()).await.remote_code(),
        CloseCode::NORMAL
    );
}

#[tokio::test(start_paused = true)]
async fn a_transport_of_the_callers_own_is_dialled_for_each_try() {
    let (wires, mut far_ends) = mpsc::unbounded_channel();
    let (handlers, mut told) = telling();
    let mut tries = 0;
    let dial = move || {
        tries += 1;
        let wires = wires.clone();
        async move {
            if tries == 2 {
                return Err(std::io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = tokio::io::duplex(1024);
            wires.send(far).expect("a test");
            Ok(near)
        }
    };
    let handle = request("ws://in.memory/").handler(handlers).start_on(dial);
    drop(answer(within(far_ends.recv()).await.expect("a wire")).await);
    for expected in ["open", "close 1006", "retry 1", "retry 2"] {
        assert_eq!(told.next().await, expected);
    }
    let mut peer = answer(within(far_ends.recv()).await.expect("a wire")).await;
    assert_eq!(told.next().await, "open");
    handle.send("again").expect("open");
    assert_eq!(
        within(read_frame(&mut peer)).await,
        Some((TEXT, b"again".to_vec()))
    );
    handle.terminate();
    told.all(&["close 1006"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_takes_too_long_is_a_timeout_of_the_connection() {
    let (handlers, told) = telling();
    let dial = std::future::pending::<std::io::Result<tokio::io::DuplexStream>>;
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    request.handler(handlers).start_on(dial);
    told.all(&["fail TCP connection timed out"]).await;
}

#[tokio::test]
async fn the_peers_code_decides() {
    for (code, again) in [(1012, true), (1001, true), (1000, false), (4000, false)] {
        let (listener, uri) = listen().await;
        let (handlers, mut told) = telling();
        request(&uri).handler(handlers).start();
        let mut peer = accept(&listener).await;
        peer.write_all(&frame(CLOSE, &closing(code, "")))
            .await
            .expect("a write");
        drop(peer);
        assert_eq!(told.next().await, "open");
        assert_eq!(told.next().await, format!("close {code}"));
        if again {
            assert_eq!(told.next().await, "retry 1");
        } else {
            told.all(&[]).await;
        }
    }
}

#[tokio::test]
async fn tries_as_often_as_it_may_and_fails_once() {
    let (listener, uri) = listen().await;
    let mut policy = policy();
    policy.tries = Some(2);
    let (handlers, told) = telling();
    let handle = request(&uri).reconnect(policy).handler(handlers).start();
    for _ in 0..3 {
        refuse(&listener, "503 Service Unavailable").await;
    }
    let failed = "fail server answered with HTTP 503 Service Unavailable";
    told.all(&["retry 1", "retry 2", failed]).await;
    assert_eq!(handle.state(), State::Closed);
    assert!(within(handle.closed()).await.cause.is_some());
}

#[tokio::test]
async fn what_would_be_the_same_the_next_time_is_final() {
    let (listener, uri) = listen().await;
    let (handlers, told) = telling();
    request(&uri).handler(handlers).start();
    refuse(&listener, "403 Forbidden").await;
    told.all(&["fail server answered with HTTP 403 Forbidden"])
        .await;
}

#[tokio::test]
async fn a_break_in_the_tls_handshake_is_as_passing_as_any_other() {
    for scheme in ["ws", "wss"] {
        for reads in [false, true] {
            let (listener, uri) = listen().await;
            tokio::spawn(async move {
                let (tcp, _) = listener.accept().await.expect("a client");
                tcp.readable().await.expect("the client's part");
                if reads {
                    // With bytes unread the system sends a reset.
                    tcp.try_read(&mut [0; 16 * 1024]).expect("a read");
                }
            });
            let request = Client::new().request(&uri.replace("ws:", &format!("{scheme}:")));
            let tls = Tls::client().danger_accept_any_certificate();
            let error = within(request.expect("a URI").tls(tls).connect()).await;
            let error = error.expect_err("gone");
            assert!(error.is_retryable(), "{scheme}, reads: {reads}: {error}");
        }
    }
}

#[tokio::test]
async fn without_a_policy_nothing_is_made_again() {
    let (listener, uri) = listen().await;
    let (handlers, told) = telling();
    let request = Client::new().request(&uri).expect("a URI");
    request.handler(handlers).start();
    drop(accept(&listener).await);
    told.all(&["open", "close 1006"]).await;
}

/// A policy whose first try is far away.
fn patient() -> Reconnect {
    let mut policy = Reconnect::default();
    policy.first = Duration::from_secs(3600);
    policy.max = policy.first;
    policy
}

async fn lost(client: &Client) -> (Handle, Told) {
    let (listener, uri) = listen().await;
    let (handlers, mut told) = telling();
    let request = client.request(&uri).expect("a URI").reconnect(patient());
    let handle = request.handler(handlers).start();
    drop(accept(&listener).await);
    for expected in ["open", "close 1006", "retry 1"] {
        assert_eq!(told.next().await, expected);
    }
    (handle, told)
}

#[tokio::test]
async fn between_two_connections_nothing_can_be_sent_and_terminate_gives_up() {
    let (handle, told) = lost(&Client::new()).await;
    assert_eq!(handle.state(), State::Connecting);
    assert_eq!(handle.send("lost"), Err(SendError::NotOpen));
    handle.terminate();
    within(handle.closed()).await;
    told.all(&["fail attempt was given up"]).await;
}

#[tokio::test]
async fn a_shutdown_waits_for_no_further_try() {
    let client = Client::new();
    let (handle, told) = lost(&client).await;
    let cut = client.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(60));
    assert_eq!(within(cut).await, 0);
    assert_eq!(handle.state(), State::Closed);
    told.all(&["fail attempt was given up"]).await;
}

#[tokio::test]
async fn a_close_that_the_connection_never_sent_is_an_end_all_the_same() {
    let (listener, uri) = listen().await;
    let (handlers, mut told) = telling();
    let handle = request(&uri).handler(handlers).start();
    let peer = accept(&listener).await;
    assert_eq!(told.next().await, "open");
    // Both before the connection's task can run: its runtime has this thread alone.
    drop(peer);
    handle.close(CloseCode::NORMAL, "").expect("open");
    told.all(&["close 1006"]).await;
}

#[tokio::test]
async fn a_handler_that_panicked_is_not_connected_again() {
    let (listener, uri) = listen().await;
    let handlers = Handlers::new().on_message(|_, _| panic!("on purpose"));
    let handle = request(&uri).handler(handlers).start();
    let mut peer = accept(&listener).await;
    peer.write_all(&frame(TEXT, b"now")).await.expect("a write");
    peer.write_all(&frame(CLOSE, &closing(1012, "")))
        .await
        .expect("a write");
    within(handle.closed()).await;
}

#[tokio::test]
async fn messages_that_were_never_written_go_to_the_next_connection_and_none_goes_twice() {
    const LEN: usize = 60_000;
    const COUNT: usize = 400;
    let (listener, uri) = listen().await;
    let mut config = Config::client();
    config.limits.send_buffer = 2 * LEN * COUNT;
    let (handlers, mut told) = telling();
    let handle = request(&uri).config(config).handler(handlers).start();
    let mut peer = accept(&listener).await;
    assert_eq!(told.next().await, "open");
    for number in 0..COUNT {
        let text = format!("{number:0>LEN$}");
        handle.send(Message::from(text)).expect("room");
    }
    // Some are read, some are in the sockets' buffers, and most of 25 MB cannot have left.
    let mut first = Vec::new();
    for _ in 0..3 {
        first.push(number_of(&mut peer).await);
    }
    drop(peer);
    let mut peer = accept(&listener).await;
    let mut second = Vec::new();
    while second.last() != Some(&(COUNT - 1)) {
        second.push(number_of(&mut peer).await);
    }
    assert_eq!(first, [0, 1, 2]);
    assert!(second[0] > 2 && second.len() > 1, "{}", second[0]);
    assert!(
        second.iter().copied().eq(second[0]..COUNT),
        "in order, each once"
    );
    handle.terminate();
}

async fn number_of(peer: &mut TcpStream) -> usize {
    let (_, payload) = within(read_frame(peer)).await.expect("a frame");
    let text = String::from_utf8(payload).expect("text");
    text.parse().expect("a number")
}

#[tokio::test]
async fn a_program_that_awaits_asks_for_one_connection_after_the_other() {
    let (listener, uri) = listen().await;
    let mut attempts = request(&uri).attempts();
    let server = async {
        drop(accept(&listener).await);
        refuse(&listener, "503 Service Unavailable").await;
        accept(&listener).await
    };
    let client = async {
        let mut first = attempts.next().await.expect("a connection");
        first.recv().await.expect_err("a loss");
        attempts.next().await.expect("another")
    };
    let (peer, mut ws) = within(async { tokio::join!(server, client) }).await;
    drop(peer);
    within(ws.recv()).await.expect_err("a loss");
    tokio::spawn(async move { refuse(&listener, "404 Not Found").await });
    let error = within(attempts.next()).await.expect_err("no such place");
    assert!(matches!(error, ConnectError::Handshake { .. }), "{error}");
}
