//! One connection and no prompt: the pipe form, `send` and `listen`.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::time::Duration;

use bowsprit::{Client, Kind, Message};

mod args;
mod cutter;
mod ends;
mod format;
mod frame;
mod json;
mod pace;
mod place;
mod pump;
mod source;
mod stdout;
mod talk;
mod tell;
mod writer;

use crate::args::Args;
use crate::events::What;
use crate::log;
use crate::options::units::Time;
use crate::options::{DisplayOptions, Options, Plan};
use crate::printer::text::{escape, fault};
use crate::run::{failed, warn_of_risks};
use crate::signals::Signals;
use args::EndOptions;
pub(crate) use args::{ListenArgs, PipeOptions, SendArgs};
use ends::{Ends, Goal};
use format::Framing;
use pump::{Pump, Rules};
use source::Source;
use talk::{Ear, Shared, Talk};
use tell::Tell;
use writer::Writer;

/// How long silence may last where nothing was asked for.
const LINGER: Duration = Duration::from_secs(1);

/// How long silence may last where messages were asked for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest file that is sent.
const MAX_FILE: u64 = 1 << 30;

/// What begins the name of a file; twice, a text that begins with it.
const FILE: char = '@';

/// One conversation that is to be had.
struct Call<'a> {
    uri: &'a str,
    options: &'a Options,
    display: &'a DisplayOptions,
    end: &'a EndOptions,
    output: Framing,
    /// What is wanted where neither `--count` nor `--until` says it.
    goal: Goal,
    /// How long silence may last behind the input where nothing says it.
    linger: Option<Duration>,
    closes_after: bool,
}

/// `bowsprit send URI MESSAGE...`: sends them, prints the answers, closes. Returns the exit status.
///
/// # Errors
///
/// When it cannot begin; the text says why.
pub(crate) fn send(args: &SendArgs) -> Result<u8, String> {
    let kind = match args.binary {
        true => Kind::Binary,
        false => Kind::Text,
    };
    let messages = args.messages.iter().map(|word| message_of(word, kind));
    let messages = messages.collect::<Result<_, _>>()?;
    let call = Call {
        uri: &args.uri,
        options: &args.options,
        display: &args.display,
        end: &args.end,
        output: args.output.framing(args.binary)?,
        goal: Goal::Answers,
        linger: Some(PATIENCE),
        closes_after: false,
    };
    call.run(|| Ok(Source::Words(messages)))
}

/// `bowsprit listen URI`: prints what comes until the connection ends. Returns the exit status.
///
/// # Errors
///
/// As above.
pub(crate) fn listen(args: &ListenArgs) -> Result<u8, String> {
    let call = Call {
        uri: &args.uri,
        options: &args.options,
        display: &args.display,
        end: &args.end,
        output: args.output.framing(args.binary)?,
        goal: Goal::Nothing,
        linger: None,
        closes_after: false,
    };
    call.run(|| Ok(Source::Words([].into())))
}

/// `bowsprit URI` in a pipe: what is read is sent, what comes is printed. Returns the exit status.
///
/// # Errors
///
/// As above.
pub(crate) fn pipe(uri: &str, args: &Args) -> Result<u8, String> {
    if args.serve.is_some() {
        return Err("--serve and a URI in a pipe: there the input is messages, and an echo server is a `bowsprit serve` of its own".to_owned());
    }
    let (input, output) = args.pipe.format.framings()?;
    let is_asked = args.pipe.end.count.is_some() || args.pipe.end.until.is_some();
    let call = Call {
        uri,
        options: &args.options,
        display: &args.display,
        end: &args.pipe.end,
        output,
        goal: Goal::Nothing,
        linger: Some(if is_asked { PATIENCE } else { LINGER }),
        closes_after: args.pipe.close_after,
    };
    call.run(|| Source::standard_input(input).map_err(failed))
}

impl Call<'_> {
    fn run(self, source: impl FnOnce() -> Result<Source, String>) -> Result<u8, String> {
        let uri = self.uri;
        self.options.fit(uri)?;
        let plan = Plan::new(self.options)?;
        let request = plan.request(&Client::new(), uri)?;
        let connect = What::connect(uri, &request);
        let tell = Tell::new(
            place::told(uri),
            self.display,
            self.output.clone(),
            io::stdout().is_terminal(),
        )?;
        warn_of_risks(self.options);
        let ends = Ends::new(self.goal(), self.linger());
        let talk = Talk::new(tell, ends, uri, &self.end.on_open, plan.times());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let status = runtime.block_on(async {
            let signals = Signals::new().map_err(failed)?;
            log::start_on_standard_error(self.display);
            let ends = (source()?, Writer::start().map_err(failed)?);
            let shared = Shared::new(talk);
            {
                let mut talk = shared.look();
                talk.tell.happened(What::start());
                talk.tell.happened(connect);
            }
            let ear = Ear::new(shared.clone(), plan.reconnects());
            let handle = request.handler(ear).start();
            let rules = Rules {
                farewell: self.end.farewell(),
                closes_after: self.closes_after,
                timeout: self.end.timeout.and_then(Time::get),
            };
            let pump = Pump::new(shared, handle, ends, signals, rules);
            // As a task it runs as soon as the connection's has; what the runtime itself waits for is polled
            // only behind a look at the system's events.
            let run = tokio::spawn(pump.run()).await;
            run.map_err(|end| failed(end.into()))
        });
        // The system's resolver may block a thread of the runtime's for long: nobody waits for it.
        runtime.shutdown_background();
        status
    }

    fn goal(&self) -> Goal {
        match (self.end.count, &self.end.until) {
            (Some(count), _) => Goal::Count(count),
            (None, Some(pattern)) => Goal::Until(pattern.0.clone()),
            (None, None) => self.goal.clone(),
        }
    }

    fn linger(&self) -> Option<Duration> {
        match (self.end.wait, self.end.linger) {
            (true, _) => None,
            (false, Some(time)) => time.get(),
            (false, None) => self.linger,
        }
    }
}

/// The message that a word of the command line stands for.
fn message_of(word: &str, kind: Kind) -> Result<Message, String> {
    let bytes = match word.strip_prefix(FILE) {
        Some(text) if text.starts_with(FILE) => text.as_bytes().to_vec(),
        Some(path) => {
            read_file(path).map_err(|why| format!("cannot read {}: {why}", escape(path)))?
        }
        None => word.as_bytes().to_vec(),
    };
    match kind {
        Kind::Binary => Ok(bytes.into()),
        Kind::Text => {
            cutter::as_text(&bytes.into()).map_err(|fault| format!("{} {fault}", escape(word)))
        }
    }
}

fn read_file(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file: Box<dyn io::Read> = match path {
        "-" => Box::new(io::stdin()),
        path => Box::new(File::open(path).map_err(|error| fault(&error))?),
    };
    // One byte more tells that there is more.
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|error| fault(&error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err("it is larger than 1 GiB".to_owned());
    }
    Ok(bytes)
}
