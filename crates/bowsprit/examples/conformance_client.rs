//! Runs the cases of an Autobahn fuzzing server as its client: `conformance_client ws://127.0.0.1:9001`
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{env, error::Error};

use bowsprit::{Client, Config, WebSocket};

const AGENT: &str = "bowsprit";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let base = env::args().nth(1).ok_or("usage: conformance_client URI")?;
    let client = Client::builder().config(Config::client()).build();

    let mut count = connect(&client, &format!("{base}/getCaseCount")).await?;
    let message = count.recv().await?.ok_or("no case count")?;
    let cases: u32 = message
        .as_text()
        .ok_or("the case count is no text")?
        .parse()?;
    for case in 1..=cases {
        let mut ws = connect(
            &client,
            &format!("{base}/runCase?case={case}&agent={AGENT}"),
        )
        .await?;
        // Many cases end with a violation, which the report judges.
        while let Ok(Some(message)) = ws.recv().await {
            if ws.feed(message).await.is_err() {
                break;
            }
        }
    }
    eprintln!("{cases} cases");
    let mut update = connect(&client, &format!("{base}/updateReports?agent={AGENT}")).await?;
    while update.recv().await?.is_some() {}
    Ok(())
}

async fn connect(client: &Client, uri: &str) -> Result<WebSocket, Box<dyn Error>> {
    Ok(client.request(uri)?.connect().await?)
}
