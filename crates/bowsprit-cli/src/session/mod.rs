//! The session: owns all state, carries out commands, hears events. It knows of no terminal.

use std::time::Instant;

use bowsprit::Client;
use tokio::sync::mpsc::UnboundedSender;

use crate::command::{self, Command};
use crate::connection::{Connection, Stage, milliseconds};
use crate::history::Direction;
use crate::input::Input;
use crate::network::{Change, Event};
use crate::printer::Output;
use crate::serve::EchoServer;

mod perform;
mod quit;
mod report;
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
    events: UnboundedSender<Event>,
    manner: Manner,
    /// By id: a connection that has ended stays.
    connections: Vec<Connection>,
    server: Option<EchoServer>,
    /// The number of the last ping.
    pings: u64,
    wait: Option<Wait>,
    quit: Option<Quit>,
    has_refused: bool,
}

impl Session {
    /// A session without connections; what the network tells comes back through `events`.
    pub(crate) const fn new(
        client: Client,
        events: UnboundedSender<Event>,
        manner: Manner,
    ) -> Self {
        Self {
            client,
            events,
            manner,
            connections: Vec::new(),
            server: None,
            pings: 0,
            wait: None,
            quit: None,
            has_refused: false,
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
    pub(crate) fn handle_event(&mut self, event: Event, out: &mut dyn Output) {
        match event {
            Event::Connection(id, change) => self.handle_change(id, change, out),
            Event::Stopped(closed) => self.server_stopped(closed, out),
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
        if let Some(Wait::Connection {
            id,
            target,
            limit: Some(limit),
            ..
        }) = self.wait.take_if(is_due)
        {
            self.refuse(&target.expiry(id, limit), out);
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

    /// Whether a line was refused or, in a script, a connection failed.
    pub(crate) const fn has_refused(&self) -> bool {
        self.has_refused
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
            Command::Help => return command::words::help().for_each(|line| out.line(line)),
            Command::Quit => return self.quit(out),
            Command::QuitNow => return self.quit_now(),
            Command::Connect { uri } => self.connect(uri, out),
            Command::Send { id, payload } => self.send(&id, payload),
            Command::Close { id, code, reason } => self.close(&id, code, &reason, out),
            Command::Show { id } => self.show(&id, out),
            Command::Ping { id } => self.ping(&id),
            Command::Serve { port } => self.serve(port, out),
            Command::Stop => self.stop(),
            Command::Wait { id, goal, limit } => self.wait(&id, goal, limit),
        };
        if let Err(answer) = done {
            self.refuse(&answer, out);
        }
        self.check_wait(out);
    }

    /// Answers a line that was not carried out.
    fn refuse(&mut self, answer: &str, out: &mut dyn Output) {
        self.has_refused = true;
        out.line(&format!("> {answer}"));
    }

    fn handle_change(&mut self, id: u32, change: Change, out: &mut dyn Output) {
        let Some(connection) = self.connections.get_mut(id as usize) else {
            return;
        };
        let line = match change {
            Change::Opened { info, at } => {
                let line = report::opened(&info, connection.started, at);
                connection.info = Some(info);
                connection.stage = Stage::Open;
                line
            }
            Change::Failed(failure) => {
                let line = report::failed(&failure);
                connection.stage = Stage::Failed(failure);
                // Who quits while a connection is being made does not call that a failure.
                self.has_refused |= self.quit.is_none();
                line
            }
            Change::Received(message) => {
                if connection.flow.remove(message.as_bytes().len()) {
                    connection.handle.resume_reading();
                }
                let line = report::received(&message);
                connection.history.push(Direction::Received, message);
                line
            }
            Change::Pong { payload, at } => {
                if connection.flow.remove(payload.len()) {
                    connection.handle.resume_reading();
                }
                // A pong that answers no ping of ours is of no interest (RFC 6455 §5.5.3).
                let Some(round_trip) = connection.take_pong(&payload, at) else {
                    return;
                };
                format!("pong {}", milliseconds(round_trip))
            }
            Change::Queued(message, result) => {
                connection.is_sending = false;
                match result {
                    Ok(()) => connection.history.push(Direction::Sent, message),
                    Err(error) => {
                        let answer = perform::send_fault(id, connection, error);
                        self.refuse(&answer, out);
                    }
                }
                return;
            }
            Change::Ended(closed) => {
                let line = report::ended(&closed);
                connection.stage = Stage::Closed(closed);
                line
            }
        };
        if !self.manner.is_quiet {
            out.line(&format!("{id} {line}"));
        }
    }

    /// Ends the wait if what it waits for has happened, or never will.
    fn check_wait(&mut self, out: &mut dyn Output) {
        let checked = match &self.wait {
            None => None,
            Some(Wait::Server) => self.server.is_none().then_some(Ok(())),
            &Some(Wait::Connection { id, target, .. }) => self
                .connections
                .get_mut(id as usize)
                .and_then(|connection| target.check(id, connection)),
        };
        if let Some(result) = checked {
            self.wait = None;
            if let Err(answer) = result {
                self.refuse(&answer, out);
            }
        }
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
