//! The connections of one endpoint, known only so that a shutdown reaches them.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, atomic::Ordering},
    task::Waker,
    time::Duration,
};

use bowsprit_proto::CloseCode;
use tokio::{task::AbortHandle, time::timeout};

use crate::{
    ConnectionId, log,
    server::Slot,
    sync::{AtomicBool, AtomicU16, Mutex, MutexGuard, Notify},
    wait::wait_for,
};

/// How long connections may take to notice that they were cut.
const CUT_NOTICE: Duration = Duration::from_secs(1);

/// Shared by an endpoint and its connections.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// The code to close with, 0 while nobody has asked for it.
    code: AtomicU16,
    /// How long the closing of a connection may take in a shutdown, where nobody cuts it before.
    grace: OnceLock<Duration>,
    cut: AtomicBool,
    members: Mutex<Members>,
    /// Rung when the last member leaves, and when a shutdown begins.
    changed: Notify,
}

/// Two maps, as only the futures of `serve` have abort handles.
#[derive(Debug, Default)]
struct Members {
    /// The task of each, once it has registered.
    wakers: HashMap<ConnectionId, Option<Waker>>,
    /// Of tasks that may be busy with anything else, and cannot notice by themselves that they were cut.
    aborts: HashMap<ConnectionId, AbortHandle>,
}

/// A place in the roster, given back when dropped.
#[derive(Debug)]
pub(crate) struct Member {
    roster: Arc<Roster>,
    id: ConnectionId,
    /// What the connection counts for against a server's limits; free again when it ends.
    slot: Option<Slot>,
}

impl Roster {
    /// Takes a place; `None` once a shutdown has begun.
    pub(crate) fn join(self: &Arc<Self>, id: ConnectionId) -> Option<Member> {
        let mut members = self.members();
        // Looked at under the lock: a shutdown that counts the members has seen this one.
        if self.shutdown_code().is_some() {
            return None;
        }
        members.wakers.insert(id, None);
        Some(Member {
            roster: self.clone(),
            id,
            slot: None,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.members().wakers.len()
    }

    /// The code to close with, once a shutdown has begun.
    pub(crate) fn shutdown_code(&self) -> Option<CloseCode> {
        match self.code.load(Ordering::Acquire) {
            0 => None,
            code => Some(CloseCode(code)),
        }
    }

    /// Asks every member to close.
    pub(crate) fn begin_shutdown(&self, code: CloseCode) {
        let code = if code.can_be_sent() {
            code
        } else {
            CloseCode::GOING_AWAY
        };
        log::shutdown(self.len(), code);
        self.code.store(code.0, Ordering::Release);
        self.wake_all();
    }

    /// Asks every member to close, waits for `deadline`, and cuts the rest. Returns how many were cut.
    pub(crate) async fn shutdown(&self, code: CloseCode, deadline: Duration) -> usize {
        // The first one tells; a later one with less patience cuts. Longer than the deadline, so that who has not
        // answered by then is still there to be cut and counted, whichever thread is quicker.
        let _ = self.grace.set(deadline.saturating_add(CUT_NOTICE));
        self.begin_shutdown(code);
        if timeout(deadline, self.empty()).await.is_ok() {
            return 0;
        }
        let cut = self.len();
        self.cut_all();
        // A task that does not run cannot end either; it is not waited for.
        let _ = timeout(CUT_NOTICE, self.empty()).await;
        cut
    }

    /// Begins a shutdown if nobody would be hit by it; whether there is one now.
    pub(crate) fn close_if_empty(&self, code: CloseCode) -> bool {
        let members = self.members();
        let is_empty = members.wakers.is_empty();
        if is_empty {
            self.code.store(code.0, Ordering::Release);
        }
        is_empty
    }

    /// Waits until no member is left.
    pub(crate) async fn empty(&self) {
        self.wait_until(|| self.len() == 0).await;
    }

    /// Waits until a shutdown begins.
    pub(crate) async fn shutdown_begun(&self) {
        self.wait_until(|| self.shutdown_code().is_some()).await;
    }

    /// Waits until a shutdown has reached its deadline.
    pub(crate) async fn cut(&self) {
        self.wait_until(|| self.cut.load(Ordering::Acquire)).await;
    }

    /// Waits until a shutdown that has begun has left no member, or has reached its deadline.
    pub(crate) async fn over(&self) {
        let is_over = || self.cut.load(Ordering::Acquire) || self.len() == 0;
        self.wait_until(is_over).await;
    }

    /// Makes everyone who waits here look again.
    pub(crate) fn notify(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until `ready`, asking again whenever a member leaves or a shutdown goes a step further.
    pub(crate) async fn wait_until(&self, ready: impl Fn() -> bool) {
        wait_for(&self.changed, || ready().then_some(())).await;
    }

    /// A shutdown that has reached its deadline aborts this task of the member.
    pub(crate) fn abort_when_cut(&self, id: ConnectionId, abort: AbortHandle) {
        let mut members = self.members();
        if !self.cut.load(Ordering::Acquire) {
            // It may have ended already.
            if members.wakers.contains_key(&id) {
                members.aborts.insert(id, abort);
            }
            return;
        }
        drop(members);
        abort.abort();
    }

    fn cut_all(&self) {
        let members = self.members();
        // Under the lock: whoever adds a handle later sees it.
        self.cut.store(true, Ordering::Release);
        let tasks: Vec<AbortHandle> = members.aborts.values().cloned().collect();
        drop(members);
        tasks.iter().for_each(AbortHandle::abort);
        self.wake_all();
    }

    fn wake_all(&self) {
        let wakers: Vec<Waker> = self.members().wakers.values().flatten().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
        self.notify();
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// The connection keeps its slot as long as its place.
    pub(crate) fn keep(&mut self, slot: Option<Slot>) {
        self.slot = slot;
    }

    /// The task to wake when a shutdown begins.
    pub(crate) fn register(&self, task: &Waker) {
        self.roster
            .members()
            .wakers
            .insert(self.id, Some(task.clone()));
    }

    pub(crate) fn shutdown_code(&self) -> Option<CloseCode> {
        self.roster.shutdown_code()
    }

    /// How long the closing may take in a shutdown, in place of `timeouts.close`: a peer that reads slowly
    /// is to get what is queued for it.
    pub(crate) fn shutdown_grace(&self) -> Option<Duration> {
        self.roster.grace.get().copied()
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.roster.cut.load(Ordering::Acquire)
    }

    /// Waits until a shutdown begins.
    pub(crate) async fn shutdown_begun(&self) {
        self.roster.shutdown_begun().await;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut members = self.roster.members();
        let waker = members.wakers.remove(&self.id);
        let abort = members.aborts.remove(&self.id);
        let last = members.wakers.is_empty();
        drop(members);
        // Outside the lock: the last of them frees the task.
        drop((waker, abort));
        if last {
            self.roster.notify();
        }
    }
}
