//! What connections of a thread share: compressors and inflaters that nobody uses just now, and room
//! for what comes out of them.

use std::{
    cell::{Cell, RefCell},
    thread_local,
};

use alloc::{boxed::Box, vec, vec::Vec};

use super::{compress::Encoder, inflate::Decoder};

/// So many compressors are kept. Windows and levels are chosen per endpoint, so there are few kinds of them.
const SPARES: usize = 4;

/// What is compressed or inflated comes out in pieces of this size at most.
pub(super) const CHUNK_LEN: usize = 16 * 1024;

thread_local! {
    #[expect(clippy::vec_box, reason = "a connection without one should have room for a pointer only")]
    static ENCODERS: RefCell<Vec<Box<Encoder>>> = const { RefCell::new(Vec::new()) };
    static DECODER: Cell<Option<Box<Decoder>>> = const { Cell::new(None) };
    static CHUNK: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// A compressor of this kind that starts afresh.
pub(super) fn take_encoder(window_bits: u8, level: u8) -> Box<Encoder> {
    let spare = ENCODERS.try_with(|spares| {
        let mut spares = spares.borrow_mut();
        let found = spares
            .iter()
            .position(|spare| spare.is_kind(window_bits, level))?;
        Some(spares.swap_remove(found))
    });
    match spare.ok().flatten() {
        Some(mut encoder) => {
            encoder.restart();
            encoder
        }
        None => Box::new(Encoder::new(window_bits, level)),
    }
}

/// Gives a compressor back; what it still knows is forgotten before it is used again.
pub(super) fn give_encoder(encoder: Box<Encoder>) {
    // At the end of the thread there is nothing to give it to.
    let _ = ENCODERS.try_with(|spares| {
        let mut spares = spares.borrow_mut();
        if spares.len() >= SPARES {
            // Many of one kind must not push out the only one of another.
            let alike = spares.iter().position(|spare| spare.is_like(&encoder));
            spares.remove(alike.unwrap_or(0));
        }
        spares.push(encoder);
    });
}

/// An inflater that knows nothing but `history`.
pub(super) fn take_decoder(history: &[u8]) -> Box<Decoder> {
    let spare = DECODER.try_with(Cell::take);
    let mut decoder = spare.ok().flatten().unwrap_or_default();
    decoder.begin(history);
    decoder
}

/// Gives an inflater back.
pub(super) fn give_decoder(decoder: Box<Decoder>) {
    // As for compressors.
    let _ = DECODER.try_with(|spare| spare.set(Some(decoder)));
}

/// Lends a chunk of memory to `f`. What is in it is left over from earlier.
pub(super) fn with_chunk<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    let spare = CHUNK.try_with(Cell::take);
    let mut chunk = spare
        .ok()
        .flatten()
        .unwrap_or_else(|| vec![0; CHUNK_LEN].into_boxed_slice());
    let result = f(&mut chunk);
    // As for compressors.
    let _ = CHUNK.try_with(|spare| spare.set(Some(chunk)));
    result
}
