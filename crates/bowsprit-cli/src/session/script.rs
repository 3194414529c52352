//! The commands of scripts.

use std::time::{Duration, Instant};

use super::Session;
use super::expect::{Expecting, Goal, Outcome, Wish, labelled, state};
use super::perform::Refused;
use super::steps::Pending;
use crate::command::script::{self, Aim, Command, Part};
use crate::command::{Ids, codes};
use crate::connection::{Connection, Stage};
use crate::printer::Output;
use crate::printer::text::{escape, excerpt};
use crate::script::check::{self, Pattern};
use crate::script::variables::{Moment, Text, is_plain};
use crate::script::{json, relation};
use crate::serve::LocalServer;

/// How long `expect` waits unless told otherwise, and how long for nothing.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);
const DEFAULT_SILENCE: Duration = Duration::from_secs(1);

/// How many characters of a value a failure shows.
const VALUE_EXCERPT: usize = 200;

impl Session {
    /// What the names without a `let` stand for now.
    fn moment(&self) -> Moment {
        let count = self.connections.len();
        let taken = self.scripting.taken_on;
        let connection = taken.and_then(|id| self.connections.get(id as usize));
        let message = connection.and_then(|connection| connection.inbox.last());
        Moment {
            id: count
                .checked_sub(1)
                .and_then(|last| u32::try_from(last).ok()),
            message: message.and_then(|message| message.as_text().map(str::to_owned)),
            server: self.server.as_ref().map(LocalServer::uri),
        }
    }

    pub(super) fn expand(&mut self, template: &str) -> Result<Text, Refused> {
        if is_plain(template) {
            let text = template.to_owned();
            let is_foreign = false;
            return Ok(Text { text, is_foreign });
        }
        let moment = self.moment();
        self.scripting.course.variables.expand(template, &moment)
    }

    pub(super) fn text(&mut self, template: &str) -> Result<String, Refused> {
        self.expand(template).map(|text| text.text)
    }

    pub(super) fn perform_script(
        &mut self,
        command: Command,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        match command {
            Command::Expect {
                ids,
                limit,
                is_until,
                aim,
            } => self.expect(&ids, limit.as_deref(), is_until, &aim, out),
            Command::AssertStatus { ids, status } => self.assert_status(&ids, &status, out),
            Command::AssertMessage { id, pattern } => {
                self.assert_message(id.as_deref(), &pattern, out)
            }
            Command::AssertValue {
                left,
                relation,
                right,
            } => {
                let (left, right) = (self.text(&left)?, self.text(&right)?);
                relation.check(&right)?;
                if !relation.holds(&left, &right) {
                    let wanted = format!("{} {}", relation.sign(), excerpt(&right, VALUE_EXCERPT));
                    let came = excerpt(&left, VALUE_EXCERPT);
                    self.fail(
                        &[labelled("expected", &wanted), labelled("came", &came)],
                        out,
                    );
                }
                Ok(())
            }
            Command::Let { name, value } => {
                let value = self.expand(&value)?;
                self.scripting.course.variables.set(&name, value);
                Ok(())
            }
            Command::Capture { name, id, part } => self.capture(&name, id.as_deref(), &part),
            Command::Echo { text } => {
                let text = self.text(&text)?;
                let text = self
                    .scripting
                    .course
                    .variables
                    .secrets
                    .mask(&text)
                    .into_owned();
                out.line(&escape(&text));
                Ok(())
            }
            Command::Sleep { time } => {
                let time = script::time(&self.text(&time)?)?;
                self.scripting.pending = Some(Pending::Sleep(Instant::now() + time));
                Ok(())
            }
            Command::Discard { ids } => {
                let (found, missing) = self.ids_of(&ids)?;
                for id in found {
                    self.existing(id)?.inbox.discard();
                }
                self.refuse_all(&missing, out);
                Ok(())
            }
        }
    }

    fn ids_of(&mut self, ids: &str) -> Result<(Vec<u32>, Vec<Refused>), Refused> {
        let ids = Ids::parse(&self.text(ids)?)?;
        self.named(&ids)
    }

    fn expect(
        &mut self,
        ids: &str,
        limit: Option<&str>,
        is_until: bool,
        aim: &Aim,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.ids_of(ids)?;
        let wish = match aim {
            Aim::Message(pattern) => Wish::Message {
                check: pattern.ready(&mut |text| self.text(text))?,
                is_until,
            },
            Aim::Nothing => Wish::Nothing,
            Aim::Close { code, reason } => Wish::Close {
                code: match code {
                    Some(code) => Some(codes::parse(&self.text(code)?)?),
                    None => None,
                },
                reason: reason
                    .as_ref()
                    .map(|reason| self.text(reason))
                    .transpose()?,
            },
            Aim::Fail { with } => Wish::Fail {
                with: with.as_ref().map(|with| self.text(with)).transpose()?,
            },
        };
        let limit = match (limit, aim) {
            (Some(limit), _) => script::time(&self.text(limit)?)?,
            (None, Aim::Nothing) => DEFAULT_SILENCE,
            (None, _) => DEFAULT_LIMIT,
        };
        let goals = found
            .into_iter()
            .map(|id| (id, Goal::new(id, wish.clone())));
        self.scripting.pending = Some(Pending::Expect(Expecting {
            goals: goals.collect(),
            limit,
            since: Instant::now(),
        }));
        self.refuse_all(&missing, out);
        self.check_pending(None, out);
        Ok(())
    }

    /// Ends an `expect` if it has come about, or never will; on this connection, if it is given.
    pub(super) fn check_pending(&mut self, only: Option<u32>, out: &mut dyn Output) {
        self.settle_goals(only, out, |_, _| None);
    }

    /// Ends what has taken its time.
    pub(super) fn expire_pending(&mut self, now: Instant, out: &mut dyn Output) {
        if self
            .scripting
            .deadline()
            .is_none_or(|deadline| deadline > now)
        {
            return;
        }
        match &self.scripting.pending {
            Some(Pending::Expect(expecting)) => {
                let limit = expecting.limit;
                self.settle_goals(None, out, |goal, connection| {
                    Some(goal.expire(connection, limit))
                });
            }
            _ => self.scripting.pending = None,
        }
    }

    fn settle_goals(
        &mut self,
        only: Option<u32>,
        out: &mut dyn Output,
        otherwise: impl Fn(&Goal, &Connection) -> Option<Outcome>,
    ) {
        let Some(Pending::Expect(mut expecting)) = self
            .scripting
            .pending
            .take_if(|pending| matches!(pending, Pending::Expect(_)))
        else {
            return;
        };
        let mut failures = Vec::new();
        let mut is_open = |id: u32, goal: &mut Goal| {
            let Some(connection) = self.connections.get_mut(id as usize) else {
                return false;
            };
            let outcome = goal
                .check(connection)
                .or_else(|| otherwise(goal, connection));
            let Some(outcome) = outcome else {
                return true;
            };
            if outcome.has_taken {
                self.scripting.taken_on = Some(id);
            }
            if outcome.is_forgiven {
                self.faults.forgive(id);
            }
            failures.extend(outcome.failure);
            false
        };
        match only {
            None => expecting.goals.retain(|id, goal| is_open(*id, goal)),
            Some(id) => {
                let goal = expecting.goals.get_mut(&id);
                if goal.is_some_and(|goal| !is_open(id, goal)) {
                    expecting.goals.remove(&id);
                }
            }
        }
        if !expecting.goals.is_empty() {
            self.scripting.pending = Some(Pending::Expect(expecting));
        }
        for lines in failures {
            self.fail(&lines, out);
        }
    }

    fn assert_status(
        &mut self,
        ids: &str,
        status: &str,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        const STAGES: [&str; 6] = [
            "connecting",
            "open",
            "closing",
            "closed",
            "failed",
            "retrying",
        ];
        let status = self.text(status)?;
        let code = if STAGES.contains(&status.as_str()) {
            None
        } else {
            let code = codes::parse(&status);
            Some(code.map_err(|_| {
                format!(
                    "Not a status: {} (expected {}, or a close code)",
                    excerpt(&status, 40),
                    STAGES.join(", ")
                )
            })?)
        };
        let (found, missing) = self.ids_of(ids)?;
        for id in found {
            let connection = self.existing(id)?;
            let is_so = match (code, &connection.stage) {
                (None, _) => connection.status().eq_ignore_ascii_case(&status),
                (Some(code), Stage::Closed(closed)) => closed.remote_code() == code,
                (Some(_), _) => false,
            };
            let came = state(id, connection);
            if !is_so {
                let wanted = match code {
                    Some(code) => format!("connection {id} closed with {code}"),
                    None => format!("connection {id} {status}"),
                };
                self.fail(
                    &[labelled("expected", &wanted), labelled("came", &came)],
                    out,
                );
            } else if code.is_some() || status == "failed" {
                self.faults.forgive(id);
            }
        }
        self.refuse_all(&missing, out);
        Ok(())
    }

    /// The message that was taken last, on this connection or on any.
    fn last_message(&mut self, id: Option<&str>) -> Result<bowsprit::Message, Refused> {
        let id = match id {
            None => self.scripting.taken_on,
            Some(id) => match self.ids_of(id)?.0.as_slice() {
                [id] => Some(*id),
                _ => return Err("A message is one of one connection".to_owned()),
            },
        };
        let connection = id.and_then(|id| self.connections.get(id as usize));
        let message = connection.and_then(|connection| connection.inbox.last());
        message
            .cloned()
            .ok_or_else(|| "No message was taken yet, expect and wait take them".to_owned())
    }

    fn assert_message(
        &mut self,
        id: Option<&str>,
        pattern: &Pattern,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let message = self.last_message(id)?;
        let check = pattern.ready(&mut |text| self.text(text))?;
        if let Err(difference) = check.test(&message) {
            let mut lines = vec![
                labelled("expected", &check.describe()),
                labelled("came", &check::show(&message)),
            ];
            if !difference.is_empty() {
                lines.push(labelled("differs", &difference));
            }
            self.fail(&lines, out);
        }
        Ok(())
    }

    fn capture(&mut self, name: &str, id: Option<&str>, part: &Part) -> Result<(), Refused> {
        let message = self.last_message(id)?;
        let shown = check::show(&message);
        let as_text = || {
            let text = message.as_text();
            text.ok_or_else(|| format!("A variable holds text, and this came: {shown}"))
        };
        let text = match part {
            Part::Whole => as_text()?.to_owned(),
            Part::Json(path) => {
                let path = self.text(path)?;
                let found = json::value_at(&path, message.as_bytes());
                found.map_err(|fault| format!("{fault}; it is {shown}"))?
            }
            Part::Matches(expression) => {
                let regex = relation::regex(&self.text(expression)?)?;
                let groups = regex.captures(as_text()?);
                let found = groups
                    .as_ref()
                    .and_then(|groups| groups.get(1).or_else(|| groups.get(0)));
                let found = found
                    .ok_or_else(|| format!("Nothing in the message matches; it is {shown}"))?;
                found.as_str().to_owned()
            }
        };
        let is_foreign = true;
        self.scripting
            .course
            .variables
            .set(name, Text { text, is_foreign });
        Ok(())
    }
}
