//! Every byte of output: lines to a pipe or above the prompt, a vanished reader included.

use std::io::{self, Write};

use crate::events::Event;

mod display;
pub(crate) mod duration;
pub(crate) mod events;
mod flood;
pub(crate) mod hex;
mod json;
pub(crate) mod palette;
mod sheet;
pub(crate) mod text;
mod view;

pub(crate) use display::{Display, Setting};
#[cfg(any(test, fuzzing))]
pub(crate) use sheet::wrap;
pub(crate) use sheet::{wrapped, wrapped_help};
pub(crate) use view::left_out;

/// Where the session's lines go. A line has been escaped where it holds foreign text.
pub(crate) trait Output {
    /// Adds one line; it appears with the next flush.
    fn line(&mut self, line: &str);

    /// Adds a line of the help: a sentence, or an option and what it does.
    fn help(&mut self, line: &str) {
        self.line(line);
    }

    /// Adds the answer to a command that was not carried out.
    fn refusal(&mut self, line: &str) {
        self.line(line);
    }

    /// Whether programs read it: then objects are told as events, and not in lines for people.
    fn is_for_programs(&self) -> bool {
        false
    }

    /// Adds bytes as they are, and the end of a line. For a terminal they were escaped.
    fn bytes(&mut self, bytes: &[u8]) {
        self.line(&String::from_utf8_lossy(bytes));
    }

    /// Adds what happened on a connection.
    fn event(&mut self, event: &Event) {
        if let Some(line) = events::line(event) {
            self.line(&line);
        }
    }

    /// Adds what happened on one of many connections, of which people are told in a line for all.
    fn event_of_many(&mut self, _: &Event) {}
}

/// Lines that wait to be written, and the stream that takes them.
#[derive(Debug)]
pub(crate) struct Printer<W> {
    stream: W,
    pending: Vec<u8>,
    is_wrapping: bool,
    is_closed: bool,
    has_failed: bool,
}

impl<W: Write> Printer<W> {
    /// A printer with nothing to write.
    pub(crate) const fn new(stream: W) -> Self {
        Self {
            stream,
            pending: Vec::new(),
            is_wrapping: false,
            is_closed: false,
            has_failed: false,
        }
    }

    /// The same; lines are wrapped for the terminal of standard output if that is what takes them.
    pub(crate) fn wrapping(mut self) -> Self {
        self.is_wrapping = io::IsTerminal::is_terminal(&io::stdout());
        self
    }

    /// Adds bytes as they are: the prompt, and the sequences that move the cursor.
    pub(crate) fn raw(&mut self, text: &str) {
        self.pending.extend_from_slice(text.as_bytes());
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let written = self
            .stream
            .write_all(&self.pending)
            .and_then(|()| self.stream.flush());
        self.pending.clear();
        if let Err(error) = written {
            self.close(&error);
        }
    }

    /// The session ends by itself; a reader that has gone wants no more, any other fault loses output.
    fn close(&mut self, error: &io::Error) {
        if !self.is_closed && !is_gone(error) {
            self.has_failed = true;
            warn(&format!("cannot write the output: {}", text::fault(error)));
        }
        self.is_closed = true;
    }

    /// Whether nobody reads any more.
    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether output was lost that somebody was to read.
    pub(crate) const fn has_failed(&self) -> bool {
        self.has_failed
    }
}

impl<W: Write> Output for Printer<W> {
    fn line(&mut self, line: &str) {
        match self.is_wrapping {
            true => self.bytes(wrapped(line).as_bytes()),
            false => self.bytes(line.as_bytes()),
        }
    }

    fn help(&mut self, line: &str) {
        match self.is_wrapping {
            true => self.bytes(wrapped_help(line).as_bytes()),
            false => self.bytes(line.as_bytes()),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.pending.push(b'\n');
        // Large blocks of `show` need not lie in memory twice.
        if self.pending.len() >= 1 << 16 {
            self.flush();
        }
    }
}

/// Whether the reader has gone: of a pipe, or of a terminal that was closed.
fn is_gone(error: &io::Error) -> bool {
    #[cfg(unix)]
    if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::IO) {
        return io::IsTerminal::is_terminal(&io::stdout());
    }
    error.kind() == io::ErrorKind::BrokenPipe
}

/// How many characters fit a row of the terminal, where that can be told.
pub(crate) fn columns() -> Option<usize> {
    size_of_terminal(io::stdout()).map(|(columns, _)| columns)
}

/// How many columns and rows the terminal behind this stream has.
#[cfg(unix)]
pub(crate) fn size_of_terminal(stream: impl std::os::fd::AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

#[cfg(not(unix))]
pub(crate) fn size_of_terminal<T>(_: T) -> Option<(usize, usize)> {
    None
}

/// One line to standard error, for what must be said before or beside the session.
pub(crate) fn warn(line: &str) {
    warn_at("", line);
}

/// The same behind a time.
pub(crate) fn warn_at(stamp: &str, line: &str) {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "{stamp}bowsprit: {line}");
}

#[cfg(test)]
mod tests {
    use super::Output;

    /// Lines that were printed.
    #[derive(Debug, Default)]
    pub(super) struct Printed {
        pub(super) lines: Vec<String>,
    }

    impl Output for Printed {
        fn line(&mut self, line: &str) {
            self.lines.push(line.to_owned());
        }
    }
}
