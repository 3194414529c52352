//! What is told to `tracing`, and on which channel.

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, LazyLock, Mutex},
};

use bowsprit::{Client, CloseCode, Config, Server, ServerTls, accept};
use tokio::io::{AsyncWriteExt as _, duplex};
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

use super::support::{Echo, REQUEST, answer, log, masked, run, within};

/// Keeps each event as `target: field=value ...`.
#[derive(Clone, Default)]
struct Channels {
    lines: Arc<Mutex<Vec<String>>>,
    only: Option<&'static str>,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("room");
    }
}

impl Subscriber for Channels {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        target.starts_with("bowsprit::")
            && self.only.is_none_or(|only| target == only)
            && *metadata.level() <= Level::TRACE
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
    fn only(target: &'static str) -> Self {
        Self {
            only: Some(target),
            ..Self::default()
        }
    }

    /// How many lines have this in them.
    fn count(&self, part: &str) -> usize {
        let lines = self.lines.lock().expect("no panic");
        lines.iter().filter(|line| line.contains(part)).count()
    }

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

/// A line for each event, none of them longer for what a peer makes of it, and only two where nobody debugs.
#[tokio::test]
async fn a_flood_is_told_line_by_line_and_only_to_who_debugs() {
    const FLOOD: usize = 100;
    let channels = Channels::default();
    let _guard = channels.listen();
    let (mut far, near) = duplex(64 * 1024);
    far.write_all(format!("{REQUEST}\r\n").as_bytes())
        .await
        .expect("room");
    let server = Server::builder().build();
    let mut server = server.accept_on(near, None).await.expect("a handshake");
    let flood = [
        masked(0x89, &[0x1B; 125]).repeat(FLOOD),
        masked(0x8A, &[0x1B; 125]).repeat(FLOOD),
        masked(0x82, &[0x1B; 125]).repeat(FLOOD),
        masked(
            0x88,
            &[&[3, 232][..], "\u{7f}".repeat(123).as_bytes()].concat(),
        ),
    ];
    far.write_all(&flood.concat()).await.expect("room");
    far.shutdown().await.expect("an end");
    for _ in 0..FLOOD {
        let message = within(server.recv()).await.expect("no error");
        message.expect("a message");
    }
    assert_eq!(within(server.recv()).await, Ok(None));
    assert_eq!(channels.count("bowsprit::access::control"), 2 * FLOOD + 1);
    assert_eq!(channels.count("bowsprit::access::message_header"), FLOOD);
    assert_eq!(channels.count("bowsprit::access::message_payload"), FLOOD);
    for level_info in ["connect", "disconnect"] {
        assert_eq!(
            channels.count(&format!("bowsprit::access::{level_info}")),
            1
        );
    }
    let lines = channels.lines.lock().expect("no panic");
    let longest = lines.iter().map(String::len).max();
    assert!(longest < Some(1200), "{longest:?}");
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
    let garbage = near.write_all(b"SSH-2.0-harbour\r\n");
    let (written, refused) = tokio::join!(garbage, accept(far, Config::server()));
    written.expect("a write");
    refused.expect_err("no handshake");
    channels.expect("bowsprit::access::http", "SSH-2.0-harbour");

    let own = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate");
    let running = run(Server::builder().tls(tls), || Echo).await;
    let mut plain = running.bare().await;
    let garbage = plain.write_all(b"GET / HTTP/1.1\r\n\r\n");
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

#[tokio::test]
async fn frames_are_told_as_they_are_on_the_wire() {
    let channels = Channels::default();
    let _guard = channels.listen();
    let (mut client, mut server) = {
        let (near, far) = duplex(256 * 1024);
        let request = Client::new().request("ws://in.memory/").expect("a URI");
        let (client, server) =
            tokio::join!(request.connect_on(near), accept(far, Config::server()));
        (client.expect("a client"), server.expect("a server"))
    };
    let (own, other) = (client.id(), server.id());
    let header = "bowsprit::access::frame_header";
    let payload = "bowsprit::access::frame_payload";
    client.send("see \u{1b}[2J").await.expect("a write");
    within(server.recv())
        .await
        .expect("no error")
        .expect("a message");
    for (id, direction) in [(own, "sent"), (other, "received")] {
        channels.expect(
            header,
            &format!("message={direction} id={id} fin=true rsv=000 opcode=text masked=true len=8"),
        );
        channels.expect(
            payload,
            &format!(r"message={direction} id={id} excerpt=see \x1b[2J"),
        );
    }
    server.send_fragment("be", false).await.expect("a write");
    server.ping(b"there?").await.expect("a write");
    server
        .send_fragment(&*"n".repeat(70_000), true)
        .await
        .expect("a write");
    within(client.recv())
        .await
        .expect("no error")
        .expect("a message");
    for line in [
        "fin=false rsv=000 opcode=text masked=false len=2",
        "fin=true rsv=000 opcode=ping masked=false len=6",
        "fin=true rsv=000 opcode=continuation masked=false len=70000",
    ] {
        channels.expect(header, &format!("message=sent id={other} {line}"));
        channels.expect(header, &format!("message=received id={own} {line}"));
    }
    let excerpt = "n".repeat(125);
    channels.expect(
        payload,
        &format!("message=received id={own} excerpt={excerpt}"),
    );
    assert_eq!(
        channels.count(&excerpt),
        2,
        "an excerpt and not a byte more"
    );
    let (closed, _) = tokio::join!(client.close(CloseCode::NORMAL, "done"), server.recv());
    closed.expect("a close");
    channels.expect(
        header,
        &format!("message=received id={other} fin=true rsv=000 opcode=pong masked=true len=6"),
    );
    channels.expect(
        header,
        &format!("message=sent id={own} fin=true rsv=000 opcode=close masked=true len=6"),
    );
    channels.expect(payload, r"excerpt=\x03\xe8done");
}

#[tokio::test]
async fn frames_that_break_rules_are_told_as_well_in_whatever_pieces_they_come() {
    let channels = Channels::default();
    let _guard = channels.listen();
    let (near, mut far) = duplex(4096);
    let (far_end, server) = tokio::join!(
        super::support::ask(&mut far),
        accept(near, Config::server())
    );
    let mut server = server.expect("a server");
    let reading = tokio::spawn(async move {
        let first = server.recv().await;
        (first, server.recv().await.is_err())
    });
    for byte in masked(super::support::TEXT, b"fine") {
        far_end.write_all(&[byte]).await.expect("a write");
        // Each byte is a read of its own.
        super::support::settle().await;
    }
    // The connection ends with its second byte.
    let broken = [
        0xF3,
        0x84,
        1,
        2,
        3,
        4,
        b'b' ^ 1,
        b'a' ^ 2,
        b'd' ^ 3,
        b'!' ^ 4,
    ];
    far_end.write_all(&broken).await.expect("a write");
    super::support::settle().await;
    let (header, payload) = (
        "bowsprit::access::frame_header",
        "bowsprit::access::frame_payload",
    );
    channels.expect(header, "fin=true rsv=000 opcode=text masked=true len=4");
    channels.expect(payload, "excerpt=fine");
    channels.expect(header, "fin=true rsv=111 opcode=0x3 masked=true len=4");
    channels.expect(payload, "excerpt=bad!");
    drop(far);
    let (first, is_broken) = within(reading).await.expect("no panic");
    assert_eq!(first, Ok(Some("fine".into())));
    assert!(is_broken);
}

#[tokio::test]
async fn payloads_alone_can_be_listened_to() {
    let channels = Channels::only("bowsprit::access::message_payload");
    let _guard = channels.listen();
    let (mut client, _server) = super::support::pair().await;
    client.send("hello").await.expect("a write");
    channels.expect("bowsprit::access::message_payload", "excerpt=hello");
    assert_eq!(channels.count("bowsprit::"), 1);
}

#[tokio::test]
async fn a_message_of_a_handle_that_waits_for_a_fragmented_one_is_logged_once() {
    let channels = Channels::only("bowsprit::access::message_header");
    let _guard = channels.listen();
    let (near, far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let (client, _far) = tokio::join!(request.connect_on(near), answer(far));
    let mut client = client.expect("a client");
    let handle = client.handle();
    client.send_fragment("one", false).await.expect("open");
    handle.send("between").expect("open");
    for _ in 0..5 {
        client.send_fragment("more", false).await.expect("open");
    }
    client.send_fragment("end", true).await.expect("open");
    client.flush().await.expect("open");
    assert_eq!(channels.count("len=7"), 1);
}

#[tokio::test]
async fn tells_the_heads_of_a_handshake_without_their_secrets() {
    let channels = Channels::only("bowsprit::access::http");
    let _guard = channels.listen();
    let (near, mut far) = duplex(4096);
    let request = Client::new().request("ws://in.memory/chat?token=s3cret");
    let request = request
        .and_then(|request| request.bearer("s3cret"))
        .and_then(|request| request.header("X-Own", "s3cret"))
        .expect("a request");
    let server = async {
        super::support::read_head(&mut far).await;
        let answer =
            "HTTP/1.0 403 Forbidden\r\nServer: harbour\r\nSet-Cookie: a=s3cret\r\n\r\nkeep out";
        far.write_all(answer.as_bytes()).await.expect("a write");
    };
    let (outcome, ()) = tokio::join!(request.connect_on(near), server);
    outcome.expect_err("a refusal");
    for line in [
        "sent GET /chat?*** HTTP/1.1",
        "sent Host: in.memory",
        "sent Authorization: ***",
        "sent X-Own: ***",
        "received HTTP/1.0 403 Forbidden",
        "received Server: harbour",
        "received Set-Cookie: ***",
        "excerpt=keep out",
    ] {
        channels.expect("bowsprit::access::http", line);
    }
    assert_eq!(channels.count("s3cret"), 0);
}
