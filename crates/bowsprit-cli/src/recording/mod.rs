//! Sessions written down and played again: `--record`, `record`, `log`, `replay`, HAR.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::{Args, Parser};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::network;
use crate::options::{self, Options, Time};
use crate::printer::text::fault;
use crate::signals::Signals;

mod compare;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod har;
mod mirror;
mod play;
mod reader;
mod recorder;
mod report;
mod serve;
mod tapes;
mod voice;

pub(crate) use recorder::Recorder;
pub(crate) use voice::Told;

use play::clock::Speed;
use reader::Record;
use report::Report;
use tapes::Tapes;
use voice::Voice;

/// The status of a replay that was stopped.
const STOPPED: u8 = 130;

/// Where `--serve` listens unless told otherwise: on this machine only, on any port.
const DEFAULT_ADDRESS: &str = "127.0.0.1:0";

/// `bowsprit replay FILE [URI]`
#[derive(Clone, Debug, PartialEq, Args)]
pub(crate) struct ReplayArgs {
    /// A record, or a HAR file of a browser
    file: PathBuf,

    /// Connect here instead of to the recorded URIs
    #[arg(conflicts_with_all = ["serve", "export"])]
    uri: Option<String>,

    /// Answer as the recorded server did, on 127.0.0.1 and any port unless given
    #[arg(long, value_name = "ADDR", num_args = 0..=1, require_equals = true, default_missing_value = DEFAULT_ADDRESS)]
    serve: Option<String>,

    /// Leave once each connection of the record was served
    #[arg(long, requires = "serve")]
    once: bool,

    /// Write the record to another file, which must not be there: .har, or .jsonl
    #[arg(long, value_name = "FILE", conflicts_with = "serve")]
    export: Option<PathBuf>,

    /// 1x as recorded, 2x, 0.5x, or max: each message as soon as what came before it has
    #[arg(long, value_name = "SPEED", default_value = "1x")]
    speed: Speed,

    /// Play only the connection with this id (repeatable)
    #[arg(long, value_name = "ID")]
    connection: Vec<u32>,

    /// Replace the beginning of recorded URIs (repeatable)
    #[arg(long, value_name = "OLD=NEW", conflicts_with = "uri")]
    map: Vec<play::Map>,

    /// Leave out of the comparison what a JSON path ($.id) or a regular expression finds, or one of opening, subprotocol, compression, sent, end (repeatable)
    #[arg(long, value_name = "PATTERN")]
    ignore: Vec<String>,

    /// Compare JSON byte for byte, not as values
    #[arg(long)]
    strict: bool,

    /// How long a recorded answer or end is waited for [default: 10s]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Time>,

    /// Cut longer pauses of the record to this [default: 60s]
    #[arg(long, value_name = "TIME")]
    max_pause: Option<Time>,

    /// Print differences and the summary as JSON, one object a line
    #[arg(long)]
    json: bool,

    /// Print nothing: the exit status tells
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    options: Options,
}

impl ReplayArgs {
    fn patience(&self) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(10);
        self.timeout.map_or(DEFAULT, Time::or_never)
    }

    fn longest_pause(&self) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(60);
        self.max_pause.map_or(DEFAULT, Time::or_never)
    }
}

/// Plays a record, serves it, or writes it as another file; returns the exit status.
///
/// # Errors
///
/// When it could not begin: the record is broken, for example.
pub(crate) fn replay(args: &ReplayArgs) -> Result<u8, String> {
    let tapes = Tapes::read(Record::open(&args.file)?)?;
    let mut report = Report::new(args, Voice::of_program());
    tapes.warnings.iter().for_each(|line| report.warn(line));
    match (&args.export, &args.serve) {
        (Some(path), _) => har::export(&tapes, path).map(|()| 0),
        (None, Some(address)) => serve::serve(args, tapes, address, report),
        (None, None) => play::play(args, &tapes, &mut report, async {
            let mut signals = Signals::new().map_err(|error| fault(&error))?;
            Ok(signals.recv().await.status())
        }),
    }
}

/// The arguments as typed at the prompt.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true, name = "replay")]
struct Line {
    #[command(flatten)]
    args: ReplayArgs,
}

impl ReplayArgs {
    /// Reads what stands behind `replay` at the prompt.
    ///
    /// # Errors
    ///
    /// When it is wrong; the text is what to answer, escaped.
    pub(crate) fn of_line(text: &str) -> Result<Self, String> {
        let line: Line = options::of_line(text)?;
        match line.args.serve {
            Some(_) => Err("replay --serve is for the command line".to_owned()),
            None => Ok(line.args),
        }
    }
}

/// Plays a record for a session, on a thread of its own, until that is done or `stop` is dropped.
///
/// # Errors
///
/// When the system gives no thread.
pub(crate) fn replay_in_session(
    args: ReplayArgs,
    events: UnboundedSender<network::Report>,
    stop: oneshot::Receiver<()>,
) -> Result<JoinHandle<()>, String> {
    let lines = events.clone();
    let play = move || {
        let tapes = Tapes::read(Record::open(&args.file)?)?;
        let mut report = Report::new(&args, Voice::Session(lines));
        tapes.warnings.iter().for_each(|line| report.warn(line));
        if let Some(path) = &args.export {
            return har::export(&tapes, path).map(|()| 0);
        }
        play::play(&args, &tapes, &mut report, async {
            // It is never used: whoever has the other end drops it.
            let _ = stop.await;
            Ok(STOPPED)
        })
    };
    thread::Builder::new()
        .name("replay".to_owned())
        .spawn(move || {
            // A session that has ended needs to know nothing.
            let _ = events.send(network::Report::Replay(Told::Done(play())));
        })
        .map_err(|error| fault(&error))
}
