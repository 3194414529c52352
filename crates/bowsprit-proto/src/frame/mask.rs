//! Masking: what a client sends is XORed with a key that changes with each frame (RFC 6455 §5.3).

use alloc::vec::Vec;

/// The four bytes that a payload is XORed with, drawn afresh and unpredictably for each frame.
pub type MaskingKey = [u8; 4];

/// Masks or unmasks `payload` in place and returns the key as it stands for the byte after it.
///
/// A payload that comes in pieces is unmasked by handing each piece the key that the last returned.
///
/// ```
/// use bowsprit_proto::frame::apply_mask;
///
/// let mut payload = *b"hello";
/// let next = apply_mask(&mut payload[..2], [1, 2, 3, 4]);
/// apply_mask(&mut payload[2..], next);
/// apply_mask(&mut payload, [1, 2, 3, 4]);
/// assert_eq!(payload, *b"hello");
/// ```
#[inline]
pub fn apply_mask(payload: &mut [u8], key: MaskingKey) -> MaskingKey {
    if payload.len() < WIDE_FROM {
        mask(payload, key)
    } else {
        mask_widely(payload, key)
    }
}

/// Whole words first: the compiler widens that loop to the vector registers of whatever it is inlined into.
#[inline(always)]
fn mask(payload: &mut [u8], key: MaskingKey) -> MaskingKey {
    let half = u32::from_le_bytes(key);
    let word_key = u64::from(half) << 32 | u64::from(half);
    let (words, tail) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ word_key).to_le_bytes();
    }
    let mut next = half;
    for (byte, key) in tail.iter_mut().zip(word_key.to_le_bytes()) {
        *byte ^= key;
        next = next.rotate_right(8);
    }
    next.to_le_bytes()
}

#[cfg(feature = "std")]
#[inline(never)]
fn mask_widely(payload: &mut [u8], key: MaskingKey) -> MaskingKey {
    let level = fearless_simd::Level::new();
    fearless_simd::dispatch!(level, _simd => mask(payload, key))
}

#[cfg(not(feature = "std"))]
fn mask_widely(payload: &mut [u8], key: MaskingKey) -> MaskingKey {
    mask(payload, key)
}

/// Appends `payload` to `out`, masked: in one pass where [`apply_mask`] after a copy would make two.
#[inline]
pub(crate) fn append_masked(out: &mut Vec<u8>, payload: &[u8], key: MaskingKey) {
    let (blocks, tail) = payload.as_chunks::<64>();
    for block in blocks {
        let mut masked = *block;
        apply_mask(&mut masked, key);
        out.extend_from_slice(&masked);
    }
    let start = out.len();
    out.extend_from_slice(tail);
    if let Some(tail) = out.get_mut(start..) {
        apply_mask(tail, key);
    }
}

/// From so many bytes on it pays to look for the widest vector registers that there are.
const WIDE_FROM: usize = 512;
