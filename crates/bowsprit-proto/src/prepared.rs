//! A message for many connections: framed once, and compressed once for each window.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use bytes::Bytes;

use crate::{
    Message,
    deflate::CompressedFrames,
    frame::{FrameHeader, Opcode},
};

/// A message that is encoded once, however many connections send it. Clones share it.
///
/// ```
/// use std::sync::Arc;
/// use bowsprit_proto::{Config, Connection, Prepared};
///
/// let news = Prepared::new("the same for all");
/// let config = Arc::new(Config::server());
/// let mut connections = [0; 3].map(|_| Connection::server(config.clone()));
/// for connection in &mut connections {
///     connection.send_prepared(&news)?;
/// }
/// # Ok::<(), bowsprit_proto::SendError>(())
/// ```
#[derive(Clone)]
pub struct Prepared(Arc<Encoded>);

struct Encoded {
    message: Message,
    plain: Bytes,
    /// `None` where it is never to be compressed.
    compressed: Option<CompressedFrames>,
}

impl Prepared {
    /// Frames a message.
    ///
    /// It is compressed by the first connection that needs it so, and for further ones with the same
    /// window taken from there.
    pub fn new(message: impl Into<Message>) -> Self {
        Self::with(message.into(), Some(CompressedFrames::default()))
    }

    /// Frames a message that goes uncompressed to every connection: a secret, for example, next to text
    /// that others choose.
    pub fn uncompressed(message: impl Into<Message>) -> Self {
        Self::with(message.into(), None)
    }

    fn with(message: Message, compressed: Option<CompressedFrames>) -> Self {
        let payload = message.as_bytes();
        let header = FrameHeader::new(true, Opcode::of(message.kind()), payload.len() as u64);
        let mut plain = Vec::with_capacity(payload.len().saturating_add(FrameHeader::MAX_LEN));
        header.encode(&mut plain);
        plain.extend_from_slice(payload);
        let plain = plain.into();
        Self(Arc::new(Encoded {
            message,
            plain,
            compressed,
        }))
    }

    /// The message itself.
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// The frame of a server without compression.
    pub(crate) fn plain(&self) -> &Bytes {
        &self.0.plain
    }

    /// The compressed frame of a server for this window, made with this level if it is the first; `None`
    /// where it would not be smaller.
    pub(crate) fn compressed(&self, kind: (u8, u8)) -> Option<&Bytes> {
        self.0.compressed.as_ref()?.get(kind, &self.0.message)
    }
}

impl<M: Into<Message>> From<M> for Prepared {
    fn from(message: M) -> Self {
        Self::new(message)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.0.message).finish()
    }
}
