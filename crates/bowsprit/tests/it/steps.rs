//! What a client is told on the way to an open connection, and how far it came where none opened.

use std::sync::{Arc, Mutex};

use bowsprit::{
    Client, ConnectError, ConnectRequest, Dns, Proxy, Server, ServerTls, Step, Tls, WebSocket,
};
use tokio::{
    io::{AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::support::{echo, listen, read_head, run, within};

/// The steps of an attempt, in words.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn by(&self, request: ConnectRequest) -> ConnectRequest {
        let steps = self.0.clone();
        request.on_step(move |step| steps.lock().expect("no panic").push(words(step)))
    }

    fn steps(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

fn words(step: &Step<'_>) -> String {
    match step {
        Step::Resolved { host, addresses } => format!("{host} has {}", addresses.len()),
        Step::Dialing(_) => "dialing".to_owned(),
        Step::Refused(_, error) => format!("{:?}", error.kind()),
        Step::Connected(peer) => format!("connected {}", peer.is_some()),
        Step::Tunneled(proxy) => format!("tunnel {}", proxy.starts_with("http://127.0.0.1:")),
        Step::Encrypted(tls) => tls.version.to_owned(),
        Step::Requested(head) => head.lines().next().unwrap_or_default().to_owned(),
        Step::Answered(head) => head.status().to_string(),
        Step::Redirected(uri) => format!("to {}", uri.starts_with("ws://127.0.0.1:")),
        other => format!("{other:?}"),
    }
}

async fn connect(request: ConnectRequest) -> (Vec<String>, Result<WebSocket, ConnectError>) {
    let told = Told::default();
    let outcome = within(told.by(request).connect()).await;
    (told.steps(), outcome)
}

#[tokio::test]
async fn tells_each_step_in_its_order() {
    let running = echo().await;
    let request = Client::new().request(&running.uri).expect("a URI");
    let (steps, outcome) = connect(request).await;
    outcome.expect("a connection");
    let expected = [
        "127.0.0.1 has 1",
        "dialing",
        "connected true",
        "GET / HTTP/1.1",
        "101",
    ];
    assert_eq!(steps, expected);
}

#[tokio::test]
async fn tells_of_tls_between_the_connection_and_the_request() {
    let own = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate");
    let running = run(Server::builder().tls(tls), || super::support::Echo).await;
    let uri = format!("wss://localhost:{}/", running.address().port());
    let trusting = Tls::client().add_ca_pem(chain.as_bytes()).expect("a CA");
    let request = |tls: Tls| {
        let request = Client::new().request(&uri).expect("a URI").tls(tls);
        request.dns(Dns::default().only_ipv4())
    };
    let (steps, outcome) = connect(request(trusting)).await;
    outcome.expect("a connection");
    assert_eq!(steps[2..4], ["connected true", "TLS 1.3"]);

    let (steps, outcome) = connect(request(Tls::client())).await;
    assert!(matches!(outcome, Err(ConnectError::Tls(_))), "{outcome:?}");
    assert_eq!(steps.last().map(String::as_str), Some("connected true"));
}

#[tokio::test]
async fn tells_which_addresses_refused() {
    let running = echo().await;
    let port = running.address().port();
    let dns = Dns::default().resolve(
        "two.example",
        port,
        [
            "127.0.0.2".parse().expect("an address"),
            running.address().ip(),
        ],
    );
    let uri = format!("ws://two.example:{port}/");
    let request = Client::new().request(&uri).expect("a URI").dns(dns);
    let (steps, outcome) = connect(request).await;
    outcome.expect("a connection");
    let expected = [
        "two.example has 2",
        "dialing",
        "ConnectionRefused",
        "dialing",
    ];
    assert_eq!(steps[..4], expected);
    assert_eq!(steps[4], "connected true");
}

#[tokio::test]
async fn begins_anew_where_a_redirection_leads() {
    let running = echo().await;
    let (listener, uri) = listen().await;
    let target = running.uri.clone();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        read_head(&mut socket).await;
        let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {target}\r\n\r\n");
        socket.write_all(answer.as_bytes()).await.expect("a write");
    });
    let request = Client::new().request(&uri).expect("a URI").redirects(1);
    let (steps, outcome) = connect(request).await;
    outcome.expect("a connection");
    server.await.expect("a server");
    assert_eq!(steps[4..6], ["307", "to true"]);
    assert_eq!(steps[6], "127.0.0.1 has 1");
    assert_eq!(steps.last().map(String::as_str), Some("101"));
}

#[tokio::test]
async fn tells_of_the_tunnel_through_a_proxy() {
    let running = echo().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let proxy = format!("http://{}", listener.local_addr().expect("an address"));
    let target = running.address();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.expect("a client");
        read_head(&mut near).await;
        let mut far = TcpStream::connect(target).await.expect("a server");
        let tunnel = b"HTTP/1.1 200 Connection established\r\n\r\n";
        near.write_all(tunnel).await.expect("a write");
        // Either side may end it.
        let _ = copy_bidirectional(&mut near, &mut far).await;
    });
    let proxy = Proxy::parse(&proxy).expect("a proxy");
    let request = Client::new().request("ws://far.example/").expect("a URI");
    let (steps, outcome) = connect(request.proxy(proxy)).await;
    outcome.expect("a connection");
    assert_eq!(steps[0], "127.0.0.1 has 1");
    assert_eq!(steps[3..], ["tunnel true", "GET / HTTP/1.1", "101"]);
}

#[tokio::test]
async fn shows_the_request_whole_and_the_answer_that_refuses() {
    let (listener, uri) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        read_head(&mut socket).await;
        let answer = b"HTTP/1.1 401 Unauthorized\r\n\r\n";
        socket.write_all(answer).await.expect("a write");
    });
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = heads.clone();
    let request = Client::new().request(&uri).expect("a URI");
    let request = request
        .bearer("s3cret")
        .expect("a token")
        .on_step(move |step| {
            match step {
                Step::Requested(head) => kept.lock().expect("no panic").push((*head).to_owned()),
                Step::Answered(head) => kept
                    .lock()
                    .expect("no panic")
                    .push(head.reason().to_owned()),
                _ => {}
            };
        });
    within(request.connect()).await.expect_err("a refusal");
    let heads = heads.lock().expect("no panic").clone();
    assert!(
        heads[0].contains("\r\nAuthorization: Bearer s3cret\r\n"),
        "{heads:?}"
    );
    assert!(heads[0].ends_with("\r\n\r\n"), "{heads:?}");
    assert_eq!(heads[1], "Unauthorized");
}
