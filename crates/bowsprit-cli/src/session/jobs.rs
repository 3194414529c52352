//! Work that repeats: `every 5s send 0 tick`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bowsprit::Prepared;

use super::{Refused, Session};
use crate::command::connections::Work;
use crate::connection::{Span, Stage};
use crate::printer::Output;
use crate::printer::text::excerpt;

/// The most jobs at once.
const MAX_JOBS: usize = 100;

/// How many characters of a message `jobs` shows.
const EXCERPT: usize = 40;

/// The jobs of a session, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    running: BTreeMap<u32, Job>,
    /// The number of the last one.
    count: u32,
}

/// One line's work.
#[derive(Debug)]
struct Job {
    /// The connections that have not ended.
    ids: BTreeSet<u32>,
    interval: Duration,
    due: Instant,
    act: Act,
    /// What it does, for people.
    text: String,
    /// How often that was done.
    done: u64,
    /// The last round did not reach everybody, which was told.
    is_failing: bool,
}

/// What is done on each connection.
#[derive(Clone, Debug)]
enum Act {
    Send(Prepared),
    Ping(String),
}

impl Session {
    pub(super) fn every(
        &mut self,
        interval: Duration,
        work: Work,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        if self.jobs.running.len() == MAX_JOBS {
            return Err(format!(
                "No more than {MAX_JOBS} jobs at once: stop <job> ends one"
            ));
        }
        let (ids, act, text) = match work {
            Work::Send { ids, payload } => {
                let Some(message) = self.message(&ids, payload)? else {
                    self.block = None;
                    return Err("Not JSON: the value is not complete".to_owned());
                };
                let text = match &message {
                    bowsprit::Message::Text(text) => excerpt(text, EXCERPT),
                    bowsprit::Message::Binary(data) => format!("{} bytes", data.len()),
                };
                (
                    ids,
                    Act::Send(Prepared::new(message)),
                    format!("send: {text}"),
                )
            }
            Work::Ping { ids, payload } => {
                let text = format!("ping {}", excerpt(&payload, EXCERPT));
                (ids, Act::Ping(payload), text.trim_end().to_owned())
            }
        };
        let (found, missing) = self.named(&ids)?;
        let mut ids = BTreeSet::new();
        for id in found {
            if !self.existing(id)?.has_ended() {
                ids.insert(id);
            }
        }
        self.refuse_all(&missing, out);
        if ids.is_empty() {
            return Err("No such connection is open, so there is nothing to repeat".to_owned());
        }
        self.jobs.count += 1;
        let number = self.jobs.count;
        out.line(&format!("> Job {number}: every {} {text}", Span(interval)));
        self.jobs.running.insert(
            number,
            Job {
                ids,
                interval,
                due: Instant::now() + interval,
                act,
                text,
                done: 0,
                is_failing: false,
            },
        );
        Ok(())
    }

    pub(super) fn list_jobs(&self, out: &mut dyn Output) {
        if self.jobs.running.is_empty() {
            out.line("> No jobs");
        }
        for (number, job) in &self.jobs.running {
            let whom = match (job.ids.first(), job.ids.len()) {
                (Some(id), 1) => format!("connection {}", self.label(*id)),
                (_, count) => format!("{count} connections"),
            };
            let (interval, text, done) = (Span(job.interval), &job.text, times(job.done));
            out.line(&format!(
                "> {number} every {interval} on {whom} {text} ({done})"
            ));
        }
    }

    /// Ends a job, or all of them.
    pub(super) fn stop_job(
        &mut self,
        number: Option<u32>,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let Some(number) = number else {
            let count = self.jobs.running.len();
            self.jobs.running.clear();
            let ending = if count == 1 { "" } else { "s" };
            out.line(&format!("> Stopped {count} job{ending}"));
            return Ok(());
        };
        let job = self.jobs.running.remove(&number);
        let job = job.ok_or_else(|| format!("There is no job {number} (see jobs)"))?;
        out.line(&format!("> Stopped job {number} ({})", times(job.done)));
        Ok(())
    }

    /// When the next round is due.
    pub(super) fn job_deadline(&self) -> Option<Instant> {
        self.jobs.running.values().map(|job| job.due).min()
    }

    /// Does what is due.
    pub(super) fn run_jobs(&mut self, now: Instant, out: &mut dyn Output) {
        let due = self.jobs.running.iter().filter(|(_, job)| job.due <= now);
        let due: Vec<u32> = due.map(|(number, _)| *number).collect();
        for number in due {
            let Some(mut job) = self.jobs.running.remove(&number) else {
                continue;
            };
            // Rounds that were missed are not made up for.
            job.due = now + job.interval;
            let fault = self.run_round(&job, out);
            job.done += 1;
            if let (Some(fault), false) = (&fault, job.is_failing) {
                self.refuse(&format!("Job {number}: {fault}"), out);
            }
            job.is_failing = fault.is_some();
            self.jobs.running.insert(number, job);
        }
    }

    /// One round; the first fault, if there is one. Connections that are being made again are left out.
    fn run_round(&mut self, job: &Job, out: &mut dyn Output) -> Option<Refused> {
        let mut fault = None;
        for id in &job.ids {
            let stage = self
                .connections
                .get(*id as usize)
                .map(|connection| &connection.stage);
            if matches!(stage, Some(Stage::Connecting | Stage::Retrying)) {
                continue;
            }
            let done = match &job.act {
                Act::Send(message) => self.send_to(*id, message, out).map(drop),
                Act::Ping(payload) => self.ping_one(*id, payload).map(drop),
            };
            if let Err(answer) = done {
                fault.get_or_insert(answer);
            }
        }
        fault
    }

    /// A connection has ended: it is not part of any job any more.
    pub(super) fn leave_jobs(&mut self, id: u32, out: &mut dyn Output) {
        let label = self.label(id);
        self.jobs.running.retain(|number, job| {
            let is_over = job.ids.remove(&id) && job.ids.is_empty();
            if is_over {
                let done = times(job.done);
                out.line(&format!(
                    "> Job {number} is over: connection {label} has ended ({done})"
                ));
            }
            !is_over
        });
    }

    /// Nothing repeats when the session ends.
    pub(super) fn drop_jobs(&mut self) {
        self.jobs.running.clear();
    }
}

fn times(count: u64) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} time{ending}")
}
