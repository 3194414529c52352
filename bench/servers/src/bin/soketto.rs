//! soketto. UTF-8 is the application's to check.

use std::{pin::pin, process::ExitCode, task::Poll};

use bowsprit_bench_servers::{Failure, options::Options, serve::serve};
use futures_util::{
    io::{BufReader, BufWriter},
    poll,
};
use soketto::{
    Data,
    handshake::{Server, server::Response},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::compat::TokioAsyncReadCompatExt;

fn main() -> ExitCode {
    let options = Options::parse(&["tls", "workers", "batch"]);
    let batch = options.batch;
    serve(
        &options,
        move |tcp| talk(tcp, batch),
        move |tls| talk(tls, batch),
    )
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, batch: bool) -> Result<(), Failure> {
    let mut server = Server::new(BufReader::new(BufWriter::new(stream.compat())));
    let key = server.receive_request().await?.key();
    let accept = Response::Accept {
        key,
        protocol: None,
    };
    server.send_response(&accept).await?;
    let (mut sender, mut receiver) = server.into_builder().finish();
    let mut message = Vec::new();
    loop {
        message.clear();
        let kind = if batch {
            // It must not be dropped before it is ready.
            let mut receive = pin!(receiver.receive_data(&mut message));
            match poll!(receive.as_mut()) {
                Poll::Ready(kind) => kind?,
                Poll::Pending => {
                    sender.flush().await?;
                    receive.await?
                }
            }
        } else {
            receiver.receive_data(&mut message).await?
        };
        match kind {
            Data::Text(_) => sender.send_text(str::from_utf8(&message)?).await?,
            Data::Binary(_) => sender.send_binary_mut(&mut message).await?,
        }
        if !batch {
            sender.flush().await?;
        }
    }
}
