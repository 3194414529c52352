//! The command line: what may be typed, and how it is explained.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{FromArgMatches as _, Parser, Subcommand};

use crate::command::{DEFAULT_PORT, Name};
use crate::load::LoadArgs;
use crate::oneshot::{ListenArgs, PipeOptions, SendArgs};
use crate::options::{DisplayOptions, Options};
use crate::probe::{CheckArgs, PingArgs};
use crate::recording::ReplayArgs;
use crate::script::RunArgs;
use crate::serve::ServeArgs;
use crate::setup::{self, CompletionArgs, ManArgs};

mod definition;
mod examples;
mod fault;
mod forms;
pub(crate) mod uri;

pub(crate) use definition::definition;
#[cfg(test)]
pub(crate) use examples::EXAMPLES;
pub(crate) use fault::sentence;

/// What may stand on the command line; the help of each option is its doc comment.
#[derive(Debug, Parser)]
#[command(name = "bowsprit", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Serve echo on 127.0.0.1 before the first command is read
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = PORT_TEXT)]
    pub(crate) serve: Option<u16>,

    /// Read this configuration file; '' for none
    #[arg(long, value_name = "FILE", global = true, hide_short_help = true, help_heading = "Help",
          value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) config: Option<PathBuf>,

    /// Call the connection to URI so, in place of 0
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,

    #[command(flatten)]
    pub(crate) display: DisplayOptions,

    #[command(flatten)]
    pub(crate) options: Options,

    #[command(flatten)]
    pub(crate) pipe: PipeOptions,

    #[arg(hide = true)]
    words: Vec<String>,

    #[command(subcommand)]
    pub(crate) form: Option<Form>,
}

/// What the program does instead of a session at a prompt.
#[derive(Debug, Subcommand)]
pub(crate) enum Form {
    /// Send messages, print the answers, leave
    Send(SendArgs),
    /// Print what comes until the connection ends
    Listen(ListenArgs),
    /// Measure round trips, as ping(8) prints them
    Ping(PingArgs),
    /// Explain a handshake: each stage, its time, what was agreed on
    Check(CheckArgs),
    /// Carry out a script: send, expect, assert
    Run(RunArgs),
    /// Serve echo, broadcast, files, processes, another server
    Serve(Box<ServeArgs>),
    /// Measure a server under load
    Load(Box<LoadArgs>),
    /// Play a recorded session again, or its server
    Replay(ReplayArgs),
    /// Print completions for a shell
    Completions(CompletionArgs),
    /// Print the manual page of the program or of a form
    Man(ManArgs),
}

const PORT_TEXT: &str = "9002";
const _: () = assert!(
    DEFAULT_PORT == 9002,
    "the flag and the command have the same default"
);

impl Args {
    /// The command line as typed, with what the configuration adds to it. Help and the version end the
    /// program here.
    ///
    /// # Errors
    ///
    /// When the words or the configuration are wrong; the text says where.
    pub(crate) fn read() -> Result<Self, String> {
        let typed: Vec<OsString> = std::env::args_os().collect();
        if let Some(help) = definition::whole_help(&typed) {
            Self::explain(&help)
        }
        let mut definition = definition();
        let matches = match definition.try_get_matches_from_mut(&typed) {
            Ok(matches) => matches,
            Err(asked) if !asked.use_stderr() => Self::explain(&asked.to_string()),
            Err(fault) => return Err(fault::of_words(&fault, &definition, &typed)),
        };
        definition::refuse_useless(&matches)?;
        let matches = setup::layers::add(&mut definition, matches, typed)?;
        Self::from_arg_matches(&matches).map_err(|fault| sentence(&fault))
    }

    /// What these words ask for, with no configuration. Help and the version are told as errors.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(definition: &mut clap::Command, typed: &[OsString]) -> Result<Self, String> {
        let matches = definition
            .try_get_matches_from_mut(typed)
            .map_err(|fault| fault::of_words(&fault, definition, typed))?;
        definition::refuse_useless(&matches)?;
        Self::from_arg_matches(&matches).map_err(|fault| sentence(&fault))
    }

    /// Prints the help or the version, and ends the program.
    fn explain(text: &str) -> ! {
        std::process::exit(setup::print(text.as_bytes()).into())
    }

    /// What to connect to at once, if anything.
    ///
    /// # Errors
    ///
    /// When the words are neither a URI nor `connect` and a URI.
    pub(crate) fn uri(&self) -> Result<Option<&str>, String> {
        let words = match self.words.as_slice() {
            [word] if word == "connect" => return Err("connect needs a URI".to_owned()),
            [word, uris @ ..] if word == "connect" => uris,
            words => words,
        };
        match words {
            [] if self.name.is_some() => {
                Err("--name is for the connection to a URI: bowsprit --name NAME URI".to_owned())
            }
            [] => Ok(None),
            [uri] if uri.contains(':') => {
                uri::check_scheme(uri)?;
                Ok(Some(uri))
            }
            [word, ..] => Err(forms::unknown(word)),
        }
    }
}
