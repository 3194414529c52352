//! What a connection's task and its handles share: a queue towards the task, and facts from it.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock, PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use bowsprit_proto::{
    CloseFrame, Closed, Compression, Message, Prepared, RoundTrips, frame::FrameHeader,
};
use bytes::Bytes;

use crate::{
    ConnectionId, ConnectionInfo, State,
    sync::{AtomicBool, AtomicU8, AtomicUsize, Mutex, MutexGuard, Notify},
    wait::wait_for,
};

/// What a handle asks of the connection's task.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Send(Message),
    SendPrepared(Prepared),
    Ping(Bytes),
    Close(CloseFrame),
}

impl Order {
    /// What the order counts for against `limits.send_buffer`.
    fn cost(&self) -> usize {
        let payload = match self {
            Self::Send(message) => message.as_bytes().len(),
            Self::SendPrepared(message) => message.message().as_bytes().len(),
            Self::Ping(payload) => payload.len(),
            Self::Close(_) => 0,
        };
        // Empty messages take memory, too.
        payload + FrameHeader::MAX_LEN
    }
}

/// The handles' end and the task's end of one connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    state: AtomicU8,
    /// Set after anything below changed, so that the task takes the lock only when there is reason.
    dirty: AtomicBool,
    inbox: Mutex<Inbox>,
    /// Bytes that the task has queued itself and not yet written.
    unsent: AtomicUsize,
    pub(crate) paused: AtomicBool,
    terminated: AtomicBool,
    closed: OnceLock<Closed>,
    /// Rung when room was made in the queue, when the closing began, and when the connection ended.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    orders: VecDeque<Order>,
    bytes: usize,
    task: Option<Waker>,
    info: Option<Arc<ConnectionInfo>>,
    /// A handle has asked for the end: no other connection follows.
    close_asked: bool,
    round_trips: Option<Box<RoundTrips>>,
    compression: Option<Box<Compression>>,
}

impl Link {
    pub(crate) fn new(id: ConnectionId, state: State) -> Arc<Self> {
        Arc::new(Self {
            id,
            state: AtomicU8::new(state as u8),
            dirty: AtomicBool::new(false),
            inbox: Mutex::default(),
            unsent: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            terminated: AtomicBool::new(false),
            closed: OnceLock::new(),
            changed: Notify::new(),
        })
    }

    pub(crate) fn state(&self) -> State {
        State::from_bits(self.state.load(Ordering::Acquire))
    }

    pub(crate) fn set_state(&self, state: State) {
        let before = self.state.swap(state as u8, Ordering::AcqRel);
        if before != state as u8 {
            // Who waits for room waits in vain.
            self.changed.notify_waiters();
        }
    }

    pub(crate) fn round_trips(&self) -> RoundTrips {
        self.inbox()
            .round_trips
            .as_deref()
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn set_round_trips(&self, round_trips: RoundTrips) {
        if round_trips.count > 0 {
            **self.inbox().round_trips.get_or_insert_default() = round_trips;
        }
    }

    pub(crate) fn compression(&self) -> Option<Compression> {
        self.inbox().compression.as_deref().copied()
    }

    pub(crate) fn set_compression(&self, compression: Compression) {
        **self.inbox().compression.get_or_insert_default() = compression;
    }

    pub(crate) fn info(&self) -> Option<Arc<ConnectionInfo>> {
        self.inbox().info.clone()
    }

    pub(crate) fn set_info(&self, info: Arc<ConnectionInfo>) {
        self.inbox().info = Some(info);
    }

    /// A connection has opened, the first or a later one: what is queued is for it.
    pub(crate) fn open(&self, compression: Option<Compression>) {
        self.inbox().compression = compression.map(Box::new);
        self.set_state(State::Open);
        self.dirty.store(true, Ordering::Release);
    }

    /// The connection has ended and may be made again: what it did not write waits in front of the rest.
    pub(crate) fn put_back(&self, orders: impl DoubleEndedIterator<Item = Order>) {
        let mut inbox = self.inbox();
        for order in orders.rev() {
            inbox.bytes += order.cost();
            inbox.orders.push_front(order);
        }
        self.unsent.store(0, Ordering::Relaxed);
    }

    /// From open to closing, with the order to do so; false if the connection was in another state.
    pub(crate) fn push_close(&self, frame: CloseFrame) -> bool {
        let mut inbox = self.inbox();
        let began = self.begin_closing();
        // Refused where the closing has begun, which is as good only if no other connection follows.
        inbox.close_asked |= began || self.state() == State::Closing;
        if !began {
            return false;
        }
        let task = self.enqueue(&mut inbox, Order::Close(frame));
        drop(inbox);
        wake(task);
        true
    }

    fn begin_closing(&self) -> bool {
        let (open, closing) = (State::Open as u8, State::Closing as u8);
        let began = self
            .state
            .compare_exchange(open, closing, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if began {
            self.changed.notify_waiters();
        }
        began
    }

    /// Bytes that are queued here or in the task and not yet written.
    pub(crate) fn buffered(&self) -> usize {
        self.inbox().bytes + self.unsent.load(Ordering::Relaxed)
    }

    /// Queues an order if `may_queue` agrees to the number of bytes that wait already.
    pub(crate) fn push(&self, order: Order, may_queue: impl FnOnce(usize) -> bool) -> bool {
        let pushed = self.push_quietly(order, may_queue);
        let was_queued = pushed.is_some();
        wake(pushed.flatten());
        was_queued
    }

    /// As [`push`](Self::push), but leaves it to the caller to wake the task, if that has to be done.
    pub(crate) fn push_quietly(
        &self,
        order: Order,
        may_queue: impl FnOnce(usize) -> bool,
    ) -> Option<Option<Waker>> {
        let mut inbox = self.inbox();
        // Looked at under the lock that `take_orders` seals under: nothing is queued behind the close.
        let is_open = self.state() == State::Open;
        if !is_open || !may_queue(inbox.bytes + self.unsent.load(Ordering::Relaxed)) {
            return None;
        }
        Some(self.enqueue(&mut inbox, order))
    }

    /// Queues the order; returns the task if it has to be woken.
    fn enqueue(&self, inbox: &mut Inbox, order: Order) -> Option<Waker> {
        inbox.bytes += order.cost();
        inbox.orders.push_back(order);
        self.task_to_call(inbox)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
        self.call_task();
    }

    pub(crate) fn terminate(&self) {
        self.terminated.store(true, Ordering::Release);
        self.call_task();
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.terminated.load(Ordering::Acquire)
    }

    /// Whether a handle has asked for the end.
    pub(crate) fn is_to_end(&self) -> bool {
        self.is_terminated() || self.inbox().close_asked
    }

    /// Waits until [`terminate`](Self::terminate) was called. Only one task may wait.
    pub(crate) fn poll_terminated(&self, cx: &Context<'_>) -> Poll<()> {
        self.register(cx.waker());
        // What was called before is seen now; the next call has to wake this task again.
        self.take_dirty();
        if self.is_terminated() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// The task that runs the connection, to be woken by what handles do.
    pub(crate) fn register(&self, task: &Waker) {
        self.inbox().task = Some(task.clone());
    }

    /// Whether a handle has done anything that the task has not seen.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Relaxed)
    }

    /// As [`is_dirty`](Self::is_dirty); the task sees it now.
    pub(crate) fn take_dirty(&self) -> bool {
        self.is_dirty() && self.dirty.swap(false, Ordering::AcqRel)
    }

    /// Hands out orders as long as `takes` has room for them; the rest stays and stays counted. With
    /// `closes` these are the last: handles are told from here on.
    pub(crate) fn take_orders(&self, closes: bool, mut takes: impl FnMut(&Order) -> bool) {
        let mut inbox = self.inbox();
        if closes {
            self.begin_closing();
        }
        while let Some(order) = inbox.orders.front() {
            let cost = order.cost();
            if !takes(order) {
                break;
            }
            inbox.orders.pop_front();
            inbox.bytes -= cost;
            // Counted on the task's side from here on, so that `set_unsent` sees them leave.
            self.unsent.fetch_add(cost, Ordering::Relaxed);
        }
        if inbox.orders.is_empty() && inbox.orders.capacity() > 64 {
            inbox.orders = VecDeque::new();
        }
    }

    /// Tells how much the task has queued; whoever waits for room looks again.
    pub(crate) fn set_unsent(&self, bytes: usize) {
        if self.unsent.swap(bytes, Ordering::Relaxed) > bytes {
            self.changed.notify_waiters();
        }
    }

    /// The connection has ended: queued orders are dropped and every waiter learns of it.
    pub(crate) fn end(&self, closed: Closed) {
        // The details are there before anyone can see the state.
        let first = self.closed.set(closed).is_ok();
        self.set_state(State::Closed);
        let mut inbox = self.inbox();
        inbox.orders = VecDeque::new();
        inbox.bytes = 0;
        inbox.task = None;
        self.unsent.store(0, Ordering::Relaxed);
        drop(inbox);
        if first {
            self.changed.notify_waiters();
        }
    }

    /// Waits until `ready` gives an answer, asking again whenever something changed.
    pub(crate) async fn wait_for<T>(&self, ready: impl FnMut() -> Option<T>) -> T {
        wait_for(&self.changed, ready).await
    }

    /// How the connection ended, once its state says that it has: the details are there a step before.
    pub(crate) fn closed(&self) -> Option<&Closed> {
        self.closed.get().filter(|_| self.state() == State::Closed)
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call_task(&self) {
        let task = self.task_to_call(&self.inbox());
        wake(task);
    }

    /// The task, once for any number of orders. It is to be woken outside the lock.
    fn task_to_call(&self, inbox: &Inbox) -> Option<Waker> {
        if self.dirty.swap(true, Ordering::AcqRel) {
            return None;
        }
        inbox.task.clone()
    }
}

fn wake(task: Option<Waker>) {
    if let Some(task) = task {
        task.wake();
    }
}
