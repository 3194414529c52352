//! What a line of input can ask for.

use std::path::PathBuf;
use std::time::Duration;

use bowsprit::CloseCode;

use crate::options::Options;

pub(crate) mod codes;
mod ids;
mod parse;
pub(crate) mod words;

pub(crate) use ids::{Ids, resolve};
pub(crate) use parse::parse;

/// The port that `serve` takes unless told otherwise: the one of the tutorial's echo server.
pub(crate) const DEFAULT_PORT: u16 = 9002;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Open a connection to the URI, which is as it was typed.
    Connect { uri: String, options: Box<Options> },
    /// Send one message.
    Send { ids: Ids, payload: Payload },
    /// Begin the closing handshake. The code is any number, the reason of any length.
    Close {
        ids: Ids,
        code: CloseCode,
        reason: String,
    },
    /// Print all that is known of a connection.
    Show { ids: Ids },
    /// Print one line for each connection.
    List,
    /// Measure the round trip. An empty payload is one of this program's own.
    Ping { ids: Ids, payload: String },
    /// Start the echo server.
    Serve { port: u16 },
    /// Stop it.
    Stop,
    /// Hold the lines that follow until something has happened.
    Wait {
        ids: Ids,
        goal: Goal,
        limit: Duration,
    },
    /// Print the commands, or all of one of them.
    Help { of: Option<&'static str> },
    /// Close what is open, then leave.
    Quit,
    /// Leave at once.
    QuitNow,
}

/// What `wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The end of the opening handshake.
    Open,
    /// The next message that no earlier `wait` took.
    Message,
    /// The end of the connection.
    Close,
}

/// What `send` sends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Payload {
    /// A text message, as typed.
    Text(String),
    /// A binary message, typed in hexadecimal.
    Binary(Vec<u8>),
    /// A binary message: the content of this file.
    File(PathBuf),
}
