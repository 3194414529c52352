//! What is written down of the session, one record of everything and logs of single connections; and a
//! record that is played.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::perform::Refused;
use super::{Session, Wait};
use crate::command::Ids;
use crate::command::records::Command;
use crate::connection::Connection;
use crate::events::{Event, What, masked_uri};
use crate::options::{DisplayOptions, Size};
use crate::printer::Output;
use crate::recording::{Recorder, ReplayArgs, Told, replay_in_session};
use crate::status::Status;

/// How long a replay may take to close its connections when the session is over.
const LEAVING: Duration = Duration::from_secs(1);

/// The most files that are written at once.
const MAX_RECORDS: usize = 64;

/// Every file that is written, and the replay.
#[derive(Debug, Default)]
pub(super) struct Records {
    files: Vec<Record>,
    replay: Option<Replay>,
}

/// A record that is played.
#[derive(Debug)]
struct Replay {
    /// It ends when this is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: JoinHandle<()>,
}

impl Drop for Replay {
    /// Gives the connections the time to close; a record that is still read has none.
    fn drop(&mut self) {
        drop(self.stop.take());
        let began = Instant::now();
        while !self.thread.is_finished() && began.elapsed() < LEAVING {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[derive(Debug)]
struct Record {
    recorder: Recorder,
    /// The connections that it is about; `None` for all.
    ids: Option<BTreeSet<u32>>,
}

impl Records {
    /// Writes the event to each file that it belongs in. A file that takes no more is told, and left.
    pub(super) fn write(&mut self, event: &Event, out: &mut dyn Output) {
        self.files.retain(|record| {
            if !record.is_about(event.id) {
                return true;
            }
            if let Err(fault) = record.recorder.event(event) {
                out.line(&format!("> {fault}"));
            }
            !record.recorder.has_ended()
        });
    }

    /// Whether a record is played.
    pub(super) const fn is_replaying(&self) -> bool {
        self.replay.is_some()
    }
}

impl Record {
    fn is_about(&self, id: Option<u32>) -> bool {
        match (&self.ids, id) {
            (Some(ids), Some(id)) => ids.contains(&id),
            _ => true,
        }
    }
}

impl Session {
    /// Begins the record of everything, if `--record` asks for one.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn record_as(&mut self, display: &DisplayOptions) -> Result<(), String> {
        let Some(path) = &display.record else {
            return Ok(());
        };
        let limit = display.record_limit.map(|Size(limit)| limit as u64);
        self.begin(path, limit, None).map(drop)
    }

    pub(super) fn perform_records(
        &mut self,
        command: Command,
        out: &mut dyn Output,
    ) -> Result<(), Refused> {
        match command {
            Command::Tell => self.tell_records(out),
            Command::Replay(args) => self.replay(*args)?,
            Command::StopReplay => {
                let replay = self.records.replay.as_mut().ok_or("Not replaying")?;
                // It tells when it has ended.
                drop(replay.stop.take());
            }
            Command::Begin { ids, path, limit } => {
                let (ids, missing) = self.recorded(ids.as_ref())?;
                if ids.is_none() && self.records.files.iter().any(|record| record.ids.is_none()) {
                    return Err("Recording already; record off ends that".to_owned());
                }
                let name = self.begin(&path, limit, ids).map_err(|fault| {
                    let mut letters = fault.chars();
                    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                    first.into_iter().chain(letters).collect::<String>()
                })?;
                out.line(&format!("> Recording to {name}"));
                self.refuse_all(&missing, out);
            }
            Command::End { ids } => {
                let (ids, missing) = self.recorded(ids.as_ref())?;
                let ended: Vec<Record> = self
                    .records
                    .files
                    .extract_if(.., |record| match (&record.ids, &ids) {
                        (None, None) => true,
                        (Some(of), Some(ids)) => !of.is_disjoint(ids),
                        _ => false,
                    })
                    .collect();
                if ended.is_empty() {
                    return Err("Not recording".to_owned());
                }
                for record in ended {
                    out.line(&format!("> Recorded to {}", record.recorder.name()));
                }
                self.refuse_all(&missing, out);
            }
        }
        Ok(())
    }

    fn replay(&mut self, args: ReplayArgs) -> Result<(), Refused> {
        if self.records.is_replaying() {
            return Err("Replaying already; replay off ends that".to_owned());
        }
        let (stop, stopped) = oneshot::channel();
        let thread = replay_in_session(args, self.events.clone(), stopped)?;
        self.records.replay = Some(Replay {
            stop: Some(stop),
            thread,
        });
        self.wait_in_script(Wait::Replay);
        Ok(())
    }

    /// Takes what a replay tells.
    pub(super) fn hear_replay(&mut self, told: Told, out: &mut dyn Output) {
        match told {
            Told::Line(line) => out.line(&format!("> {line}")),
            Told::Done(done) => {
                let replay = self.records.replay.take();
                let is_stopped = replay.is_some_and(|replay| replay.stop.is_none());
                match done {
                    Ok(0) => {}
                    Ok(_) if is_stopped => out.line("> Stopped the replay"),
                    Ok(_) => self.note(None, Status::Refused),
                    Err(fault) => self.refuse(&fault, out),
                }
            }
        }
    }

    fn tell_records(&self, out: &mut dyn Output) {
        if self.records.files.is_empty() {
            out.line("> Not recording");
        }
        for record in &self.records.files {
            let name = record.recorder.name();
            match &record.ids {
                None => out.line(&format!("> Recording to {name}")),
                Some(ids) => {
                    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
                    out.line(&format!("> Recording {} to {name}", ids.join(",")));
                }
            }
        }
    }

    /// The connections that a command names, and answers for those that there are not.
    fn recorded(
        &mut self,
        ids: Option<&Ids>,
    ) -> Result<(Option<BTreeSet<u32>>, Vec<Refused>), Refused> {
        let Some(ids) = ids else {
            return Ok((None, Vec::new()));
        };
        let (found, missing) = self.named(ids)?;
        Ok((Some(found.into_iter().collect()), missing))
    }

    /// Opens the file and writes what a reader has to know of connections that are open already.
    fn begin(
        &mut self,
        path: &Path,
        limit: Option<u64>,
        ids: Option<BTreeSet<u32>>,
    ) -> Result<String, String> {
        if self.records.files.len() == MAX_RECORDS {
            return Err(format!("{MAX_RECORDS} files are written already"));
        }
        let record = Record {
            recorder: Recorder::open(path, limit)?,
            ids,
        };
        let name = record.recorder.name();
        for (id, connection) in (0..).zip(&self.connections) {
            if connection.has_ended() || !record.is_about(Some(id)) {
                continue;
            }
            for what in before(connection) {
                record.recorder.event(&Event::now(Some(id), None, what))?;
            }
        }
        self.records.files.push(record);
        Ok(name)
    }
}

/// The events of a connection that came before the record.
fn before(connection: &Connection) -> Vec<What> {
    let connect = What::Connect {
        uri: masked_uri(&connection.uri).into_owned(),
        headers: Vec::new(),
    };
    let opened = connection.info.as_ref();
    let opened = opened.map(|info| What::opened(info, Duration::ZERO));
    [Some(connect), opened].into_iter().flatten().collect()
}
