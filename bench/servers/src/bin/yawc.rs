//! yawc, behind a handshake by hyper.

use std::process::ExitCode;

use bowsprit_bench_servers::{
    Failure,
    exchange::echo,
    options::{Deflate, Options},
    serve::serve,
    upgrade::serve_http,
};
use tokio::io::{AsyncRead, AsyncWrite};
use yawc::{CompressionLevel, DeflatePool, Frame, OpCode, UpgradeFut, WebSocket, WebSocketError};

/// How many idle compressors and decompressors the connections share: more than one thread uses.
const POOLED: usize = 64;

fn main() -> ExitCode {
    let options = Options::parse(&["deflate", "tls", "workers", "batch"]);
    let app = App {
        settings: settings(&options),
        batch: options.batch,
    };
    let same = app.clone();
    serve(
        &options,
        move |tcp| app.clone().open(tcp),
        move |tls| same.clone().open(tls),
    )
}

/// The largest message, and what may be read of messages in fragments.
const LIMITS: (usize, usize) = (16 * 1024 * 1024, 32 * 1024 * 1024);

/// UTF-8 is not checked by default, and the limits end connections at messages of 1 MiB.
fn settings(options: &Options) -> yawc::Options {
    let settings = yawc::Options::default()
        .with_utf8()
        .with_limits(LIMITS.0, LIMITS.1);
    let settings = match options.deflate {
        Deflate::Off => settings,
        Deflate::Shared => settings
            .with_compression_level(CompressionLevel::default())
            .server_no_context_takeover()
            .client_no_context_takeover()
            .with_deflate_pool(DeflatePool::new(POOLED)),
        Deflate::Takeover => settings.with_compression_level(CompressionLevel::default()),
    };
    if options.batch {
        // The sizes of its own benchmark in batches.
        settings
            .with_read_buffer_capacity(128 * 1024)
            .with_backpressure_boundary(64 * 1024)
    } else {
        settings
    }
}

#[derive(Clone)]
struct App {
    settings: yawc::Options,
    batch: bool,
}

impl App {
    async fn open(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<(), Failure> {
        serve_http(stream, move |request| {
            let (response, upgraded) =
                WebSocket::upgrade_with_options(request, self.settings.clone())?;
            tokio::spawn(talk(upgraded, self.batch));
            Ok::<_, WebSocketError>(response)
        })
        .await
    }
}

async fn talk(upgraded: UpgradeFut, batch: bool) -> Result<(), Failure> {
    echo(upgraded.await?, batch, data).await
}

fn data(frame: Frame) -> Result<Option<Frame>, Failure> {
    Ok(Some(frame).filter(|frame| matches!(frame.opcode(), OpCode::Text | OpCode::Binary)))
}
