//! Sends its arguments, one message each, and prints what comes back.
//! `cargo run --example echo_client -- ws://localhost:9002 hello world`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error};

use bowsprit::CloseCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let uri = arguments
        .next()
        .ok_or("usage: echo_client URI MESSAGE...")?;
    let mut ws = bowsprit::connect(&uri).await?;
    for text in arguments {
        ws.send(text).await?;
        match ws.recv().await? {
            Some(message) => println!("{message:?}"),
            None => break,
        }
    }
    println!("{}", ws.close(CloseCode::NORMAL, "").await?);
    Ok(())
}
