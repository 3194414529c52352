//! What each command does.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowsprit::{CloseCode, CloseError, CloseFrame, Message, SendError};

use super::wait::PONG_LIMIT;
use super::{Session, Target, Wait};
use crate::command::{Goal, Id, Payload};
use crate::connection::{Connection, Stage};
use crate::history::Direction;
use crate::network::{Change, Event, Flow, Reporter};
use crate::printer::Output;
use crate::printer::text::{escape, fault};
use crate::serve::EchoServer;

/// The largest file that `send --file` reads: 1 GiB.
const MAX_FILE: u64 = 1 << 30;

/// The most pings without a pong that are remembered, so that a peer which never answers costs nothing.
const MAX_PINGS: usize = 64;

/// What a ping of this program begins with; its number follows.
const PING_MARK: [u8; 8] = *b"bowsprit";

/// What a command answers when it was not carried out.
type Refused = String;

impl Session {
    pub(super) fn connect(&mut self, uri: String, out: &mut dyn Output) -> Result<(), Refused> {
        let request = self
            .client
            .request(&uri)
            .map_err(|fault| invalid_uri(&uri, &fault.to_string()))?;
        let id = u32::try_from(self.connections.len())
            .map_err(|_| "Out of connection ids".to_owned())?;
        let flow = Arc::new(Flow::default());
        let reporter = Reporter::new(id, Arc::clone(&flow), self.events.clone());
        let handle = request.handler(reporter).start();
        self.connections.push(Connection::new(uri, handle, flow));
        out.line(&format!("> Created connection with id {id}"));
        self.wait_in_script(Wait::on(id, Target::Settled, None));
        Ok(())
    }

    pub(super) fn send(&mut self, id: &Id, payload: Payload) -> Result<(), Refused> {
        let (id, connection) = self.connection(id)?;
        let message = match payload {
            Payload::Text(text) => Message::from(text),
            Payload::Binary(bytes) => Message::from(bytes),
            Payload::File(path) => Message::from(read_file(&path)?),
        };
        if connection.is_sending {
            return Err(format!(
                "Error sending message: connection {id} has no room for the one before yet"
            ));
        }
        match connection.handle.send(message.clone()) {
            Ok(()) => connection.history.push(Direction::Sent, message),
            Err(SendError::Full) => {
                connection.is_sending = true;
                let (handle, events) = (connection.handle.clone(), self.events.clone());
                tokio::spawn(async move {
                    let result = handle.send_wait(message.clone()).await;
                    // A session that has ended needs no answer.
                    let _ = events.send(Event::Connection(id, Change::Queued(message, result)));
                });
                self.wait_in_script(Wait::on(id, Target::Queued, None));
            }
            Err(error) => return Err(send_fault(id, connection, error)),
        }
        Ok(())
    }

    pub(super) fn close(
        &mut self,
        id: &Id,
        code: CloseCode,
        reason: &str,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (id, connection) = self.connection(id)?;
        let fit = CloseFrame::fit_reason(reason);
        connection
            .handle
            .close(code, fit)
            .map_err(|error| close_fault(id, connection, error))?;
        connection.stage = Stage::Closing;
        if fit.len() < reason.len() {
            out.line(&format!(
                "> Close reason cut from {} to {} bytes",
                reason.len(),
                fit.len()
            ));
        }
        self.wait_in_script(Wait::on(id, Target::Ended, None));
        Ok(())
    }

    pub(super) fn show(&mut self, id: &Id, out: &mut dyn Output) -> Result<(), Refused> {
        let quiet = self.manner.is_quiet;
        // The original has words of its own for this command.
        let (_, connection) = self
            .connection(id)
            .map_err(|_| format!("Unknown connection id {id}"))?;
        connection.show(out, !quiet);
        Ok(())
    }

    pub(super) fn list(&self, out: &mut dyn Output) {
        if self.connections.is_empty() {
            out.line("> No connections");
        }
        for (id, connection) in self.connections.iter().enumerate() {
            let (status, uri) = (connection.status(), escape(&connection.uri));
            out.line(&format!(
                "> {id} {status} {uri} ({} messages)",
                connection.history.total()
            ));
        }
    }

    pub(super) fn ping(&mut self, id: &Id) -> Result<(), Refused> {
        let number = self.pings + 1;
        let (id, connection) = self.connection(id)?;
        let payload = [PING_MARK, number.to_be_bytes()].concat();
        let sent = Instant::now();
        connection.handle.ping(&payload).map_err(|error| {
            format!(
                "Error sending ping: {}",
                send_fault(id, connection, error).trim_start_matches(SEND_FAULT)
            )
        })?;
        if connection.pings.len() == MAX_PINGS {
            connection.pings.remove(0);
        }
        connection.pings.push((number, sent));
        self.pings = number;
        self.wait_in_script(Wait::on(id, Target::Pong(number), Some(PONG_LIMIT)));
        Ok(())
    }

    pub(crate) fn serve(&mut self, port: u16, out: &mut dyn Output) -> Result<(), Refused> {
        if let Some(uri) = self.serving_uri() {
            return Err(format!("Already serving echo on {uri}"));
        }
        let server = EchoServer::start(port, self.events.clone())
            .map_err(|error| serve_fault(port, &error))?;
        out.line(&format!("> Serving echo on {}", server.uri()));
        self.server = Some(server);
        Ok(())
    }

    pub(super) fn stop(&mut self) -> Result<(), Refused> {
        self.server.as_mut().ok_or("Not serving")?.stop();
        self.wait_in_script(Wait::Server);
        Ok(())
    }

    pub(super) fn wait(&mut self, id: &Id, goal: Goal, limit: Duration) -> Result<(), Refused> {
        let (id, _) = self.connection(id)?;
        self.wait = Some(Wait::on(id, Target::Goal(goal), Some(limit)));
        Ok(())
    }

    fn connection(&mut self, id: &Id) -> Result<(u32, &mut Connection), Refused> {
        let number = id.number();
        let connection =
            number.and_then(|number| Some((number, self.connections.get_mut(number as usize)?)));
        connection.ok_or_else(|| format!("No connection found with id {id}"))
    }
}

impl Connection {
    /// The round trip that a pong ends, if it answers a ping that was sent here.
    pub(super) fn take_pong(&mut self, payload: &[u8], at: Instant) -> Option<Duration> {
        let number = u64::from_be_bytes(payload.strip_prefix(&PING_MARK)?.try_into().ok()?);
        let index = self.pings.iter().position(|(sent, _)| *sent == number)?;
        let (_, sent) = self.pings.remove(index);
        let round_trip = at.saturating_duration_since(sent);
        self.round_trip = Some(round_trip);
        Some(round_trip)
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

/// The answer to a URI that was refused. A text without a colon has no scheme, so it is no URI at
/// all and there is no more to say than the original said.
fn invalid_uri(uri: &str, fault: &str) -> String {
    let detail = if uri.contains(':') {
        format!(" ({})", escape(fault))
    } else {
        String::new()
    };
    format!("Connect initialization error: invalid uri{detail}")
}

fn serve_fault(port: u16, error: &io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => "; port 0 takes any that is free",
        ErrorKind::PermissionDenied => "; ports from 1024 on are free to all",
        _ => "",
    };
    format!(
        "Error serving on 127.0.0.1:{port}: {}{remedy}",
        fault(error)
    )
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
