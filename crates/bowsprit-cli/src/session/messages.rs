//! The messages that are kept: `history`, `save`, and the room that all of them share.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::Path;

use bowsprit::Message;

use super::{Refused, Session};
use crate::command::Ids;
use crate::command::connections::{Form, SaveAs};
use crate::connection::{Connection, Size, messages};
use crate::events::Direction;
use crate::printer::Output;
use crate::printer::text::{escape, fault};

/// The most bytes of messages that are kept of all connections together: 256 MiB.
const MAX_KEPT: usize = 256 << 20;

/// How much of the messages of all connections is kept.
#[derive(Debug)]
pub(super) struct Room {
    bytes: usize,
    limit: usize,
    /// The connection that loses its oldest message next, when there is no room.
    next: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            bytes: 0,
            limit: MAX_KEPT,
            next: 0,
        }
    }
}

impl Room {
    /// What was asked for one connection is not refused for all of them.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.limit = self.limit.max(bytes);
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Session {
    /// Counts and keeps a message; drops old ones, of one connection after the other, where all of them
    /// keep too much.
    pub(super) fn remember(&mut self, id: u32, direction: Direction, message: Message) {
        let Some(connection) = self.connections.get_mut(id as usize) else {
            return;
        };
        let before = connection.history.bytes();
        connection.remember(direction, message);
        self.kept.bytes += connection.history.bytes();
        self.kept.bytes -= before;
        while self.kept.bytes > self.kept.limit {
            let count = self.connections.len();
            let Some(connection) = self.connections.get_mut(self.kept.next % count) else {
                return;
            };
            let before = connection.history.bytes();
            connection.history.drop_oldest();
            self.kept.bytes -= before - connection.history.bytes();
            self.kept.next = (self.kept.next + 1) % count;
        }
    }

    pub(super) fn history(
        &mut self,
        ids: &Ids,
        last: usize,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named_or_ended(ids)?;
        for id in found {
            if !matches!(ids, Ids::One(_)) {
                out.line(&format!("> Connection {}", self.label(id)));
            }
            let history = &self.existing(id)?.history;
            if history.kept().next().is_none() {
                out.line("> No messages");
            }
            history
                .table(last)
                .for_each(|row| out.line(&format!("> {row}")));
            dropped(self.existing(id)?, out);
        }
        self.refuse_all(&missing, out);
        Ok(())
    }

    pub(super) fn save(
        &mut self,
        ids: &Ids,
        file: &SaveAs,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        let (found, missing) = self.named_or_ended(ids)?;
        let (&[id], []) = (found.as_slice(), missing.as_slice()) else {
            return Err("The messages of one connection go into a file".to_owned());
        };
        let connection = self.existing(id)?;
        let name = file.path.display().to_string();
        let saved = create(&file.path, file.forces)
            .and_then(|created| write(id, connection, file.form, created));
        let count = saved.map_err(|error| {
            let remedy = match error.kind() {
                ErrorKind::AlreadyExists => ": --force replaces it",
                _ => "",
            };
            format!("Error writing {}: {}{remedy}", escape(&name), fault(&error))
        })?;
        out.line(&format!("> Saved {} in {}", messages(count), escape(&name)));
        dropped(connection, out);
        Ok(())
    }
}

fn dropped(connection: &Connection, out: &mut dyn Output) {
    let (messages, bytes) = connection.history.dropped();
    if messages > 0 {
        out.line(&format!(
            "> {messages} older ones were dropped ({})",
            Size(bytes)
        ));
    }
}

/// A file that nobody else may read. One that is there stays as it is, unless it is to be replaced.
fn create(path: &Path, forces: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    if forces {
        // A named pipe might never be read.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::other("not a regular file"));
        }
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if forces {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Writes the messages that are kept; returns how many it wrote.
fn write(id: u32, connection: &Connection, form: Form, file: File) -> io::Result<u64> {
    let mut file = BufWriter::new(file);
    let mut count = 0;
    for kept in connection.history.kept() {
        match form {
            Form::Text => writeln!(file, "{}", kept.whole_row())?,
            Form::Json => {
                let event = connection.event_of(id, kept);
                file.write_all(event.to_json().as_bytes())?;
            }
            Form::Raw if kept.direction == Direction::Sent => continue,
            Form::Raw => {
                file.write_all(kept.message.as_bytes())?;
                if matches!(kept.message, Message::Text(_)) {
                    file.write_all(b"\n")?;
                }
            }
        }
        count += 1;
    }
    file.flush()?;
    Ok(count)
}
