//! The targets' bodies, which live with the tests of the crates.
#![forbid(unsafe_code)]
#![expect(
    dead_code,
    reason = "the targets need but a part of what the tests share"
)]

#[path = "../../crates/bowsprit-proto/tests/it/deflate_support.rs"]
mod deflate_support;
#[path = "../../crates/bowsprit-proto/tests/it/fuzz/mod.rs"]
mod fuzz;
#[path = "../../crates/bowsprit-proto/tests/it/puff.rs"]
mod puff;
#[path = "../../crates/bowsprit/tests/it/fuzz/mod.rs"]
mod streams;
#[path = "../../crates/bowsprit-proto/tests/it/support.rs"]
mod support;

/// Runs the target of this name once.
///
/// # Panics
///
/// When the target finds a fault, or there is none of that name.
pub fn run(name: &str, data: &[u8]) {
    let of_core = fuzz::TARGETS.iter();
    let of_library = streams::TARGETS.iter().chain(&bowsprit::fuzz::TARGETS);
    let mut all = of_core
        .chain(of_library)
        .chain(&bowsprit_cli::fuzz::TARGETS);
    let (_, run) = all.find(|(target, _)| *target == name).expect("a target");
    run(data);
}
