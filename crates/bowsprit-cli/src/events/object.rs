//! A connection as `list` and `show` tell programs of it.

use serde::{Deserialize, Serialize};

use super::{CompressedBothWays, Ended, TlsFacts};

/// What is known of a connection now. Its messages were told when they went or came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) uri: String,
    /// `connecting`, `open`, `closing`, `closed`, `failed` or `retrying`.
    pub(crate) status: String,
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) received: u64,
    pub(crate) received_bytes: u64,
    /// Of these messages, how many are no longer kept.
    pub(crate) dropped: u64,
    /// Messages a second of late, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) received_rate: Option<f64>,
    /// Since it opened; until it ended, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_seconds: Option<f64>,
    /// Since the last message in either direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idle_seconds: Option<f64>,
    /// What waits to be sent.
    pub(crate) buffered_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subprotocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compression: Option<String>,
    /// What went compressed, where that was agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compressed_messages: Option<CompressedBothWays>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<TlsFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) round_trips: Option<Trips>,
    /// Why it did not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) close: Option<Ended>,
}

/// How long its pings took, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trips {
    pub(crate) count: u64,
    pub(crate) last: f64,
    pub(crate) mean: f64,
    pub(crate) worst: f64,
}
