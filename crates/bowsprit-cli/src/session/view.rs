//! What is shown of a connection, and how: watching, muting, filters, whole messages, settings.

use std::sync::Arc;

use super::Session;
use super::perform::Refused;
use crate::command::Ids;
use crate::command::view::{Command, Filter};
use crate::events::{Direction, Event, What};
use crate::options::{DisplayOptions, Plan, View};
use crate::printer::{Display, Output};

/// What is to be seen of one connection, where that is not all.
#[derive(Debug, Default)]
pub(super) struct Watch {
    is_muted: bool,
    filter: Option<Filter>,
    /// Messages that were not shown.
    hidden: u64,
}

impl Watch {
    fn admits(&self, what: &What) -> bool {
        match (what, &self.filter) {
            (what, _) if !what.is_traffic() => true,
            _ if self.is_muted => false,
            (What::Message { payload, .. }, Some(filter)) => {
                filter.admits(payload.message().as_bytes())
            }
            _ => true,
        }
    }
}

impl Session {
    /// Prints events as these options say, on a terminal or elsewhere.
    pub(crate) fn display_as(&mut self, options: &DisplayOptions, is_terminal: bool) {
        self.display = Display::new(options, is_terminal);
    }

    /// Prints an event, unless its connection is not watched.
    pub(super) fn print(&mut self, event: &Event, out: &mut dyn Output) {
        let id = event.id.unwrap_or_default();
        if let Some(watch) = self.watches.get_mut(&id)
            && !watch.admits(&event.what)
        {
            let is_received = matches!(
                event.what,
                What::Message {
                    direction: Direction::Received,
                    ..
                }
            );
            watch.hidden += u64::from(is_received);
            return;
        }
        let connection = self.connections.get(id as usize);
        let number = connection.map_or(0, |connection| connection.history.last());
        self.display.event(event, number, out);
    }

    pub(super) fn perform_view(
        &mut self,
        command: Command,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        match command {
            Command::Watch { ids } => self.change_watch(&ids, "Watching", out, |watch| {
                watch.is_muted = false;
                let hidden = std::mem::take(&mut watch.hidden);
                format!(" ({hidden} messages were not shown)")
            }),
            Command::Mute { ids } => self.change_watch(&ids, "Muted", out, |watch| {
                watch.is_muted = true;
                String::new()
            }),
            Command::Filter { ids, filter } => {
                let doing = if filter.is_some() {
                    "Filtering"
                } else {
                    "Showing all of"
                };
                self.change_watch(&ids, doing, out, |watch| {
                    watch.filter.clone_from(&filter);
                    let filter = filter.as_ref();
                    filter.map_or_else(String::new, |filter| format!(": {filter}"))
                })
            }
            Command::Message { ids, number, view } => self.print_messages(&ids, number, view, out),
            Command::Settings { of } => {
                self.print_settings(of, out);
                Ok(())
            }
            Command::Set(setting) => {
                self.display.set(setting);
                Ok(())
            }
            Command::Default(options) => {
                let defaults = options.over(&self.defaults);
                let plan = Plan::new(&defaults)?;
                plan.check(None)?;
                if defaults.is_insecure() && !self.defaults.is_insecure() {
                    out.line("> WARNING: certificates are NOT VERIFIED from now on, anyone may listen in");
                }
                (self.defaults, self.plan) = (defaults, Arc::new(plan));
                Ok(())
            }
            Command::Quiet(is_quiet) => {
                self.manner.is_quiet = is_quiet;
                Ok(())
            }
        }
    }

    /// Changes what is shown of these connections, and answers what is done, and of one what `change` adds.
    fn change_watch(
        &mut self,
        ids: &Ids,
        doing: &str,
        out: &mut dyn Output,
        mut change: impl FnMut(&mut Watch) -> String,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named(ids)?;
        let mut told = String::new();
        for id in &found {
            let watch = self.watches.entry(*id).or_default();
            told = change(watch);
            if !watch.is_muted && watch.filter.is_none() {
                self.watches.remove(id);
            }
        }
        match found.as_slice() {
            [] => {}
            [id] => out.line(&format!("> {doing} connection {id}{told}")),
            several => out.line(&format!("> {doing} {} connections", several.len())),
        }
        self.refuse_all(&missing, out);
        Ok(())
    }

    fn print_messages(
        &mut self,
        ids: &Ids,
        number: Option<u64>,
        view: Option<View>,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named(ids)?;
        for id in found {
            if let Err(answer) = self.print_message(id, number, view, out) {
                self.refuse(&answer, out);
            }
        }
        self.refuse_all(&missing, out);
        Ok(())
    }

    fn print_message(
        &self,
        id: u32,
        number: Option<u64>,
        view: Option<View>,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let history = self
            .connections
            .get(id as usize)
            .map(|connection| &connection.history);
        let history = history.ok_or_else(|| format!("No connection found with id {id}"))?;
        let (total, first) = (history.last(), history.dropped().0 + 1);
        if total == 0 {
            return Err(format!("Connection {id} has no messages"));
        }
        let number = number.unwrap_or(total);
        let Some((direction, message)) = history.numbered(number) else {
            return Err(match number {
                number if (1..first).contains(&number) => format!(
                    "Connection {id} keeps message {number} no more: the oldest is {first} (--keep-messages and --keep-bytes keep more)"
                ),
                _ => format!("Connection {id} has no message {number}: the last is {total}"),
            });
        };
        if view != Some(View::Raw) {
            let direction = match direction {
                Direction::Sent => "sent",
                Direction::Received => "received",
            };
            let kind = match message {
                bowsprit::Message::Text(_) => "text",
                bowsprit::Message::Binary(_) => "binary",
            };
            let size = message.as_bytes().len();
            out.line(&format!(
                "> Message {number} of connection {id}: {direction}, {kind} {size}"
            ));
        }
        self.display.whole(message, view, out);
        Ok(())
    }

    fn print_settings(&self, of: Option<&str>, out: &mut dyn Output) {
        let quiet = if self.manner.is_quiet { "on" } else { "off" };
        let settings = self.display.settings().into_iter();
        for (name, value) in settings.chain([("quiet", quiet.to_owned())]) {
            if of.is_none_or(|of| of == name) {
                out.line(&format!("> {name} {value}"));
            }
        }
    }
}
