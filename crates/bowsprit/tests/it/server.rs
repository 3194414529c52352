//! The server endpoint: whom it lets in, and that one connection's trouble is its own.

use std::{
    io,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{self, Poll},
    time::Duration,
};

use bowsprit::{
    AcceptError, Client, CloseCode, Config, Context, Error, Handler, Handlers, Message, MessageRef,
    Server, Stage, accept,
};
use tokio::{
    io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex,
    },
    time::Instant,
};

use super::support::{
    CLOSE, Echo, REQUEST, Running, TEXT, ask, closing, echo, masked, read_frame, read_head, run,
    within,
};

/// The server still does what it is for.
async fn assert_serves(server: &Running) {
    let mut ws = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    ws.send("ahoy").await.expect("open");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("ahoy"))));
}

/// The head of what the server answers to a request with these lines.
async fn answer_to(server: &Running, lines: &str) -> String {
    let mut tcp = server.bare().await;
    let request = format!("{REQUEST}{lines}\r\n");
    tcp.write_all(request.as_bytes()).await.expect("a write");
    read_head(&mut tcp).await
}

#[tokio::test]
async fn garbage_for_a_handshake_hurts_nobody_else() {
    let server = echo().await;
    let mut open = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    let garbage: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff\xfe\x00\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\r\n\r\n\r\n\r\n",
    ];
    for bytes in garbage {
        let mut tcp = server.bare().await;
        tcp.write_all(bytes).await.expect("a write");
        tcp.shutdown().await.expect("an end");
        let mut answer = Vec::new();
        within(tcp.read_to_end(&mut answer))
            .await
            .expect("an answer");
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 4"), "{bytes:?}: {text}");
        assert!(text.contains("Connection: close"), "{text}");
        assert_serves(&server).await;
    }
    open.send("still here").await.expect("open");
    assert_eq!(
        within(open.recv()).await,
        Ok(Some(Message::from("still here")))
    );
}

#[tokio::test]
async fn clients_that_vanish_hurt_nobody_else() {
    let server = echo().await;
    drop(server.bare().await);
    let mut half = server.bare().await;
    half.write_all(b"GET / HT").await.expect("a write");
    half.set_zero_linger().expect("an option");
    drop(half);
    let open = ask(server.bare().await).await;
    open.set_zero_linger().expect("an option");
    drop(open);
    let _silent = server.bare().await;
    assert_serves(&server).await;
}

struct Panics;

impl Handler for Panics {
    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        assert_ne!(message.as_text(), Some("panic"), "on purpose");
        cx.send(message).expect("room");
    }
}

#[tokio::test]
async fn a_handler_that_panics_takes_only_its_connection_with_it() {
    let server = run(Server::builder(), || Panics).await;
    let mut other = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    let mut ws = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    ws.feed("before it").await.expect("open");
    ws.feed("panic").await.expect("open");
    ws.send("not heard any more").await.expect("open");
    let answer = within(ws.recv()).await.expect("no error");
    assert_eq!(answer, Some(Message::from("before it")));
    assert_eq!(within(ws.recv()).await, Ok(None));
    let closed = ws.close_info().expect("an end");
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(closed.remote_code(), CloseCode::INTERNAL_ERROR);
    other.send("still here").await.expect("open");
    assert_eq!(
        within(other.recv()).await,
        Ok(Some(Message::from("still here")))
    );
    assert_serves(&server).await;
}

/// Panics as soon as it can, without a word in the output of the tests.
struct PanicsIn(&'static str);

impl PanicsIn {
    fn panic_in(&self, place: &str) {
        if self.0 == place {
            resume_unwind(Box::new(()));
        }
    }
}

impl Handler for PanicsIn {
    fn on_open(&mut self, _: &mut Context<'_>) {
        self.panic_in("on_open");
    }

    fn on_message(&mut self, _: &mut Context<'_>, _: MessageRef<'_>) {
        self.panic_in("on_message");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_in_the_read_of_a_panic_is_not_lost() {
    for place in ["on_open", "on_message"] {
        let server = Server::builder().build();
        let (near, mut far) = duplex(4096);
        tokio::spawn(async move { server.serve_on(near, None, |_| PanicsIn(place)).await });
        let request = format!("{REQUEST}\r\n").into_bytes();
        let close = masked(CLOSE, &closing(1000, ""));
        let all = [request, masked(TEXT, b"x"), close].concat();
        far.write_all(&all).await.expect("a write");
        read_head(&mut far).await;
        let start = Instant::now();
        let close = read_frame(&mut far).await;
        assert_eq!(close, Some((CLOSE, closing(1011, ""))), "{place}");
        assert_eq!(read_frame(&mut far).await, None);
        // Without the peer's close frame it would wait for it, for five seconds.
        assert!(start.elapsed() < Duration::from_secs(2), "{place}");
    }
}

#[tokio::test]
async fn a_transport_that_panics_ends_its_session() {
    let server = Server::builder().build();
    let (near, far) = duplex(4096);
    let armed = Arc::new(AtomicBool::new(false));
    let io = PanicsWhenRead(near, Arc::clone(&armed));
    let session = tokio::spawn(async move { server.serve_on(io, None, |_| Panics).await.is_ok() });
    let mut far = ask(far).await;
    armed.store(true, Ordering::SeqCst);
    far.write_all(&masked(TEXT, b"x")).await.expect("a write");
    assert!(within(session).await.expect_err("a panic").is_panic());
}

struct PanicsWhenRead(DuplexStream, Arc<AtomicBool>);

impl AsyncRead for PanicsWhenRead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.1.load(Ordering::SeqCst) {
            resume_unwind(Box::new(()));
        }
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for PanicsWhenRead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_future_that_panics_takes_only_its_connection_with_it() {
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    tokio::spawn(async move {
        let serve = server.serve(|mut ws| async move {
            while let Some(message) = ws.recv().await? {
                assert_ne!(message.as_text(), Some("panic"), "on purpose");
                ws.send(message).await?;
            }
            Ok(())
        });
        serve.await
    });
    let mut other = within(bowsprit::connect(&uri)).await.expect("a connection");
    let mut ws = within(bowsprit::connect(&uri)).await.expect("a connection");
    ws.send("panic").await.expect("open");
    within(ws.recv()).await.expect_err("no close frame");
    other.send("still here").await.expect("open");
    assert_eq!(
        within(other.recv()).await,
        Ok(Some(Message::from("still here")))
    );
    let closed = within(other.close(CloseCode::NORMAL, ""))
        .await
        .expect("open");
    assert!(closed.is_clean(), "{closed}");
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let server = echo().await;
    let own = server.address();
    let let_in = [
        String::new(),
        format!("Origin: http://{own}\r\n"),
        format!("Origin: https://{own}\r\n"),
        format!("Origin: HTTP://{own}\r\n"),
    ];
    let kept_out = [
        "http://evil.example".to_owned(),
        "null".to_owned(),
        String::new(),
        own.to_string(),
        format!("ftp://{own}"),
        format!("http://{own}.evil.example"),
        format!("http://evil.example/{own}"),
        format!("http://{own}@evil.example"),
        format!("http://{}", own.ip()),
        format!("http://{}:{}", own.ip(), own.port() ^ 1),
    ];
    let host = format!("Host: {own}");
    for lines in let_in {
        let mut tcp = server.bare().await;
        let request = format!("{REQUEST}{lines}\r\n").replace("Host: in.memory", &host);
        tcp.write_all(request.as_bytes()).await.expect("a write");
        let head = read_head(&mut tcp).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{lines}: {head}");
    }
    for origin in kept_out {
        let mut tcp = server.bare().await;
        let request =
            format!("{REQUEST}Origin: {origin}\r\n\r\n").replace("Host: in.memory", &host);
        tcp.write_all(request.as_bytes()).await.expect("a write");
        let head = read_head(&mut tcp).await;
        assert!(
            head.starts_with("HTTP/1.1 403 Forbidden\r\n"),
            "{origin}: {head}"
        );
        assert!(head.contains("Connection: close\r\n"), "{head}");
    }
}

#[tokio::test]
async fn the_default_port_of_an_origin_may_be_left_out() {
    let same = [
        ("in.memory", "http://in.memory"),
        ("in.memory", "http://in.memory:80"),
        ("in.memory:80", "http://in.memory"),
        ("in.memory:443", "https://in.memory"),
        ("IN.memory", "http://in.MEMORY"),
    ];
    for (host, origin) in same {
        let (near, mut far) = duplex(4096);
        let request = format!("{REQUEST}Origin: {origin}\r\n\r\n")
            .replace("Host: in.memory", &format!("Host: {host}"));
        far.write_all(request.as_bytes()).await.expect("a write");
        let accepted = accept(near, Config::server()).await;
        assert!(accepted.is_ok(), "{host}, {origin}: {accepted:?}");
    }
}

#[tokio::test]
async fn any_origin_is_let_in_where_the_program_says_so() {
    let server = run(Server::builder().danger_any_origin(), || Echo).await;
    for origin in ["http://evil.example", "null"] {
        let head = answer_to(&server, &format!("Origin: {origin}\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{origin}: {head}");
    }
}

#[tokio::test]
async fn accepting_reports_a_foreign_origin() {
    let (near, mut far) = duplex(4096);
    let request = format!("{REQUEST}Origin: http://evil.example\r\n\r\n");
    far.write_all(request.as_bytes()).await.expect("a write");
    let refused = tokio::spawn(accept(near, Config::server()));
    let head = read_head(&mut far).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    drop(far);
    let error = refused.await.expect("no panic").expect_err("another site");
    assert_eq!(
        error.to_string(),
        "origin \"http://evil.example\" is not this server's own"
    );
}

#[tokio::test]
async fn the_server_header_is_the_programs_choice() {
    let default = concat!("Server: bowsprit/", env!("CARGO_PKG_VERSION"), "\r\n");
    let head = answer_to(&echo().await, "").await;
    assert!(head.contains(default), "{head}");

    let named = Server::builder()
        .server_header("harbour/3".to_owned())
        .expect("a header");
    let head = answer_to(&run(named, || Echo).await, "").await;
    assert!(
        head.contains("Server: harbour/3\r\n") && !head.contains("bowsprit"),
        "{head}"
    );

    let silent = Server::builder().server_header(None).expect("none");
    let head = answer_to(&run(silent, || Echo).await, "").await;
    assert!(!head.contains("Server:"), "{head}");

    let error = Server::builder().server_header("a\r\nb: c".to_owned());
    error.expect_err("two headers");
}

#[tokio::test]
async fn the_request_is_at_hand() {
    let (tell, told) = mpsc::channel();
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let address = server.local_addr().expect("an address");
    tokio::spawn(async move {
        let serve = server.serve_handlers(move |info| {
            let header = info.request_header("x-berth").map(str::to_owned);
            tell.send((header, info.uri().to_owned(), info.peer()))
                .expect("a test");
            Handlers::new()
        });
        serve.await
    });
    let client = Client::new();
    let request = client
        .request(&format!("ws://{address}/dock?n=7"))
        .expect("a URI");
    let request = request.header("X-Berth", "7").expect("a header");
    let ws = within(request.connect()).await.expect("a connection");
    let (header, uri, peer) = told.recv().expect("a connection");
    assert_eq!(header.as_deref(), Some("7"));
    assert_eq!(uri, format!("ws://{address}/dock?n=7"));
    assert_eq!(peer, Some(ws.get_ref().local_addr().expect("an address")));
}

#[tokio::test]
async fn messages_that_come_along_with_the_request_are_handled() {
    let server = echo().await;
    let mut tcp = server.bare().await;
    let early = [masked(TEXT, b"one"), masked(TEXT, b"two")].concat();
    let bytes = [format!("{REQUEST}\r\n").as_bytes(), &early].concat();
    tcp.write_all(&bytes).await.expect("a write");
    read_head(&mut tcp).await;
    for expected in [b"one", b"two"] {
        assert_eq!(read_frame(&mut tcp).await, Some((TEXT, expected.to_vec())));
    }
}

#[tokio::test]
async fn every_connection_has_a_handler_of_its_own() {
    struct Counter(u32);
    impl Handler for Counter {
        fn on_message(&mut self, cx: &mut Context<'_>, _: MessageRef<'_>) {
            self.0 += 1;
            cx.send(self.0.to_string().as_str()).expect("room");
        }
    }
    let server = run(Server::builder(), || Counter(0)).await;
    for _ in 0..2 {
        let mut ws = within(bowsprit::connect(&server.uri))
            .await
            .expect("a connection");
        for expected in ["1", "2"] {
            ws.send("more").await.expect("open");
            assert_eq!(within(ws.recv()).await, Ok(Some(Message::from(expected))));
        }
    }
}

#[tokio::test]
async fn the_server_config_holds_for_its_connections() {
    let mut config = Config::server();
    config.limits.message = 4;
    let server = run(Server::builder().config(config), || Echo).await;
    let mut ws = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    ws.send("longer").await.expect("open");
    assert_eq!(within(ws.recv()).await, Ok(None));
    assert_eq!(
        ws.close_info().expect("an end").remote_code(),
        CloseCode::MESSAGE_TOO_BIG
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_sent_away() {
    let (near, mut far) = duplex(4096);
    let start = Instant::now();
    let accepted = tokio::spawn(accept(near, Config::server()));
    far.write_all(b"GET / HTTP/1.1\r\n").await.expect("a write");
    // Virtual seconds: `read_head` would give up earlier than the server.
    let mut answer = Vec::new();
    far.read_to_end(&mut answer).await.expect("an answer");
    assert!(
        answer.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"),
        "{answer:?}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    drop(far);
    let error = accepted.await.expect("no panic").expect_err("too slow");
    assert!(
        matches!(error, AcceptError::Timeout(Stage::Open)),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drips_its_request_has_no_more_time() {
    let (near, mut far) = duplex(4096);
    let start = Instant::now();
    let accepted = tokio::spawn(accept(near, Config::server()));
    for byte in REQUEST.bytes().cycle().take(15) {
        if far.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let error = accepted.await.expect("no panic").expect_err("too slow");
    assert!(
        matches!(error, AcceptError::Timeout(Stage::Open)),
        "{error}"
    );
    assert!(start.elapsed() <= Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_in_the_handshake_is_reported() {
    let (near, far) = duplex(4096);
    drop(far);
    let error = accept(near, Config::server())
        .await
        .expect_err("nobody there");
    assert!(matches!(error, AcceptError::Handshake(_)), "{error}");
}

#[tokio::test]
async fn the_end_of_the_future_ends_its_connection() {
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    tokio::spawn(async move {
        server
            .serve(|mut ws| async move {
                ws.send("once").await?;
                Err(Error::Send(bowsprit::SendError::Full))
            })
            .await
    });
    let mut ws = within(bowsprit::connect(&uri)).await.expect("a connection");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("once"))));
    within(ws.recv()).await.expect_err("no close frame");
}
