//! `expect`: what must come on a connection, or happen to it, and what to tell where it does not.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bowsprit::CloseCode;

use crate::connection::{Connection, Stage, Taken, messages};
use crate::events::{Event, What, masked_uri};
use crate::printer::duration;
use crate::printer::events;
use crate::printer::text::{escape, excerpt};
use crate::script::check::{self, Check};

/// How many messages a failure tells of, of those that were passed over and of those that wait.
const SHOWN: usize = 5;

/// What must happen on a connection, with a value for each variable.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// The next message must be this one; or one that comes, others before it or not.
    Message { check: Check, is_until: bool },
    /// None comes.
    Nothing,
    /// It ends, with this code and this reason.
    Close {
        code: Option<CloseCode>,
        reason: Option<String>,
    },
    /// It does not open: the HTTP status, or a text in the error.
    Fail { with: Option<String> },
}

/// An `expect` that has not come about.
#[derive(Debug)]
pub(super) struct Expecting {
    /// By connection.
    pub(super) goals: BTreeMap<u32, Goal>,
    pub(super) limit: Duration,
    pub(super) since: Instant,
}

/// What one connection has to do with it.
#[derive(Debug)]
pub(super) struct Goal {
    id: u32,
    wish: Wish,
    /// The messages that `until` passed over: the last of them, and how many.
    passed: VecDeque<String>,
    passed_count: u64,
}

/// What came of a goal.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What to tell, unless it is as it should be.
    pub(super) failure: Option<Vec<String>>,
    /// A message was taken.
    pub(super) has_taken: bool,
    /// The end of the connection, or that it did not open, was what was wanted.
    pub(super) is_forgiven: bool,
}

impl Outcome {
    fn failed(lines: Vec<String>, has_taken: bool) -> Self {
        Self {
            failure: Some(lines),
            has_taken,
            is_forgiven: false,
        }
    }

    fn forgiven() -> Self {
        Self {
            is_forgiven: true,
            ..Self::default()
        }
    }
}

impl Goal {
    pub(super) const fn new(id: u32, wish: Wish) -> Self {
        Self {
            id,
            wish,
            passed: VecDeque::new(),
            passed_count: 0,
        }
    }

    /// What has come of it so far; `None` where it may still come about.
    pub(super) fn check(&mut self, connection: &mut Connection) -> Option<Outcome> {
        match &self.wish {
            Wish::Message { .. } => self.check_messages(connection),
            Wish::Nothing => match connection.inbox.take() {
                Some(taken) => {
                    let came = shown(&taken);
                    let lines = self.lines(connection, &[("came", came)]);
                    Some(Outcome::failed(lines, true))
                }
                // Where nothing can come any more, nothing will.
                None => connection.has_ended().then(Outcome::default),
            },
            Wish::Close { code, reason } => {
                let (code, reason) = (*code, reason.clone());
                self.check_close(connection, code, reason.as_deref())
            }
            Wish::Fail { with } => {
                let with = with.clone();
                self.check_fail(connection, with.as_deref())
            }
        }
    }

    fn check_messages(&mut self, connection: &mut Connection) -> Option<Outcome> {
        let Wish::Message { check, is_until } = &self.wish else {
            return None;
        };
        while let Some(taken) = connection.inbox.take() {
            let difference = match &taken {
                Taken::Message(message) => check.test(message),
                Taken::Lost => Err(String::new()),
            };
            match difference {
                Ok(()) => {
                    return Some(Outcome {
                        has_taken: true,
                        ..Outcome::default()
                    });
                }
                Err(_) if *is_until => {
                    self.passed_count += 1;
                    self.passed.push_back(shown(&taken));
                    if self.passed.len() > SHOWN {
                        self.passed.pop_front();
                    }
                }
                Err(difference) => {
                    let mut facts = vec![("came", shown(&taken))];
                    if !difference.is_empty() {
                        facts.push(("differs", difference));
                    }
                    return Some(Outcome::failed(self.lines(connection, &facts), true));
                }
            }
        }
        connection.has_ended().then(|| {
            let lines = self.lines(
                connection,
                &[("came", "nothing, and nothing will".to_owned())],
            );
            Outcome::failed(lines, false)
        })
    }

    fn check_close(
        &self,
        connection: &mut Connection,
        code: Option<CloseCode>,
        reason: Option<&str>,
    ) -> Option<Outcome> {
        let closed = match &connection.stage {
            Stage::Closed(closed) => closed.clone(),
            Stage::Failed(_) => {
                let lines = self.lines(connection, &[("came", "it never opened".to_owned())]);
                return Some(Outcome::failed(lines, false));
            }
            // It may have been made again since.
            _ => connection.take_end()?,
        };
        let is_code = code.is_none_or(|code| closed.remote_code() == code);
        let is_reason = reason.is_none_or(|reason| closed.remote_reason() == reason);
        if is_code && is_reason {
            return Some(Outcome::forgiven());
        }
        let came = format!(
            "close {} {}",
            closed.remote_code(),
            escape(closed.remote_reason())
        );
        let lines = self.lines(connection, &[("came", came.trim_end().to_owned())]);
        Some(Outcome::failed(lines, false))
    }

    fn check_fail(&self, connection: &Connection, with: Option<&str>) -> Option<Outcome> {
        let failure = match &connection.stage {
            Stage::Failed(failure) => failure,
            Stage::Connecting | Stage::Retrying => return None,
            Stage::Open | Stage::Closing | Stage::Closed(_) => {
                let lines = self.lines(connection, &[("came", "it opened".to_owned())]);
                return Some(Outcome::failed(lines, false));
            }
        };
        let status = with.and_then(|with| with.parse::<u16>().ok());
        let is_so = match (with, status, &failure.answer) {
            (None, ..) => true,
            (_, Some(status), Some(answer)) => answer.status == status,
            (_, Some(_), None) => false,
            (Some(text), None, _) => failure.detail.contains(text) || failure.line().contains(text),
        };
        if is_so {
            return Some(Outcome::forgiven());
        }
        let mut facts = vec![("came", failure.line())];
        let lower = |text: &str| text.to_lowercase();
        if with.is_some_and(|text| lower(&failure.line()).contains(&lower(text))) {
            facts.push(("differs", "it is in there in other case".to_owned()));
        }
        Some(Outcome::failed(self.lines(connection, &facts), false))
    }

    /// What has come of it when its time is over.
    pub(super) fn expire(&self, connection: &Connection, limit: Duration) -> Outcome {
        let within = duration::limit(limit);
        let came = match (&self.wish, self.passed_count) {
            (Wish::Nothing, _) => return Outcome::default(),
            (Wish::Message { .. }, 0) => format!("nothing within {within}"),
            (Wish::Message { .. }, _) => format!("nothing that fits within {within}"),
            (Wish::Close { .. }, _) => format!("no end within {within}"),
            (Wish::Fail { .. }, _) => format!("neither a failure nor an opening within {within}"),
        };
        Outcome::failed(self.lines(connection, &[("came", came)]), false)
    }

    fn describe(&self) -> String {
        match &self.wish {
            Wish::Message { check, .. } => check.describe(),
            Wish::Nothing => "no message".to_owned(),
            Wish::Close { code: None, .. } => "the end of the connection".to_owned(),
            Wish::Close {
                code: Some(code),
                reason,
            } => match reason {
                Some(reason) => format!("close {code} {}", excerpt(reason, 130)),
                None => format!("close {code}"),
            },
            Wish::Fail { with: None } => "that the connection does not open".to_owned(),
            Wish::Fail { with: Some(with) } => match with.parse::<u16>() {
                Ok(status) => format!("that it does not open, with HTTP {status}"),
                Err(_) => format!("that it does not open, with {}", excerpt(with, 130)),
            },
        }
    }

    /// The lines of a failure: what was expected, the facts, and what else there is.
    fn lines(&self, connection: &Connection, facts: &[(&str, String)]) -> Vec<String> {
        let mut lines = vec![labelled("expected", &self.describe())];
        lines.extend(facts.iter().map(|(label, fact)| labelled(label, fact)));
        if self.passed_count > 0 {
            let count = self.passed_count;
            lines.push(labelled(
                "passed",
                &several(count, &mut self.passed.iter().cloned()),
            ));
        }
        let waiting = connection.inbox.waiting();
        if waiting.len() > 0 {
            let count = waiting.len() as u64;
            lines.push(labelled(
                "waiting",
                &several(count, &mut waiting.take(SHOWN).map(brief)),
            ));
        }
        lines.push(labelled("state", &state(self.id, connection)));
        lines
    }
}

/// A fact of a failure, behind its name.
pub(super) fn labelled(label: &str, fact: &str) -> String {
    format!("{label:<9} {fact}")
}

fn several(count: u64, texts: &mut dyn Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    let messages = messages(count);
    let more = if count > texts.len() as u64 {
        " | …"
    } else {
        ""
    };
    format!("{messages}: {}{more}", texts.join(" | "))
}

fn shown(taken: &Taken) -> String {
    match taken {
        Taken::Message(message) => check::show(message),
        Taken::Lost => {
            "a message that was dropped, for too many came before a line took them".to_owned()
        }
    }
}

/// A message among others.
fn brief(message: &bowsprit::Message) -> String {
    match message {
        bowsprit::Message::Text(text) => format!("text {} {}", text.len(), excerpt(text, 40)),
        binary @ bowsprit::Message::Binary(_) => excerpt(&check::show(binary), 50),
    }
}

/// How far a connection is, and how it ended, in one line.
pub(super) fn state(id: u32, connection: &Connection) -> String {
    let what = match &connection.stage {
        Stage::Closed(closed) => What::ended(closed, None),
        Stage::Failed(failure) => What::failed(&connection.uri, failure),
        _ => {
            let received = connection.history.received();
            return format!(
                "connection {id} is {}: {}, {received} received, {} sent",
                connection.status().to_lowercase(),
                excerpt(&masked_uri(&connection.uri), 200),
                connection.history.last() - received
            );
        }
    };
    let line = events::line(&Event::now(Some(id), None, what)).unwrap_or_default();
    format!("connection {line}")
}
