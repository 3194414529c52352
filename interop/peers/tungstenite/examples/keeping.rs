//! Two tasks for one connection, one of which finds out whether the peer is still there.
//! docs/guides/migration/tungstenite.md has it beside ours.

use std::{error::Error, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::time::{interval, timeout};
use tokio_tungstenite::{connect_async, tungstenite::Message};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (ws, _) = connect_async("ws://localhost:9002/feed").await?;
    let (mut sender, mut receiver) = ws.split();
    let keeper = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(20));
        loop {
            ticks.tick().await;
            if sender.send(Message::Ping("".into())).await.is_err() {
                return;
            }
        }
    });
    // Silence of twice that time means that nobody is there.
    while let Ok(Some(message)) = timeout(Duration::from_secs(40), receiver.next()).await {
        if let Message::Text(text) = message? {
            println!("{text}");
        }
    }
    keeper.abort();
    Ok(())
}
