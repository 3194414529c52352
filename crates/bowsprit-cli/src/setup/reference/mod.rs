//! The pages of docs/reference that follow from the program's definitions. Tests compare them with the
//! files, so that they cannot drift; `WRITE_REFERENCE=1 cargo test -p bowsprit-cli --lib reference` writes
//! the generated ones anew.

use std::path::{Path, PathBuf};
use std::{env, fs};

mod command_line;
mod markdown;
mod prompt;
mod tables;

/// What the generated pages say of themselves.
const ORIGIN: &str = "This page is made from the program's own definitions, as `--help-all` and `help` are: \
    it is refreshed by\n`WRITE_REFERENCE=1 cargo test -p bowsprit-cli --lib reference`, and without the \
    variable that fails where the page\nis not what the program says.\n";

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A page of the reference.
fn page(name: &str) -> String {
    let path = root().join("docs/reference").join(name);
    fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Compares a generated page with its file, or writes it.
fn compare(name: &str, made: &str) {
    if env::var_os("WRITE_REFERENCE").is_some() {
        let path = root().join("docs/reference").join(name);
        fs::write(path, made).expect("the page can be written");
    }
    let written = page(name);
    let differing = written.lines().zip(made.lines()).position(|(a, b)| a != b);
    assert!(
        written == made,
        "docs/reference/{name} is not what the program says (line {}): \
         WRITE_REFERENCE=1 cargo test -p bowsprit-cli --lib reference",
        differing.map_or(0, |line| line + 1)
    );
}
