//! What a connection is without its transport: the protocol, its handles, its place in the endpoint.

use std::{
    mem,
    sync::{Arc, atomic::Ordering},
    task::Waker,
    time::Duration,
};

use bowsprit_proto::{
    CloseCode, CloseError, Closed, Connection, Event, Kind, Message, MessageRef, Prepared,
    SendError, State as Phase, Timestamp,
};
use tokio::time::Instant;

use super::onlookers::{Onlookers, Unwritten};
use crate::{
    ConnectionId, Handle, State,
    link::{Link, Order},
    log::{self, Direction},
    metrics::Meter,
    roster::Member,
};

/// Orders of handles move to the connection while it has at most this much to write. The rest waits
/// in the link, so that what handles send never keeps the connection from reading.
const ORDER_ROOM: usize = 64 * 1024;

/// The part of a driver that does not depend on the transport.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) connection: Connection,
    /// The beginning of the connection's clock.
    pub(super) start: Instant,
    teller: Teller,
    /// Made when somebody asks for a handle: a connection without one takes no lock.
    link: Option<Arc<Link>>,
    member: Option<Member>,
    /// The task that `link` and `member` know.
    task: Option<Waker>,
    /// Orders are left in the link for want of room.
    pub(super) orders_wait: bool,
    /// Nothing was left to be read when last looked.
    pub(super) has_caught_up: bool,
    has_ended: bool,
    onlookers: Option<Box<Onlookers>>,
}

/// Tells the log and the counters of this connection's messages.
#[derive(Debug)]
struct Teller {
    id: ConnectionId,
    meter: Meter,
}

impl Teller {
    #[inline]
    fn received(&mut self, message: &MessageRef<'_>) {
        let payload = message.as_bytes();
        log::message(self.id, Direction::Received, message.kind(), payload);
        self.meter.message(Direction::Received);
    }

    #[inline]
    fn sending(&mut self, kind: Kind, payload: &[u8]) {
        log::message(self.id, Direction::Sent, kind, payload);
    }

    /// Counts what was sent, if it was.
    #[inline]
    fn sent<T>(&mut self, sent: Result<T, SendError>) -> Result<T, SendError> {
        if sent.is_ok() {
            self.meter.message(Direction::Sent);
        }
        sent
    }
}

impl Core {
    pub(crate) fn new(
        mut connection: Connection,
        id: ConnectionId,
        link: Option<Arc<Link>>,
        member: Option<Member>,
    ) -> Self {
        let meter = Meter::open(connection.role());
        // What the peer sends before anybody reads is not too much of it.
        connection.tell_time(Timestamp(Duration::ZERO), false);
        connection.hold_close_answer();
        Self {
            connection,
            start: Instant::now(),
            teller: Teller { id, meter },
            link,
            member,
            task: None,
            orders_wait: false,
            has_caught_up: false,
            has_ended: false,
            onlookers: Onlookers::of(id),
        }
    }

    /// What handles have queued and this connection does not write is to wait for the next one.
    pub(crate) fn outlived_by_link(mut self) -> Self {
        let onlookers = self.onlookers.get_or_insert_default();
        onlookers.unwritten = Some(Unwritten::default());
        self
    }

    pub(crate) const fn id(&self) -> ConnectionId {
        self.teller.id
    }

    pub(crate) fn link(&mut self) -> &Arc<Link> {
        self.link.get_or_insert_with(|| {
            let link = Link::new(self.teller.id, seen_by_handles(self.connection.state()));
            // With two halves one may wait while the other is asked for a handle.
            if let Some(task) = &self.task {
                link.register(task);
            }
            link.set_round_trips(self.connection.round_trips());
            if let Some(compression) = self.connection.compression() {
                link.set_compression(compression);
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

    /// The closing ends a pause: the peer's answer has to be read.
    pub(crate) fn is_paused(&self) -> bool {
        self.connection.state() == Phase::Open
            && self
                .link
                .as_ref()
                .is_some_and(|link| link.paused.load(Ordering::Acquire))
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.start.elapsed())
    }

    /// Before what was read is looked at. Reads the clock where the rate of messages is limited only.
    pub(super) fn note_read(&mut self) {
        if self.connection.config().limits.rate.is_some() {
            let more_waited = !mem::take(&mut self.has_caught_up);
            self.connection.tell_time(self.now(), more_waited);
        }
    }

    /// The time that the connection has named is over.
    pub(super) fn handle_timeout(&mut self) {
        let now = self.now();
        if self.connection.is_idle(now) {
            // What handles were told is queued goes first, as with any other close.
            self.take_orders_of_handles(true);
            self.connection.close_idle();
        } else {
            self.connection.handle_timeout(now);
        }
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
        let (teller, start, connection) = (&mut self.teller, self.start, &mut self.connection);
        self.orders_wait = false;
        link.take_orders(closes, |order| {
            let queued = connection.queued_bytes();
            let is_control = matches!(order, Order::Ping(_) | Order::Close(_));
            if closes && !is_control && connection.is_inside_message() {
                // It cannot leave any more. That the connection ends in the middle of a message tells of it.
                return true;
            }
            let has_room =
                (closes || queued <= ORDER_ROOM) && (is_control || !connection.is_inside_message());
            let taken = has_room && give_order(teller, start, connection, order);
            self.orders_wait = !taken;
            if let (true, Some(onlookers)) = (taken, &mut self.onlookers)
                && let Some(unwritten) = &mut onlookers.unwritten
            {
                unwritten.push(queued, order);
            }
            taken
        });
    }

    /// Bytes that came from the transport, before anything happens to them.
    #[inline]
    pub(super) fn came(&mut self, bytes: &[u8]) {
        self.teller.meter.bytes(Direction::Received, bytes.len());
        if let Some(onlookers) = &mut self.onlookers {
            onlookers.came(bytes);
        }
    }

    /// The transport took the first `len` bytes of what is queued.
    #[inline]
    pub(super) fn transmitted(&mut self, len: usize) {
        self.teller.meter.bytes(Direction::Sent, len);
        if let Some(onlookers) = &mut self.onlookers {
            onlookers.went(&self.connection, len);
        }
        self.connection.transmitted(len);
    }

    /// Queues one message for the application.
    #[inline]
    pub(crate) fn send(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        self.teller.sending(message.kind(), message.as_bytes());
        self.teller.sent(self.connection.send(message))
    }

    /// Queues one fragment of a message, which counts once the last one is.
    pub(crate) fn send_fragment<'m>(
        &mut self,
        fragment: impl Into<MessageRef<'m>>,
        last: bool,
    ) -> Result<(), SendError> {
        let sent = self.connection.send_fragment(fragment, last);
        if last { self.teller.sent(sent) } else { sent }
    }

    /// As [`send`](Self::send), sharing a large payload.
    pub(crate) fn send_shared(&mut self, message: Message) -> Result<(), SendError> {
        send_shared(&mut self.teller, &mut self.connection, message)
    }

    /// As [`send`](Self::send), of a message that was framed before.
    pub(crate) fn send_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        send_prepared(&mut self.teller, &mut self.connection, message)
    }

    /// Queues a ping whose round trip is measured.
    pub(crate) fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let now = self.now();
        self.connection.ping_at(payload, now)
    }

    /// Consumes some of `input` and returns the next event in it.
    #[inline(always)]
    pub(crate) fn receive<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Event<'b>> {
        let event = self.connection.receive(input)?;
        match &event {
            Event::Message(message) => self.teller.received(message),
            Event::Fragment(_, true) => self.teller.meter.message(Direction::Received),
            Event::Ping(payload) => log::control(self.teller.id, "ping", payload),
            Event::Pong(payload) => {
                log::control(self.teller.id, "pong", payload);
                self.measure(payload);
            }
            Event::Close(frame) => {
                log::control(self.teller.id, "close", frame);
                self.answer_close();
            }
            _ => {}
        }
        Some(event)
    }

    /// Behind what handles were told is queued, unless that waits for the next connection.
    #[cold]
    fn answer_close(&mut self) {
        if self.connection.state() == Phase::Open && self.unwritten().is_none() {
            self.take_orders_of_handles(true);
        }
        self.connection.answer_close();
    }

    #[cold]
    fn measure(&mut self, pong: &[u8]) {
        let measured = self.connection.measure(pong, self.now());
        if let (Some(_), Some(link)) = (measured, &self.link) {
            link.set_round_trips(self.connection.round_trips());
        }
    }

    /// Tells handles what they cannot see: the queue's size, and that the closing has begun.
    pub(crate) fn tell_handles(&self) {
        if let Some(link) = &self.link {
            link.set_unsent(self.connection.queued_bytes());
            self.tell_compression();
            // A handle may be ahead: its close is still an order.
            match self.connection.state() {
                Phase::Open => {}
                // Whether another connection follows is not settled yet.
                Phase::Ended if self.unwritten().is_some() => link.set_state(State::Closing),
                phase => link.set_state(seen_by_handles(phase)),
            }
        }
    }

    /// Tells handles how much was compressed, once for all messages of a read or a write.
    pub(crate) fn tell_compression(&self) {
        if let Some(link) = &self.link
            && let Some(compression) = self.connection.compression()
        {
            link.set_compression(compression);
        }
    }

    /// Tells the counters what went both ways since the last time.
    #[inline]
    pub(super) fn tell_counts(&mut self) {
        self.teller.meter.tell();
    }

    /// How the connection ended; handles learn of it, unless there may be another one.
    pub(crate) fn end(&mut self) -> Closed {
        self.connection.abort();
        let closed = self.connection.closed().cloned().unwrap_or_default();
        if !self.has_ended {
            self.has_ended = true;
            log::disconnect(self.teller.id, &closed);
            self.teller.meter.closed(&closed);
        }
        let unwritten = self
            .onlookers
            .as_mut()
            .and_then(|all| all.unwritten.as_mut());
        let is_last = unwritten.is_none();
        match (&self.link, unwritten) {
            (Some(link), Some(unwritten)) => link.put_back(unwritten.take()),
            (Some(link), None) => link.end(closed.clone()),
            (None, _) => {}
        }
        if is_last {
            self.member = None;
        }
        closed
    }

    fn unwritten(&self) -> Option<&Unwritten> {
        self.onlookers.as_ref()?.unwritten.as_ref()
    }

    /// Lets go of the link, whose end is no longer this connection's to tell, and of the place in the
    /// endpoint: both are for the connection that follows.
    pub(crate) fn hand_over(&mut self) -> Option<Member> {
        self.link = None;
        self.member.take()
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
    teller: &mut Teller,
    connection: &mut Connection,
    message: Message,
) -> Result<(), SendError> {
    teller.sending(message.kind(), message.as_bytes());
    teller.sent(connection.send_shared(message))
}

fn send_prepared(
    teller: &mut Teller,
    connection: &mut Connection,
    message: &Prepared,
) -> Result<(), SendError> {
    let plain = message.message();
    teller.sending(plain.kind(), plain.as_bytes());
    teller.sent(connection.send_prepared(message))
}

/// Whether the connection took the order; false while there is no room.
fn give_order(
    teller: &mut Teller,
    start: Instant,
    connection: &mut Connection,
    order: &Order,
) -> bool {
    let sent = match order {
        Order::Send(message) => send_shared(teller, connection, message.clone()),
        Order::SendPrepared(message) => send_prepared(teller, connection, message),
        Order::Ping(payload) => connection.ping_at(payload, Timestamp(start.elapsed())),
        Order::Close(frame) => {
            // Refused where the peer was faster, which is as good.
            let _ = match frame.code {
                CloseCode::NO_STATUS => connection.close_without_code(),
                code => connection.close(code, &frame.reason),
            };
            Ok(())
        }
    };
    !matches!(sent, Err(SendError::Full | SendError::InsideMessage))
}

impl Drop for Core {
    fn drop(&mut self) {
        // A handler that panicked and a WebSocket that was dropped end the connection, too. What was not
        // handed over has nothing that follows it.
        if let Some(onlookers) = &mut self.onlookers {
            onlookers.unwritten = None;
        }
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use bowsprit_proto::Config;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_a_handle_was_told_is_queued_leaves_before_an_idle_connection_closes() {
        let mut config = Config::server();
        config.timeouts.idle = Some(Duration::from_secs(1));
        let connection = Connection::server(Arc::new(config));
        let mut core = Core::new(connection, ConnectionId::next(), None, None);
        let handle = core.handle();
        core.connection.poll_timeout(core.now());
        tokio::time::advance(Duration::from_secs(1)).await;
        // Behind the last look at the orders, and before the deadline is.
        handle.send("last").expect("open");
        core.handle_timeout();
        let wire: Vec<u8> = core.connection.transmit().flatten().copied().collect();
        assert_eq!(wire, b"\x81\x04last\x88\x06\x03\xe9idle");
        assert_eq!(handle.send("too late"), Err(SendError::Closing));
    }

    #[tokio::test]
    async fn what_a_handle_was_told_is_queued_leaves_before_the_answer_to_a_close() {
        let connection = Connection::server(Arc::new(Config::server()));
        let mut core = Core::new(connection, ConnectionId::next(), None, None);
        let handle = core.handle();
        // The second has no room beside the first, and waits in the link.
        for len in [ORDER_ROOM + 1, 5] {
            handle.send(vec![b'm'; len]).expect("open");
        }
        core.take_orders();
        assert!(core.orders_wait);
        let mut close = b"\x88\x80\0\0\0\0".to_owned();
        let event = core.receive(&mut &mut close[..]);
        assert!(matches!(event, Some(Event::Close(_))));
        let wire: Vec<u8> = core.connection.transmit().flatten().copied().collect();
        assert!(
            wire.ends_with(b"\x82\x05mmmmm\x88\0"),
            "the message, and the answer behind it"
        );
        assert_eq!(handle.send("too late"), Err(SendError::Closing));
    }
}
