//! Ways to a server: addresses that are named, one family only, addresses that never answer, Unix sockets.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bowsprit::{Client, ConnectError, DialError, Dns, Message, Server, WebSocket};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use super::support::{Echo, Running, echo, within};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

async fn connect(uri: &str, dns: Dns) -> Result<WebSocket, ConnectError> {
    let request = Client::new().request(uri).expect("a URI");
    within(request.dns(dns).connect()).await
}

async fn dial_error(uri: &str, dns: Dns) -> DialError {
    match connect(uri, dns).await {
        Err(ConnectError::Dial(error)) => error,
        other => panic!("not a dialling error: {other:?}"),
    }
}

async fn talks(ws: &mut WebSocket) {
    ws.send("ahoy").await.expect("open");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("ahoy"))));
}

/// An address that refuses as long as the socket is held.
fn refusing() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let port = socket.local_addr().expect("an address").port();
    (socket, port)
}

/// Echo servers at the same port of both loopback addresses.
async fn on_both_families() -> [Running; 2] {
    for _ in 0..100 {
        let four = echo().await;
        let port = four.address().port();
        // Another program may have the port of the other family.
        if let Ok(server) = Server::builder().bind((V6, port)).await {
            let running = server.clone();
            let serving = tokio::spawn(async move { running.serve_handlers(|_| Echo).await });
            let uri = format!("ws://[::1]:{port}/");
            let six = Running {
                server,
                uri,
                serving,
            };
            return [four, six];
        }
    }
    panic!("no port that is free in both families");
}

#[tokio::test]
async fn a_named_address_is_used_for_its_host_and_port_only() {
    let echo = echo().await;
    let port = echo.address().port();
    let dns = Dns::default()
        .resolve("Feed.Invalid.", port, [V4])
        .resolve("feed.invalid", 8, [V6]);
    let uri = format!("ws://feed.invalid:{port}/");
    let mut ws = connect(&uri, dns.clone()).await.expect("open");
    assert_eq!(ws.info().peer(), Some(echo.address()));
    assert_eq!(ws.info().uri(), uri);
    talks(&mut ws).await;
    for uri in [
        "ws://feed.invalid:9/".to_owned(),
        format!("ws://a.feed.invalid:{port}/"),
    ] {
        let error = dial_error(&uri, dns.clone()).await;
        assert!(matches!(error, DialError::Dns { .. }), "{error}");
    }
    // The client's own setting, and an address in place of another.
    let dns = Dns::default().resolve("192.0.2.1", port, [V4]);
    let client = Client::builder().dns(dns).build();
    let request = client
        .request(&format!("ws://192.0.2.1:{port}"))
        .expect("a URI");
    within(request.connect()).await.expect("open");
}

#[tokio::test]
async fn a_host_that_is_named_again_has_its_new_addresses_only() {
    let (_guard, port) = refusing();
    let uri = format!("ws://feed.example:{port}/");
    let dns = Dns::default().resolve("feed.example", port, [V6, V4]);
    let refused = dial_error(&uri, dns.clone().resolve("feed.example", port, [V4])).await;
    assert_eq!(
        refused.to_string(),
        format!("connection refused (127.0.0.1:{port})")
    );
    let gone = dial_error(&uri, dns.resolve("feed.example", port, [])).await;
    assert_eq!(gone.to_string(), "name not found: feed.example");
}

#[tokio::test]
async fn one_family_only() {
    let [four, six] = on_both_families().await;
    let port = four.address().port();
    let uri = format!("ws://feed.example:{port}/");
    let both = Dns::default().resolve("feed.example", port, [V4, V6]);
    let table = [
        (both.clone(), six.address()),
        (both.clone().only_ipv4(), four.address()),
        (both.only_ipv6(), six.address()),
    ];
    for (dns, expected) in table {
        let ws = connect(&uri, dns).await.expect("open");
        assert_eq!(ws.info().peer(), Some(expected));
    }
    let error = dial_error("ws://[::1]:9/", Dns::default().only_ipv4()).await;
    assert_eq!(error.to_string(), "[::1] has no IPv4 address");
    let dns = Dns::default().resolve("feed.example", 9, [V4]).only_ipv6();
    let error = dial_error("ws://feed.example:9/", dns).await;
    assert_eq!(error.to_string(), "feed.example has no IPv6 address");
}

/// A listener at this address that lets attempts to connect hang, and what fills it.
async fn never_answering(address: SocketAddr) -> Option<(TcpListener, Vec<TcpStream>)> {
    let socket = TcpSocket::new_v6().expect("a socket");
    socket.bind(address).ok()?;
    let listener = socket.listen(1).expect("a listener");
    let mut waiting = Vec::new();
    // The system takes a few clients that nobody accepts, then drops the first packet of each.
    while let Ok(client) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        waiting.push(client.ok()?);
    }
    Some((listener, waiting))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn ipv6_that_never_answers_costs_a_quarter_of_a_second() {
    let mut found = None;
    for _ in 0..100 {
        let echo = echo().await;
        let address = SocketAddr::new(V6, echo.address().port());
        if let Some(silent) = never_answering(address).await {
            found = Some((echo, silent));
            break;
        }
    }
    let (echo, _silent) = found.expect("a port that is free in both families");
    let port = echo.address().port();
    let dns = Dns::default().resolve("feed.example", port, [V6, V4]);
    let start = Instant::now();
    let mut ws = connect(&format!("ws://feed.example:{port}/"), dns)
        .await
        .expect("open");
    let elapsed = start.elapsed();
    assert_eq!(ws.info().peer(), Some(echo.address()));
    assert!(
        elapsed >= Duration::from_millis(250),
        "IPv6 was not tried: {elapsed:?}"
    );
    talks(&mut ws).await;
}

#[tokio::test]
async fn a_name_with_ten_thousand_addresses_is_tried_at_sixteen() {
    let (_guard, port) = refusing();
    let dns = Dns::default().resolve("feed.example", port, [V4; 10_000]);
    match dial_error(&format!("ws://feed.example:{port}/"), dns).await {
        DialError::Tcp { attempts } => assert_eq!(attempts.len(), 16),
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
mod unix {
    use std::{io, path::PathBuf};

    use bowsprit::{Context, Handlers, InvalidRequest, InvalidUri, Proxy};
    use tokio::net::UnixListener;

    use super::*;

    /// A path of its own for each test.
    struct Path(PathBuf);

    impl Path {
        fn new(name: &str) -> Self {
            let name = format!("bowsprit-{}-dial-{name}.socket", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = std::fs::remove_file(&path);
            Self(path)
        }

        fn uri(&self, resource: &str) -> String {
            let path = self.0.to_str().expect("a path of text");
            format!("ws+unix:{}:{resource}", path.replace(' ', "%20"))
        }
    }

    impl Drop for Path {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    /// Tells the request's URI as its first message.
    fn telling() -> Handlers {
        Handlers::new().on_open(|cx: &mut Context<'_>| {
            let uri = cx.info().uri().to_owned();
            cx.send(uri.as_str()).expect("room");
        })
    }

    #[tokio::test]
    async fn a_unix_socket_is_reached_by_its_path_and_never_through_a_proxy() {
        let path = Path::new("a b");
        let server = Server::builder().bind_unix(&path.0).expect("a listener");
        let serving = server.clone();
        tokio::spawn(async move { serving.serve_handlers(|_| telling()).await });
        let uri = path.uri("/chat?room=1");
        let nobody = Proxy::parse("http://127.0.0.1:1").expect("a proxy");
        let client = Client::builder().proxy(nobody).build();
        let request = client.request(&uri).expect("a URI");
        let mut ws = within(request.connect()).await.expect("open");
        let told = within(ws.recv()).await;
        assert_eq!(told, Ok(Some(Message::from("ws://localhost/chat?room=1"))));
        assert_eq!(ws.info().uri(), uri);
        assert_eq!(ws.info().peer(), None);
        assert!(ws.tls_info().is_none());
    }

    #[tokio::test]
    async fn a_unix_socket_where_nobody_listens() {
        let path = Path::new("nobody");
        let shown = path.0.display();
        let error = dial_error(&path.uri("/"), Dns::default()).await;
        assert_eq!(error.to_string(), format!("not found ({shown})"));
        drop(UnixListener::bind(&path.0).expect("a listener"));
        let error = dial_error(&path.uri("/"), Dns::default()).await;
        assert_eq!(error.to_string(), format!("connection refused ({shown})"));
        assert!(std::error::Error::source(&error).is_some());
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_says_so() {
        let path = format!("/{}", "a".repeat(200));
        match dial_error(&format!("ws+unix:{path}%1B"), Dns::default()).await {
            error @ DialError::Unix { .. } => {
                let text = "path is longer than that of a Unix socket may be";
                assert_eq!(error.to_string(), format!(r"{text} ({path}\u{{1b}})"));
                let DialError::Unix { source, .. } = error else {
                    return;
                };
                assert_eq!(source.kind(), io::ErrorKind::InvalidInput);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tls_to_a_unix_socket_is_refused_with_the_request() {
        let error = Client::new()
            .request("wss+unix:/a.sock:/")
            .expect_err("TLS");
        assert_eq!(error, InvalidRequest::Uri(InvalidUri::SecureSocket));
        assert!(
            error.to_string().starts_with("wss+unix is not supported"),
            "{error}"
        );
    }
}
