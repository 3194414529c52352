//! Bowsprit's asynchronous face, with `feed`, as its documentation has it for a loop that answers.

use std::process::ExitCode;

use bowsprit::{Error, Hub, SlowReader, WebSocket};
use bowsprit_bench_servers::{
    Failure,
    options::Options,
    serve::{ready, run},
    settings,
};

fn main() -> ExitCode {
    let options = Options::parse(&["deflate", "tls", "workers", "broadcast"]);
    run(&options.clone(), serve(options))
}

async fn serve(options: Options) -> Result<(), Failure> {
    let server = settings::bowsprit(&options)?.bind(options.address).await?;
    ready()?;
    if options.broadcast {
        let room = Hub::new();
        server.serve(move |ws| broadcast(ws, room.clone())).await?;
    } else {
        let echo = |mut ws: WebSocket| async move {
            while let Some(message) = ws.recv().await? {
                ws.feed(message).await?;
            }
            Ok(())
        };
        server.serve(echo).await?;
    }
    Ok(())
}

async fn broadcast(mut ws: WebSocket, room: Hub) -> Result<(), Error> {
    let _membership = room.join(&ws.handle());
    while let Some(message) = ws.recv().await? {
        room.broadcast(message, SlowReader::Skip);
    }
    Ok(())
}
