//! Runs the cases of an Autobahn fuzzing server as its client:
//! `conformance_client URI [--agent NAME] [--ca FILE]`
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{env, error::Error};

use bowsprit::{Client, Config, Deflate, Tls, WebSocket};

const USAGE: &str = "usage: conformance_client URI [--agent NAME] [--ca FILE]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let base = arguments.next().ok_or(USAGE)?;
    let mut config = Config::client();
    config.deflate = Some(Deflate::dedicated());
    let mut client = Client::builder().config(config);
    let mut agent = "client".to_owned();
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match option.as_str() {
            "--agent" => agent = value,
            "--ca" => client = client.tls(Tls::client().add_ca_file(value)?),
            _ => return Err(USAGE.into()),
        }
    }
    let client = client.build();

    let mut count = connect(&client, &format!("{base}/getCaseCount")).await?;
    let message = count.recv().await?.ok_or("no case count")?;
    let cases: u32 = message
        .as_text()
        .ok_or("the case count is no text")?
        .parse()?;
    for case in 1..=cases {
        let uri = format!("{base}/runCase?case={case}&agent={agent}");
        let mut ws = connect(&client, &uri).await?;
        // Many cases end with a violation, which the report judges.
        while let Ok(Some(message)) = ws.recv().await {
            if ws.feed(message).await.is_err() {
                break;
            }
        }
    }
    eprintln!("{cases} cases");
    let mut update = connect(&client, &format!("{base}/updateReports?agent={agent}")).await?;
    while update.recv().await?.is_some() {}
    Ok(())
}

async fn connect(client: &Client, uri: &str) -> Result<WebSocket, Box<dyn Error>> {
    Ok(client.request(uri)?.connect().await?)
}
