//! Runs a connection with a handler: flush, read, hand out every message, flush, wait.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use bowsprit_proto::{Cause, CloseCode, Closed, Config, Event, Stage};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ConnectionInfo, Context, Handler, Handlers, Pong,
    driver::{Core, Driver, Progress},
    roster::Member,
};

/// Frames handled in one wake-up before other connections get their turn.
pub(crate) const FRAMES_PER_TURN: usize = 64;

/// The settings for connections with a handler, which decides itself whether a ping is answered.
pub(crate) fn asks_handler(mut config: Arc<Config>) -> Arc<Config> {
    if config.automatic_pong {
        Arc::make_mut(&mut config).automatic_pong = false;
    }
    config
}

/// A connection and its handler, as the future that runs them to their end.
#[derive(Debug)]
pub(crate) struct Session<S, H> {
    driver: Driver<S>,
    handler: H,
    info: Arc<ConnectionInfo>,
    /// Bytes that came behind the opening handshake, and the sign that nothing has run yet.
    early: Option<Box<[u8]>>,
    /// The handler has panicked: what it knows may be half changed, so it is not called again.
    has_panicked: bool,
    /// Answers pile up because the peer does not read: nor do we, until they have left.
    holds: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Session<S, H> {
    pub(crate) fn new(
        driver: Driver<S>,
        handler: H,
        info: Arc<ConnectionInfo>,
        early: Vec<u8>,
    ) -> Self {
        Self {
            driver,
            handler,
            info,
            early: Some(early.into()),
            has_panicked: false,
            holds: false,
        }
    }

    /// With the handler that `factory` makes. If that panics, the session that tells the peer so.
    pub(crate) fn made_by(
        factory: impl FnOnce(&Arc<ConnectionInfo>) -> H,
        mut driver: Driver<S>,
        info: Arc<ConnectionInfo>,
        early: Vec<u8>,
    ) -> Result<Self, Box<Session<S, Handlers>>> {
        match catch_unwind(AssertUnwindSafe(|| factory(&info))) {
            Ok(handler) => Ok(Self::new(driver, handler, info, early)),
            Err(_) => {
                let _ = driver.core.close(CloseCode::INTERNAL_ERROR, "");
                let nobody = Handlers::new();
                Err(Box::new(Session::new(driver, nobody, info, early)))
            }
        }
    }

    /// The handler, unless it has panicked, and the place in the endpoint, for a connection that follows;
    /// and how this one ended.
    pub(crate) fn into_parts(mut self) -> (Option<H>, Option<Member>, Closed) {
        let closed = self.driver.core.end();
        let member = self.driver.core.hand_over();
        ((!self.has_panicked).then_some(self.handler), member, closed)
    }

    fn begin(&mut self) {
        if let Some(mut early) = self.early.take() {
            let (core, info) = (&mut self.driver.core, &self.info);
            let opening = |core: &mut Core, handler: &mut H, input: &mut &mut [u8]| {
                handler.on_open(&mut Context { core, info });
                hand_out(core, handler, info, input)
            };
            self.has_panicked = guarded(core, &mut self.handler, &mut early, opening).is_none();
        }
    }

    fn poll_until_end(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut frames = 0;
        loop {
            let progress = self.driver.poll_write(cx);
            if progress == Progress::Ended {
                return Poll::Ready(());
            }
            let core = &self.driver.core;
            let queued = core.connection.queued_bytes();
            let limits = &core.connection.config().limits;
            self.holds &= queued > limits.send_low_water;
            if frames >= FRAMES_PER_TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let high_water = limits.send_high_water;
            if !self.holds && !core.is_paused() {
                let (handler, info) = (&mut self.handler, &self.info);
                let has_panicked = &mut self.has_panicked;
                let read = self.driver.poll_read(cx, |core, input| {
                    let frames = if *has_panicked {
                        discard(core, input)
                    } else {
                        let heard = guarded(core, handler, input, |core, handler, input| {
                            hand_out(core, handler, info, input)
                        });
                        *has_panicked = heard.is_none();
                        heard.unwrap_or(1)
                    };
                    (frames, core.connection.queued_bytes())
                });
                if let Poll::Ready(read) = read {
                    if let Some((count, now_queued)) = read {
                        // Pieces of a frame are work, too.
                        frames += count.max(1);
                        // Only what the messages of this read caused: bulk that handles send must
                        // not stop the reading that the peer may be waiting for.
                        self.holds = now_queued > queued && now_queued > high_water;
                    }
                    continue;
                }
            }
            if self.driver.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// Nothing in it is pinned: a handler is only ever borrowed.
impl<S: Unpin, H> Unpin for Session<S, H> {}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Future for Session<S, H> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        this.begin();
        std::task::ready!(this.poll_until_end(cx));
        this.driver.core.connection.abort();
        this.driver.core.tell_handles();
        // RFC 8446 §6.1: without a `close_notify` the peer would take the end for an attack.
        this.driver.end_transport(cx);
        let core = &mut this.driver.core;
        if this.has_panicked {
            core.end();
            return Poll::Ready(());
        }
        let closed = core.connection.closed().cloned().unwrap_or_default();
        let info = &this.info;
        if closed.cause == Some(Cause::Timeout(Stage::Pong)) {
            this.handler.on_pong_timeout(&mut Context { core, info });
        }
        this.handler.on_close(&mut Context { core, info }, &closed);
        this.driver.core.end();
        Poll::Ready(())
    }
}

/// Calls the handler with what is in `input`; `None` if it panics. The panic hook has told the program;
/// the peer is told, the rest of `input` goes unheard, and nobody else is hit.
fn guarded<H>(
    core: &mut Core,
    handler: &mut H,
    mut input: &mut [u8],
    call: impl FnOnce(&mut Core, &mut H, &mut &mut [u8]) -> usize,
) -> Option<usize> {
    let called = catch_unwind(AssertUnwindSafe(|| call(core, handler, &mut input)));
    if called.is_err() {
        let _ = core.close(CloseCode::INTERNAL_ERROR, "");
        discard(core, input);
    }
    called.ok()
}

/// Lets the connection answer what is in `input`; nobody hears of it. Returns how many events there were.
fn discard(core: &mut Core, mut input: &mut [u8]) -> usize {
    std::iter::from_fn(|| core.receive(&mut input).map(drop)).count()
}

/// Hands every event in `input` to the handler; returns how many there were.
fn hand_out<H: Handler>(
    core: &mut Core,
    handler: &mut H,
    info: &Arc<ConnectionInfo>,
    input: &mut &mut [u8],
) -> usize {
    let mut count = 0;
    while let Some(event) = core.receive(input) {
        count += 1;
        match event {
            Event::Message(message) => handler.on_message(&mut Context { core, info }, message),
            Event::Fragment(fragment, last) => {
                handler.on_fragment(&mut Context { core, info }, fragment, last);
            }
            Event::Ping(payload) => {
                let answer = handler.on_ping(&mut Context { core, info }, &payload);
                if answer == Pong::Reply {
                    // Refused while closing, when the peer needs none.
                    let _ = core.connection.pong(&payload);
                }
            }
            Event::Pong(payload) => handler.on_pong(&mut Context { core, info }, &payload),
            // The connection has queued what must be answered; on_close tells the rest.
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use bowsprit_proto::Config;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex},
        time::timeout,
    };

    use super::*;
    use crate::{ConnectionId, Handlers, open::Opened, server::open_alone};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    /// Counts the calls to write; may never be done with flushing.
    struct Transport {
        io: DuplexStream,
        writes: Arc<AtomicUsize>,
        flushes: bool,
    }

    impl AsyncRead for Transport {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut TaskContext<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for Transport {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut TaskContext<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.writes.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut self.io).poll_write(cx, buf)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
            if self.flushes {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        }

        fn poll_shutdown(
            mut self: Pin<&mut Self>,
            cx: &mut TaskContext<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_shutdown(cx)
        }
    }

    /// A server's session behind its opening handshake, the peer, and the count of writes.
    async fn session<H: Handler>(
        handler: impl FnOnce(&Arc<AtomicUsize>) -> H,
        flushes: bool,
    ) -> (Session<Transport, H>, DuplexStream, Arc<AtomicUsize>) {
        let (near, mut far) = duplex(64 * 1024);
        let writes = Arc::new(AtomicUsize::new(0));
        let handler = handler(&writes);
        let io = Transport {
            io: near,
            writes: writes.clone(),
            // The handshake itself always gets through.
            flushes: true,
        };
        let mut config = Config::server();
        config.automatic_pong = false;
        far.write_all(REQUEST).await.expect("a write");
        let Opened {
            mut io,
            connection,
            info,
            early,
        } = open_alone(io, Arc::new(config)).await.expect("a request");
        let mut head = [0; 1024];
        let len = far.read(&mut head).await.expect("an answer");
        assert!(head[..len].ends_with(b"\r\n\r\n"));
        writes.store(0, Ordering::Relaxed);
        io.flushes = flushes;
        let core = Core::new(connection, ConnectionId::next(), None, None);
        let session = Session::new(Driver::new(io, core), handler, Arc::new(info), early);
        (session, far, writes)
    }

    /// A short frame of a client, masked with zeros.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let len = u8::try_from(payload.len()).expect("a short frame");
        [&[first, 0x80 | len, 0, 0, 0, 0], payload].concat()
    }

    fn echo(_: &Arc<AtomicUsize>) -> Handlers {
        Handlers::new().on_message(|cx, message| cx.send(message).expect("room"))
    }

    /// tokio rounds a task up to 128 bytes: one word more, and an idle connection costs 128 bytes more.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_session_of_a_small_handler_fits_a_task_of_512_bytes() {
        // The feature `metrics` costs a word of its own.
        let counted = size_of::<crate::metrics::Meter>();
        assert!(size_of::<Session<crate::Stream, ()>>() <= 408 + counted);
    }

    #[tokio::test(start_paused = true)]
    async fn all_messages_of_a_read_are_handed_out_before_their_answers_leave_in_one_write() {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let handler = |writes: &Arc<AtomicUsize>| {
            let writes = writes.clone();
            Handlers::new().on_message(move |cx, message| {
                tell.send(writes.load(Ordering::Relaxed)).expect("a test");
                cx.send(message).expect("room");
            })
        };
        let (session, mut far, writes) = session(handler, true).await;
        tokio::spawn(session);
        let mut input = Vec::new();
        for number in 0..16 {
            input.extend(masked(0x81, &[b'a' + number]));
        }
        input.extend(masked(0x89, b"?"));
        far.write_all(&input).await.expect("a write");
        let mut answers = vec![0; 16 * 3 + 3];
        far.read_exact(&mut answers).await.expect("answers");
        assert!(answers.ends_with(b"\x81\x01p\x8A\x01?"), "{answers:?}");
        assert_eq!(writes.load(Ordering::Relaxed), 1);
        for _ in 0..16 {
            assert_eq!(told.recv().await, Some(0), "writes before a message");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_to_the_next_read_leave_in_the_next_write() {
        let (session, mut far, writes) = session(echo, true).await;
        tokio::spawn(session);
        for round in 1..=3 {
            let input = masked(0x81, b"a").repeat(100);
            far.write_all(&input).await.expect("a write");
            far.read_exact(&mut [0; 300]).await.expect("answers");
            assert_eq!(writes.load(Ordering::Relaxed), round);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_reads_is_not_read_for_ever() {
        let (mut session, mut far, _) = session(echo, true).await;
        let handle = session.driver.core.handle();
        tokio::spawn(session);
        let message = masked(0x82, &[0; 125]);
        let mut poured = 0;
        // Virtual time stands still while anything moves.
        while let Ok(written) = timeout(Duration::from_secs(1), far.write_all(&message)).await {
            written.expect("open");
            poured += message.len();
            assert!(poured < 64 << 20, "no end in sight");
        }
        let queued = handle.buffered_bytes();
        assert!(
            (256 << 10..400 << 10).contains(&queued),
            "{queued} are queued"
        );
        assert!(poured < 1 << 20, "{poured} were taken");
        let mut answers = vec![0; poured / message.len() * 127];
        far.read_exact(&mut answers).await.expect("every answer");
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_does_not_wait_for_a_transport_that_cannot_flush() {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let handler = |_: &_| {
            Handlers::new()
                .on_open(|cx| cx.send("stuck").expect("room"))
                .on_close(move |_, closed| tell.send(closed.cause.clone()).expect("a test"))
        };
        let (mut session, _far, _) = session(handler, false).await;
        let handle = session.driver.core.handle();
        tokio::spawn(session);
        tokio::task::yield_now().await;
        handle.terminate();
        let closed = timeout(Duration::from_secs(1), told.recv()).await;
        assert_eq!(closed.expect("an end"), Some(Some(Cause::Aborted)));
    }
}
