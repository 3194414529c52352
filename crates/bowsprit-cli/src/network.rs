//! What happens on the network, as events of the session: the handler keeps no state but the flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bowsprit::{
    Closed, ConnectError, ConnectionInfo, Context, Handle, Handler, Message, MessageRef, Pong,
    Retry, RetryCause, SendError,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::events::{Came, Gauge};
pub(crate) use crate::failure::Failure;
use crate::log::Entry;
use crate::options::{Plan, Times};
use crate::recording::Told;
use crate::status::Status;

/// What the session is told.
#[derive(Debug)]
pub(crate) enum Report {
    /// Of the connection with this id.
    Connection(u32, Change),
    /// The echo server has stopped; it had closed this many connections.
    Stopped(usize),
    /// A line of the library's log.
    Logged(Entry),
    /// A replay at the prompt.
    Replay(Told),
}

/// What happened to a connection.
#[derive(Debug)]
pub(crate) enum Change {
    /// The opening handshake is done.
    Opened {
        info: Arc<ConnectionInfo>,
        at: Instant,
    },
    /// It will never open.
    Failed(Failure),
    /// A message came.
    Received(Message, Came),
    /// A ping came, which the library answers.
    Pinged(Vec<u8>),
    /// A pong came, and how long after the ping that it answers.
    Pong {
        payload: Vec<u8>,
        round_trip: Option<Duration>,
    },
    /// A message that had to wait for room is in the queue, or never will be.
    Queued(Message, Result<(), SendError>),
    /// It did not open or has ended, and will be made again.
    Retried(Retried),
    /// It has ended; the status tells what was wrong with that, if anything.
    Ended(Closed, Option<Status>),
}

/// A try that is about to be made.
#[derive(Debug)]
pub(crate) struct Retried {
    /// How the connection ended; `None` if it did not open.
    pub(crate) ended: Option<Closed>,
    /// Why it did not open; foreign text, not escaped.
    pub(crate) failure: Option<String>,
    pub(crate) number: u32,
    pub(crate) delay: Duration,
    pub(crate) at: Instant,
}

/// How much a connection has told the session that the session has not heard yet.
///
/// Past [`Flow::HIGH`] the handler stops reading; below [`Flow::LOW`] the session resumes. Nothing
/// is lost, and a peer that floods fills its own connection and not this program's memory.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    unheard: AtomicUsize,
    paused: AtomicBool,
}

impl Flow {
    const HIGH: usize = 1 << 20;
    const LOW: usize = 1 << 18;

    /// What an event weighs besides its payload, so that empty messages count as well.
    const OVERHEAD: usize = 128;

    /// Counts an event in; true where reading must pause before the event is handed on.
    fn add(&self, payload: usize) -> bool {
        let weight = payload + Self::OVERHEAD;
        self.unheard.fetch_add(weight, Ordering::SeqCst) + weight > Self::HIGH
    }

    /// Counts an event out; true where reading must resume.
    pub(crate) fn remove(&self, payload: usize) -> bool {
        let weight = payload + Self::OVERHEAD;
        let unheard = self.unheard.fetch_sub(weight, Ordering::SeqCst) - weight;
        unheard < Self::LOW && self.paused.swap(false, Ordering::SeqCst)
    }
}

/// Tells the session what happens to one connection.
#[derive(Debug)]
pub(crate) struct Reporter {
    id: u32,
    times: Times,
    flow: Arc<Flow>,
    events: UnboundedSender<Report>,
    /// An end is told together with what follows it: a further try, or nothing.
    reconnects: bool,
    ended: Option<Closed>,
    /// How many round trips of this connection were measured before.
    round_trips: u64,
    gauge: Gauge,
}

impl Reporter {
    /// A reporter for the connection with this id, which is made so.
    pub(crate) fn new(
        id: u32,
        plan: &Plan,
        flow: Arc<Flow>,
        events: UnboundedSender<Report>,
    ) -> Self {
        Self {
            id,
            times: plan.times(),
            flow,
            events,
            reconnects: plan.reconnects(),
            ended: None,
            round_trips: 0,
            gauge: Gauge::default(),
        }
    }

    fn tell_end(&self, closed: &Closed) {
        let status = Status::of_end(closed, &self.times);
        self.tell(Change::Ended(closed.clone(), status));
    }

    fn tell(&self, change: Change) {
        // A session that has ended needs to know nothing.
        let _ = self.events.send(Report::Connection(self.id, change));
    }

    fn tell_within_flow(&self, cx: &mut Context<'_>, payload: usize, change: Change) {
        // The mark comes before the event: whoever takes the event sees the mark.
        if self.flow.add(payload) {
            cx.pause_reading();
            self.flow.paused.store(true, Ordering::SeqCst);
        }
        self.tell(change);
    }
}

impl Handler for Reporter {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        self.round_trips = 0;
        self.gauge = Gauge::default();
        self.tell(Change::Opened {
            info: Arc::clone(cx.info()),
            at: Instant::now(),
        });
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        self.tell(Change::Failed(Failure::new(error, &self.times)));
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        let (message, came) = (message.into_message(), self.gauge.read(cx));
        let change = Change::Received(message.clone(), came);
        self.tell_within_flow(cx, message.as_bytes().len(), change);
    }

    fn on_ping(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Pong {
        self.tell_within_flow(cx, payload.len(), Change::Pinged(payload.to_vec()));
        Pong::Reply
    }

    fn on_pong(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        let trips = cx.round_trips();
        let is_measured = trips.count > self.round_trips;
        self.round_trips = trips.count;
        self.tell_within_flow(
            cx,
            payload.len(),
            Change::Pong {
                payload: payload.to_vec(),
                round_trip: trips.last.filter(|_| is_measured),
            },
        );
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        if self.reconnects {
            self.ended = Some(closed.clone());
        } else {
            self.tell_end(closed);
        }
    }

    fn on_retry(&mut self, _: &Handle, retry: &Retry<'_>) {
        let failure = match retry.cause {
            RetryCause::Failed(error) => Some(Failure::new(error, &self.times).detail),
            _ => None,
        };
        let ended = self.ended.take();
        self.tell(Change::Retried(Retried {
            ended,
            failure,
            number: retry.number,
            delay: retry.delay,
            at: Instant::now(),
        }));
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if let Some(closed) = self.ended.take() {
            self.tell_end(&closed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_a_flood_and_resumes_when_it_has_drained() {
        let flow = Flow::default();
        let mut count = 0;
        while !flow.add(1_000) {
            count += 1;
        }
        flow.paused.store(true, Ordering::SeqCst);
        let resumed = (0..=count)
            .position(|_| flow.remove(1_000))
            .expect("reading should resume");
        assert!(resumed > 0);
        assert!(
            (resumed..count).all(|_| !flow.remove(1_000)),
            "resumes once"
        );
    }
}
