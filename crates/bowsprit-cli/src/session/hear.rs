//! What happens on connections: what it changes, and who is told of it.

use std::time::Instant;

use bowsprit::Message;

use super::{Session, send};
use crate::command::Name;
use crate::connection::Stage;
use crate::events::{Direction, Event, What};
use crate::log::Entry;
use crate::network::Change;
use crate::printer::Output;
use crate::printer::text::escape;

impl Session {
    pub(super) fn handle_change(&mut self, id: u32, change: Change, out: &mut dyn Output) {
        let Some(connection) = self.connections.get_mut(id as usize) else {
            return;
        };
        let (what, fault) = match change {
            Change::Opened { info, at } => {
                let what = What::opened(&info, at.saturating_duration_since(connection.started));
                connection.info = Some(info);
                connection.stage = Stage::Open;
                connection.traffic.open(at);
                (what, None)
            }
            Change::Failed(failure) => {
                let what = What::failed(&connection.uri, &failure);
                let fault = failure.status;
                connection.stage = Stage::Failed(failure);
                self.ongoing -= 1;
                (what, fault)
            }
            Change::Received(message, came) => {
                connection.heard(message.as_bytes().len());
                connection
                    .inbox
                    .push(message.clone(), self.manner.is_script);
                self.remember(id, Direction::Received, message.clone());
                (What::received(message, came), None)
            }
            Change::Pong {
                payload,
                round_trip,
            } => {
                connection.heard(payload.len());
                if let Some(time) = round_trip {
                    connection.traffic.measured(time);
                }
                // A pong that answers no ping of ours is of no interest (RFC 6455 §5.5.3).
                let Some(ping) = connection.take_pong(&payload) else {
                    return;
                };
                // What this program made up says nothing.
                let payload = if ping.is_own { Vec::new() } else { payload };
                (What::pong(&payload, round_trip), None)
            }
            Change::Pinged(payload) => {
                connection.heard(payload.len());
                (What::ping(Direction::Received, &payload, None), None)
            }
            Change::Queued(message, result) => {
                connection.is_sending = false;
                match result {
                    Ok(()) => self.sent(id, message, out),
                    Err(error) => {
                        let answer = send::send_fault(id, connection, error);
                        self.refuse(&answer, out);
                    }
                }
                return;
            }
            Change::Retried(retried) => {
                connection.retry(&retried);
                if let Some(closed) = &retried.ended {
                    let what = connection.ending(closed, None);
                    self.tell(id, what, out);
                }
                (What::retried(&retried), None)
            }
            Change::Ended(closed, status) => {
                let what = connection.ending(&closed, status);
                connection.stage = Stage::Closed(closed);
                connection.traffic.end(Instant::now());
                self.ongoing -= 1;
                (what, status)
            }
        };
        if let Some(fault) = fault {
            self.note(Some(id), fault);
        }
        let has_ended = matches!(what, What::Fail(_) | What::Close(_));
        self.tell(id, what, out);
        if has_ended {
            self.leave_jobs(id, out);
            self.leave_ended(id, out);
        }
    }

    /// A message is on its way.
    pub(super) fn sent(&mut self, id: u32, message: Message, out: &mut dyn Output) {
        self.remember(id, Direction::Sent, message.clone());
        self.tell(id, What::message(Direction::Sent, message), out);
    }

    /// Tells what happened on a connection to whoever is to know.
    pub(super) fn tell(&mut self, id: u32, what: What, out: &mut dyn Output) {
        let Some(connection) = self.connections.get(id as usize) else {
            return;
        };
        let name = connection
            .name
            .as_ref()
            .map(Name::as_str)
            .map(str::to_owned);
        let is_common = matches!(
            what,
            What::Open(_) | What::Fail(_) | What::Close(_) | What::Retry { .. }
        );
        let is_told_of_many = connection.is_one_of_many && is_common;
        let event = Event::now(Some(id), name, what);
        if is_told_of_many {
            self.count_in_crowd(id, &event, out);
        }
        self.records.write(&event, out);
        if self.manner.is_quiet {
            return;
        }
        if is_told_of_many {
            out.event_of_many(&event);
        } else {
            self.print(&event, out);
        }
    }

    /// A line of the library's log, with this program's id where the connection is its own.
    pub(super) fn print_log(&mut self, entry: &Entry, out: &mut dyn Output) {
        if entry.dropped > 0 {
            out.line(&format!("> {} lines of the log dropped", entry.dropped));
        }
        let id = entry.id.as_deref();
        let own = id.and_then(|id| self.ids.get(id)).copied();
        let text = match id.filter(|_| own.is_none()) {
            // The echo server's connections have ids of the library only.
            Some(id) => format!("{} id={}", entry.text, escape(id)),
            None => entry.text.clone(),
        };
        let event = Event::now(own, None, What::Log { text });
        self.display.event(&event, 0, out);
    }
}
