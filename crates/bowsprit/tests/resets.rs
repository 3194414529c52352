//! Ten thousand clients that reset their connection at a random point: of none of them is anything left.
//!
//! A test program of its own, because it counts the descriptors of the whole process.
#![cfg(target_os = "linux")]

use std::{fs, net::SocketAddr, sync::mpsc, thread, time::Duration};

use allocation_counter::measure;
use bowsprit::{Config, Context, Deflate, Handlers, MessageRef, Server};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinSet,
    time::{sleep, timeout},
};

const CONNECTIONS: u64 = 10_000;
const AT_A_TIME: usize = 64;
const SEED: u64 = 7;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// What a client would say: a text, a ping, a fragment, a compressed text, 60,000 bytes, and goodbye.
fn words() -> Vec<u8> {
    let large = [b"\x82\xfe\xea\x60\0\0\0\0".as_slice(), &[b'x'; 60_000]].concat();
    [
        b"\x81\x85\0\0\0\0hello".as_slice(),
        b"\x89\x81\0\0\0\0?",
        b"\x01\x83\0\0\0\0fra",
        b"\x80\x85\0\0\0\0gment",
        b"\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\0",
        &large,
        b"\x88\x82\0\0\0\0\x03\xe8",
    ]
    .concat()
}

/// Comes, says some of it, hears some of the answer, and is gone without a goodbye of TCP's.
async fn come_and_go(address: SocketAddr, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut tcp = TcpStream::connect(address).await.expect("a connection");
    tcp.set_zero_linger().expect("an option");
    let words = words();
    // Half of them end in the handshake or in what is small.
    let request = match random.random_range(0..8) {
        0 => random.random_range(0..REQUEST.len()),
        _ => REQUEST.len(),
    };
    let len = match random.random_range(0..4) {
        0 => 0,
        1 | 2 => random.random_range(0..60),
        _ => random.random_range(0..=words.len()),
    };
    let len = if request < REQUEST.len() { 0 } else { len };
    let hears_first = random.random::<bool>();
    let hears = random.random_range(1..20_000);
    let patience = random.random_range(0..3);
    // The server may be the first to end it.
    let _ = tcp.write_all(&REQUEST[..request]).await;
    let mut answer = vec![0; 32 * 1024];
    if hears_first && request == REQUEST.len() {
        let _ = tcp.read(&mut answer).await;
    }
    let _ = tcp.write_all(&words[..len]).await;
    // Where a frame is cut nothing may come.
    let hearing = tcp.read(&mut answer[..hears]);
    let _ = timeout(Duration::from_millis(patience), hearing).await;
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("a folder").count()
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

fn echo(cx: &mut Context<'_>, message: MessageRef<'_>) {
    // A client that does not read has no room at some time.
    let _ = cx.send(message);
}

/// Serves until `end`, and until no task of a connection is left; how much memory is.
fn serve(server: &Server, runtime: &Runtime, end: oneshot::Receiver<()>) -> i64 {
    let counted = measure(|| {
        runtime.block_on(async {
            let serving = server.serve_handlers(|_| Handlers::new().on_message(echo));
            tokio::select! {
                ended = serving => panic!("no more clients: {ended:?}"),
                told = end => told.expect("a test"),
            }
            let leaving = async {
                let tasks = runtime.metrics();
                while tasks.num_alive_tasks() > 0 {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            let left = timeout(Duration::from_secs(60), leaving).await;
            left.expect("no task is left");
        });
    });
    counted.bytes_current
}

/// Lets so many clients come and go.
fn clients(address: SocketAddr, seeds: std::ops::Range<u64>) {
    runtime().block_on(async {
        let mut present = JoinSet::new();
        for seed in seeds {
            while present.len() >= AT_A_TIME {
                present
                    .join_next()
                    .await
                    .expect("a client")
                    .expect("no panic");
            }
            present.spawn(come_and_go(address, SEED << 32 | seed));
        }
        while let Some(gone) = present.join_next().await {
            gone.expect("no panic");
        }
    });
}

#[test]
fn ten_thousand_resets_leave_no_task_no_descriptor_and_no_memory() {
    let (tell_address, address) = mpsc::channel();
    let (warm, is_warm) = oneshot::channel();
    let (tell_warm, told_warm) = mpsc::channel();
    let (end, ended) = oneshot::channel();
    let server = thread::spawn(move || {
        let runtime = runtime();
        let mut config = Config::server();
        config.deflate = Some(Deflate::default());
        let server = runtime.block_on(Server::builder().config(config).bind("127.0.0.1:0"));
        let server = server.expect("a listener");
        tell_address
            .send(server.local_addr().expect("an address"))
            .expect("a test");
        // What the thread keeps for all its connections is there after the first of them.
        serve(&server, &runtime, is_warm);
        tell_warm.send(descriptors()).expect("a test");
        let left = serve(&server, &runtime, ended);
        (left, descriptors())
    });
    let address = address.recv().expect("a server");
    clients(address, 0..100);
    warm.send(()).expect("a server");
    let before = told_warm.recv().expect("a server");
    clients(address, 100..100 + CONNECTIONS);
    end.send(()).expect("a server");
    let (left, after) = server.join().expect("no panic");
    assert_eq!(after, before, "descriptors");
    assert!(left < 8 << 20, "{left} bytes are left");
}
