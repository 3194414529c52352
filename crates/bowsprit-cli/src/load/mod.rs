//! Many connections that measure a server: `load`.

use clap::Args;

use crate::options::Options;

/// `bowsprit load URI`
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    options: Options,
    uri: String,
}
