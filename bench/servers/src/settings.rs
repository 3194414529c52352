//! Bowsprit's settings: its defaults but for what an option asks.

use bowsprit::{Config, Deflate, Server, ServerBuilder, ServerTls};

use crate::{
    Failure,
    options::{self, Options},
};

/// A server that has still to be bound.
pub fn bowsprit(options: &Options) -> Result<ServerBuilder, Failure> {
    let mut config = Config::server();
    config.deflate = match options.deflate {
        options::Deflate::Off => None,
        options::Deflate::Shared => Some(Deflate::shared()),
        options::Deflate::Takeover => Some(Deflate::dedicated()),
    };
    let builder = Server::builder().config(config);
    Ok(match &options.tls {
        None => builder,
        Some((certificate, key)) => builder.tls(ServerTls::from_files(certificate, key)?),
    })
}
