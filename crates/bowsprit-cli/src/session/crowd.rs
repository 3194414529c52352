//! Connections that are opened together: so many at once, and one line for what they have in common.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::{Duration, Instant};

use bowsprit::{ConnectError, ConnectRequest};

use super::Session;
use super::send::connections;
use crate::connection::{Span, Stage};
use crate::events::{Event, What};
use crate::network::Failure;
use crate::printer::Output;
use crate::printer::events;

/// How many handshakes of a crowd are under way at once.
const AT_ONCE: usize = 64;

/// How often is told how far the opening is.
const PROGRESS: Duration = Duration::from_secs(2);

/// How long is waited for others after one has ended, and at most how often ends are told.
const SOON: Duration = Duration::from_millis(100);
const ENDS: Duration = Duration::from_secs(1);

/// What happens to so many at once is told of each.
const FEW: usize = 10;

/// How many kinds of failures or ends are told apart.
const MAX_KINDS: usize = 8;

/// The crowds of a session.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    /// Those that have not all opened or failed.
    opening: Vec<Crowd>,
    /// The number of the last one.
    count: u32,
    /// What happened to members that were open, and nobody was told of yet.
    news: News,
    /// When that was told last.
    told: Option<Instant>,
}

/// What happened to members of crowds after the opening.
#[derive(Debug, Default)]
struct News {
    /// Since when it waits to be told.
    since: Option<Instant>,
    /// Each thing that happened, as long as they are few.
    few: Vec<Event>,
    /// How many things those are, and those behind them.
    count: usize,
    /// How they ended.
    ended: Tally,
    /// How many are open again.
    opened: usize,
}

impl News {
    fn add(&mut self, event: &Event) {
        self.since.get_or_insert_with(Instant::now);
        self.count += 1;
        if self.count <= FEW {
            self.few.push(event.clone());
        }
        match &event.what {
            What::Open(_) => self.opened += 1,
            What::Close(_) | What::Fail(_) => {
                let text = events::text(&event.what);
                self.ended.add(text.unwrap_or_default());
            }
            // What it leads to is told.
            _ => {}
        }
    }
}

/// Connections that are being opened together.
#[derive(Debug)]
struct Crowd {
    number: u32,
    waiting: VecDeque<(u32, ConnectRequest)>,
    size: usize,
    opened: usize,
    failed: Tally,
    started: Instant,
    told: Instant,
}

/// How often each kind of thing happened.
#[derive(Debug, Default)]
struct Tally {
    kinds: BTreeMap<String, usize>,
    /// Of kinds over [`MAX_KINDS`].
    others: usize,
    sum: usize,
}

impl Tally {
    fn add(&mut self, kind: String) {
        self.sum += 1;
        if self.kinds.len() < MAX_KINDS || self.kinds.contains_key(&kind) {
            *self.kinds.entry(kind).or_default() += 1;
        } else {
            self.others += 1;
        }
    }

    /// Each kind with how often it happened, the most frequent first.
    fn take(&mut self) -> Vec<(String, usize)> {
        let tally = mem::take(self);
        let mut kinds: Vec<_> = tally.kinds.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        kinds.extend((tally.others > 0).then(|| ("for other reasons".to_owned(), tally.others)));
        kinds
    }
}

impl Crowd {
    fn settled(&self) -> usize {
        self.opened + self.failed.sum
    }

    fn under_way(&self) -> usize {
        self.size - self.waiting.len() - self.settled()
    }
}

impl Session {
    /// Opens these connections, which are in the list already, a bounded number of them at once.
    pub(super) fn open_crowd(&mut self, waiting: Vec<(u32, ConnectRequest)>) {
        self.crowds.count += 1;
        let (number, now) = (self.crowds.count, Instant::now());
        for (id, _) in &waiting {
            if let Some(connection) = self.connections.get_mut(*id as usize) {
                connection.crowd = Some(number);
                connection.is_one_of_many = true;
            }
        }
        let mut crowd = Crowd {
            number,
            size: waiting.len(),
            waiting: waiting.into(),
            opened: 0,
            failed: Tally::default(),
            started: now,
            told: now,
        };
        self.start_members(&mut crowd);
        self.crowds.opening.push(crowd);
    }

    fn start_members(&mut self, crowd: &mut Crowd) {
        while crowd.under_way() < AT_ONCE {
            let Some((id, request)) = crowd.waiting.pop_front() else {
                return;
            };
            if let Some(connection) = self.connections.get_mut(id as usize) {
                connection.started = Instant::now();
            }
            request.start();
        }
    }

    /// What is the same for many is told of all of them at once: here it is counted.
    pub(super) fn count_in_crowd(&mut self, id: u32, event: &Event, out: &mut dyn Output) {
        let Some(connection) = self.connections.get_mut(id as usize) else {
            return;
        };
        let Some(number) = connection.crowd.take() else {
            return self.crowds.news.add(event);
        };
        let find = |crowd: &Crowd| crowd.number == number;
        let Some(index) = self.crowds.opening.iter().position(find) else {
            return;
        };
        let mut crowd = self.crowds.opening.swap_remove(index);
        match &event.what {
            What::Open(_) => crowd.opened += 1,
            What::Retry { .. } => crowd.failed.add("to be tried again".to_owned()),
            what => crowd.failed.add(events::text(what).unwrap_or_default()),
        }
        self.start_members(&mut crowd);
        if crowd.settled() == crowd.size {
            tell_opened(&mut crowd, out);
        } else {
            self.crowds.opening.push(crowd);
        }
    }

    /// Tells what has happened to members of crowds since this was told last.
    pub(super) fn tell_news(&mut self, out: &mut dyn Output) {
        let mut news = mem::take(&mut self.crowds.news);
        if news.since.is_none() || self.manner.is_quiet {
            return;
        }
        self.crowds.told = Some(Instant::now());
        if news.count <= FEW {
            // Programs were told of each when it happened.
            let events = news.few.iter().filter(|_| !out.is_for_programs());
            let events: Vec<&Event> = events.collect();
            return events.iter().for_each(|event| self.print(event, out));
        }
        if news.ended.sum > 0 {
            let ended = connections(news.ended.sum);
            let kinds = news.ended.take();
            let kinds = kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
            let kinds: Vec<String> = kinds.collect();
            out.line(&format!("> {ended} ended: {}", kinds.join(", ")));
        }
        if news.opened > 0 {
            let opened = connections(news.opened);
            out.line(&format!("> {opened} open again"));
        }
    }

    /// When there is something to tell of what happened to members of crowds.
    fn news_due(&self) -> Option<Instant> {
        let soon = self.crowds.news.since? + SOON;
        let next = self.crowds.told.map(|told| told + ENDS);
        Some(next.map_or(soon, |next| next.max(soon)))
    }

    /// When to tell something of crowds, if nothing else happens.
    pub(super) fn crowd_deadline(&self) -> Option<Instant> {
        let told = self
            .crowds
            .opening
            .iter()
            .map(|crowd| crowd.told + PROGRESS);
        told.chain(self.news_due()).min()
    }

    /// Tells what is due.
    pub(super) fn tell_crowds(&mut self, now: Instant, out: &mut dyn Output) {
        if self.news_due().is_some_and(|due| due <= now) {
            self.tell_news(out);
        }
        for crowd in &mut self.crowds.opening {
            if crowd.told + PROGRESS <= now {
                crowd.told = now;
                let (opened, size, failed) = (crowd.opened, crowd.size, crowd.failed.sum);
                out.line(&format!(
                    "> {opened} of {size} connections are open, {failed} failed so far"
                ));
            }
        }
    }

    /// Those that were not dialled yet never will be.
    pub(super) fn give_up_waiting(&mut self) {
        for crowd in mem::take(&mut self.crowds.opening) {
            for (id, _) in crowd.waiting {
                let Some(connection) = self.connections.get_mut(id as usize) else {
                    continue;
                };
                let times = connection.plan.times();
                let failure = Failure::new(&ConnectError::Canceled, &times);
                connection.stage = Stage::Failed(failure);
                self.ongoing -= 1;
            }
        }
    }
}

fn tell_opened(crowd: &mut Crowd, out: &mut dyn Output) {
    let (opened, size, took) = (crowd.opened, crowd.size, Span(crowd.started.elapsed()));
    out.line(&format!(
        "> {opened} of {size} connections are open, after {took}"
    ));
    for (kind, count) in crowd.failed.take() {
        out.line(&format!("> {count} {kind}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_bounded_number_of_kinds_apart_the_most_frequent_first() {
        let mut tally = Tally::default();
        for kind in 0..MAX_KINDS + 3 {
            tally.add(format!("failed {kind:02}"));
        }
        tally.add("failed 05".to_owned());
        assert_eq!(tally.sum, MAX_KINDS + 4);
        let kinds = tally.take();
        assert_eq!(kinds.len(), MAX_KINDS + 1);
        assert_eq!(kinds.first(), Some(&("failed 05".to_owned(), 2)));
        assert_eq!(kinds.last(), Some(&("for other reasons".to_owned(), 3)));
        assert_eq!(tally.sum, 0);
    }
}
