//! The compressed forms of a prepared message.

use std::sync::OnceLock;

use alloc::vec::Vec;

use bytes::Bytes;

use super::{compress::Encoder, pool};
use crate::{
    Message,
    deflate::TOO_SMALL_TO_COMPRESS,
    frame::{FrameHeader, Opcode},
};

/// One for each window, made when it is first asked for; an empty one where compression gains nothing.
#[derive(Debug, Default)]
pub(crate) struct CompressedFrames([OnceLock<Bytes>; 7]);

impl CompressedFrames {
    /// The frame for compressors of this window. Which level it was made with is the first one's choice.
    pub(crate) fn get(&self, (window_bits, level): (u8, u8), message: &Message) -> Option<&Bytes> {
        let index = window_bits.checked_sub(TOO_SMALL_TO_COMPRESS + 1)?;
        let slot = self.0.get(usize::from(index))?;
        let frame = slot.get_or_init(|| {
            let mut encoder = pool::take_encoder(window_bits, level);
            let frame = compress(&mut encoder, message);
            pool::give_encoder(encoder);
            frame
        });
        (!frame.is_empty()).then_some(frame)
    }
}

fn compress(encoder: &mut Encoder, message: &Message) -> Bytes {
    let payload = message.as_bytes();
    let mut compressed = Vec::new();
    encoder.encode(payload, true, &mut compressed);
    if compressed.len() >= payload.len() {
        return Bytes::new();
    }
    let header = FrameHeader {
        compressed: true,
        ..FrameHeader::new(true, Opcode::of(message.kind()), compressed.len() as u64)
    };
    let mut frame = Vec::with_capacity(compressed.len().saturating_add(FrameHeader::MAX_LEN));
    header.encode(&mut frame);
    frame.extend_from_slice(&compressed);
    frame.into()
}
