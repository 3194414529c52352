//! What is counted, with the feature `metrics`.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use bowsprit::{Client, CloseCode, Config, Server, WebSocket, http};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard,
    Metadata, Recorder, SharedString, Unit,
};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

/// Keeps each value under its name and labels, as `name{a=b,c=d}`.
#[derive(Default)]
struct Notebook(Mutex<HashMap<String, Arc<Value>>>);

/// Of a histogram, how many values came.
#[derive(Default)]
struct Value(AtomicI64);

impl Value {
    fn add(&self, count: i64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

impl CounterFn for Value {
    fn increment(&self, count: u64) {
        self.add(i64::try_from(count).expect("a small number"));
    }

    fn absolute(&self, _: u64) {
        unreachable!("only added to");
    }
}

impl GaugeFn for Value {
    fn increment(&self, value: f64) {
        assert_eq!(value, 1.0);
        self.add(1);
    }

    fn decrement(&self, value: f64) {
        assert_eq!(value, 1.0);
        self.add(-1);
    }

    fn set(&self, _: f64) {
        unreachable!("only goes up and down");
    }
}

impl HistogramFn for Value {
    fn record(&self, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds), "{seconds}");
        self.add(1);
    }
}

impl Notebook {
    /// Notes what this thread counts from here on.
    fn open() -> (&'static Self, LocalRecorderGuard<'static>) {
        let notebook: &Self = Box::leak(Box::default());
        (notebook, metrics::set_default_local_recorder(notebook))
    }

    fn value(&self, key: &Key) -> Arc<Value> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        self.0
            .lock()
            .expect("no panic")
            .entry(name)
            .or_default()
            .clone()
    }

    /// What was counted by now; 0 where nothing was.
    fn read(&self, name: &str, labels: &str) -> i64 {
        let name = format!("bowsprit_{name}{{{labels}}}");
        let values = self.0.lock().expect("no panic");
        values
            .get(&name)
            .map_or(0, |value| value.0.load(Ordering::Relaxed))
    }
}

impl Recorder for Notebook {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.value(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.value(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.value(key))
    }
}

async fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let server = Server::builder().build();
    let (client, server) = tokio::join!(request.connect_on(near), server.accept_on(far, None));
    (client.expect("a client"), server.expect("a server"))
}

#[tokio::test]
async fn connections_messages_and_bytes_are_counted() {
    let (counted, _guard) = Notebook::open();
    let (mut client, mut server) = pair().await;
    for role in ["role=client", "role=server"] {
        assert_eq!(counted.read("connections_opened_total", role), 1);
        assert_eq!(counted.read("connections_open", role), 1);
        assert_eq!(counted.read("handshake_seconds", role), 1);
    }
    for _ in 0..3 {
        client.feed("hello").await.expect("room");
    }
    client.flush().await.expect("a write");
    for _ in 0..3 {
        server.recv().await.expect("no error").expect("a message");
    }
    client.send_fragment("a", false).await.expect("a write");
    client.send_fragment("b", true).await.expect("a write");
    server.recv().await.expect("no error").expect("a message");
    let (closed, end) = tokio::join!(client.close(CloseCode(4711), ""), server.recv());
    closed.expect("a close");
    assert_eq!(end, Ok(None));
    for labels in [
        "role=client,direction=sent",
        "role=server,direction=received",
    ] {
        assert_eq!(counted.read("messages_total", labels), 4);
        // Each with 6 bytes of header; the close frame has 2 of payload.
        let bytes = 3 * (6 + 5) + 2 * (6 + 1) + (6 + 2);
        assert_eq!(counted.read("bytes_total", labels), bytes);
    }
    for role in ["role=client", "role=server"] {
        assert_eq!(counted.read("connections_open", role), 0);
        let labels = format!("{role},code=4xxx");
        assert_eq!(counted.read("connections_closed_total", &labels), 1);
    }
}

#[tokio::test]
async fn failures_are_counted_by_their_kind() {
    let (counted, _guard) = Notebook::open();
    let refused = bowsprit::connect("ws://127.0.0.1:1/").await;
    refused.expect_err("nobody listens");
    let (mut near, far) = duplex(4096);
    near.write_all(b"SSH-2.0-harbour\r\n")
        .await
        .expect("a write");
    drop(near);
    bowsprit::accept(far, Config::server())
        .await
        .expect_err("no handshake");
    let foreign = http::Request::get("/")
        .header("host", "a.example")
        .header("origin", "https://evil.example")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(())
        .expect("a request");
    Server::builder()
        .build()
        .upgrade(&foreign, None)
        .await
        .expect_err("foreign");
    for labels in [
        "role=client,kind=dial",
        "role=server,kind=handshake",
        "role=server,kind=origin",
    ] {
        assert_eq!(
            counted.read("connections_failed_total", labels),
            1,
            "{labels}"
        );
    }
    for role in ["role=client", "role=server"] {
        assert_eq!(counted.read("connections_opened_total", role), 0);
        assert_eq!(counted.read("handshake_seconds", role), 0);
    }
}

#[tokio::test]
async fn codes_that_a_peer_makes_up_share_a_label() {
    let (counted, _guard) = Notebook::open();
    for code in [1000, 3000, 3999] {
        let (mut client, mut server) = pair().await;
        let (closed, end) = tokio::join!(client.close(CloseCode(code), ""), server.recv());
        closed.expect("a close");
        assert_eq!(end, Ok(None));
    }
    let (client, mut server) = pair().await;
    drop(client);
    server.recv().await.expect_err("cut off");
    for (code, count) in [("1000", 1), ("3xxx", 2), ("1006", 1)] {
        let labels = format!("role=server,code={code}");
        assert_eq!(
            counted.read("connections_closed_total", &labels),
            count,
            "{code}"
        );
    }
}
