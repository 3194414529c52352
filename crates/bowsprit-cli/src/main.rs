//! `bowsprit`: many WebSocket connections at one prompt.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    bowsprit_cli::main()
}
