//! Standard input: a thread that reads it, and the lines in what was read.

use std::io::{self, Read as _};
use std::thread;

use tokio::sync::mpsc::{self, Receiver};

/// What the session is given: a line, or what came instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A line without its end.
    Line(String),
    /// A line that cannot be a command; the text says why, escaped.
    Fault(String),
    /// Ctrl-C with nothing typed.
    Interrupt,
    /// No more lines will come.
    End,
}

/// The longest line, in bytes: 16 MiB, so that the largest message of the defaults fits.
pub(crate) const MAX_LINE: usize = 16 << 20;

/// Reads standard input on a thread of its own, which blocks where the loop must not.
///
/// The channel is short: what nobody takes stays in the pipe. It closes at the end of input.
///
/// # Errors
///
/// When no thread can be started.
pub(crate) fn read_standard_input() -> io::Result<Receiver<Vec<u8>>> {
    let (chunks, receiver) = mpsc::channel(2);
    thread::Builder::new()
        .name("standard input".to_owned())
        .spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            loop {
                let chunk = match io::stdin().read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    // A terminal that went away is the end of input as well.
                    Err(_) | Ok(0) => return,
                    Ok(count) => buffer.get(..count).unwrap_or_default().to_vec(),
                };
                if chunks.blocking_send(chunk).is_err() {
                    return;
                }
            }
        })?;
    Ok(receiver)
}

/// Cuts what was read into lines that end with LF or CR LF; the last one may lack its end.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// How far the search for its end has come.
    searched: usize,
    /// How many lines were handed out.
    count: u64,
    /// The line is over the limit: what comes of it is thrown away.
    is_too_long: bool,
    has_ended: bool,
}

impl Lines {
    /// Adds what was read.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(chunk);
    }

    /// No more will be read.
    pub(crate) const fn end(&mut self) {
        self.has_ended = true;
    }

    /// The next line, once it is there.
    pub(crate) fn next(&mut self) -> Option<Input> {
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        let end = unsearched
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| self.searched + at);
        let end = match end {
            Some(end) => end,
            None => {
                self.searched = self.bytes.len();
                if self.searched - self.start > MAX_LINE {
                    self.is_too_long = true;
                    self.start = self.searched;
                }
                match (
                    self.has_ended,
                    self.start < self.searched || self.is_too_long,
                ) {
                    (false, _) => return None,
                    (true, false) => return Some(Input::End),
                    (true, true) => self.searched,
                }
            }
        };
        let input = self.line(end);
        self.start = (end + 1).min(self.bytes.len());
        self.searched = self.start;
        Some(input)
    }

    fn line(&mut self, end: usize) -> Input {
        self.count += 1;
        let number = self.count;
        let line = self.bytes.get(self.start..end).unwrap_or_default();
        if std::mem::take(&mut self.is_too_long) || line.len() > MAX_LINE {
            return Input::Fault(format!("Line {number} is longer than {MAX_LINE} bytes"));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match str::from_utf8(line) {
            Ok(line) => Input::Line(line.to_owned()),
            Err(error) => Input::Fault(format!(
                "Line {number} is not valid UTF-8 at byte {}",
                error.valid_up_to() + 1
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<Input> {
        let mut lines = Lines::default();
        let mut inputs = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            inputs.extend(std::iter::from_fn(|| lines.next()));
        }
        lines.end();
        while inputs.last() != Some(&Input::End) {
            inputs.push(lines.next().expect("input that has ended says so"));
        }
        inputs
    }

    fn line(text: &str) -> Input {
        Input::Line(text.to_owned())
    }

    #[test]
    fn takes_both_line_ends_and_a_last_line_without_one() {
        assert_eq!(
            lines_of(&[b"a\r\nb", b"c\n\nd"]),
            [line("a"), line("bc"), line(""), line("d"), Input::End]
        );
        assert_eq!(lines_of(&[b"a\n"]), [line("a"), Input::End]);
        assert_eq!(lines_of(&[]), [Input::End]);
    }

    #[test]
    fn names_the_line_and_the_byte_that_is_not_utf_8() {
        let fault = Input::Fault("Line 2 is not valid UTF-8 at byte 3".to_owned());
        assert_eq!(
            lines_of(&[b"a\nbc\xff\xfe\nd\n"]),
            [line("a"), fault, line("d"), Input::End]
        );
    }

    #[test]
    fn throws_away_a_line_over_the_limit_and_no_other() {
        let half = vec![b'x'; MAX_LINE / 2 + 1];
        let fault = || Input::Fault(format!("Line 1 is longer than {MAX_LINE} bytes"));
        assert_eq!(
            lines_of(&[&half, &half, &half, b"\nnext\n"]),
            [fault(), line("next"), Input::End]
        );
        assert_eq!(lines_of(&[&half, &half, b"x"]), [fault(), Input::End]);
        let longest = "x".repeat(MAX_LINE);
        assert_eq!(
            lines_of(&[longest.as_bytes(), b"\n"]),
            [line(&longest), Input::End]
        );
    }
}
