//! A record while it is written: one event a line, flushed within a second.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{
    self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _,
};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::events::{Event, What};
use crate::printer::text::{escape, fault};
use crate::printer::warn;

/// How long an event may wait for its way to the file.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// How much of the first line of a file is looked at.
const MAX_FIRST_LINE: u64 = 4096;

/// A file that takes events.
///
/// The first fault ends it and is told once; who records goes on without.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    writer: Arc<Mutex<Writer>>,
    /// Goes away with the recorder, and the thread that flushes with it.
    _ending: mpsc::Sender<()>,
}

#[derive(Debug)]
struct Writer {
    /// `None` once the record has ended.
    file: Option<BufWriter<File>>,
    written: u64,
    limit: Option<u64>,
    /// Why it has ended, until that was told.
    fault: Option<String>,
}

impl Recorder {
    /// Begins a record: a new file that nobody else may read, or the end of one that is a record already.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or is something else than a record; the text is escaped.
    pub(crate) fn open(path: &Path, limit: Option<u64>) -> Result<Self, String> {
        let failed = |why: &str| format!("cannot record to {}: {why}", shown(path));
        let broken = |error: io::Error| failed(&fault(&error));
        let is_there = match path.metadata() {
            // A device or a named pipe takes no second session behind the first.
            Ok(metadata) if !metadata.is_file() => return Err(failed("not a regular file")),
            Ok(metadata) => metadata.len() > 0,
            Err(_) => false,
        };
        if is_there && !is_record(path).map_err(broken)? {
            return Err(failed(
                "it is there and no record, and would be lost; give another name",
            ));
        }
        let mut file = options().open(path).map_err(broken)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(failed("another program records to it"));
            }
            // Where there are no locks, nobody can be kept out.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let mut written = file.metadata().map_err(broken)?.len();
        if is_there && !ends_a_line(&mut file).map_err(broken)? {
            // What an earlier run could not finish must not spoil what follows.
            file.write_all(b"\n").map_err(broken)?;
            written += 1;
        }
        let writer = Arc::new(Mutex::new(Writer {
            file: Some(BufWriter::new(file)),
            written,
            limit,
            fault: None,
        }));
        let (ending, ended) = mpsc::channel();
        let flushed = Arc::clone(&writer);
        thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                while ended.recv_timeout(FLUSH_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    lock(&flushed).flush();
                }
            })
            .map_err(broken)?;
        let recorder = Self {
            path: path.to_owned(),
            writer,
            _ending: ending,
        };
        recorder.event(&Event::now(None, None, What::start()))?;
        Ok(recorder)
    }

    /// Adds an event.
    ///
    /// # Errors
    ///
    /// Once, when the record has ended before its time: the file takes no more, or has its full size.
    /// The text is escaped.
    pub(crate) fn event(&self, event: &Event) -> Result<(), String> {
        let mut writer = lock(&self.writer);
        if writer.file.is_some() {
            writer.write(event.to_json().as_bytes());
        }
        match writer.fault.take() {
            None => Ok(()),
            Some(why) => Err(self.ended(&why)),
        }
    }

    /// The file, escaped.
    pub(crate) fn name(&self) -> String {
        shown(&self.path)
    }

    /// Whether it takes events no more.
    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.writer).file.is_none()
    }

    fn ended(&self, why: &str) -> String {
        format!("The record {} has ended: {why}", self.name())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let mut writer = lock(&self.writer);
        writer.flush();
        // The thread may have it a moment longer, and the file is free for the next record now.
        drop(writer.file.take());
        if let Some(why) = writer.fault.take() {
            warn(&self.ended(&why));
        }
    }
}

impl Writer {
    fn write(&mut self, line: &[u8]) {
        let Some(file) = &mut self.file else {
            return;
        };
        self.written += line.len() as u64;
        if let Some(limit) = self.limit.filter(|limit| self.written > *limit) {
            let end = file.flush();
            self.end(match end {
                Ok(()) => format!("it would be larger than {limit} bytes"),
                Err(error) => fault(&error),
            });
        } else if let Err(error) = file.write_all(line) {
            self.end(fault(&error));
        }
    }

    fn flush(&mut self) {
        if let Some(Err(error)) = self.file.as_mut().map(io::Write::flush) {
            self.end(fault(&error));
        }
    }

    fn end(&mut self, why: String) {
        if let Some(file) = self.file.take() {
            // What the file did not take before it will not take now.
            drop(file.into_parts());
        }
        self.fault = Some(why);
    }
}

fn lock(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shown(path: &Path) -> String {
    escape(&path.display().to_string()).into_owned()
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Whether the file begins as a record does.
fn is_record(path: &Path) -> io::Result<bool> {
    let mut line = Vec::new();
    BufReader::new(File::open(path)?.take(MAX_FIRST_LINE)).read_until(b'\n', &mut line)?;
    let event = str::from_utf8(&line).ok().map(Event::from_json);
    Ok(matches!(
        event,
        Some(Ok(Event {
            what: What::Start { .. },
            ..
        }))
    ))
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
