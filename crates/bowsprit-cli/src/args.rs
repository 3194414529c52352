//! The flags as typed; their help is their doc comment.

use std::path::PathBuf;

use clap::Parser;

use crate::command::DEFAULT_PORT;

/// The WebSocket utility client: many connections at one prompt.
///
/// Commands are read from standard input; type `help` for their list.
#[derive(Debug, Parser)]
#[command(name = "bowsprit", version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Print only what WebSocket++'s tutorial does: no event lines, no facts below the block of show
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Serve echo on 127.0.0.1 before the first command is read
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = PORT_TEXT)]
    pub(crate) serve: Option<u16>,

    /// Do not offer to compress messages (permessage-deflate)
    #[arg(long)]
    pub(crate) no_compress: bool,

    /// Trust the certificates in this PEM file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// DANGER: accept any certificate, so that anyone on the way can read and change everything
    #[arg(long)]
    pub(crate) insecure: bool,
}

const PORT_TEXT: &str = "9002";
const _: () = assert!(
    DEFAULT_PORT == 9002,
    "the flag and the command have the same default"
);

const AFTER_HELP: &str = "\
From a pipe:
  There is no prompt. Empty lines and lines that begin with # are skipped. Each
  command waits for what it started: connect until the connection is open or has
  failed, send for room in the queue, ping for its pong (at most 10 s), close for
  the end. `wait <id> open|message|close [seconds]` waits for more. The end of
  input is `quit`.

Exit status:
  0    left by quit or the end of input; from a pipe: every line was carried out
  1    from a pipe: a line was refused, a connection failed or a wait expired;
       the output could not be written
  2    the flags are wrong, or the program could not start
  129  SIGHUP, 130 SIGINT (from a pipe), 143 SIGTERM: after every connection was
       closed with 1001";
