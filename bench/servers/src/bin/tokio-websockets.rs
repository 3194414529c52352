//! tokio-websockets. What is fed leaves with the next `next`, so that only a broadcast has batches.

use std::process::ExitCode;

use bowsprit_bench_servers::{Failure, exchange::App, options::Options, serve::serve};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::unconstrained,
};
use tokio_websockets::{Error, Message, ServerBuilder};

fn main() -> ExitCode {
    let options = Options::parse(&["tls", "workers", "broadcast", "batch"]);
    let app = App::of(&options);
    let same = app.clone();
    // Its own echo server takes the tasks out of tokio's budget, too.
    serve(
        &options,
        move |tcp| unconstrained(talk(app.clone(), tcp)),
        move |tls| unconstrained(talk(same.clone(), tls)),
    )
}

async fn talk(
    app: App<Message>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
) -> Result<(), Failure> {
    let (_, ws) = ServerBuilder::new().accept(stream).await?;
    app.talk(ws, data).await
}

fn data(item: Result<Message, Error>) -> Result<Option<Message>, Failure> {
    Ok(Some(item?).filter(|message| message.is_text() || message.is_binary()))
}
