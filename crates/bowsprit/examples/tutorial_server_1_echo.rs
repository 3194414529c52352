//! Step 1 of docs/tutorial/server: sends every message back. `cargo run --example tutorial_server_1_echo`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;

use bowsprit::{Server, WebSocket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().bind("127.0.0.1:9002").await?;
    println!("Listening on ws://{}", server.local_addr()?);
    server.serve(attend).await?;
    Ok(())
}

/// One connection, from its opening to its end.
async fn attend(mut ws: WebSocket) -> Result<(), bowsprit::Error> {
    let id = ws.id();
    println!("{id} open");
    let ended = echo(&mut ws).await;
    match ws.close_info() {
        Some(closed) => println!("{id} {closed}"),
        None => println!("{id} dropped"),
    }
    ended
}

/// Sends back what comes, until nothing comes any more.
async fn echo(ws: &mut WebSocket) -> Result<(), bowsprit::Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
