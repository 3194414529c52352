//! The loop: lines, events, deadlines and signals, one at a time, to the one owner of the state.

use std::future;
use std::io;
use std::time::Instant;

use bowsprit::{Client, Config, Deflate, Tls};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::args::Args;
use crate::console::{Console, Mode};
use crate::input::Input;
use crate::network::Event;
use crate::printer::{self, text};
use crate::session::{Manner, Session};
use crate::signals::{self, Signal, Signals};

/// The exit status when the program could not start.
pub(crate) const CANNOT_START: u8 = 2;

/// The prompt of the original.
const PROMPT: &str = "Enter Command: ";

/// How many events are taken before the screen is drawn again.
const EVENTS_PER_TURN: usize = 64;

/// Runs a whole session and returns its exit status.
///
/// # Errors
///
/// When it cannot begin; the text says why.
pub(crate) fn run(args: &Args) -> Result<u8, String> {
    let client = client(args)?;
    if args.insecure {
        printer::warn(
            "WARNING: --insecure is on: certificates are NOT VERIFIED, anyone may listen in",
        );
    }
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
            is_quiet: args.quiet,
            is_script: mode == Mode::Script,
        };
        let (sender, events) = mpsc::unbounded_channel();
        let session = Session::new(client, sender, manner);
        let signals = Signals::new().map_err(failed)?;
        let mut turns = Turns {
            session,
            events,
            signals,
            console: mode.open().map_err(failed)?,
            mode,
            has_ended: false,
            signaled: None,
        };
        if let Some(port) = args.serve {
            turns.session.serve(port, &mut *turns.console)?;
        }
        turns.take_all().await;
        Ok(turns.status())
    })
}

fn client(args: &Args) -> Result<Client, String> {
    let mut tls = Tls::client();
    if let Some(path) = &args.ca {
        tls = tls.add_ca_file(path).map_err(|error| error.to_string())?;
    }
    if args.insecure {
        tls = tls.danger_accept_any_certificate();
    }
    let mut config = Config::client();
    if !args.no_compress {
        // Few connections, and each of them is to show what the server can do.
        config.deflate = Some(Deflate::dedicated());
    }
    let client = Client::builder().config(config).tls(tls);
    client.background().map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn failed(error: io::Error) -> String {
    format!("cannot start: {}", text::fault(&error))
}

/// The session and everything that it is fed from.
struct Turns {
    session: Session,
    events: UnboundedReceiver<Event>,
    signals: Signals,
    console: Box<dyn Console>,
    mode: Mode,
    /// The last line was taken.
    has_ended: bool,
    /// The exit status that a signal asked for.
    signaled: Option<u8>,
}

impl Turns {
    async fn take_all(&mut self) {
        loop {
            if self.session.is_over() {
                return self.flush(None);
            }
            if self.take_line() {
                // What the network has told meanwhile comes before the next line.
                tokio::task::yield_now().await;
            } else {
                self.flush(self.prompt());
                if self.console.is_closed() {
                    // Nobody reads what would be answered: the session ends as if the input had.
                    self.session.quit(&mut *self.console);
                }
                if !self.session.is_over() {
                    self.wait().await;
                }
            }
            self.take_events();
        }
    }

    /// Whether no line is wanted now.
    fn is_deaf(&self) -> bool {
        self.session.is_busy() || self.has_ended
    }

    /// What asks for a line, if one is wanted.
    fn prompt(&self) -> Option<&'static str> {
        match (self.is_deaf(), self.session.is_leaving()) {
            (true, _) => None,
            // Who left may still type `quit!`, and is not asked for it.
            (false, true) => Some(""),
            (false, false) => Some(PROMPT),
        }
    }

    fn flush(&mut self, prompt: Option<&'static str>) {
        let ids = || {
            self.session
                .ids()
                .map(|(id, uri)| (id, uri.to_owned()))
                .collect()
        };
        self.console.flush(prompt, &ids);
    }

    /// Carries out one line, if there is one and its time has come.
    fn take_line(&mut self) -> bool {
        if self.is_deaf() {
            return false;
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
        self.signaled = Some(status);
        self.session.leave(&mut *self.console);
    }

    fn status(&self) -> u8 {
        match self.signaled {
            Some(status) => status,
            None => u8::from(
                self.console.has_failed()
                    || self.mode == Mode::Script && self.session.has_refused(),
            ),
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => future::pending().await,
    }
}
