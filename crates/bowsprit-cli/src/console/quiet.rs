//! The terminal's mode between two lines: what is typed ahead is kept, and not shown.

use std::io;

/// Nothing is echoed until this is dropped; Ctrl-C is a signal.
///
/// The line editor has a mode of its own while it reads a line. In between, the terminal would
/// write what is typed ahead into the midst of the output.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Quiet {
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Quiet {
    /// Switches the terminal of standard input.
    ///
    /// # Errors
    ///
    /// When it is no terminal.
    pub(super) fn enter() -> io::Result<Self> {
        use rustix::termios::{InputModes, LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        // A line that is typed ahead ends as the editor expects it.
        quiet.input_modes -= InputModes::ICRNL | InputModes::IXON;
        quiet.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        tcsetattr(io::stdin(), OptionalActions::Drain, &quiet)?;
        Ok(Self { before })
    }

    /// Stops the program, with the terminal as it was before; then goes on with its mode of now.
    pub(super) fn suspend(&self) {
        use rustix::process::{Signal, kill_current_process_group};
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let Ok(now) = tcgetattr(io::stdin()) else {
            return;
        };
        // A terminal that went away needs no mode; without job control, the program just goes on.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
        let _ = kill_current_process_group(Signal::TSTP);
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &now);
    }
}

#[cfg(unix)]
impl Drop for Quiet {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // A terminal that went away needs no mode.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// Elsewhere the line editor's mode has to do.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Quiet;

#[cfg(not(unix))]
impl Quiet {
    pub(super) const fn enter() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) const fn suspend(&self) {}
}
