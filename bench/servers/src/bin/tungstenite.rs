//! tungstenite, by way of tokio-tungstenite.

use std::process::ExitCode;

use bowsprit_bench_servers::{
    Failure,
    exchange::{Room, echo},
    options::Options,
    serve::serve,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{Error, Message},
};

fn main() -> ExitCode {
    let options = Options::parse(&["tls", "workers", "broadcast", "batch"]);
    let app = App {
        room: options.broadcast.then(Room::default),
        batch: options.batch,
    };
    let same = app.clone();
    serve(
        &options,
        move |tcp| app.clone().talk(tcp),
        move |tls| same.clone().talk(tls),
    )
}

#[derive(Clone)]
struct App {
    room: Option<Room<Message>>,
    batch: bool,
}

impl App {
    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Failure> {
        let ws = accept_async(stream).await?;
        match self.room {
            Some(room) => room.join(ws, self.batch, data).await,
            None => echo(ws, self.batch, data).await,
        }
    }
}

fn data(item: Result<Message, Error>) -> Result<Option<Message>, Failure> {
    Ok(Some(item?).filter(|message| message.is_text() || message.is_binary()))
}
