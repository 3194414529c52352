//! A server that runs out of descriptors: a process of its own, for the limit is that of all of it.

#![cfg(unix)]

use std::{
    fmt::{Debug, Write as _},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use bowsprit::{Handlers, Server};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Keeps what is told of trouble.
#[derive(Clone, Debug, Default)]
struct Trouble(Arc<Mutex<Vec<String>>>);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("room");
    }
}

struct Line(String);

impl Subscriber for Trouble {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bowsprit::error::")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0.lock().expect("no panic").push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A server that runs for ever, and how many it has opened.
fn start(trouble: Trouble) -> (SocketAddr, Arc<AtomicUsize>) {
    let (tell, told) = mpsc::channel();
    let opened = Arc::new(AtomicUsize::new(0));
    let count = opened.clone();
    thread::spawn(move || {
        let _listening = tracing::subscriber::set_default(trouble);
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let server = Server::builder().bind("127.0.0.1:0").await;
            let server = server.expect("a listener");
            tell.send(server.local_addr().expect("an address"))
                .expect("a test");
            let handlers = move |_: &_| {
                let count = count.clone();
                Handlers::new().on_open(move |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                })
            };
            server.serve_handlers(handlers).await
        })
    });
    (told.recv().expect("a server"), opened)
}

fn ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a place in the queue of the system");
    stream.write_all(REQUEST).expect("a write");
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a timeout");
    stream
}

fn is_open(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.extend(byte);
    }
    head.starts_with(b"HTTP/1.1 101 ")
}

fn set_limit(count: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(count);
    setrlimit(Resource::Nofile, limit).expect("a limit below the hard one");
}

/// 61: whoever is open stays open, the rest wait in the system's queue and get in when there is room, and the
/// log has a line a second for as long as there is none, however often it comes and goes.
#[test]
fn a_server_without_descriptors_waits_and_recovers() {
    set_limit(64);
    let trouble = Trouble::default();
    let lines = || trouble.0.lock().expect("no panic").len();
    let begin = Instant::now();
    let (address, opened) = start(trouble.clone());
    let mut early: Vec<TcpStream> = (0..5).map(|_| ask(address)).collect();
    assert!(early.iter_mut().all(is_open));
    // Both ends of a connection are of this process: until the server has too few, clients are made first.
    let mut late = Vec::new();
    let full = loop {
        match TcpStream::connect(address) {
            Ok(stream) => late.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(full.raw_os_error(), Some(24), "EMFILE: {full}");
    while lines() == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    // Those who are open notice nothing. One of the others goes and one comes, so that there is never room for
    // long; that may take as long as it likes.
    for _ in 0..10 {
        for stream in &mut early {
            let mut pong = [0; 2];
            stream.write_all(b"\x89\x80\0\0\0\0").expect("a write");
            stream.read_exact(&mut pong).expect("a pong");
            assert_eq!(pong, *b"\x8A\x00");
        }
        drop(late.remove(0));
        thread::sleep(Duration::from_millis(20));
        if let Ok(stream) = TcpStream::connect(address) {
            late.push(stream);
        }
    }
    let told = u64::try_from(lines()).expect("a few");
    assert!(told <= 1 + begin.elapsed().as_secs(), "{trouble:?}");
    drop(late);
    set_limit(256);
    let mut again: Vec<TcpStream> = (0..20).map(|_| ask(address)).collect();
    assert!(again.iter_mut().all(is_open));
    assert!(opened.load(Ordering::Relaxed) >= 25);
}
