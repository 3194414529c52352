//! What the connections of a server share, and the handler that all of them begin with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bowsprit::{
    CloseCode, Closed, ConnectionId, ConnectionInfo, Context, Handle, Handler, Initiator, Message,
    MessageRef,
};
use tokio::sync::watch;

use super::modes::Mode;
use super::tell::Teller;
use super::visit::Visit;
use super::words::After;
use crate::events::{Came, Direction, Gauge, What};
use crate::options::{Farewell, Times};
use crate::status::Status;

/// What the connections of a server share.
#[derive(Debug)]
pub(super) struct House {
    mode: Mode,
    teller: Teller,
    /// Whether someone may ask for the connections and what they do: the page.
    is_watched: bool,
    is_encrypted: bool,
    close_after: Option<(After, Farewell)>,
    times: Times,
    next_id: AtomicU32,
    /// Those that are open, where the house is watched.
    callers: Mutex<BTreeMap<ConnectionId, Arc<Caller>>>,
    /// How many connections a shutdown has closed.
    dismissed: AtomicUsize,
    /// How the last connection ended, as an exit status.
    last: watch::Sender<Option<u8>>,
}

/// What a [`House`] is built from.
#[derive(Debug)]
pub(super) struct Furniture {
    pub(super) mode: Mode,
    pub(super) teller: Teller,
    pub(super) is_watched: bool,
    pub(super) is_encrypted: bool,
    pub(super) close_after: Option<(After, Farewell)>,
    pub(super) times: Times,
}

impl House {
    pub(super) fn new(furniture: Furniture) -> Self {
        Self {
            mode: furniture.mode,
            teller: furniture.teller,
            is_watched: furniture.is_watched,
            is_encrypted: furniture.is_encrypted,
            close_after: furniture.close_after,
            times: furniture.times,
            next_id: AtomicU32::new(0),
            callers: Mutex::default(),
            dismissed: AtomicUsize::new(0),
            last: watch::Sender::new(None),
        }
    }

    /// Where events of the server go.
    pub(super) const fn teller(&self) -> &Teller {
        &self.teller
    }

    /// Whether someone may ask for the connections and what they do.
    pub(super) const fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Whether clients speak TLS.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// What is served.
    pub(super) const fn mode(&self) -> &Mode {
        &self.mode
    }

    /// How many connections a shutdown has closed so far.
    pub(super) fn dismissed(&self) -> usize {
        self.dismissed.load(Ordering::Relaxed)
    }

    /// How many connections there have been.
    pub(super) fn seen(&self) -> u32 {
        self.next_id.load(Ordering::Relaxed)
    }

    /// The connections that are open, in the order of their ids.
    pub(super) fn callers(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Arc<Caller>>> {
        // A map is whole between any two statements: a panic breaks nothing.
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of a connection: the exit status that it stands for.
    pub(super) async fn one_ended(&self) -> u8 {
        let mut last = self.last.subscribe();
        let ended = last.wait_for(Option::is_some).await;
        ended.ok().and_then(|status| *status).unwrap_or_default()
    }

    /// The handler of a connection that has opened.
    pub(super) fn receive(self: &Arc<Self>, info: &Arc<ConnectionInfo>, visit: &Visit) -> Guest {
        let caller = Arc::new(Caller {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            house: Arc::clone(self),
            info: Arc::clone(info),
            since: Instant::now(),
            received: Count::default(),
            sent: Count::default(),
        });
        let mode = self.mode.handler(&caller, visit);
        Guest {
            caller,
            mode,
            started: visit.started,
            messages: 0,
            gauge: Gauge::default(),
        }
    }
}

/// One connection, as its mode and the page see it.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) id: u32,
    pub(super) house: Arc<House>,
    pub(super) info: Arc<ConnectionInfo>,
    pub(super) since: Instant,
    pub(super) received: Count,
    pub(super) sent: Count,
}

/// Messages, and bytes of payload.
#[derive(Debug, Default)]
pub(super) struct Count {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Both numbers.
    pub(super) fn get(&self) -> [u64; 2] {
        [&self.messages, &self.bytes].map(|count| count.load(Ordering::Relaxed))
    }
}

impl Caller {
    /// A message came.
    fn heard(&self, message: &MessageRef<'_>, came: Came) {
        self.note(&self.received, message, |message| {
            What::received(message, came)
        });
    }

    /// A message was queued for it.
    pub(super) fn said<'m>(&self, message: impl Into<MessageRef<'m>>) {
        self.note(&self.sent, &message.into(), |message| {
            What::message(Direction::Sent, message)
        });
    }

    /// A message that all get was queued for it: it is counted, and not told for each.
    pub(super) fn said_to_all(&self, bytes: usize) {
        self.sent.add(bytes);
    }

    /// Tells something else of it.
    pub(super) fn tell(&self, text: impl FnOnce() -> String) {
        let what = || What::Log { text: text() };
        self.house.teller.tell(Some(self.id), what);
    }

    fn note(&self, count: &Count, message: &MessageRef<'_>, what: impl FnOnce(Message) -> What) {
        if self.house.is_watched {
            count.add(message.as_bytes().len());
        }
        if self.house.teller.tells_messages() {
            let what = || what(Message::from(message.clone()));
            self.house.teller.tell(Some(self.id), what);
        }
    }

    fn open(&self, took: std::time::Duration) -> What {
        let mut what = What::opened(&self.info, took);
        if let What::Open(opened) = &mut what
            && self.house.is_encrypted
        {
            opened.uri = opened.uri.replacen("ws:", "wss:", 1);
        }
        what
    }
}

/// The handler of every connection: it counts and tells, and hands on to the mode.
pub(super) struct Guest {
    caller: Arc<Caller>,
    mode: Box<dyn Handler>,
    started: Instant,
    messages: u64,
    gauge: Gauge,
}

impl Guest {
    fn close_by_count(&self, cx: &mut Context<'_>) {
        if let Some((After::Messages(count), with)) = &self.caller.house.close_after
            && self.messages >= *count
        {
            // Refused where the closing has begun, which is as good.
            let _ = cx.close(with.code, &with.reason);
        }
    }
}

impl Handler for Guest {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let house = &self.caller.house;
        let took = self.started.elapsed();
        house
            .teller
            .tell(Some(self.caller.id), || self.caller.open(took));
        if house.is_watched {
            let caller = Arc::clone(&self.caller);
            house.callers().insert(cx.id(), caller);
        }
        if let Some((After::Time(time), with)) = &house.close_after {
            tokio::spawn(close_in(*time, with.clone(), cx.handle()));
        }
        self.mode.on_open(cx);
        self.close_by_count(cx);
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        // Nobody is told of it otherwise, and handles learn it soon enough.
        let came = match self.caller.house.teller.tells_messages() {
            true => self.gauge.read(cx),
            false => Came::Plainly,
        };
        self.caller.heard(&message, came);
        self.mode.on_message(cx, message);
        self.messages += 1;
        self.close_by_count(cx);
    }

    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed) {
        let house = &self.caller.house;
        self.mode.on_close(cx, closed);
        if house.is_watched {
            house.callers().remove(&cx.id());
        }
        let is_ours = closed.local_code() == CloseCode::GOING_AWAY
            && closed.initiator == Some(Initiator::Local);
        house
            .dismissed
            .fetch_add(usize::from(is_ours), Ordering::Relaxed);
        let status = Status::of_end(closed, &house.times);
        house.teller.tell(Some(self.caller.id), || {
            What::ended(closed, status).with_compression(cx.compression())
        });
        house
            .last
            .send_replace(Some(status.map_or(0, |status| status as u8)));
    }
}

async fn close_in(time: std::time::Duration, with: Farewell, handle: Handle) {
    tokio::select! {
        () = tokio::time::sleep(time) => {
            // Refused where the closing has begun, which is as good.
            let _ = handle.close(with.code, &with.reason);
        }
        _ = handle.closed() => {}
    }
}
