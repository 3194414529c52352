//! The methods of the halves of a connection, and of a handle.

use std::time::Duration;

use bowsprit::{CloseCode, Config, Handle, Message, Receiver, Sender, WebSocket};
use futures_util::{SinkExt, StreamExt as _};
use tokio::{
    io::{DuplexStream, duplex},
    task::JoinHandle,
};

use super::{
    super::support::{Trickle, drain, pair_on, within},
    Case, case, dropped_at,
};

const SPLIT: &str = "split.rs";
const HANDLE: &str = "handle.rs";

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(SPLIT, "send", |waits| sending(waits, How::Send)),
        case(SPLIT, "feed", |waits| sending(waits, How::Feed)),
        case(SPLIT, "flush", |waits| sending(waits, How::Flush)),
        case(SPLIT, "ping", |waits| sending(waits, How::Ping)),
        case(SPLIT, "Sink", |waits| sending(waits, How::Sink)),
        case(SPLIT, "close", |waits| closing(waits, false)),
        case(SPLIT, "Sink", |waits| closing(waits, true)),
        case(SPLIT, "recv", |waits| receiving(waits, false)),
        case(SPLIT, "Stream", |waits| receiving(waits, true)),
        case(HANDLE, "send_wait", send_wait),
        case(HANDLE, "closed", closed),
    ]
}

type Slow = Trickle<DuplexStream>;

/// The halves of a slow client that has little room, and its peer.
async fn halves() -> (Sender<Slow>, Receiver<Slow>, WebSocket<DuplexStream>) {
    let mut config = Config::client();
    config.limits.send_high_water = 8;
    let (near, far) = duplex(64);
    let (client, server) = pair_on(Trickle::new(near), far, config, Config::server()).await;
    let (sender, receiver) = client.split();
    (sender, receiver, server)
}

/// What a peer receives until the end.
fn collecting(mut server: WebSocket<DuplexStream>) -> JoinHandle<Vec<Message>> {
    tokio::spawn(async move { drain(&mut server).await })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Send,
    Feed,
    Flush,
    Ping,
    Sink,
}

async fn sending(waits: usize, how: How) -> bool {
    let (mut sender, mut receiver, server) = halves().await;
    let received = collecting(server);
    sender.feed("0123456789").await.expect("open");
    let done = match how {
        How::Send => dropped_at(waits, sender.send("maybe")).await,
        How::Feed => dropped_at(waits, sender.feed("maybe")).await,
        How::Flush => dropped_at(waits, sender.flush()).await,
        How::Ping => dropped_at(waits, sender.ping(b"?")).await,
        How::Sink => dropped_at(waits, SinkExt::send(&mut sender, "maybe".into())).await,
    };
    let done = done.map(|sent| sent.expect("open")).is_some();
    // From here on with a receiving half, which takes the pong and sees the end.
    let listening = tokio::spawn(async move {
        assert_eq!(receiver.recv().await, Ok(None));
        receiver
    });
    sender.feed("last").await.expect("open");
    let _ = sender.close(CloseCode::NORMAL, "").await;
    let receiver = within(listening).await.expect("no panic");
    let received = within(received).await.expect("no panic");
    let all = ["0123456789", "maybe", "last"].map(Message::from);
    let without = [all[0].clone(), all[2].clone()];
    let says_nothing = matches!(how, How::Flush | How::Ping);
    let must_be_there = done && !says_nothing;
    assert!(
        (received == all && waits > 0 && !says_nothing) || (received == without && !must_be_there),
        "{received:?}"
    );
    let pongs = usize::from(how == How::Ping && waits > 0);
    assert_eq!(receiver.round_trips().count, pongs as u64);
    done
}

async fn closing(waits: usize, as_sink: bool) -> bool {
    let (mut sender, mut receiver, server) = halves().await;
    let received = collecting(server);
    sender.feed("before").await.expect("open");
    let done = if as_sink {
        dropped_at(waits, SinkExt::close(&mut sender)).await
    } else {
        dropped_at(waits, sender.close(CloseCode::NORMAL, "")).await
    };
    let done = done.map(|closed| closed.expect("open")).is_some();
    if waits == 0 {
        sender.close(CloseCode::NORMAL, "").await.expect("open");
    }
    assert_eq!(within(receiver.recv()).await, Ok(None));
    assert!(receiver.close_info().expect("an end").is_clean());
    let received = within(received).await.expect("no panic");
    assert_eq!(received, [Message::from("before")]);
    done
}

async fn receiving(waits: usize, as_stream: bool) -> bool {
    let (_sender, mut receiver, mut server) = halves().await;
    let peer = tokio::spawn(async move {
        for number in 0..3 {
            server.send(number.to_string()).await.expect("open");
        }
        server.close(CloseCode::NORMAL, "").await.expect("open")
    });
    let taken = if as_stream {
        let next = dropped_at(waits, receiver.next()).await;
        next.map(Option::transpose)
    } else {
        dropped_at(waits, receiver.recv()).await
    };
    let done = taken.is_some();
    let mut received = Vec::from_iter(taken.map(|one| one.expect("no error").expect("a message")));
    while let Some(message) = within(receiver.recv()).await.expect("a clean end") {
        received.push(message);
    }
    assert_eq!(received, ["0", "1", "2"].map(Message::from));
    assert!(within(peer).await.expect("no panic").is_clean());
    done
}

/// A handle of a slow client that runs in a task, and its peer.
async fn handle() -> (Handle, JoinHandle<()>, WebSocket<DuplexStream>) {
    let mut config = Config::client();
    config.limits.send_high_water = 8;
    let (near, far) = duplex(64);
    let (mut client, server) = pair_on(Trickle::new(near), far, config, Config::server()).await;
    let handle = client.handle();
    let running = tokio::spawn(async move {
        drain(&mut client).await;
    });
    (handle, running, server)
}

async fn send_wait(waits: usize) -> bool {
    let (handle, running, server) = handle().await;
    let received = collecting(server);
    handle.send("0123456789").expect("room");
    let sent = dropped_at(waits, handle.send_wait("maybe")).await;
    let done = sent.map(|sent| sent.expect("open")).is_some();
    handle.send_wait("last").await.expect("open");
    handle.close(CloseCode::NORMAL, "").expect("open");
    within(running).await.expect("no panic");
    let mut expected = vec!["0123456789", "last"];
    if done {
        expected.insert(1, "maybe");
    }
    let received = within(received).await.expect("no panic");
    assert_eq!(
        received,
        Vec::from_iter(expected.into_iter().map(Message::from))
    );
    done
}

async fn closed(waits: usize) -> bool {
    let (handle, running, server) = handle().await;
    let received = collecting(server);
    let other = handle.clone();
    let closing = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        other.close(CloseCode::NORMAL, "").expect("open");
    });
    let done = dropped_at(waits, handle.closed()).await.is_some();
    assert!(within(handle.closed()).await.is_clean());
    within(closing).await.expect("no panic");
    within(running).await.expect("no panic");
    assert!(within(received).await.expect("no panic").is_empty());
    done
}
