//! What is known of one connection, and how `show` and `list` print it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bowsprit::{Closed, ConnectionInfo, Handle, Initiator, Message, State};

use crate::command::{Name, Shown};
use crate::events::{Direction, masked_uri};
use crate::history::{History, LeftOut};
use crate::network::{Failure, Flow, Retried};
use crate::options::Plan;
use crate::printer::palette::{Palette, Role};
use crate::printer::text::escape;
use crate::printer::{self, Output};

mod facts;
mod inbox;
mod object;
mod traffic;

pub(crate) use facts::{Size, Span, compressed, messages};
pub(crate) use inbox::{Inbox, Taken};
pub(crate) use traffic::{ENOUGH_FOR_P99, Spread, Traffic, Way};

/// One connection: it stays in the list when it has ended.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) uri: Arc<str>,
    /// What the user calls it.
    pub(crate) name: Option<Name>,
    /// What it was made from, and is made from again.
    pub(crate) plan: Arc<Plan>,
    pub(crate) handle: Handle,
    pub(crate) flow: Arc<Flow>,
    pub(crate) started: Instant,
    pub(crate) stage: Stage,
    pub(crate) info: Option<Arc<ConnectionInfo>>,
    pub(crate) history: History,
    pub(crate) traffic: Traffic,
    /// The crowd that it is opened with, until it has opened or failed.
    pub(crate) crowd: Option<u32>,
    /// It was opened with others: what they have in common is told in one line for all.
    pub(crate) is_one_of_many: bool,
    /// The messages that no `wait` and no `expect` has taken.
    pub(crate) inbox: Inbox,
    /// A message waits for room in the queue: none may overtake it.
    pub(crate) is_sending: bool,
    /// The pings that no pong has answered yet.
    pub(crate) pings: Vec<Ping>,
    /// The last end after which it was made again, unless a `wait` has taken it.
    end: Option<Closed>,
}

/// A ping that was typed.
#[derive(Debug)]
pub(crate) struct Ping {
    pub(crate) number: u64,
    pub(crate) payload: Vec<u8>,
    /// The payload is this program's, not the user's.
    pub(crate) is_own: bool,
}

/// How far a connection is, as the session has heard.
#[derive(Debug)]
pub(crate) enum Stage {
    Connecting,
    /// Before a further try, and in it.
    Retrying,
    Open,
    Closing,
    Failed(Failure),
    Closed(Closed),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "Connecting",
            Self::Retrying => "Retrying",
            Self::Open => "Open",
            Self::Closing => "Closing",
            Self::Failed(_) => "Failed",
            Self::Closed(_) => "Closed",
        })
    }
}

impl Connection {
    /// A connection that has just been started.
    pub(crate) fn new(uri: Arc<str>, handle: Handle, flow: Arc<Flow>, plan: Arc<Plan>) -> Self {
        Self {
            uri,
            name: None,
            history: History::new(plan.keep()),
            traffic: Traffic::default(),
            crowd: None,
            is_one_of_many: false,
            plan,
            handle,
            flow,
            started: Instant::now(),
            stage: Stage::Connecting,
            info: None,
            inbox: Inbox::default(),
            is_sending: false,
            pings: Vec::new(),
            end: None,
        }
    }

    /// It is made again under the same id: what is known of the one before goes, but for its messages.
    pub(crate) fn begin_again(&mut self, handle: Handle, flow: Arc<Flow>) {
        self.handle = handle;
        self.flow = flow;
        self.started = Instant::now();
        self.stage = Stage::Connecting;
        self.info = None;
        self.traffic = Traffic::default();
        self.history.begin_again();
        self.inbox.discard();
        self.is_one_of_many = false;
        self.pings.clear();
        self.end = None;
    }

    /// A message went; it is counted and kept.
    pub(crate) fn remember(&mut self, direction: Direction, message: Message) {
        self.traffic
            .count(direction, message.as_bytes().len(), Instant::now());
        self.history.push(direction, message);
    }

    /// What this many bytes tell was heard: the peer may send on.
    pub(crate) fn heard(&self, payload: usize) {
        if self.flow.remove(payload) {
            self.handle.resume_reading();
        }
    }

    /// It will be made again.
    pub(crate) fn retry(&mut self, retried: &Retried) {
        if let Some(closed) = &retried.ended {
            self.end = Some(closed.clone());
        }
        self.started = retried.at + retried.delay;
        self.stage = Stage::Retrying;
        self.pings.clear();
    }

    /// How it ended, if it did and was made again since this was asked last.
    pub(crate) const fn take_end(&mut self) -> Option<Closed> {
        self.end.take()
    }

    /// The stage in the words of `show`. The peer's close frame may be on its way already.
    pub(crate) fn status(&self) -> String {
        match self.stage {
            Stage::Open if self.handle.state() == State::Closing => Stage::Closing.to_string(),
            _ => self.stage.to_string(),
        }
    }

    /// The stage as a word that is typed.
    pub(crate) fn state(&self) -> String {
        self.status().to_lowercase()
    }

    /// Whether it failed or closed.
    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Failed(_) | Stage::Closed(_))
    }

    /// What the peer says that it is, in the words of `show`.
    fn server(&self) -> String {
        let name = match (&self.info, &self.stage) {
            (Some(info), _) => info.response_header("server"),
            (None, Stage::Failed(failure)) => failure
                .answer
                .as_ref()
                .and_then(|answer| answer.header("server")),
            (None, _) => return "N/A".to_owned(),
        };
        match name {
            None | Some("") => "None Specified".to_owned(),
            Some(name) => escape(name).into_owned(),
        }
    }

    /// Why it ended, in the words of `show`.
    fn reason(&self) -> String {
        match &self.stage {
            Stage::Failed(failure) => failure_text(failure),
            Stage::Closed(closed) => {
                format!(
                    "close code: {}, close reason: {}",
                    closed.remote_code(),
                    escape(closed.remote_reason())
                )
            }
            _ => "N/A".to_owned(),
        }
    }

    /// The block of `show`: the lines of the original, then, unless they are unwanted, the facts that
    /// it did not tell. Of messages that are longer than `limit` characters it is the beginning.
    pub(crate) fn show(
        &self,
        out: &mut dyn Output,
        what: Shown,
        with_facts: bool,
        palette: Palette,
        (id, limit): (u32, usize),
    ) {
        out.line(&format!("> URI: {}", escape(&masked_uri(&self.uri))));
        let (status, role) = (self.status(), Role::of_state(&self.state()));
        out.line(&format!("> Status: {}", palette.paint(role, &status)));
        out.line(&format!("> Remote Server: {}", self.server()));
        out.line(&format!("> Error/close reason: {}", self.reason()));
        out.line(&format!(
            "> Messages Processed: ({}) ",
            self.history.total()
        ));
        let last = what.last.unwrap_or(usize::MAX);
        for (line, left_out) in self.history.lines(last, limit) {
            out.line(&line);
            if let Some(LeftOut { number, bytes }) = left_out {
                let command = format!("message {id} {number}");
                out.line(&printer::left_out(bytes, &command, palette));
            }
        }
        if with_facts {
            self.facts()
                .iter()
                .for_each(|(name, fact)| out.line(&format!("> {name}: {fact}")));
        }
        if what.headers {
            self.headers().for_each(|header| out.line(&header));
        }
        out.line("");
    }

    /// The ping that a pong answers, which is forgotten now.
    pub(crate) fn take_pong(&mut self, payload: &[u8]) -> Option<Ping> {
        let index = self.pings.iter().position(|ping| ping.payload == payload)?;
        Some(self.pings.remove(index))
    }
}

/// The failure in the words of `show`: the original's, then the detail that it kept to itself.
fn failure_text(failure: &Failure) -> String {
    match failure.head {
        // The status has a line of its own.
        Failure::STATUS => Failure::STATUS.to_owned(),
        head if head.to_lowercase().ends_with(&failure.detail) => head.to_owned(),
        head => format!("{head} ({})", escape(&failure.detail)),
    }
}

/// The side that did something.
pub(crate) const fn party(initiator: Initiator) -> &'static str {
    match initiator {
        Initiator::Local => "this side",
        Initiator::Remote => "peer",
    }
}
