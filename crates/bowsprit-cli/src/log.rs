//! The library's log channels as lines of the session, or on standard error: `-v`, `--log` and `--trace`.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::UnboundedSender;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event as Logged, Metadata, Subscriber};

use crate::network::Report;
use crate::options::DisplayOptions;
use crate::printer::text::harmless;
use crate::printer::warn_at;
use crate::stamp::Stamp;

/// What the targets of the library begin with, before the channel.
const TARGETS: [&str; 2] = ["bowsprit::access::", "bowsprit::error::"];

/// The channels, most telling first.
pub(crate) const CHANNELS: [&str; 12] = [
    "connect",
    "disconnect",
    "fail",
    "http",
    "endpoint",
    "control",
    "message_header",
    "message_payload",
    "frame_header",
    "frame_payload",
    "rerror",
    "fatal",
];

/// What `--trace` is short for.
const FRAMES: [&str; 2] = ["frame_header", "frame_payload"];

/// What `-v` is short for: that a connection opened, failed or ended is told in any case.
const HANDSHAKES: [&str; 1] = ["http"];

/// The most lines that may wait to be printed: a flood must not fill this program's memory.
const MAX_WAITING: usize = 10_000;

/// The channels that are to be printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Channels(BTreeSet<&'static str>);

impl Channels {
    /// These, and the one that tells of handshakes.
    pub(crate) fn and_handshakes(mut self) -> Self {
        self.0.extend(HANDSHAKES);
        self
    }

    /// These, and those that tell of frames.
    pub(crate) fn and_frames(mut self) -> Self {
        self.0.extend(FRAMES);
        self
    }
}

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self(CHANNELS.into()));
        }
        let channels = text.split(',').map(|name| {
            let known = CHANNELS.into_iter().find(|channel| *channel == name);
            known.ok_or_else(|| format!("no such channel; there are all, {}", CHANNELS.join(", ")))
        });
        Ok(Self(channels.collect::<Result<_, _>>()?))
    }
}

/// One line of the log.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The library's id of the connection that it is about.
    pub(crate) id: Option<String>,
    /// Channel and text; no character in it acts on a terminal.
    pub(crate) text: String,
    /// How many lines before it were dropped.
    pub(crate) dropped: usize,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who gets the lines.
#[derive(Debug)]
enum Reader {
    Session(UnboundedSender<Report>),
    StandardError(Stamp),
}

/// Hands on what the library logs.
#[derive(Debug)]
struct Reporter {
    channels: Channels,
    reader: Reader,
    waiting: Arc<AtomicUsize>,
    dropped: AtomicUsize,
}

/// Has these channels told to the session, if there are any. Once, before there are connections.
pub(crate) fn start(channels: Channels, events: UnboundedSender<Report>) -> bool {
    listen(channels, Reader::Session(events))
}

/// Has these channels written to standard error as they come, for forms that have no session. Once, before
/// there are connections.
pub(crate) fn start_on_standard_error(display: &DisplayOptions) {
    let stamp = Stamp::new(display.timestamps);
    listen(display.channels(), Reader::StandardError(stamp));
}

fn listen(channels: Channels, reader: Reader) -> bool {
    if channels.0.is_empty() {
        return false;
    }
    let reporter = Reporter::new(channels, reader);
    // Nobody else in this program subscribes.
    tracing::subscriber::set_global_default(reporter).is_ok()
}

impl Reporter {
    fn new(channels: Channels, reader: Reader) -> Self {
        Self {
            channels,
            reader,
            waiting: Arc::default(),
            dropped: AtomicUsize::new(0),
        }
    }
}

impl Subscriber for Reporter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        channel(metadata).is_some_and(|channel| self.channels.0.contains(channel))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event(&self, event: &Logged<'_>) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let channel = channel(event.metadata()).unwrap_or_default();
        let text = format!("{channel}{}{}", fields.message, fields.rest);
        let text = harmless(&text).into_owned();
        let events = match &self.reader {
            Reader::Session(events) => events,
            Reader::StandardError(stamp) => {
                // Written at once: nothing waits.
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                return warn_at(&stamp.next_now(), &text);
            }
        };
        let entry = Entry {
            id: fields.id,
            text,
            dropped: self.dropped.swap(0, Ordering::Relaxed),
            waiting: Arc::clone(&self.waiting),
        };
        // A session that has ended prints nothing.
        let _ = events.send(Report::Logged(entry));
    }

    // The library has no spans, and those of others are not told.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn channel<'a>(metadata: &Metadata<'a>) -> Option<&'a str> {
    let target = metadata.target();
    TARGETS
        .iter()
        .find_map(|prefix| target.strip_prefix(prefix))
}

/// What an event says, written out.
#[derive(Debug, Default)]
struct Fields {
    id: Option<String>,
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "id" => {
                self.id = Some(format!("{value:?}"));
                Ok(())
            }
            "message" => write!(self.message, " {value:?}"),
            name => write!(self.rest, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[test]
    fn reads_channels_and_names_them_where_one_is_wrong() {
        let two: Channels = "fail,connect".parse().expect("channels");
        assert_eq!(two, Channels(["connect", "fail"].into()));
        assert_eq!("all".parse(), Ok(Channels(CHANNELS.into())));
        assert_eq!(Channels::default().and_frames(), Channels(FRAMES.into()));
        let fault = Channels::from_str("connect,frames").expect_err("no such channel");
        assert!(fault.contains("frame_header"), "{fault}");
    }

    #[test]
    fn keeps_a_bounded_number_of_lines_and_counts_the_others() {
        let (events, mut heard) = mpsc::unbounded_channel();
        let reporter = Reporter::new(Channels(["control"].into()), Reader::Session(events));
        let mut next = || match heard.try_recv() {
            Ok(Report::Logged(entry)) => entry,
            other => panic!("{other:?} is no line"),
        };
        tracing::subscriber::with_default(reporter, || {
            let tell = |payload: &str| {
                tracing::info!(target: "bowsprit::access::control", id = 7, payload, "re\x1bceived");
            };
            (0..MAX_WAITING + 5).for_each(|_| tell("\u{9b}x"));
            tracing::info!(target: "bowsprit::access::connect", "not asked for");
            let first = next();
            assert_eq!((first.id.as_deref(), first.dropped), (Some("7"), 0));
            assert_eq!(first.text, "control re\\u{1b}ceived payload=\"\\u{9b}x\"");
            drop(first);
            tell("after");
            let dropped: usize = (0..MAX_WAITING).map(|_| next().dropped).sum();
            assert_eq!(dropped, 5);
        });
    }
}
