//! What opens, accepts and shuts down, mostly over loopback.

use std::{sync::Arc, time::Duration};

use bowsprit::{
    Client, CloseCode, Config, ConnectError, Error, HttpRequest, Reconnect, Server, ServerTls,
    State, Stream, Tls, WebSocket, http, proto::Host,
};
use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, yield_now},
};

use super::{
    super::support::{Echo, REQUEST, Running, Trickle, echo, listen, within},
    Case, case, dropped_at,
};

const SERVER: &str = "server/mod.rs";
const LONG: Duration = Duration::from_secs(50);

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("client.rs", "connect", |waits| connect(waits, false)),
        case("request/start.rs", "connect", |waits| connect(waits, true)),
        case("request/start.rs", "connect_on", connect_on),
        case("request/attempts.rs", "next", next),
        case("client.rs", "shutdown", |waits| {
            shutdown(waits, Side::Client)
        }),
        case("server/builder.rs", "bind", bind),
        case(SERVER, "accept", accept_alone),
        case(SERVER, "accept", accept),
        case(SERVER, "serve", |waits| serve(waits, false)),
        case(SERVER, "serve_handlers", |waits| serve(waits, true)),
        case(SERVER, "accept_on", accept_on),
        case(SERVER, "serve_on", serve_on),
        case(SERVER, "upgrade", upgrade),
        case("upgrade.rs", "serve_over", serve_over),
        case(SERVER, "shutdown", |waits| shutdown(waits, Side::Server)),
        case("tls/client.rs", "connect", |waits| tls(waits, Side::Client)),
        case("tls/server.rs", "accept", |waits| tls(waits, Side::Server)),
    ]
}

#[derive(Clone, Copy)]
enum Side {
    Client,
    Server,
}

async fn echoes(ws: &mut WebSocket<impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>) {
    ws.send("ahoy").await.expect("open");
    assert_eq!(within(ws.recv()).await, Ok(Some("ahoy".into())));
}

async fn closes_cleanly(mut ws: WebSocket) {
    let closed = within(ws.close(CloseCode::NORMAL, "")).await;
    assert!(closed.expect("open").is_clean());
}

/// Whatever was given up, the server has nothing of it left and serves on.
async fn is_free(running: Running) {
    let mut ws = within(bowsprit::connect(&running.uri))
        .await
        .expect("a connection");
    echoes(&mut ws).await;
    closes_cleanly(ws).await;
    let cut = within(running.server.shutdown(CloseCode::GOING_AWAY, LONG)).await;
    assert_eq!(cut, 0);
}

async fn connect(waits: usize, by_request: bool) -> bool {
    let running = echo().await;
    let done = if by_request {
        let request = Client::new().request(&running.uri).expect("a URI");
        let handle = request.handle();
        let connected = dropped_at(waits, request.connect()).await;
        if connected.is_none() {
            assert_eq!(handle.state(), State::Closed);
            let cause = within(handle.closed()).await.cause.expect("a cause");
            assert!(
                cause.to_string().contains("attempt was given up"),
                "{cause}"
            );
        }
        connected
    } else {
        dropped_at(waits, bowsprit::connect(&running.uri)).await
    };
    let is_done = done.is_some();
    if let Some(ws) = done {
        let mut ws = ws.expect("a connection");
        echoes(&mut ws).await;
        closes_cleanly(ws).await;
    }
    is_free(running).await;
    is_done
}

async fn connect_on(waits: usize) -> bool {
    let (near, far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let handle = request.handle();
    let server = tokio::spawn(bowsprit::accept(far, Config::server()));
    let connected = dropped_at(waits, request.connect_on(Trickle::new(near))).await;
    let done = connected.is_some();
    let accepted = within(async {
        drop(connected);
        server.await.expect("no panic")
    });
    // Dropping it is all that was done to it: the server sees the end, wherever it was.
    match accepted.await {
        Ok(mut ws) => assert!(matches!(within(ws.recv()).await, Err(Error::Ended(_)))),
        Err(error) => assert!(!done, "{error}"),
    }
    assert_eq!(handle.state(), State::Closed);
    done
}

async fn next(waits: usize) -> bool {
    let (listener, uri) = listen().await;
    let mut policy = Reconnect::default();
    policy.first = Duration::from_millis(1);
    let request = Client::new().request(&uri).expect("a URI");
    let mut attempts = request.reconnect(policy).attempts();
    let server = tokio::spawn(async move {
        let mut refused = 0;
        loop {
            let (tcp, _) = listener.accept().await.expect("a client");
            refused += 1;
            // The first is turned away without an answer, and tried again.
            if refused > 1
                && let Ok(mut ws) = bowsprit::accept(tcp, Config::server()).await
                && ws.recv().await.is_ok()
            {
                return;
            }
        }
    });
    let connected = dropped_at(waits, attempts.next()).await;
    let done = connected.is_some();
    let ws = match connected {
        Some(ws) => ws,
        None => within(attempts.next()).await,
    };
    closes_cleanly(ws.expect("a connection")).await;
    within(server).await.expect("no panic");
    done
}

async fn shutdown(waits: usize, side: Side) -> bool {
    let running = echo().await;
    let client = Client::new();
    let request = client.request(&running.uri).expect("a URI");
    let mut ws = within(request.connect()).await.expect("a connection");
    echoes(&mut ws).await;
    let owner = tokio::spawn(async move {
        let end = ws.recv().await;
        (end, ws.close_info().cloned().expect("an end"))
    });
    let server = &running.server;
    let shut = async |waits| match side {
        Side::Client => dropped_at(waits, client.shutdown(CloseCode::GOING_AWAY, LONG)).await,
        Side::Server => dropped_at(waits, server.shutdown(CloseCode::GOING_AWAY, LONG)).await,
    };
    let cut = shut(waits).await;
    if waits == 0 {
        yield_now().await;
        assert!(!owner.is_finished());
        assert_eq!(shut(usize::MAX).await, Some(0));
    }
    // The closing goes on, whoever waits for it.
    let (end, closed) = within(owner).await.expect("no panic");
    assert_eq!(end, Ok(None));
    let code = match side {
        Side::Client => closed.local_code(),
        Side::Server => closed.remote_code(),
    };
    assert_eq!(code, CloseCode::GOING_AWAY);
    assert_eq!(shut(usize::MAX).await, Some(0));
    cut.map(|cut| assert_eq!(cut, 0)).is_some()
}

async fn bind(waits: usize) -> bool {
    let bound = dropped_at(waits, Server::builder().bind("localhost:0")).await;
    let done = bound.is_some();
    let address = match bound {
        Some(server) => {
            let address = server
                .expect("a listener")
                .local_addr()
                .expect("an address");
            // It was dropped with the server.
            let again = within(Server::builder().bind(address)).await;
            again.expect("a free address").local_addr()
        }
        None => {
            let server = within(Server::builder().bind("localhost:0")).await;
            server.expect("a listener").local_addr()
        }
    };
    assert_ne!(address.expect("an address").port(), 0);
    done
}

async fn accept_alone(waits: usize) -> bool {
    let (near, far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let client = tokio::spawn(request.connect_on(near));
    let accepting = bowsprit::accept(Trickle::new(far), Config::server());
    let accepted = dropped_at(waits, accepting).await;
    let done = accepted.is_some();
    drop(accepted);
    sees_the_end(client, done).await;
    done
}

/// The other end, whose transport was dropped, in the handshake or behind it.
async fn sees_the_end(
    client: JoinHandle<Result<WebSocket<tokio::io::DuplexStream>, ConnectError>>,
    is_open: bool,
) {
    match within(client).await.expect("no panic") {
        Ok(mut ws) => assert!(matches!(within(ws.recv()).await, Err(Error::Ended(_)))),
        Err(error) => assert!(!is_open, "{error}"),
    }
}

async fn accept(waits: usize) -> bool {
    let server = within(Server::builder().bind("127.0.0.1:0"))
        .await
        .expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    let client = tokio::spawn(async move {
        let mut ws = bowsprit::connect(&uri).await.expect("a connection");
        assert_eq!(ws.recv().await, Ok(Some("this one".into())));
        assert_eq!(ws.recv().await, Ok(None));
    });
    let accepted = dropped_at(waits, server.accept()).await;
    let done = accepted.is_some();
    let accepted = match accepted {
        Some(accepted) => accepted,
        None => within(server.accept()).await,
    };
    let mut ws = accepted.expect("a connection");
    ws.send("this one").await.expect("open");
    closes_cleanly(ws).await;
    within(client).await.expect("no panic");
    done
}

async fn serve(waits: usize, with_handlers: bool) -> bool {
    let server = within(Server::builder().bind("127.0.0.1:0"))
        .await
        .expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    let control = server.clone();
    let serving = tokio::spawn(async move {
        let serve = async |waits| {
            if with_handlers {
                return dropped_at(waits, server.serve_handlers(|_| Echo)).await;
            }
            let echo = |mut ws: WebSocket| async move {
                while let Some(message) = ws.recv().await? {
                    ws.send(message).await?;
                }
                Ok(())
            };
            dropped_at(waits, server.serve(echo)).await
        };
        let served = serve(waits).await;
        if served.is_none() {
            // Those who came are served on, those who come now are taken by this one.
            serve(usize::MAX)
                .await
                .expect("an end")
                .expect("a listener");
        }
        served.map(|served| served.expect("a listener")).is_some()
    });
    let mut all = Vec::new();
    for _ in 0..3 {
        let mut ws = within(bowsprit::connect(&uri)).await.expect("a connection");
        echoes(&mut ws).await;
        all.push(ws);
    }
    for ws in &mut all {
        echoes(ws).await;
    }
    let ends = async {
        for ws in &mut all {
            assert_eq!(within(ws.recv()).await, Ok(None));
        }
    };
    let (cut, ()) = tokio::join!(control.shutdown(CloseCode::GOING_AWAY, LONG), ends);
    assert_eq!(cut, 0);
    within(serving).await.expect("no panic")
}

/// A server that has place for one, so that it shows whether the place was given back.
fn with_one_place() -> Server {
    let one = 1.try_into().expect("not 0");
    Server::builder().max_connections(one).build()
}

/// The one place is free.
async fn has_place(server: &Server) {
    let (near, far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let opened = async { tokio::join!(request.connect_on(near), server.accept_on(far, None)) };
    let (client, accepted) = within(opened).await;
    let _client = client.expect("a place");
    accepted.expect("a place");
    let cut = within(server.shutdown(CloseCode::GOING_AWAY, LONG)).await;
    assert_eq!(cut, 0);
}

async fn accept_on(waits: usize) -> bool {
    let server = with_one_place();
    let (near, far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let client = tokio::spawn(request.connect_on(near));
    let accepted = dropped_at(waits, server.accept_on(Trickle::new(far), None)).await;
    let done = accepted.is_some();
    drop(accepted);
    sees_the_end(client, done).await;
    has_place(&server).await;
    done
}

async fn serve_on(waits: usize) -> bool {
    let server = with_one_place();
    let (near, far) = duplex(64 * 1024);
    let client = tokio::spawn(async move {
        let request = Client::new().request("ws://in.memory/").expect("a URI");
        let mut ws = request.connect_on(near).await?;
        let (sent, received) = (ws.send("ahoy").await, ws.recv().await);
        let closed = ws.close(CloseCode::NORMAL, "").await;
        Ok::<_, ConnectError>(
            sent.is_ok() && received.is_ok() && closed.is_ok_and(|closed| closed.is_clean()),
        )
    });
    let serving = server.serve_on(Trickle::new(far), None, |_| Echo);
    let served = dropped_at(waits, serving).await;
    let is_whole = within(client).await.expect("no panic").unwrap_or(false);
    has_place(&server).await;
    match served {
        Some(served) => {
            served.expect("a client");
            assert!(is_whole);
            true
        }
        None => false,
    }
}

async fn upgrade(waits: usize) -> bool {
    let one = 1.try_into().expect("not 0");
    let builder = Server::builder().max_connections(one);
    let server = builder.validate(think).build();
    let request = http_request();
    let upgraded = dropped_at(waits, server.upgrade(&request, None)).await;
    let done = upgraded
        .map(|upgraded| drop(upgraded.expect("a request")))
        .is_some();
    let upgraded = within(server.upgrade(&request, None)).await;
    drop(upgraded.expect("the place of the one that was given up"));
    assert_eq!(
        within(server.shutdown(CloseCode::GOING_AWAY, LONG)).await,
        0
    );
    done
}

/// Takes a while to let everyone in.
async fn think(_: HttpRequest) -> Result<bowsprit::Accept, bowsprit::Response> {
    for _ in 0..3 {
        yield_now().await;
    }
    Ok(bowsprit::Accept::default())
}

/// The request of a client as another server has read it.
fn http_request() -> http::Request<()> {
    let mut request = http::Request::get("/");
    for line in REQUEST.lines().skip(1) {
        let (name, value) = line.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    request.body(()).expect("a request")
}

async fn serve_over(waits: usize) -> bool {
    let server = with_one_place();
    let upgraded = within(server.upgrade(&http_request(), None)).await;
    let (_, upgrade) = upgraded.expect("a request");
    let (near, far) = duplex(64 * 1024);
    let client = tokio::spawn(async move {
        let mut peer = near;
        let hello = super::super::support::masked(0x1, b"ahoy");
        let goodbye = super::super::support::masked(0x8, &[]);
        // It may be gone already.
        let _ = peer.write_all(&[hello, goodbye].concat()).await;
        let mut answers = Vec::new();
        peer.read_to_end(&mut answers).await.expect("an end");
        answers
    });
    let served = dropped_at(waits, upgrade.serve_over(Trickle::new(far), |_| Echo)).await;
    let answers = within(client).await.expect("no panic");
    let whole = b"\x81\x04ahoy\x88\x00";
    assert!(whole.starts_with(&answers), "{answers:?}");
    assert!(served.is_none() || whole.len() == answers.len());
    has_place(&server).await;
    served.is_some()
}

async fn tls(waits: usize, side: Side) -> bool {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("names");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    let server = ServerTls::from_pem(pem.as_bytes(), key.serialize_pem().as_bytes());
    let server = server.expect("an identity");
    let client = Arc::new(
        Tls::client()
            .add_ca_pem(pem.as_bytes())
            .expect("a certificate"),
    );
    let host = Host::Domain("localhost".to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let dialled = async { tokio::join!(TcpStream::connect(address), listener.accept()) };
    let (near, far) = within(dialled).await;
    let (near, (far, _)) = (near.expect("a connection"), far.expect("a client"));
    let (done, other) = match side {
        Side::Client => {
            let other = tokio::spawn(async move { server.accept(far).await.map(Stream::from) });
            let shaken = dropped_at(waits, client.connect(&host, near)).await;
            (
                shaken.map(|stream| drop(stream.expect("a handshake"))),
                other,
            )
        }
        Side::Server => {
            let other = tokio::spawn(async move {
                let connected = client.connect(&host, near).await;
                connected.map(Stream::from)
            });
            let shaken = dropped_at(waits, server.accept(far)).await;
            (
                shaken.map(|stream| drop(stream.expect("a handshake"))),
                other,
            )
        }
    };
    // The other end sees that nobody is there any more, in its handshake or behind it.
    if let Ok(mut stream) = within(other).await.expect("no panic") {
        let end = within(stream.read(&mut [0])).await;
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    done.is_some()
}
