//! Masking: what a client sends is XORed with a key that changes with each frame (RFC 6455 §5.3).

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
    let half = u32::from_le_bytes(key);
    let word_key = u64::from(half) << 32 | u64::from(half);
    // Whole words first: the compiler widens this loop to the vector registers of the target.
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
