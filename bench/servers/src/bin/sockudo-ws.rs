//! sockudo-ws.

use std::process::ExitCode;

use bowsprit_bench_servers::{
    Failure,
    exchange::echo,
    options::{self, Options},
    serve::serve,
};
use bytes::BytesMut;
use sockudo_ws::{
    Compression, Config, Http1, Message,
    deflate::negotiate_server_deflate,
    error::Error,
    handshake::{build_response, generate_accept_key, parse_request},
    server::WebSocketServer,
    stream::CompressedWebSocketStream,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

fn main() -> ExitCode {
    let options = Options::parse(&["deflate", "tls", "workers", "batch"]);
    let compression = match options.deflate {
        options::Deflate::Off => Compression::Disabled,
        options::Deflate::Shared => Compression::Shared,
        options::Deflate::Takeover => Compression::Dedicated,
    };
    let app = App {
        config: Config::builder().compression(compression).build(),
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
    config: Config,
    batch: bool,
}

impl App {
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S) -> Result<(), Failure> {
        if self.config.compression.is_enabled() {
            return self.talk_compressed(stream).await;
        }
        let server = WebSocketServer::<Http1>::new(self.config);
        let (ws, _) = server.accept_raw(stream).await?;
        echo(ws, self.batch, data).await
    }

    /// Its own handshake knows no extensions outside of axum; all parts of one are public.
    async fn talk_compressed<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        mut stream: S,
    ) -> Result<(), Failure> {
        let policy = self
            .config
            .compression
            .to_deflate_config()
            .unwrap_or_default();
        let mut input = BytesMut::with_capacity(4096);
        let agreed = loop {
            if stream.read_buf(&mut input).await? == 0 {
                return Err(Error::ConnectionClosed.into());
            }
            let Some((request, _)) = parse_request(&input)? else {
                continue;
            };
            let offers = request.extensions.unwrap_or_default();
            let agreed = negotiate_server_deflate(offers, &policy)
                .ok_or("the client offers no compression")?;
            let header = agreed.to_response_header();
            let response = build_response(&generate_accept_key(request.key), None, Some(&header));
            stream.write_all(&response).await?;
            break agreed.config;
        };
        let ws = CompressedWebSocketStream::server(stream, self.config, agreed);
        echo(ws, self.batch, data).await
    }
}

fn data(item: Result<Message, Error>) -> Result<Option<Message>, Failure> {
    Ok(Some(item?).filter(|message| matches!(message, Message::Text(_) | Message::Binary(_))))
}
