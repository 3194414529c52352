//! What can go wrong on an open connection: the peer's faults and the caller's.

use core::fmt;

use crate::CloseCode;

/// A rule of RFC 6455 or RFC 7692 that the peer broke, or a limit that it went over.
///
/// ```
/// use bowsprit_proto::{CloseCode, ProtocolError};
///
/// assert_eq!(ProtocolError::InvalidUtf8.close_code(), CloseCode::INVALID_PAYLOAD);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// §5.2: a reserved bit is set and no extension gives it a meaning.
    ReservedBits,
    /// §5.2: an opcode that is reserved for later versions.
    ReservedOpcode(u8),
    /// §5.5: a control frame is a fragment.
    FragmentedControl,
    /// §5.5: a control frame has more than 125 bytes.
    ControlTooLong,
    /// §5.4: a continuation frame without a message to continue.
    UnexpectedContinuation,
    /// §5.4: a new message began before the fragments of the last one were complete.
    ExpectedContinuation,
    /// §5.2: a length in more bytes than it needs.
    NonMinimalLength,
    /// §5.2: a 64-bit length whose top bit is set.
    LengthOverflow,
    /// §5.1: a client sent a frame without a mask.
    MaskRequired,
    /// §5.1: a server masked a frame.
    MaskForbidden,
    /// §8.1: text that is not UTF-8.
    InvalidUtf8,
    /// §5.5.1: a close frame whose payload is one byte.
    InvalidCloseLength,
    /// §7.4: a close frame with a number that may not appear in one.
    InvalidCloseCode(u16),
    /// §5.5.1: the reason of a close frame is not UTF-8.
    InvalidCloseReason,
    /// RFC 7692 §7.2.2: a compressed message that is not DEFLATE, ends inside a block, or is little but final
    /// blocks.
    InvalidDeflate,
    /// §10.4: a frame of a message over `limits.frame`.
    FrameTooBig {
        /// The limit in bytes.
        limit: usize,
    },
    /// §10.4: a message over `limits.message`, each frame after the first charged at 64 bytes at least.
    /// Of a compressed one, what it inflates to.
    MessageTooBig {
        /// The limit in bytes.
        limit: usize,
    },
    /// §10.4: a message in more frames than `limits.fragments`.
    TooManyFragments {
        /// The limit, a count.
        limit: usize,
    },
    /// §10.4: messages that come faster than `limits.rate`.
    TooManyMessages {
        /// The limit in messages a second.
        per_second: u32,
    },
}

impl ProtocolError {
    /// The code that tells the peer: 1002, 1007, for sizes 1009, for counts 1008 (§7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidCloseReason | Self::InvalidDeflate => {
                CloseCode::INVALID_PAYLOAD
            }
            Self::FrameTooBig { .. } | Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments { .. } | Self::TooManyMessages { .. } => {
                CloseCode::POLICY_VIOLATION
            }
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("reserved bit set without an extension"),
            Self::ReservedOpcode(opcode) => write!(f, "reserved opcode {opcode:#x}"),
            Self::FragmentedControl => f.write_str("control frame is fragmented"),
            Self::ControlTooLong => f.write_str("control frame is longer than 125 bytes"),
            Self::UnexpectedContinuation => {
                f.write_str("continuation frame without a message to continue")
            }
            Self::ExpectedContinuation => f.write_str("new message inside a fragmented one"),
            Self::NonMinimalLength => f.write_str("frame length is not in its shortest form"),
            Self::LengthOverflow => f.write_str("frame length has its top bit set"),
            Self::MaskRequired => f.write_str("client frame is not masked"),
            Self::MaskForbidden => f.write_str("server frame is masked"),
            Self::InvalidUtf8 => f.write_str("text is not valid UTF-8"),
            Self::InvalidCloseLength => f.write_str("close frame with a payload of one byte"),
            Self::InvalidCloseCode(code) => write!(f, "close frame with the invalid code {code}"),
            Self::InvalidCloseReason => f.write_str("close reason is not valid UTF-8"),
            Self::InvalidDeflate => f.write_str("compressed message is not valid DEFLATE"),
            Self::FrameTooBig { limit } => {
                write!(f, "frame is larger than the limit of {limit} bytes")
            }
            Self::MessageTooBig { limit } => {
                write!(f, "message is larger than the limit of {limit} bytes")
            }
            Self::TooManyFragments { limit } => {
                write!(f, "message is in more frames than the limit of {limit}")
            }
            Self::TooManyMessages { per_second } => {
                write!(
                    f,
                    "messages come faster than the limit of {per_second} a second"
                )
            }
        }
    }
}

impl core::error::Error for ProtocolError {}

/// A wait that has a deadline; an expiry names it.
///
/// ```
/// use bowsprit_proto::Stage;
///
/// assert_eq!(Stage::Open.to_string(), "opening handshake");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Resolving the host's name.
    Dns,
    /// Opening the TCP connection.
    Connect,
    /// Asking a proxy for a tunnel to the server.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The opening handshake (RFC 6455 §4).
    Open,
    /// Waiting for the pong of a keepalive ping.
    Pong,
    /// Waiting for a message in either direction.
    Idle,
    /// Waiting for the transport to take what is queued.
    Write,
    /// The closing handshake (RFC 6455 §7).
    Close,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "name resolution",
            Self::Connect => "TCP connection",
            Self::Proxy => "proxy's answer",
            Self::Tls => "TLS handshake",
            Self::Open => "opening handshake",
            Self::Pong => "wait for a pong",
            Self::Idle => "wait for a message",
            Self::Write => "wait for the peer to read",
            Self::Close => "closing handshake",
        })
    }
}

/// Why a message or a ping was not queued. Nothing of it was sent.
///
/// ```
/// use std::sync::Arc;
/// use bowsprit_proto::{CloseCode, Config, Connection, SendError};
///
/// let mut server = Connection::server(Arc::new(Config::server()));
/// server.close(CloseCode::NORMAL, "")?;
/// assert_eq!(server.send("too late"), Err(SendError::Closing));
/// # Ok::<(), bowsprit_proto::CloseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendError {
    /// The opening handshake is not done yet.
    NotOpen,
    /// The closing handshake has begun; nothing may follow the close frame (RFC 6455 §5.5.1).
    Closing,
    /// The connection has ended or never opened.
    Closed,
    /// The queue is at `limits.send_buffer`.
    Full,
    /// Text that is not UTF-8 (RFC 6455 §5.6).
    InvalidUtf8,
    /// A ping or pong of more than 125 bytes (RFC 6455 §5.5).
    ControlTooLong,
    /// A message was begun with `send_fragment` and must be finished first, or goes on as another kind.
    InsideMessage,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "connection is not open yet",
            Self::Closing => "connection is closing",
            Self::Closed => "connection is closed",
            Self::Full => "send queue is full",
            Self::InvalidUtf8 => "text is not valid UTF-8",
            Self::ControlTooLong => "payload of a control frame is longer than 125 bytes",
            Self::InsideMessage => "another message is being sent in fragments",
        })
    }
}

impl core::error::Error for SendError {}

/// Why the closing handshake was not started. The connection stays as it was.
///
/// ```
/// use std::sync::Arc;
/// use bowsprit_proto::{CloseCode, CloseError, Config, Connection};
///
/// let mut server = Connection::server(Arc::new(Config::server()));
/// let refused = server.close(CloseCode::ABNORMAL, "");
/// assert_eq!(refused, Err(CloseError::InvalidCode(CloseCode::ABNORMAL)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseError {
    /// A number that may appear in no close frame, 1006 for example.
    InvalidCode(CloseCode),
    /// A number set aside for later versions of the protocol, 1004 for example.
    ReservedCode(CloseCode),
    /// The opening handshake is not done yet.
    NotOpen,
    /// The closing handshake has begun already.
    Closing,
    /// The connection has ended or never opened.
    Closed,
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidCode(_) => "Invalid close code used",
            Self::ReservedCode(_) => "Reserved close code used",
            Self::NotOpen => "connection is not open yet",
            Self::Closing => "connection is closing already",
            Self::Closed => "connection is closed",
        })
    }
}

impl core::error::Error for CloseError {}
