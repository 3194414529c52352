//! A client and a server over a transport with whims; calls are dropped half-way. A model of what was said says what
//! must arrive, or be reported lost.

use std::{future::poll_fn, pin::pin, sync::LazyLock, task::Poll, time::Duration};

use bowsprit::{Client, CloseCode, Closed, Config, Deflate, Message, WebSocket, accept};
use tokio::{
    runtime::{Builder, Runtime},
    time::{sleep, timeout},
};

use super::wire::{Wire, wires};

/// One end, when all is over.
struct End {
    /// What it sent, and whether that was queued for certain.
    said: Vec<(Message, bool)>,
    heard: Vec<Message>,
    closed: Closed,
}

/// How the ends are made.
#[derive(Clone, Copy)]
struct Flags(u8);

impl Flags {
    /// Whether the client closes and the server hears it out, or the other way round.
    const fn client_closes(self) -> bool {
        self.0 & 1 == 0
    }

    fn adjust(self, mut config: Config) -> Config {
        config.deflate = (self.0 & 2 != 0).then(Deflate::shared);
        if self.0 & 4 != 0 {
            config.limits.send_high_water = 64;
        }
        config
    }

    const fn room(self) -> usize {
        if self.0 & 8 == 0 { 1 << 16 } else { 600 }
    }
}

pub(crate) fn run(data: &[u8]) {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
    }
    let Some(([flags, counts], rest)) = data.split_first_chunk() else {
        return;
    };
    let flags = Flags(*flags);
    let mut rest = rest.as_chunks::<2>().0;
    let mut take = |count: u8| {
        let (taken, later) = rest.split_at(usize::from(count).min(rest.len()));
        rest = later;
        taken
    };
    let (acts, others) = (take(counts % 16), take(counts / 16));
    let (near_whims, far_whims) = rest.split_at(rest.len() / 2);
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let [near, far] = wires(flags.room());
            let whims = [near.whims(), far.whims()];
            let (mut client, mut server) = shake_hands(near, far, flags).await;
            for (whims, given) in whims.iter().zip([near_whims, far_whims]) {
                whims.lock().expect("no panic").extend(given.as_flattened());
            }
            let client_closes = flags.client_closes();
            let played = async {
                tokio::join!(
                    play(&mut client, acts, client_closes),
                    play(&mut server, others, !client_closes)
                )
            };
            // On this clock an hour is over when nobody can go on.
            let played = timeout(Duration::from_secs(3_600), played).await;
            let (client, server) = played.expect("nobody waits for ever");
            let (closer, listener) = if client_closes {
                (client, server)
            } else {
                (server, client)
            };
            let is_clean = closer.closed.is_clean() || listener.closed.is_clean();
            check(&closer.said, &listener.heard, is_clean);
            // What arrives after it has closed is discarded.
            check(&listener.said, &closer.heard, false);
        });
    });
}

async fn shake_hands(near: Wire, far: Wire, flags: Flags) -> (WebSocket<Wire>, WebSocket<Wire>) {
    static CLIENT: LazyLock<Client> = LazyLock::new(Client::new);
    let request = CLIENT.request("ws://in.memory/").expect("a URI");
    let request = request.config(flags.adjust(Config::client()));
    let accepting = accept(far, flags.adjust(Config::server()));
    let (client, server) = tokio::join!(request.connect_on(near), accepting);
    (client.expect("a client"), server.expect("a server"))
}

/// What an end does until all is over.
async fn play(ws: &mut WebSocket<Wire>, acts: &[[u8; 2]], closes: bool) -> End {
    let mut said = Vec::new();
    let mut heard = Vec::new();
    for (number, [act, how]) in acts.iter().enumerate() {
        let (polls, message) = (usize::from(how % 8), message(number, *how));
        match act % 16 {
            0..=4 => {
                let sent = ws.send(message.clone()).await;
                said.push((message, sent.is_ok()));
            }
            5 | 6 => {
                let fed = ws.feed(message.clone()).await;
                said.push((message, fed.is_ok()));
            }
            7 | 8 => {
                let sent = polled(polls, ws.send(message.clone())).await;
                said.push((message, matches!(sent, Some(Ok(())))));
            }
            9 => {
                let fed = polled(polls, ws.feed(message.clone())).await;
                said.push((message, matches!(fed, Some(Ok(())))));
            }
            10..=12 => {
                if let Some(Ok(Some(message))) = polled(polls, ws.recv()).await {
                    heard.push(message);
                }
            }
            // What has gone wrong by now is told at the end.
            13 => drop(polled(polls, ws.ping(&[*how; 9])).await),
            14 => drop(polled(polls, ws.flush()).await),
            _ => sleep(Duration::from_millis((*how).into())).await,
        }
    }
    if closes {
        let _ = ws.close(CloseCode::NORMAL, "enough").await;
        // Where all was over before, what came earlier still waits.
        while let Ok(Some(message)) = ws.recv().await {
            heard.push(message);
        }
    } else {
        let error = loop {
            match ws.recv().await {
                Ok(Some(message)) => heard.push(message),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let closed = ws.close_info().expect("an end");
        assert!(error.is_none() || !closed.is_clean(), "{error:?} {closed}");
    }
    assert_eq!(ws.recv().await, Ok(None), "an end is an end");
    let closed = ws.close_info().expect("an end").clone();
    End {
        said,
        heard,
        closed,
    }
}

/// Each another, long or short, text or not.
fn message(number: usize, how: u8) -> Message {
    let len = usize::from(how >> 2) * if how & 1 == 0 { 1 } else { 40 };
    let text = format!("{number}:{}", "ahoy ".repeat(len / 5));
    if how & 2 == 0 {
        Message::from(text)
    } else {
        Message::from(text.into_bytes())
    }
}

/// What came is what was said, in its order; nothing that was certain is missing in front of it, and where the end
/// was clean nothing at all.
fn check(said: &[(Message, bool)], heard: &[Message], is_clean: bool) {
    let mut said = said.iter();
    for message in heard {
        loop {
            let (next, is_certain) = said.next().expect("somebody said it");
            if next == message {
                break;
            }
            assert!(!is_certain, "{next:?} is missing in front of {message:?}");
        }
    }
    if is_clean {
        let lost = said.find(|(_, is_certain)| *is_certain);
        assert_eq!(lost, None, "the end was clean");
    }
}

/// Polls `future` at most so many times, then drops it.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let output = future.as_mut().poll(cx).map(Some);
        if output.is_pending() {
            cx.waker().wake_by_ref();
        }
        output
    })
    .await
}
