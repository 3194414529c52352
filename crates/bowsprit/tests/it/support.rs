//! What the tests share: connections in memory, peers made by hand, transports that count or dawdle.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc as std_mpsc,
    },
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use bowsprit::{
    Client, Closed, Config, ConnectError, Context as Cx, Handle, Handler, Handlers, Message,
    MessageRef, Pong, Server, ServerBuilder, WebSocket, accept,
    proto::handshake::{Accept, ServerHandshake},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    net::{TcpListener, TcpStream},
    runtime,
    sync::mpsc,
    task::{JoinHandle, coop::consume_budget},
    time::{advance, pause, timeout},
};

/// What comes back from `future`, which must not take for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future)
        .await
        .expect("an end within a minute")
}

/// [`within`] for tests of programs that have no runtime.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(within(future))
}

/// Polls `future` at most so many times, then drops it.
pub(crate) async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let output = future.as_mut().poll(cx).map(Some);
        if output.is_pending() {
            cx.waker().wake_by_ref();
        }
        output
    })
    .await
}

/// Lets everything else run that can.
pub(crate) async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Why this attempt to connect fails when its peer says no more, within the ten seconds of `timeouts.open`.
pub(crate) async fn times_out(
    attempt: JoinHandle<Result<WebSocket, ConnectError>>,
) -> ConnectError {
    settle().await;
    pause();
    // On a busy machine some of the ten seconds are over by now.
    advance(Duration::from_secs(2)).await;
    settle().await;
    assert!(!attempt.is_finished());
    advance(Duration::from_secs(8)).await;
    attempt.await.expect("no panic").expect_err("silence")
}

/// A client and a server, joined in memory.
pub(crate) async fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    pair_with(Config::client(), Config::server()).await
}

pub(crate) async fn pair_with(
    client: Config,
    server: Config,
) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = duplex(64 * 1024);
    pair_on(near, far, client, server).await
}

pub(crate) async fn pair_on<A, B>(
    near: A,
    far: B,
    client: Config,
    server: Config,
) -> (WebSocket<A>, WebSocket<B>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let shaken =
        async { tokio::join!(request.config(client).connect_on(near), accept(far, server)) };
    let (client, server) = within(shaken).await;
    (client.expect("a client"), server.expect("a server"))
}

/// A client whose peer is nothing but bytes.
pub(crate) async fn client_of_bare(config: Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let (client, far) = tokio::join!(request.config(config).connect_on(near), answer(far));
    (client.expect("a client"), far)
}

/// A server whose peer is nothing but bytes.
pub(crate) async fn server_of_bare(config: Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(64 * 1024);
    let (far, server) = tokio::join!(ask(far), accept(near, config));
    (server.expect("a server"), far)
}

/// A server's connection that runs with these handlers, and its peer that is nothing but bytes.
pub(crate) async fn handlers_of_bare(config: Config, handlers: Handlers) -> DuplexStream {
    let (near, far) = duplex(64 * 1024);
    let server = Server::builder().config(config).build();
    tokio::spawn(async move { server.serve_on(near, None, move |_| handlers).await });
    ask(far).await
}

/// Shakes hands as a server does and leaves the bare transport.
pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut io: S) -> S {
    let head = read_head(&mut io).await;
    let answer = accepting(&head);
    io.write_all(&answer).await.expect("a write");
    io
}

/// The answer 101 to this request.
pub(crate) fn accepting(head: &str) -> Vec<u8> {
    let mut handshake = ServerHandshake::new(&Config::server());
    assert_eq!(handshake.receive(&mut head.as_bytes()), Ok(true), "{head}");
    let mut answer = Vec::new();
    handshake
        .accept(&Accept::default(), &mut answer)
        .expect("an answer");
    answer
}

/// A request as a client by hand makes it. Further header lines go in front of the empty one.
pub(crate) const REQUEST: &str = "GET / HTTP/1.1\r\nHost: in.memory\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Shakes hands as a client does and leaves the bare transport.
pub(crate) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(mut io: S) -> S {
    let request = format!("{REQUEST}\r\n");
    io.write_all(request.as_bytes()).await.expect("a write");
    let head = read_head(&mut io).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    io
}

/// Reads a head and nothing behind it.
pub(crate) async fn read_head<S: AsyncRead + Unpin>(io: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(io.read_u8()).await.expect("a head"));
    }
    String::from_utf8(head).expect("a head of text")
}

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// A frame of a server: not masked.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("a short frame");
    assert!(len < 126, "a short frame");
    [&[0x80 | opcode, len], payload].concat()
}

/// A frame of a client, masked with zeros.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = frame(opcode, payload);
    frame[1] |= 0x80;
    frame.splice(2..2, [0; 4]);
    frame
}

/// The payload of a close frame.
pub(crate) fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// The opcode and the payload of the next frame, unmasked; `None` at the end of the transport.
pub(crate) async fn read_frame<S: AsyncRead + Unpin>(io: &mut S) -> Option<(u8, Vec<u8>)> {
    within(read_frame_for_ever(io)).await
}

async fn read_frame_for_ever<S: AsyncRead + Unpin>(io: &mut S) -> Option<(u8, Vec<u8>)> {
    let first = io.read_u8().await.ok()?;
    let second = io.read_u8().await.expect("a length");
    let len = match second & 0x7F {
        126 => usize::from(io.read_u16().await.expect("a length")),
        127 => usize::try_from(io.read_u64().await.expect("a length")).expect("a length"),
        len => usize::from(len),
    };
    let mut key = [0; 4];
    if second & 0x80 != 0 {
        io.read_exact(&mut key).await.expect("a key");
    }
    let mut payload = vec![0; len];
    io.read_exact(&mut payload).await.expect("a payload");
    for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    Some((first & 0xF, payload))
}

/// Once it flows it always has more to read, and takes what is written or nothing of it.
pub(crate) struct Flood {
    pub(crate) io: DuplexStream,
    pub(crate) flows: Arc<AtomicBool>,
    /// What there is to be read, again and again.
    pub(crate) pours: Vec<u8>,
    pub(crate) drinks: bool,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.flows.load(Ordering::Relaxed) {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        // A socket lets other tasks run, too.
        ready!(pin!(consume_budget()).poll(cx));
        buf.put_slice(&self.pours);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.flows.load(Ordering::Relaxed) && !self.drinks {
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Receives until the connection ends as it should.
pub(crate) async fn drain<S: AsyncRead + AsyncWrite + Unpin>(
    ws: &mut WebSocket<S>,
) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(message) = within(ws.recv()).await.expect("a clean end") {
        messages.push(message);
    }
    messages
}

/// Notes what every call to write took.
#[derive(Debug)]
pub(crate) struct Recorder<S> {
    io: S,
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// What a [`Recorder`] has noted.
#[derive(Clone, Debug)]
pub(crate) struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

impl<S> Recorder<S> {
    pub(crate) fn new(io: S) -> (Self, Writes) {
        let writes = Arc::default();
        let noted = Writes(Arc::clone(&writes));
        (Self { io, writes }, noted)
    }

    fn note(&self, taken: usize, pieces: &[IoSlice<'_>]) {
        let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
        let mut writes = self.writes.lock().expect("no panic");
        writes.push(all[..taken].to_vec());
    }
}

impl Writes {
    /// The writes since this was last asked.
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorder<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorder<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.note(taken, &[IoSlice::new(buf)]);
        Poll::Ready(Ok(taken))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let taken = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        self.note(taken, bufs);
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Gives and takes one byte at every other poll.
#[derive(Debug)]
pub(crate) struct Trickle<S> {
    io: S,
    /// Whether it is the turn of reading, writing, flushing, shutting down.
    turns: [bool; 4],
}

impl<S: Unpin> Trickle<S> {
    pub(crate) const fn new(io: S) -> Self {
        Self {
            io,
            turns: [false; 4],
        }
    }

    /// The transport when it is the turn of `operation`, which it was not the last time.
    fn turn(&mut self, operation: usize, cx: &Context<'_>) -> Poll<Pin<&mut S>> {
        self.turns[operation] ^= true;
        if self.turns[operation] {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Pin::new(&mut self.io))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Trickle<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(ready!(self.turn(0, cx)).poll_read(cx, &mut one))?;
        buf.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Trickle<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn(1, cx)).poll_write(cx, &buf[..buf.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.turn(2, cx)).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.turn(3, cx)).poll_shutdown(cx)
    }
}

/// What happened to a connection.
#[derive(Debug)]
pub(crate) enum Happened {
    Open(Handle),
    /// The error's text, and the `Server` header of the response, if one came.
    Failed(String, Option<String>),
    Message(Message),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Closed(Closed),
}

/// What happened, in order. It ends when the handlers are gone, and with them all that can happen.
#[derive(Debug)]
pub(crate) struct Log(mpsc::UnboundedReceiver<Happened>);

/// Handlers that write down what happens.
pub(crate) fn log() -> (Handlers, Log) {
    let (tell, told) = mpsc::unbounded_channel();
    let tell = move |happened| {
        // A test may have seen enough.
        let _ = tell.send(happened);
    };
    let [open, fail, message, ping, pong, close] = [(); 6].map(|()| tell.clone());
    let handlers = Handlers::new()
        .on_open(move |cx| open(Happened::Open(cx.handle())))
        .on_fail(move |_, error| {
            let server = error.response().and_then(|head| head.header("server"));
            fail(Happened::Failed(
                error.to_string(),
                server.map(str::to_owned),
            ));
        })
        .on_message(move |_, received| message(Happened::Message(received.into_message())))
        .on_ping(move |_, payload| {
            ping(Happened::Ping(payload.to_vec()));
            Pong::Reply
        })
        .on_pong(move |_, payload| pong(Happened::Pong(payload.to_vec())))
        .on_close(move |_, closed| close(Happened::Closed(closed.clone())));
    (handlers, Log(told))
}

impl Log {
    pub(crate) async fn next(&mut self) -> Happened {
        within(self.0.recv()).await.expect("something to happen")
    }

    pub(crate) async fn open(&mut self) -> Handle {
        match self.next().await {
            Happened::Open(handle) => handle,
            other => panic!("not open but {other:?}"),
        }
    }

    /// The text of the failure.
    pub(crate) async fn failed(&mut self) -> String {
        match self.next().await {
            Happened::Failed(text, _) => text,
            other => panic!("not failed but {other:?}"),
        }
    }

    pub(crate) async fn message(&mut self) -> Message {
        match self.next().await {
            Happened::Message(message) => message,
            other => panic!("no message but {other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> Closed {
        match self.next().await {
            Happened::Closed(closed) => closed,
            other => panic!("not closed but {other:?}"),
        }
    }

    /// Nothing has happened that was not asked for.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing more can happen, and nothing more has.
    pub(crate) async fn ends(&mut self) {
        let more = within(self.0.recv()).await;
        assert!(more.is_none(), "{more:?}");
    }
}

/// Sends every message back.
pub(crate) struct Echo;

impl Handler for Echo {
    fn on_message(&mut self, cx: &mut Cx<'_>, message: MessageRef<'_>) {
        cx.send(message).expect("room for an echo");
    }
}

/// A server that runs until it is dropped or shut down.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) uri: String,
    pub(crate) serving: JoinHandle<io::Result<()>>,
}

impl Running {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.local_addr().expect("an address")
    }

    /// A bare connection to the server, before the opening handshake.
    pub(crate) async fn bare(&self) -> TcpStream {
        TcpStream::connect(self.address())
            .await
            .expect("a connection")
    }
}

pub(crate) async fn echo() -> Running {
    run(Server::builder(), || Echo).await
}

pub(crate) async fn run<H: Handler>(
    builder: ServerBuilder,
    handler: impl Fn() -> H + Send + Sync + 'static,
) -> Running {
    let server = builder.bind("127.0.0.1:0").await.expect("a listener");
    let uri = format!("ws://{}/", server.local_addr().expect("an address"));
    let running = server.clone();
    let serving = tokio::spawn(async move { running.serve_handlers(move |_| handler()).await });
    Running {
        server,
        uri,
        serving,
    }
}

/// The URI of an echo server with a runtime of its own, for tests that have none.
pub(crate) fn echo_on_a_thread() -> String {
    let (tell, told) = std_mpsc::channel();
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let running = echo().await;
            tell.send(running.uri).expect("a test");
            running.serving.await
        })
    });
    told.recv().expect("a server")
}

/// A listener, and the URI of what listens there.
pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let uri = format!("ws://{}/", listener.local_addr().expect("an address"));
    (listener, uri)
}
