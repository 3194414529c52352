//! What a connection is without its transport: the protocol, its handles, its place in the endpoint.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, atomic::Ordering},
    task::Waker,
};

use bowsprit_proto::{
    CloseCode, CloseError, Closed, Connection, Event, Message, MessageRef, Prepared, SendError,
    State as Phase,
};

use crate::{
    ConnectionId, Handle, State,
    link::{Link, Order},
    log::{self, Direction},
    roster::Member,
};

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
    pub(super) orders_wait: bool,
    has_ended: bool,
    /// Present where the connection may be made again.
    unwritten: Option<Box<Unwritten>>,
}

/// The messages of handles that the connection has taken, and of which not a byte was written.
#[derive(Debug, Default)]
struct Unwritten {
    /// How many bytes were written in all.
    written: u64,
    /// Each with the position that its first byte will have.
    orders: VecDeque<(u64, Order)>,
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
            unwritten: None,
        }
    }

    /// What handles have queued and this connection does not write is to wait for the next one.
    pub(crate) fn outlived_by_link(mut self) -> Self {
        self.unwritten = Some(Box::default());
        self
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
            .is_some_and(|link| link.paused.load(Ordering::Acquire))
    }

    /// Lets handles and the endpoint wake the task that polls this; whether it is another than before.
    pub(super) fn register(&mut self, task: &Waker) -> bool {
        if self
            .task
            .as_ref()
            .is_some_and(|known| known.will_wake(task))
        {
            return false;
        }
        self.task = Some(task.clone());
        if let Some(link) = &self.link {
            link.register(task);
        }
        if let Some(member) = &self.member {
            member.register(task);
        }
        true
    }

    /// Nothing is asked for and nothing waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        self.connection.state() == Phase::Open
            && !self.connection.wants_write()
            && !self.orders_wait
            && !self.link.as_ref().is_some_and(|link| link.is_dirty())
            && self
                .member
                .as_ref()
                .and_then(Member::shutdown_code)
                .is_none()
    }

    /// Does what handles and the endpoint have asked for since the last look.
    pub(super) fn take_orders(&mut self) {
        if self.member.as_ref().is_some_and(Member::is_cut) {
            self.connection.abort();
        }
        let Some(code) = self.member.as_ref().and_then(Member::shutdown_code) else {
            return self.take_orders_of_handles(false);
        };
        if let Some(grace) = self.member.as_ref().and_then(Member::shutdown_grace) {
            self.connection.set_close_timeout(grace);
        }
        // Refused where the closing has begun already, which is as good.
        let _ = self.close(code, "");
    }

    /// Starts the closing handshake behind what handles have queued, which could not be sent later.
    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), CloseError> {
        // Refused: the connection goes on, and its limits hold.
        let closes = code.can_be_sent();
        self.take_orders_of_handles(closes);
        self.connection.close(code, reason)
    }

    fn take_orders_of_handles(&mut self, closes: bool) {
        let Some(link) = &self.link else { return };
        if !link.take_dirty() && !self.orders_wait && !closes {
            return;
        }
        if link.is_terminated() {
            self.connection.abort();
        }
        // The deadline of the closing runs once the close frame is queued: it must not wait in the
        // link for a peer that does not read.
        let closes = closes || link.state() == State::Closing;
        if closes {
            // What handles were told is queued must not be lost to what else was queued meanwhile.
            self.connection.lift_send_limit();
        }
        let (id, connection) = (self.id, &mut self.connection);
        self.orders_wait = false;
        link.take_orders(closes, |order| {
            let queued = connection.queued_bytes();
            let has_room = closes || queued <= ORDER_ROOM;
            let taken = has_room && give_order(id, connection, order);
            self.orders_wait = !taken;
            if let (true, Some(unwritten)) = (taken, &mut self.unwritten) {
                unwritten.push(queued, order);
            }
            taken
        });
    }

    /// The transport took the first `len` bytes of what is queued.
    #[inline]
    pub(super) fn transmitted(&mut self, len: usize) {
        self.connection.transmitted(len);
        if let Some(unwritten) = &mut self.unwritten {
            unwritten.advance(len);
        }
    }

    /// Queues one message for the application.
    #[inline]
    pub(crate) fn send(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        log::message(self.id, Direction::Sent, message.kind(), message.as_bytes());
        self.connection.send(message)
    }

    /// As [`send`](Self::send), sharing a large payload.
    pub(crate) fn send_shared(&mut self, message: Message) -> Result<(), SendError> {
        send_shared(self.id, &mut self.connection, message)
    }

    /// As [`send`](Self::send), of a message that was framed before.
    pub(crate) fn send_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        send_prepared(self.id, &mut self.connection, message)
    }

    /// Consumes some of `input` and returns the next event in it.
    #[inline(always)]
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
            match self.connection.state() {
                Phase::Open => {}
                Phase::Ended if self.unwritten.is_some() => link.set_state(State::Connecting),
                phase => link.set_state(seen_by_handles(phase)),
            }
        }
    }

    /// How the connection ended; handles learn of it, unless there may be another one.
    pub(crate) fn end(&mut self) -> Closed {
        self.connection.abort();
        let closed = self.connection.closed().cloned().unwrap_or_default();
        if !self.has_ended {
            self.has_ended = true;
            log::disconnect(self.id, &closed);
        }
        match (&self.link, &mut self.unwritten) {
            (Some(link), Some(unwritten)) => link.put_back(unwritten.take()),
            (Some(link), None) => link.end(closed.clone()),
            (None, _) => {}
        }
        if self.unwritten.is_none() {
            self.member = None;
        }
        closed
    }

    /// Its place in the endpoint, for the connection that follows.
    pub(crate) fn take_member(&mut self) -> Option<Member> {
        self.member.take()
    }
}

impl Unwritten {
    /// An order was taken behind so many bytes that are queued.
    fn push(&mut self, queued: usize, order: &Order) {
        if matches!(order, Order::Send(_) | Order::SendPrepared(_)) {
            let start = self.written.saturating_add(queued as u64);
            self.orders.push_back((start, order.clone()));
        }
    }

    fn advance(&mut self, len: usize) {
        self.written = self.written.saturating_add(len as u64);
        while let Some((start, _)) = self.orders.front()
            && *start < self.written
        {
            self.orders.pop_front();
        }
    }

    fn take(&mut self) -> impl DoubleEndedIterator<Item = Order> {
        mem::take(&mut self.orders)
            .into_iter()
            .map(|(_, order)| order)
    }
}

const fn seen_by_handles(phase: Phase) -> State {
    match phase {
        Phase::Open => State::Open,
        Phase::CloseSent | Phase::Exchanged | Phase::Failed => State::Closing,
        Phase::Ended => State::Closed,
    }
}

fn send_shared(
    id: ConnectionId,
    connection: &mut Connection,
    message: Message,
) -> Result<(), SendError> {
    log::message(id, Direction::Sent, message.kind(), message.as_bytes());
    connection.send_shared(message)
}

fn send_prepared(
    id: ConnectionId,
    connection: &mut Connection,
    message: &Prepared,
) -> Result<(), SendError> {
    let plain = message.message();
    log::message(id, Direction::Sent, plain.kind(), plain.as_bytes());
    connection.send_prepared(message)
}

/// Whether the connection took the order; false while there is no room.
fn give_order(id: ConnectionId, connection: &mut Connection, order: &Order) -> bool {
    let sent = match order {
        Order::Send(message) => send_shared(id, connection, message.clone()),
        Order::SendPrepared(message) => send_prepared(id, connection, message),
        Order::Ping(payload) => connection.ping(payload),
        Order::Close(frame) => {
            // Refused where the peer was faster, which is as good.
            let _ = connection.close(frame.code, &frame.reason);
            Ok(())
        }
    };
    !matches!(sent, Err(SendError::Full | SendError::InsideMessage))
}

impl Drop for Core {
    fn drop(&mut self) {
        // A handler that panicked and a WebSocket that was dropped end the connection, too.
        self.end();
    }
}
