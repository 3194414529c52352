//! The session: owns all state, carries out commands, hears events. It knows of no terminal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bowsprit::Client;
use tokio::sync::mpsc::UnboundedSender;

use crate::command::{self, Command, Name};
use crate::connection::Connection;
use crate::input::Input;
use crate::network::Report;
use crate::options::{DisplayOptions, Options, Plan};
use crate::printer::palette::Role;
use crate::printer::{Display, Output};
use crate::serve::LocalServer;
use crate::setup::Profiles;
use crate::status::Status;

mod crowd;
mod expect;
mod faults;
mod foreign;
mod hear;
mod jobs;
mod lines;
mod list;
mod messages;
mod names;
mod perform;
mod quit;
mod records;
mod script;
mod send;
mod steps;
mod view;
mod wait;

use crowd::Crowds;
use faults::Faults;
use jobs::Jobs;
use lines::Block;
use messages::Room;
use perform::Refused;
use quit::Quit;
use records::Records;
use send::connections;
pub(crate) use steps::Course;
use steps::Scripting;
use view::Watch;
use wait::{Target, Wait};

/// Of more connections than these, some lines tell for all what is told for each otherwise.
const MANY: usize = 100;

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
    plan: Arc<Plan>,
    events: UnboundedSender<Report>,
    manner: Manner,
    /// The ids here of the library's, which its log names.
    ids: HashMap<String, u32>,
    /// By id: a connection that has ended stays.
    connections: Vec<Connection>,
    /// How many of them have not ended.
    ongoing: usize,
    names: BTreeMap<Name, u32>,
    /// The one that was made or named last.
    last: Option<u32>,
    /// The one that plain lines go to.
    in_use: Option<u32>,
    /// The one that was in use and has ended, while a line to it may be half typed.
    left: Option<u32>,
    /// A message that goes on in the next line.
    block: Option<Block>,
    crowds: Crowds,
    jobs: Jobs,
    kept: Room,
    server: Option<LocalServer>,
    display: Display,
    /// By id: of which connections not all is shown.
    watches: HashMap<u32, Watch>,
    /// The number of the last ping.
    pings: u64,
    wait: Option<Wait>,
    quit: Option<Quit>,
    records: Records,
    /// What a script does, and its variables.
    scripting: Scripting,
    faults: Faults,
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
            plan: Arc::new(plan),
            events,
            manner,
            ids: HashMap::new(),
            connections: Vec::new(),
            ongoing: 0,
            names: BTreeMap::new(),
            last: None,
            in_use: None,
            left: None,
            block: None,
            crowds: Crowds::default(),
            jobs: Jobs::default(),
            kept: Room::default(),
            server: None,
            display: Display::new(&DisplayOptions::default(), false),
            watches: HashMap::new(),
            pings: 0,
            wait: None,
            quit: None,
            records: Records::default(),
            scripting: Scripting::default(),
            faults: Faults::default(),
        }
    }

    /// Takes one line, or what came instead of one.
    pub(crate) fn handle_input(&mut self, input: Input, out: &mut dyn Output) {
        match input {
            Input::Line(line) => self.handle_line(&line, out),
            Input::Fault(fault) => {
                self.scripting.skip_line();
                self.handle_fault(&fault, out);
            }
            Input::Interrupt => self.interrupt(out),
            Input::End => {
                self.end_of_lines(out);
                self.end_lines(out);
                self.quit(out);
            }
        }
    }

    /// Ctrl-C with nothing typed: gives up a message of several lines or a wait, ends a `quit` that takes too long, or tells how
    /// to leave.
    pub(crate) fn interrupt(&mut self, out: &mut dyn Output) {
        let is_waiting = self.wait.take().is_some();
        if self.quit.is_some() {
            self.quit_now();
        } else if self.block.take().is_some() || self.scripting.is_in_text() {
            self.interrupt_script();
            out.line("> Message given up");
        } else if self.is_collecting() {
            self.interrupt_script();
            out.line("> Lines given up");
        } else if self.interrupt_script() || is_waiting {
            out.line("> Stopped waiting");
        } else {
            out.line("> Type quit or press Ctrl-D to leave");
        }
    }

    /// Takes what the network tells.
    pub(crate) fn handle_event(&mut self, event: Report, out: &mut dyn Output) {
        let mut only = None;
        match event {
            Report::Connection(id, change) => {
                only = Some(id);
                self.handle_change(id, change, out);
            }
            Report::Stopped(closed) => self.server_stopped(closed, out),
            Report::Replay(told) => self.hear_replay(told, out),
            Report::Logged(entry) => return self.print_log(&entry, out),
        }
        self.check_wait(only, out);
        self.check_quit(out);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let wait = self.wait.as_ref().and_then(Wait::deadline);
        let quit = self.quit.as_ref().and_then(Quit::deadline);
        let others = [
            self.job_deadline(),
            self.crowd_deadline(),
            self.display.deadline(),
            self.scripting.deadline(),
        ];
        let others = others.into_iter().flatten();
        wait.into_iter().chain(quit).chain(others).min()
    }

    /// Gives up what has taken too long.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut dyn Output) {
        let is_due = |wait: &mut Wait| wait.deadline().is_some_and(|deadline| deadline <= now);
        if let Some(wait) = self.wait.take_if(is_due) {
            self.refuse_all(&wait.expiries(), out);
        }
        self.run_jobs(now, out);
        self.tell_crowds(now, out);
        self.display.handle_timeout(now, out);
        self.expire_pending(now, out);
        self.check_quit(out);
    }

    /// Whether the next line has to wait.
    ///
    /// Who typed `quit` may still type `quit!`; a script has nothing more to say.
    pub(crate) const fn is_busy(&self) -> bool {
        self.wait.is_some()
            || self.scripting.is_pending()
            || (self.quit.is_some() && self.manner.is_script)
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
    pub(crate) fn fault(&self) -> Option<Status> {
        self.faults.first()
    }

    /// The ids and names with their URIs, for completion: not of what has ended long ago.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (String, &str)> {
        let named = self.names.iter().filter_map(|(name, id)| {
            let connection = self.connections.get(*id as usize)?;
            Some((name.as_str().to_owned(), &*connection.uri))
        });
        let first = self.connections.len().saturating_sub(MANY);
        let latest = self.connections.iter().enumerate().skip(first);
        named.chain(latest.map(|(id, connection)| (id.to_string(), &*connection.uri)))
    }

    fn perform(&mut self, command: Command, out: &mut dyn Output) {
        let done = match command {
            Command::Help { of } => {
                let lines = command::words::help(of);
                return lines.iter().for_each(|line| out.help(line));
            }
            Command::Quit => return self.quit(out),
            Command::QuitNow => return self.quit_now(),
            Command::Connect {
                uri,
                options,
                several,
            } => self.connect(uri, *options, several, out),
            Command::Send { ids, payload } => self.send(&ids, payload, out),
            Command::Close { ids, how } => self.close(&ids, &how, out),
            Command::List { of } => self.list(&of, out),
            Command::Show { ids, what } => self.show(&ids, what, out),
            Command::Ping { ids, payload } => self.ping(&ids, &payload, out),
            Command::Serve { port } => self.serve(port, out),
            Command::ServeAs(args) => self.serve_as(&args, out),
            Command::Stop => self.stop(),
            Command::Records(command) => self.perform_records(command, out),
            Command::Wait { ids, goal, limit } => self.wait(&ids, goal, limit, out),
            Command::Connections(command) => self.perform_connections(command, out),
            Command::View(command) => self.perform_view(command, out),
            Command::Script(command) => self.perform_script(command, out),
        };
        if let Err(answer) = done {
            self.refuse(&answer, out);
        }
        self.check_wait(None, out);
    }

    /// Answers a line that was not carried out.
    fn refuse(&mut self, answer: &str, out: &mut dyn Output) {
        self.note(None, Status::Refused);
        if !self.tell_failed_step(&[answer.to_owned()], out) {
            let line = format!("> {answer}");
            out.refusal(&self.display.palette().paint(Role::Bad, &line));
        }
    }

    fn refuse_all(&mut self, answers: &[String], out: &mut dyn Output) {
        for answer in answers.iter().take(MANY) {
            self.refuse(answer, out);
        }
        if answers.len() > MANY {
            self.refuse(
                &format!("… and {} more answers like these", answers.len() - MANY),
                out,
            );
        }
    }

    /// Remembers that something went wrong, on a connection or not, for the exit status.
    fn note(&mut self, id: Option<u32>, status: Status) {
        // Who quits does not call it a failure that a connection ends, or is never made.
        if self.quit.is_none() {
            self.faults.add(id, status);
        }
    }

    fn server_stopped(&mut self, closed: usize, out: &mut dyn Output) {
        let Some(server) = self.server.take() else {
            return;
        };
        if self.quit.is_none() {
            let closed = connections(closed);
            out.line(&format!(
                "> Stopped serving on {}, {closed} closed",
                server.uri()
            ));
        }
    }
}
