//! fastwebsockets, behind a handshake by hyper.

use std::process::ExitCode;

use bowsprit_bench_servers::{Failure, options::Options, serve::serve, upgrade::serve_http};
use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::unconstrained,
};

fn main() -> ExitCode {
    let options = Options::parse(&["tls", "workers"]);
    serve(&options, open, open)
}

async fn open(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<(), Failure> {
    serve_http(stream, |mut request| {
        let (response, upgraded) = upgrade::upgrade(&mut request)?;
        // Its own echo server takes the tasks out of tokio's budget, too.
        tokio::spawn(unconstrained(echo(upgraded)));
        Ok::<_, WebSocketError>(response)
    })
    .await
}

async fn echo(upgraded: upgrade::UpgradeFut) -> Result<(), Failure> {
    let mut ws = FragmentCollector::new(upgraded.await?);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
