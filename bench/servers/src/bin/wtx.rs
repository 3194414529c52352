//! wtx.

use std::process::ExitCode;

use bowsprit_bench_servers::{
    Failure,
    options::{Deflate, Options},
    serve::serve,
};
use wtx::{
    collection::Vector,
    stream::Stream,
    web_socket::{
        Compression, OpCode, WebSocketAcceptor, WebSocketPayloadOrigin, compression::Flate2,
    },
};

fn main() -> ExitCode {
    let options = Options::parse(&["deflate", "tls", "workers"]);
    match options.deflate {
        Deflate::Off => serve(&options, |tcp| talk(tcp, ()), |tls| talk(tls, ())),
        // It forgets its contexts after each message.
        Deflate::Shared => serve(
            &options,
            |tcp| talk(tcp, Flate2::default()),
            |tls| talk(tls, Flate2::default()),
        ),
        Deflate::Takeover => {
            eprintln!("wtx has no context takeover");
            ExitCode::from(2)
        }
    }
}

async fn talk(stream: impl Stream, compression: impl Compression<false>) -> Result<(), Failure> {
    let accepted = WebSocketAcceptor::default()
        .compression(compression)
        .accept(stream)
        .await;
    let mut ws = accepted.map_err(|error: wtx::Error| error)?;
    let (mut common, mut reader, mut writer) = ws.split_mut();
    let mut buffer = Vector::new();
    loop {
        buffer.clear();
        // `Adaptive` lends the frame out of the network's buffer.
        let mut frame = reader
            .read_frame(&mut buffer, &mut common, WebSocketPayloadOrigin::Adaptive)
            .await?;
        match frame.op_code() {
            OpCode::Text | OpCode::Binary => writer.write_frame(&mut common, &mut frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
