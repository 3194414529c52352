//! The seeds that fuzzing left, and some input made up on the spot, for each target.

use proptest::{collection::vec, prelude::*};

use super::TARGETS;

#[path = "../../../../../fuzz/src/seeds.rs"]
mod seeds;

#[test]
fn each_target_takes_its_seeds() {
    seeds::replay(&TARGETS);
}

proptest! {
    #[test]
    fn each_target_takes_any_bytes(data in vec(any::<u8>(), 0..200)) {
        for (_, run) in TARGETS {
            run(&data);
        }
    }
}
