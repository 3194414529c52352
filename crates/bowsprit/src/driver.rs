//! The one place where bytes move between a socket and its connection: nothing else reads or writes.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bowsprit_proto::{
    CloseCode, CloseError, Closed, Connection, Event, Message, MessageRef, SendError,
    State as Phase, Timestamp,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use crate::{
    ConnectionId, Handle, State,
    dial::io_words,
    link::{Link, Order},
    log::{self, Direction},
    roster::Member,
    scratch,
};

/// Pieces of one vectored write.
const PIECES: usize = 32;

/// Orders of handles move to the connection while it has at most this much to write. The rest waits
/// in the link, so that what handles send never keeps the connection from reading.
const ORDER_ROOM: usize = 64 * 1024;

/// The part of a driver that does not depend on the transport.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) connection: Connection,
    id: ConnectionId,
    /// Made when somebody asks for a handle: a connection without one takes no lock.
    link: Option<Arc<Link>>,
    member: Option<Member>,
    /// The task that `link` and `member` know.
    task: Option<Waker>,
    /// Orders are left in the link for want of room.
    orders_wait: bool,
    has_ended: bool,
}

/// A socket and its connection.
#[derive(Debug)]
pub(crate) struct Driver<S> {
    io: S,
    pub(crate) core: Core,
    timer: Timer,
    /// The transport took no more when last asked.
    blocked: bool,
    /// Bytes were written since the transport was last flushed.
    unflushed: bool,
    shut_down: bool,
}

/// One lazily armed timer; messages do not touch it.
#[derive(Debug)]
struct Timer {
    start: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The state that `sleep` was armed in, and whether there was something to write.
    armed_in: Option<(Phase, bool)>,
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

impl Core {
    pub(crate) const fn new(
        connection: Connection,
        id: ConnectionId,
        link: Option<Arc<Link>>,
        member: Option<Member>,
    ) -> Self {
        Self {
            connection,
            id,
            link,
            member,
            task: None,
            orders_wait: false,
            has_ended: false,
        }
    }

    pub(crate) const fn id(&self) -> ConnectionId {
        self.id
    }

    pub(crate) fn link(&mut self) -> &Arc<Link> {
        self.link.get_or_insert_with(|| {
            let link = Link::new(self.id, seen_by_handles(self.connection.state()));
            // With two halves one may wait while the other is asked for a handle.
            if let Some(task) = &self.task {
                link.register(task);
            }
            if self.connection.state() == Phase::Ended {
                link.end(self.connection.closed().cloned().unwrap_or_default());
            }
            link
        })
    }

    pub(crate) fn handle(&mut self) -> Handle {
        let config = self.connection.config().clone();
        Handle::new(self.link().clone(), config)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.paused.load(std::sync::atomic::Ordering::Acquire))
    }

    /// Lets handles and the endpoint wake the task that polls this.
    fn register(&mut self, task: &Waker) {
        if self
            .task
            .as_ref()
            .is_some_and(|known| known.will_wake(task))
        {
            return;
        }
        self.task = Some(task.clone());
        if let Some(link) = &self.link {
            link.register(task);
        }
        if let Some(member) = &self.member {
            member.register(task);
        }
    }

    /// Does what handles and the endpoint have asked for since the last look.
    fn take_orders(&mut self) {
        if self.member.as_ref().is_some_and(Member::is_cut) {
            self.connection.abort();
        }
        match self.member.as_ref().and_then(Member::shutdown_code) {
            // Refused where the closing has begun already, which is as good.
            Some(code) => drop(self.close(code, "")),
            None => self.take_orders_of_handles(false),
        }
    }

    /// Starts the closing handshake behind what handles have queued, which could not be sent later.
    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), CloseError> {
        self.take_orders_of_handles(true);
        self.connection.close(code, reason)
    }

    fn take_orders_of_handles(&mut self, closes: bool) {
        let Some(link) = &self.link else { return };
        if !link.take_dirty() && !self.orders_wait {
            return;
        }
        if link.is_terminated() {
            self.connection.abort();
        }
        // The deadline of the closing runs once the close frame is queued: it must not wait in the
        // link for a peer that does not read.
        let closes = closes || link.state() == State::Closing;
        let (id, connection) = (self.id, &mut self.connection);
        self.orders_wait = false;
        link.take_orders(|order| {
            let has_room = closes || connection.queued_bytes() <= ORDER_ROOM;
            let taken = has_room && give_order(id, connection, order);
            self.orders_wait = !taken;
            taken
        });
    }

    /// Queues one message for the application.
    #[inline]
    pub(crate) fn send(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        log::message(self.id, Direction::Sent, message.kind(), message.as_bytes());
        self.connection.send(message)
    }

    /// As [`send`](Self::send), sharing a large payload.
    pub(crate) fn send_shared(&mut self, message: Message) -> Result<(), SendError> {
        log::message(self.id, Direction::Sent, message.kind(), message.as_bytes());
        self.connection.send_shared(message)
    }

    /// Consumes some of `input` and returns the next event in it.
    #[inline]
    pub(crate) fn receive<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Event<'b>> {
        let event = self.connection.receive(input)?;
        match &event {
            Event::Message(message) => {
                log::message(
                    self.id,
                    Direction::Received,
                    message.kind(),
                    message.as_bytes(),
                );
            }
            Event::Ping(payload) => log::control(self.id, "ping", payload),
            Event::Pong(payload) => log::control(self.id, "pong", payload),
            Event::Close(frame) => log::control(self.id, "close", frame),
            _ => {}
        }
        Some(event)
    }

    /// Tells handles what they cannot see: the queue's size, and that the closing has begun.
    pub(crate) fn tell_handles(&self) {
        if let Some(link) = &self.link {
            link.set_unsent(self.connection.queued_bytes());
            // A handle may be ahead: its close is still an order.
            if self.connection.state() != Phase::Open {
                link.set_state(seen_by_handles(self.connection.state()));
            }
        }
    }

    /// How the connection ended; handles learn of it.
    pub(crate) fn end(&mut self) -> Closed {
        self.connection.abort();
        let closed = self.connection.closed().cloned().unwrap_or_default();
        if !self.has_ended {
            self.has_ended = true;
            log::disconnect(self.id, &closed);
        }
        if let Some(link) = &self.link {
            link.end(closed.clone());
        }
        self.member = None;
        closed
    }
}

const fn seen_by_handles(phase: Phase) -> State {
    match phase {
        Phase::Open => State::Open,
        Phase::CloseSent | Phase::Exchanged | Phase::Failed => State::Closing,
        Phase::Ended => State::Closed,
    }
}

/// Whether the connection took the order; false while there is no room.
fn give_order(id: ConnectionId, connection: &mut Connection, order: &Order) -> bool {
    let sent = match order {
        Order::Send(message) => {
            log::message(id, Direction::Sent, message.kind(), message.as_bytes());
            connection.send_shared(message.clone())
        }
        Order::Ping(payload) => connection.ping(payload),
        Order::Close(frame) => {
            // Refused where the peer was faster, which is as good.
            let _ = connection.close(frame.code, &frame.reason);
            Ok(())
        }
    };
    !matches!(sent, Err(SendError::Full | SendError::InsideMessage))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(crate) fn new(io: S, core: Core) -> Self {
        let timer = Timer {
            start: Instant::now(),
            sleep: None,
            armed_in: None,
        };
        Self {
            io,
            core,
            timer,
            blocked: false,
            unflushed: false,
            shut_down: false,
        }
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
        self.core.register(cx.waker());
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
        scratch::with_read_buffer(|buffer| {
            let mut filled = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut self.io).poll_read(cx, &mut filled));
            let len = filled.filled().len();
            match read {
                Ok(()) if len > 0 => {
                    self.core
                        .connection
                        .lend_buffer(scratch::take_write_buffer());
                    return Poll::Ready(Some(f(&mut self.core, &mut buffer[..len])));
                }
                Ok(()) => self.core.connection.receive_eof(),
                // Rustls tells an end without close_notify as an error; for us it is an end.
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
        let connection = &mut self.core.connection;
        let state = connection.state();
        // What is queued matters to the deadlines of the closing handshake only.
        let situation = (state, state != Phase::Open && connection.wants_write());
        if timer.armed_in != Some(situation) {
            timer.arm(connection);
            timer.armed_in = Some(situation);
        }
        let Some(sleep) = &mut timer.sleep else {
            return Poll::Pending;
        };
        ready!(sleep.as_mut().poll(cx));
        if self.core.is_paused() {
            self.core.connection.suppose_alive();
        }
        self.core.connection.handle_timeout(timer.now());
        timer.armed_in = None;
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
                // Room was made, so the peer's end still takes bytes, however slowly.
                self.core.connection.suppose_alive();
            }
            self.core.connection.transmitted(written);
            self.unflushed = true;
        }
        if let Some(buffer) = self.core.connection.take_buffer() {
            scratch::give_write_buffer(buffer);
        }
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

    fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.io);
        let mut pieces = self.core.connection.transmit();
        match (pieces.next(), pieces.next()) {
            (Some(only), None) => io.poll_write(cx, only),
            (Some(first), Some(second)) => {
                let mut slices = [IoSlice::new(&[]); PIECES];
                let all = [first, second].into_iter().chain(pieces);
                let filled = slices
                    .iter_mut()
                    .zip(all)
                    .map(|(slice, piece)| *slice = IoSlice::new(piece));
                let count = filled.count();
                io.poll_write_vectored(cx, &slices[..count])
            }
            (None, _) => Poll::Ready(Ok(0)),
        }
    }
}

impl<S> Driver<S> {
    /// How the connection ended; handles learn that it is gone.
    pub(crate) fn end(&mut self) -> Closed {
        self.core.end()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // A handler that panicked and a WebSocket that was dropped end the connection, too.
        self.end();
    }
}

impl Timer {
    fn now(&self) -> Timestamp {
        Timestamp(self.start.elapsed())
    }

    fn arm(&mut self, connection: &mut Connection) {
        let due = connection.poll_timeout(self.now());
        // A wait beyond the clock's range has no end.
        let Some(at) = due.and_then(|Timestamp(at)| self.start.checked_add(at)) else {
            self.sleep = None;
            return;
        };
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }
}
