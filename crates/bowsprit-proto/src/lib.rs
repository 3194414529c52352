//! The WebSocket protocol of RFC 6455 for both roles, without I/O, clock or randomness.
//!
//! ```text
//!   bytes from the peer --> Connection::receive --> Event          (message, ping, pong, close)
//!   Connection::{send, ping, close} --> Connection::transmit --> bytes to the peer
//! ```
//!
//! The caller owns the transport. It first lets a [`handshake::ClientHandshake`] or a
//! [`handshake::ServerHandshake`] agree with the peer, then hands every byte that arrives to
//! [`Connection::receive`], writes what [`Connection::transmit`] shows, and tells the time to
//! [`Connection::poll_timeout`]. Nothing here blocks, allocates for a message that came in one piece,
//! or can fail on input: a peer that breaks a rule makes an [`Event::Failed`], and the close frame
//! that tells it so is queued already.
//!
//! A client and a server, joined without a network:
//!
//! ```
//! use std::sync::Arc;
//! use bowsprit_proto::{Config, Connection, Event};
//!
//! let mut client = Connection::client(Arc::new(Config::client()), || [1, 2, 3, 4]);
//! let mut server = Connection::server(Arc::new(Config::server()));
//!
//! client.send("hello")?;
//! let mut wire: Vec<u8> = client.transmit().flatten().copied().collect();
//! client.transmitted(wire.len());
//!
//! let mut input = &mut wire[..];
//! match server.receive(&mut input) {
//!     Some(Event::Message(message)) => assert_eq!(message.as_text(), Some("hello")),
//!     other => panic!("{other:?}"),
//! }
//! # Ok::<(), bowsprit_proto::SendError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]
// Nothing that a peer sends, and no length of it, can panic or wrap. Tests may.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used,
    )
)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod close;
mod config;
mod connection;
mod deflate;
mod error;
pub mod frame;
pub mod handshake;
mod host;
mod message;
mod prepared;
mod unix_uri;
mod uri;

pub use close::{Cause, CloseCode, CloseFrame, Closed, Initiator};
pub use config::{Config, KeepAlive, Limits, Rate, Timeouts};
pub use connection::{Connection, Event, RoundTrips, State, Timestamp};
pub use deflate::{Compressed, Compression, Deflate, DeflateParams};
pub use error::{CloseError, ProtocolError, SendError, Stage};
pub use host::Host;
pub use message::{Kind, Message, MessageRef, Text};
pub use prepared::Prepared;
pub use uri::{InvalidUri, Uri};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Which end of a connection this is (RFC 6455 §1.2). A client masks what it sends, a server never does.
///
/// ```
/// use bowsprit_proto::{Config, Role};
///
/// assert!(Config::for_role(Role::Server).limits.message < Config::for_role(Role::Client).limits.message);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Opens connections and masks its frames.
    Client,
    /// Accepts connections and refuses unmasked frames.
    Server,
}
