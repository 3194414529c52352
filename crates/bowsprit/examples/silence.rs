//! A server or a client with short timeouts, for the silent peers of `interop/silence.py`.
//!
//! ```text
//! silence server [--tls CERTIFICATE KEY] [OPTION]...
//! silence client URI [OPTION]...
//! ```
//!
//! `--open`, `--close`, `--keepalive`, `--idle` and `--write` are waits in milliseconds; keepalive, idle and
//! write are off unless given. `--say BYTES` sends as much once it is open, `--bye` closes then. A server
//! prints its port first; both print how each connection ended, a line each.

#![expect(clippy::print_stdout, reason = "its reports go there")]

use std::{env, error::Error, fs, time::Duration};

use bowsprit::{Client, CloseCode, Config, Handlers, KeepAlive, Role, Server, ServerTls, Tls};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("server") => serve(Options::parse(arguments, Role::Server)?).await,
        Some("client") => connect(Options::parse(arguments, Role::Client)?).await,
        _ => Err("the first argument is `server` or `client`".into()),
    }
}

async fn serve(options: Options) -> Result<(), Failure> {
    let mut builder = Server::builder().config(options.config.clone());
    if let Some((chain, key)) = &options.tls {
        builder = builder.tls(ServerTls::from_pem(&fs::read(chain)?, &fs::read(key)?)?);
    }
    let server = builder.bind("127.0.0.1:0").await?;
    println!("{}", server.local_addr()?.port());
    let handlers = options.handlers();
    Ok(server.serve_handlers(move |_| handlers.clone()).await?)
}

async fn connect(options: Options) -> Result<(), Failure> {
    let request = Client::new().request(&options.uri)?;
    let request = request
        .config(options.config.clone())
        .tls(Tls::client().danger_accept_any_certificate());
    request.handler(options.handlers()).start().closed().await;
    Ok(())
}

struct Options {
    uri: String,
    tls: Option<(String, String)>,
    config: Config,
    says: usize,
    closes: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>, role: Role) -> Result<Self, Failure> {
        let mut options = Self {
            uri: String::new(),
            tls: None,
            config: Config::for_role(role),
            says: 0,
            closes: false,
        };
        let config = &mut options.config;
        config.keepalive = None;
        config.timeouts.write = None;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or("a value is missing");
            let millis = |text: String| text.parse().map(Duration::from_millis);
            match argument.as_str() {
                "--tls" => options.tls = Some((value()?, value()?)),
                "--open" => config.timeouts.open = millis(value()?)?,
                "--close" => config.timeouts.close = millis(value()?)?,
                "--idle" => config.timeouts.idle = Some(millis(value()?)?),
                "--write" => config.timeouts.write = Some(millis(value()?)?),
                "--keepalive" => {
                    let wait = millis(value()?)?;
                    config.keepalive = Some(KeepAlive {
                        interval: wait,
                        timeout: wait,
                    });
                }
                "--say" => options.says = value()?.parse()?,
                "--bye" => options.closes = true,
                _ => options.uri = argument,
            }
        }
        Ok(options)
    }

    fn handlers(&self) -> Handlers {
        let (says, closes) = (self.says, self.closes);
        Handlers::new()
            .on_open(move |cx| {
                if says > 0 {
                    cx.send("x".repeat(says).as_str()).expect("an empty queue");
                }
                if closes {
                    cx.close(CloseCode::NORMAL, "bye").expect("open");
                }
            })
            .on_fail(|_, error| println!("{error}"))
            .on_close(|_, closed| println!("{closed}"))
    }
}
