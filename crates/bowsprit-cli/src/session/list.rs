//! `list`, `show` and `stats`: what there is, in lines that people and grep can both read.

use std::collections::BTreeMap;
use std::time::Instant;

use bowsprit::Compression;

use super::send::connections;
use super::{MANY, Refused, Session};
use crate::command::{Ids, Listed, STATES, Shown};
use crate::connection::{Connection, Size, Span, Spread, compressed, messages};
use crate::events::{Direction, Event, masked_uri};
use crate::printer::Output;
use crate::printer::palette::Role;
use crate::printer::text::escape;

/// The columns; those of numbers are flush right. The URI is the last, without a width.
const COLUMNS: [(&str, bool); 10] = [
    ("id", false),
    ("name", false),
    ("state", false),
    ("in", true),
    ("out", true),
    ("bytes", true),
    ("latency", true),
    ("age", true),
    ("idle", true),
    ("queue", true),
];

impl Session {
    pub(super) fn list(&mut self, of: &Listed, out: &mut dyn Output) -> Result<(), Refused> {
        if self.connections.is_empty() {
            out.line("> No connections");
            return Ok(());
        }
        let (ids, missing) = match of {
            Listed::Fitting if self.connections.len() > MANY => {
                self.list_states(out);
                return Ok(());
            }
            Listed::Fitting => (self.all(|_| true), Vec::new()),
            Listed::Ids(ids) => self.named_or_ended(ids)?,
            Listed::State(state) => {
                let ids = self.all(|connection| connection.state() == *state);
                if ids.is_empty() {
                    out.line(&format!("> No connection is {state}"));
                    return Ok(());
                }
                (ids, Vec::new())
            }
        };
        if out.is_for_programs() {
            for id in ids {
                out.event(&self.object(id)?);
            }
        } else {
            self.print_rows(&ids, out);
        }
        self.refuse_all(&missing, out);
        Ok(())
    }

    /// How many there are in each state.
    fn list_states(&self, out: &mut dyn Output) {
        let palette = self.display.palette();
        let mut states = BTreeMap::<String, usize>::new();
        for connection in &self.connections {
            *states.entry(connection.state()).or_default() += 1;
        }
        let known = STATES.iter().filter_map(|state| {
            let count = states.get(*state)?;
            Some(format!(
                "{count} {}",
                palette.paint(Role::of_state(state), state)
            ))
        });
        let known: Vec<String> = known.collect();
        out.line(&format!(
            "> {}: {} (list all, list <state> or list <ids> prints them)",
            connections(self.connections.len()),
            known.join(", ")
        ));
    }

    /// A connection as an event.
    fn object(&mut self, id: u32) -> Result<Event, Refused> {
        let connection = self.existing(id)?;
        let name = connection
            .name
            .as_ref()
            .map(|name| name.as_str().to_owned());
        Ok(Event::now(Some(id), name, connection.object()))
    }

    fn print_rows(&self, ids: &[u32], out: &mut dyn Output) {
        let now = Instant::now();
        let rows: Vec<([String; COLUMNS.len()], String)> = ids
            .iter()
            .filter_map(|id| Some((id, self.connections.get(*id as usize)?)))
            .map(|(id, connection)| {
                (
                    cells(*id, connection, now),
                    escape(&masked_uri(&connection.uri)).into_owned(),
                )
            })
            .collect();
        let has_names = rows.iter().any(|([_, name, ..], _)| name != "-");
        let head = COLUMNS.map(|(name, _)| name.to_owned());
        let mut widths = [0; COLUMNS.len()];
        for cells in rows.iter().map(|(cells, _)| cells).chain([&head]) {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.len());
            }
        }
        let palette = self.display.palette();
        let line = |cells: &[String; COLUMNS.len()], uri: &str, is_head: bool| {
            let mut line = ">".to_owned();
            for ((cell, width), (name, is_right)) in cells.iter().zip(widths).zip(COLUMNS) {
                if name == "name" && !has_names {
                    continue;
                }
                let padded = match is_right {
                    true => format!(" {cell:>width$}"),
                    false => format!(" {cell:<width$}"),
                };
                let painted = match name {
                    _ if is_head => padded.into(),
                    "id" => palette.paint(Role::Id, &padded),
                    "state" => palette.paint(Role::of_state(cell), &padded),
                    _ => padded.into(),
                };
                line.push_str(&painted);
            }
            format!("{line} {uri}")
        };
        let first = line(&head, "uri", true);
        out.line(&palette.paint(Role::Aside, &first));
        rows.iter()
            .for_each(|(cells, uri)| out.line(&line(cells, uri, false)));
    }

    pub(super) fn show(
        &mut self,
        ids: &Ids,
        what: Shown,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        if matches!(ids, Ids::All) && self.connections.is_empty() {
            out.line("> No connections");
            return Ok(());
        }
        // Those that have ended have something to show, too. The original has words of its own here.
        let (found, missing) = self.named_or_ended(ids).map_err(|answer| match ids {
            Ids::One(crate::command::Id::Number(digits)) => {
                format!("Unknown connection id {digits}")
            }
            _ => answer,
        })?;
        for id in found {
            if what.json || out.is_for_programs() {
                let event = self.object(id)?;
                if out.is_for_programs() {
                    out.event(&event);
                } else {
                    out.bytes(event.to_json().trim_end().as_bytes());
                }
                continue;
            }
            let with_facts = !self.manner.is_quiet;
            if !matches!(ids, Ids::One(_)) {
                out.line(&format!("> Connection {}", self.titled(id)));
            }
            let palette = self.display.palette();
            let fold = (id, self.display.fold_characters());
            self.existing(id)?
                .show(out, what, with_facts, palette, fold);
        }
        self.refuse_all(&missing, out);
        Ok(())
    }

    pub(super) fn stats(&mut self, ids: Option<&Ids>, out: &mut dyn Output) -> Result<(), Refused> {
        let Some(ids) = ids else {
            if self.connections.is_empty() {
                out.line("> No connections");
            } else {
                self.total_stats(out);
            }
            return Ok(());
        };
        let (found, missing) = self.named_or_ended(ids)?;
        for id in found {
            let title = self.titled(id);
            let connection = self.existing(id)?;
            out.line(&format!("> Connection {title}: {}", connection.status()));
            for (name, fact) in connection.traffic_facts(Instant::now()) {
                out.line(&format!(">   {name}: {fact}"));
            }
            spread(connection.traffic.round_trips().to_vec(), out);
            if !connection.has_ended() {
                let buffered = Size(connection.handle.buffered_bytes() as u64);
                out.line(&format!(">   Waiting to be sent: {buffered}"));
            }
            let deflate = connection.info.as_ref().and_then(|info| info.deflate());
            if let Some(params) = deflate {
                out.line(&format!(">   Compression: {params}"));
            }
            if let Some((name, fact)) = connection.handle.compression().and_then(compressed) {
                out.line(&format!(">   {name}: {fact}"));
            }
            if let Some((name, fact)) = connection.dropped_fact() {
                out.line(&format!(">   {name}: {fact}"));
            }
        }
        self.refuse_all(&missing, out);
        Ok(())
    }

    /// All connections together.
    fn total_stats(&self, out: &mut dyn Output) {
        self.list_states(out);
        let now = Instant::now();
        for (name, direction) in [("Received", Direction::Received), ("Sent", Direction::Sent)] {
            let (mut count, mut bytes, mut rate) = (0, 0, 0.0);
            for traffic in self
                .connections
                .iter()
                .map(|connection| &connection.traffic)
            {
                let way = traffic.way(direction);
                count += way.messages;
                bytes += way.bytes;
                rate += traffic.rate(way, now);
            }
            let (count, bytes) = (messages(count), Size(bytes));
            out.line(&format!(">   {name}: {count}, {bytes}, {rate:.1}/s now"));
        }
        let trips = self.connections.iter();
        spread(
            trips
                .flat_map(|c| c.traffic.round_trips().iter().copied())
                .collect(),
            out,
        );
        if let Some((name, fact)) = compressed(self.compression()) {
            out.line(&format!(">   {name}: {fact}"));
        }
        let waiting = self.connections.iter().filter(|c| !c.has_ended());
        let waiting: usize = waiting.map(|c| c.handle.buffered_bytes()).sum();
        out.line(&format!(">   Waiting to be sent: {}", Size(waiting as u64)));
        out.line(&format!(
            ">   Messages kept: {}",
            Size(self.kept.bytes() as u64)
        ));
    }

    /// What compression has made of the messages of all connections.
    fn compression(&self) -> Compression {
        let mut all = Compression::default();
        for told in self
            .connections
            .iter()
            .filter_map(|c| c.handle.compression())
        {
            all.received += told.received;
            all.sent += told.sent;
        }
        all
    }

    /// The id, and the name behind it.
    fn titled(&self, id: u32) -> String {
        let label = self.label(id);
        let number = id.to_string();
        if label == number {
            number
        } else {
            format!("{number} ({label})")
        }
    }
}

/// What a row tells of a connection.
fn cells(id: u32, connection: &Connection, now: Instant) -> [String; COLUMNS.len()] {
    let traffic = &connection.traffic;
    let none = || "-".to_owned();
    let span = |time: Option<_>| time.map_or_else(none, |time| Span(time).to_string());
    let name = connection.name.as_ref();
    let is_going = !connection.has_ended();
    [
        id.to_string(),
        name.map_or_else(none, |name| name.as_str().to_owned()),
        connection.state(),
        traffic.received.messages.to_string(),
        traffic.sent.messages.to_string(),
        Size(traffic.received.bytes + traffic.sent.bytes).to_string(),
        span(connection.handle.round_trips().last),
        span(traffic.age(now)),
        span(traffic.idle(now).filter(|_| is_going)),
        if is_going {
            Size(connection.handle.buffered_bytes() as u64).to_string()
        } else {
            none()
        },
    ]
}

fn spread(micros: Vec<u32>, out: &mut dyn Output) {
    if let Some(Spread {
        count,
        min,
        mean,
        p50,
        p99,
        max,
    }) = Spread::of(micros)
    {
        let [min, mean, p50, max] = [min, mean, p50, max].map(Span);
        let p99 = p99.map_or_else(String::new, |p99| format!(", p99 {}", Span(p99)));
        out.line(&format!(
            ">   Round trips: {count}, min {min}, mean {mean}, p50 {p50}{p99}, max {max}"
        ));
    }
}
