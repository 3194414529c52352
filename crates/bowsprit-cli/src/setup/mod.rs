//! The program on a machine: completions, manual pages, the configuration file.

use clap::Args;

/// `bowsprit completions SHELL`
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    shell: String,
}
