//! DEFLATE blocks to payloads (RFC 7692 §7.2.2), never more than the caller takes.

use core::fmt;

use alloc::{boxed::Box, vec::Vec};

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{len_between, pool, pool::CHUNK_LEN};
use crate::{Compressed, DeflateParams, ProtocolError, Role};

/// The largest window. How far the peer may refer is bounded by what the inflater is told of the past.
const WINDOW_BITS: u8 = 15;

/// §7.2.2: what the sender left out at the end of a message, and behind it an empty final block, which is
/// read as one only where a block has ended.
const TAIL: [u8; 6] = [0x00, 0x00, 0xFF, 0xFF, 0x03, 0x00];

/// To go on behind a final block costs as much time as to inflate this many bytes, and the block takes
/// two: a message must not be made of them.
const FINAL_BLOCK_COST: usize = 1024;

/// So many may stand in a message however short it is.
const FREE_FINAL_BLOCKS: usize = 64;

/// The receiving side of one connection.
#[derive(Debug)]
pub(crate) struct Inflater {
    /// The most that later messages may refer to; 0 without context takeover.
    window: usize,
    /// The end of what was received. With the inflaters of the thread it makes up for one of one's own.
    history: Vec<u8>,
    /// Held inside a message only.
    decoder: Option<Box<Decoder>>,
    counts: Compressed,
}

impl Inflater {
    /// Always there; an implementation that is none makes none.
    pub(crate) fn new(role: Role, params: &DeflateParams) -> Option<Box<Self>> {
        let (window_bits, has_takeover) = params.of_sender(match role {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        });
        Some(Box::new(Self {
            window: if has_takeover { 1 << window_bits } else { 0 },
            history: Vec::new(),
            decoder: None,
            counts: Compressed::default(),
        }))
    }

    /// How much was inflated so far.
    pub(crate) const fn counts(&self) -> Compressed {
        self.counts
    }

    /// Inflates the next bytes of a message and hands what they hold to `sink`, piece by piece. `last`
    /// says that the message ends with them.
    pub(crate) fn inflate(
        &mut self,
        payload: &[u8],
        last: bool,
        mut sink: impl FnMut(&[u8]) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        let mut decoder = self
            .decoder
            .take()
            .unwrap_or_else(|| pool::take_decoder(&self.history));
        let (history, window) = (&mut self.history, self.window);
        let mut inflated = 0_usize;
        let before = decoder.taken;
        let mut rest = payload;
        while let Some(after) = decoder.decode(rest, |piece| {
            remember(history, window, piece);
            inflated = inflated.saturating_add(piece.len());
            sink(piece)
        })? {
            // §7.2.3.4: a block with the final bit ends nothing but the work of this inflater.
            let taken = payload.len().saturating_sub(after.len());
            decoder.taken = before.saturating_add(taken);
            decoder.final_blocks = decoder.final_blocks.saturating_add(1);
            let paid = decoder.taken / FINAL_BLOCK_COST;
            if decoder.final_blocks > paid.saturating_add(FREE_FINAL_BLOCKS) {
                return Err(ProtocolError::InvalidDeflate);
            }
            decoder.restart(history);
            rest = after;
        }
        decoder.taken = before.saturating_add(payload.len());
        self.counts.add(inflated, payload.len(), last);
        if !last {
            self.decoder = Some(decoder);
            return Ok(());
        }
        // They hold nothing: what they seem to hold is the end of a block that was cut.
        let after = decoder.decode(&TAIL, |_| Err(ProtocolError::InvalidDeflate))?;
        if after.is_none_or(|after| !after.is_empty()) {
            return Err(ProtocolError::InvalidDeflate);
        }
        pool::give_decoder(decoder);
        Ok(())
    }
}

/// Keeps the last `window` bytes of all that was received.
fn remember(history: &mut Vec<u8>, window: usize, piece: &[u8]) {
    let new = piece.get(piece.len().saturating_sub(window)..);
    let new = new.unwrap_or_default();
    let excess = history.len().saturating_add(new.len());
    history.drain(..excess.saturating_sub(window));
    let (room, needed) = (history.capacity(), history.len().saturating_add(new.len()));
    if needed > room {
        // Left to itself the vector would grow to nearly twice the window.
        let enough = needed.max(room.saturating_mul(2).min(window));
        history.reserve_exact(enough.saturating_sub(history.len()));
    }
    history.extend_from_slice(new);
}

/// An inflater, and what it has cost so far.
pub(super) struct Decoder {
    inflate: Inflate,
    /// Bytes of the message that it was given.
    taken: usize,
    final_blocks: usize,
}

impl Decoder {
    /// Begins a message that may refer to `history`.
    pub(super) fn begin(&mut self, history: &[u8]) {
        self.taken = 0;
        self.final_blocks = 0;
        self.restart(history);
    }

    fn restart(&mut self, history: &[u8]) {
        self.inflate.reset(false);
        if !history.is_empty() {
            // Refused in the middle of a stream only.
            let _ = self.inflate.set_dictionary(history);
        }
    }

    /// Inflates all of `input`. Behind a final block it stops and returns what is left.
    fn decode<'a>(
        &mut self,
        input: &'a [u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), ProtocolError>,
    ) -> Result<Option<&'a [u8]>, ProtocolError> {
        let mut rest = input;
        pool::with_chunk(|chunk| {
            loop {
                let (taken_before, produced_before) =
                    (self.inflate.total_in(), self.inflate.total_out());
                let status = self.inflate.decompress(rest, chunk, InflateFlush::NoFlush);
                let taken = len_between(taken_before, self.inflate.total_in());
                let produced = len_between(produced_before, self.inflate.total_out());
                rest = rest.get(taken..).unwrap_or_default();
                if produced > 0 {
                    sink(chunk.get(..produced).unwrap_or_default())?;
                }
                // Only then: what came before a fault is judged first, however much was read at once.
                let status = status.map_err(|_| ProtocolError::InvalidDeflate)?;
                if status == Status::StreamEnd {
                    return Ok(Some(rest));
                }
                // Only a full chunk leaves something behind.
                if produced < CHUNK_LEN {
                    return Ok(None);
                }
            }
        })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            inflate: Inflate::new(false, WINDOW_BITS),
            taken: 0,
            final_blocks: 0,
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}
