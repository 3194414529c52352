//! Scripts: `run FILE`.

use std::path::PathBuf;

use clap::Args;

/// `bowsprit run FILE`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    file: PathBuf,
}
