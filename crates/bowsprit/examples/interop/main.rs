//! The library's part in the sessions of `interop/library.py`: an echo server, and the client that talks
//! to one. `cargo run --example interop -- server --listen 127.0.0.1:9002` serves a page for browsers, too.
//!
//! ```text
//! interop server [--listen ADDRESS] [--tls CERTIFICATE KEY] [--compress MODE]
//! interop client URI [--ca FILE] [--compress MODE] [--subprotocol NAME]...
//! ```
//!
//! `interop/README.md` says what every peer does, and what it prints.

mod client;
mod report;
mod server;

use std::{env, error::Error, time::Duration};

use bowsprit::{Config, Deflate, Role};

type Failure = Box<dyn Error + Send + Sync>;

/// Far longer than anything here takes, since a busy machine must not fail a session.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let role = arguments.next();
    let options = Options::parse(arguments)?;
    match role.as_deref() {
        Some("server") => server::run(&options).await,
        Some("client") => client::run(&options).await,
        _ => Err("the first argument is `server` or `client`".into()),
    }
}

#[derive(Default)]
struct Options {
    uri: String,
    listen: Option<String>,
    tls: Option<(String, String)>,
    authority: Option<String>,
    deflate: Option<Deflate>,
    subprotocols: Vec<String>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let missing = || format!("{argument} lacks its value");
                arguments.next().ok_or_else(missing)
            };
            match argument.as_str() {
                "--listen" => options.listen = Some(value()?),
                "--tls" => options.tls = Some((value()?, value()?)),
                "--ca" => options.authority = Some(value()?),
                "--compress" => options.deflate = compression(&value()?)?,
                "--subprotocol" => options.subprotocols.push(value()?),
                _ => options.uri = argument,
            }
        }
        Ok(options)
    }

    fn config(&self, role: Role) -> Config {
        let mut config = Config::for_role(role);
        config.deflate = self.deflate;
        config.timeouts.open = PATIENCE;
        config.timeouts.close = PATIENCE;
        config
    }
}

fn compression(mode: &str) -> Result<Option<Deflate>, Failure> {
    let mut deflate = match mode {
        "none" => return Ok(None),
        "shared" => Deflate::shared(),
        "dedicated" | "narrow" => Deflate::dedicated(),
        _ => return Err(format!("no mode of compression: {mode}").into()),
    };
    if mode == "narrow" {
        deflate.server_max_window_bits = 9;
        deflate.client_max_window_bits = 9;
    }
    // Small and empty messages are where framing goes wrong.
    deflate.threshold = 0;
    Ok(Some(deflate))
}
