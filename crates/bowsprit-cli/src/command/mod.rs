//! What a line of input can ask for.

use std::time::Duration;

use crate::options::{Options, Several};
use crate::serve::ServeArgs;

pub(crate) mod codes;
pub(crate) mod connections;
mod ids;
mod parse;
pub(crate) mod records;
pub(crate) mod script;
mod sending;
pub(crate) mod view;
pub(crate) mod words;

pub(crate) use ids::{Id, Ids, Name, Part};
pub(crate) use parse::parse;
pub(crate) use sending::{Closing, Lines, Payload, QUOTES};

/// The port that `serve` takes unless told otherwise: the one of the tutorial's echo server.
pub(crate) const DEFAULT_PORT: u16 = 9002;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Open a connection to the URI, which is as it was typed.
    Connect {
        uri: String,
        options: Box<Options>,
        several: Several,
    },
    /// Send one message.
    Send { ids: Ids, payload: Payload },
    /// Close connections.
    Close { ids: Ids, how: Closing },
    /// Print all that is known of a connection.
    Show { ids: Ids, what: Shown },
    /// Print one line for each connection.
    List { of: Listed },
    /// Measure the round trip. An empty payload is one of this program's own.
    Ping { ids: Ids, payload: String },
    /// Start the echo server.
    Serve { port: u16 },
    /// Start a server that does something else.
    ServeAs(Box<ServeArgs>),
    /// Stop it.
    Stop,
    /// Hold the lines that follow until something has happened.
    Wait {
        ids: Ids,
        goal: Goal,
        limit: Duration,
    },
    /// Say what is shown, and how.
    View(view::Command),
    /// Check, wait, or remember something, as scripts do.
    Script(script::Command),
    /// Write down what happens.
    Records(records::Command),
    /// Print the commands, or all of one of them.
    Help { of: Option<&'static str> },
    /// Close what is open, then leave.
    Quit,
    /// Leave at once.
    QuitNow,
    /// Names, crowds, the messages of a connection, and work that repeats.
    Connections(connections::Command),
}

/// What `show` tells besides what it always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Of the messages only so many, the latest.
    pub(crate) last: Option<usize>,
    /// The headers of the server's response.
    pub(crate) headers: bool,
    /// All of it as one object in JSON.
    pub(crate) json: bool,
}

/// Which connections `list` prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// Each of them, unless they are very many.
    Fitting,
    /// Each of these.
    Ids(Ids),
    /// Those in this state, a word of [`STATES`].
    State(&'static str),
}

/// The states of a connection as they are typed.
pub(crate) const STATES: [&str; 6] = [
    "connecting",
    "retrying",
    "open",
    "closing",
    "closed",
    "failed",
];

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
