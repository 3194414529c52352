//! The primitives of what tasks and threads share. Under `cfg(bowsprit_loom)` those of a model checker,
//! which tries every order in which threads may run: `docs/explanation/security/faults.md`.

#[cfg(not(all(test, bowsprit_loom)))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicUsize},
};
#[cfg(not(all(test, bowsprit_loom)))]
pub(crate) use tokio::sync::Notify;

#[cfg(all(test, bowsprit_loom))]
pub(crate) use self::model::Notify;
#[cfg(all(test, bowsprit_loom))]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicUsize},
};

#[cfg(all(test, bowsprit_loom))]
mod model {
    use std::{
        mem,
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use loom::sync::Mutex;

    /// What tokio's documents: whoever was made before it is rung is woken by it, polled or not.
    #[derive(Debug, Default)]
    pub(crate) struct Notify(Mutex<Rings>);

    #[derive(Debug, Default)]
    struct Rings {
        count: usize,
        waiting: Vec<Waker>,
    }

    impl Notify {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn notify_waiters(&self) {
            let mut rings = self.0.lock().expect("no panic");
            rings.count += 1;
            let waiting = mem::take(&mut rings.waiting);
            drop(rings);
            waiting.into_iter().for_each(Waker::wake);
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            let made_at = self.0.lock().expect("no panic").count;
            Notified {
                notify: self,
                made_at,
            }
        }
    }

    pub(crate) struct Notified<'a> {
        notify: &'a Notify,
        made_at: usize,
    }

    impl Notified<'_> {
        /// It is registered from the start.
        pub(crate) fn enable(self: Pin<&mut Self>) -> bool {
            false
        }
    }

    impl Future for Notified<'_> {
        type Output = ();

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let mut rings = self.notify.0.lock().expect("no panic");
            if rings.count != self.made_at {
                return Poll::Ready(());
            }
            rings.waiting.push(cx.waker().clone());
            Poll::Pending
        }
    }
}
