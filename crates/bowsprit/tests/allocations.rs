//! What a message allocates on a server in full swing, with its runtime and a real socket; and what a
//! client's connection does.
//!
//! Allocations are counted in the server's thread alone; the peer has its own and blocks in it.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use allocation_counter::measure;
use bowsprit::{
    Client, Context, Error, Handler, MessageRef, Server, ServerTls, Tls, TlsInfo, WebSocket,
    proto::Host,
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::oneshot,
};

/// A thousand messages, each batch of them in one write of the peer's.
const BATCHES: u64 = 63;
const BATCH: usize = 16;
const MESSAGES: u64 = BATCHES * BATCH as u64;
const PAYLOAD: usize = 125;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A client in a thread of its own.
struct Peer(mpsc::Sender<oneshot::Sender<()>>);

impl Peer {
    fn start(address: SocketAddr) -> Self {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || run(address, &told));
        Self(tell)
    }

    /// Lets `runtime` run until the peer has sent `BATCHES`, and has every echo. What it allocates.
    fn exchange(&self, runtime: &Runtime) -> u64 {
        let (done, mut is_done) = oneshot::channel();
        self.0.send(done).expect("a peer");
        let counted = measure(|| runtime.block_on(&mut is_done).expect("echoes"));
        counted.count_total
    }
}

fn run(address: SocketAddr, told: &mpsc::Receiver<oneshot::Sender<()>>) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).expect("a timeout");
    stream.write_all(REQUEST).expect("a write");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    let text = [b'x'; PAYLOAD];
    // A masking key of zeros leaves the payload as it is.
    let batch = [&[0x81, 0x80 | 125, 0, 0, 0, 0][..], &text]
        .concat()
        .repeat(BATCH);
    let expected = [&[0x81, 125][..], &text].concat().repeat(BATCH);
    let mut echoes = vec![0; expected.len()];
    for done in told {
        for _ in 0..BATCHES {
            stream.write_all(&batch).expect("a write");
            stream.read_exact(&mut echoes).expect("echoes");
            assert_eq!(echoes, expected);
        }
        done.send(()).expect("a test");
    }
}

/// How many allocations a server that runs like this makes for `MESSAGES` messages.
fn allocations<F>(serve: impl FnOnce(Server) -> F) -> u64
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = runtime.block_on(Server::builder().bind("127.0.0.1:0"));
    let server = server.expect("a listener");
    let peer = Peer::start(server.local_addr().expect("an address"));
    runtime.spawn(serve(server));
    peer.exchange(&runtime);
    peer.exchange(&runtime)
}

struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        cx.send(message).expect("room for an echo");
    }
}

#[test]
fn a_handler_that_echoes_allocates_nothing() {
    let counted = allocations(|server| async move { server.serve_handlers(|_| Echo).await });
    assert_eq!(counted, 0);
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

/// An awaited message is its receiver's own, and what was read behind it is kept until it is asked for.
#[test]
fn a_task_that_echoes_allocates_each_message_and_once_for_each_read() {
    let counted = allocations(|server| async move { server.serve(echo).await });
    assert_eq!(counted, MESSAGES + BATCHES);
}

/// What every connection keeps of it, unless its client has shown a certificate.
#[test]
fn what_tls_has_settled_takes_no_memory_of_its_own_in_a_server() {
    let own = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
    let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let server = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a server");
    let client = Tls::client()
        .add_ca_pem(chain.as_bytes())
        .expect("a client");
    let handshake = async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let near = tokio::net::TcpStream::connect(listener.local_addr()?).await?;
        let (far, _) = listener.accept().await?;
        let host = Host::Domain("localhost".into());
        let (near, far) = tokio::join!(client.connect(&host, near), server.accept(far));
        io::Result::Ok((near.expect("a handshake"), far.expect("a handshake")))
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let shaken = runtime.expect("a runtime").block_on(handshake);
    let (_client, server) = shaken.expect("two ends");
    let mut info = None;
    let counted = measure(|| info = Some(server.info()));
    assert_eq!(counted.count_total, 0);
    assert_eq!(info.and_then(|info| info.alpn).as_deref(), Some("http/1.1"));
    assert!(size_of::<TlsInfo>() <= 72);
}

/// Looking up, dialling, proxies, TLS and the handshake need far more than a connection that is open.
#[test]
fn a_clients_task_is_no_larger_than_its_connection() {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    let request = Client::new().request("ws://127.0.0.1:1").expect("a URI");
    let counted = measure(|| drop(request.start()));
    assert!(counted.bytes_max < 4096, "{counted:?}");
}
