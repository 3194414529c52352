//! The signals that end the program, and the exit status that tells which one did.

use std::io;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: from outside, or Ctrl-C where the terminal makes a signal of it.
    Interrupt,
    /// SIGTERM, or SIGHUP when the terminal went away.
    Terminate { status: u8 },
}

/// The exit status after SIGINT, as shells have it: 128 and the signal's number.
pub(crate) const INTERRUPTED: u8 = 130;

/// The signals that have not been seen yet.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes the signals from now on.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(crate) async fn recv(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate { status: 143 },
            _ = self.hangup.recv() => Signal::Terminate { status: 129 },
        }
    }
}

/// The signals that have not been seen yet.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn recv(&mut self) -> Signal {
        // Without the means to be told, there is nothing to tell.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
