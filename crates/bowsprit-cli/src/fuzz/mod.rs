//! What each fuzz target does with its input. The programs of the folder `fuzz/` call these, and the seeds that
//! they left are replayed here.

mod argv;
mod json;
mod oracle;
mod records;
mod screen;
mod scripts;
mod typed;

#[cfg(test)]
mod replay;

/// The name of a target's program, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Each target.
pub const TARGETS: [Target; 6] = [
    ("typed", typed::run),
    ("argv", argv::run),
    ("screen", screen::run),
    ("scripts", scripts::run),
    ("json", json::run),
    ("records", records::run),
];
