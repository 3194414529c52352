//! What is known of a client before its connection opens: the decision about it writes, the handler reads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bowsprit::HttpRequest;
use tokio::sync::OwnedSemaphorePermit;

use super::modes::proxy::Upstream;
use crate::events::masked_uri;

tokio::task_local! {
    /// The client whose handshake this task carries out: the library's hooks see only its request.
    pub(super) static VISIT: Arc<Visit>;
}

/// One client.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) started: Instant,
    request: OnceLock<String>,
    why: OnceLock<String>,
    /// It has come for the page's numbers.
    is_watcher: AtomicBool,
    upstream: Mutex<Option<Upstream>>,
    /// What its answer takes of the memory for files, until it has ended.
    room: OnceLock<OwnedSemaphorePermit>,
}

impl Visit {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            request: OnceLock::new(),
            why: OnceLock::new(),
            is_watcher: AtomicBool::new(false),
            upstream: Mutex::default(),
            room: OnceLock::new(),
        }
    }

    /// The client of this task.
    pub(super) fn current() -> Arc<Self> {
        VISIT
            .try_with(Arc::clone)
            .unwrap_or_else(|_| Arc::new(Self::new()))
    }

    /// Keeps what was asked for.
    pub(super) fn asks(&self, request: &HttpRequest) {
        // Each client asks once.
        let target = masked_uri(request.target());
        let _ = self.request.set(format!("{} {target}", request.method()));
    }

    /// The method and the target without its secrets, once they are known; foreign text.
    pub(super) fn request(&self) -> Option<&str> {
        self.request.get().map(String::as_str)
    }

    /// Keeps why it is refused.
    pub(super) fn refused(&self, why: impl Into<String>) {
        // The first reason is the one.
        let _ = self.why.set(why.into());
    }

    /// Why it is refused, where this program knows better than the library.
    pub(super) fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// It has come for the page's numbers.
    pub(super) fn watches(&self) {
        self.is_watcher.store(true, Ordering::Relaxed);
    }

    /// Whether it has come for the page's numbers.
    pub(super) fn is_watcher(&self) -> bool {
        self.is_watcher.load(Ordering::Relaxed)
    }

    /// Keeps a share of the memory for files.
    pub(super) fn keep_room(&self, room: OwnedSemaphorePermit) {
        // It gets one answer.
        let _ = self.room.set(room);
    }

    /// Keeps the connection that its own is to be joined with.
    pub(super) fn keep(&self, upstream: Upstream) {
        *self.upstream() = Some(upstream);
    }

    /// The connection that was kept, once.
    pub(super) fn take_upstream(&self) -> Option<Upstream> {
        self.upstream().take()
    }

    fn upstream(&self) -> std::sync::MutexGuard<'_, Option<Upstream>> {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
