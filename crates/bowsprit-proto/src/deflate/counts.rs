//! What compression has made of the messages of a connection.

use core::ops::AddAssign;

/// What compression has made of the messages of a connection so far, each way.
///
/// Uncompressed messages do not count and cost nothing: a peer may send any message as it is (RFC 7692
/// §6), and a small one is.
///
/// What one message came as is the difference to what was told before it: it was compressed where
/// `received.messages` has grown.
///
/// ```
/// use std::sync::Arc;
/// use bowsprit_proto::{Config, Connection};
///
/// let connection = Connection::server(Arc::new(Config::server()));
/// assert_eq!(connection.compression(), None, "nothing was agreed on");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compression {
    /// Messages of the peer.
    pub received: Compressed,
    /// Messages of this side, counted when they are queued.
    pub sent: Compressed,
}

/// The compressed messages that went one way. Those of several connections can be added up.
///
/// ```
/// use bowsprit_proto::Compressed;
///
/// let mut before = Compressed::default();
/// assert_eq!(before.ratio(), None);
/// before.payload_bytes = 400;
/// before.wire_bytes = 100;
/// let mut now = before;
/// now.wire_bytes += 60;
/// assert_eq!(before.ratio(), Some(0.25));
/// assert_eq!(now.since(&before).wire_bytes, 60);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compressed {
    /// How many there were.
    pub messages: u64,
    /// Bytes of their payloads, as the application has them. Of a message that has not ended, what has
    /// come of it counts.
    pub payload_bytes: u64,
    /// What these were on the wire, without the headers of the frames.
    pub wire_bytes: u64,
}

impl Compressed {
    /// Bytes on the wire for each byte of payload; `None` as long as there was no payload.
    pub fn ratio(&self) -> Option<f64> {
        (self.payload_bytes > 0).then(|| self.wire_bytes as f64 / self.payload_bytes as f64)
    }

    /// What was added since `before`.
    #[must_use]
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            messages: self.messages.saturating_sub(before.messages),
            payload_bytes: self.payload_bytes.saturating_sub(before.payload_bytes),
            wire_bytes: self.wire_bytes.saturating_sub(before.wire_bytes),
        }
    }

    /// A piece of a message, which may be its last.
    #[cfg(feature = "std")]
    pub(crate) fn add(&mut self, payload: usize, wire: usize, last: bool) {
        *self += Self {
            messages: last.into(),
            payload_bytes: payload as u64,
            wire_bytes: wire as u64,
        };
    }
}

impl AddAssign for Compressed {
    fn add_assign(&mut self, more: Self) {
        self.messages = self.messages.saturating_add(more.messages);
        self.payload_bytes = self.payload_bytes.saturating_add(more.payload_bytes);
        self.wire_bytes = self.wire_bytes.saturating_add(more.wire_bytes);
    }
}
