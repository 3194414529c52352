//! A server to try docs/tutorial/client/7-tls.md on: sends every message back, over TLS.
//!
//! `cargo run -p bowsprit --example tutorial_step7_server -- server.pem server.key 127.0.0.1:9443`
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{env, error::Error};

use bowsprit::{Server, ServerTls};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [certificate, key, address] = arguments.as_slice() else {
        return Err("usage: tutorial_step7_server CERTIFICATE KEY ADDRESS".into());
    };
    let tls = ServerTls::from_files(certificate, key)?;
    let server = Server::builder().tls(tls).bind(address).await?;
    eprintln!("wss://{}", server.local_addr()?);
    server
        .serve(|mut ws| async move {
            while let Some(message) = ws.recv().await? {
                ws.feed(message).await?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}
