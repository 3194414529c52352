//! The server: sends every message back, after it has looked whether it is the next one of its sender.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use bowsprit::{CloseCode, Error, Hub, Message, Server, SlowReader, WebSocket};
use serde_json::json;
use tokio::time::interval;

use crate::{
    Failure, Options,
    message::{EVERYBODY, Stamp},
    tally::{TELL, Tally, count, hear, say},
};

/// How long what is to all is in bytes.
const NOTICE: usize = 200;

#[derive(Default)]
struct House {
    tally: Tally,
    all: Hub,
    /// By sender: the number that comes next.
    next: Mutex<HashMap<u64, u64>>,
}

/// Serves until standard input ends.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let house = Arc::new(House::default());
    let mut builder = Server::builder().config(options.config);
    if let Some(number) = options.handshakes {
        builder = builder.max_handshakes(number);
    }
    let server = builder.bind(&options.listen).await?;
    say(&json!({ "ws": server.local_addr()?.port() }));
    let control = server.clone();
    tokio::spawn(async move {
        while hear().await {}
        control
            .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5))
            .await;
    });
    let told = house.clone();
    tokio::spawn(async move {
        let mut ticks = interval(TELL);
        loop {
            ticks.tick().await;
            say(&told.tally.counts());
        }
    });
    if let Some(pause) = options.broadcast {
        tokio::spawn(tell_all(house.clone(), pause));
    }
    let guests = house.clone();
    server.serve(move |ws| answer(guests.clone(), ws)).await?;
    say(&house.tally.counts());
    Ok(())
}

async fn tell_all(house: Arc<House>, pause: Duration) {
    let mut ticks = interval(pause);
    for number in 0.. {
        ticks.tick().await;
        let stamp = Stamp {
            sender: EVERYBODY,
            number,
        };
        let delivery = house
            .all
            .broadcast(stamp.message(NOTICE), SlowReader::Report);
        if delivery.full > 0 {
            house.tally.wrong("no room for a message to all");
        }
        count(&house.tally.broadcasts);
    }
}

async fn answer(house: Arc<House>, mut ws: WebSocket) -> Result<(), Error> {
    let tally = &house.tally;
    count(&tally.open);
    count(&tally.opened);
    let membership = house.all.join(&ws.handle());
    let mut sender = EVERYBODY;
    // What goes wrong is told by how the connection has ended.
    while let Ok(Some(message)) = ws.recv().await {
        sender = house.look_at(&message).unwrap_or(sender);
        if ws.feed(message).await.is_err() {
            break;
        }
        count(&tally.sent);
    }
    drop(membership);
    tally.pongs.fetch_add(ws.round_trips().count, Relaxed);
    let closed = ws.close_info();
    if closed.is_none_or(|closed| closed.remote.is_none()) {
        tally.lost(sender, closed);
    }
    tally.open.fetch_sub(1, Relaxed);
    Ok(())
}

impl House {
    /// The sender of a message.
    fn look_at(&self, message: &Message) -> Option<u64> {
        let Some(Stamp { sender, number }) = Stamp::of(message) else {
            self.tally.wrong("a message to the server was changed");
            return None;
        };
        let mut senders = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let next = senders.entry(sender).or_default();
        match number.checked_sub(*next) {
            None => self.tally.wrong("a message came twice, or late"),
            Some(left_out) => {
                self.tally.missing.fetch_add(left_out, Relaxed);
                count(&self.tally.right);
                *next = number + 1;
            }
        }
        let length = u64::try_from(message.as_bytes().len()).unwrap_or(u64::MAX);
        self.tally.bytes.fetch_add(length, Relaxed);
        Some(sender)
    }
}
