//! Masking keys of those who leave the generator to the application.

/// A fresh key, unpredictable as RFC 6455 §10.3 wants it.
#[inline]
pub fn next() -> [u8; 4] {
    // One word of the generator. As an array it would be drawn byte by byte, a word for each.
    rand::random::<u32>().to_ne_bytes()
}
