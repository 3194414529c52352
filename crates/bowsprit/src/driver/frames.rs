//! Tells of every frame, both ways, on the channels `frame_header` and `frame_payload`.
//!
//! It only looks on: bytes are shown to it beside their way through the connection, and what breaks a rule
//! is told as it came.

use std::mem;

use bowsprit_proto::frame::{MAX_CONTROL_PAYLOAD, MaskingKey, Opcode, apply_mask};

use crate::{
    ConnectionId,
    log::{self, Direction, FrameSeen},
};

/// How much of a payload is told: all of a control frame's.
const EXCERPT: usize = MAX_CONTROL_PAYLOAD;

/// The frames of one connection, where somebody wanted to hear of them when it opened.
#[derive(Debug)]
pub(super) struct Frames {
    id: ConnectionId,
    received: Strand,
    sent: Strand,
}

/// The frames that go one way.
#[derive(Debug)]
struct Strand {
    direction: Direction,
    /// The header as far as it came, then what is told of its payload.
    kept: Vec<u8>,
    /// In the middle of a payload.
    payload: Option<Payload>,
}

#[derive(Clone, Copy, Debug)]
struct Payload {
    masking_key: Option<MaskingKey>,
    /// Bytes that are still to come.
    left: u64,
    /// How many of those are kept.
    wanted: usize,
}

impl Frames {
    /// `None` where nobody listens.
    pub(super) fn watch(id: ConnectionId) -> Option<Self> {
        log::tells_frames().then(|| Self {
            id,
            received: Strand::new(Direction::Received),
            sent: Strand::new(Direction::Sent),
        })
    }

    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.received.pass(self.id, bytes);
    }

    /// The first `len` of these bytes were written.
    pub(super) fn sent<'b>(&mut self, pieces: impl Iterator<Item = &'b [u8]>, mut len: usize) {
        for piece in pieces {
            let piece = piece.get(..len).unwrap_or(piece);
            self.sent.pass(self.id, piece);
            len -= piece.len();
            if len == 0 {
                break;
            }
        }
    }
}

impl Strand {
    const fn new(direction: Direction) -> Self {
        Self {
            direction,
            kept: Vec::new(),
            payload: None,
        }
    }

    fn pass(&mut self, id: ConnectionId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.payload.take() {
                None => self.pass_header(id, bytes),
                Some(payload) => self.pass_payload(id, payload, bytes),
            };
        }
    }

    /// Takes what the header still needs; returns the rest.
    fn pass_header<'b>(&mut self, id: ConnectionId, bytes: &'b [u8]) -> &'b [u8] {
        let needed = header_len(&self.kept) - self.kept.len();
        let (taken, rest) = bytes.split_at_checked(needed).unwrap_or((bytes, &[]));
        self.kept.extend_from_slice(taken);
        // The first two bytes say how many there are.
        if self.kept.len() == header_len(&self.kept) {
            let header = mem::take(&mut self.kept);
            let (seen, masking_key) = read_header(&header);
            log::frame_header(id, self.direction, &seen);
            let wanted = usize::try_from(seen.len).map_or(EXCERPT, |len| len.min(EXCERPT));
            let left = seen.len;
            self.payload = (left > 0).then_some(Payload {
                masking_key,
                left,
                wanted,
            });
        }
        rest
    }

    /// Takes what belongs to the payload; returns the rest.
    fn pass_payload<'b>(
        &mut self,
        id: ConnectionId,
        mut payload: Payload,
        bytes: &'b [u8],
    ) -> &'b [u8] {
        let len = usize::try_from(payload.left).unwrap_or(usize::MAX);
        let (taken, rest) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
        let excerpt = taken.get(..payload.wanted).unwrap_or(taken);
        self.kept.extend_from_slice(excerpt);
        payload.left -= taken.len() as u64;
        if payload.wanted > 0 {
            payload.wanted -= excerpt.len();
            if payload.wanted == 0 {
                let mut excerpt = mem::take(&mut self.kept);
                if let Some(key) = payload.masking_key {
                    apply_mask(&mut excerpt, key);
                }
                log::frame_payload(id, self.direction, &excerpt);
            }
        }
        self.payload = (payload.left > 0).then_some(payload);
        rest
    }
}

/// How long the header is that begins with these bytes, as far as they tell (RFC 6455 §5.2).
fn header_len(beginning: &[u8]) -> usize {
    let &[_, second, ..] = beginning else {
        return 2;
    };
    let len_bytes = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let key_bytes = if second & 0x80 == 0 { 0 } else { 4 };
    2 + len_bytes + key_bytes
}

/// Whatever stands in a whole header, whether it is allowed or not.
fn read_header(header: &[u8]) -> (FrameSeen, Option<MaskingKey>) {
    let (first, second) = match header {
        &[first, second, ..] => (first, second),
        _ => (0, 0),
    };
    let is_masked = second & 0x80 != 0;
    let masking_key = header.last_chunk().copied().filter(|_| is_masked);
    let end = header.len() - if is_masked { 4 } else { 0 };
    let extended = header.get(2..end).unwrap_or_default();
    let len = match second & 0x7F {
        short @ 0..=125 => u64::from(short),
        _ => extended
            .iter()
            .fold(0, |len, &byte| len << 8 | u64::from(byte)),
    };
    let seen = FrameSeen {
        fin: first & 0x80 != 0,
        rsv: first >> 4 & 0x7,
        opcode: Opcode::from_bits(first & 0xF).ok_or(first & 0xF),
        is_masked,
        len,
    };
    (seen, masking_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_comes_costs_no_more_than_an_excerpt() {
        let mut strand = Strand::new(Direction::Received);
        let mut noise = 1_u32;
        let mut next = || {
            // Xorshift: all lengths, kinds and cuts come by in some order.
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            noise
        };
        let mut long = 0;
        for _ in 0..100_000 {
            let piece: Vec<u8> = (0..next() % 40).map(|_| next().to_le_bytes()[0]).collect();
            strand.pass(ConnectionId::next(), &piece);
            assert!(strand.kept.len() <= EXCERPT);
            // Else the first length of 8 bytes would be the end of it.
            if strand.payload.is_some_and(|payload| payload.left > 1 << 12) {
                long += 1;
                strand = Strand::new(Direction::Received);
            }
        }
        assert!(long > 100, "{long}");
    }

    #[test]
    fn headers_of_every_size_are_read_in_any_pieces() {
        let cases: [(&[u8], u64, bool); 6] = [
            (&[0x81, 0], 0, false),
            (&[0x01, 125], 125, false),
            (&[0x82, 126, 1, 0], 256, false),
            (&[0x82, 0xFE, 1, 0, 9, 9, 9, 9], 256, true),
            (&[0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0], 1 << 32, false),
            (
                &[
                    0xFF, 0xFF, 255, 255, 255, 255, 255, 255, 255, 255, 9, 9, 9, 9,
                ],
                u64::MAX,
                true,
            ),
        ];
        for (header, len, is_masked) in cases {
            for cut in 0..header.len() {
                let mut strand = Strand::new(Direction::Sent);
                let (first, second) = header.split_at(cut);
                strand.pass(ConnectionId::next(), first);
                assert!(strand.payload.is_none());
                strand.pass(ConnectionId::next(), second);
                let payload = strand.payload;
                assert_eq!(payload.map_or(0, |payload| payload.left), len, "{header:?}");
                if let Some(payload) = payload {
                    assert_eq!(payload.masking_key, is_masked.then_some([9; 4]));
                }
                assert!(strand.kept.is_empty());
            }
        }
    }
}
