//! The seeds that fuzzing left, for each target.

use super::TARGETS;

#[path = "../../../../fuzz/src/seeds.rs"]
mod seeds;

#[test]
fn each_target_takes_its_seeds() {
    seeds::replay(&TARGETS);
}
