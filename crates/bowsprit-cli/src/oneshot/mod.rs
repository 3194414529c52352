//! One connection and no prompt: the pipe form, `send` and `listen`.

use clap::Args;

use crate::options::{DisplayOptions, Options};

/// `bowsprit send URI MESSAGE...`
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    display: DisplayOptions,
    uri: String,
    messages: Vec<String>,
}

/// `bowsprit listen URI`
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    display: DisplayOptions,
    uri: String,
}
