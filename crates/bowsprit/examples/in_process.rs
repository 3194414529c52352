//! A server with a future for each connection, and a client with handlers on a thread of its own,
//! both in one process.
//!
//! Ends by itself.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{error::Error, sync::mpsc, time::Duration};

use bowsprit::{Client, CloseCode, Handlers, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().bind("127.0.0.1:0").await?;
    let uri = format!("ws://{}/", server.local_addr()?);
    let control = server.clone();
    let serving = tokio::spawn(async move {
        server
            .serve(|mut ws| async move {
                while let Some(message) = ws.recv().await? {
                    ws.feed(message).await?;
                }
                Ok(())
            })
            .await
    });

    let client = Client::builder().background()?;
    let (tell, told) = mpsc::channel();
    let handlers = Handlers::new()
        .on_open(|cx| {
            let _ = cx.send("hello");
        })
        .on_message(move |cx, message| {
            // Received messages are lent; what outlives the handler is kept.
            let _ = tell.send(message.into_message());
            let _ = cx.close(CloseCode::NORMAL, "done");
        });
    let handle = client.request(&uri)?.handler(handlers).start();

    println!("{}", handle.closed().await);
    println!("{:?}", told.recv()?);
    client
        .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5))
        .await;
    control
        .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5))
        .await;
    serving.await??;
    Ok(())
}
