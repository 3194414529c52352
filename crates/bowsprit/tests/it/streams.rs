//! Connections as the streams and sinks of `futures` and `tokio_util`.

use std::io;

use bowsprit::{Cause, CloseCode, CloseError, Error, Message, ProtocolError, SendError, Stage};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, TryStreamExt, future::ready, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

use super::support::{drain, masked, pair, server_of_bare, within};

#[tokio::test]
async fn messages_are_read_as_one_stream_of_bytes() {
    let (mut client, server) = pair().await;
    client.feed("north ").await.expect("room");
    client.feed(vec![b's', b'e', b'a']).await.expect("room");
    client.flush().await.expect("a write");
    let closing = tokio::spawn(async move { client.close(CloseCode::NORMAL, "").await });
    let mut reader = StreamReader::new(server.map_ok(Message::into_bytes));
    let mut all = String::new();
    within(reader.read_to_string(&mut all))
        .await
        .expect("an end");
    assert_eq!(all, "north sea");
    within(closing).await.expect("no panic").expect("a close");
}

#[tokio::test]
async fn a_reader_of_bytes_learns_of_a_broken_rule() {
    let (server, mut far) = server_of_bare(bowsprit::Config::server()).await;
    far.write_all(&masked(0x3, b"")).await.expect("a write");
    let mut reader = StreamReader::new(server.map_ok(Message::into_bytes));
    let error = within(reader.read_u8()).await.expect_err("no such opcode");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("opcode"), "{error}");
}

#[tokio::test]
async fn bytes_are_written_as_messages() {
    let (client, mut server) = pair().await;
    let sink = client.with(|bytes: Bytes| ready(Ok::<_, Error>(Message::from(bytes))));
    let mut writer = SinkWriter::new(CopyToBytes::new(sink));
    writer.write_all(b"hello").await.expect("a write");
    writer.flush().await.expect("a write");
    let message = within(server.recv()).await.expect("no error");
    assert_eq!(message, Some(Message::from(b"hello")));
    let reading = tokio::spawn(async move { drain(&mut server).await });
    within(writer.shutdown()).await.expect("a close");
    assert!(reading.await.expect("no panic").is_empty());
    // `with` passes it on at the next occasion only.
    writer.write_all(b"late").await.expect("room in `with`");
    let error = within(writer.flush()).await.expect_err("closed");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_stream_is_forwarded_and_the_connection_closed_behind_it() {
    let (client, mut server) = pair().await;
    let words = stream::iter(["one", "two"]).map(|word| Ok::<_, Error>(Message::from(word)));
    let forwarding = tokio::spawn(words.forward(client));
    assert_eq!(drain(&mut server).await, ["one".into(), "two".into()]);
    within(forwarding).await.expect("no panic").expect("an end");
}

#[tokio::test]
async fn the_halves_of_futures_echo_and_send_all() {
    let (mut client, server) = pair().await;
    let (sink, stream) = StreamExt::split(server);
    let echoing = tokio::spawn(stream.forward(sink));
    let mut words = stream::iter(["a", "b", "c"]).map(|word| Ok(Message::from(word)));
    client.send_all(&mut words).await.expect("a write");
    for word in ["a", "b", "c"] {
        assert_eq!(within(client.recv()).await, Ok(Some(word.into())));
    }
    within(client.close(CloseCode::NORMAL, ""))
        .await
        .expect("a close");
    // The answer to the close has left by then: there is nothing to forward.
    let _ = within(echoing).await.expect("no panic");
}

#[tokio::test]
async fn the_halves_of_our_own_are_a_stream_and_a_sink() {
    let (mut client, server) = pair().await;
    let (sender, receiver) = server.split();
    let echoing = tokio::spawn(receiver.forward(sender));
    client.send("hello").await.expect("a write");
    assert_eq!(within(client.recv()).await, Ok(Some("hello".into())));
    within(client.close(CloseCode::NORMAL, ""))
        .await
        .expect("a close");
    let _ = within(echoing).await.expect("no panic");
}

#[test]
fn errors_have_a_kind_of_io() {
    let cases = [
        (
            Error::Ended(Cause::Protocol(ProtocolError::ReservedBits)),
            io::ErrorKind::InvalidData,
        ),
        (
            Error::Ended(Cause::Timeout(Stage::Close)),
            io::ErrorKind::TimedOut,
        ),
        (Error::Ended(Cause::Eof), io::ErrorKind::UnexpectedEof),
        (
            Error::Ended(Cause::Transport("gone".into())),
            io::ErrorKind::ConnectionReset,
        ),
        (
            Error::Ended(Cause::Aborted),
            io::ErrorKind::ConnectionAborted,
        ),
        (Error::Send(SendError::NotOpen), io::ErrorKind::NotConnected),
        (Error::Send(SendError::Full), io::ErrorKind::WouldBlock),
        (Error::Close(CloseError::Closed), io::ErrorKind::BrokenPipe),
        (
            Error::Close(CloseError::InvalidCode(CloseCode(1006))),
            io::ErrorKind::InvalidInput,
        ),
    ];
    for (error, kind) in cases {
        let text = error.to_string();
        let error = io::Error::from(error);
        assert_eq!((error.kind(), error.to_string()), (kind, text));
    }
}
