//! Which connections a line means: numbers, names, the last one used, all of them.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::{Refused, Session};
use crate::command::{Id, Ids, Name, Part, words};
use crate::connection::Connection;

impl Session {
    /// The connections that are named, in the order of their ids, and an answer for each one of a list
    /// that there is not. `all` names those that have not ended.
    pub(super) fn named(&mut self, ids: &Ids) -> Result<(Vec<u32>, Vec<Refused>), Refused> {
        match ids {
            Ids::One(id) => {
                let id = self.find(id)?;
                self.last = Some(id);
                Ok((vec![id], Vec::new()))
            }
            Ids::List(parts) => Ok(self.find_all(parts)),
            Ids::All => {
                let found = self.all(|connection| !connection.has_ended());
                if found.is_empty() {
                    return Err("No connection is open".to_owned());
                }
                Ok((found, Vec::new()))
            }
        }
    }

    /// As [`named`](Self::named), but `all` is every connection that there is, ended or not.
    pub(super) fn named_or_ended(
        &mut self,
        ids: &Ids,
    ) -> Result<(Vec<u32>, Vec<Refused>), Refused> {
        match ids {
            Ids::All => Ok((self.all(|_| true), Vec::new())),
            ids => self.named(ids),
        }
    }

    /// The connections of which this is true.
    pub(super) fn all(&self, is_meant: impl Fn(&Connection) -> bool) -> Vec<u32> {
        let all = (0..).zip(&self.connections);
        let meant = all.filter(|(_, connection)| is_meant(connection));
        meant.map(|(id, _)| id).collect()
    }

    /// The one connection that is named.
    fn find(&self, id: &Id) -> Result<u32, Refused> {
        match id {
            Id::Number(digits) => {
                let number = digits.parse().ok();
                let found = number.filter(|number| (*number as usize) < self.connections.len());
                found.ok_or_else(|| unknown(digits))
            }
            Id::Name(name) => {
                let found = self.names.get(name).copied();
                found.ok_or_else(|| self.unknown_name(name))
            }
            Id::Last => self
                .last
                .ok_or_else(|| "No connection was used yet, so . means none".to_owned()),
        }
    }

    fn find_all(&self, parts: &[Part]) -> (Vec<u32>, Vec<Refused>) {
        let count = u32::try_from(self.connections.len()).unwrap_or(u32::MAX);
        let mut found = BTreeSet::new();
        let mut missing = Vec::new();
        for part in parts {
            match part {
                Part::One(id) => match self.find(id) {
                    Ok(id) => drop(found.insert(id)),
                    Err(answer) => missing.push(answer),
                },
                &Part::Range(first, last) => {
                    found.extend(first..count.min(last.saturating_add(1)));
                    match (first.max(count), last) {
                        (from, to) if from == to => missing.push(unknown(&from)),
                        (from, to) if from < to => missing.push(unknown(&format!("{from}-{to}"))),
                        _ => {}
                    }
                }
            }
        }
        (found.into_iter().collect(), missing)
    }

    fn unknown_name(&self, name: &Name) -> Refused {
        let name = name.as_str();
        let names = || self.names.keys().map(Name::as_str);
        let hint = match words::closest(name, || names().chain(["all"])) {
            Some(meant) => format!("did you mean {meant}?"),
            None if self.names.is_empty() => "none has a name: connect --name gives one".to_owned(),
            None => "see list".to_owned(),
        };
        format!("No connection is called {name} ({hint})")
    }

    /// Whether a new connection may be called so.
    ///
    /// # Errors
    ///
    /// When another one, which has not ended, is called so. One that has ended loses the name.
    pub(super) fn check_name(&self, name: &Name) -> Result<(), Refused> {
        let holder = self.names.get(name).copied();
        let holder = holder.filter(|id| {
            let connection = self.connections.get(*id as usize);
            connection.is_some_and(|connection| !connection.has_ended())
        });
        match holder {
            Some(id) => Err(format!(
                "Connection {id} is called {} already",
                name.as_str()
            )),
            None => Ok(()),
        }
    }

    /// From now on the name means this connection.
    pub(super) fn call(&mut self, id: u32, name: Name) {
        let before = self.names.insert(name, id);
        if let Some(before) = before.and_then(|id| self.connections.get_mut(id as usize)) {
            before.name = None;
        }
    }

    /// What people call the connection: its name, or its id.
    pub(super) fn label(&self, id: u32) -> String {
        let connection = self.connections.get(id as usize);
        let name = connection.and_then(|connection| connection.name.as_ref());
        name.map_or_else(|| id.to_string(), |name| name.as_str().to_owned())
    }

    pub(super) fn existing(&mut self, id: u32) -> Result<&mut Connection, Refused> {
        let connection = self.connections.get_mut(id as usize);
        connection.ok_or_else(|| unknown(&id))
    }
}

fn unknown(id: &dyn Display) -> Refused {
    format!("No connection found with id {id}")
}
