//! What is told to `tracing`, and on which channel.

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, LazyLock, Mutex},
};

use bowsprit::{Client, CloseCode, Config, Server, ServerTls, accept};
use tokio::io::duplex;
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

use super::support::{Echo, log, run, within};

/// Keeps each event as `target: field=value ...`.
#[derive(Clone, Default)]
struct Channels {
    lines: Arc<Mutex<Vec<String>>>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("room");
    }
}

impl Subscriber for Channels {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bowsprit::") && *metadata.level() <= Level::TRACE
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{}:", event.metadata().target()));
        event.record(&mut line);
        self.lines.lock().expect("no panic").push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Channels {
    /// Listens on this thread until the guard is dropped.
    ///
    /// A second subscriber stays for good: where there is one alone, `tracing` asks only the thread that
    /// first comes by an event whether anybody listens to it, and that may be another test's.
    fn listen(&self) -> DefaultGuard {
        static OTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Channels::default()));
        LazyLock::force(&OTHER);
        tracing::subscriber::set_default(self.clone())
    }

    fn expect(&self, target: &str, part: &str) {
        let lines = self.lines.lock().expect("no panic");
        let found = lines.iter().any(|line| {
            line.strip_prefix(target)
                .and_then(|rest| rest.strip_prefix(':'))
                .is_some_and(|rest| rest.contains(part))
        });
        assert!(found, "no {target} with {part:?} in {lines:#?}");
    }
}

#[tokio::test]
async fn tells_each_channel_what_belongs_to_it() {
    let channels = Channels::default();
    let _guard = channels.listen();

    let (near, far) = duplex(4096);
    let request = Client::new().request("ws://in.memory/chat").expect("a URI");
    let (client, server) = tokio::join!(request.connect_on(near), accept(far, Config::server()));
    let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
    client.send("see \u{1b}[2J").await.expect("a write");
    client.ping(b"there?").await.expect("a write");
    within(server.recv())
        .await
        .expect("no error")
        .expect("a message");
    let (closed, end) = tokio::join!(client.close(CloseCode::NORMAL, "done"), server.recv());
    closed.expect("a close");
    assert_eq!(end, Ok(None));

    channels.expect(
        "bowsprit::access::connect",
        "role=Client uri=ws://in.memory/chat",
    );
    channels.expect("bowsprit::access::connect", "role=Server");
    channels.expect("bowsprit::access::message_header", "message=sent");
    channels.expect("bowsprit::access::message_header", "message=received");
    channels.expect("bowsprit::access::message_header", "kind=Text len=8");
    channels.expect("bowsprit::access::message_payload", r"excerpt=see \x1b[2J");
    channels.expect("bowsprit::access::control", "opcode=\"ping\"");
    channels.expect("bowsprit::access::control", "opcode=\"close\"");
    channels.expect("bowsprit::access::disconnect", "code=1000");
}

#[tokio::test]
async fn tells_of_what_did_not_open_and_of_shutdowns() {
    let channels = Channels::default();
    let _guard = channels.listen();

    let (handlers, mut failed) = log();
    let client = Client::builder().handlers(handlers).build();
    client.request("ws://127.0.0.1:1/").expect("a URI").start();
    failed.failed().await;
    channels.expect("bowsprit::access::fail", "connection refused");

    let (mut near, far) = duplex(4096);
    let garbage = tokio::io::AsyncWriteExt::write_all(&mut near, b"SSH-2.0-harbour\r\n");
    let (written, refused) = tokio::join!(garbage, accept(far, Config::server()));
    written.expect("a write");
    refused.expect_err("no handshake");
    channels.expect("bowsprit::access::http", "SSH-2.0-harbour");

    let own = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate");
    let running = run(Server::builder().tls(tls), || Echo).await;
    let mut plain = running.bare().await;
    let garbage = tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET / HTTP/1.1\r\n\r\n");
    garbage.await.expect("a write");
    let mut answer = Vec::new();
    // An alert and the end, or a reset.
    let _ = within(tokio::io::AsyncReadExt::read_to_end(
        &mut plain,
        &mut answer,
    ))
    .await;
    let peer = plain.local_addr().expect("an address").to_string();
    channels.expect("bowsprit::access::http", &peer);

    let server = Server::builder()
        .bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let deadline = std::time::Duration::from_secs(1);
    server.shutdown(CloseCode::GOING_AWAY, deadline).await;
    channels.expect("bowsprit::access::endpoint", "connections=0 code=1001");
}

#[tokio::test]
async fn the_query_of_a_uri_is_not_told() {
    let channels = Channels::default();
    let _guard = channels.listen();
    let (near, far) = duplex(4096);
    let request = Client::new()
        .request("ws://in.memory/chat?token=secret")
        .expect("a URI");
    let (client, server) = tokio::join!(request.connect_on(near), accept(far, Config::server()));
    client.expect("a client");
    server.expect("a server");
    channels.expect("bowsprit::access::connect", "ws://in.memory/chat");
    let lines = channels.lines.lock().expect("no panic").join("\n");
    assert!(!lines.contains("secret"), "{lines}");
}
