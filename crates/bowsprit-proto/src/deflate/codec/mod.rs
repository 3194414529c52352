//! DEFLATE itself, by zlib-rs, whose safe interface allocates through `std`.

mod compress;
mod frames;
mod inflate;
mod pool;

pub(crate) use compress::Compressor;
pub(crate) use frames::CompressedFrames;
pub(crate) use inflate::Inflater;

use crate::{DeflateParams, Role};

impl DeflateParams {
    /// The window of what `sender` sends, and whether its messages may refer to earlier ones.
    fn of_sender(&self, sender: Role) -> (u8, bool) {
        let (window_bits, no_takeover) = match sender {
            Role::Server => (self.server_max_window_bits, self.server_no_context_takeover),
            Role::Client => (self.client_max_window_bits, self.client_no_context_takeover),
        };
        // Callers may have changed them.
        (window_bits.clamp(8, 15), !no_takeover)
    }
}

/// How much of a slice was used, which zlib counts in 64 bits over all slices.
fn len_between(before: u64, after: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(0)
}
