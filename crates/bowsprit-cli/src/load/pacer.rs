//! Wakes a thread on time: tokio's clock has milliseconds, which is too coarse to send by.

use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
pub(super) use self::linux::Pacer;
#[cfg(not(target_os = "linux"))]
pub(super) use self::tokio_clock::Pacer;

#[cfg(target_os = "linux")]
mod linux {
    use super::{Duration, io};
    use std::os::fd::OwnedFd;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    /// A timer of the kernel's.
    #[derive(Debug)]
    pub(in super::super) struct Pacer(AsyncFd<OwnedFd>);

    impl Pacer {
        #[expect(
            deprecated,
            reason = "what took its place is unsafe, and an OwnedFd stays the descriptor that it is"
        )]
        pub(in super::super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self(AsyncFd::new(timer)?))
        }

        /// The next tick comes after this time.
        pub(in super::super) fn set(&self, wait: Duration) -> io::Result<()> {
            // Zero would switch it off.
            let wait = wait.max(Duration::from_nanos(1));
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec::try_from(wait).map_err(io::Error::other)?,
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }

        pub(in super::super) async fn tick(&self) {
            match self.0.readable().await {
                // Its count is not read: setting it anew takes that back, too.
                Ok(mut guard) => guard.clear_ready(),
                // It fails with the runtime only, which ends the thread.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod tokio_clock {
    use super::{Duration, io};
    use std::cell::Cell;

    /// A timer of tokio's.
    #[derive(Debug)]
    pub(in super::super) struct Pacer(Cell<Duration>);

    impl Pacer {
        pub(in super::super) fn new() -> io::Result<Self> {
            Ok(Self(Cell::new(Duration::ZERO)))
        }

        pub(in super::super) fn set(&self, wait: Duration) -> io::Result<()> {
            self.0.set(wait);
            Ok(())
        }

        pub(in super::super) async fn tick(&self) {
            tokio::time::sleep(self.0.get()).await;
        }
    }
}
