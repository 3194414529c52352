//! Every callback of the program's panics once: its own connection ends, and nothing else notices.

use std::{panic::resume_unwind, sync::Arc, time::Duration};

use bowsprit::{
    Client, CloseCode, Closed, Config, ConnectError, ConnectionInfo, Context, Handle, Handler, Hub,
    Message, MessageRef, Pong, Reconnect, Retry, SendError, Server, SlowReader, State, Step,
    WebSocket,
};
use tokio::{io::duplex, sync::mpsc};

use super::support::{CLOSE, ask, closing, echo, listen, read_frame, within};

/// Without a word in the output of the tests.
fn panics() -> ! {
    resume_unwind(Box::new(()))
}

/// Panics in one place.
struct Panics {
    place: String,
    room: Hub,
    tell: mpsc::UnboundedSender<Handle>,
}

impl Panics {
    fn here(&self, place: &str) {
        if self.place == place {
            panics();
        }
    }
}

impl Handler for Panics {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        // A test may be over.
        let _ = self.tell.send(cx.handle());
        self.here("on_open");
        cx.ping(b"?").expect("open");
    }

    fn on_fail(&mut self, _: &Handle, _: &ConnectError) {
        self.here("on_fail");
    }

    fn on_retry(&mut self, _: &Handle, _: &Retry<'_>) {
        self.here("on_retry");
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        self.here("on_message");
        if self.place == "filter" {
            let panics = |_: &Handle| panics();
            self.room.broadcast_if(panics, "x", SlowReader::Skip);
        }
        cx.send(message).expect("room");
    }

    fn on_fragment(&mut self, cx: &mut Context<'_>, fragment: MessageRef<'_>, last: bool) {
        self.here("on_fragment");
        cx.send_fragment(fragment, last).expect("room");
    }

    fn on_ping(&mut self, _: &mut Context<'_>, _: &[u8]) -> Pong {
        self.here("on_ping");
        Pong::Reply
    }

    fn on_pong(&mut self, _: &mut Context<'_>, _: &[u8]) {
        self.here("on_pong");
    }

    fn on_pong_timeout(&mut self, _: &mut Context<'_>) {
        self.here("on_pong_timeout");
    }

    fn on_close(&mut self, _: &mut Context<'_>, _: &Closed) {
        self.here("on_close");
    }
}

/// Nothing can be asked of it any more, and it says so.
async fn is_gone(handle: &Handle) -> Closed {
    let closed = within(handle.closed()).await;
    assert_eq!(handle.state(), State::Closed);
    assert_eq!(handle.send("too late"), Err(SendError::Closed));
    closed
}

async fn echoes(ws: &mut WebSocket, text: &str) {
    ws.send(text).await.expect("open");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from(text))));
}

#[tokio::test]
async fn a_callback_of_a_server_that_panics_ends_its_connection_with_1011_and_no_other() {
    let places = [
        "factory",
        "on_open",
        "on_message",
        "filter",
        "on_ping",
        "on_pong",
        "on_close",
    ];
    only_its_connection_ends(Config::server(), &places).await;
}

#[tokio::test]
async fn a_callback_for_fragments_that_panics_ends_its_connection_with_1011_and_no_other() {
    let mut config = Config::server();
    config.streaming = true;
    only_its_connection_ends(config, &["on_fragment"]).await;
}

/// One after the other, beside somebody whom none of it may reach.
async fn only_its_connection_ends(config: Config, places: &[&str]) {
    let (tell, mut handles) = mpsc::unbounded_channel();
    let room = Hub::new();
    let server = Server::builder().config(config).bind("127.0.0.1:0").await;
    let server = server.expect("a listener");
    let address = server.local_addr().expect("an address");
    let (running, members) = (server.clone(), room.clone());
    let serving = tokio::spawn(async move {
        let factory = move |info: &Arc<ConnectionInfo>| {
            let place = info.uri().rsplit('/').next().expect("a path").to_owned();
            if place == "factory" {
                panics();
            }
            let (room, tell) = (members.clone(), tell.clone());
            Panics { place, room, tell }
        };
        running.serve_handlers(factory).await
    });
    let mut bystander = within(bowsprit::connect(&format!("ws://{address}/")))
        .await
        .expect("a connection");
    let _membership = room.join(&handles.recv().await.expect("a handle"));
    for &place in places {
        let uri = format!("ws://{address}/{place}");
        let mut ws = within(bowsprit::connect(&uri)).await.expect("a connection");
        match place {
            // It may be closed by the time that this is sent.
            "on_message" | "filter" => drop(ws.send("x").await),
            "on_fragment" => drop(ws.send_fragment("x", true).await),
            "on_ping" => drop(ws.ping(b"!").await),
            "on_close" => drop(ws.close(CloseCode::NORMAL, "").await),
            _ => {}
        }
        assert_eq!(within(ws.recv()).await, Ok(None), "{place}");
        let closed = ws.close_info().expect("an end");
        assert!(closed.is_clean(), "{place}: {closed}");
        let code = match place {
            "on_close" => CloseCode::NORMAL,
            _ => CloseCode::INTERNAL_ERROR,
        };
        assert_eq!(closed.remote_code(), code, "{place}");
        if place != "factory" {
            is_gone(&handles.recv().await.expect("a handle")).await;
        }
        echoes(&mut bystander, place).await;
        // The hub's lock is not poisoned.
        let delivery = room.broadcast(place, SlowReader::Skip);
        assert_eq!(delivery.queued, 1, "{place}");
        let told = within(bystander.recv()).await;
        assert_eq!(told, Ok(Some(Message::from(place))));
    }
    let shutdown = server.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(50));
    let (cut, end) = within(async { tokio::join!(shutdown, bystander.recv()) }).await;
    assert_eq!((cut, end), (0, Ok(None)));
    within(serving).await.expect("no panic").expect("an end");
}

#[tokio::test(start_paused = true)]
async fn a_panic_about_a_pong_that_did_not_come_ends_what_has_ended() {
    let (tell, mut handles) = mpsc::unbounded_channel();
    let (near, far) = duplex(4096);
    let server = Server::builder().build();
    let handler = Panics {
        place: "on_pong_timeout".to_owned(),
        room: Hub::new(),
        tell,
    };
    let control = server.clone();
    let serving = tokio::spawn(async move { server.serve_on(near, None, move |_| handler).await });
    let _silent = ask(far).await;
    let handle = handles.recv().await.expect("a handle");
    is_gone(&handle).await;
    // It is the caller's task here, and what panics behind the end of a connection is the caller's.
    assert!(within(serving).await.expect_err("a panic").is_panic());
    let cut = control.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(1));
    assert_eq!(within(cut).await, 0);
}

#[tokio::test]
async fn a_factory_that_panics_is_1011_over_a_stream_of_the_callers_own() {
    let server = Server::builder().build();
    let (near, far) = duplex(4096);
    let control = server.clone();
    let serving = tokio::spawn(async move {
        let factory = |_: &Arc<ConnectionInfo>| -> Panics { panics() };
        server.serve_on(near, None, factory).await
    });
    let mut peer = ask(far).await;
    assert_eq!(
        read_frame(&mut peer).await,
        Some((CLOSE, closing(1011, "")))
    );
    drop(peer);
    within(serving).await.expect("no panic").expect("a client");
    let cut = control.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(1));
    assert_eq!(within(cut).await, 0);
}

#[tokio::test]
async fn a_callback_of_a_client_that_panics_leaves_its_thread_and_the_others_alone() {
    let running = echo().await;
    let client = Client::builder().background().expect("a thread");
    let (tell, mut handles) = mpsc::unbounded_channel();
    let start = |place: &str, uri: &str| {
        let mut policy = Reconnect::default();
        policy.tries = (place == "on_retry").then_some(9).or(Some(0));
        let handler = Panics {
            place: place.to_owned(),
            room: Hub::new(),
            tell: tell.clone(),
        };
        let request = client.request(uri).expect("a URI").reconnect(policy);
        let on_step = place == "on_step";
        let request = request.on_step(move |_: &Step<'_>| {
            if on_step {
                panics();
            }
        });
        request.handler(handler).start()
    };
    let bystander = start("", &running.uri);
    assert_eq!(handles.recv().await.as_ref(), Some(&bystander));
    // Nobody listens there any more.
    let (listener, nowhere) = listen().await;
    drop(listener);
    for place in ["on_fail", "on_retry", "on_step"] {
        let handle = start(place, &nowhere);
        let closed = is_gone(&handle).await;
        assert!(!closed.is_clean(), "{place}: {closed}");
        assert_eq!(bystander.state(), State::Open, "{place}");
    }
    for place in ["on_open", "on_message", "on_pong", "on_close"] {
        let handle = start(place, &running.uri);
        assert_eq!(handles.recv().await.as_ref(), Some(&handle));
        // Where `on_open` has panicked it is closing.
        let _ = handle.send("x");
        if place == "on_close" {
            handle.close(CloseCode::NORMAL, "").expect("open");
        }
        let closed = is_gone(&handle).await;
        let code = match place {
            "on_close" => CloseCode::NORMAL,
            _ => CloseCode::INTERNAL_ERROR,
        };
        assert_eq!(closed.local_code(), code, "{place}");
        assert_eq!(bystander.state(), State::Open, "{place}");
    }
    bystander.close(CloseCode::NORMAL, "").expect("open");
    assert!(is_gone(&bystander).await.is_clean());
    let stopping = client.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(50));
    assert_eq!(within(stopping).await, 0);
}
