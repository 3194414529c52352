//! A client: headers, a subprotocol, a message, its answer, a close. docs/guides/migration/tungstenite.md has it beside ours.

use std::error::Error;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{
        ClientRequestBuilder, Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let request = ClientRequestBuilder::new("ws://localhost:9002/feed".parse()?)
        .with_header("Authorization", "Bearer secret")
        .with_sub_protocol("chat.v1");
    let (mut ws, response) = connect_async(request).await?;
    println!("{:?}", response.headers().get("Server"));
    ws.send(Message::text("hello")).await?;
    while let Some(message) = ws.next().await {
        match message? {
            Message::Text(text) => {
                println!("{text}");
                let frame = CloseFrame {
                    code: CloseCode::Normal,
                    reason: "done".into(),
                };
                ws.close(Some(frame)).await?;
            }
            Message::Close(frame) => println!("{frame:?}"),
            _ => {}
        }
    }
    Ok(())
}
