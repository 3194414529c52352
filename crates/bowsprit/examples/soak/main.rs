//! Two ends that know what the other must say, for `bench/soak/run.py` and `interop/networks.py`: each message has
//! a sender, a number and a checksum, and the server sends it back.
//!
//! ```text
//! soak server [--listen ADDRESS] [--handshakes N] [OPTION]...
//! soak client URI [--connections N] [--ramp PER_SECOND] [--rate PER_SECOND] [--size BYTES] [--seconds N]
//!     [--count N] [--life SECONDS] [--slow EVERY_NTH] [--compress] [OPTION]...
//! ```
//!
//! `--ping` and `--pong` are keepalive's two waits, `--open` and `--close` those for the handshakes, all in
//! milliseconds; `--broadcast MILLISECONDS` is the server's time between two messages to all. Both print JSON, an
//! object a line: the server its port and the client that it is ready, then both over and over what they have
//! counted, and `lost` for each connection that ended without a closing handshake. A client begins with the first
//! line of its standard input, tells with `steady` and `leaves` when all its connections have been begun and are to
//! end, with `done` that they have closed, and goes with the end of the input, as the server does.

mod client;
mod message;
mod server;
mod tally;

use std::{env, error::Error, time::Duration};

use bowsprit::{Config, Deflate, KeepAlive, Role};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("server") => server::run(Options::parse(arguments, Role::Server)?).await,
        Some("client") => client::run(Options::parse(arguments, Role::Client)?).await,
        _ => Err("the first argument is `server` or `client`".into()),
    }
}

#[derive(Clone)]
struct Options {
    uri: String,
    listen: String,
    config: Config,
    /// Opening handshakes that the server runs at once.
    handshakes: Option<usize>,
    broadcast: Option<Duration>,
    connections: u64,
    /// Connections that are opened in a second.
    ramp: f64,
    /// Messages that all connections together send in a second.
    rate: f64,
    /// The longest message.
    size: usize,
    /// How long messages are sent once all connections are open.
    time: Duration,
    /// How many messages a connection sends in all, if that is fewer.
    count: u64,
    /// How long a connection is kept on the average, before the next one takes its place.
    life: Option<Duration>,
    /// Each connection whose number this divides does not read for a while.
    slow: Option<u64>,
    /// Half of the connections compress.
    compresses: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>, role: Role) -> Result<Self, Failure> {
        let mut options = Self::of(role);
        while let Some(argument) = arguments.next() {
            if argument == "--compress" {
                options.compresses = true;
                continue;
            }
            if !argument.starts_with("--") {
                options.uri = argument;
                continue;
            }
            let value = arguments
                .next()
                .ok_or_else(|| format!("{argument} lacks its value"))?;
            options.set(&argument, value)?;
        }
        Ok(options)
    }

    fn of(role: Role) -> Self {
        let mut config = Config::for_role(role);
        if role == Role::Server {
            config.deflate = Some(Deflate::dedicated());
        }
        Self {
            uri: String::new(),
            listen: "127.0.0.1:0".to_owned(),
            config,
            handshakes: None,
            broadcast: None,
            connections: 1,
            ramp: 200.0,
            rate: 10.0,
            size: 1024,
            time: Duration::MAX,
            count: u64::MAX,
            life: None,
            slow: None,
            compresses: false,
        }
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Failure> {
        let millis = || value.parse().map(Duration::from_millis);
        let seconds = || value.parse().map(Duration::from_secs_f64);
        let default = KeepAlive {
            interval: Duration::from_secs(20),
            timeout: Duration::from_secs(20),
        };
        match name {
            "--ping" => self.config.keepalive.get_or_insert(default).interval = millis()?,
            "--pong" => self.config.keepalive.get_or_insert(default).timeout = millis()?,
            "--open" => self.config.timeouts.open = millis()?,
            "--close" => self.config.timeouts.close = millis()?,
            "--broadcast" => self.broadcast = Some(millis()?),
            "--handshakes" => self.handshakes = Some(value.parse()?),
            "--connections" => self.connections = value.parse()?,
            "--ramp" => self.ramp = value.parse()?,
            "--rate" => self.rate = value.parse()?,
            "--size" => self.size = value.parse()?,
            "--seconds" => self.time = seconds()?,
            "--count" => self.count = value.parse()?,
            "--life" => self.life = Some(seconds()?),
            "--slow" => self.slow = Some(value.parse()?),
            "--listen" => self.listen = value,
            _ => return Err(format!("no option: {name}").into()),
        }
        Ok(())
    }
}
