//! permessage-deflate through the endpoints: what is agreed on, and that nobody notices.

use bowsprit::{
    Client, CloseCode, Compressed, Compression, Config, ConnectError, Deflate, Kind, Message,
    ProtocolError, Server, accept, proto::handshake::HandshakeError,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::support::{
    REQUEST, accepting, drain, pair, pair_with, read_frame, read_head, run, within,
};

fn with(deflate: Option<Deflate>, mut config: Config) -> Config {
    config.deflate = deflate;
    config
}

#[tokio::test]
async fn nothing_is_compressed_unless_both_sides_ask_for_it() {
    let on = Some(Deflate::shared());
    for (client, server) in [(None, None), (on, None), (None, on)] {
        let ends = pair_with(
            with(client, Config::client()),
            with(server, Config::server()),
        );
        let (client, server) = ends.await;
        assert_eq!(client.info().deflate(), None);
        assert_eq!(server.info().deflate(), None);
    }
    let (client, _server) = pair().await;
    assert_eq!(client.info().deflate(), None, "by default");
}

#[tokio::test]
async fn both_ends_know_what_was_agreed_on() {
    let client = with(Some(Deflate::dedicated()), Config::client());
    let server = with(Some(Deflate::shared()), Config::server());
    let (client, server) = pair_with(client, server).await;
    let agreed = client.info().deflate().expect("compression");
    assert_eq!(server.info().deflate(), Some(agreed));
    assert_eq!(
        agreed.to_string(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
         server_max_window_bits=12; client_max_window_bits=12"
    );
    let offer = server.info().request_header("sec-websocket-extensions");
    assert_eq!(
        offer,
        Some(
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12, \
             permessage-deflate; client_max_window_bits"
        )
    );
}

#[tokio::test]
async fn messages_come_through_whichever_way_they_are_sent() {
    for deflate in [Deflate::shared(), Deflate::dedicated()] {
        let client = with(Some(deflate), Config::client());
        let server = with(Some(deflate), Config::server());
        let (mut client, mut server) = pair_with(client, server).await;
        let handle = client.handle();
        let long = "a message that goes on and on ".repeat(10_000);
        let sending = async {
            client.send(long.as_str()).await?;
            client.send(vec![7; 5]).await?;
            handle.send(long.as_str())?;
            client.send_fragment(&long[..1000], false).await?;
            client.ping(b"between fragments").await?;
            client.send_fragment(&long[1000..], true).await?;
            client.close(CloseCode::NORMAL, "").await
        };
        let (received, closed) = tokio::join!(drain(&mut server), within(sending));
        assert!(closed.expect("a clean end").is_clean());
        let kinds: Vec<_> = received.iter().map(Message::kind).collect();
        assert_eq!(kinds, [Kind::Text, Kind::Binary, Kind::Text, Kind::Text]);
        assert!(received[0] == Message::from(long.as_str()));
        assert!(received[2] == received[0] && received[3] == received[0]);
    }
}

#[tokio::test]
async fn every_face_tells_how_much_was_compressed() {
    let with = |config| with(Some(Deflate::shared()), config);
    let (mut client, mut server) = pair_with(with(Config::client()), with(Config::server())).await;
    let handle = client.handle();
    let text = "a message that goes on and on ".repeat(100);
    client.send("short").await.expect("open");
    assert_eq!(client.compression(), Some(Compression::default()));
    client.send(text.as_str()).await.expect("open");
    let sent = client.compression().expect("agreed on").sent;
    assert_eq!((sent.messages, sent.payload_bytes), (1, 3_000));
    assert!(sent.ratio() < Some(0.1), "{sent:?}");
    assert_eq!(handle.compression(), client.compression());
    for _ in 0..2 {
        within(server.recv()).await.expect("no error");
    }
    let received = server.compression().expect("agreed on").received;
    assert_eq!(received, sent);
    let late = server.handle();
    assert_eq!(late.compression(), server.compression());
    let (sender, mut receiver) = server.split();
    client.send(text.as_str()).await.expect("open");
    within(receiver.recv()).await.expect("no error");
    let expected = client.compression().expect("agreed on").sent;
    assert_eq!(expected.messages, 2);
    for told in [
        receiver.compression(),
        sender.compression(),
        late.compression(),
    ] {
        assert_eq!(told.map(|told| told.received), Some(expected));
    }
    let (plain, _server) = pair().await;
    assert_eq!(plain.compression(), None);
}

#[tokio::test]
async fn a_handler_is_told_of_the_message_that_it_handles() {
    struct Tells(Compressed);
    impl bowsprit::Handler for Tells {
        fn on_message(
            &mut self,
            cx: &mut bowsprit::Context<'_>,
            message: bowsprit::MessageRef<'_>,
        ) {
            let received = cx.compression().expect("agreed on").received;
            let known = cx.handle().compression().expect("agreed on").received;
            assert_eq!(known, received, "handles are not behind");
            let own = received.since(&self.0);
            self.0 = received;
            let size = message.as_bytes().len();
            let told = format!("{size} {} {}", own.messages, own.payload_bytes);
            cx.send(told.as_str()).expect("room");
        }
    }
    let config = with(Some(Deflate::shared()), Config::server());
    let server = run(Server::builder().config(config), || {
        Tells(Compressed::default())
    })
    .await;
    let client = Client::builder().config(with(Some(Deflate::shared()), Config::client()));
    let request = client.build().request(&server.uri).expect("a URI");
    let mut ws = within(request.connect()).await.expect("a connection");
    let handle = ws.handle();
    for (len, expected) in [(1_000, "1000 1 1000"), (10, "10 0 0"), (500, "500 1 500")] {
        handle.send("a".repeat(len)).expect("open");
        let answer = within(ws.recv()).await.expect("no error");
        assert_eq!(answer, Some(Message::from(expected)));
    }
    let sent = handle.compression().expect("agreed on").sent;
    assert_eq!((sent.messages, sent.payload_bytes), (2, 1_500));
}

#[tokio::test]
async fn the_handler_face_streams_compressed_messages_in_pieces() {
    let mut config = with(Some(Deflate::shared()), Config::server());
    config.streaming = true;
    config.limits.message = 1024;
    struct Counts(usize);
    impl bowsprit::Handler for Counts {
        fn on_fragment(
            &mut self,
            cx: &mut bowsprit::Context<'_>,
            fragment: bowsprit::MessageRef<'_>,
            last: bool,
        ) {
            self.0 += fragment.as_bytes().len();
            if last {
                cx.send(self.0.to_string().as_str()).expect("room");
            }
        }
    }
    let server = run(Server::builder().config(config), || Counts(0)).await;
    let client = Client::builder().config(with(Some(Deflate::shared()), Config::client()));
    let request = client.build().request(&server.uri).expect("a URI");
    let mut ws = within(request.connect()).await.expect("a connection");
    ws.send("ä".repeat(1_000_000)).await.expect("open");
    let answer = within(ws.recv()).await.expect("no error");
    assert_eq!(answer, Some(Message::from("2000000")));
}

#[tokio::test]
async fn a_client_fails_on_an_answer_that_nobody_offered() {
    let cases = [
        (None, "permessage-deflate"),
        (
            Some(Deflate::shared()),
            "permessage-deflate; client_max_window_bits",
        ),
        (
            Some(Deflate::shared()),
            "permessage-deflate; server_max_window_bits=7",
        ),
        (
            Some(Deflate::shared()),
            "permessage-deflate, permessage-deflate",
        ),
        (Some(Deflate::shared()), "x-webkit-deflate-frame"),
    ];
    for (deflate, answer) in cases {
        let (near, mut far) = duplex(4096);
        let request = Client::new().request("ws://in.memory/").expect("a URI");
        let config = with(deflate, Config::client());
        let answering = async {
            let head = read_head(&mut far).await;
            let accept = String::from_utf8(accepting(&head)).expect("text");
            let accept = accept.trim_end();
            let response = format!("{accept}\r\nSec-WebSocket-Extensions: {answer}\r\n\r\n");
            far.write_all(response.as_bytes()).await.expect("a write");
        };
        let (result, ()) = tokio::join!(request.config(config).connect_on(near), answering);
        let error = match result {
            Err(ConnectError::Handshake { error, .. }) => error,
            other => panic!("{answer}: {other:?}"),
        };
        let is_right = matches!(
            error,
            HandshakeError::UnrequestedExtension(_) | HandshakeError::UnacceptableExtension(_)
        );
        assert!(is_right, "{answer}: {error}");
    }
}

#[tokio::test]
async fn a_bomb_ends_its_connection_with_1009() {
    let (near, mut far) = duplex(1 << 20);
    let request = format!("{REQUEST}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    far.write_all(request.as_bytes()).await.expect("a write");
    let config = with(Some(Deflate::shared()), Config::server());
    let mut server = within(accept(near, config)).await.expect("a connection");
    let head = read_head(&mut far).await;
    assert!(
        head.contains("\r\nSec-WebSocket-Extensions: permessage-deflate; "),
        "{head}"
    );
    // Twice the limit, in less than 20 KiB.
    let mut sender = bowsprit::proto::Connection::client(
        std::sync::Arc::new(with(Some(Deflate::shared()), Config::client())),
        || [0; 4],
    );
    let mut agreed = bowsprit::proto::handshake::Agreed::default();
    agreed.deflate = server.info().deflate();
    sender = sender.with_agreed(&agreed);
    sender.send(vec![0; 2 << 20]).expect("room");
    let bomb: Vec<u8> = sender.transmit().flatten().copied().collect();
    assert!(bomb.len() < 20 << 10, "{}", bomb.len());
    far.write_all(&bomb).await.expect("a write");
    let error = within(server.recv()).await.expect_err("a violation");
    let limit = 1 << 20;
    assert_eq!(
        error.protocol_error(),
        Some(ProtocolError::MessageTooBig { limit })
    );
    let (_, payload) = read_frame(&mut far).await.expect("a close frame");
    assert_eq!(payload, 1009_u16.to_be_bytes());
    let mut rest = Vec::new();
    drop(server);
    within(far.read_to_end(&mut rest)).await.expect("an end");
    assert!(rest.is_empty());
}
