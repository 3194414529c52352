//! The one place where bytes move between a socket and its connection: nothing else reads or writes.

mod core;
mod frames;
mod onlookers;

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bowsprit_proto::{State as Phase, Timestamp};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::coop::has_budget_remaining,
    time::Sleep,
};

use crate::{dial::io_words, scratch};

pub(crate) use self::core::Core;

/// Pieces of one vectored write.
const PIECES: usize = 32;

/// A socket and its connection.
#[derive(Debug)]
pub(crate) struct Driver<S> {
    io: S,
    pub(crate) core: Core,
    timer: Timer,
    /// The transport took no more when last asked.
    blocked: bool,
    /// It has made room, and no read has found nothing since: what the peer has sent may not have been seen.
    made_room_unseen: bool,
    /// Bytes were written since the transport was last flushed.
    unflushed: bool,
    shut_down: bool,
}

/// One lazily armed timer; messages do not touch it.
#[derive(Debug)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// The state that `sleep` was armed in, and whether the transport was to take something.
    armed_in: Option<(Phase, bool)>,
    /// `sleep` will wake the task that polls the connection: no need to tell it again after each batch.
    knows_task: bool,
}

/// What a look at the transport found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Everything is written.
    Flushed,
    /// The transport takes no more for now.
    Blocked,
    /// The connection has ended.
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(crate) fn new(io: S, core: Core) -> Self {
        let timer = Timer {
            sleep: None,
            armed_in: None,
            knows_task: false,
        };
        Self {
            io,
            core,
            timer,
            blocked: false,
            made_room_unseen: false,
            unflushed: false,
            shut_down: false,
        }
    }

    /// Bytes that came from the transport, before anything happens to them.
    pub(crate) fn came(&mut self, bytes: &[u8]) {
        self.core.came(bytes);
    }

    pub(crate) const fn io(&self) -> &S {
        &self.io
    }

    /// Ends this side of the transport as far as that goes at once: its owner may keep it for long.
    pub(crate) fn end_transport(&mut self, cx: &mut Context<'_>) {
        if !self.shut_down {
            // What fails here has failed before.
            let _ = Pin::new(&mut self.io).poll_shutdown(cx);
            self.shut_down = true;
        }
    }

    /// Takes orders and writes what is queued, until both are done or the transport is full.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Progress {
        if self.core.register(cx.waker()) {
            self.timer.knows_task = false;
        }
        if self.core.is_idle() && !self.unflushed {
            return Progress::Flushed;
        }
        loop {
            self.core.take_orders();
            if self.core.connection.state() == Phase::Ended {
                // What the transport still holds is of no use, and it may never take it.
                return Progress::Ended;
            }
            let flushed = self.poll_flush(cx);
            self.core.tell_handles();
            match flushed {
                // There is room again, unless a message in fragments has to end first.
                Poll::Ready(Ok(()))
                    if self.core.orders_wait && !self.core.connection.is_inside_message() => {}
                Poll::Ready(Ok(())) => return Progress::Flushed,
                Poll::Ready(Err(error)) => {
                    self.core.connection.transport_failed(&io_words(&error));
                    return Progress::Ended;
                }
                Poll::Pending => return Progress::Blocked,
            }
        }
    }

    /// Reads once and hands the bytes to `f`, before anything else can happen to them.
    ///
    /// `None` once the connection has ended, with its transport or by a deadline.
    pub(crate) fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Core, &mut [u8]) -> T,
    ) -> Poll<Option<T>> {
        // A peer that never stops sending must not outlast the deadline of the closing.
        if self.core.connection.state() != Phase::Open && self.poll_timer(cx).is_ready() {
            return Poll::Ready(None);
        }
        let missing = self.core.connection.missing_bytes();
        scratch::with_read_buffer(missing, |buffer| {
            let mut filled = ReadBuf::new(buffer);
            let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, &mut filled) else {
                self.core.has_caught_up = true;
                self.made_room_unseen = false;
                return Poll::Pending;
            };
            let len = filled.filled().len();
            match read {
                Ok(()) if len > 0 => {
                    self.came(&buffer[..len]);
                    self.core.note_read();
                    let result = self.with_buffer(|core| f(core, &mut buffer[..len]));
                    self.core.tell_counts();
                    self.core.tell_compression();
                    if self.blocked {
                        // A peer that never stops sending must not outlast the deadline of the writing.
                        let _ = self.poll_timer(cx);
                    }
                    return Poll::Ready(Some(result));
                }
                Ok(()) => self.core.connection.receive_eof(),
                // Rustls tells an end without close_notify as an error; for us it is an end, also on
                // a transport of the caller's own.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.core.connection.receive_eof();
                }
                Err(error) => self.core.connection.transport_failed(&io_words(&error)),
            }
            Poll::Ready(None)
        })
    }

    /// Arms the timer that the connection asks for; ready after it has fired and was dealt with.
    ///
    /// While the connection is open this is called after a read found nothing, so that a busy program
    /// does not kill its own connections.
    pub(crate) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = &mut self.timer;
        let connection = &self.core.connection;
        let situation = (connection.state(), connection.wants_write());
        // While the connection is open, a deadline for what has left in the meantime may run on: it does
        // nothing when it comes, and each block of the transport would cost a timer operation otherwise.
        let still_fits = timer.armed_in == Some((Phase::Open, true)) && situation.0 == Phase::Open;
        if timer.armed_in != Some(situation) && !still_fits {
            timer.arm(&mut self.core);
            timer.armed_in = Some(situation);
        }
        let Some(sleep) = &mut timer.sleep else {
            return Poll::Pending;
        };
        if timer.knows_task && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        // With its turn used up, the task is woken by tokio at once, and its timer was told nothing.
        timer.knows_task = has_budget_remaining();
        ready!(sleep.as_mut().poll(cx));
        // Where nothing is read for want of room, a peer that takes something may have answered.
        let may_live = mem::take(&mut self.made_room_unseen);
        if self.core.is_paused() || may_live {
            self.core.connection.suppose_alive();
        }
        timer.armed_in = None;
        self.core.handle_timeout();
        Poll::Ready(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.core.connection.wants_write() {
            let Poll::Ready(written) = self.poll_write_some(cx) else {
                self.blocked = true;
                return Poll::Pending;
            };
            let written = written?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if mem::take(&mut self.blocked) {
                // No sign of life: a proxy whose peer has gone may take bytes, too. But what is being sent is not idle.
                self.made_room_unseen = true;
                self.core.connection.suppose_busy();
            }
            self.core.transmitted(written);
            self.unflushed = true;
        }
        self.core.tell_counts();
        self.give_buffer_back();
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        if !self.shut_down && self.core.connection.wants_shutdown() {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
            self.shut_down = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Lends the connection the thread's spare buffer for what `f` may send.
    pub(crate) fn with_buffer<T>(&mut self, f: impl FnOnce(&mut Core) -> T) -> T {
        // With something to write it has a buffer, and the thread's spare would be lost.
        if !self.core.connection.wants_write() {
            let spare = scratch::take_write_buffer();
            self.core.connection.lend_buffer(spare);
        }
        let result = f(&mut self.core);
        if !self.core.connection.wants_write() {
            self.give_buffer_back();
        }
        result
    }

    fn give_buffer_back(&mut self) {
        if let Some(buffer) = self.core.connection.take_buffer() {
            scratch::give_write_buffer(buffer);
        }
    }

    fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.io);
        if let Some(whole) = self.core.connection.transmit_whole() {
            return io.poll_write(cx, whole);
        }
        let mut slices = [IoSlice::new(&[]); PIECES];
        let filled = slices
            .iter_mut()
            .zip(self.core.connection.transmit())
            .map(|(slice, piece)| *slice = IoSlice::new(piece));
        let count = filled.count();
        io.poll_write_vectored(cx, &slices[..count])
    }
}

impl Timer {
    fn arm(&mut self, core: &mut Core) {
        self.knows_task = false;
        let now = core.now();
        let due = core.connection.poll_timeout(now);
        // A wait beyond the clock's range has no end.
        let Some(at) = due.and_then(|Timestamp(at)| core.start.checked_add(at)) else {
            self.sleep = None;
            return;
        };
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }
}
