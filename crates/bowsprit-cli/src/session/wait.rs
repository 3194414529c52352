//! What the session waits for before it takes the next line.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Session;
use crate::command::Goal;
use crate::connection::{Connection, Stage};
use crate::printer::Output;
use crate::printer::duration;

/// How long a `ping` of a script waits for its pong.
pub(super) const PONG_LIMIT: Duration = Duration::from_secs(10);

/// A reason to take no line for now.
#[derive(Debug)]
pub(super) enum Wait {
    /// Something must happen on each of these connections, in this time if there is one.
    Connections {
        goals: BTreeMap<u32, Target>,
        limit: Option<Duration>,
        since: Instant,
    },
    /// The echo server must stop.
    Server,
    /// A replay must end.
    Replay,
}

/// What must happen on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// It opens or fails.
    Settled,
    /// A message that waits for room is queued, or never will be.
    Queued,
    /// The pong with this number comes.
    Pong(u64),
    /// It ends, because it was asked to.
    Ended,
    /// What a `wait` command names.
    Goal(Goal),
}

impl Wait {
    /// A wait that begins now.
    pub(super) fn on(
        goals: impl IntoIterator<Item = (u32, Target)>,
        limit: Option<Duration>,
    ) -> Self {
        Self::Connections {
            goals: goals.into_iter().collect(),
            limit,
            since: Instant::now(),
        }
    }

    /// When to give up, if ever.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Connections {
                limit: Some(limit),
                since,
                ..
            } => Some(*since + *limit),
            _ => None,
        }
    }

    /// The lines that tell what has not happened in time.
    pub(super) fn expiries(&self) -> Vec<String> {
        match self {
            Self::Connections {
                goals,
                limit: Some(limit),
                ..
            } => {
                let goals = goals.iter();
                goals
                    .map(|(id, target)| target.expiry(*id, *limit))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Session {
    /// Ends the wait if what it waits for has happened, or never will; on this connection, if it is given.
    pub(super) fn check_wait(&mut self, only: Option<u32>, out: &mut dyn Output) {
        self.check_pending(only, out);
        let (answers, taken_on) = match &mut self.wait {
            None => return,
            Some(Wait::Server | Wait::Replay) => (Vec::new(), None),
            Some(Wait::Connections { goals, .. }) => check(goals, &mut self.connections, only),
        };
        self.scripting.take_on(taken_on);
        let is_over = match &self.wait {
            Some(Wait::Connections { goals, .. }) => goals.is_empty(),
            Some(Wait::Replay) => !self.records.is_replaying(),
            _ => self.server.is_none(),
        };
        if is_over {
            self.wait = None;
            self.tell_news(out);
        }
        self.refuse_all(&answers, out);
    }

    /// In a script, takes no further line until this has happened.
    pub(super) fn wait_in_script(&mut self, wait: Wait) {
        if self.manner.is_script {
            self.wait = Some(wait);
        }
    }
}

/// Drops the goals that are reached, and those that never will be; returns the answers to these, and
/// the connection that a message was taken on last. Only those of one connection are looked at where
/// something has happened on that one.
fn check(
    goals: &mut BTreeMap<u32, Target>,
    connections: &mut [Connection],
    only: Option<u32>,
) -> (Vec<String>, Option<u32>) {
    let mut answers = Vec::new();
    let mut taken_on = None;
    let mut is_over = |id: u32, target: &Target| {
        let connection = connections.get_mut(id as usize);
        match connection.and_then(|connection| target.check(id, connection)) {
            None => return false,
            Some(Ok(())) => {
                if matches!(target, Target::Goal(Goal::Message)) {
                    taken_on = Some(id);
                }
            }
            Some(Err(answer)) => answers.push(answer),
        }
        true
    };
    match only {
        None => goals.retain(|id, target| !is_over(*id, target)),
        Some(id) => {
            if goals.get(&id).is_some_and(|target| is_over(id, target)) {
                goals.remove(&id);
            }
        }
    }
    (answers, taken_on)
}

impl Target {
    /// The line that tells that it has not happened in time.
    fn expiry(self, id: u32, limit: Duration) -> String {
        let missed = match self {
            Self::Settled | Self::Goal(Goal::Open) => "did not open",
            Self::Queued => "had no room for the message",
            Self::Pong(_) => "sent no pong",
            Self::Ended | Self::Goal(Goal::Close) => "did not close",
            Self::Goal(Goal::Message) => "sent no message",
        };
        format!("Connection {id} {missed} within {}", duration::limit(limit))
    }

    /// Whether it has happened; an error where it never will, with the line to answer.
    fn check(self, id: u32, connection: &mut Connection) -> Option<Result<(), String>> {
        let happened = match self {
            Self::Settled => !matches!(connection.stage, Stage::Connecting | Stage::Retrying),
            Self::Queued => !connection.is_sending,
            Self::Pong(number) => !connection.pings.iter().any(|ping| ping.number == number),
            Self::Ended => connection.has_ended(),
            Self::Goal(Goal::Close) => connection.has_ended() || connection.take_end().is_some(),
            Self::Goal(Goal::Open) => matches!(connection.stage, Stage::Open | Stage::Closing),
            Self::Goal(Goal::Message) => connection.inbox.take().is_some(),
        };
        let missed = match self {
            _ if happened => return Some(Ok(())),
            _ if !connection.has_ended() => return None,
            // How that went is an event of its own, which is on its way.
            Self::Queued => return None,
            Self::Pong(_) => "sent no pong",
            Self::Goal(Goal::Message) => "sent no message",
            _ => "is not open",
        };
        Some(Err(format!(
            "Connection {id} {missed} (it is {})",
            connection.stage.to_string().to_lowercase()
        )))
    }
}
