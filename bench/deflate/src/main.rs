//! Weighs the DEFLATE libraries that permessage-deflate could use. `run.sh` drives it.

use std::{env, io, process::ExitCode, time::Duration};

mod library;
mod measure;
mod table;

fn main() -> ExitCode {
    let argument = env::args().nth(1).unwrap_or_default();
    if argument == "table" {
        table::print(io::stdin().lock());
    } else if let Ok(milliseconds) = argument.parse() {
        measure::all(Duration::from_millis(milliseconds));
    } else {
        eprintln!("usage: bowsprit-bench-deflate MILLISECONDS_A_CASE | table <LINES");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
