//! The session: owns all state, carries out commands, hears events. It knows of no terminal.

use std::collections::HashMap;
use std::time::Instant;

use bowsprit::{Client, Message};
use tokio::sync::mpsc::UnboundedSender;

use crate::command::{self, Command};
use crate::connection::{Connection, Stage};
use crate::events::{Direction, Event, Payload, What};
use crate::input::Input;
use crate::log::Entry;
use crate::network::{Change, Report};
use crate::options::{Options, Plan};
use crate::printer::Output;
use crate::printer::text::escape;
use crate::serve::EchoServer;
use crate::setup::Profiles;
use crate::status::Status;

mod perform;
mod quit;
mod send;
mod wait;

use quit::Quit;
use wait::{Target, Wait};

/// How a session goes about its work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// No event lines, and no facts below the block of `show`.
    pub(crate) is_quiet: bool,
    /// The lines are a script: each command waits for what it started, comments are skipped.
    pub(crate) is_script: bool,
}

/// Every connection of the program, and what is going on.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    /// Where `@name` leads to.
    profiles: Profiles,
    /// What the command line asks of every connection, as typed and made ready.
    defaults: Options,
    plan: Plan,
    events: UnboundedSender<Report>,
    manner: Manner,
    /// The ids here of the library's, which its log names.
    ids: HashMap<String, u32>,
    /// By id: a connection that has ended stays.
    connections: Vec<Connection>,
    server: Option<EchoServer>,
    /// The number of the last ping.
    pings: u64,
    wait: Option<Wait>,
    quit: Option<Quit>,
    /// What went wrong first.
    fault: Option<Status>,
}

impl Session {
    /// A session without connections; what the network tells comes back through `events`.
    pub(crate) fn new(
        client: Client,
        profiles: Profiles,
        (defaults, plan): (Options, Plan),
        events: UnboundedSender<Report>,
        manner: Manner,
    ) -> Self {
        Self {
            client,
            profiles,
            defaults,
            plan,
            events,
            manner,
            ids: HashMap::new(),
            connections: Vec::new(),
            server: None,
            pings: 0,
            wait: None,
            quit: None,
            fault: None,
        }
    }

    /// Takes one line, or what came instead of one.
    pub(crate) fn handle_input(&mut self, input: Input, out: &mut dyn Output) {
        match input {
            Input::Line(line) => self.handle_line(&line, out),
            Input::Fault(fault) => self.refuse(&fault, out),
            Input::Interrupt => self.interrupt(out),
            Input::End => self.quit(out),
        }
    }

    /// Ctrl-C with nothing typed: gives up a wait, ends a `quit` that takes too long, or tells how
    /// to leave.
    pub(crate) fn interrupt(&mut self, out: &mut dyn Output) {
        if self.quit.is_some() {
            self.quit_now();
        } else if self.wait.take().is_some() {
            out.line("> Stopped waiting");
        } else {
            out.line("> Type quit or press Ctrl-D to leave");
        }
    }

    /// Takes what the network tells.
    pub(crate) fn handle_event(&mut self, event: Report, out: &mut dyn Output) {
        match event {
            Report::Connection(id, change) => self.handle_change(id, change, out),
            Report::Stopped(closed) => self.server_stopped(closed, out),
            Report::Logged(entry) => return self.print_log(&entry, out),
        }
        self.check_wait(out);
        self.check_quit(out);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let wait = self.wait.as_ref().and_then(Wait::deadline);
        let quit = self.quit.as_ref().and_then(Quit::deadline);
        wait.into_iter().chain(quit).min()
    }

    /// Gives up what has taken too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut dyn Output) {
        let is_due = |wait: &mut Wait| wait.deadline().is_some_and(|deadline| deadline <= now);
        if let Some(wait) = self.wait.take_if(is_due) {
            self.refuse_all(&wait.expiries(), out);
        }
        self.check_quit(out);
    }

    /// Whether the next line has to wait.
    ///
    /// Who typed `quit` may still type `quit!`; a script has nothing more to say.
    pub(crate) const fn is_busy(&self) -> bool {
        self.wait.is_some() || (self.quit.is_some() && self.manner.is_script)
    }

    /// Whether the session was told to end.
    pub(crate) const fn is_leaving(&self) -> bool {
        self.quit.is_some()
    }

    /// Whether the session was told to end, and has.
    pub(crate) fn is_over(&self) -> bool {
        self.quit.as_ref().is_some_and(Quit::is_over)
    }

    /// What went wrong first: a line that was refused, or a connection.
    pub(crate) const fn fault(&self) -> Option<Status> {
        self.fault
    }

    /// The ids with their URIs, for completion.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (String, &str)> {
        self.connections
            .iter()
            .enumerate()
            .map(|(id, connection)| (id.to_string(), connection.uri.as_str()))
    }

    fn handle_line(&mut self, line: &str, out: &mut dyn Output) {
        let is_comment = line.trim_start().starts_with('#');
        if self.manner.is_script && is_comment {
            return;
        }
        let parsed = command::parse(line);
        if self.is_leaving() && parsed != Ok(Some(Command::QuitNow)) {
            return out.line("> Leaving; type quit! to leave at once");
        }
        match parsed {
            Ok(Some(command)) => self.perform(command, out),
            Ok(None) if self.manner.is_script => {}
            Ok(None) => out.line("> Type help for the list of commands"),
            Err(answer) => self.refuse(&answer, out),
        }
    }

    fn perform(&mut self, command: Command, out: &mut dyn Output) {
        let done = match command {
            Command::List => return self.list(out),
            Command::Help { of } => {
                let lines = command::words::help(of);
                return lines.iter().for_each(|line| out.line(line));
            }
            Command::Quit => return self.quit(out),
            Command::QuitNow => return self.quit_now(),
            Command::Connect { uri, options } => self.connect(uri, *options, out),
            Command::Send { ids, payload } => self.send(&ids, payload, out),
            Command::Close { ids, code, reason } => self.close(&ids, code, &reason, out),
            Command::Show { ids } => self.show(&ids, out),
            Command::Ping { ids, payload } => self.ping(&ids, &payload, out),
            Command::Serve { port } => self.serve(port, out),
            Command::Stop => self.stop(),
            Command::Wait { ids, goal, limit } => self.wait(&ids, goal, limit, out),
        };
        if let Err(answer) = done {
            self.refuse(&answer, out);
        }
        self.check_wait(out);
    }

    /// Answers a line that was not carried out.
    fn refuse(&mut self, answer: &str, out: &mut dyn Output) {
        self.note(Status::Refused);
        out.line(&format!("> {answer}"));
    }

    fn refuse_all(&mut self, answers: &[String], out: &mut dyn Output) {
        for answer in answers {
            self.refuse(answer, out);
        }
    }

    /// Remembers that something went wrong, for the exit status.
    fn note(&mut self, fault: Status) {
        // Who quits does not call it a failure that a connection ends, or is never made.
        if self.quit.is_none() {
            self.fault.get_or_insert(fault);
        }
    }

    fn handle_change(&mut self, id: u32, change: Change, out: &mut dyn Output) {
        let Some(connection) = self.connections.get_mut(id as usize) else {
            return;
        };
        let (what, fault) = match change {
            Change::Opened { info, at } => {
                let what = What::opened(&info, at.saturating_duration_since(connection.started));
                connection.info = Some(info);
                connection.stage = Stage::Open;
                (what, None)
            }
            Change::Failed(failure) => {
                let what = What::failed(&connection.uri, &failure);
                let fault = failure.status;
                connection.stage = Stage::Failed(failure);
                (what, fault)
            }
            Change::Received(message) => {
                connection.heard(message.as_bytes().len());
                connection
                    .history
                    .push(Direction::Received, message.clone());
                (What::message(Direction::Received, message), None)
            }
            Change::Pong {
                payload,
                round_trip,
            } => {
                connection.heard(payload.len());
                // A pong that answers no ping of ours is of no interest (RFC 6455 §5.5.3).
                let Some(ping) = connection.take_pong(&payload) else {
                    return;
                };
                // What this program made up says nothing.
                let payload = if ping.is_own { Vec::new() } else { payload };
                let what = What::Pong {
                    direction: Direction::Received,
                    size: payload.len(),
                    payload: Payload::of_control(&payload),
                    seconds: round_trip.map(|time| time.as_secs_f64()),
                };
                (what, None)
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
                    self.tell(id, What::ended(closed, None), out);
                }
                (What::retried(&retried), None)
            }
            Change::Ended(closed, status) => {
                let what = What::ended(&closed, status);
                connection.stage = Stage::Closed(closed);
                (what, status)
            }
        };
        if let Some(fault) = fault {
            self.note(fault);
        }
        self.tell(id, what, out);
    }

    /// A message is on its way.
    fn sent(&mut self, id: u32, message: Message, out: &mut dyn Output) {
        if let Some(connection) = self.connections.get_mut(id as usize) {
            connection.history.push(Direction::Sent, message.clone());
        }
        self.tell(id, What::message(Direction::Sent, message), out);
    }

    /// Tells what happened on a connection to whoever is to know.
    fn tell(&mut self, id: u32, what: What, out: &mut dyn Output) {
        if !self.manner.is_quiet {
            out.event(&Event::now(Some(id), None, what));
        }
    }

    /// A line of the library's log, with this program's id where the connection is its own.
    fn print_log(&self, entry: &Entry, out: &mut dyn Output) {
        if entry.dropped > 0 {
            out.line(&format!("> {} lines of the log dropped", entry.dropped));
        }
        let id = entry.id.as_deref();
        match (id.and_then(|id| self.ids.get(id)), id) {
            (Some(own), _) => out.line(&format!("{own} log {}", entry.text)),
            // The echo server's connections have ids of the library only.
            (None, Some(id)) => out.line(&format!("- log {} id={}", entry.text, escape(id))),
            (None, None) => out.line(&format!("- log {}", entry.text)),
        }
    }

    /// Ends the wait if what it waits for has happened, or never will.
    fn check_wait(&mut self, out: &mut dyn Output) {
        let answers = match &mut self.wait {
            None => return,
            Some(Wait::Server) => Vec::new(),
            Some(Wait::Connections { goals, .. }) => wait::check(goals, &mut self.connections),
        };
        let is_over = match &self.wait {
            Some(Wait::Connections { goals, .. }) => goals.is_empty(),
            _ => self.server.is_none(),
        };
        if is_over {
            self.wait = None;
        }
        self.refuse_all(&answers, out);
    }

    /// In a script, takes no further line until this has happened.
    fn wait_in_script(&mut self, wait: Wait) {
        if self.manner.is_script {
            self.wait = Some(wait);
        }
    }

    fn server_stopped(&mut self, closed: usize, out: &mut dyn Output) {
        let Some(server) = self.server.take() else {
            return;
        };
        if self.quit.is_none() {
            let connections = if closed == 1 {
                "connection"
            } else {
                "connections"
            };
            out.line(&format!(
                "> Stopped serving on {}, {closed} {connections} closed",
                server.uri()
            ));
        }
    }

    fn serving_uri(&self) -> Option<String> {
        self.server.as_ref().map(EchoServer::uri)
    }
}
