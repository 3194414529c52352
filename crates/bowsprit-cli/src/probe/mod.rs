//! What a connection is like: `ping` and `check`.

use clap::Args;

use crate::options::{DisplayOptions, Options};

/// `bowsprit ping URI`
#[derive(Debug, Args)]
pub(crate) struct PingArgs {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    display: DisplayOptions,
    uri: String,
}

/// `bowsprit check URI`
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    display: DisplayOptions,
    uri: String,
}
