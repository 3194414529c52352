//! Sends every message back to an Autobahn fuzzing client, with a handler or by awaiting:
//! `conformance_server ADDRESS [--async] [--tls CERTIFICATE KEY]`
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{env, error::Error};

use bowsprit::{CloseCode, Config, Context, Deflate, Handler, MessageRef, Server, ServerTls};

const USAGE: &str = "usage: conformance_server ADDRESS [--async] [--tls CERTIFICATE KEY]";

struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        if let Err(error) = cx.send(message) {
            // The peer sends without reading: better to end than to lose answers in silence.
            let _ = cx.close(CloseCode::POLICY_VIOLATION, &error.to_string());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().ok_or(USAGE)?;
    let mut config = Config::server();
    // The suite's largest message, as one frame or as 65,536 (9.1 to 9.6).
    config.limits.message = 16 << 20;
    // One face shows compressors that connections share, the other those of a connection's own.
    config.deflate = Some(Deflate::shared());
    let mut server = Server::builder();
    let mut awaits = false;
    while let Some(option) = arguments.next() {
        match option.as_str() {
            "--async" => {
                awaits = true;
                config.deflate = Some(Deflate::dedicated());
            }
            "--tls" => {
                let certificate = arguments.next().ok_or(USAGE)?;
                let key = arguments.next().ok_or(USAGE)?;
                server = server.tls(ServerTls::from_files(certificate, key)?);
            }
            _ => return Err(USAGE.into()),
        }
    }
    let server = server.config(config).bind(address).await?;
    eprintln!("listening on {}", server.local_addr()?);
    if awaits {
        server
            .serve(|mut ws| async move {
                while let Some(message) = ws.recv().await? {
                    ws.feed(message).await?;
                }
                Ok(())
            })
            .await?;
    } else {
        server.serve_handlers(|_| Echo).await?;
    }
    Ok(())
}
