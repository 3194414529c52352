//! What a line of input can ask for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bowsprit::CloseCode;

mod parse;
pub(crate) mod words;

pub(crate) use parse::parse;

/// The port that `serve` takes unless told otherwise: the one of the tutorial's echo server.
pub(crate) const DEFAULT_PORT: u16 = 9002;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Open a connection to the URI, which is as it was typed.
    Connect { uri: String },
    /// Send one message.
    Send { id: Id, payload: Payload },
    /// Begin the closing handshake. The code is any number, the reason of any length.
    Close {
        id: Id,
        code: CloseCode,
        reason: String,
    },
    /// Print all that is known of a connection.
    Show { id: Id },
    /// Print one line for each connection.
    List,
    /// Measure the round trip.
    Ping { id: Id },
    /// Start the echo server.
    Serve { port: u16 },
    /// Stop it.
    Stop,
    /// Hold the lines that follow until something has happened.
    Wait { id: Id, goal: Goal, limit: Duration },
    /// Print the commands.
    Help,
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

/// The id of a connection as it was typed: an integer, of a connection that exists or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id(String);

impl Id {
    /// The number, unless it is out of the range of ids.
    pub(crate) fn number(&self) -> Option<u32> {
        self.0.parse().ok()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
