//! tokio-websockets. What is fed leaves with the next `next`, so that only a broadcast has batches.

use std::process::ExitCode;

use bowsprit_bench_servers::{
    Failure,
    exchange::{Room, echo},
    options::Options,
    serve::serve,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::unconstrained,
};
use tokio_websockets::{Error, Message, ServerBuilder};

fn main() -> ExitCode {
    let options = Options::parse(&["tls", "workers", "broadcast", "batch"]);
    let app = App {
        room: options.broadcast.then(Room::default),
        batch: options.batch,
    };
    let same = app.clone();
    // Its own echo server takes the tasks out of tokio's budget, too.
    serve(
        &options,
        move |tcp| unconstrained(app.clone().talk(tcp)),
        move |tls| unconstrained(same.clone().talk(tls)),
    )
}

#[derive(Clone)]
struct App {
    room: Option<Room<Message>>,
    batch: bool,
}

impl App {
    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
        let (_, ws) = ServerBuilder::new().accept(stream).await?;
        match self.room {
            Some(room) => room.join(ws, self.batch, data).await,
            None => echo(ws, self.batch, data).await,
        }
    }
}

fn data(item: Result<Message, Error>) -> Result<Option<Message>, Failure> {
    Ok(Some(item?).filter(|message| message.is_text() || message.is_binary()))
}
