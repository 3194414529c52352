//! Pings and pongs as events, and what a row of them comes to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Direction, Payload, What, seconds};

/// What is wrong with a pong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PongFault {
    /// Its ping was answered before.
    Duplicate,
    /// A later ping was answered before its own.
    OutOfOrder,
    /// It came after the time to wait for it.
    Late,
    /// It answers no ping.
    Unasked,
}

/// What a row of pings came to; all times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Statistics {
    pub(crate) sent: u64,
    /// Pongs in time, each ping's once.
    pub(crate) received: u64,
    pub(crate) lost: u64,
    /// Pings that could still be answered at the end.
    pub(crate) waiting: u64,
    pub(crate) duplicates: u64,
    pub(crate) out_of_order: u64,
    pub(crate) late: u64,
    pub(crate) unasked: u64,
    /// From the first ping to the end.
    pub(crate) seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) round_trips: Option<RoundTrips>,
}

/// How long the pings took that were answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoundTrips {
    pub(crate) min: f64,
    pub(crate) mean: f64,
    pub(crate) max: f64,
    /// The standard deviation, which ping(8) calls mdev.
    pub(crate) deviation: f64,
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl What {
    /// A ping that was sent or came.
    pub(crate) fn ping(direction: Direction, payload: &[u8], number: Option<u32>) -> Self {
        Self::Ping {
            direction,
            size: payload.len(),
            payload: Payload::of_control(payload),
            number,
        }
    }

    /// A pong that came, and how long after its ping.
    pub(crate) fn pong(payload: &[u8], round_trip: Option<Duration>) -> Self {
        Self::Pong {
            direction: Direction::Received,
            size: payload.len(),
            payload: Payload::of_control(payload),
            seconds: round_trip.map(seconds),
            number: None,
            fault: None,
        }
    }

    /// Adds what is known of a pong.
    pub(crate) fn judge(&mut self, of_number: Option<u32>, found: Option<PongFault>) {
        if let Self::Pong { number, fault, .. } = self {
            (*number, *fault) = (of_number, found);
        }
    }
}
