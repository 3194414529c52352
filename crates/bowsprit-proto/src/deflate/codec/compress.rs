//! Payloads to DEFLATE blocks (RFC 7692 §7.2.1).

use core::fmt;

use alloc::{boxed::Box, vec::Vec};

use zlib_rs::{DeflateConfig, DeflateFlush};

use super::{len_between, pool, pool::CHUNK_LEN};
use crate::{Compressed, Deflate, DeflateParams, Role, deflate::TOO_SMALL_TO_COMPRESS};

/// §7.2.1: what every flush ends with, left out at the end of a message.
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// Under context takeover a message may become longer by this much: to send it as it is would cost the
/// next ones the context.
const CONTEXT_WORTH: usize = 64;

/// The sending side of one connection.
#[derive(Debug)]
pub(crate) struct Compressor {
    window_bits: u8,
    level: u8,
    threshold: usize,
    has_takeover: bool,
    /// Held between messages only where they may refer to each other, else inside a fragmented one.
    encoder: Option<Box<Encoder>>,
    counts: Compressed,
}

impl Compressor {
    /// `None` where the window is too small for any compressor here: messages then go as they are, which
    /// is always allowed.
    pub(crate) fn new(role: Role, params: &DeflateParams, settings: &Deflate) -> Option<Box<Self>> {
        let (window_bits, has_takeover) = params.of_sender(role);
        let settings = settings.clamped();
        (window_bits > TOO_SMALL_TO_COMPRESS).then(|| {
            Box::new(Self {
                window_bits,
                level: settings.level,
                threshold: settings.threshold,
                has_takeover,
                encoder: None,
                counts: Compressed::default(),
            })
        })
    }

    /// How much was compressed so far.
    pub(crate) const fn counts(&self) -> Compressed {
        self.counts
    }

    /// A message of this length was sent as a prepared frame with so many bytes of payload.
    pub(crate) fn count_prepared(&mut self, payload: usize, wire: usize) {
        self.counts.add(payload, wire, true);
    }

    /// Whether a message, or a first fragment, of this length is worth the effort.
    pub(crate) const fn wants(&self, len: usize) -> bool {
        len >= self.threshold
    }

    /// The window that prepared messages must keep to, and the level to make one with.
    pub(crate) const fn kind(&self) -> (u8, u8) {
        (self.window_bits, self.level)
    }

    /// Appends a whole message to `out`, or nothing where that does not pay.
    pub(crate) fn message(&mut self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        let before = out.len();
        self.encode(payload, true, out);
        let len = out.len().saturating_sub(before);
        let pays = if self.has_takeover {
            len <= payload.len().saturating_add(CONTEXT_WORTH)
        } else {
            len < payload.len()
        };
        if pays {
            self.counts.add(payload.len(), len, true);
        } else {
            out.truncate(before);
            // The compressor knows a message that the peer's context will not have.
            self.forget();
        }
        pays
    }

    /// Appends one fragment of a message to `out`.
    pub(crate) fn fragment(&mut self, payload: &[u8], last: bool, out: &mut Vec<u8>) {
        let before = out.len();
        self.encode(payload, last, out);
        let wire = out.len().saturating_sub(before);
        self.counts.add(payload.len(), wire, last);
    }

    fn encode(&mut self, payload: &[u8], last: bool, out: &mut Vec<u8>) {
        let mut encoder = self
            .encoder
            .take()
            .unwrap_or_else(|| pool::take_encoder(self.window_bits, self.level));
        encoder.encode(payload, last, out);
        if last && (!self.has_takeover || encoder.has_counted_much()) {
            pool::give_encoder(encoder);
        } else {
            self.encoder = Some(encoder);
        }
    }

    /// Forgets earlier messages, which a sender may do before any message. The compressor goes back to
    /// the thread.
    pub(crate) fn forget(&mut self) {
        if let Some(encoder) = self.encoder.take() {
            pool::give_encoder(encoder);
        }
    }
}

/// A compressor, and what it was made for.
pub(super) struct Encoder {
    deflate: zlib_rs::Deflate,
    window_bits: u8,
    level: u8,
}

impl Encoder {
    pub(super) fn new(window_bits: u8, level: u8) -> Self {
        let config = DeflateConfig {
            level: level.into(),
            // Negative: without the header and the checksum of zlib's format.
            window_bits: i32::from(window_bits).saturating_neg(),
            // Level 1 gains nothing by more, level 2 little for large messages, and it costs 115 kB; the others
            // are slow without it.
            mem_level: if level <= 2 { 5 } else { 8 },
            ..DeflateConfig::default()
        };
        Self {
            deflate: zlib_rs::Deflate::new_with_config(config),
            window_bits,
            level,
        }
    }

    pub(super) const fn is_kind(&self, window_bits: u8, level: u8) -> bool {
        self.window_bits == window_bits && self.level == level
    }

    pub(super) const fn is_like(&self, other: &Self) -> bool {
        self.is_kind(other.window_bits, other.level)
    }

    /// zlib counts its output in as few as 32 bits, and a count that overflows is a panic.
    fn has_counted_much(&self) -> bool {
        self.deflate.total_out() > u64::from(u32::MAX / 2)
    }

    pub(super) fn restart(&mut self) {
        self.deflate.reset();
    }

    /// Appends `payload`, compressed and flushed to a whole number of bytes.
    pub(super) fn encode(&mut self, payload: &[u8], last: bool, out: &mut Vec<u8>) {
        let before = out.len();
        let mut rest = payload;
        pool::with_chunk(|chunk| {
            loop {
                let (taken_before, produced_before) =
                    (self.deflate.total_in(), self.deflate.total_out());
                // Fails on wrong parameters only.
                let _ = self.deflate.compress(rest, chunk, DeflateFlush::SyncFlush);
                let taken = len_between(taken_before, self.deflate.total_in());
                let produced = len_between(produced_before, self.deflate.total_out());
                rest = rest.get(taken..).unwrap_or_default();
                out.extend_from_slice(chunk.get(..produced).unwrap_or_default());
                // Only a full chunk leaves something behind.
                if produced < CHUNK_LEN {
                    break;
                }
            }
        });
        if last {
            if out.len() == before {
                // Nothing came since the last flush: an empty block, as §7.2.3.6 has it for empty messages.
                out.push(0);
            } else if out.ends_with(&TAIL) {
                out.truncate(out.len().saturating_sub(TAIL.len()));
            }
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("window_bits", &self.window_bits)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}
