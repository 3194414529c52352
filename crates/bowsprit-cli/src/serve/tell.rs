//! What is printed of a server: lines from a thread of their own, so that a reader who is slow, or
//! none at all, holds up no connection.

use std::convert::Infallible;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::events::{Direction, Event, Opcode, Opened, What};
use crate::options::{DisplayOptions, Size};
use crate::printer::palette::{Palette, Role};
use crate::printer::text::{escape, excerpt, fault};
use crate::printer::{Display, Printer, events, warn};
use crate::recording::Recorder;

/// The most events that may wait to be printed.
const MAX_WAITING: usize = 4096;

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
    events: Option<SyncSender<Event>>,
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
            && events.try_send(event).is_err()
        {
            line.dropped.fetch_add(1, Ordering::Relaxed);
        }
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
    fn start(
        options: &DisplayOptions,
        line: &Line,
    ) -> io::Result<(SyncSender<Event>, Receiver<Infallible>)> {
        let (sender, events) = sync_channel(MAX_WAITING);
        let printer = Self {
            as_json: options.json,
            display: Display::without_prompt(options, io::stdout().is_terminal()),
            printer: Printer::new(io::stdout()),
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

    fn print(mut self, events: &Receiver<Event>) {
        if self.as_json {
            self.print_one(&Event::now(None, None, What::start()));
        }
        loop {
            match self.next(events) {
                Ok(first) => {
                    self.print_one(&first);
                    for event in events.try_iter().take(MAX_WAITING) {
                        self.print_one(&event);
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
            if self.printer.is_closed() {
                let has_failed = self.printer.has_failed();
                self.has_failed.store(has_failed, Ordering::Relaxed);
                return self.closed.notify_one();
            }
        }
    }

    /// The next event, or the time at which the display has something to say.
    fn next(&self, events: &Receiver<Event>) -> Result<Event, RecvTimeoutError> {
        match self.display.deadline() {
            None => events.recv().map_err(RecvTimeoutError::from),
            Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
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
            format!("{word} {peer} {}: {}", excerpt(of, EXCERPT), escape(error))
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
    let path = opened
        .uri
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').and_then(|start| rest.get(start..)))
        .unwrap_or("/");
    let mut headers = opened.headers.iter();
    let agent = headers.find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    let agent = agent.map_or_else(String::new, |(_, agent)| {
        format!(" {}", excerpt(agent, EXCERPT))
    });
    let word = palette.paint(Role::Good, "open");
    format!("{word} {peer} {}{agent}", excerpt(path, EXCERPT))
}
