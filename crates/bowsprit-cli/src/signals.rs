//! The signals that end the program, and the exit status that tells which one did.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use crate::processes;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: from outside, or Ctrl-C where the terminal makes a signal of it.
    Interrupt,
    /// SIGTERM, or SIGHUP when the terminal went away.
    Terminate { status: u8 },
}

impl Signal {
    /// The exit status, as shells have it: 128 and the signal's number.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate { status } => status,
        }
    }
}

/// The exit status after SIGHUP.
pub(crate) const HANGUP: u8 = 129;

/// How long the loop has to end the program at the second signal.
const PATIENCE: Duration = Duration::from_millis(500);

/// Ends the program at the second signal even if the loop hangs, in output that nobody takes.
///
/// # Errors
///
/// When the system refuses.
pub(crate) fn end_at_the_second() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut signals = runtime.block_on(async { Signals::new() })?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let status = runtime.block_on(async {
                signals.recv().await;
                signals.recv().await.status()
            });
            thread::sleep(PATIENCE);
            processes::kill_all();
            process::exit(status.into());
        })?;
    Ok(())
}

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
            _ = self.hangup.recv() => Signal::Terminate { status: HANGUP },
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
