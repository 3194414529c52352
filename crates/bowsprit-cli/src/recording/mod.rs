//! Sessions written down and played again: `--record`, `replay`, HAR.

use std::path::PathBuf;

use clap::Args;

/// `bowsprit replay FILE [URI]`
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    file: PathBuf,
    uri: Option<String>,
}
