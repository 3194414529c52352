//! A thread of its own for a client in a program without a runtime.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use bowsprit_proto::CloseCode;
use tokio::runtime;

use crate::roster::Roster;

/// A thread that runs connections until it is told to stop and none is left.
#[derive(Debug)]
pub(crate) struct Background {
    runtime: runtime::Handle,
    stopping: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Background {
    pub(crate) fn start(roster: Arc<Roster>) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let stopping = Arc::new(AtomicBool::new(false));
        let told = stopping.clone();
        let thread = thread::Builder::new()
            .name("bowsprit".into())
            .spawn(move || {
                runtime.block_on(async {
                    roster
                        .wait_until(|| {
                            told.load(Ordering::Acquire)
                                && roster.close_if_empty(CloseCode::GOING_AWAY)
                        })
                        .await;
                });
                // The system's resolver may block a thread of the runtime's for long: nobody waits
                // for its answer any more.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            stopping,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn spawn(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        self.runtime.spawn(task)
    }

    /// Lets the thread end once no connection is left.
    pub(crate) fn stop(&self, roster: &Roster) {
        self.stopping.store(true, Ordering::Release);
        roster.notify();
    }

    /// Waits for the thread, unless it is the calling one.
    pub(crate) fn join(&self) {
        let mut slot = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let other = |thread: &mut JoinHandle<()>| thread.thread().id() != thread::current().id();
        let thread = slot.take_if(other);
        drop(slot);
        if let Some(thread) = thread {
            // A panic of the thread was printed by its own hook.
            let _ = thread.join();
        }
    }
}

/// Runs `future` on the calling thread, with timers of its own: those of the background thread end
/// with the last connection, while somebody may still wait.
///
/// # Panics
///
/// Inside an asynchronous runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without sockets needs nothing of the system")
        .block_on(future)
}
