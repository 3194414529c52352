//! What each fuzz target does with its input. The programs of `fuzz/` call these, and the seeds that they left
//! are replayed here.

mod close;
mod deflate;
mod extensions;
mod frames;
mod inflate;
mod input;
mod mask;
mod pair;
mod requests;
mod responses;
mod text;
mod uri;

#[cfg(test)]
mod replay;

/// The name of a target's program, and what it does with an input.
type Target = (&'static str, fn(&[u8]));

/// Each target.
pub(crate) const TARGETS: [Target; 11] = [
    ("frames", frames::run),
    ("pair", pair::run),
    ("text", text::run),
    ("mask", mask::run),
    ("close", close::run),
    ("requests", requests::run),
    ("responses", responses::run),
    ("extensions", extensions::run),
    ("inflate", inflate::run),
    ("deflate", deflate::run),
    ("uri", uri::run),
];
