//! The command line as typed; the help of each flag is its doc comment.

use clap::{Parser, Subcommand};

use crate::command::DEFAULT_PORT;
use crate::load::LoadArgs;
use crate::oneshot::{ListenArgs, SendArgs};
use crate::options::{DisplayOptions, Options};
use crate::probe::{CheckArgs, PingArgs};
use crate::recording::ReplayArgs;
use crate::script::RunArgs;
use crate::serve::ServeArgs;
use crate::setup::CompletionArgs;

/// What may stand on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "bowsprit",
    version,
    about = ABOUT,
    long_about = None,
    override_usage = "bowsprit [OPTIONS] [[connect] URI]",
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Args {
    /// Serve echo on 127.0.0.1 before the first command is read
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = PORT_TEXT)]
    pub(crate) serve: Option<u16>,

    #[command(flatten)]
    pub(crate) display: DisplayOptions,

    #[command(flatten)]
    pub(crate) options: Options,

    #[arg(hide = true)]
    words: Vec<String>,

    #[command(subcommand)]
    pub(crate) form: Option<Form>,
}

/// What the program does instead of a session at a prompt.
#[derive(Debug, Subcommand)]
pub(crate) enum Form {
    /// Send messages, print the answers, and leave
    Send(SendArgs),
    /// Print what comes until the connection ends
    Listen(ListenArgs),
    /// Measure round trips, as ping(8) prints them
    Ping(PingArgs),
    /// Explain a handshake: each stage, its time, what was agreed on
    Check(CheckArgs),
    /// Carry out a script
    Run(RunArgs),
    /// Serve: echo, broadcast, files, processes, another server
    Serve(ServeArgs),
    /// Measure a server under load
    Load(LoadArgs),
    /// Play a record of a session again
    Replay(ReplayArgs),
    /// Print completions for a shell
    Completions(CompletionArgs),
}

impl Args {
    /// What to connect to at once, if anything.
    ///
    /// # Errors
    ///
    /// When the words are neither a URI nor `connect` and a URI.
    pub(crate) fn uri(&self) -> Result<Option<&str>, String> {
        match self.words.as_slice() {
            [] => Ok(None),
            [word] if word == "connect" => Err("connect needs a URI".to_owned()),
            [uri] => Ok(Some(uri)),
            [word, uri] if word == "connect" => Ok(Some(uri)),
            _ => Err("one URI at a time; further ones are for the prompt".to_owned()),
        }
    }
}

const PORT_TEXT: &str = "9002";
const _: () = assert!(
    DEFAULT_PORT == 9002,
    "the flag and the command have the same default"
);

const ABOUT: &str = "\
The WebSocket utility client: many connections at one prompt, whose `help` lists the commands.
The options of a connection are the defaults of each `connect`, which takes the same ones.";

const AFTER_HELP: &str = "\
--header, --auth, --bearer, --cookie and --proxy take @FILE or env:NAME for a value too.

From a pipe each command waits for what it started. The exit status tells what went wrong first:
  1 a line was refused or a wait not fulfilled   5 the opening handshake was refused
  2 wrong options                                6 the peer broke the protocol
  3 could not connect                            7 dropped without a close frame
  4 TLS                                          8 closed by the peer with another code
  124 a time that was asked for is over          129, 130, 143 SIGHUP, SIGINT, SIGTERM";
