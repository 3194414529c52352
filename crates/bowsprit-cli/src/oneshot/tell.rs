//! Everything that happens passes here: payloads or JSON to standard output, lines to standard error.

use std::time::Duration;

use bowsprit::{Kind, Message, MessageRef};

use super::format::{Bounds, Code, Framing};
use super::frame;
use crate::events::{Came, Direction, Event, Payload, What, seconds};
use crate::network::Failure;
use crate::options::{DisplayOptions, Size, View};
use crate::printer::{Display, Output, events, warn, warn_at, wrapped};
use crate::recording::Recorder;
use crate::stamp::Stamp;

/// The most that may wait to be printed while the connection is closing, which cannot be told to pause.
const MAX_WAITING: usize = 64 << 20;

/// The only connection.
const ID: u32 = 0;

/// How what comes is printed.
#[derive(Debug)]
enum Look {
    /// Events, one JSON object a line.
    Json,
    /// Payloads as they came.
    Stream(Framing),
    /// Payloads for people: nothing acts on the terminal.
    Terminal(Framing, Box<Display>),
}

/// What is told, and what waits to be printed.
#[derive(Debug)]
pub(super) struct Tell {
    /// What stands in front of each line of standard error.
    place: String,
    look: Look,
    is_quiet: bool,
    is_verbose: bool,
    stamp: Stamp,
    recorder: Option<Recorder>,
    out: Vec<u8>,
    /// Nobody reads it.
    is_deaf: bool,
    /// Messages for which there was no room.
    lost: u64,
}

impl Tell {
    /// Tells of what happens at a place.
    ///
    /// # Errors
    ///
    /// When options contradict each other.
    pub(super) fn new(
        place: String,
        display: &DisplayOptions,
        framing: Framing,
        is_terminal: bool,
    ) -> Result<Self, String> {
        if display.view != View::Auto && !is_terminal {
            return Err(
                "--view is for terminals: in a pipe there is --output hex or base64".to_owned(),
            );
        }
        let recorder = display.record.as_ref().map(|path| {
            let limit = display.record_limit.map(|Size(limit)| limit as u64);
            Recorder::open(path, limit)
        });
        let is_lines = matches!(framing.bounds, Bounds::Delimiter(_));
        if display.timestamps.is_some() && !display.json && !is_lines {
            return Err("--timestamps are for lines: in this format no reader could tell them from the messages".to_owned());
        }
        Ok(Self {
            place,
            look: match (display.json, is_terminal) {
                (true, _) => Look::Json,
                (false, true) => Look::Terminal(framing, Box::new(Display::new(display, true))),
                (false, false) => Look::Stream(framing),
            },
            is_quiet: display.quiet,
            is_verbose: display.verbose > 0,
            stamp: Stamp::new(display.timestamps),
            recorder: recorder.transpose()?,
            out: Vec::new(),
            is_deaf: false,
            lost: 0,
        })
    }

    /// What waits to be printed.
    pub(super) const fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Nobody reads what is printed any more.
    pub(super) fn deafen(&mut self) {
        self.is_deaf = true;
        self.is_quiet = true;
        self.out = Vec::new();
    }

    /// How many messages came that there was no room for.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether messages are wanted as events, besides their payloads.
    const fn wants_messages(&self) -> bool {
        matches!(self.look, Look::Json) || self.recorder.is_some()
    }

    /// The one place that every event passes.
    pub(super) fn happened(&mut self, what: What) {
        let id = (!matches!(what, What::Start { .. })).then_some(ID);
        let event = Event::now(id, None, what);
        self.record(&event);
        if matches!(self.look, Look::Json) {
            self.print(event.to_json().as_bytes());
        }
        if let Some(line) = self.line(&event) {
            self.say(&line);
        }
    }

    /// Writes it down, if that is wanted. The recorder begins each record by itself.
    fn record(&mut self, event: &Event) {
        let is_start = matches!(event.what, What::Start { .. });
        let recorder = self.recorder.as_ref().filter(|_| !is_start);
        if let Some(Err(fault)) = recorder.map(|recorder| recorder.event(event)) {
            self.fault(&fault);
        }
    }

    /// Tells why there is no connection.
    pub(super) fn failed(&mut self, uri: &str, failure: &Failure) {
        self.happened(What::failed(uri, failure));
        self.say(&failure.line());
    }

    /// Tells of a ping or pong that was sent, or that came.
    pub(super) fn control(
        &mut self,
        is_ping: bool,
        direction: Direction,
        payload: &[u8],
        round_trip: Option<Duration>,
    ) {
        self.happened(match is_ping {
            true => What::ping(direction, payload, None),
            false => What::Pong {
                direction,
                size: payload.len(),
                payload: Payload::of_control(payload),
                seconds: round_trip.map(seconds),
                number: None,
                fault: None,
            },
        });
    }

    /// Tells of a message that was sent.
    pub(super) fn sent(&mut self, message: &Message) {
        if self.wants_messages() {
            self.happened(What::message(Direction::Sent, message.clone()));
        }
    }

    /// Tells of a message that came.
    ///
    /// # Errors
    ///
    /// When it cannot be printed as was asked; the text says what would.
    pub(super) fn received(&mut self, message: &MessageRef<'_>, came: Came) -> Result<(), String> {
        if self.is_deaf {
            return Ok(());
        }
        if self.out.len() > MAX_WAITING {
            self.lost += 1;
            return Ok(());
        }
        if self.wants_messages() {
            let message = message.clone().into_message();
            self.happened(What::received(message, came));
        }
        match &mut self.look {
            Look::Json => {}
            Look::Stream(framing) => {
                if message.kind() == Kind::Binary && framing.kind == Kind::Text {
                    return Err(format!(
                        "a binary message of {} bytes came (--binary prints it as it is; --output base64, hex or length, or --json)",
                        message.as_bytes().len()
                    ));
                }
                let stamp = self.stamp.next_now();
                self.out.extend_from_slice(stamp.as_bytes());
                frame::push(framing, message, &mut self.out)?;
            }
            Look::Terminal(framing, _) if framing.code != Code::Plain => {
                let text = spelled(framing, message);
                let stamp = self.stamp.next_now();
                self.print(format!("{stamp}{text}\n").as_bytes());
            }
            Look::Terminal(_, display) => {
                let message = message.clone().into_message();
                display.payload(&message, &mut Lines(&mut self.out));
            }
        }
        Ok(())
    }

    /// Tells of a fault of this side, which `--quiet` does not silence. The text has been escaped.
    pub(super) fn fault(&self, text: &str) {
        warn(&format!("{}: {text}", self.place));
    }

    fn print(&mut self, bytes: &[u8]) {
        if !self.is_deaf {
            self.out.extend_from_slice(bytes);
        }
    }

    /// A line to standard error, unless none are wanted. It has been escaped.
    pub(super) fn say(&self, line: &str) {
        if !self.is_quiet {
            let stamp = self.stamp.next_now();
            warn_at(&stamp, &format!("{}: {line}", self.place));
        }
    }

    /// The line for people, if the level of verbosity has it.
    fn line(&self, event: &Event) -> Option<String> {
        let is_told = match &event.what {
            What::Close(ended) => self.is_verbose || ended.exit_status.is_some(),
            What::Retry { .. } => true,
            What::Fail(_) | What::Message { .. } => false,
            _ => self.is_verbose,
        };
        let line = is_told.then(|| events::line(event)).flatten()?;
        // There is one connection, and it needs no id.
        let (_, line) = line.split_once(' ')?;
        Some(line.to_owned())
    }
}

/// A message in the digits of its format.
fn spelled(framing: &Framing, message: &MessageRef<'_>) -> String {
    let framing = Framing {
        bounds: Bounds::Nothing,
        ..framing.clone()
    };
    let mut spelled = Vec::new();
    // Only a length in front of it could fail.
    let _ = frame::push(&framing, message, &mut spelled);
    String::from_utf8_lossy(&spelled).into_owned()
}

/// Lines for a terminal among what waits to be printed.
struct Lines<'a>(&'a mut Vec<u8>);

impl Output for Lines<'_> {
    fn line(&mut self, line: &str) {
        self.bytes(wrapped(line).as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.push(b'\n');
    }
}
