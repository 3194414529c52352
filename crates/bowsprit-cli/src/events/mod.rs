//! What happens on a connection, as values: people's lines, JSON and records are all made from these.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod compression;
mod ending;
mod http;
pub(crate) mod json;
pub(crate) mod mask;
mod object;
mod opening;
mod payload;
mod pings;
mod time;

pub(crate) use compression::{Came, CompressedBothWays, Gauge};
pub(crate) use ending::{CloseText, Ended, Party, cause};
pub(crate) use http::HttpAnswer;
pub(crate) use mask::{is_secret_header_line, is_secret_name, uri as masked_uri};
pub(crate) use object::{Object, Trips};
pub(crate) use opening::{CertificateFacts, Failed, Opened, TlsFacts};
pub(crate) use payload::{Direction, Opcode, Payload};
pub(crate) use pings::{PongFault, RoundTrips, Statistics};
pub(crate) use time::seconds;

/// The version of the format that [`Event`] serializes to.
pub(crate) const FORMAT: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    #[serde(with = "time")]
    pub(crate) time: Timestamp,
    /// The connection that it happened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u32>,
    /// What the user calls that connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened. No text in it is escaped for a terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    /// The first event of each output: which format this is.
    Start { format: u32, program: String },
    /// A connection is about to be made.
    Connect {
        uri: String,
        /// Of the request, but for those that every handshake has; secrets are masked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<(String, String)>,
    },
    /// The opening handshake is done.
    Open(Box<Opened>),
    /// The connection will never open.
    Fail(Box<Failed>),
    /// A message was sent or came.
    Message {
        direction: Direction,
        opcode: Opcode,
        /// Bytes of payload.
        size: usize,
        #[serde(flatten)]
        payload: Payload,
        /// Of one that came where compression was agreed on: whether it was compressed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        compressed: Option<bool>,
        /// What it was on the wire, if so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wire_size: Option<u64>,
    },
    /// A ping was sent or came.
    Ping {
        direction: Direction,
        size: usize,
        #[serde(flatten)]
        payload: Payload,
        /// The number of the ping, where they are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
    },
    /// A pong was sent or came.
    Pong {
        direction: Direction,
        size: usize,
        #[serde(flatten)]
        payload: Payload,
        /// How long after the ping that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
        /// The number of that ping, where they are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
        /// What is wrong with it, where pongs are judged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<PongFault>,
    },
    /// No pong came in time.
    Lost { number: u32 },
    /// What a row of pings came to.
    Statistics(Box<Statistics>),
    /// The connection has ended.
    Close(Box<Ended>),
    /// It did not open or has ended, and will be made again.
    Retry {
        number: u32,
        /// Until then.
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// `serve` listens, and for what.
    Serve { uri: String, mode: String },
    /// `serve` did not let a client in.
    Refuse {
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// The method and the target, where they were understood.
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<String>,
        error: String,
    },
    /// `serve` answered a request of plain HTTP.
    Http {
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        request: String,
        status: u16,
    },
    /// A line that a command answered, as people read it but for the `> ` in front.
    Answer {
        text: String,
        /// The command was not carried out, or a wait was not fulfilled.
        #[serde(default, skip_serializing_if = "is_false")]
        refused: bool,
    },
    /// What is known of a connection: `list` and `show`.
    Connection(Box<Object>),
    /// A line of a script was carried out.
    Step {
        /// The file that it stands in; none where it was typed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        line: u64,
        /// As it is written, without the values of its variables.
        text: String,
        seconds: f64,
        /// What went wrong, line by line; empty where nothing did.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failure: Vec<String>,
    },
    /// A test of a script is over, or the script itself where it has none.
    Test {
        name: String,
        passed: bool,
        seconds: f64,
        /// Each line that failed, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failures: Vec<String>,
    },
    /// A line of the library's log: its channel, a blank, and what it says.
    Log { text: String },
    /// The last event: the program ends with this exit status.
    Exit { exit_status: u8 },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl What {
    /// The first event of an output.
    pub(crate) fn start() -> Self {
        Self::Start {
            format: FORMAT,
            program: concat!("bowsprit/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// What a command answered, in a line for people.
    pub(crate) fn answer(line: &str, refused: bool) -> Self {
        Self::Answer {
            text: line.strip_prefix("> ").unwrap_or(line).to_owned(),
            refused,
        }
    }

    /// Whether it is of the traffic on an open connection, of which there may be any amount.
    pub(crate) const fn is_traffic(&self) -> bool {
        matches!(
            self,
            Self::Message { .. } | Self::Ping { .. } | Self::Pong { .. }
        )
    }
}

impl Event {
    /// Something that happens now.
    pub(crate) fn now(id: Option<u32>, name: Option<String>, what: What) -> Self {
        Self {
            time: Timestamp::now(),
            id,
            name,
            what,
        }
    }
}
