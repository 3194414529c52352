//! What the connection's handler and the loop share: they run on one thread, one after the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bowsprit::{
    Closed, Compression, ConnectError, Context, Handle, Handler, Message, MessageRef, Pong, Retry,
    RetryCause,
};
use tokio::sync::Notify;

use super::ends::{Ends, Verdict};
use super::tell::Tell;
use crate::events::{Came, Direction, Gauge, What};
use crate::network::{Failure, Retried};
use crate::options::Times;
use crate::status::Status;

/// What may wait to be printed before reading pauses.
const HIGH: usize = 1 << 17;

/// The ping behind the last message; its pong says that the peer has got there.
pub(super) const LAST_PING: &[u8] = b"end of input";

/// What to say when a connection is made again.
const LOST: &str = "the connection was lost: what was written to it last may not have arrived, and is not sent again";

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is made, or made again.
    Connecting,
    Open,
    Over,
}

/// The conversation as far as it has gone.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) tell: Tell,
    pub(super) ends: Ends,
    pub(super) phase: Phase,
    pub(super) has_opened: bool,
    /// What went wrong first.
    pub(super) status: Option<Status>,
    /// A message cannot be printed as was asked.
    pub(super) is_refused: bool,
    /// The end of input was reached on this connection.
    pub(super) has_input_ended: bool,
    /// The ping behind the last message has yet to be sent.
    pub(super) must_ping: bool,
    /// Reading pauses until what waits has been printed.
    pub(super) is_paused: bool,
    /// Messages were handed to the connection that is open.
    has_sent: bool,
    /// The end came before all that was handed over was written.
    pub(super) has_unwritten: bool,
    /// The loop has been told that there is something to look at.
    is_told: bool,
    uri: String,
    greetings: Vec<Message>,
    times: Times,
    dialled: Instant,
}

impl Talk {
    pub(super) fn new(
        tell: Tell,
        ends: Ends,
        uri: &str,
        greetings: &[String],
        times: Times,
    ) -> Self {
        Self {
            tell,
            ends,
            phase: Phase::Connecting,
            has_opened: false,
            status: None,
            is_refused: false,
            has_input_ended: false,
            must_ping: false,
            is_paused: false,
            has_sent: false,
            has_unwritten: false,
            is_told: false,
            uri: uri.to_owned(),
            greetings: greetings.iter().map(|text| text.as_str().into()).collect(),
            times,
            dialled: Instant::now(),
        }
    }

    /// A message was handed over.
    pub(super) fn sent(&mut self, message: &Message) {
        self.has_sent = true;
        self.ends.sent();
        self.tell.sent(message);
    }

    /// Whether the peer has anything to take before its silence means something.
    pub(super) const fn has_spoken(&self) -> bool {
        self.has_sent || !self.greetings.is_empty()
    }

    /// Something went wrong on this side; the text says what.
    pub(super) fn fault(&mut self, text: &str) {
        self.tell.fault(text);
        self.status.get_or_insert(Status::Refused);
    }

    fn end(&mut self, closed: &Closed, compression: Option<Compression>) {
        self.phase = Phase::Over;
        let status = Status::of_end(closed, &self.times);
        let what = What::ended(closed, status).with_compression(compression);
        self.tell.happened(what);
        if let Some(status) = status {
            self.status.get_or_insert(status);
        }
    }

    fn receive(&mut self, message: &MessageRef<'_>, came: Came) {
        if self.ends.received(message.as_bytes()) == Verdict::Print
            && !self.is_refused
            && let Err(fault) = self.tell.received(message, came)
        {
            self.is_refused = true;
            self.fault(&fault);
        }
    }
}

/// The conversation, and the bell that says that something happened.
#[derive(Debug)]
pub(super) struct Shared {
    talk: Mutex<Talk>,
    pub(super) bell: Notify,
}

impl Shared {
    pub(super) fn new(talk: Talk) -> Arc<Self> {
        Arc::new(Self {
            talk: Mutex::new(talk),
            bell: Notify::new(),
        })
    }

    /// The conversation, for somebody who looks at all of it.
    pub(super) fn look(&self) -> MutexGuard<'_, Talk> {
        let mut talk = self.lock();
        talk.is_told = false;
        talk
    }

    fn lock(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, and rings unless the bell rings already.
    fn change<T>(&self, change: impl FnOnce(&mut Talk) -> T) -> T {
        let mut talk = self.lock();
        let changed = change(&mut talk);
        if !talk.is_told {
            talk.is_told = true;
            self.bell.notify_one();
        }
        changed
    }
}

/// Hears what happens on the connection.
#[derive(Debug)]
pub(super) struct Ear {
    shared: Arc<Shared>,
    /// An end is told together with what follows it: a further try, or nothing.
    reconnects: bool,
    ended: Option<(Closed, Option<Compression>)>,
    /// How many round trips of this connection were measured before.
    round_trips: u64,
    gauge: Gauge,
}

impl Ear {
    pub(super) fn new(shared: Arc<Shared>, reconnects: bool) -> Self {
        Self {
            shared,
            reconnects,
            ended: None,
            round_trips: 0,
            gauge: Gauge::default(),
        }
    }
}

impl Handler for Ear {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        self.round_trips = 0;
        self.gauge = Gauge::default();
        self.shared.change(|talk| {
            talk.phase = Phase::Open;
            talk.has_opened = true;
            talk.has_sent = false;
            talk.has_input_ended = false;
            talk.must_ping = false;
            let opened = What::opened(cx.info(), talk.dialled.elapsed());
            talk.tell.happened(opened);
            for greeting in &talk.greetings {
                // Nothing waits yet on a connection that has just opened.
                if cx.send(greeting).is_ok() {
                    talk.tell.sent(greeting);
                }
            }
        });
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        self.shared.change(|talk| {
            talk.phase = Phase::Over;
            let failure = Failure::new(error, &talk.times);
            // What was given up needs no explanation.
            if !matches!(error, ConnectError::Canceled) {
                talk.tell.failed(&talk.uri, &failure);
            }
            if let Some(status) = failure.status {
                talk.status.get_or_insert(status);
            }
        });
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        let came = self.gauge.read(cx);
        let must_pause = self.shared.change(|talk| {
            talk.receive(&message, came);
            let must_pause = !talk.is_paused && talk.tell.out().len() > HIGH;
            talk.is_paused |= must_pause;
            must_pause
        });
        if must_pause {
            cx.pause_reading();
        }
    }

    fn on_ping(&mut self, _: &mut Context<'_>, payload: &[u8]) -> Pong {
        self.shared.change(|talk| {
            talk.tell.control(true, Direction::Received, payload, None);
            talk.tell.control(false, Direction::Sent, payload, None);
        });
        Pong::Reply
    }

    fn on_pong(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        let trips = cx.round_trips();
        let is_measured = trips.count > self.round_trips;
        self.round_trips = trips.count;
        let round_trip = trips.last.filter(|_| is_measured);
        self.shared.change(|talk| {
            talk.tell
                .control(false, Direction::Received, payload, round_trip);
            if payload == LAST_PING {
                talk.ends.silence_begins();
            }
        });
    }

    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed) {
        let has_unwritten = cx.handle().buffered_bytes() > 0;
        self.shared.change(|talk| {
            talk.ends.pause();
            if self.reconnects {
                talk.phase = Phase::Connecting;
                self.ended = Some((closed.clone(), cx.compression()));
            } else {
                talk.has_unwritten = has_unwritten;
                talk.end(closed, cx.compression());
            }
        });
    }

    fn on_retry(&mut self, _: &Handle, retry: &Retry<'_>) {
        let failure = match retry.cause {
            RetryCause::Failed(error) => Some(error.to_string()),
            _ => None,
        };
        let ended = self.ended.take();
        self.shared.change(|talk| {
            if let Some((closed, compression)) = &ended {
                let what = What::ended(closed, None).with_compression(*compression);
                talk.tell.happened(what);
                if talk.has_sent && !closed.is_clean() {
                    talk.tell.say(LOST);
                }
            }
            let at = Instant::now();
            talk.dialled = at + retry.delay;
            talk.tell.happened(What::retried(&Retried {
                ended: ended.map(|(closed, _)| closed),
                failure,
                number: retry.number,
                delay: retry.delay,
                at,
            }));
        });
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some((closed, compression)) = self.ended.take() {
            self.shared.change(|talk| talk.end(&closed, compression));
        }
    }
}
