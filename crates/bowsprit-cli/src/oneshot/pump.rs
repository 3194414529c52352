//! The loop: input to the connection, what came to standard output, until one of the ends is reached.

use std::future;
use std::io::ErrorKind;
use std::mem;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use bowsprit::{CloseCode, Handle, Message, SendError};

use super::pace::Pace;
use super::source::Source;
use super::talk::{LAST_PING, Phase, Shared};
use super::writer::Writer;
use crate::events::Direction;
use crate::options::Farewell;
use crate::printer::text;
use crate::signals::Signals;
use crate::status::Status;

/// What is worth a write of its own while more is coming.
const BATCH: usize = 1 << 16;

/// How long a closing handshake may take once a signal or `--timeout` has asked for the end.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait for room for the ping behind the last message.
const PING_AGAIN: Duration = Duration::from_millis(50);

/// What ends the conversation, besides the peer.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) farewell: Farewell,
    /// The end of input is the end.
    pub(super) closes_after: bool,
    pub(super) timeout: Option<Duration>,
}

/// One conversation.
#[derive(Debug)]
pub(super) struct Pump {
    pub(super) shared: Arc<Shared>,
    pub(super) handle: Handle,
    pub(super) source: Source,
    pub(super) writer: Writer,
    pub(super) signals: Signals,
    pub(super) rules: Rules,
    state: State,
}

/// What the loop remembers from turn to turn.
#[derive(Debug, Default)]
struct State {
    /// A message that waits for room, or for a connection.
    next: Option<Message>,
    /// How this side closes, once it does.
    leaving: Option<Farewell>,
    /// The closing handshake has begun.
    is_closing: bool,
    /// When `--timeout` strikes.
    timeout: Option<Instant>,
    /// When the closing handshake has taken too long.
    patience: Option<Instant>,
    /// The exit status, where a signal or a reader that went away has settled it.
    settled: Option<u8>,
    /// Nobody reads what is printed any more.
    is_deaf: bool,
    /// It ends without a closing handshake, and without the rest of the output.
    is_given_up: bool,
    /// How much waited to be printed when it was last looked at.
    seen: usize,
    pace: Pace,
    /// How long what comes next may gather.
    rest: Option<Duration>,
}

/// What the loop was woken by.
enum Turn {
    /// Something that it finds by looking.
    Look,
    Read(Result<(), String>),
    Sent(Result<(), SendError>),
    Time,
    Signal(u8),
}

impl Pump {
    pub(super) fn new(
        shared: Arc<Shared>,
        handle: Handle,
        (source, writer): (Source, Writer),
        signals: Signals,
        rules: Rules,
    ) -> Self {
        let timeout = rules.timeout.map(|time| Instant::now() + time);
        Self {
            shared,
            handle,
            source,
            writer,
            signals,
            rules,
            state: State {
                timeout,
                ..State::default()
            },
        }
    }

    /// Runs to the end, and returns the exit status.
    pub(super) async fn run(mut self) -> u8 {
        loop {
            self.feed();
            self.pursue();
            if self.print() {
                // More is coming: one write is to take it all.
                give_way().await;
                continue;
            }
            if self.state.is_given_up || self.shared.look().phase == Phase::Over {
                return self.finish().await;
            }
            if let Some(rest) = self.state.rest.take() {
                // The whole thread: even to learn that something came is what costs.
                thread::sleep(rest);
            }
            let turn = self.wait().await;
            self.take(turn);
        }
    }

    /// Hands over as much of the input as there is room for.
    fn feed(&mut self) {
        let mut talk = self.shared.look();
        if talk.phase != Phase::Open || self.state.leaving.is_some() {
            return;
        }
        loop {
            let message = match self.state.next.take() {
                Some(message) => message,
                None => match self.source.next() {
                    Some(Ok(message)) => message,
                    Some(Err(fault)) => {
                        talk.fault(&format!("{fault}; nothing from there on was sent"));
                        return;
                    }
                    None => return,
                },
            };
            match self.handle.send(message.clone()) {
                Ok(()) => {
                    self.state.pace.sent();
                    talk.sent(&message);
                }
                // Its time comes, or the end says that it did not.
                Err(_) => {
                    self.state.next = Some(message);
                    return;
                }
            }
        }
    }

    /// Finds out whether it is time to leave.
    fn pursue(&mut self) {
        let mut talk = self.shared.look();
        if talk.is_refused {
            let reason = "only text is printed here".to_owned();
            let code = CloseCode::UNSUPPORTED_DATA;
            self.state.leaving.get_or_insert(Farewell { code, reason });
        }
        let has_sent_all =
            self.source.has_ended() && self.state.next.is_none() && talk.phase == Phase::Open;
        let leaves = if !has_sent_all || self.state.leaving.is_some() {
            false
        } else if self.rules.closes_after {
            true
        } else {
            if !mem::replace(&mut talk.has_input_ended, true) {
                let has_spoken = talk.has_spoken();
                talk.must_ping = talk.ends.input_ended(has_spoken);
            }
            // A message may be so large that there is room behind it only once it has gone.
            if talk.must_ping && self.handle.ping(LAST_PING).is_ok() {
                talk.must_ping = false;
                talk.tell.control(true, Direction::Sent, LAST_PING, None);
            }
            let is_silent = talk.ends.deadline().is_some_and(|at| at <= Instant::now());
            let is_written = is_silent && self.handle.buffered_bytes() == 0;
            if is_silent && !is_written {
                // The peer still takes what was sent.
                talk.ends.silence_begins();
            }
            talk.ends.are_reached() || is_written
        };
        if leaves {
            self.state.leaving = Some(self.rules.farewell.clone());
        }
        if let Some(farewell) = &self.state.leaving
            && talk.phase == Phase::Open
            && !mem::replace(&mut self.state.is_closing, true)
        {
            // Refused where the peer was first, which is as good.
            let _ = self.handle.close(farewell.code, &farewell.reason);
        }
    }

    /// Gives what waits to the writer; true where more is worth waiting for.
    fn print(&mut self) -> bool {
        let mut talk = self.shared.look();
        if self.writer.is_gone() && !mem::replace(&mut self.state.is_deaf, true) {
            if let Some(error) = self.writer.fault()
                && error.kind() != ErrorKind::BrokenPipe
            {
                talk.fault(&format!("cannot write the output: {}", text::fault(&error)));
            }
            // A reader that has gone wants no more; how the peer takes it is not of interest.
            talk.tell.deafen();
            let status = talk.status.map_or(0, |status| status as u8);
            self.state.settled.get_or_insert(status);
            drop(talk);
            self.leave_soon(self.rules.farewell.code);
            return true;
        }
        let len = talk.tell.out().len();
        if len > self.state.seen && len < BATCH {
            self.state.seen = len;
            return true;
        }
        if len > 0 && !self.writer.offer(talk.tell.out()) {
            return false;
        }
        if len > 0 {
            self.state.seen = 0;
            self.state.rest = self.state.pace.printed(len, Instant::now());
        }
        if self.writer.is_gone() && !self.state.is_deaf {
            return true;
        }
        if mem::take(&mut talk.is_paused) {
            self.handle.resume_reading();
        }
        false
    }

    /// Waits for the first thing to happen.
    async fn wait(&mut self) -> Turn {
        let (has_output, is_open, silence, must_ping) = {
            let mut talk = self.shared.look();
            (
                !talk.tell.out().is_empty(),
                // While the peer closes, the phase is the same still.
                self.handle.is_open() && self.state.leaving.is_none(),
                talk.ends.deadline(),
                talk.must_ping,
            )
        };
        let state = &self.state;
        let silence = silence.filter(|_| is_open);
        let again = (is_open && must_ping).then(|| Instant::now() + PING_AGAIN);
        let deadline = [silence, again, state.timeout, state.patience];
        let deadline = deadline.into_iter().flatten().min();
        let reads = is_open && state.next.is_none() && !self.source.has_ended();
        let waiting = state.next.clone().filter(|_| is_open);
        tokio::select! {
            () = self.shared.bell.notified() => Turn::Look,
            read = self.source.read(), if reads => Turn::Read(read),
            sent = send_wait(&self.handle, waiting.clone()), if waiting.is_some() => Turn::Sent(sent),
            () = self.writer.room(), if has_output => Turn::Look,
            () = self.writer.gone(), if !state.is_deaf => Turn::Look,
            () = sleep_until(deadline) => Turn::Time,
            signal = self.signals.recv() => Turn::Signal(signal.status()),
        }
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Look => {}
            Turn::Read(Ok(())) => {}
            Turn::Read(Err(fault)) => self.shared.look().fault(&fault),
            Turn::Sent(Ok(())) => {
                if let Some(message) = self.state.next.take() {
                    self.state.pace.sent();
                    self.shared.look().sent(&message);
                }
            }
            // The end of the connection is told by itself.
            Turn::Sent(Err(_)) => {}
            Turn::Time => self.take_time(),
            Turn::Signal(status) => {
                if self.state.settled.replace(status).is_some() {
                    self.state.is_given_up = true;
                }
                self.leave_soon(CloseCode::GOING_AWAY);
            }
        }
    }

    fn take_time(&mut self) {
        let now = Instant::now();
        let is_over = |time: &mut Instant| *time <= now;
        if self.state.timeout.take_if(is_over).is_some() {
            let mut talk = self.shared.look();
            talk.tell.fault("the time of --timeout is over");
            talk.status.get_or_insert(Status::TimedOut);
            drop(talk);
            self.leave_soon(self.rules.farewell.code);
        }
        if self.state.patience.take_if(is_over).is_some() {
            self.handle.terminate();
            self.state.is_given_up = true;
        }
    }

    /// Closes, and does not wait for long; gives up what is not open.
    fn leave_soon(&mut self, code: CloseCode) {
        let patience = &mut self.state.patience;
        patience.get_or_insert_with(|| Instant::now() + GRACE);
        if self.shared.look().phase == Phase::Connecting {
            self.handle.terminate();
        }
        let reason = String::new();
        self.state.leaving.get_or_insert(Farewell { code, reason });
    }

    /// Prints the rest, tells of what was left undone, and returns the exit status.
    async fn finish(mut self) -> u8 {
        let out = self.settle();
        let Self {
            shared,
            writer,
            mut signals,
            state,
            ..
        } = self;
        if !state.is_given_up && !state.is_deaf {
            tokio::select! {
                written = writer.finish(out) => {
                    if let Err(error) = written && error.kind() != ErrorKind::BrokenPipe {
                        let text = text::fault(&error);
                        shared.look().fault(&format!("cannot write the output: {text}"));
                    }
                }
                signal = signals.recv() => return signal.status(),
                () = sleep_until(state.timeout) => return Status::TimedOut as u8,
                // Who was told to end does not wait for a reader that takes nothing.
                () = sleep_until(state.patience) => {}
            }
        }
        let status = shared.look().status.map_or(0, |status| status as u8);
        state.settled.unwrap_or(status)
    }

    /// Tells of what was asked for and is not done; returns what is left to print.
    fn settle(&mut self) -> Vec<u8> {
        let mut talk = self.shared.look();
        let is_peers = self.state.leaving.is_none();
        let is_unsent = self.state.next.is_some() || self.source.has_more() || talk.has_unwritten;
        if is_peers && talk.has_opened && is_unsent && talk.status.is_none() {
            talk.fault("the connection ended before all of the input was sent");
        }
        if talk.tell.lost() > 0 {
            let lost = talk.tell.lost();
            talk.fault(&format!(
                "{lost} messages came while closing that nobody had room for"
            ));
        }
        if talk.status.is_none()
            && self.state.settled.is_none()
            && let Some(missing) = talk.ends.missing()
        {
            talk.fault(&text::escape(&missing));
        }
        mem::take(talk.tell.out())
    }
}

/// Waits for room, then hands the message over.
async fn send_wait(handle: &Handle, message: Option<Message>) -> Result<(), SendError> {
    match message {
        Some(message) => handle.send_wait(message).await,
        None => future::pending().await,
    }
}

/// Lets the connection go on with what it has. The runtime's own way asks the system for events as well,
/// which costs more than the messages in between.
async fn give_way() {
    let mut has_waited = false;
    future::poll_fn(|context| {
        if mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => future::pending().await,
    }
}
