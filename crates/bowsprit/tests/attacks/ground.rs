//! Where the attacks take place: a server in a thread of its own that counts what it allocates, and
//! clients of blocking sockets around it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use allocation_counter::measure;
use bowsprit::{Config, Context, Error, Handlers, MessageRef, Server, ServerBuilder, WebSocket};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::{sleep, timeout},
};

/// What a server allocated while it was attacked, in bytes. What its thread keeps for all its
/// connections does not count: that was there before.
#[derive(Debug)]
pub(crate) struct Held {
    /// The most at one time.
    pub(crate) most: u64,
    /// What was left when the attackers had gone.
    pub(crate) left: i64,
}

/// What the thread keeps for all its connections may grow to this: the buffer that they write from.
pub(crate) const SPARE: i64 = 300 * 1024;

/// The two ways to write a server. Both are attacked in the same ways.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Face {
    /// A handler is called with each message.
    Handlers,
    /// A task for each connection awaits its messages.
    Tasks,
}

pub(crate) const FACES: [Face; 2] = [Face::Handlers, Face::Tasks];

/// Runs a server that echoes while `attackers` have its address, then sees that it still echoes, and that it
/// is rid of them: what they return stays open until then.
///
/// Everything that the server does happens in one thread, and only that thread's memory is counted.
pub(crate) fn attack<T>(server: ServerBuilder, attackers: impl FnOnce(SocketAddr) -> T) -> Held {
    attack_on(Face::Handlers, server, attackers)
}

/// [`attack`] on a server of either kind.
pub(crate) fn attack_on<T>(
    face: Face,
    server: ServerBuilder,
    attackers: impl FnOnce(SocketAddr) -> T,
) -> Held {
    attack_seen_by(assert_echoes, face, server, attackers)
}

/// The same where `serves` sees that the server still does.
pub(crate) fn attack_seen_by<T>(
    serves: impl Fn(SocketAddr),
    face: Face,
    server: ServerBuilder,
    attackers: impl FnOnce(SocketAddr) -> T,
) -> Held {
    let (tell_address, address) = mpsc::channel();
    let (begin, begun) = oneshot::channel::<()>();
    let (tell_ready, ready) = mpsc::channel();
    let (end, ended) = oneshot::channel::<()>();
    let server = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let server = runtime.block_on(server.bind("127.0.0.1:0"));
        let server = server.expect("a listener");
        let address = server.local_addr().expect("an address of a TCP listener");
        tell_address.send(address).expect("a test");
        runtime.block_on(serve_until(face, &server, begun));
        until_all_are_gone(&runtime);
        tell_ready.send(()).expect("a test");
        let counted = measure(|| {
            runtime.block_on(serve_until(face, &server, ended));
            until_all_are_gone(&runtime);
        });
        Held {
            most: counted.bytes_max,
            left: counted.bytes_current,
        }
    });
    let address = address.recv().expect("a server");
    serves(address);
    begin.send(()).expect("a server");
    ready.recv().expect("a server");
    let stay = attackers(address);
    serves(address);
    end.send(()).expect("a server");
    let held = server.join().expect("no panic");
    drop(stay);
    tell(face, &held);
    held
}

/// Figures for people: `cargo test -p bowsprit --test attacks -- --nocapture` shows them.
#[expect(clippy::print_stdout, reason = "that is what it is for")]
fn tell(face: Face, held: &Held) {
    let (Held { most, left }, test) = (held, thread::current());
    println!(
        "{}, {face:?}: {most} bytes at most, {left} left",
        test.name().unwrap_or_default()
    );
}

async fn serve_until(face: Face, server: &Server, end: oneshot::Receiver<()>) {
    let serving = async {
        match face {
            Face::Handlers => {
                let handlers = |_: &_| Handlers::new().on_message(echo);
                server.serve_handlers(handlers).await
            }
            Face::Tasks => server.serve(echo_all).await,
        }
    };
    tokio::select! {
        failed = serving => panic!("no more clients: {failed:?}"),
        told = end => told.expect("a test"),
    }
}

/// No task stays behind when all clients have left.
fn until_all_are_gone(runtime: &Runtime) {
    let gone = async {
        while runtime.metrics().num_alive_tasks() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let gone = async { timeout(Duration::from_secs(60), gone).await };
    runtime.block_on(gone).expect("an end of every task");
}

async fn echo_all(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message).await?;
    }
    Ok(())
}

fn echo(cx: &mut Context<'_>, message: MessageRef<'_>) {
    // A client that does not read its answers does without some.
    let _ = cx.send(message);
}

/// A client with a deadline for each read and write.
pub(crate) fn client(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a timeout");
    stream.set_write_timeout(patience).expect("a timeout");
    stream
}

/// The request of a client but for its empty line.
pub(crate) const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A client whose opening handshake went well.
pub(crate) fn open(address: SocketAddr, lines: &str) -> TcpStream {
    let mut stream = client(address);
    shake_hands(&mut stream, lines);
    stream
}

/// The opening handshake, with these lines besides.
pub(crate) fn shake_hands(stream: &mut (impl Read + Write), lines: &str) {
    let request = format!("{REQUEST}{lines}\r\n");
    stream.write_all(request.as_bytes()).expect("a write");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        head.escape_ascii()
    );
}

/// A frame of a client, masked with zeros. `first` is its first byte.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = match u16::try_from(payload.len()) {
        Ok(len @ 0..=125) => vec![first, 0x80 | len.to_be_bytes()[1]],
        Ok(len) => [&[first, 0x80 | 126], &len.to_be_bytes()[..]].concat(),
        Err(_) => [
            &[first, 0x80 | 127],
            &(payload.len() as u64).to_be_bytes()[..],
        ]
        .concat(),
    };
    wire.extend([0; 4]);
    wire.extend(payload);
    wire
}

/// The next frame of a server: its first byte and its payload.
pub(crate) fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut read = |len: usize| {
        let mut bytes = vec![0; len];
        stream.read_exact(&mut bytes).expect("a frame");
        bytes
    };
    let head = read(2);
    let len = match head[1] {
        126 => read(2),
        127 => read(8),
        len => vec![len],
    };
    let len = len
        .iter()
        .fold(0, |len, byte| len << 8 | usize::from(*byte));
    (head[0], read(len))
}

/// All that a server says until it ends the connection; what was lost to a reset is not there.
pub(crate) fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        said.extend_from_slice(&chunk[..len]);
    }
    said
}

/// Writes these bytes so many times, as long as the server takes them.
pub(crate) fn pour(stream: &mut TcpStream, bytes: &[u8], times: usize) {
    for _ in 0..times {
        if stream.write_all(bytes).is_err() {
            break;
        }
    }
}

/// A server with these settings.
pub(crate) fn server(adjust: impl FnOnce(&mut Config)) -> ServerBuilder {
    let mut config = Config::server();
    adjust(&mut config);
    Server::builder().config(config)
}

/// The offer of a client that takes all kinds of compression.
pub(crate) const DEFLATE: &str =
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/// All that a server says to these bytes until it ends the connection.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = client(address);
    stream.write_all(request).expect("a write");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an end");
    String::from_utf8(answer).expect("text")
}

/// The server sends back what it gets, and compresses what is long enough where that was agreed on.
pub(crate) fn assert_echoes(address: SocketAddr) {
    let mut stream = open(address, DEFLATE);
    let wire = frame(0x82, &[b'x'; 1000]);
    stream.write_all(&wire).expect("a write");
    let (first, payload) = read_frame(&mut stream);
    if first == 0x82 {
        assert_eq!(payload, [b'x'; 1000]);
        return;
    }
    assert!(first == 0xC2 && payload.len() < 100, "{payload:x?}");
    // RFC 7692 §7.2.3.1.
    let hello = b"\xF2\x48\xCD\xC9\xC9\x07\x00";
    stream.write_all(&frame(0xC1, hello)).expect("a write");
    assert_eq!(read_frame(&mut stream), (0x81, b"Hello".to_vec()));
}

/// Many systems let a process have 1024 descriptors until it asks for more.
#[cfg(unix)]
pub(crate) fn allow_descriptors(count: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        limit.current = Some(count);
        setrlimit(Resource::Nofile, limit).expect("descriptors for everybody");
    }
}

#[cfg(not(unix))]
pub(crate) fn allow_descriptors(_: u64) {}
