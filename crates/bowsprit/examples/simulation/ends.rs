//! What the two ends do with their connection: programs as people write them.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use bowsprit::{Client, CloseCode, Handle, MessageRef, Receiver, Sender, Server, WebSocket};
use rand::{RngExt, rngs::SmallRng};
use tokio::time::{sleep, timeout};

use crate::{
    ledger::Voice,
    network::End,
    part::{How, Part, Style, send_from_afar},
    talker::Talker,
};

/// The client of a connection over this end, to the end of its life.
pub(crate) async fn client(io: End, part: Part) {
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let request = request.config(part.config.clone());
    if part.style == Style::Handler {
        let mut io = Some(io);
        let dial = move || {
            std::future::ready(io.take().ok_or_else(|| std::io::ErrorKind::NotFound.into()))
        };
        let handle = request.handler(Talker::new(part)).start_on(dial);
        handle.closed().await;
        return;
    }
    match request.connect_on(io).await {
        Ok(ws) => run(ws, part).await,
        Err(error) => part.failed(&error),
    }
}

/// The server's side: one that awaits, or one with a handler.
pub(crate) async fn server(server: Server, io: End, part: Part) {
    if part.style == Style::Handler {
        let talker = part.clone();
        if let Err(error) = server.serve_on(io, None, |_| Talker::new(talker)).await {
            part.failed(&error);
        }
        return;
    }
    match server.accept_on(io, None).await {
        Ok(ws) => run(ws, part).await,
        Err(error) => part.failed(&error),
    }
}

async fn run(mut ws: WebSocket<End>, part: Part) {
    let handle = ws.handle();
    part.opened(&handle);
    let place = part
        .crowd
        .as_ref()
        .map(|crowd| crowd.join(&handle, &part.ledger));
    let sending = tokio::spawn(send_from_afar(handle.clone(), part.clone()));
    match part.style {
        Style::Turns => in_turns(ws, &part, &handle).await,
        Style::Cancels => with_dropped_futures(ws, &part, &handle).await,
        _ => in_halves(ws, &part, &handle).await,
    }
    drop(place);
    sending.await.expect("no panic");
}

/// One look at `future`, which is dropped if it is not done.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        })
    })
    .await
}

/// Notes the end of a connection that is over.
fn over(ws: &WebSocket<End>, part: &Part) {
    part.closed(ws.close_info());
}

/// Goes before all is said.
async fn go(mut ws: WebSocket<End>, how: How, part: &Part, handle: &Handle) {
    if how == How::Vanish {
        part.is_deaf_now();
        drop(ws);
        return part.closed(handle.close_info().as_ref());
    }
    if how == How::Inside {
        let _ = ws.send_fragment("begun, ", false).await;
    }
    if how == How::Own {
        part.is_deaf_now();
        let _ = ws.close(CloseCode(4001), "in haste").await;
        return over(&ws, part);
    }
    let _ = handle.close(CloseCode(4000), "in haste");
    hear_the_rest(&mut ws, part).await;
    over(&ws, part);
}

async fn hear_the_rest(ws: &mut WebSocket<End>, part: &Part) {
    while let Ok(Some(heard)) = ws.recv().await {
        part.heard(&MessageRef::from(&heard));
    }
}

/// Says the next message in one of the ways that there are; whether the connection goes on.
async fn say(ws: &mut WebSocket<End>, part: &Part, random: &mut SmallRng) -> bool {
    let next = part.next(Voice::Owner);
    match random.random_range(0..200) {
        0 => return ws.ping(b"turn").await.is_ok(),
        1..8 => {
            // Told of an end behind it: sent or not, nobody can tell.
            if ws.send(next).await.is_err() {
                part.ledger.doubtful(part.side);
                return false;
            }
        }
        8..12 => {
            if in_fragments(ws, MessageRef::from(&next), random)
                .await
                .is_err()
            {
                part.ledger.doubtful(part.side);
                return false;
            }
        }
        _ => {
            if ws.feed(next).await.is_err() {
                return false;
            }
        }
    }
    part.said(Voice::Owner);
    true
}

async fn in_fragments(
    ws: &mut WebSocket<End>,
    message: MessageRef<'_>,
    random: &mut SmallRng,
) -> Result<(), bowsprit::Error> {
    let (mut rest, is_text) = (message.as_bytes(), message.as_text().is_some());
    loop {
        let last = random.random_bool(0.4);
        let len = if last {
            rest.len()
        } else {
            random.random_range(0..=rest.len())
        };
        let (piece, later) = rest.split_at(len);
        // Words are ASCII, which may be cut anywhere.
        let text = std::str::from_utf8(piece).unwrap_or_default();
        let piece = if is_text {
            MessageRef::from(text)
        } else {
            piece.into()
        };
        ws.send_fragment(piece, last).await?;
        if last {
            return Ok(());
        }
        if random.random_range(0..8) == 0 {
            sleep(Duration::from_millis(random.random_range(0..300))).await;
        }
        rest = later;
    }
}

async fn laze(part: &Part, random: &mut SmallRng) {
    if part.is_slow && random.random_range(0..500) == 0 {
        sleep(Duration::from_millis(random.random_range(0..2_000))).await;
    }
}

/// Says some, hears some. Its end is when the connection's is.
async fn in_turns(mut ws: WebSocket<End>, part: &Part, handle: &Handle) {
    let mut random = part.random(3);
    loop {
        for _ in 0..random.random_range(1..40) {
            if let Some(how) = part.goes_now() {
                return go(ws, how, part, handle).await;
            }
            if part.is_done(Voice::Owner) || !handle.is_open() {
                hear_slowly(&mut ws, part, &mut random).await;
                return over(&ws, part);
            }
            if !say(&mut ws, part, &mut random).await {
                break;
            }
        }
        let patience = if random.random_range(0..8) == 0 {
            random.random_range(1..20)
        } else {
            0
        };
        for _ in 0..random.random_range(1..80) {
            let heard = match patience {
                0 => at_once(ws.recv()).await,
                _ => timeout(Duration::from_millis(patience), ws.recv())
                    .await
                    .ok(),
            };
            match heard {
                Some(Ok(Some(heard))) => part.heard(&MessageRef::from(&heard)),
                Some(_) => return over(&ws, part),
                None => break,
            }
            laze(part, &mut random).await;
        }
    }
}

async fn hear_slowly(ws: &mut WebSocket<End>, part: &Part, random: &mut SmallRng) {
    while let Ok(Some(heard)) = ws.recv().await {
        part.heard(&MessageRef::from(&heard));
        laze(part, random).await;
    }
}

/// Each future is dropped after one look, or a moment that may be too short.
async fn with_dropped_futures(mut ws: WebSocket<End>, part: &Part, handle: &Handle) {
    let mut random = part.random(4);
    loop {
        if let Some(how) = part.goes_now() {
            return go(ws, how, part, handle).await;
        }
        if part.is_done(Voice::Owner) || !handle.is_open() {
            hear_slowly(&mut ws, part, &mut random).await;
            return over(&ws, part);
        }
        let dice = random.random_range(0..100);
        // Time passes only where something waits for it.
        let patience =
            (dice % 10 == 0).then(|| Duration::from_micros(random.random_range(0..2_000)));
        match dice {
            0..50 => {
                // `feed` queues the whole message at its last look or not at all, so its outcome says which.
                let feeding = ws.feed(part.next(Voice::Owner));
                if let Some(Ok(())) = within(part, patience, feeding).await {
                    part.said(Voice::Owner);
                }
            }
            50..56 => match within(part, patience, ws.send(part.next(Voice::Owner))).await {
                Some(Ok(())) => part.said(Voice::Owner),
                _ => part.ledger.doubtful(part.side),
            },
            56..60 => drop(within(part, patience, ws.flush()).await),
            60 => drop(within(part, patience, ws.ping(b"dropped")).await),
            _ => match within(part, patience, ws.recv()).await {
                Some(Ok(Some(heard))) => part.heard(&MessageRef::from(&heard)),
                Some(_) => return over(&ws, part),
                None => {}
            },
        }
    }
}

async fn within<T>(
    part: &Part,
    patience: Option<Duration>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let result = match patience {
        None => at_once(future).await,
        Some(patience) => timeout(patience, future).await.ok(),
    };
    if result.is_none() {
        part.ledger.pulse().count_given_up();
    }
    result
}

async fn in_halves(ws: WebSocket<End>, part: &Part, handle: &Handle) {
    let (sender, receiver) = ws.split();
    let sending = tokio::spawn(send_half(sender, part.clone(), handle.clone()));
    hear_half(receiver, part).await;
    sending.await.expect("no panic");
    part.closed(handle.close_info().as_ref());
}

async fn send_half(mut sender: Sender<End>, part: Part, handle: Handle) {
    let mut random = part.random(5);
    while !part.is_done(Voice::Owner) {
        match part.goes_now() {
            Some(How::Vanish) => {
                part.is_deaf_now();
                return handle.terminate();
            }
            Some(How::Handle) => {
                let _ = handle.close(CloseCode(4000), "in haste");
                return;
            }
            Some(_) => {
                let _ = sender.close(CloseCode(4001), "in haste").await;
                return;
            }
            None => {}
        }
        if sender.feed(part.next(Voice::Owner)).await.is_err() {
            return;
        }
        part.said(Voice::Owner);
        match random.random_range(0..256) {
            0 => drop(sender.ping(b"half").await),
            1..16 if sender.flush().await.is_err() => return,
            _ => {}
        }
    }
    // What goes wrong with it is in how the connection ends.
    let _ = sender.flush().await;
}

async fn hear_half(mut receiver: Receiver<End>, part: &Part) {
    let mut random = part.random(6);
    while let Ok(Some(heard)) = receiver.recv().await {
        part.heard(&MessageRef::from(&heard));
        laze(part, &mut random).await;
    }
}
