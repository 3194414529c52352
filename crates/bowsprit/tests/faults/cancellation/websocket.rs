//! The methods of a `WebSocket`, over a transport that gives and takes a byte at every other poll.

use bowsprit::{CloseCode, Config, Message, WebSocket};
use futures_util::{SinkExt, StreamExt as _};
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use super::{
    super::support::{
        CLOSE, PING, PONG, TEXT, Trickle, answer, closing, drain, frame, pair_on, read_frame,
        within,
    },
    Case, case, dropped_at,
};

const FILE: &str = "websocket.rs";

type Client = WebSocket<Trickle<DuplexStream>>;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(FILE, "recv", |waits| receiving(waits, false)),
        case(FILE, "Stream", |waits| receiving(waits, true)),
        case(FILE, "send", send),
        case(FILE, "send", |waits| without_room(waits, How::Send)),
        case(FILE, "feed", |waits| without_room(waits, How::Feed)),
        case(FILE, "Sink", |waits| without_room(waits, How::Sink)),
        case(FILE, "send_fragment", send_fragment),
        case(FILE, "flush", flush),
        case(FILE, "ping", ping),
        case(FILE, "close", |waits| closing_down(waits, false)),
        case(FILE, "Sink", |waits| closing_down(waits, true)),
    ]
}

/// A client that gets and gives a byte at a time, and the bare peer.
async fn client_of_bare() -> (Client, DuplexStream) {
    let (near, far) = duplex(64 * 1024);
    let request = bowsprit::Client::new()
        .request("ws://in.memory/")
        .expect("a URI");
    let (client, far) = tokio::join!(request.connect_on(Trickle::new(near)), answer(far));
    (client.expect("a client"), far)
}

/// The frames that the peer gets until the client's close, which it answers.
async fn frames_until_close(mut bare: DuplexStream) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(frame) = read_frame(&mut bare).await {
        let is_last = frame.0 == CLOSE;
        frames.push(frame);
        if is_last {
            let answer = self::frame(CLOSE, &closing(1000, ""));
            bare.write_all(&answer).await.expect("a write");
            break;
        }
    }
    frames
}

/// Closes the client; what its peer got.
async fn closed(mut client: Client, bare: DuplexStream) -> Vec<(u8, Vec<u8>)> {
    let ended = client.close(CloseCode::NORMAL, "");
    let (closed, frames) = within(async { tokio::join!(ended, frames_until_close(bare)) }).await;
    assert!(closed.expect("open").is_clean());
    frames
}

fn text(payload: &str) -> (u8, Vec<u8>) {
    (TEXT, payload.into())
}

fn goodbye() -> (u8, Vec<u8>) {
    (CLOSE, closing(1000, ""))
}

async fn receiving(waits: usize, as_stream: bool) -> bool {
    let (mut client, mut bare) = client_of_bare().await;
    let fragments: [&[u8]; 3] = [b"\x01\x03fir", b"\x89\x01?", b"\x80\x02st"];
    let last = [frame(TEXT, b""), frame(TEXT, b"last")].concat();
    let close = frame(CLOSE, &closing(1000, ""));
    let input = [&fragments.concat(), &last, &close]
        .map(|part| &**part)
        .concat();
    bare.write_all(&input).await.expect("a write");
    let taken = if as_stream {
        dropped_at(waits, client.next())
            .await
            .map(Option::transpose)
    } else {
        dropped_at(waits, client.recv()).await
    };
    let done = taken.is_some();
    let taken = taken.map(|message| message.expect("no error").expect("a message"));
    let peer = async { [read_frame(&mut bare).await, read_frame(&mut bare).await] };
    let (rest, answers) = within(async { tokio::join!(drain(&mut client), peer) }).await;
    let received: Vec<Message> = taken.into_iter().chain(rest).collect();
    assert_eq!(received, ["first", "", "last"].map(Message::from));
    assert_eq!(answers, [(PONG, b"?".to_vec()), goodbye()].map(Some));
    done
}

async fn send(waits: usize) -> bool {
    let (mut client, bare) = client_of_bare().await;
    let sent = dropped_at(waits, client.send("first")).await;
    client.send("second").await.expect("open");
    let mut expected = vec![text("first"), text("second"), goodbye()];
    if waits == 0 {
        expected.remove(0);
    }
    assert_eq!(closed(client, bare).await, expected);
    sent.map(|sent| sent.expect("open")).is_some()
}

#[derive(Clone, Copy, Debug)]
enum How {
    Send,
    Feed,
    Sink,
}

/// The call waits for room before it queues anything.
async fn without_room(waits: usize, how: How) -> bool {
    let mut config = Config::client();
    config.limits.send_high_water = 8;
    let (near, far) = duplex(64);
    let trickle = Trickle::new(near);
    let (mut client, mut server) = pair_on(trickle, far, config, Config::server()).await;
    client.feed("0123456789").await.expect("open");
    let done = match how {
        How::Send => dropped_at(waits, client.send("maybe")).await,
        How::Feed => dropped_at(waits, client.feed("maybe")).await,
        How::Sink => dropped_at(waits, SinkExt::feed(&mut client, "maybe".into())).await,
    };
    let done = done.map(|sent| sent.expect("open")).is_some();
    client.feed("last").await.expect("open");
    let ended = client.close(CloseCode::NORMAL, "");
    let (closed, received) = within(async { tokio::join!(ended, drain(&mut server)) }).await;
    assert!(closed.expect("open").is_clean());
    let expected = ["0123456789", "maybe", "last"].map(Message::from);
    let without = received.len() == 2 && received[0] == expected[0] && received[1] == expected[2];
    // Only a send goes on to write after the message was queued.
    let may_be_without = !done && (waits == 0 || !matches!(how, How::Send) || without);
    assert!(
        received == expected || (without && may_be_without),
        "{received:?}"
    );
    assert!(waits > 0 || without, "{received:?}");
    done
}

async fn send_fragment(waits: usize) -> bool {
    let (mut client, bare) = client_of_bare().await;
    let sent = dropped_at(waits, client.send_fragment("fir", false)).await;
    client.send_fragment("st", true).await.expect("open");
    let frames = closed(client, bare).await;
    let expected = if waits == 0 {
        vec![text("st"), goodbye()]
    } else {
        vec![text("fir"), (0, b"st".to_vec()), goodbye()]
    };
    assert_eq!(frames, expected);
    sent.map(|sent| sent.expect("open")).is_some()
}

async fn flush(waits: usize) -> bool {
    let (mut client, bare) = client_of_bare().await;
    client.feed("first").await.expect("open");
    let flushed = dropped_at(waits, client.flush()).await;
    client.feed("second").await.expect("open");
    let frames = closed(client, bare).await;
    assert_eq!(frames, [text("first"), text("second"), goodbye()]);
    flushed.map(|flushed| flushed.expect("open")).is_some()
}

async fn ping(waits: usize) -> bool {
    let (mut client, bare) = client_of_bare().await;
    let sent = dropped_at(waits, client.ping(b"?")).await;
    client.send("last").await.expect("open");
    let mut expected = vec![(PING, b"?".to_vec()), text("last"), goodbye()];
    if waits == 0 {
        expected.remove(0);
    }
    assert_eq!(closed(client, bare).await, expected);
    sent.map(|sent| sent.expect("open")).is_some()
}

async fn closing_down(waits: usize, as_sink: bool) -> bool {
    let (mut client, bare) = client_of_bare().await;
    client.feed("before").await.expect("open");
    let peer = tokio::spawn(frames_until_close(bare));
    let done = if as_sink {
        let closed = dropped_at(waits, SinkExt::close(&mut client)).await;
        closed.map(|closed| closed.expect("open")).is_some()
    } else {
        let closed = dropped_at(waits, client.close(CloseCode::NORMAL, "")).await;
        closed.map(|closed| closed.expect("open")).is_some()
    };
    let again = within(client.close(CloseCode::GOING_AWAY, "again")).await;
    let again = again.expect("a code that may be sent");
    assert!(again.is_clean(), "{again}");
    let frames = within(peer).await.expect("no panic");
    let expected = if waits == 0 {
        (CLOSE, closing(1001, "again"))
    } else {
        goodbye()
    };
    assert_eq!(frames, [text("before"), expected]);
    done
}
