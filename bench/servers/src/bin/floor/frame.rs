//! Headers and masks (RFC 6455 §5.2, §5.3).

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The longest header that a server writes.
pub(crate) const MAX_HEADER: usize = 10;

/// The header of a client's frame.
pub(crate) struct Header {
    pub(crate) opcode: u8,
    pub(crate) mask: [u8; 4],
    /// Of the payload.
    pub(crate) length: usize,
    /// Of the header itself.
    pub(crate) size: usize,
}

/// A frame that no client may send, or that is not known here.
#[derive(Debug)]
pub(crate) struct Refused;

impl Header {
    /// Reads a header, or nothing if it is not complete.
    pub(crate) fn parse(input: &[u8]) -> Result<Option<Self>, Refused> {
        let [first, second, rest @ ..] = input else {
            return Ok(None);
        };
        let opcode = first & 0x0F;
        // A whole frame without reserved bits, masked.
        if first & 0xF0 != 0x80 || second & 0x80 == 0 {
            return Err(Refused);
        }
        let (length, rest, least) = match (second & 0x7F, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest, 126),
            (127, rest) => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest, 1 << 16),
                None => return Ok(None),
            },
            (126, _) => return Ok(None),
            (length, rest) => (u64::from(length), rest, 0),
        };
        let is_known = match opcode {
            TEXT | BINARY => length >= least && length <= MAX_MESSAGE,
            CLOSE | PING | PONG => length <= 125,
            _ => false,
        };
        if !is_known {
            return Err(Refused);
        }
        Ok(rest.split_first_chunk().map(|(mask, rest)| Self {
            opcode,
            mask: *mask,
            length: length as usize,
            size: input.len() - rest.len(),
        }))
    }
}

/// What one client may make this program allocate.
const MAX_MESSAGE: u64 = 64 << 20;

/// Writes a server's header to the beginning of `output`, and returns its length.
pub(crate) fn write_header(output: &mut [u8], opcode: u8, length: usize) -> usize {
    output[0] = 0x80 | opcode;
    match length {
        0..126 => {
            output[1] = length as u8;
            2
        }
        126..65536 => {
            output[1] = 126;
            output[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        _ => {
            output[1] = 127;
            output[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    }
}

/// Copies `from` to `to` without its mask, in one pass. Both are equally long.
pub(crate) fn copy_unmasked(to: &mut [u8], from: &[u8], mask: [u8; 4]) {
    let wide = wide(mask);
    let (to_words, to_rest) = to.as_chunks_mut::<8>();
    let (from_words, from_rest) = from.as_chunks::<8>();
    for (to, from) in to_words.iter_mut().zip(from_words) {
        *to = (u64::from_ne_bytes(*from) ^ wide).to_ne_bytes();
    }
    for (index, (to, from)) in to_rest.iter_mut().zip(from_rest).enumerate() {
        *to = from ^ mask[index & 3];
    }
}

/// Takes the mask off in place.
pub(crate) fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let wide = wide(mask);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (index, byte) in rest.iter_mut().enumerate() {
        *byte ^= mask[index & 3];
    }
}

fn wide(mask: [u8; 4]) -> u64 {
    let half = u64::from(u32::from_ne_bytes(mask));
    half | half << 32
}
