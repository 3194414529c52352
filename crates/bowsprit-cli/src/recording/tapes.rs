//! What a record has of each connection, found in one pass that keeps no message.

use std::collections::HashMap;

use jiff::Timestamp;

use super::reader::{Lines, Record};
use crate::events::{Direction, Ended, Event, Failed, Opened, What};

/// The most connections of a record that are kept apart.
const MAX_TAPES: usize = 1_000_000;

/// One connection of a record: its handshake, its end, and where its messages are.
#[derive(Debug)]
pub(crate) struct Tape {
    /// What people call it: its id, and the session if the record has several.
    pub(crate) label: String,
    pub(crate) session: u32,
    pub(crate) id: u32,
    pub(crate) uri: String,
    /// Of the request, as far as they are known.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) started: Timestamp,
    pub(crate) opened: Option<(Timestamp, Box<Opened>)>,
    pub(crate) failed: Option<Box<Failed>>,
    pub(crate) closed: Option<(Timestamp, Box<Ended>)>,
    /// The number of its first and its last line.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Where its first line begins.
    pub(crate) offset: u64,
    /// A server wrote it down.
    is_of_server: bool,
    /// How many messages the client and the server sent.
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// The connections of a record.
#[derive(Debug)]
pub(crate) struct Tapes {
    pub(crate) record: Record,
    pub(crate) all: Vec<Tape>,
    /// What is odd about the record, and harmless.
    pub(crate) warnings: Vec<String>,
}

/// Tells which connection an event belongs to: an id is used again after an end, and in each session.
#[derive(Debug, Default)]
pub(crate) struct Sorter {
    current: HashMap<u32, Place>,
    count: usize,
    sessions: u32,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    tape: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Open,
    Ended,
}

impl Sorter {
    /// The number of the connection, from 0 on, in the order in which they begin.
    pub(crate) fn place(&mut self, event: &Event) -> Option<usize> {
        if let What::Start { .. } = event.what {
            self.current.clear();
            self.sessions += 1;
            return None;
        }
        let id = event.id?;
        let known = self.current.get(&id).copied();
        let is_going = known.is_some_and(|place| place.stage != Stage::Ended);
        let stage = match (&event.what, known) {
            (What::Connect { .. }, _) => Stage::Connecting,
            (What::Open(_), _) => Stage::Open,
            (What::Fail(_) | What::Close(_), _) => Stage::Ended,
            // What is told of a connection between two tries belongs to neither.
            (_, Some(place)) => return Some(place.tape).filter(|_| is_going),
            (_, None) => Stage::Open,
        };
        let is_new = match event.what {
            What::Connect { .. } => true,
            // A further try that opened has no `connect` of its own.
            What::Open(_) => !known.is_some_and(|place| place.stage == Stage::Connecting),
            _ => !is_going,
        };
        let tape = match known {
            Some(place) if !is_new => place.tape,
            _ => {
                self.count += 1;
                self.count - 1
            }
        };
        self.current.insert(id, Place { tape, stage });
        Some(tape)
    }
}

impl Tapes {
    /// Reads a record to its end. Its lines are sound after that, but for one that was cut off.
    ///
    /// # Errors
    ///
    /// When it cannot be read, a line is broken, or it has another format; the text names the line.
    pub(crate) fn read(record: Record) -> Result<Self, String> {
        let mut lines = record.lines()?;
        let mut tapes = Self {
            record,
            all: Vec::new(),
            warnings: Vec::new(),
        };
        let sessions = tapes.take(&mut lines)?;
        if tapes.all.is_empty() {
            return Err(format!("{} has no connection", tapes.record.name()));
        }
        tapes.label(sessions > 1);
        Ok(tapes)
    }

    fn take(&mut self, lines: &mut Lines) -> Result<u32, String> {
        let mut sorter = Sorter::default();
        let mut cut: Option<(u64, String)> = None;
        let mut time = Timestamp::MIN;
        let mut backward = 0_u64;
        while let Some(line) = lines.next()? {
            let event = match line.event {
                Ok(event) => event,
                Err(why) => {
                    let broken = (line.number, why);
                    let is_certain = line.number == 1 || cut.is_some();
                    let (number, why) = cut.get_or_insert(broken);
                    if is_certain {
                        return Err(self.record.fault(*number, why));
                    }
                    continue;
                }
            };
            let is_start = matches!(event.what, What::Start { .. });
            if sorter.sessions == 0 && !is_start {
                let why = "a record begins with its event `start`";
                return Err(self.record.fault(line.number, why));
            }
            match cut.take() {
                // A program that was killed leaves a line behind that it could not finish.
                Some((number, _)) if is_start => self.warn_of_cut(number),
                Some((number, why)) => return Err(self.record.fault(number, &why)),
                None => {}
            }
            backward += u64::from(event.time < time && !is_start);
            time = event.time;
            if let Some(index) = sorter.place(&event) {
                let place = (line.number, line.offset, lines.is_of_server());
                self.add(index, event, place, sorter.sessions)?;
            }
        }
        if let Some((number, _)) = cut {
            self.warn_of_cut(number);
        }
        if backward > 0 {
            let name = self.record.name();
            self.warnings.push(format!(
                "{name}: the time goes backwards {backward} times; such events follow at once"
            ));
        }
        Ok(sorter.sessions)
    }

    /// The lines from the first of a connection on.
    ///
    /// # Errors
    ///
    /// When the file cannot be read any more.
    pub(crate) fn lines_of(&self, tape: &Tape) -> Result<Lines, String> {
        let record = &self.record;
        record.lines_from(tape.first, tape.offset, tape.is_of_server)
    }

    /// Names the connections: an id alone where that is enough.
    fn label(&mut self, has_sessions: bool) {
        let mut counts = HashMap::new();
        for tape in &mut self.all {
            let count = counts.entry((tape.session, tape.id)).or_insert(0_u32);
            *count += 1;
            tape.label = match (has_sessions, tape.session, tape.id) {
                (true, session, id) => format!("{session}:{id}"),
                (false, _, id) => id.to_string(),
            };
            if *count > 1 {
                tape.label.push_str(&format!(" (try {count})"));
            }
        }
    }

    fn warn_of_cut(&mut self, number: u64) {
        let name = self.record.name();
        let warning = format!("{name}, line {number} is cut off and left out");
        self.warnings.push(warning);
    }

    fn add(
        &mut self,
        index: usize,
        event: Event,
        (number, offset, is_of_server): (u64, u64, bool),
        session: u32,
    ) -> Result<(), String> {
        if index == MAX_TAPES {
            let why = format!("more than {MAX_TAPES} connections");
            return Err(self.record.fault(number, &why));
        }
        if index == self.all.len() {
            let id = event.id.unwrap_or_default();
            // A further try asks for the same as the one before it.
            let before = self.all.iter().rev().find(|tape| tape.id == id);
            let headers = before.map_or_else(Vec::new, |tape| tape.headers.clone());
            self.all.push(Tape {
                label: String::new(),
                session,
                id,
                uri: String::new(),
                headers,
                started: event.time,
                opened: None,
                failed: None,
                closed: None,
                first: number,
                last: number,
                offset,
                is_of_server,
                sent: 0,
                received: 0,
            });
        }
        let Some(tape) = self.all.get_mut(index) else {
            return Ok(());
        };
        tape.last = number;
        match event.what {
            What::Connect { uri, headers } => (tape.uri, tape.headers) = (uri, headers),
            What::Open(opened) => {
                if tape.uri.is_empty() {
                    tape.uri = opened.uri.clone();
                }
                tape.opened = Some((event.time, opened));
            }
            What::Fail(failed) => {
                if tape.uri.is_empty() {
                    tape.uri = failed.uri.clone();
                }
                tape.failed = Some(failed);
            }
            What::Close(ended) => tape.closed = Some((event.time, ended)),
            What::Message { direction, .. } => match direction {
                Direction::Sent => tape.sent += 1,
                Direction::Received => tape.received += 1,
            },
            _ => {}
        }
        Ok(())
    }
}

impl Tape {
    /// The path and the query that the client asked for.
    pub(crate) fn target(&self) -> &str {
        let rest = self.uri.split_once("://").map_or("", |(_, rest)| rest);
        let start = rest.find(['/', '?']).unwrap_or(rest.len());
        match rest.split_at(start).1 {
            "" => "/",
            target => target,
        }
    }
}
