//! What the fuzz target `stream` does with its input. The program of the folder `fuzz/` calls it, and the seeds that
//! it left are replayed here.

mod stream;
mod wire;

#[cfg(test)]
mod replay;

/// The name of a target's program, and what it does with an input.
type Target = (&'static str, fn(&[u8]));

/// Each target.
pub(crate) const TARGETS: [Target; 1] = [("stream", stream::run)];
