//! Frames: the unit on the wire (RFC 6455 §5).

mod header;
mod mask;

pub use header::FrameHeader;
pub(crate) use mask::append_masked;
pub use mask::{MaskingKey, apply_mask};

use crate::Kind;

/// What a frame carries (RFC 6455 §5.2).
///
/// ```
/// use bowsprit_proto::frame::Opcode;
///
/// assert_eq!(Opcode::from_bits(0x9), Some(Opcode::Ping));
/// assert_eq!(Opcode::from_bits(0x3), None);
/// assert!(Opcode::Ping.is_control());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// A question whether the peer is there.
    Ping = 0x9,
    /// The answer to it, or an unasked sign of life.
    Pong = 0xA,
}

impl Opcode {
    /// The opcode with this number; `None` for the reserved ones.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// The opcode that begins a message of this kind.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }

    /// The kind of the message that this opcode begins.
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Text => Some(Kind::Text),
            Self::Binary => Some(Kind::Binary),
            Self::Continuation | Self::Close | Self::Ping | Self::Pong => None,
        }
    }

    /// Whether it is close, ping or pong: never fragmented, at most 125 bytes (RFC 6455 §5.5).
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The most that a control frame may carry, in bytes (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;
