//! A server to try step 7 of docs/tutorial/client/README.md on: sends every message back, over TLS.
//!
//! `cargo run --example tutorial_step7_server -- server.pem server.key localhost:9443`
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
