//! What a connection tells of the bytes that it was given.

use alloc::borrow::Cow;

use crate::{CloseFrame, MessageRef, ProtocolError};

/// What came out of the bytes of the peer.
///
/// ```
/// use std::sync::Arc;
/// use bowsprit_proto::{Config, Connection, Event};
///
/// let mut client = Connection::client(Arc::new(Config::client()), || [0; 4]);
/// // A ping and the beginning of a text message, as they come from a server.
/// let mut input = &mut b"\x89\x02hi\x81\x05hel".to_owned()[..];
/// assert!(matches!(client.receive(&mut input), Some(Event::Ping(payload)) if *payload == *b"hi"));
/// assert!(client.receive(&mut input).is_none());
/// assert!(client.wants_write(), "the pong");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A whole message.
    Message(MessageRef<'b>),
    /// With `config.streaming`: the next piece of a message, and whether it is the last.
    ///
    /// Pieces of text end between two characters, whatever the frames and reads.
    Fragment(MessageRef<'b>, bool),
    /// A ping. Its pong is queued already, unless `config.automatic_pong` is off, the closing has
    /// begun, or the transport has ended.
    Ping(Cow<'b, [u8]>),
    /// A pong, asked for or not.
    Pong(Cow<'b, [u8]>),
    /// The peer's close frame. Its answer is queued already, unless this side's came first or the
    /// transport has ended.
    Close(CloseFrame),
    /// The peer broke a rule. The close frame that says so is queued, unless one went out before;
    /// nothing more is read.
    Failed(ProtocolError),
}
