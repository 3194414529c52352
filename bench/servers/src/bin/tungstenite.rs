//! tungstenite, by way of tokio-tungstenite.

use std::process::ExitCode;

use bowsprit_bench_servers::{Failure, exchange::App, options::Options, serve::serve};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{Error, Message},
};

fn main() -> ExitCode {
    let options = Options::parse(&["tls", "workers", "broadcast", "batch"]);
    let app = App::of(&options);
    let same = app.clone();
    serve(
        &options,
        move |tcp| talk(app.clone(), tcp),
        move |tls| talk(same.clone(), tls),
    )
}

async fn talk(
    app: App<Message>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
) -> Result<(), Failure> {
    app.talk(accept_async(stream).await?, data).await
}

fn data(item: Result<Message, Error>) -> Result<Option<Message>, Failure> {
    Ok(Some(item?).filter(|message| message.is_text() || message.is_binary()))
}
