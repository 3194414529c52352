//! What is printed of a server: lines from a thread of their own, so that a reader who is slow, or
//! none at all, holds up no connection.

use std::convert::Infallible;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::environment::split;
use super::waiting::{Printable, Waiting, waiting};
use crate::events::{Direction, Event, Opcode, Opened, What};
use crate::options::{DisplayOptions, Size};
use crate::printer::palette::{Palette, Role};
use crate::printer::text::{escape, excerpt, fault, harmless};
use crate::printer::{Display, Printer, events, warn};
use crate::recording::Recorder;

/// How many events are printed at once before it is looked whether that went well.
const BATCH: usize = 4096;

/// How long the last lines may take: who reads no more must not keep the program.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How much of foreign text a line shows.
const EXCERPT: usize = 60;

/// Where events go.
#[derive(Clone, Debug, Default)]
pub(super) struct Teller(Option<Arc<Line>>);

/// The line to the thread that prints, and to the record.
#[derive(Debug)]
struct Line {
    /// `None` where nothing is to be printed.
    events: Option<Waiting>,
    prints_messages: bool,
    recorder: Option<Recorder>,
    dropped: Arc<AtomicUsize>,
    closed: Arc<Notify>,
    /// Output was lost that somebody was to read.
    has_failed: Arc<AtomicBool>,
}

/// The thread that prints: nothing comes from it, and that ends with it.
#[derive(Debug)]
pub(super) struct Printing(Option<Receiver<Infallible>>);

impl Teller {
    /// Prints and records as these options ask for.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread, or the record cannot be written.
    pub(super) fn start(
        options: &DisplayOptions,
        shows_messages: bool,
    ) -> Result<(Self, Printing), String> {
        let record = options.record.as_ref();
        let limit = options.record_limit.map(|Size(limit)| limit as u64);
        let recorder = record.map(|path| Recorder::open(path, limit)).transpose()?;
        let mut line = Line {
            events: None,
            prints_messages: shows_messages || options.verbose > 0,
            recorder,
            dropped: Arc::default(),
            closed: Arc::default(),
            has_failed: Arc::default(),
        };
        let mut printing = Printing(None);
        if !options.quiet {
            let started = Events::start(options, &line);
            let (events, ended) = started.map_err(|error| fault(&error))?;
            line.events = Some(events);
            printing = Printing(Some(ended));
        }
        Ok((Self(Some(Arc::new(line))), printing))
    }

    /// Whether messages are told.
    pub(super) fn tells_messages(&self) -> bool {
        self.0.as_ref().is_some_and(|line| {
            line.recorder.is_some() || (line.prints_messages && line.events.is_some())
        })
    }

    /// Tells something of a connection, or of the server. `what` is made only if anybody hears it.
    pub(super) fn tell(&self, id: Option<u32>, what: impl FnOnce() -> What) {
        let Some(line) = &self.0 else {
            return;
        };
        if line.events.is_none() && line.recorder.is_none() {
            return;
        }
        let event = Event::now(id, None, what());
        if let Some(Err(fault)) = line.recorder.as_ref().map(|to| to.event(&event)) {
            warn(&fault);
        }
        let is_printed = line.prints_messages || !event.what.is_traffic();
        if let Some(events) = line.events.as_ref().filter(|_| is_printed)
            && !events.push(event)
        {
            line.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether what is told should wait, so that none of it is dropped.
    pub(super) fn is_crowded(&self) -> bool {
        self.waiting().is_some_and(Waiting::is_crowded)
    }

    /// Waits until that is over.
    pub(super) async fn room(&self) {
        if let Some(waiting) = self.waiting() {
            waiting.room().await;
        }
    }

    fn waiting(&self) -> Option<&Waiting> {
        self.0.as_ref()?.events.as_ref()
    }

    /// Waits until nobody reads the output any more: 0, or 1 where it cannot be written.
    pub(super) async fn closed(&self) -> u8 {
        match &self.0 {
            Some(line) => {
                line.closed.notified().await;
                u8::from(line.has_failed.load(Ordering::Relaxed))
            }
            None => std::future::pending().await,
        }
    }
}

impl Printing {
    /// Waits until all is printed, as far as somebody takes it. Every [`Teller`] has to be gone.
    pub(super) fn finish(self) {
        if let Some(ended) = self.0 {
            // It says nothing: either it has ended, or nobody reads.
            let _ = ended.recv_timeout(LAST_LINES);
        }
    }
}

/// What the thread has.
struct Events {
    as_json: bool,
    display: Display,
    printer: Printer<io::Stdout>,
    dropped: Arc<AtomicUsize>,
    closed: Arc<Notify>,
    /// Output was lost that somebody was to read.
    has_failed: Arc<AtomicBool>,
}

impl Events {
    fn start(options: &DisplayOptions, line: &Line) -> io::Result<(Waiting, Receiver<Infallible>)> {
        let (sender, events) = waiting();
        let printer = Self {
            as_json: options.json,
            display: Display::without_prompt(options, io::stdout().is_terminal()),
            printer: Printer::new(io::stdout()).wrapping(),
            dropped: Arc::clone(&line.dropped),
            closed: Arc::clone(&line.closed),
            has_failed: Arc::clone(&line.has_failed),
        };
        let (running, ended) = channel();
        thread::Builder::new()
            .name("printer".to_owned())
            .spawn(move || {
                printer.print(&events);
                drop(running);
            })?;
        Ok((sender, ended))
    }

    fn print(mut self, events: &Printable) {
        if self.as_json {
            self.print_one(&Event::now(None, None, What::start()));
        }
        loop {
            match events.next(self.display.deadline()) {
                Ok(first) => {
                    self.print_one(&first.event);
                    for waiter in events.rest().take(BATCH) {
                        self.print_one(&waiter.event);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.display
                        .handle_timeout(Instant::now(), &mut self.printer);
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                let text = format!("{dropped} lines dropped, for want of a reader");
                self.print_one(&Event::now(None, None, What::Log { text }));
            }
            self.printer.flush();
            events.tell_printed();
            if self.printer.is_closed() {
                let has_failed = self.printer.has_failed();
                self.has_failed.store(has_failed, Ordering::Relaxed);
                return self.closed.notify_one();
            }
        }
    }

    fn print_one(&mut self, event: &Event) {
        if self.as_json {
            self.printer.raw(&event.to_json());
        } else if let Some(head) = head(event, self.display.palette()) {
            self.display.headed(event, &head, 0, &mut self.printer);
        }
    }
}

/// The line for people, the id of the connection first; of a message what stands before it.
fn head(event: &Event, palette: Palette) -> Option<String> {
    let text = match &event.what {
        What::Serve { uri, mode } => return Some(format!("Serving {mode} on {}", escape(uri))),
        What::Answer { text, .. } => return Some(escape(text).into_owned()),
        What::Open(opened) => open(opened, palette),
        What::Message {
            direction,
            opcode,
            size,
            ..
        } => {
            let arrow = match direction {
                Direction::Received => palette.paint(Role::Received, "<<"),
                Direction::Sent => ">>".into(),
            };
            let kind = match opcode {
                Opcode::Text => "text",
                Opcode::Binary => "binary",
            };
            format!("{arrow} {kind} {size}")
        }
        What::Refuse {
            peer,
            request,
            error,
        } => {
            let of = request.as_deref().unwrap_or("-");
            let peer = peer.as_deref().unwrap_or("-");
            let word = palette.paint(Role::Bad, "refused");
            // What the library quotes of a client it has escaped.
            format!(
                "{word} {peer} {}: {}",
                excerpt(of, EXCERPT),
                harmless(error)
            )
        }
        What::Http {
            peer,
            request,
            status,
        } => {
            let peer = peer.as_deref().unwrap_or("-");
            format!("http {peer} {} {status}", excerpt(request, EXCERPT))
        }
        What::Log { text } => escape(text).into_owned(),
        _ => return events::head(event, palette),
    };
    let id = event.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    Some(format!("{} {text}", palette.paint(Role::Id, &id)))
}

fn open(opened: &Opened, palette: Palette) -> String {
    let peer = opened.peer.as_deref().unwrap_or("-");
    let (_, path) = split(&opened.uri);
    let mut headers = opened.headers.iter();
    let agent = headers.find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    let agent = agent.map_or_else(String::new, |(_, agent)| {
        format!(" {}", excerpt(agent, EXCERPT))
    });
    let word = palette.paint(Role::Good, "open");
    format!("{word} {peer} {}{agent}", excerpt(path, EXCERPT))
}
