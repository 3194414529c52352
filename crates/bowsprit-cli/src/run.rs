//! The loop: lines, events, deadlines and signals, one at a time, to the one owner of the state.

use std::future;
use std::io::{self, IsTerminal as _};
use std::time::Instant;

use bowsprit::Client;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::args::Args;
use crate::console::{self, Console, Mode, Prompt};
use crate::events::{Event, What};
use crate::input::Input;
use crate::log;
use crate::network::Report;
use crate::oneshot;
use crate::options::{self, DisplayOptions, Options, Plan, Several};
use crate::printer::{self, text};
use crate::session::{Manner, Session};
use crate::setup::Profiles;
use crate::signals::{self, Signal, Signals};
use crate::status::Status;

/// How many events are taken before the screen is drawn again.
const EVENTS_PER_TURN: usize = 64;

/// How many lines of a script are carried out before what they print is written.
const STEPS_PER_FLUSH: u64 = 64;

/// Runs a whole session and returns its exit status.
///
/// # Errors
///
/// When it cannot begin; the text says why.
pub(crate) fn run(args: &Args) -> Result<u8, String> {
    let uri = args.uri()?;
    if let Some(uri) = uri
        && !io::stdin().is_terminal()
    {
        return match args.name {
            None => oneshot::pipe(uri, args),
            Some(_) => Err("--name is for connections at the prompt: a pipe has one".to_owned()),
        };
    }
    if args.pipe.is_given() {
        return Err(
            "the options of formats and ends are for `bowsprit URI` in a pipe, send and listen"
                .to_owned(),
        );
    }
    let plan = ready(&args.options, uri)?;
    let client = Client::builder().background().map_err(failed)?;
    warn_of_risks(&args.options);
    let mode = Mode::detect();
    if mode == Mode::Script {
        signals::end_at_the_second().map_err(failed)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let manner = Manner {
            is_quiet: args.display.quiet,
            is_script: mode == Mode::Script,
        };
        let (sender, events) = mpsc::unbounded_channel();
        let is_logging = log::start(args.display.channels(), sender.clone());
        let profiles = Profiles::new(args.config.clone());
        let defaults = (args.options.clone(), plan);
        let mut session = Session::new(client, profiles, defaults, sender, manner);
        session.display_as(&args.display, io::stdout().is_terminal());
        let signals = Signals::new().map_err(failed)?;
        let console = open_console(mode, &args.display)?;
        let mut turns = Turns::new(session, events, signals, console, mode);
        if mode.greets() && uri.is_none() && !args.display.quiet && !args.display.json {
            console::GREETING
                .iter()
                .for_each(|line| turns.console.line(line));
        }
        turns.session.record_as(&args.display)?;
        if let Some(port) = args.serve {
            turns.session.serve(port, &mut *turns.console)?;
        }
        if let Some(uri) = uri {
            let (uri, options) = (uri.to_owned(), Options::default());
            let several = Several {
                name: args.name.clone(),
                count: None,
            };
            turns
                .session
                .connect(uri, options, several, &mut *turns.console)?;
            if mode != Mode::Script {
                turns.session.use_first(&mut *turns.console);
            }
        }
        turns.take_all().await;
        if is_logging {
            turns.take_last_lines().await;
        }
        Ok(turns.end())
    })
}

pub(crate) fn open_console(
    mode: Mode,
    display: &DisplayOptions,
) -> Result<Box<dyn Console>, String> {
    let console = mode.open(display.color.is_wanted(true)).map_err(failed)?;
    Ok(if display.json {
        console::for_programs(console)
    } else {
        console
    })
}

/// Says loudly what makes TLS worth less.
pub(crate) fn warn_of_risks(options: &Options) {
    if options.is_insecure() {
        printer::warn(
            "WARNING: --insecure is on: certificates are NOT VERIFIED, anyone may listen in",
        );
    }
    if let Some(path) = options::key_log_file() {
        printer::warn(&format!(
            "WARNING: SSLKEYLOGFILE is set: who has {} can read all that goes through TLS",
            text::escape(&path.display().to_string())
        ));
    }
}

/// What the options of the command line come to, tried as far as that can be done without a server.
pub(crate) fn ready(options: &Options, uri: Option<&str>) -> Result<Plan, String> {
    let plan = Plan::new(options)?;
    if let Some(uri) = uri {
        options.fit(uri)?;
    }
    plan.check(uri)?;
    Ok(plan)
}

/// What to say where the program cannot begin.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
pub(crate) fn failed(error: io::Error) -> String {
    format!("cannot start: {}", text::fault(&error))
}

/// The session and everything that it is fed from.
pub(crate) struct Turns {
    pub(crate) session: Session,
    events: UnboundedReceiver<Report>,
    signals: Signals,
    console: Box<dyn Console>,
    mode: Mode,
    /// The last line was taken.
    has_ended: bool,
    /// The exit status that a signal asked for.
    signaled: Option<u8>,
    /// How many lines of scripts were carried out.
    steps: u64,
}

impl Turns {
    pub(crate) fn new(
        session: Session,
        events: UnboundedReceiver<Report>,
        signals: Signals,
        console: Box<dyn Console>,
        mode: Mode,
    ) -> Self {
        Self {
            session,
            events,
            signals,
            console,
            mode,
            has_ended: false,
            signaled: None,
            steps: 0,
        }
    }

    pub(crate) async fn take_all(&mut self) {
        loop {
            if self.session.is_over() {
                return self.flush(None);
            }
            if self.take_line() {
                self.pass().await;
            } else {
                self.flush(self.prompt());
                if self.console.is_closed() {
                    // Nobody reads what would be answered: the session ends as if the input had.
                    self.stop_unread();
                }
                if !self.session.is_over() {
                    self.wait().await;
                }
            }
            self.take_events();
        }
    }

    /// Before the next line comes what the network has told meanwhile, and a signal: a script may
    /// have lines without end, and wait for nothing.
    async fn pass(&mut self) {
        if !self.session.is_stepping() {
            return tokio::task::yield_now().await;
        }
        let signal = tokio::select! {
            biased;
            signal = self.signals.recv() => Some(signal),
            () = tokio::task::yield_now() => None,
        };
        if let Some(signal) = signal {
            self.take_signal(signal);
        }
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_PER_FLUSH) {
            self.flush(None);
            if self.console.is_closed() {
                self.stop_unread();
            }
        }
    }

    fn stop_unread(&mut self) {
        self.session
            .cut_short("nobody takes its output", &mut *self.console);
    }

    /// Prints what is logged of connections after they have ended.
    pub(crate) async fn take_last_lines(&mut self) {
        self.session.settle().await;
        while let Ok(event) = self.events.try_recv() {
            self.session.handle_event(event, &mut *self.console);
        }
        self.flush(None);
    }

    /// Whether no line is wanted now.
    fn is_deaf(&self) -> bool {
        self.session.is_busy() || self.has_ended
    }

    /// What asks for a line, if one is wanted.
    fn prompt(&self) -> Option<Prompt> {
        (!self.is_deaf()).then(|| self.session.prompt())
    }

    fn flush(&mut self, prompt: Option<Prompt>) {
        let ids = || {
            self.session
                .ids()
                .map(|(id, uri)| (id, uri.to_owned()))
                .collect()
        };
        if self.console.flush(prompt, &ids) {
            self.session.prompted();
        }
    }

    /// Carries out one line, if there is one and its time has come.
    fn take_line(&mut self) -> bool {
        if self.is_deaf() {
            return false;
        }
        if self.session.advance(&mut *self.console) {
            return true;
        }
        let Some(input) = self.console.next() else {
            return false;
        };
        self.has_ended = input == Input::End;
        self.session.handle_input(input, &mut *self.console);
        true
    }

    fn take_events(&mut self) {
        for _ in 0..EVENTS_PER_TURN {
            if !self.console.has_room() {
                return;
            }
            let Ok(event) = self.events.try_recv() else {
                return;
            };
            self.session.handle_event(event, &mut *self.console);
        }
    }

    /// Waits for the first thing to happen.
    async fn wait(&mut self) {
        let deadline = self.session.deadline();
        // A script stays in its pipe until it is wanted.
        let reads = self.mode == Mode::Editor || !self.session.is_busy();
        let has_room = self.console.has_room();
        tokio::select! {
            () = future::poll_fn(|context| self.console.poll_read(context)), if reads => {}
            Some(event) = self.events.recv(), if has_room => self.session.handle_event(event, &mut *self.console),
            () = sleep_until(deadline) => self.session.handle_timeout(Instant::now(), &mut *self.console),
            signal = self.signals.recv() => self.take_signal(signal),
        }
    }

    fn take_signal(&mut self, signal: Signal) {
        let status = match signal {
            Signal::Interrupt if self.console.interrupts_by_signal() => {
                self.console.forget();
                return self.session.interrupt(&mut *self.console);
            }
            signal => signal.status(),
        };
        let is_second = self.signaled.replace(status).is_some();
        if status == signals::HANGUP && !is_second {
            // The terminal went away: where that was an end of input before, the session is leaving already.
            self.session
                .cut_short("a signal stopped the script", &mut *self.console);
        } else {
            self.session.leave(&mut *self.console);
        }
    }

    /// The exit status, which programs are told.
    pub(crate) fn end(&mut self) -> u8 {
        let exit_status = self.status();
        self.console
            .event(&Event::now(None, None, What::Exit { exit_status }));
        self.flush(None);
        exit_status
    }

    /// Whether a signal has ended the session.
    pub(crate) const fn is_signaled(&self) -> bool {
        self.signaled.is_some()
    }

    fn status(&self) -> u8 {
        let failure = match self.mode {
            _ if self.console.has_failed() => Some(Status::Refused),
            Mode::Script => self.session.fault(),
            Mode::Plain { .. } | Mode::Editor => None,
        };
        let status = failure.map_or(0, |status| status as u8);
        self.signaled.unwrap_or(status)
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => future::pending().await,
    }
}
