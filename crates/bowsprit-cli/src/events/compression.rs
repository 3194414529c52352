//! What compression made of messages (RFC 7692): of one that came, and of all of a connection.

use bowsprit::{Compressed, Compression, Context};
use serde::{Deserialize, Serialize};

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Compression was not agreed on.
    Plainly,
    /// It was agreed on, and this message was sent as it is.
    Uncompressed,
    Compressed {
        wire_bytes: u64,
    },
}

/// Tells of each message of a connection how it came.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    /// What was compressed of all before.
    before: Compressed,
}

impl Gauge {
    /// How the message came that the handler is called with. It must be asked of each.
    pub(crate) fn read(&mut self, cx: &Context<'_>) -> Came {
        let Some(Compression { received, .. }) = cx.compression() else {
            return Came::Plainly;
        };
        let own = received.since(&self.before);
        self.before = received;
        if own.messages == 0 {
            return Came::Uncompressed;
        }
        Came::Compressed {
            wire_bytes: own.wire_bytes,
        }
    }
}

/// The compressed messages of a connection, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompressedBothWays {
    sent: OneWay,
    received: OneWay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OneWay {
    messages: u64,
    payload_bytes: u64,
    wire_bytes: u64,
}

impl From<Compression> for CompressedBothWays {
    fn from(told: Compression) -> Self {
        let way = |way: Compressed| OneWay {
            messages: way.messages,
            payload_bytes: way.payload_bytes,
            wire_bytes: way.wire_bytes,
        };
        Self {
            sent: way(told.sent),
            received: way(told.received),
        }
    }
}
