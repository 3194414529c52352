//! The seeds that fuzzing left, as the tests of the crates replay them.

use std::{fs, path::Path};

/// The name of a target's program, and what it does with an input.
type Target = (&'static str, fn(&[u8]));

/// Runs each target on each of its seeds, which `seeds.py` has packed.
pub(crate) fn replay(targets: &[Target]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, run) in targets {
        let path = folder.join(name).with_extension("bin");
        let seeds = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut rest = &seeds[..];
        let mut count = 0;
        // Each input stands behind its length in two bytes.
        while let Some((len, behind)) = rest.split_first_chunk() {
            let (input, later) = behind.split_at(u16::from_be_bytes(*len).into());
            run(input);
            rest = later;
            count += 1;
        }
        assert!(count > 20, "{name} has {count} seeds");
    }
}
