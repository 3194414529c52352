//! Tunnels through proxies made by hand: what they are asked, and everything that they may answer.

use std::{fmt::Debug, io};

use bowsprit::{
    Client, ConnectError, DialError, Message, Proxy, ProxyError, ProxyErrorKind, ServerTls, Stage,
    Tls, WebSocket, proto::handshake::HandshakeError,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::support::{TEXT, answer, echo, frame, read_frame, read_head, settle, times_out, within};

const TUNNEL: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// A proxy that treats its only client so, and its authority.
async fn proxy<F>(treat: impl FnOnce(TcpStream) -> F + Send + 'static) -> (String, JoinHandle<()>)
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let authority = listener.local_addr().expect("an address").to_string();
    let proxy = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        treat(tcp).await;
    });
    (authority, proxy)
}

async fn connect(uri: &str, proxy: &str) -> Result<WebSocket, ConnectError> {
    let proxy = Proxy::parse(proxy).expect("a proxy");
    let request = Client::new().request(uri).expect("a URI");
    within(request.proxy(proxy).connect()).await
}

fn of_proxy(error: ConnectError) -> ProxyError {
    match error {
        ConnectError::Proxy(error) => error,
        other => panic!("not the proxy's: {other:?}"),
    }
}

/// Says this, then nothing more. The client may have heard enough before its end.
async fn end_with(mut tcp: TcpStream, answer: &[u8]) {
    let _ = tcp.write_all(answer).await;
    let _ = tcp.shutdown().await;
    let _ = tcp.read_to_end(&mut Vec::new()).await;
}

/// What a client makes of this answer of an HTTP proxy. The password is in none of it.
async fn http_error(login: &str, answer: impl Into<Vec<u8>>) -> ProxyError {
    let answer = answer.into();
    let (authority, proxy) = proxy(move |mut tcp| async move {
        read_head(&mut tcp).await;
        end_with(tcp, &answer).await;
    })
    .await;
    let error = connect(
        "ws://server.example/",
        &format!("http://{login}{authority}"),
    )
    .await;
    let error = of_proxy(error.expect_err("no tunnel"));
    within(proxy).await.expect("no panic");
    assert_eq!(error.proxy(), Some(format!("http://{authority}").as_str()));
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
    error
}

/// What stands behind the name of the proxy.
fn words(error: &ProxyError) -> String {
    let prefix = format!("proxy {}: ", error.proxy().expect("a proxy"));
    let text = error.to_string();
    let words = text.strip_prefix(&prefix).expect("the proxy's name first");
    words.to_owned()
}

#[tokio::test]
async fn a_tunnel_is_asked_for_by_name_and_carries_ws() {
    let (authority, proxy) = proxy(|mut tcp| async move {
        let head = read_head(&mut tcp).await;
        let expected = "CONNECT server.example:80 HTTP/1.1\r\nHost: server.example:80\r\n\r\n";
        assert_eq!(head, expected);
        tcp.write_all(TUNNEL).await.expect("a write");
        let mut tcp = answer(tcp).await;
        tcp.write_all(&frame(TEXT, b"ahoy")).await.expect("a write");
        read_frame(&mut tcp).await;
    })
    .await;
    let ws = connect("ws://server.example/", &format!("http://{authority}")).await;
    let mut ws = ws.expect("a connection");
    assert_eq!(ws.recv().await, Ok(Some(Message::from("ahoy"))));
    assert_eq!(ws.info().uri(), "ws://server.example/");
    let peer = ws.info().peer().expect("an address");
    assert_eq!(
        peer.to_string(),
        authority,
        "the peer of the socket is the proxy"
    );
    drop(ws);
    within(proxy).await.expect("no panic");
}

#[tokio::test]
async fn nothing_is_sent_before_the_proxy_has_agreed() {
    let (authority, proxy) = proxy(|mut tcp| async move {
        read_head(&mut tcp).await;
        tcp.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
            .await
            .expect("a write");
        settle().await;
        let early = tcp.try_read(&mut [0; 64]).map_err(|error| error.kind());
        assert_eq!(early, Err(io::ErrorKind::WouldBlock));
        tcp.write_all(b"\r\n").await.expect("a write");
        answer(tcp).await;
    })
    .await;
    let ws = connect("ws://server.example/", &format!("http://{authority}")).await;
    ws.expect("a connection");
    within(proxy).await.expect("no panic");
}

#[tokio::test]
async fn an_http_proxy_is_told_user_and_password_at_once() {
    // RFC 7617 §2: its own example.
    let table = [
        ("Aladdin:open%20sesame@", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("Aladdin@", "QWxhZGRpbjo="),
        (":secret@", "OnNlY3JldA=="),
        ("%C3%BC:%40%2F@", "w7w6QC8="),
    ];
    for (login, credentials) in table {
        let (authority, proxy) = proxy(move |mut tcp| async move {
            let head = read_head(&mut tcp).await;
            let expected = format!("\r\nProxy-Authorization: Basic {credentials}\r\n\r\n");
            assert!(head.ends_with(&expected), "{head}");
            tcp.write_all(TUNNEL).await.expect("a write");
            let head = read_head(&mut tcp).await;
            assert!(
                !head.contains("Proxy-Authorization"),
                "the server is not told"
            );
        })
        .await;
        let _ = connect(
            "ws://server.example/",
            &format!("http://{login}{authority}"),
        )
        .await;
        within(proxy).await.expect("no panic");
    }
}

#[tokio::test]
async fn every_kind_of_host_is_asked_for() {
    let table = [
        ("ws://Bücher.example", "xn--bcher-kva.example:80"),
        ("wss://server.example", "server.example:443"),
        ("ws://192.0.2.1:9002", "192.0.2.1:9002"),
        ("ws://[2001:db8::1]", "[2001:db8::1]:80"),
        ("ws://127.0.0.1", "127.0.0.1:80"),
    ];
    for (uri, target) in table {
        let (authority, proxy) = proxy(move |mut tcp| async move {
            let head = read_head(&mut tcp).await;
            assert_eq!(
                head,
                format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
            );
        })
        .await;
        let error = connect(uri, &authority).await.expect_err("no tunnel");
        assert!(matches!(of_proxy(error).kind(), ProxyErrorKind::Ended));
        within(proxy).await.expect("no panic");
    }
}

#[tokio::test]
async fn a_tunnel_may_be_given_in_many_words() {
    let answers: [&[u8]; 6] = [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 299 Fine\r\nVia: 1.1 a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    for words in answers {
        let (authority, proxy) = proxy(move |mut tcp| async move {
            read_head(&mut tcp).await;
            for byte in words {
                tcp.write_all(&[*byte]).await.expect("a write");
                tcp.flush().await.expect("a flush");
                tokio::task::yield_now().await;
            }
            answer(tcp).await;
        })
        .await;
        let ws = connect("ws://server.example/", &authority).await;
        ws.unwrap_or_else(|error| panic!("{error} after {}", words.escape_ascii()));
        within(proxy).await.expect("no panic");
    }
}

/// A proxy as it should be: it takes any number of clients to this address, whatever they ask for.
async fn relay_to(target: std::net::SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let authority = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.expect("a client");
            read_head(&mut client).await;
            let mut server = TcpStream::connect(target).await.expect("a server");
            client.write_all(TUNNEL).await.expect("a write");
            tokio::spawn(async move {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    authority
}

#[tokio::test]
async fn wss_is_encrypted_through_the_tunnel_and_checks_the_servers_name() {
    let key = rcgen::generate_simple_self_signed(["server.example".to_owned()]).expect("a key");
    let (pem, secret) = (key.cert.pem(), key.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(pem.as_bytes(), secret.as_bytes()).expect("a certificate");
    let secure = super::support::run(bowsprit::Server::builder().tls(tls), || {
        super::support::Echo
    });
    let secure = secure.await;
    let authority = relay_to(secure.address()).await;
    let trust = Tls::client()
        .add_ca_pem(pem.as_bytes())
        .expect("a certificate");
    let proxy = Proxy::parse(&authority).expect("a proxy");
    let client = Client::builder().tls(trust).proxy(proxy).build();
    let request = client.request("wss://server.example/").expect("a URI");
    let mut ws = within(request.connect()).await.expect("a connection");
    assert!(ws.tls_info().is_some_and(|info| info.verified));
    ws.send("ahoy").await.expect("open");
    assert_eq!(within(ws.recv()).await, Ok(Some(Message::from("ahoy"))));
    let request = client.request("wss://other.example/").expect("a URI");
    let error = within(request.connect()).await.expect_err("another name");
    assert!(matches!(error, ConnectError::Tls(_)), "{error}");
}

#[tokio::test]
async fn a_request_a_client_and_its_defaults_can_name_the_proxy() {
    let echo = echo().await;
    let (good, bad) = (
        relay_to(echo.address()).await,
        "http://user:secret@127.0.0.1:1",
    );
    let (good, bad) = (
        Proxy::parse(&good).expect("good"),
        Proxy::parse(bad).expect("bad"),
    );
    let client = Client::builder().proxy(bad.clone()).build();
    let open = |client: &Client, proxy: Option<&Proxy>| {
        let request = client.request("ws://server.example/").expect("a URI");
        match proxy {
            Some(proxy) => request.proxy(proxy.clone()).connect(),
            None => request.connect(),
        }
    };
    let error = of_proxy(within(open(&client, None)).await.expect_err("nobody there"));
    assert!(matches!(
        error.kind(),
        ProxyErrorKind::Dial(DialError::Tcp { .. })
    ));
    assert!(!error.to_string().contains("secret"), "{error}");
    within(open(&client, Some(&good)))
        .await
        .expect("the request's own");
    client.set_defaults(|defaults| defaults.proxy = good);
    within(open(&client, None)).await.expect("the new default");
    let direct = client.request(&echo.uri).expect("a URI");
    let direct = direct.proxy(bad.bypass("127.0.0.0/8").expect("a list"));
    within(direct.connect()).await.expect("past the proxy");
}

#[tokio::test]
async fn a_proxy_that_is_not_there() {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let address = socket.local_addr().expect("an address");
    for scheme in ["http", "socks5"] {
        let error = connect("wss://server.example", &format!("{scheme}://{address}")).await;
        let error = of_proxy(error.expect_err("nobody there"));
        assert_eq!(words(&error), format!("connection refused ({address})"));
    }
    let error = connect("ws://server.example", "http://nosuch.invalid").await;
    let error = of_proxy(error.expect_err("no such name"));
    assert_eq!(error.proxy(), Some("http://nosuch.invalid:80"));
    assert!(words(&error).starts_with("name "), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_proxy_that_wants_a_login() {
    let challenge = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: ";
    // The challenge, and the realm as it is displayed.
    let table = [
        ("Basic realm=\"staff\"", r#" for "staff""#),
        (
            "Basic charset=\"UTF-8\", REALM=staff, x=y",
            r#" for "staff""#,
        ),
        (r#"Basic realm="a \"b\" c""#, r#" for "a \"b\" c""#),
        (
            "Basic realm=\"\u{202e}\u{9b}2J",
            r#" for "\u{202e}\u{9b}2J""#,
        ),
        ("Negotiate", ""),
    ];
    for (value, realm) in table {
        let answer = format!("{challenge}{value}\r\nContent-Length: 0\r\n\r\n");
        let error = http_error("", answer.clone()).await;
        assert_eq!(words(&error), format!("wants a user and a password{realm}"));
        let error = http_error("ann:secret@", answer).await;
        assert_eq!(
            words(&error),
            format!("did not accept the user and the password{realm}")
        );
        assert!(matches!(
            error.kind(),
            ProxyErrorKind::Login { refused: true, .. }
        ));
    }
    let error = http_error("", "HTTP/1.1 407 \r\n\r\n").await;
    assert!(matches!(
        error.kind(),
        ProxyErrorKind::Login {
            refused: false,
            realm: None
        }
    ));
}

#[tokio::test]
async fn a_proxy_that_refuses() {
    for status in [101, 300, 302, 400, 401, 403, 404, 502, 503, 504, 999] {
        let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 4\r\n\r\nbody");
        let error = http_error("ann:secret@", answer).await;
        assert!(
            matches!(error.kind(), ProxyErrorKind::Status(s) if *s == status),
            "{error:?}"
        );
        assert_eq!(
            words(&error),
            format!("refused the tunnel with HTTP {status}")
        );
    }
}

#[tokio::test]
async fn a_proxy_that_answers_garbage() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101));
    let large = format!(
        "HTTP/1.1 200 OK\r\n{}\r\n",
        format!("A: {}\r\n", "b".repeat(8000)).repeat(5)
    );
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(2000);
    let table: [(&[u8], HandshakeError); 9] = [
        (
            b"SSH-2.0-demo\r\n",
            HandshakeError::NotHttp {
                beginning: b"SSH-2.0-demo\r\n".to_vec(),
            },
        ),
        (
            &[0x05, 0xFF],
            HandshakeError::NotHttp {
                beginning: vec![0x05, 0xFF],
            },
        ),
        (&[0x15, 3, 3, 0, 2, 2, 40], HandshakeError::Tls),
        (
            b"HTTP/2 200 OK\r\n\r\n",
            HandshakeError::StartLine("HTTP/2 200 OK".into()),
        ),
        (b"HTTP/1.1 200 OK\nA: b\n\n", HandshakeError::BareLineFeed),
        (
            b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
            HandshakeError::HeaderLine,
        ),
        (
            many.as_bytes(),
            HandshakeError::TooManyHeaders { limit: 100 },
        ),
        (
            large.as_bytes(),
            HandshakeError::HeadTooLarge { limit: 32 << 10 },
        ),
        (
            interim.as_bytes(),
            HandshakeError::HeadTooLarge { limit: 32 << 10 },
        ),
    ];
    for (answer, expected) in table {
        let error = http_error("ann:secret@", answer).await;
        match error.kind() {
            ProxyErrorKind::NotHttp(error) => assert_eq!(*error, expected),
            other => panic!("{other:?} instead of {expected:?}"),
        }
    }
    let endless = format!("HTTP/1.1 200 {}", "a".repeat(9000));
    let error = http_error("", endless).await;
    assert_eq!(
        words(&error),
        "first line is longer than the limit of 8192 bytes"
    );
}

#[tokio::test]
async fn a_proxy_that_ends_too_early() {
    for answer in [
        "",
        "H",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\r",
    ] {
        let error = http_error("", answer).await;
        assert_eq!(
            words(&error),
            "ended the connection before its answer was whole"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_puts_words_into_the_servers_mouth() {
    for behind in ["H", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "\r\n"] {
        let error = http_error(
            "",
            format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{behind}"),
        );
        let error = error.await;
        assert!(
            matches!(error.kind(), ProxyErrorKind::SpokeFirst),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_resets() {
    for scheme in ["http", "socks5"] {
        let (authority, proxy) = proxy(|mut tcp| async move {
            let _ = tcp.read_u8().await;
            // What was not read makes the end of this socket a reset.
            drop(tcp);
        })
        .await;
        let error = connect("ws://server.example/", &format!("{scheme}://{authority}")).await;
        let error = of_proxy(error.expect_err("no tunnel"));
        assert_eq!(
            words(&error),
            "connection reset while asking for the tunnel"
        );
        within(proxy).await.expect("no panic");
    }
}

/// Real sockets, but no real waiting: the clock stops once the proxy has said this much.
async fn hangs(scheme: &str, heard: usize, said: &'static [u8]) -> ConnectError {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let authority = listener.local_addr().expect("an address");
    let proxy = Proxy::parse(&format!("{scheme}://{authority}")).expect("a proxy");
    let request = Client::builder()
        .proxy(proxy)
        .build()
        .request("ws://server.example/");
    let attempt = tokio::spawn(request.expect("a URI").connect());
    let (mut tcp, _) = within(listener.accept()).await.expect("a client");
    within(tcp.read_exact(&mut vec![0; heard]))
        .await
        .expect("a request");
    tcp.write_all(said).await.expect("a write");
    times_out(attempt).await
}

#[tokio::test]
async fn a_proxy_that_says_nothing() {
    let error = hangs("http", 7, b"").await;
    assert!(
        matches!(error, ConnectError::Timeout(Stage::Proxy)),
        "{error}"
    );
    assert_eq!(error.to_string(), "proxy's answer timed out");
}

#[tokio::test]
async fn a_proxy_that_says_half_a_head() {
    let error = hangs("http", 7, b"HTTP/1.1 200 OK\r\n").await;
    assert!(
        matches!(error, ConnectError::Timeout(Stage::Proxy)),
        "{error}"
    );
}

#[tokio::test]
async fn a_socks_proxy_that_says_nothing() {
    let error = hangs("socks5", 3, b"").await;
    assert!(
        matches!(error, ConnectError::Timeout(Stage::Proxy)),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_behind_a_proxy() {
    let error = hangs("http", 7, TUNNEL).await;
    assert!(
        matches!(error, ConnectError::Timeout(Stage::Open)),
        "{error}"
    );
}

/// What a SOCKS proxy expects next, and what it answers.
type Step<'a> = (&'a [u8], &'a [u8]);

const GREETING: &[u8] = &[5, 1, 0];
const WITH_LOGIN: &[u8] = &[5, 2, 0, 2];
const LOGIN: &[u8] = b"\x01\x03ann\x06secret";
const TO_SERVER: &[u8] = b"\x05\x01\x00\x03\x0eserver.example\x00\x50";
const DONE: &[u8] = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/// A SOCKS proxy with these lines to say, each a byte at a time. It returns its client.
async fn play(tcp: &mut TcpStream, steps: &[Step<'_>]) {
    for (expected, said) in steps {
        let mut heard = vec![0; expected.len()];
        within(tcp.read_exact(&mut heard)).await.expect("a request");
        assert_eq!(heard, *expected);
        for byte in *said {
            if tcp.write_all(&[*byte]).await.is_err() {
                return; // The client has heard enough.
            }
            tokio::task::yield_now().await;
        }
    }
}

/// What a client makes of a SOCKS proxy that answers so and ends.
async fn socks_error(login: &str, steps: &'static [Step<'static>]) -> ProxyError {
    let (authority, proxy) = proxy(move |mut tcp| async move {
        play(&mut tcp, steps).await;
        end_with(tcp, b"").await;
    })
    .await;
    let error = connect(
        "ws://server.example/",
        &format!("socks5://{login}{authority}"),
    )
    .await;
    let error = of_proxy(error.expect_err("no tunnel"));
    within(proxy).await.expect("no panic");
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
    error
}

async fn socks_tunnel(uri: &str, scheme: &str, login: &str, steps: Vec<(Vec<u8>, Vec<u8>)>) {
    let (authority, proxy) = proxy(move |mut tcp| async move {
        let steps: Vec<Step<'_>> = steps.iter().map(|(a, b)| (&a[..], &b[..])).collect();
        play(&mut tcp, &steps).await;
        answer(tcp).await;
    })
    .await;
    let ws = connect(uri, &format!("{scheme}://{login}{authority}")).await;
    ws.expect("a connection");
    within(proxy).await.expect("no panic");
}

#[tokio::test]
async fn a_socks_proxy_gets_names_as_they_are_and_addresses_as_addresses() {
    let table: [(&str, &[u8]); 4] = [
        ("ws://server.example/", TO_SERVER),
        (
            "ws://192.0.2.1:9002/",
            &[5, 1, 0, 1, 192, 0, 2, 1, 0x23, 0x2A],
        ),
        (
            "ws://[2001:db8::1]/",
            b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50",
        ),
        ("ws://localhost/", b"\x05\x01\x00\x03\x09localhost\x00\x50"),
    ];
    for (uri, request) in table {
        for scheme in ["socks5", "socks5h"] {
            let steps = [(GREETING, &[5, 0][..]), (request, DONE)];
            let steps = steps.map(|(a, b)| (a.to_vec(), b.to_vec())).to_vec();
            socks_tunnel(uri, scheme, "", steps).await;
        }
    }
}

#[tokio::test]
async fn a_socks_proxy_may_or_may_not_want_the_login() {
    let wants = [
        (WITH_LOGIN, &[5, 2][..]),
        (LOGIN, &[1, 0]),
        (TO_SERVER, DONE),
    ];
    let ignores = [(WITH_LOGIN, &[5, 0][..]), (TO_SERVER, DONE)];
    for steps in [&wants[..], &ignores] {
        let steps = steps
            .iter()
            .map(|(a, b)| (a.to_vec(), b.to_vec()))
            .collect();
        socks_tunnel("ws://server.example/", "socks5", "ann:secret@", steps).await;
    }
}

#[tokio::test]
async fn a_socks_proxy_may_name_any_address_of_its_own() {
    let addresses: [Vec<u8>; 4] = [
        [&[1][..], &[0; 6]].concat(),
        [&[4][..], &[9; 18]].concat(),
        [&[3, 0][..], &[0; 2]].concat(),
        [&[3, 255][..], &[b'a'; 257]].concat(),
    ];
    for address in addresses {
        let done = [&[5, 0, 0xAA], &address[..]].concat();
        let steps = vec![(GREETING.to_vec(), vec![5, 0]), (TO_SERVER.to_vec(), done)];
        socks_tunnel("ws://server.example/", "socks5", "", steps).await;
    }
}

/// Fails unless the error's kind looks like this when it is debugged.
fn is_kind(error: &ProxyError, kind: impl Debug) {
    assert_eq!(
        format!("{:?}", error.kind()),
        format!("{kind:?}"),
        "{error}"
    );
}

#[tokio::test]
async fn a_socks_proxy_that_breaks_the_rules() {
    use ProxyErrorKind::{NotSocks, SocksAddress, SocksMethod};
    let table: [(&str, &'static [Step<'static>], ProxyErrorKind); 9] = [
        ("", &[(GREETING, &[4, 0])], NotSocks(4)),
        (
            "",
            &[(GREETING, b"HTTP/1.1 400 Bad Request\r\n\r\n")],
            NotSocks(b'H'),
        ),
        ("", &[(GREETING, &[5, 2])], SocksMethod(2)),
        ("ann:secret@", &[(WITH_LOGIN, &[5, 1])], SocksMethod(1)),
        ("ann:secret@", &[(WITH_LOGIN, &[5, 255])], SocksMethod(255)),
        (
            "ann:secret@",
            &[(WITH_LOGIN, &[5, 2]), (LOGIN, &[5, 0])],
            NotSocks(5),
        ),
        (
            "",
            &[(GREETING, &[5, 0]), (TO_SERVER, &[4, 0, 0, 1])],
            NotSocks(4),
        ),
        (
            "",
            &[(GREETING, &[5, 0]), (TO_SERVER, &[5, 0, 0, 0])],
            SocksAddress(0),
        ),
        (
            "",
            &[(GREETING, &[5, 0]), (TO_SERVER, &[5, 0, 0, 2])],
            SocksAddress(2),
        ),
    ];
    for (login, steps, kind) in table {
        is_kind(&socks_error(login, steps).await, kind);
    }
}

#[tokio::test]
async fn a_socks_proxy_that_puts_words_into_the_servers_mouth() {
    let (authority, proxy) = proxy(|mut tcp| async move {
        play(&mut tcp, &[(GREETING, &[5, 0])]).await;
        within(tcp.read_exact(&mut vec![0; TO_SERVER.len()]))
            .await
            .expect("a request");
        tcp.write_all(&[DONE, b"H"].concat())
            .await
            .expect("a write");
        end_with(tcp, b"").await;
    })
    .await;
    let error = connect("ws://server.example/", &format!("socks5://{authority}")).await;
    let error = of_proxy(error.expect_err("no tunnel"));
    is_kind(&error, ProxyErrorKind::SpokeFirst);
    within(proxy).await.expect("no panic");
}

#[tokio::test]
async fn a_socks_proxy_that_wants_a_login() {
    let error = socks_error("", &[(GREETING, &[5, 255])]).await;
    assert_eq!(words(&error), "wants a user and a password");
    let error = socks_error("ann:secret@", &[(WITH_LOGIN, &[5, 2]), (LOGIN, &[1, 1])]).await;
    assert_eq!(words(&error), "did not accept the user and the password");
    let error = socks_error("ann:secret@", &[(WITH_LOGIN, &[5, 255])]).await;
    assert_eq!(
        words(&error),
        "accepts no way to log in that it was offered"
    );
}

#[tokio::test]
async fn a_socks_proxy_that_refuses() {
    let expected = [
        "refused the tunnel: general failure",
        "refused the tunnel: not allowed by its rules",
        "refused the tunnel: network unreachable",
        "refused the tunnel: host unreachable",
        "refused the tunnel: connection refused",
        "refused the tunnel: time to live expired",
        "refused the tunnel: it knows no CONNECT",
        "refused the tunnel: it knows no addresses of this type",
        "refused the tunnel with SOCKS reply 0x09",
    ];
    for (reply, text) in (1..).zip(expected) {
        let (authority, proxy) = proxy(move |mut tcp| async move {
            let refusal = [5, reply, 0, 1, 0, 0, 0, 0, 0, 0];
            play(&mut tcp, &[(GREETING, &[5, 0]), (TO_SERVER, &refusal)]).await;
        })
        .await;
        let error = connect("ws://server.example/", &format!("socks5://{authority}")).await;
        let error = of_proxy(error.expect_err("a refusal"));
        assert_eq!(words(&error), text);
        is_kind(&error, ProxyErrorKind::SocksReply(reply));
        within(proxy).await.expect("no panic");
    }
}

#[tokio::test]
async fn a_socks_proxy_that_ends_anywhere() {
    let all: [&[u8]; 3] = [
        &[5, 2],
        &[1, 0],
        &[5, 0, 0, 3, 4, b'h', b'o', b's', b't', 0, 80],
    ];
    let asked = [WITH_LOGIN, LOGIN, TO_SERVER];
    for (step, whole) in all.iter().enumerate() {
        for cut in 0..whole.len() {
            let (authority, proxy) = proxy(move |mut tcp| async move {
                let mut steps: Vec<_> = asked.into_iter().zip(all).take(step + 1).collect();
                steps[step].1 = &all[step][..cut];
                play(&mut tcp, &steps).await;
                end_with(tcp, b"").await;
            })
            .await;
            let address = format!("socks5://ann:secret@{authority}");
            let error = connect("ws://server.example/", &address).await;
            is_kind(&of_proxy(error.expect_err("an end")), ProxyErrorKind::Ended);
            within(proxy).await.expect("no panic");
        }
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_not_the_proxys_fault() {
    let (authority, proxy) = proxy(|mut tcp| async move {
        read_head(&mut tcp).await;
        tcp.write_all(TUNNEL).await.expect("a write");
        read_head(&mut tcp).await;
        end_with(tcp, b"HTTP/1.1 407 Strange\r\n\r\n").await;
    })
    .await;
    let error = connect("ws://server.example/", &authority)
        .await
        .expect_err("a refusal");
    let head = error.response().expect("the server's answer");
    assert_eq!(head.status(), 407);
    within(proxy).await.expect("no panic");
}

#[tokio::test]
async fn a_mapped_network_leads_past_the_proxy() {
    let echo = echo().await;
    for list in ["::ffff:127.0.0.1", "::ffff:127.0.0.0/104"] {
        let proxy = Proxy::parse("http://127.0.0.1:1").expect("a proxy");
        let proxy = proxy.bypass(list).expect("a list");
        let request = Client::new().request(&echo.uri).expect("a URI");
        let opened = within(request.proxy(proxy).connect()).await;
        assert!(opened.is_ok(), "{list}: {:?}", opened.err());
    }
}
