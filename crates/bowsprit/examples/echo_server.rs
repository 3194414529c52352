//! Sends every message back, until Ctrl-C. `cargo run --example echo_server -- 127.0.0.1:9002`
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{env, error::Error, time::Duration};

use bowsprit::{CloseCode, Context, Handler, MessageRef, Server};

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
    let address = env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:9002".to_owned());
    let server = Server::builder().bind(address).await?;
    eprintln!("ws://{}", server.local_addr()?);
    let control = server.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            control
                .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5))
                .await;
        }
    });
    server.serve_handlers(|_| Echo).await?;
    Ok(())
}
