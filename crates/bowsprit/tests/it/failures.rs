//! What goes wrong: every way not to connect, and every way to lose a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    Cause, Client, CloseCode, Config, ConnectError, DialError, Error, Message, ProtocolError,
    ServerTls, Stage, Tls, TlsErrorKind, WebSocket, proto::handshake::HandshakeError,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::{Instant, advance, timeout},
};

use super::support::{
    CLOSE, Flood, Log, PING, PONG, TEXT, accepting, answer, client_of_bare, closing, frame, listen,
    log, masked, pair_with, polled, read_frame, read_head, server_of_bare, settle, times_out,
    within,
};

async fn connect_error(uri: &str) -> ConnectError {
    within(bowsprit::connect(uri))
        .await
        .expect_err("no connection")
}

/// A listener that treats its only client so.
async fn serving<F>(treat: impl FnOnce(TcpStream) -> F + Send + 'static) -> (String, JoinHandle<()>)
where
    F: Future<Output = ()> + Send,
{
    let (listener, uri) = listen().await;
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        treat(tcp).await;
    });
    (uri, server)
}

/// What a client makes of this answer to its request.
async fn answered(answer: &'static [u8]) -> ConnectError {
    let (uri, server) = serving(move |mut tcp| async move {
        read_head(&mut tcp).await;
        tcp.write_all(answer).await.expect("a write");
        tcp.shutdown().await.expect("an end");
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let error = connect_error(&uri).await;
    within(server).await.expect("no panic");
    error
}

#[tokio::test]
async fn a_name_that_is_not_found() {
    let error = connect_error("ws://nosuch.invalid/").await;
    let text = error.to_string();
    // A machine without a name server may be unable to tell that the name does not exist.
    let known = [
        "name not found: nosuch.invalid",
        "name server failure: nosuch.invalid",
    ];
    assert!(known.contains(&text.as_str()), "{text}");
    assert!(matches!(error, ConnectError::Dial(DialError::Dns { .. })));
    assert!(error.response().is_none());
}

#[tokio::test]
async fn a_port_where_nobody_listens() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let address = socket.local_addr().expect("an address");
    let error = connect_error(&format!("ws://{address}/")).await;
    assert_eq!(error.to_string(), format!("connection refused ({address})"));
    assert!(matches!(error, ConnectError::Dial(DialError::Tcp { .. })));
}

#[tokio::test]
async fn a_reset_during_the_handshake() {
    let (uri, server) = serving(|mut tcp| async move {
        read_head(&mut tcp).await;
        tcp.set_zero_linger().expect("an option");
    })
    .await;
    let error = connect_error(&uri).await;
    within(server).await.expect("no panic");
    assert_eq!(
        error.to_string(),
        "connection reset during the opening handshake"
    );
    assert!(matches!(error, ConnectError::Io(_)));
}

#[tokio::test]
async fn an_end_during_the_handshake() {
    let error = answered(b"").await;
    assert_eq!(
        error.to_string(),
        "connection ended before the peer's part of the opening handshake"
    );
    let error = answered(b"HTTP/1.1 101 Switching").await;
    assert_eq!(
        error.to_string(),
        "connection ended after 22 bytes of the opening handshake"
    );
}

#[tokio::test]
async fn a_peer_of_another_protocol() {
    let error = answered(b"SSH-2.0-OpenSSH_9.9\r\n").await;
    assert_eq!(
        error.to_string(),
        r#"peer does not speak HTTP; it began with "SSH-2.0-OpenSSH_9.9\r\n""#
    );
    assert!(error.response().is_none());
}

#[tokio::test]
async fn a_refusal_with_its_status_reason_headers_and_body() {
    let error = answered(
        b"HTTP/1.1 404 Not Found\r\nServer: harbour/3\r\nContent-Length: 9\r\n\r\nno berth\n",
    )
    .await;
    assert_eq!(error.to_string(), "server answered with HTTP 404 Not Found");
    let response = error.response().expect("a response");
    assert_eq!((response.status(), response.reason()), (404, "Not Found"));
    assert_eq!(response.header("server"), Some("harbour/3"));
    let ConnectError::Handshake { error, body, .. } = error else {
        panic!("not of the handshake");
    };
    assert_eq!(error, HandshakeError::Status(404));
    assert_eq!(body, b"no berth\n");

    let error = answered(b"HTTP/1.1 200 \x1b]0;gotcha\x07\r\n\r\n").await;
    assert!(!error.to_string().contains('\x1b'), "{error:?}");
}

#[tokio::test]
async fn a_wrong_accept_value_is_shown_with_the_right_one() {
    let (uri, server) = serving(|mut tcp| async move {
        let head = read_head(&mut tcp).await;
        let right = String::from_utf8(accepting(&head)).expect("text");
        let value = right
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Accept: "));
        let value = value.expect("a value");
        let wrong = right.replace(value, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        tcp.write_all(wrong.as_bytes()).await.expect("a write");
    })
    .await;
    let error = connect_error(&uri).await;
    within(server).await.expect("no panic");
    let ConnectError::Handshake {
        error: HandshakeError::AcceptMismatch { expected, received },
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(received, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_ne!(expected, received);
    let text = format!("Sec-WebSocket-Accept is {received:?}, expected {expected:?}");
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn a_subprotocol_that_nobody_asked_for() {
    let (uri, server) = serving(|mut tcp| async move {
        let head = read_head(&mut tcp).await;
        let answer = String::from_utf8(accepting(&head)).expect("text");
        let answer = answer.replacen("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n", 1);
        tcp.write_all(answer.as_bytes()).await.expect("a write");
    })
    .await;
    let error = connect_error(&uri).await;
    within(server).await.expect("no panic");
    assert_eq!(
        error.to_string(),
        "server chose the subprotocol \"chat\", not offered"
    );
}

/// A server's certificate, and what a client needs to trust it.
fn certificate(owner: &str) -> (ServerTls, String) {
    let names = ["localhost".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).expect("a name");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, owner);
    let key = rcgen::KeyPair::generate().expect("a key");
    let chain = params.self_signed(&key).expect("a certificate").pem();
    let key = key.serialize_pem();
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a server");
    (tls, chain)
}

/// A TLS server that ends each connection after the handshake.
async fn tls_server(tls: ServerTls) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let _ = tls.accept(tcp).await;
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_of_nobody_known() {
    let ((tls, _), (_, other)) = (certificate("one"), certificate("two"));
    let port = tls_server(tls).await;
    let trust = Tls::client()
        .add_ca_pem(other.as_bytes())
        .expect("a certificate");
    let client = Client::builder().tls(trust).build();
    let request = client
        .request(&format!("wss://localhost:{port}/"))
        .expect("a URI");
    let error = within(request.connect()).await.expect_err("a stranger");
    let ConnectError::Tls(tls) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(tls.kind(), TlsErrorKind::SelfSigned);
    assert_eq!(error.to_string(), tls.to_string());
}

#[tokio::test]
async fn a_secure_uri_to_a_plain_port() {
    let server = super::support::echo().await;
    let uri = server.uri.replace("ws:", "wss:");
    let (_, trusted) = certificate("one");
    let trust = Tls::client()
        .add_ca_pem(trusted.as_bytes())
        .expect("a certificate");
    let request = Client::builder()
        .tls(trust)
        .build()
        .request(&uri)
        .expect("a URI");
    let error = within(request.connect()).await.expect_err("no TLS there");
    assert_eq!(
        error.to_string(),
        "server does not speak TLS on this port; try a plain connection, or another port"
    );
}

#[tokio::test]
async fn a_plain_uri_to_a_secure_port() {
    let port = tls_server(certificate("one").0).await;
    let error = connect_error(&format!("ws://127.0.0.1:{port}/")).await;
    assert_eq!(
        error.to_string(),
        "peer speaks TLS where plain HTTP was expected; ws and wss differ"
    );
}

#[tokio::test]
async fn a_secure_connection_works_and_says_so() {
    let (tls, trusted) = certificate("one");
    let builder = bowsprit::Server::builder().tls(tls);
    let server = super::support::run(builder, || super::support::Echo).await;
    let uri = format!("wss://localhost:{}/", server.address().port());
    let trust = Tls::client()
        .add_ca_pem(trusted.as_bytes())
        .expect("a certificate");
    let request = Client::builder()
        .tls(trust)
        .build()
        .request(&uri)
        .expect("a URI");
    let mut ws = within(request.connect()).await.expect("a connection");
    assert!(ws.tls_info().expect("TLS").verified);
    let large = "é".repeat(100_000);
    ws.send(large.as_str()).await.expect("open");
    assert!(within(ws.recv()).await == Ok(Some(Message::from(large))));
    let closed = within(ws.close(CloseCode::NORMAL, "")).await.expect("open");
    assert!(closed.is_clean(), "{closed}");
}

/// Real sockets, but no real waiting: the clock stops once the server has the client's first bytes.
async fn times_out_after_first_bytes(scheme: &str) -> ConnectError {
    let (listener, uri) = listen().await;
    let (_, trusted) = certificate("one");
    let trust = Tls::client()
        .add_ca_pem(trusted.as_bytes())
        .expect("a certificate");
    let request = Client::builder()
        .tls(trust)
        .build()
        .request(&uri.replace("ws", scheme));
    let attempt = tokio::spawn(request.expect("a URI").connect());
    let (mut tcp, _) = within(listener.accept()).await.expect("a client");
    within(tcp.read_u8()).await.expect("a byte");
    times_out(attempt).await
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let error = times_out_after_first_bytes("ws").await;
    assert_eq!(error.to_string(), "opening handshake timed out");
    assert!(matches!(error, ConnectError::Timeout(Stage::Open)));
}

#[tokio::test]
async fn a_server_that_says_nothing_in_the_tls_handshake() {
    let error = times_out_after_first_bytes("wss").await;
    assert_eq!(error.to_string(), "TLS handshake timed out");
    assert!(matches!(error, ConnectError::Timeout(Stage::Tls)));
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_says_nothing() {
    let (near, _far) = duplex(4096);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let start = Instant::now();
    let error = request.connect_on(near).await.expect_err("silence");
    assert!(
        matches!(error, ConnectError::Timeout(Stage::Open)),
        "{error}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_drips_its_answer() {
    let (near, mut far) = duplex(4096);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let start = Instant::now();
    let drip = tokio::spawn(async move {
        let head = read_head(&mut far).await;
        for byte in accepting(&head) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if far.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    let error = request.connect_on(near).await.expect_err("too slow");
    assert!(
        matches!(error, ConnectError::Timeout(Stage::Open)),
        "{error}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    drip.await.expect("no panic");
}

/// An open connection with handlers, and the bare peer.
async fn open_to_bare() -> (Log, TcpStream) {
    let (listener, uri) = listen().await;
    let (handlers, mut log) = log();
    let request = Client::new()
        .request(&uri)
        .expect("a URI")
        .handler(handlers);
    request.start();
    let (tcp, _) = within(listener.accept()).await.expect("a client");
    let tcp = answer(tcp).await;
    log.open().await;
    (log, tcp)
}

#[tokio::test]
async fn a_peer_that_ends_tcp_without_a_close_frame() {
    let (mut log, mut tcp) = open_to_bare().await;
    tcp.write_all(&frame(TEXT, b"last words"))
        .await
        .expect("a write");
    drop(tcp);
    assert_eq!(log.message().await, Message::from("last words"));
    let closed = log.closed().await;
    assert_eq!(closed.cause, Some(Cause::Eof));
    assert_eq!(closed.remote_code(), CloseCode::ABNORMAL);
    assert_eq!(
        closed.to_string(),
        "connection ended without a complete closing handshake"
    );
    log.ends().await;
}

#[tokio::test]
async fn a_peer_that_resets_tcp() {
    let (mut log, tcp) = open_to_bare().await;
    tcp.set_zero_linger().expect("an option");
    drop(tcp);
    let closed = log.closed().await;
    assert_eq!(
        closed.cause,
        Some(Cause::Transport("connection reset".into()))
    );
    assert_eq!(closed.remote_code(), CloseCode::ABNORMAL);
    log.ends().await;
}

#[tokio::test]
async fn a_peer_that_breaks_a_rule_is_told_before_the_program() {
    let cases: [(Vec<u8>, u16, ProtocolError); 5] = [
        (masked(TEXT, b"a"), 1002, ProtocolError::MaskForbidden),
        (frame(0xB, b""), 1002, ProtocolError::ReservedOpcode(0xB)),
        (frame(TEXT, b"\xff"), 1007, ProtocolError::InvalidUtf8),
        (
            frame(CLOSE, &closing(1006, "")),
            1002,
            ProtocolError::InvalidCloseCode(1006),
        ),
        (
            b"\x82\x7f\0\0\0\0\xff\0\0\0".to_vec(),
            1009,
            ProtocolError::MessageTooBig { limit: 16 << 20 },
        ),
    ];
    for (bytes, code, expected) in cases {
        let (mut log, mut tcp) = open_to_bare().await;
        let input = [frame(TEXT, b"good"), bytes, frame(TEXT, b"ignored")].concat();
        tcp.write_all(&input).await.expect("a write");
        assert_eq!(log.message().await, Message::from("good"));
        // The connection has not ended while the peer reads what it is told.
        assert_eq!(read_frame(&mut tcp).await, Some((CLOSE, closing(code, ""))));
        assert_eq!(read_frame(&mut tcp).await, None);
        assert!(log.is_silent());
        drop(tcp);
        let closed = log.closed().await;
        assert_eq!(closed.cause, Some(Cause::Protocol(expected)));
        assert_eq!(
            (closed.local_code(), closed.remote),
            (CloseCode(code), None)
        );
        log.ends().await;
    }
}

/// Drives a connection in a task of its own to its end.
fn driven(
    mut ws: WebSocket<DuplexStream>,
) -> JoinHandle<(Result<Option<Message>, Error>, Instant)> {
    tokio::spawn(async move {
        let end = ws.recv().await;
        (end, Instant::now())
    })
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_a_close_has_five_seconds() {
    let (mut client, _bare) = client_of_bare(Config::client()).await;
    let start = Instant::now();
    let closed = client.close(CloseCode::NORMAL, "bye").await.expect("open");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Close)));
    assert_eq!(closed.to_string(), "closing handshake timed out");
    assert_eq!(
        (closed.local_code(), closed.remote_code()),
        (CloseCode::NORMAL, CloseCode::ABNORMAL)
    );
}

#[tokio::test(start_paused = true)]
async fn messages_do_not_prolong_the_closing_handshake() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let start = Instant::now();
    let peer = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            if bare.write_all(&frame(TEXT, b"more")).await.is_err() {
                return;
            }
        }
    });
    let closed = client.close(CloseCode::NORMAL, "").await.expect("open");
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Close)));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    drop(client);
    peer.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_flood_does_not_prolong_the_closing_handshake() {
    let (near, far) = duplex(64 * 1024);
    let flows = Arc::new(AtomicBool::new(false));
    let flood = Flood {
        io: near,
        flows: flows.clone(),
        pours: frame(TEXT, b"more"),
        drinks: true,
    };
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let (client, _far) = tokio::join!(request.connect_on(flood), answer(far));
    let mut client = client.expect("a client");
    flows.store(true, Ordering::Relaxed);
    let closing = tokio::spawn(async move { client.close(CloseCode::NORMAL, "").await });
    settle().await;
    assert!(!closing.is_finished());
    advance(Duration::from_secs(6)).await;
    settle().await;
    assert!(closing.is_finished(), "the flood goes on, and so does this");
    let closed = closing.await.expect("no panic").expect("open");
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Close)));
}

#[tokio::test(start_paused = true)]
async fn waits_without_an_end_are_allowed() {
    let mut configs = [Config::client(), Config::server()];
    for config in &mut configs {
        config.timeouts.open = Duration::MAX;
        config.timeouts.close = Duration::MAX;
        let keepalive = config.keepalive.as_mut().expect("a default");
        keepalive.interval = Duration::MAX;
    }
    let [client, server] = configs;
    let (mut client, mut server) = pair_with(client, server).await;
    let (closed, end) = tokio::join!(client.close(CloseCode::NORMAL, ""), server.recv());
    assert!(closed.expect("open").is_clean());
    assert_eq!(end, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_does_not_prolong_the_closing_handshake() {
    let (mut client, _bare) = client_of_bare(Config::client()).await;
    // More than the pipe takes, so that the close frame itself cannot leave.
    client.feed("x".repeat(200 << 10)).await.expect("room");
    let start = Instant::now();
    let closed = client.close(CloseCode::NORMAL, "").await.expect("open");
    assert_eq!(closed.cause, Some(Cause::Timeout(Stage::Close)));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_server_waits_a_moment_for_the_peer_to_end_the_transport() {
    let (server, mut bare) = server_of_bare(Config::server()).await;
    let start = Instant::now();
    let end = driven(server);
    bare.write_all(&masked(CLOSE, &closing(1000, "")))
        .await
        .expect("a write");
    assert_eq!(
        read_frame(&mut bare).await,
        Some((CLOSE, closing(1000, "")))
    );
    assert_eq!(read_frame(&mut bare).await, None);
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "the server ends its side at once"
    );
    let (end, at) = end.await.expect("no panic");
    assert_eq!(end, Ok(None));
    assert_eq!(at - start, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_then_given_up() {
    let (client, mut bare) = client_of_bare(Config::client()).await;
    let start = Instant::now();
    let end = driven(client);
    let (opcode, _) = read_frame(&mut bare).await.expect("a ping");
    assert_eq!(opcode, PING);
    assert_eq!(start.elapsed(), Duration::from_secs(20));
    let (end, at) = end.await.expect("no panic");
    assert_eq!(end, Err(Error::Ended(Cause::Timeout(Stage::Pong))));
    assert_eq!(
        end.expect_err("silence").to_string(),
        "wait for a pong timed out"
    );
    assert_eq!(at - start, Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn any_sign_of_life_is_as_good_as_a_pong() {
    for reply in [None, Some(frame(TEXT, b"alive"))] {
        let (mut client, mut bare) = client_of_bare(Config::client()).await;
        let start = Instant::now();
        let owner = tokio::spawn(async move { while let Ok(Some(_)) = client.recv().await {} });
        while start.elapsed() < Duration::from_secs(300) {
            let ping = timeout(Duration::from_secs(41), read_frame(&mut bare)).await;
            let (opcode, payload) = ping.expect("a ping in time").expect("open");
            assert_eq!(opcode, PING);
            let reply = reply.clone().unwrap_or_else(|| frame(PONG, &payload));
            bare.write_all(&reply).await.expect("open");
        }
        assert!(!owner.is_finished());
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_talks_is_not_pinged() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let owner = tokio::spawn(async move { while let Ok(Some(_)) = client.recv().await {} });
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(15)).await;
        bare.write_all(&frame(TEXT, b"alive")).await.expect("open");
    }
    assert!(polled(3, bare.read_u8()).await.is_none());
    assert!(!owner.is_finished());
}

#[tokio::test(start_paused = true)]
async fn without_keepalive_silence_is_no_fault() {
    let mut config = Config::client();
    config.keepalive = None;
    let (client, mut bare) = client_of_bare(config).await;
    let end = driven(client);
    let silence = timeout(Duration::from_secs(3600), bare.read_u8()).await;
    assert!(silence.is_err());
    assert!(!end.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_given_up_like_a_silent_one() {
    let (mut client, _bare) = client_of_bare(Config::client()).await;
    let start = Instant::now();
    let error = client
        .send("x".repeat(1 << 20))
        .await
        .expect_err("nobody reads");
    assert_eq!(error, Error::Ended(Cause::Timeout(Stage::Pong)));
    assert_eq!(start.elapsed(), Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_that_reads_all_is_given_up_while_a_stream_goes_to_it() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    // As slow as to block each send, and without an answer to any ping.
    let peer = tokio::spawn(async move {
        let mut some = vec![0; 8 << 10];
        while bare.read(&mut some).await.is_ok_and(|len| len > 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let start = Instant::now();
    let stream = async {
        loop {
            if let Err(error) = client.send("x".repeat(100 << 10)).await {
                return error;
            }
        }
    };
    let error = timeout(Duration::from_secs(300), stream).await;
    assert_eq!(
        error.expect("not kept alive by its own writes"),
        Error::Ended(Cause::Timeout(Stage::Pong))
    );
    let took = start.elapsed().as_secs();
    assert!((40..60).contains(&took), "{took}");
    drop(client);
    peer.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_whose_ping_still_waits_behind_its_bytes_is_not_given_up() {
    let (server, mut bare) = server_of_bare(Config::server()).await;
    let mut server = server;
    let sending = tokio::spawn(async move { server.send("x".repeat(500 << 10)).await });
    let start = Instant::now();
    let (mut some, mut got) = (vec![0; 8 << 10], 0);
    while got < 500 << 10 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        got += bare.read(&mut some).await.expect("open");
    }
    assert!(start.elapsed() > Duration::from_secs(100));
    assert_eq!(sending.await.expect("no panic"), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn silence_is_no_fault_while_reading_is_paused() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let handle = client.handle();
    let mut owner = tokio::spawn(async move { client.recv().await });
    settle().await;
    handle.pause_reading();
    let waited = timeout(Duration::from_secs(300), &mut owner).await;
    assert!(waited.is_err(), "{waited:?}");
    assert!(handle.is_open());

    // From here on it counts again.
    let start = Instant::now();
    handle.resume_reading();
    let (opcode, _) = read_frame(&mut bare).await.expect("a ping");
    assert_eq!(opcode, PING);
    assert!(
        start.elapsed() <= Duration::from_secs(40),
        "{:?}",
        start.elapsed()
    );
    let end = owner.await.expect("no panic");
    assert_eq!(end, Err(Error::Ended(Cause::Timeout(Stage::Pong))));
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_came_while_reading_was_paused_counts() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let handle = client.handle();
    let owner = tokio::spawn(async move { client.recv().await });
    let (opcode, payload) = read_frame(&mut bare).await.expect("a ping");
    assert_eq!(opcode, PING);
    handle.pause_reading();
    settle().await;
    bare.write_all(&frame(PONG, &payload)).await.expect("open");
    tokio::time::sleep(Duration::from_secs(100)).await;
    handle.resume_reading();
    settle().await;
    assert!(!owner.is_finished());
    bare.write_all(&frame(TEXT, b"alive")).await.expect("open");
    assert_eq!(
        owner.await.expect("no panic"),
        Ok(Some(Message::from("alive")))
    );
}
