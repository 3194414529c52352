//! A record while it is read: line by line, each within bounds, from a file or from memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::har;
use super::mirror::mirrored;
use crate::events::{Event, FORMAT, What};
use crate::printer::text::{escape, fault};

/// The longest line that is read: a message of 64 MiB has room in it, escaped or as base64.
pub(crate) const MAX_LINE: u64 = 128 << 20;

/// How much of a file is looked at to know what it is.
const HEAD: u64 = 4096;

/// A record that can be read as often as it is needed.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    path: PathBuf,
    /// What a HAR file came to, as lines; else the file is read.
    lines: Option<Arc<[u8]>>,
}

/// The lines of a record from one place on.
pub(crate) struct Lines {
    record: Record,
    stream: Box<dyn BufRead + Send>,
    /// The number of the last line, from 1 on.
    number: u64,
    /// Where the next line begins.
    offset: u64,
    /// A server wrote it, and not a client.
    is_of_server: bool,
    /// The second event of the last line.
    pending: Option<Line>,
}

/// One line, read.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) number: u64,
    /// Where it begins.
    pub(crate) offset: u64,
    /// What it says; an error where that is no event.
    pub(crate) event: Result<Event, String>,
}

impl Record {
    /// Opens a record, or a browser's HAR file, which is turned into one.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is a HAR file without a WebSocket; the text is escaped.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let failed = |why: String| format!("cannot read {}: {why}", shown(path));
        let broken = |error: io::Error| failed(fault(&error));
        let file = File::open(path).map_err(broken)?;
        // It is read several times over.
        if !file.metadata().map_err(broken)?.is_file() {
            return Err(failed("not a regular file".to_owned()));
        }
        let mut head = Vec::new();
        file.take(HEAD).read_to_end(&mut head).map_err(broken)?;
        if head.is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        let lines = if har::is_har(&head) {
            let events = har::import(path).map_err(failed)?;
            let text: String = events.iter().map(Event::to_json).collect();
            Some(text.into_bytes().into())
        } else {
            None
        };
        Ok(Self {
            path: path.to_owned(),
            lines,
        })
    }

    /// The record in these bytes.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self {
            path: "bytes".into(),
            lines: Some(bytes.into()),
        }
    }

    /// The file, escaped.
    pub(crate) fn name(&self) -> String {
        shown(&self.path)
    }

    /// Whether its lines are those of the file.
    pub(crate) const fn has_lines(&self) -> bool {
        self.lines.is_none()
    }

    /// All of its lines.
    ///
    /// # Errors
    ///
    /// When the file cannot be read any more.
    pub(crate) fn lines(&self) -> Result<Lines, String> {
        self.lines_from(1, 0, false)
    }

    /// The lines from the one on that has this number and begins there, and was written by a server or not.
    ///
    /// # Errors
    ///
    /// As above.
    pub(crate) fn lines_from(
        &self,
        number: u64,
        offset: u64,
        is_of_server: bool,
    ) -> Result<Lines, String> {
        let stream: Box<dyn BufRead + Send> = match &self.lines {
            Some(lines) => {
                let mut lines = Cursor::new(Arc::clone(lines));
                lines.set_position(offset);
                Box::new(lines)
            }
            None => {
                let mut file = File::open(&self.path).map_err(|error| self.broken(&error))?;
                file.seek(SeekFrom::Start(offset))
                    .map_err(|error| self.broken(&error))?;
                Box::new(BufReader::with_capacity(1 << 16, file))
            }
        };
        Ok(Lines {
            record: self.clone(),
            stream,
            number: number.saturating_sub(1),
            offset,
            is_of_server,
            pending: None,
        })
    }

    /// A fault in a line.
    pub(crate) fn fault(&self, number: u64, why: &str) -> String {
        format!("{}, line {number}: {}", self.name(), escape(why))
    }

    fn broken(&self, error: &io::Error) -> String {
        format!("cannot read {}: {}", self.name(), fault(error))
    }
}

impl Lines {
    /// Whether a server wrote the last line. It is told as its clients would have written it.
    pub(crate) const fn is_of_server(&self) -> bool {
        self.is_of_server
    }

    /// The next event, or line that is none, as a client writes them; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or the line is too long.
    pub(crate) fn next(&mut self) -> Result<Option<Line>, String> {
        loop {
            if let Some(line) = self.pending.take() {
                return Ok(Some(line));
            }
            let Some(line) = self.read()? else {
                return Ok(None);
            };
            let Ok(event) = line.event else {
                return Ok(Some(line));
            };
            match event.what {
                What::Start { .. } => self.is_of_server = false,
                What::Serve { .. } => self.is_of_server = true,
                _ => {}
            }
            let (first, second) = if self.is_of_server {
                mirrored(event)
            } else {
                (Some(event), None)
            };
            let at = |event| Line {
                event: Ok(event),
                ..line
            };
            self.pending = second.map(at);
            if let Some(event) = first {
                return Ok(Some(at(event)));
            }
        }
    }

    /// The next line that is not blank.
    fn read(&mut self) -> Result<Option<Line>, String> {
        loop {
            let mut line = Vec::new();
            let offset = self.offset;
            let read = (&mut self.stream)
                .take(MAX_LINE + 1)
                .read_until(b'\n', &mut line)
                .map_err(|error| self.record.broken(&error))? as u64;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.offset += read;
            if read > MAX_LINE {
                let why = format!("longer than {MAX_LINE} bytes");
                return Err(self.record.fault(self.number, &why));
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(Line {
                    number: self.number,
                    offset,
                    event: parse(&line),
                }));
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<Event, String> {
    let text = str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    let event = Event::from_json(text)?;
    match event.what {
        What::Start { format, .. } if format != FORMAT => Err(format!(
            "it has format {format}, and this program reads format {FORMAT}"
        )),
        _ => Ok(event),
    }
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string()).into_owned()
}
