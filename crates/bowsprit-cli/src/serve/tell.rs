//! What is printed of a server: lines from a thread of their own, so that a reader who is slow, or
//! none at all, holds up no connection.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;

use crate::events::{Direction, Event, Opened, What};
use crate::options::DisplayOptions;
use crate::printer::text::{escape, excerpt};
use crate::printer::{self, Output as _, Printer};

/// The most events that may wait to be printed.
const MAX_WAITING: usize = 4096;

/// How long the last lines may take: who reads no more must not keep the program.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How much of foreign text a line shows.
const EXCERPT: usize = 60;

/// Where events go.
#[derive(Clone, Debug, Default)]
pub(super) struct Teller(Option<Arc<Line>>);

/// The line to the thread that prints.
#[derive(Debug)]
struct Line {
    events: SyncSender<Event>,
    tells_messages: bool,
    dropped: Arc<AtomicUsize>,
    closed: Arc<Notify>,
}

/// The thread that prints: nothing comes from it, and that ends with it.
#[derive(Debug)]
pub(super) struct Printing(Option<Receiver<Infallible>>);

impl Teller {
    /// Prints as these options ask for.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub(super) fn start(
        display: &DisplayOptions,
        shows_messages: bool,
    ) -> io::Result<(Self, Printing)> {
        if display.quiet {
            return Ok((Self(None), Printing(None)));
        }
        let (sender, events) = sync_channel(MAX_WAITING);
        let dropped = Arc::<AtomicUsize>::default();
        let closed = Arc::<Notify>::default();
        let printer = Events {
            as_json: display.json,
            dropped: Arc::clone(&dropped),
            closed: Arc::clone(&closed),
        };
        let (running, ended) = channel();
        thread::Builder::new()
            .name("printer".to_owned())
            .spawn(move || {
                printer.print(&events);
                drop(running);
            })?;
        let line = Line {
            events: sender,
            tells_messages: shows_messages || display.verbose > 0,
            dropped,
            closed,
        };
        Ok((Self(Some(Arc::new(line))), Printing(Some(ended))))
    }

    /// Whether messages are told.
    pub(super) fn tells_messages(&self) -> bool {
        self.0.as_ref().is_some_and(|line| line.tells_messages)
    }

    /// Tells something of a connection, or of the server. `what` is made only if anybody hears it.
    pub(super) fn tell(&self, id: Option<u32>, what: impl FnOnce() -> What) {
        let Some(line) = &self.0 else {
            return;
        };
        if line.events.try_send(Event::now(id, None, what())).is_err() {
            line.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until nobody reads the output any more.
    pub(super) async fn closed(&self) {
        match &self.0 {
            Some(line) => line.closed.notified().await,
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
    dropped: Arc<AtomicUsize>,
    closed: Arc<Notify>,
}

impl Events {
    fn print(&self, events: &Receiver<Event>) {
        let mut printer = Printer::new(io::stdout());
        if self.as_json {
            self.print_one(&mut printer, &Event::now(None, None, What::start()));
        }
        while let Ok(first) = events.recv() {
            self.print_one(&mut printer, &first);
            for event in events.try_iter().take(MAX_WAITING) {
                self.print_one(&mut printer, &event);
            }
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                let text = format!("{dropped} lines dropped, for want of a reader");
                let event = Event::now(None, None, What::Log { text });
                self.print_one(&mut printer, &event);
            }
            printer.flush();
            if printer.is_closed() {
                return self.closed.notify_one();
            }
        }
    }

    fn print_one(&self, printer: &mut Printer<io::Stdout>, event: &Event) {
        if self.as_json {
            printer.raw(&event.to_json());
        } else if let Some(line) = line(event) {
            printer.line(&line);
        }
    }
}

/// The line for people, the id of the connection first.
fn line(event: &Event) -> Option<String> {
    let id = event.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let text = match &event.what {
        What::Serve { uri, mode } => return Some(format!("Serving {mode} on {}", escape(uri))),
        What::Answer { text, .. } => return Some(escape(text).into_owned()),
        What::Open(opened) => open(opened),
        What::Message {
            direction: Direction::Sent,
            ..
        } => {
            let mirrored = received(event)?;
            return printer::events::line(&mirrored).map(|line| line.replacen(" << ", " >> ", 1));
        }
        What::Refuse {
            peer,
            request,
            error,
        } => {
            let of = request.as_deref().unwrap_or("-");
            let peer = peer.as_deref().unwrap_or("-");
            format!("refused {peer} {}: {}", excerpt(of, EXCERPT), escape(error))
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
        _ => return printer::events::line(event),
    };
    Some(format!("{id} {text}"))
}

/// The same message the other way: lines of both ways are alike but for the arrow.
fn received(event: &Event) -> Option<Event> {
    let mut event = event.clone();
    match &mut event.what {
        What::Message { direction, .. } => *direction = Direction::Received,
        _ => return None,
    }
    Some(event)
}

fn open(opened: &Opened) -> String {
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
    format!("open {peer} {}{agent}", excerpt(path, EXCERPT))
}
