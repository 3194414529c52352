//! What goes to the peers: messages, pings and close frames, to one connection or several.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use bowsprit::{CloseError, CloseFrame, Message, Prepared, SendError, State};

use super::wait::PONG_LIMIT;
use super::{MANY, Refused, Session, Target, Wait};
use crate::command::{Closing, Ids, Payload};
use crate::connection::{Connection, Ping, Stage};
use crate::events::{Direction, What};
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
        let Some(message) = self.message(ids, payload)? else {
            // The lines that follow are part of it.
            return Ok(());
        };
        let message = Prepared::new(message);
        let (found, missing) = self.named(ids)?;
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

    /// What is to be sent; `None` if further lines belong to it.
    pub(super) fn message(
        &mut self,
        ids: &Ids,
        payload: Payload,
    ) -> Result<Option<Message>, Refused> {
        Ok(Some(match payload {
            Payload::Text(text) => Message::from(text),
            Payload::Binary(bytes) => Message::from(bytes),
            Payload::File(path) => Message::from(read_file(&path)?),
            Payload::TextFile(path) => Message::from(text_of(&path, read_file(&path)?)?),
            Payload::Json(text) => match self.complete_json(ids, text)? {
                Some(text) => Message::from(text),
                None => return Ok(None),
            },
            Payload::Block(lines) => {
                self.open_block(ids.clone(), lines);
                return Ok(None);
            }
        }))
    }

    /// True if the message is in the queue, false if it waits for room there.
    pub(super) fn send_to(
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
        how: &Closing,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named(ids)?;
        let (count, is_one) = (found.len(), matches!(ids, Ids::One(_)));
        let cut = match how {
            Closing::Frame { reason, .. } => (reason.len(), CloseFrame::fit_reason(reason).len()),
            Closing::Empty | Closing::Abort => (0, 0),
        };
        let mut refusals = Vec::new();
        let mut waits = Vec::new();
        for id in found {
            let connection = self.existing(id)?;
            match begin_close(connection, how) {
                Err(error) => refusals.push(close_fault(id, connection, error)),
                Ok(()) => {
                    waits.push((id, Target::Ended));
                    if !is_one && count <= MANY {
                        out.line(&format!("> Closing connection {id}"));
                    }
                }
            }
        }
        if count > MANY {
            out.line(&format!("> Closing {}", connections(waits.len())));
        }
        if cut.1 < cut.0 && !waits.is_empty() {
            out.line(&format!(
                "> Close reason cut from {} to {} bytes",
                cut.0, cut.1
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
                Ok(number) => {
                    waits.push((id, Target::Pong(number)));
                    let what = What::ping(Direction::Sent, payload.as_bytes(), None);
                    self.tell(id, what, out);
                }
                Err(answer) => refusals.push(answer),
            }
        }
        refusals.extend(missing);
        self.wait_in_script(Wait::on(waits, Some(PONG_LIMIT)));
        self.refuse_all(&refusals, out);
        Ok(())
    }

    pub(super) fn ping_one(&mut self, id: u32, payload: &str) -> Result<u64, Refused> {
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

/// Begins to close, or gives up what is being made again.
fn begin_close(connection: &mut Connection, how: &Closing) -> Result<(), CloseError> {
    if connection.has_ended() {
        return Err(CloseError::Closed);
    }
    let is_waiting = connection.handle.state() == State::Connecting;
    let is_retrying = matches!(connection.stage, Stage::Retrying) && is_waiting;
    match how {
        // There is nothing to close: the next try is given up.
        _ if is_retrying => connection.handle.terminate(),
        Closing::Abort => connection.handle.terminate(),
        Closing::Empty => {
            connection.handle.close_without_code()?;
            connection.stage = Stage::Closing;
        }
        Closing::Frame { code, reason } => {
            connection.handle.close(*code, reason)?;
            connection.stage = Stage::Closing;
        }
    }
    Ok(())
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

pub(super) fn connections(count: usize) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} connection{ending}")
}

/// The content as text, where it is UTF-8.
fn text_of(path: &Path, content: Vec<u8>) -> Result<String, Refused> {
    String::from_utf8(content).map_err(|fault| {
        format!(
            "Error reading {}: not UTF-8 at byte {} (--binary @<path> sends it as it is)",
            escape(&path.display().to_string()),
            fault.utf8_error().valid_up_to() + 1
        )
    })
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
