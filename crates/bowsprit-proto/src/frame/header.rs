//! The header of a frame, decoded and encoded (RFC 6455 §5.2).

use alloc::vec::Vec;

use super::{MAX_CONTROL_PAYLOAD, MaskingKey, Opcode};
use crate::{ProtocolError, Role};

const RSV1: u8 = 0x40;

/// The first 2 to 14 bytes of a frame.
///
/// ```
/// use bowsprit_proto::{Role, frame::{FrameHeader, Opcode}};
///
/// let header = FrameHeader::new(true, Opcode::Text, 5);
/// let mut wire = Vec::new();
/// header.encode(&mut wire);
/// assert_eq!(wire, [0x81, 0x05]);
/// assert_eq!(FrameHeader::decode(&wire, Role::Client), Ok(Some((header, 2))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this frame ends its message.
    pub fin: bool,
    /// What the frame carries.
    pub opcode: Opcode,
    /// The bit RSV1: with permessage-deflate, that the message which this frame begins is compressed
    /// (RFC 7692 §6). Whether that was agreed is for the caller to judge.
    pub compressed: bool,
    /// Present in all frames from a client and in none from a server.
    pub masking_key: Option<MaskingKey>,
    /// Bytes that follow the header.
    pub payload_len: u64,
}

impl FrameHeader {
    /// The longest header in bytes.
    pub const MAX_LEN: usize = 14;

    /// The header of an uncompressed frame without a mask.
    pub const fn new(fin: bool, opcode: Opcode, payload_len: u64) -> Self {
        Self {
            fin,
            opcode,
            compressed: false,
            masking_key: None,
            payload_len,
        }
    }

    /// Reads a header from the beginning of `bytes`, which `role` received, and tells its length.
    ///
    /// `None` means that bytes are missing. The first two are judged as soon as they are there, however
    /// long the header is.
    ///
    /// # Errors
    ///
    /// When the header breaks a rule of §5.1, §5.2 or §5.5. Limits are the caller's.
    #[inline]
    pub fn decode(bytes: &[u8], role: Role) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let fin = first & 0x80 != 0;
        // §5.2: the reserved bits MUST be 0 unless an extension gives them a meaning.
        if first & 0x30 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let compressed = first & RSV1 != 0;
        let Some(opcode) = Opcode::from_bits(first & 0x0F) else {
            return Err(ProtocolError::ReservedOpcode(first & 0x0F));
        };
        // RFC 7692 §6.1: the bit stands on the first frame of a message.
        if compressed && opcode.kind().is_none() {
            return Err(ProtocolError::ReservedBits);
        }
        let short_len = second & 0x7F;
        if opcode.is_control() {
            if !fin {
                return Err(ProtocolError::FragmentedControl);
            }
            if usize::from(short_len) > MAX_CONTROL_PAYLOAD {
                return Err(ProtocolError::ControlTooLong);
            }
        }
        // §5.1: a server MUST close on an unmasked frame, a client on a masked one.
        match (second & 0x80 != 0, role) {
            (false, Role::Server) => return Err(ProtocolError::MaskRequired),
            (true, Role::Client) => return Err(ProtocolError::MaskForbidden),
            _ => {}
        }
        let Some((payload_len, len_bytes)) = decode_len(short_len, rest)? else {
            return Ok(None);
        };
        let (masking_key, key_bytes) = match role {
            Role::Client => (None, 0),
            Role::Server => match rest.get(len_bytes..).and_then(<[u8]>::first_chunk) {
                Some(key) => (Some(*key), 4),
                None => return Ok(None),
            },
        };
        let header = Self {
            fin,
            opcode,
            compressed,
            masking_key,
            payload_len,
        };
        #[expect(clippy::arithmetic_side_effects, reason = "at most 2 + 8 + 4")]
        let header_len = 2 + len_bytes + key_bytes;
        Ok(Some((header, header_len)))
    }

    /// Whether the bit RSV1 is set: known before the whole header is there, as soon as anything is judged.
    #[inline]
    pub(crate) fn begins_compressed(bytes: &[u8]) -> bool {
        matches!(bytes, [first, _, ..] if first & RSV1 != 0)
    }

    /// Appends the header, its length in the shortest form.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let first = u8::from(self.fin) << 7 | u8::from(self.compressed) << 6 | self.opcode as u8;
        let mask = u8::from(self.masking_key.is_some()) << 7;
        if let Ok(len @ 0..=125) = u8::try_from(self.payload_len) {
            out.extend_from_slice(&[first, mask | len]);
        } else if let Ok(len) = u16::try_from(self.payload_len) {
            let [a, b] = len.to_be_bytes();
            out.extend_from_slice(&[first, mask | 126, a, b]);
        } else {
            out.extend_from_slice(&[first, mask | 127]);
            out.extend_from_slice(&self.payload_len.to_be_bytes());
        }
        if let Some(key) = self.masking_key {
            out.extend_from_slice(&key);
        }
    }
}

/// The payload length, and how many bytes it takes beside the first two.
#[inline]
fn decode_len(short_len: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
    match short_len {
        126 => {
            let Some(len) = rest.first_chunk() else {
                return Ok(None);
            };
            let len = u16::from_be_bytes(*len);
            // §5.2: the minimal number of bytes MUST be used.
            if len < 126 {
                return Err(ProtocolError::NonMinimalLength);
            }
            Ok(Some((len.into(), 2)))
        }
        127 => {
            let Some(len) = rest.first_chunk() else {
                return Ok(None);
            };
            let len = u64::from_be_bytes(*len);
            if len >> 63 != 0 {
                return Err(ProtocolError::LengthOverflow);
            }
            if len <= u64::from(u16::MAX) {
                return Err(ProtocolError::NonMinimalLength);
            }
            Ok(Some((len, 8)))
        }
        len => Ok(Some((len.into(), 0))),
    }
}
