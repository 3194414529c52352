//! `bowsprit serve [ADDR]`: what is served, to whom, within which limits.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

use super::address::Address;
use super::faults::FaultOptions;
use super::modes::exec::Format;
use crate::options::secret::Secret;
use crate::options::units::Time;
use crate::options::{self, DisplayOptions, LimitOptions, Times};

/// `bowsprit serve [ADDR]`
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen: PORT or :PORT for this machine alone, HOST:PORT, [::]:PORT or unix:/path
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:9002")]
    pub(super) address: Address,

    #[command(flatten)]
    pub(super) mode: ModeOptions,

    #[command(flatten)]
    pub(super) manner: MannerOptions,

    #[command(flatten)]
    pub(super) door: DoorOptions,

    #[command(flatten)]
    pub(super) end: EndOptions,

    #[command(flatten)]
    pub(super) faults: FaultOptions,

    #[command(flatten)]
    pub(super) times: Times,

    #[command(flatten)]
    pub(super) limits: LimitOptions,

    #[command(flatten)]
    pub(super) display: DisplayOptions,
}

/// What is served; one of these.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "What is served")]
pub(super) struct ModeOptions {
    /// Send each message back (the default)
    #[arg(long)]
    pub(super) echo: bool,

    /// Send each message to all
    #[arg(long)]
    pub(super) broadcast: bool,

    /// Let people with names talk
    #[arg(long)]
    pub(super) chat: bool,

    /// Take messages and say nothing
    #[arg(long)]
    pub(super) discard: bool,

    /// Print messages and say nothing
    #[arg(long)]
    pub(super) print: bool,

    /// Answer as a file says: `on open`, `on message TEXT`, `on message /REGEX/`
    #[arg(long, value_name = "FILE")]
    pub(super) script: Option<PathBuf>,

    /// Start a process for each connection; its words are split as in a shell, which is not asked
    #[arg(long, value_name = "COMMAND")]
    pub(super) exec: Option<String>,

    /// Go on to another server: tcp:HOST:PORT, or a URI, with options before it as behind `connect`
    #[arg(long, value_name = "TARGET", allow_hyphen_values = true)]
    pub(super) proxy: Option<String>,
}

impl ModeOptions {
    /// Whether messages are shown without being asked for.
    pub(super) const fn shows_messages(&self) -> bool {
        self.print || self.proxy.is_some()
    }
}

/// How it is served.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "How it is served")]
pub(super) struct MannerOptions {
    /// Send messages of --broadcast to all but their sender
    #[arg(long)]
    pub(super) no_self: bool,

    /// Close those who do not keep up with --broadcast or --chat (1013); without it they miss messages
    #[arg(long)]
    pub(super) close_slow: bool,

    /// How messages stand on the streams of --exec: line, length or raw [default: line]
    #[arg(long, value_name = "FORMAT", requires = "exec")]
    pub(super) exec_format: Option<Format>,

    /// Have the COMMAND of --exec carried out by sh -c
    #[arg(long, requires = "exec")]
    pub(super) exec_shell: bool,

    /// Serve the files of this folder to browsers as well, up to 16 MiB each
    #[arg(long = "static", value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,

    /// Serve a page for people at / as well
    #[arg(long)]
    pub(super) ui: bool,
}

/// Who is let in, and what all are told.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Who is let in")]
pub(super) struct DoorOptions {
    /// Speak TLS with this certificate, a chain in PEM
    #[arg(
        long,
        value_name = "CERT",
        requires = "key",
        conflicts_with = "tls_self_signed"
    )]
    pub(super) tls: Option<PathBuf>,

    /// The private key of --tls
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(super) key: Option<PathBuf>,

    /// Speak TLS with a certificate made on the spot, whose fingerprint is printed
    #[arg(long)]
    pub(super) tls_self_signed: bool,

    /// The subprotocols that are spoken, the best first (repeatable)
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(super) subprotocol: Vec<String>,

    /// Send a header 'Name: value' with every answer (repeatable)
    #[arg(short = 'H', long, value_name = "LINE")]
    pub(super) header: Vec<Secret>,

    /// Ask for a user and a password (Basic)
    #[arg(short = 'u', long, value_name = "USER:PW")]
    pub(super) auth: Option<Secret>,

    /// Let in pages of https://site.example, https://*.site.example or any, besides this server's own
    /// (repeatable)
    #[arg(long, value_name = "RULE")]
    pub(super) origin: Vec<String>,

    /// The most connections at once [default: no limit; 100 with --exec]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_connections: Option<u32>,
}

/// When to leave.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "When to leave")]
pub(super) struct EndOptions {
    /// Let in one connection, and leave with the exit status of its end
    #[arg(long, action = ArgAction::SetTrue)]
    pub(super) once: bool,

    /// Leave after this time (exit status 124) [default: never]
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<Time>,
}

impl ServeArgs {
    /// The echo server of the prompt.
    pub(crate) fn echo(port: u16) -> Self {
        Self {
            address: Address::local(port),
            ..Self::default()
        }
    }

    /// Whether what stands behind `serve` carries a secret, and not just says where it is. An option that
    /// there is not may be one that was mistyped.
    pub(crate) fn carries_secret(text: &str) -> bool {
        let Ok(args) = Self::parse(text) else {
            return text.contains('-');
        };
        let door = &args.door;
        let mut secrets = door.header.iter().chain(&door.auth);
        let of_target = args
            .mode
            .proxy
            .as_deref()
            .is_some_and(options::carries_secret);
        of_target || secrets.any(Secret::is_plain)
    }

    /// Reads what stands behind `serve` at the prompt, words quoted as in a shell.
    ///
    /// # Errors
    ///
    /// When something is no option, or has no meaning there. The text is what to answer, escaped.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let line: Line = options::of_line(text)?;
        if line.args.end != EndOptions::default() {
            return Err(
                "--once and --timeout are for bowsprit serve; here there is stop".to_owned(),
            );
        }
        if line.args.display != DisplayOptions::default() {
            return Err("what is printed of a server is for bowsprit serve to choose".to_owned());
        }
        Ok(line.args)
    }
}

/// A line of the prompt, behind its first word.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    args: ServeArgs,
}
