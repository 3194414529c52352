//! What goes to the peers: messages, pings and close frames, to one connection or several.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use bowsprit::{CloseCode, CloseError, CloseFrame, Message, Prepared, SendError, State};

use super::perform::Refused;
use super::wait::PONG_LIMIT;
use super::{Session, Target, Wait};
use crate::command::{Ids, Payload};
use crate::connection::{Connection, Ping, Stage};
use crate::network::{Change, Report};
use crate::printer::Output;
use crate::printer::text::{escape, fault};

/// The largest file that `send --file` reads: 1 GiB.
const MAX_FILE: u64 = 1 << 30;

/// The most pings without a pong that are remembered, so that a peer which never answers costs nothing.
const MAX_PINGS: usize = 64;

/// What a ping of this program begins with; its number follows.
const PING_MARK: [u8; 8] = *b"bowsprit";

impl Session {
    pub(super) fn send(
        &mut self,
        ids: &Ids,
        payload: Payload,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named(ids)?;
        let message = Prepared::new(match payload {
            Payload::Text(text) => Message::from(text),
            Payload::Binary(bytes) => Message::from(bytes),
            Payload::File(path) => Message::from(read_file(&path)?),
        });
        let count = found.len() + missing.len();
        let mut waits = Vec::new();
        let mut refusals = Vec::new();
        let mut sent = 0;
        for id in found {
            match self.send_to(id, &message, out) {
                Ok(is_queued) => {
                    sent += 1;
                    waits.extend((!is_queued).then_some((id, Target::Queued)));
                }
                Err(answer) => refusals.push(answer),
            }
        }
        refusals.extend(missing);
        self.wait_in_script(Wait::on(waits, None));
        if let Ids::One(_) = ids {
            return refusals.pop().map_or(Ok(()), Err);
        }
        out.line(&match refusals.len() {
            0 => format!("> Sent to {}", connections(sent)),
            _ => format!("> Sent to {sent} of {}", connections(count)),
        });
        self.refuse_all(&refusals, out);
        Ok(())
    }

    /// True if the message is in the queue, false if it waits for room there.
    fn send_to(
        &mut self,
        id: u32,
        message: &Prepared,
        out: &mut dyn Output,
    ) -> Result<bool, Refused> {
        let events = self.events.clone();
        let connection = self.existing(id)?;
        if connection.is_sending {
            return Err(format!(
                "Error sending message: connection {id} has no room for the one before yet"
            ));
        }
        match connection.handle.send_prepared(message) {
            Ok(()) => {
                self.sent(id, message.message().clone(), out);
                Ok(true)
            }
            Err(SendError::Full) => {
                connection.is_sending = true;
                let (handle, message) = (connection.handle.clone(), message.message().clone());
                tokio::spawn(async move {
                    let result = handle.send_wait(message.clone()).await;
                    // A session that has ended needs no answer.
                    let _ = events.send(Report::Connection(id, Change::Queued(message, result)));
                });
                Ok(false)
            }
            Err(error) => Err(send_fault(id, connection, error)),
        }
    }

    pub(super) fn close(
        &mut self,
        ids: &Ids,
        code: CloseCode,
        reason: &str,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named(ids)?;
        let fit = CloseFrame::fit_reason(reason);
        let is_one = matches!(ids, Ids::One(_));
        let mut refusals = Vec::new();
        let mut waits = Vec::new();
        for id in found {
            let connection = self.existing(id)?;
            let is_waiting = connection.handle.state() == State::Connecting;
            if matches!(connection.stage, Stage::Retrying) && is_waiting {
                // There is nothing to close: the next try is given up.
                connection.handle.terminate();
                waits.push((id, Target::Ended));
                continue;
            }
            match connection.handle.close(code, fit) {
                Err(error) => refusals.push(close_fault(id, connection, error)),
                Ok(()) => {
                    connection.stage = Stage::Closing;
                    waits.push((id, Target::Ended));
                    if !is_one {
                        out.line(&format!("> Closing connection {id}"));
                    }
                }
            }
        }
        if fit.len() < reason.len() && !waits.is_empty() {
            out.line(&format!(
                "> Close reason cut from {} to {} bytes",
                reason.len(),
                fit.len()
            ));
        }
        refusals.extend(missing);
        self.wait_in_script(Wait::on(waits, None));
        self.refuse_all(&refusals, out);
        Ok(())
    }

    pub(super) fn ping(
        &mut self,
        ids: &Ids,
        payload: &str,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named(ids)?;
        let mut refusals = Vec::new();
        let mut waits = Vec::new();
        for id in found {
            match self.ping_one(id, payload) {
                Ok(number) => waits.push((id, Target::Pong(number))),
                Err(answer) => refusals.push(answer),
            }
        }
        refusals.extend(missing);
        self.wait_in_script(Wait::on(waits, Some(PONG_LIMIT)));
        self.refuse_all(&refusals, out);
        Ok(())
    }

    fn ping_one(&mut self, id: u32, payload: &str) -> Result<u64, Refused> {
        let number = self.pings + 1;
        self.pings = number;
        let is_own = payload.is_empty();
        let payload = if is_own {
            [PING_MARK, number.to_be_bytes()].concat()
        } else {
            payload.as_bytes().to_vec()
        };
        let connection = self.existing(id)?;
        connection.handle.ping(&payload).map_err(|error| {
            format!(
                "Error sending ping: {}",
                send_fault(id, connection, error).trim_start_matches(SEND_FAULT)
            )
        })?;
        if connection.pings.len() == MAX_PINGS {
            connection.pings.remove(0);
        }
        connection.pings.push(Ping {
            number,
            payload,
            is_own,
        });
        Ok(number)
    }
}

const SEND_FAULT: &str = "Error sending message: ";

/// What to answer when a message was not queued: the words of the original, then the state.
pub(super) fn send_fault(id: u32, connection: &Connection, error: SendError) -> String {
    let fault = match error {
        // Handles learn of an end a moment after the session does.
        _ if connection.has_ended() => bad_connection(id, connection),
        SendError::NotOpen => format!("invalid state (connection {id} is still connecting)"),
        SendError::Closing => format!("invalid state (connection {id} is closing)"),
        SendError::Closed => bad_connection(id, connection),
        SendError::InvalidUtf8 => "A payload contained invalid data".to_owned(),
        other => other.to_string(),
    };
    format!("{SEND_FAULT}{fault}")
}

fn close_fault(id: u32, connection: &Connection, error: CloseError) -> String {
    let fault = match error {
        CloseError::InvalidCode(_) | CloseError::ReservedCode(_) => error.to_string(),
        // As above.
        _ if connection.has_ended() => bad_connection(id, connection),
        CloseError::NotOpen => format!("invalid state (connection {id} is still connecting)"),
        CloseError::Closing => format!("invalid state (connection {id} is closing already)"),
        CloseError::Closed => bad_connection(id, connection),
        other => other.to_string(),
    };
    format!("Error initiating close: {fault}")
}

fn bad_connection(id: u32, connection: &Connection) -> String {
    let how = if matches!(connection.stage, Stage::Failed(_)) {
        "failed to open"
    } else {
        "is closed"
    };
    format!("Bad Connection (connection {id} {how})")
}

fn connections(count: usize) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} connection{ending}")
}

fn read_file(path: &Path) -> Result<Vec<u8>, Refused> {
    let name = path.display().to_string();
    let failed = |why: String| format!("Error reading {}: {why}", escape(&name));
    let broken = |error: io::Error| failed(fault(&error));
    let file = File::open(path).map_err(broken)?;
    let metadata = file.metadata().map_err(broken)?;
    // A device or a named pipe might never end.
    if !metadata.is_file() {
        return Err(failed("not a regular file".to_owned()));
    }
    if metadata.len() > MAX_FILE {
        return Err(failed(format!("larger than {MAX_FILE} bytes")));
    }
    let mut content = Vec::new();
    file.take(MAX_FILE)
        .read_to_end(&mut content)
        .map_err(broken)?;
    Ok(content)
}
