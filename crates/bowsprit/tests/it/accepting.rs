//! The other ways into a server: `accept`, streams of the caller's own, Unix sockets; and their end.

use std::{future::pending, io, panic::resume_unwind, sync::Arc, time::Duration};

use bowsprit::{
    Accept, AcceptError, Client, CloseCode, Config, Handlers, HttpRequest, Message, Response,
    Server, ServerTls, Tls,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::support::{
    CLOSE, Echo, REQUEST, TEXT, ask, closing, masked, polled, read_frame, read_head, settle, within,
};

const LONG: Duration = Duration::from_secs(50);

async fn bound() -> (Server, String) {
    let server = Server::builder().bind("127.0.0.1:0").await;
    let server = server.expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    (server, uri)
}

async fn bare(server: &Server) -> TcpStream {
    let address = server.local_addr().expect("an address");
    TcpStream::connect(address).await.expect("a connection")
}

#[tokio::test]
async fn accept_gives_one_open_connection_after_the_other() {
    let (server, uri) = bound().await;
    for text in ["one", "two"] {
        let (client, accepted) =
            within(async { tokio::join!(bowsprit::connect(&uri), server.accept()) }).await;
        let (mut client, mut ws) = (client.expect("open"), accepted.expect("open"));
        client.send(text).await.expect("open");
        assert_eq!(within(ws.recv()).await, Ok(Some(Message::from(text))));
        ws.send(text).await.expect("open");
        assert_eq!(within(client.recv()).await, Ok(Some(Message::from(text))));
    }
}

#[tokio::test]
async fn a_stuck_handshake_delays_no_accept() {
    let (server, uri) = bound().await;
    // Starts to listen.
    assert!(polled(1, server.accept()).await.is_none());
    let mut stuck = Vec::new();
    for bytes in ["", "GET", "GET / HTTP/1.1\r\n"] {
        let mut tcp = bare(&server).await;
        tcp.write_all(bytes.as_bytes()).await.expect("a write");
        stuck.push(tcp);
    }
    let both = async { tokio::join!(bowsprit::connect(&uri), server.accept()) };
    let (client, accepted) = within(both).await;
    client.expect("open");
    accepted.expect("open");
}

#[tokio::test]
async fn a_cancelled_accept_loses_nothing() {
    const CLIENTS: usize = 5;
    let (server, uri) = bound().await;
    let connect = |number: usize| {
        let uri = uri.clone();
        tokio::spawn(async move {
            let mut ws = bowsprit::connect(&uri).await.expect("open");
            ws.send(number.to_string()).await.expect("open");
            ws
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(connect).collect();
    let taking = async {
        let mut taken = Vec::new();
        while taken.len() < CLIENTS {
            taken.extend(polled(1, server.accept()).await);
            tokio::task::yield_now().await;
        }
        taken
    };
    let mut said = Vec::new();
    for ws in within(taking).await {
        let mut ws = ws.expect("open");
        let message = within(ws.recv()).await.expect("open").expect("a message");
        said.push(message.as_text().expect("a number").to_owned());
    }
    said.sort();
    assert_eq!(said, ["0", "1", "2", "3", "4"]);
    for client in clients {
        within(client).await.expect("no panic");
    }
}

#[tokio::test]
async fn callers_of_accept_line_up() {
    let (server, uri) = bound().await;
    let accept = || {
        let server = server.clone();
        tokio::spawn(async move { server.accept().await.map(|ws| ws.id()) })
    };
    let waiting = [accept(), accept(), accept()];
    let mut clients = Vec::new();
    for _ in &waiting {
        clients.push(within(bowsprit::connect(&uri)).await.expect("open"));
    }
    let mut ids = Vec::new();
    for caller in waiting {
        ids.push(within(caller).await.expect("no panic").expect("open"));
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn connections_that_nobody_takes_wait_and_then_no_more_are_opened() {
    const WAITING: usize = 64;
    let (server, uri) = bound().await;
    assert!(polled(1, server.accept()).await.is_none());
    let mut clients = Vec::new();
    for _ in 0..WAITING {
        clients.push(within(bowsprit::connect(&uri)).await.expect("open"));
    }
    let mut late = bare(&server).await;
    let request = format!("{REQUEST}\r\n");
    late.write_all(request.as_bytes()).await.expect("a write");
    settle().await;
    let answer = late.try_read(&mut [0]);
    assert_eq!(
        answer.expect_err("no answer").kind(),
        io::ErrorKind::WouldBlock
    );
    let _taken = within(server.accept()).await.expect("open");
    let head = read_head(&mut late).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // The next one is told in time that nobody takes it.
    server.set_defaults(|defaults| {
        Arc::make_mut(&mut defaults.config).timeouts.open = Duration::from_millis(50);
    });
    let mut last = bare(&server).await;
    last.write_all(request.as_bytes()).await.expect("a write");
    let head = read_head(&mut last).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
}

#[tokio::test]
async fn a_shutdown_ends_accepting_and_closes_what_nobody_took() {
    let (server, uri) = bound().await;
    assert!(polled(1, server.accept()).await.is_none());
    let mut unclaimed = ask(bare(&server).await).await;
    let mut stuck = bare(&server).await;
    let claimed = within(server.accept()).await.expect("open");
    let mut left = ask(bare(&server).await).await;
    let waiting = {
        let server = server.clone();
        tokio::spawn(async move {
            // It takes the one that is left, or sees the end before it does.
            let first = server.accept().await.map(|mut ws| {
                tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
            });
            (first.is_ok(), server.accept().await.map(drop))
        })
    };
    let owner = tokio::spawn(async move {
        let mut claimed = claimed;
        claimed.recv().await
    });
    settle().await;
    let control = server.clone();
    let shutdown = tokio::spawn(async move { control.shutdown(CloseCode::GOING_AWAY, LONG).await });
    let head = read_head(&mut stuck).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    drop(stuck);
    for tcp in [&mut unclaimed, &mut left] {
        assert_eq!(read_frame(tcp).await, Some((CLOSE, closing(1001, ""))));
        tcp.write_all(&masked(CLOSE, &closing(1001, "")))
            .await
            .expect("a write");
    }
    assert_eq!(within(owner).await.expect("no panic"), Ok(None));
    let (_, end) = within(waiting).await.expect("no panic");
    assert_eq!(end.expect_err("an end").kind(), io::ErrorKind::NotConnected);
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
    let again = server.accept().await.expect_err("an end");
    assert_eq!(again.kind(), io::ErrorKind::NotConnected);
    within(bowsprit::connect(&uri))
        .await
        .expect_err("nobody listens");
}

#[tokio::test]
async fn unclaimed_connections_are_closed_at_a_shutdown() {
    let (server, _) = bound().await;
    assert!(polled(1, server.accept()).await.is_none());
    let mut left = [
        ask(bare(&server).await).await,
        ask(bare(&server).await).await,
    ];
    let control = server.clone();
    let shutdown = tokio::spawn(async move { control.shutdown(CloseCode::GOING_AWAY, LONG).await });
    for tcp in &mut left {
        assert_eq!(read_frame(tcp).await, Some((CLOSE, closing(1001, ""))));
        tcp.write_all(&masked(CLOSE, &closing(1001, "")))
            .await
            .expect("a write");
    }
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
}

#[tokio::test]
async fn the_background_ends_with_the_last_clone() {
    let (server, uri) = bound().await;
    let both = async { tokio::join!(bowsprit::connect(&uri), server.accept()) };
    let (client, ws) = within(both).await;
    let (mut client, mut ws) = (client.expect("open"), ws.expect("open"));
    drop(server.clone());
    let _second = within(bowsprit::connect(&uri)).await.expect("still there");
    let address = server.local_addr().expect("an address");
    drop(server);
    let gone = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within(gone).await;
    // What was taken is its owner's.
    client.send("still here").await.expect("open");
    let expected = Message::from("still here");
    assert_eq!(within(ws.recv()).await, Ok(Some(expected)));
}

#[tokio::test]
async fn a_server_that_does_not_listen_says_so() {
    let server = Server::builder().build();
    let not_connected = io::ErrorKind::NotConnected;
    let error = server.accept().await.expect_err("no listener");
    assert_eq!(error.kind(), not_connected);
    let error = server.serve(|_| async { Ok(()) }).await;
    assert_eq!(error.expect_err("no listener").kind(), not_connected);
    let error = server.local_addr().expect_err("no listener");
    assert_eq!(error.kind(), not_connected);
    // After a shutdown there is nothing to serve, as for any other.
    server.shutdown(CloseCode::GOING_AWAY, LONG).await;
    server.serve(|_| async { Ok(()) }).await.expect("an end");
}

#[tokio::test]
async fn a_listener_of_the_callers_own_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let server = Server::builder().listener(listener);
    assert_eq!(server.local_addr().expect("an address"), address);
    let uri = format!("ws://{address}/");
    let both = async { tokio::join!(bowsprit::connect(&uri), server.accept()) };
    let (client, ws) = within(both).await;
    client.expect("open");
    let ws = ws.expect("open");
    assert!(ws.info().peer().is_some());
}

#[tokio::test]
async fn accepted_connections_may_be_encrypted() {
    let own = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate");
    let server = Server::builder().tls(tls).bind("127.0.0.1:0").await;
    let server = server.expect("a listener");
    let port = server.local_addr().expect("an address").port();
    let any = Tls::client().danger_accept_any_certificate();
    let client = Client::builder().tls(any).build();
    let request = client.request(&format!("wss://localhost:{port}/x"));
    let request = request.expect("a URI");
    assert!(polled(1, server.accept()).await.is_none());
    // One that never begins with TLS is in nobody's way, and cut at a shutdown.
    let mut stuck = bare(&server).await;
    let both = async { tokio::join!(request.connect(), server.accept()) };
    let (client, ws) = within(both).await;
    let (mut client, mut ws) = (client.expect("open"), ws.expect("open"));
    assert_eq!(ws.info().uri(), format!("wss://localhost:{port}/x"));
    assert!(ws.tls_info().is_some());
    let control = server.clone();
    let shutdown = tokio::spawn(async move { control.shutdown(CloseCode::GOING_AWAY, LONG).await });
    let ends = async { tokio::join!(client.recv(), ws.recv()) };
    assert_eq!(within(ends).await, (Ok(None), Ok(None)));
    assert_eq!(within(stuck.read(&mut [0])).await.expect("an end"), 0);
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
}

#[tokio::test]
async fn streams_of_the_callers_own_run_with_handlers_to_their_end() {
    let server = Server::builder().build();
    let (near, far) = duplex(64 * 1024);
    let peer = "192.0.2.1:4711".parse().ok();
    let running = server.clone();
    let serving = tokio::spawn(async move {
        let factory = |info: &Arc<bowsprit::ConnectionInfo>| {
            assert_eq!(info.peer(), peer);
            Echo
        };
        running.serve_on(near, peer, factory).await
    });
    let mut far = ask(far).await;
    let ahoy = masked(TEXT, b"ahoy");
    far.write_all(&ahoy).await.expect("a write");
    assert_eq!(read_frame(&mut far).await, Some((TEXT, b"ahoy".to_vec())));
    let control = server.clone();
    let shutdown = tokio::spawn(async move { control.shutdown(CloseCode::GOING_AWAY, LONG).await });
    assert_eq!(read_frame(&mut far).await, Some((CLOSE, closing(1001, ""))));
    drop(far);
    within(serving).await.expect("no panic").expect("it opened");
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
}

#[tokio::test]
async fn after_a_shutdown_streams_are_refused() {
    let server = Server::builder().build();
    server.shutdown(CloseCode::GOING_AWAY, LONG).await;
    let (near, mut far) = duplex(64 * 1024);
    let refused = async { server.accept_on(near, None).await.map(drop) };
    let answer = async {
        let head = read_head(&mut far).await;
        drop(far);
        head
    };
    let (refused, head) = tokio::join!(refused, answer);
    assert!(
        head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{head}"
    );
    let error = refused.expect_err("the end");
    assert!(matches!(error, AcceptError::ShuttingDown), "{error}");
    let (near, far) = duplex(64 * 1024);
    drop(far);
    let error = server.serve_on(near, None, |_| Handlers::new()).await;
    assert!(matches!(error, Err(AcceptError::ShuttingDown)), "{error:?}");
}

#[tokio::test]
async fn a_request_that_is_being_decided_gets_a_503_at_a_shutdown() {
    let asked = Arc::new(Notify::new());
    let tell = asked.clone();
    let server = Server::builder()
        .validate(move |_| {
            tell.notify_one();
            async {
                pending::<()>().await;
                Ok(Accept::default())
            }
        })
        .build();
    let (near, mut far) = duplex(64 * 1024);
    let request = format!("{REQUEST}\r\n");
    far.write_all(request.as_bytes()).await.expect("a write");
    let accepting = server.clone();
    let refused = tokio::spawn(async move { accepting.accept_on(near, None).await.map(drop) });
    within(asked.notified()).await;
    let control = server.clone();
    let shutdown = tokio::spawn(async move { control.shutdown(CloseCode::GOING_AWAY, LONG).await });
    let head = read_head(&mut far).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("\r\nServer: bowsprit/"), "{head}");
    drop(far);
    let error = within(refused).await.expect("no panic").expect_err("no");
    assert!(matches!(error, AcceptError::ShuttingDown), "{error}");
    assert_eq!(within(shutdown).await.expect("no panic"), 0);
}

#[tokio::test]
async fn each_face_has_the_settings_that_it_needs() {
    let mut config = Config::server();
    config.streaming = true;
    let server = Server::builder().config(config).build();
    // Who awaits messages gets whole ones, and pings are answered.
    let (near, far) = duplex(64 * 1024);
    let (mut far, ws) = tokio::join!(ask(far), server.accept_on(near, None));
    let mut ws = ws.expect("open");
    let mut bytes = masked(TEXT, b"ah");
    bytes[0] &= 0x7F;
    far.write_all(&bytes).await.expect("a write");
    let mut rest = masked(0, b"oy");
    rest.extend(masked(super::support::PING, b"?"));
    far.write_all(&rest).await.expect("a write");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("ahoy"))));
    assert!(polled(10, ws.recv()).await.is_none());
    let pong = (super::support::PONG, b"?".to_vec());
    assert_eq!(read_frame(&mut far).await, Some(pong));
    // A handler gets the pieces, and decides about pings.
    let (near, far) = duplex(64 * 1024);
    let running = server.clone();
    let serving = tokio::spawn(async move {
        let handlers = Handlers::new()
            .on_fragment(|cx, fragment, _| {
                cx.send(fragment.as_text().expect("text")).expect("room");
            })
            .on_ping(|_, _| bowsprit::Pong::Suppress);
        running.serve_on(near, None, |_| handlers).await
    });
    let mut far = ask(far).await;
    far.write_all(&[bytes, rest].concat())
        .await
        .expect("a write");
    for piece in ["ah", "oy"] {
        let expected = (TEXT, piece.as_bytes().to_vec());
        assert_eq!(read_frame(&mut far).await, Some(expected));
    }
    far.write_all(&masked(CLOSE, &closing(1000, "")))
        .await
        .expect("a write");
    assert_eq!(read_frame(&mut far).await, Some((CLOSE, closing(1000, ""))));
    drop(far);
    within(serving).await.expect("no panic").expect("it opened");
}

#[cfg(unix)]
mod unix {
    use std::path::PathBuf;

    use bowsprit::Stream;
    use tokio::net::{UnixListener, UnixStream};

    use super::*;

    /// A path of its own for each test.
    struct Path(PathBuf);

    impl Path {
        fn new(name: &str) -> Self {
            let name = format!("bowsprit-{}-{name}.socket", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = std::fs::remove_file(&path);
            Self(path)
        }
    }

    impl Drop for Path {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    async fn talks(server: &Server, path: &Path) {
        let stream = UnixStream::connect(&path.0).await.expect("a connection");
        let request = Client::new().request("ws://in.memory/").expect("a URI");
        let both =
            async { tokio::join!(request.connect_on(Stream::from(stream)), server.accept()) };
        let (client, ws) = within(both).await;
        let (mut client, mut ws) = (client.expect("open"), ws.expect("open"));
        assert_eq!(ws.info().peer(), None);
        let error = ws.get_ref().peer_addr().expect_err("no address");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(ws.get_ref().tcp().is_none() && ws.tls_info().is_none());
        let long = "x".repeat(100_000);
        client.send(long.as_str()).await.expect("open");
        let message = within(ws.recv()).await.expect("open").expect("a message");
        assert_eq!(message.as_text(), Some(long.as_str()));
        let back = async { tokio::join!(ws.send(message), client.recv()) };
        let (sent, received) = within(back).await;
        sent.expect("open");
        assert_eq!(received, Ok(Some(Message::from(long))));
    }

    #[tokio::test]
    async fn a_shutdown_removes_the_file() {
        let path = Path::new("shutdown");
        let limits = Server::builder().max_per_address(1);
        let server = limits.bind_unix(&path.0).expect("a listener");
        let error = server.local_addr().expect_err("no address");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        talks(&server, &path).await;
        // Nobody has an address, so nobody has too many.
        let (_one, _two) = (
            ask(UnixStream::connect(&path.0).await.expect("open")).await,
            ask(UnixStream::connect(&path.0).await.expect("open")).await,
        );
        let taken = Server::builder().bind_unix(&path.0).expect_err("taken");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        assert!(path.0.exists(), "it is the first one's");
        drop((_one, _two));
        within(server.shutdown(CloseCode::GOING_AWAY, LONG)).await;
        assert!(!path.0.exists());
        let next = Server::builder().bind_unix(&path.0).expect("free again");
        talks(&next, &path).await;
        drop(next);
        assert!(!path.0.exists());
    }

    #[tokio::test]
    async fn files_of_others_are_left_alone() {
        let path = Path::new("others");
        // One that nobody listens on any more: whether it may go is not for us to say.
        drop(UnixListener::bind(&path.0).expect("a listener"));
        let taken = Server::builder().bind_unix(&path.0).expect_err("taken");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        std::fs::remove_file(&path.0).expect("removed");

        let server = Server::builder().bind_unix(&path.0).expect("a listener");
        let aside = Path::new("aside");
        std::fs::rename(&path.0, &aside.0).expect("moved");
        std::fs::write(&path.0, "another's").expect("a file");
        drop(server);
        assert!(path.0.exists(), "it was another's");
        std::fs::remove_file(&path.0).expect("removed");

        let listener = UnixListener::bind(&path.0).expect("a listener");
        let server = Server::builder().listener(listener);
        talks(&server, &path).await;
        drop(server);
        assert!(path.0.exists(), "whoever made it removes it");
    }
}

#[tokio::test]
async fn an_accept_that_nobody_polls_holds_up_no_other() {
    let (server, uri) = bound().await;
    let mut idle = Box::pin(server.accept());
    assert!(polled(3, &mut idle).await.is_none());
    let first = tokio::spawn({
        let uri = uri.clone();
        async move { bowsprit::connect(&uri).await }
    });
    within(server.accept()).await.expect("a connection");
    within(first)
        .await
        .expect("no panic")
        .expect("a connection");
    // Nor does it keep a shutdown from those that nobody has taken.
    let mut left = within(bowsprit::connect(&uri)).await.expect("a connection");
    let control = server.clone();
    let stopping = tokio::spawn(async move {
        let grace = Duration::from_secs(50);
        control.shutdown(CloseCode::GOING_AWAY, grace).await
    });
    assert_eq!(within(left.recv()).await, Ok(None));
    assert_eq!(within(stopping).await.expect("no panic"), 0);
}

#[tokio::test]
async fn a_hook_that_panics_is_a_500_and_nothing_to_the_caller() {
    let server = Server::builder()
        .validate(|_: HttpRequest| async { resume_unwind(Box::new(())) })
        .http(|_: HttpRequest| async { resume_unwind(Box::new(())) })
        .build();
    for request in [
        format!("{REQUEST}\r\n"),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
    ] {
        let (near, mut far) = duplex(4096);
        far.write_all(request.as_bytes()).await.expect("a write");
        let (accepted, answer) = tokio::join!(server.accept_on(near, None), async {
            let mut answer = String::new();
            within(far.read_to_string(&mut answer))
                .await
                .expect("an answer");
            answer
        });
        assert!(matches!(accepted, Err(AcceptError::HookPanicked)));
        assert!(
            answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_body_is_what_is_wrong_where_a_hook_takes_any_method() {
    let server = Server::builder()
        .http(|_: HttpRequest| async { Response::plain(200).unwrap_or_else(Response::from) })
        .build();
    for (body, status) in [
        ("Content-Length: 0\r\n\r\n", 200),
        ("Content-Length: 2\r\n\r\nhi", 400),
    ] {
        let (near, mut far) = duplex(4096);
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{body}");
        far.write_all(request.as_bytes()).await.expect("a write");
        let (_, head) = tokio::join!(server.accept_on(near, None), read_head(&mut far));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}
