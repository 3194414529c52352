//! One connection of a replay: its task, and what is known of it.

use std::time::{Duration, Instant};

use bowsprit::{Closed, ConnectRequest, Handle, Message};
use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use crate::events::What;
use crate::network::Failure;
use crate::options::Times;
use crate::recording::compare::Matcher;

/// What the task of a connection tells.
#[derive(Debug)]
pub(super) enum News {
    /// It is open.
    Opened {
        handle: Handle,
        what: Box<What>,
        took: Duration,
    },
    /// It never will be.
    Failed(Failure),
    /// A message came.
    Message(Message, Instant),
    /// It has ended.
    Ended(Closed),
}

/// How far a connection is.
#[derive(Debug, Default)]
pub(super) enum Stage {
    #[default]
    Connecting,
    Open(Handle),
    Failed(Failure),
    Ended(Closed),
}

/// A connection that was begun.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) stage: Stage,
    pub(super) matcher: Matcher,
    /// How many recorded messages were waited for in vain.
    pub(super) waived: u64,
    /// Nothing has come since a wait was in vain: the next one would be as well.
    pub(super) is_silent: bool,
    /// The last message to the server that has no answer yet, in the record and now.
    pub(super) asked: Option<Timestamp>,
    pub(super) asked_now: Option<Instant>,
    /// Nothing is read: what came is ahead of the record.
    pub(super) is_paused: bool,
    /// The record has no more for it.
    pub(super) is_last: bool,
    /// This side has closed it, as in the record.
    pub(super) is_closed_here: bool,
    /// How many differences were told.
    pub(super) told: u64,
    /// How many recorded messages could not be sent.
    pub(super) unsent: u64,
    /// Nothing more of the record belongs to it.
    pub(super) is_done: bool,
}

impl Live {
    /// Whether it did not open yet, and still may.
    pub(super) const fn is_connecting(&self) -> bool {
        matches!(self.stage, Stage::Connecting)
    }

    pub(super) const fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Failed(_) | Stage::Ended(_))
    }

    pub(super) const fn handle(&self) -> Option<&Handle> {
        match &self.stage {
            Stage::Open(handle) => Some(handle),
            _ => None,
        }
    }

    /// Whether a recorded message has not come, and may.
    pub(super) const fn lacks_messages(&self) -> bool {
        self.matcher.arrived_count + self.waived < self.matcher.expected_count
            && !self.is_silent
            && !self.has_ended()
    }
}

/// Makes the connection and tells what happens to it, until it has ended.
pub(super) async fn run(
    index: usize,
    request: ConnectRequest,
    times: Times,
    news: Sender<(usize, News)>,
) {
    // A player that has gone wants to know nothing.
    let tell = async |what| news.send((index, what)).await.is_ok();
    let began = Instant::now();
    let mut socket = match request.connect().await {
        Ok(socket) => socket,
        Err(error) => {
            tell(News::Failed(Failure::new(&error, &times))).await;
            return;
        }
    };
    let took = began.elapsed();
    let what = Box::new(What::opened(socket.info(), took));
    let handle = socket.handle();
    if !tell(News::Opened { handle, what, took }).await {
        return;
    }
    while let Ok(Some(message)) = socket.recv().await {
        if !tell(News::Message(message, Instant::now())).await {
            return;
        }
    }
    let closed = socket.close_info().cloned().unwrap_or_default();
    tell(News::Ended(closed)).await;
}
