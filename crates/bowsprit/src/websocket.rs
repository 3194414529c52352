//! The asynchronous face: one connection whose owner awaits messages.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bowsprit_proto::{
    CloseCode, CloseError, Closed, Compression, Config, Message, MessageRef, RoundTrips, SendError,
    State as Phase,
};
use futures_core::Stream as MessageStream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ConnectionId, ConnectionInfo, Error, Handle, Receiver, Sender, Stream,
    driver::{Driver, Progress},
    link::Link,
    open::Opened,
    roster::Member,
    session::FRAMES_PER_TURN,
    split,
    unread::Unread,
};

/// An open connection of either role over any transport.
///
/// It moves when its owner is inside one of its methods: pings are answered and handles served by
/// whoever awaits [`recv`](Self::recv). Dropping it ends the transport without a closing handshake.
///
/// It is a `futures` `Stream` of messages and a `Sink` for them, too.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use bowsprit::CloseCode;
///
/// let mut ws = bowsprit::connect("ws://localhost:9002").await?;
/// ws.send("hello").await?;
/// while let Some(message) = ws.recv().await? {
///     println!("<< {message:?}");
///     if message.as_text() == Some("bye") {
///         println!("{}", ws.close(CloseCode::NORMAL, "done").await?);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocket<S = Stream> {
    driver: Driver<S>,
    info: Arc<ConnectionInfo>,
    /// Bytes that were read behind the last message handed out.
    unread: Unread,
    /// The end was noticed and told; what was read before it may still be unread.
    has_ended: bool,
    /// It ended in a call that sends, which was told: whoever receives is still to be told, too.
    owes_end: bool,
}

/// The settings for those who await messages, which are whole ones.
pub(crate) fn whole_messages(mut config: Arc<Config>) -> Arc<Config> {
    if config.streaming {
        Arc::make_mut(&mut config).streaming = false;
    }
    config
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    pub(crate) fn new(
        opened: Opened<S>,
        id: ConnectionId,
        link: Option<Arc<Link>>,
        member: Option<Member>,
    ) -> Self {
        let (driver, info, early) = opened.into_driver(id, link, member);
        Self {
            driver,
            info,
            unread: Unread::new(early),
            has_ended: false,
            owes_end: false,
        }
    }

    /// Receives the next message, or `None` once the connection has ended as it should.
    ///
    /// Answers pings and the peer's close on the way, serves handles, and writes what was
    /// [fed](Self::feed) before it waits.
    ///
    /// # Errors
    ///
    /// Once, behind all messages that were read until then, when the peer broke a rule, was too slow, or went
    /// away without a close frame, also where a call that sends has returned it before. After it `None` is
    /// returned, and [`close_info`](Self::close_info) has the details.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: a message is either returned or still there.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await.transpose()
    }

    /// Sends one message: queues it, then waits until all that is queued was written. Meanwhile it
    /// reads ahead at most `limits.message` bytes, which [`recv`](Self::recv) then returns.
    ///
    /// # Errors
    ///
    /// When the connection is closing or has ended.
    ///
    /// # Cancel safety
    ///
    /// The whole message is queued or nothing of it. What is queued goes out with any later call.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Sends one fragment of a message, so that a long one need not be held whole (RFC 6455 §5.4).
    ///
    /// The first call begins the message, the one with `last` ends it. Messages of handles wait until
    /// then; pings, pongs and a close do not.
    ///
    /// # Errors
    ///
    /// When the connection is closing or has ended, or the kind changes within the message.
    ///
    /// # Cancel safety
    ///
    /// The whole fragment is queued or nothing of it.
    pub async fn send_fragment<'m>(
        &mut self,
        fragment: impl Into<MessageRef<'m>>,
        last: bool,
    ) -> Result<(), Error> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.driver.core.send_fragment(fragment, last)?;
        self.flush().await
    }

    /// Queues one message, to be written together with others: by [`recv`](Self::recv) before it
    /// waits, or by [`flush`](Self::flush). Waits only while more than `limits.send_high_water` bytes
    /// are queued.
    ///
    /// An answering loop that feeds makes one write for each batch that it reads:
    ///
    /// ```no_run
    /// # async fn echo(mut ws: bowsprit::WebSocket) -> Result<(), bowsprit::Error> {
    /// while let Some(message) = ws.recv().await? {
    ///     ws.feed(message).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the connection is closing or has ended.
    ///
    /// # Cancel safety
    ///
    /// The whole message is queued or nothing of it.
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.queue(message)
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    ///
    /// When the connection has ended before all was written.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost; call it again.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush_all(cx)).await
    }

    /// Sends a ping with at most 125 bytes of payload. [`recv`](Self::recv) takes the pong, and then
    /// [`round_trips`](Self::round_trips) knows how long it took.
    ///
    /// # Errors
    ///
    /// When the payload is too long, or the connection is closing or has ended.
    ///
    /// # Cancel safety
    ///
    /// The whole ping is queued or nothing of it.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue_ping(payload)?;
        self.flush().await
    }

    /// How long the peer took to answer pings: this side's own and those of keepalive.
    pub fn round_trips(&self) -> RoundTrips {
        self.driver.core.connection.round_trips()
    }

    /// What compression has made of the messages so far; `None` where none was agreed on (RFC 7692).
    pub fn compression(&self) -> Option<Compression> {
        self.driver.core.connection.compression()
    }

    /// Closes the connection: sends the close frame behind what is queued, discards what still
    /// arrives, and waits for the peer's close frame and the end of the transport, at most
    /// `timeouts.close`. Returns how it ended.
    ///
    /// On a connection that is closing already it only waits.
    ///
    /// # Errors
    ///
    /// When the code may not be sent. The connection stays open then.
    ///
    /// # Cancel safety
    ///
    /// The close frame stays queued; call this or [`recv`](Self::recv) again.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<Closed, Error> {
        self.close_once(code, reason)?;
        // An error is part of how it ended; the messages are not wanted any more.
        while !self.has_ended {
            let _ = self.recv().await;
        }
        Ok(self.close_info().cloned().unwrap_or_default())
    }

    /// How the connection ended, once it has.
    pub fn close_info(&self) -> Option<&Closed> {
        let closed = self.driver.core.connection.closed();
        closed.filter(|_| self.has_ended)
    }

    /// A handle to the connection, for other threads and tasks. What they send leaves while this is
    /// in [`recv`](Self::recv) or any other method.
    pub fn handle(&mut self) -> Handle {
        let handle = self.driver.core.handle();
        self.driver.core.link().set_info(self.info.clone());
        handle
    }

    /// The connection's id.
    pub const fn id(&self) -> ConnectionId {
        self.driver.core.id()
    }

    /// What the opening handshake settled.
    pub const fn info(&self) -> &Arc<ConnectionInfo> {
        &self.info
    }

    /// The subprotocol that both sides agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.info.subprotocol()
    }

    /// Bytes that are queued and not yet written.
    pub const fn queued_bytes(&self) -> usize {
        self.driver.core.connection.queued_bytes()
    }

    /// The transport. What is written to it directly breaks the connection.
    pub const fn get_ref(&self) -> &S {
        self.driver.io()
    }

    /// Two halves that work alone, in different tasks.
    pub fn split(self) -> (Sender<S>, Receiver<S>) {
        split::split(self)
    }

    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        if let Some(message) = self.unread.next_ahead() {
            return Poll::Ready(Some(Ok(message)));
        }
        // Also behind the end: the transport may have failed after they were read.
        if let Some(message) = self.unread.next_message(&mut self.driver.core) {
            self.write_control(cx);
            return Poll::Ready(Some(Ok(message)));
        }
        if self.has_ended {
            let owed = mem::take(&mut self.owes_end);
            return Poll::Ready(self.fault().filter(|_| owed).map(Err));
        }
        let mut frames = 0;
        loop {
            let progress = self.driver.poll_write(cx);
            if progress == Progress::Ended {
                return Poll::Ready(self.end(cx).map(Err));
            }
            let connection = &self.driver.core.connection;
            let full = connection.queued_bytes() > connection.config().limits.send_high_water;
            if self.driver.core.is_paused() || (full && progress == Progress::Blocked) {
                // The peer does not read: nor do we, or its pings would fill the queue.
                ready!(self.driver.poll_timer(cx));
                continue;
            }
            ready!(self.poll_turn(cx, &mut frames));
            let unread = &mut self.unread;
            let read = self
                .driver
                .poll_read(cx, |core, input| unread.first_message(core, input));
            match read {
                Poll::Ready(Some(Some(message))) => {
                    self.write_control(cx);
                    return Poll::Ready(Some(Ok(message)));
                }
                Poll::Ready(_) => {}
                Poll::Pending => ready!(self.driver.poll_timer(cx)),
            }
        }
    }

    /// Ready once a message may be queued.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            let connection = &self.driver.core.connection;
            if connection.queued_bytes() <= connection.config().limits.send_high_water {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_flush_all(cx))?;
        }
    }

    pub(crate) fn queue(&mut self, message: Message) -> Result<(), Error> {
        let sent = self.driver.with_buffer(|core| core.send_shared(message));
        Ok(sent?)
    }

    pub(crate) fn queue_ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        Ok(self.driver.core.ping(payload)?)
    }

    /// The closing handshake as far as this side has a part in it; the reading half does the rest.
    pub(crate) fn begin_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        Ok(self.driver.core.close(code, reason)?)
    }

    /// As [`begin_close`](Self::begin_close), unless the closing has begun: by a handle, for example.
    fn close_once(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        if self.phase() != Phase::Open {
            return Ok(());
        }
        match self.driver.core.close(code, reason) {
            Ok(()) | Err(CloseError::Closing | CloseError::Closed) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The close frame, unless one was sent already, and all that is queued; the reading half does
    /// the rest.
    pub(crate) fn poll_send_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.close_once(CloseCode::NORMAL, "")?;
        if self.phase() == Phase::Ended {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush_all(cx)
    }

    pub(crate) const fn phase(&self) -> Phase {
        self.driver.core.connection.state()
    }

    /// What was read while a send had to wait counts for.
    pub(crate) const fn ahead(&self) -> usize {
        self.unread.ahead
    }

    /// Writes all that is queued. While the transport takes no more, reads ahead as much as one message
    /// may hold, so that two peers that only send do not wait for each other for ever.
    pub(crate) fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut frames = 0;
        loop {
            match self.driver.poll_write(cx) {
                Progress::Flushed => return Poll::Ready(Ok(())),
                Progress::Ended => {
                    self.owes_end |= !self.has_ended;
                    let error = self.end(cx).unwrap_or(Error::Send(SendError::Closed));
                    return Poll::Ready(Err(error));
                }
                Progress::Blocked => {}
            }
            ready!(self.poll_turn(cx, &mut frames));
            let core = &mut self.driver.core;
            let unread = &mut self.unread;
            unread.read_ahead_rest(core);
            if unread.has_room(core) && !core.is_paused() {
                let read = self
                    .driver
                    .poll_read(cx, |core, input| unread.read_ahead(core, input));
                if read.is_ready() {
                    continue;
                }
            }
            ready!(self.driver.poll_timer(cx));
        }
    }

    /// Whether this turn has room for another read. For tokio a read is a read, though it may hold ten thousand
    /// pings, and a transport of the caller's own may never have to wait.
    fn poll_turn(&mut self, cx: &Context<'_>, frames: &mut usize) -> Poll<()> {
        // Pieces of a frame are work, too.
        *frames += 1 + mem::take(&mut self.unread.controls.count);
        if *frames > FRAMES_PER_TURN {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// A pong or the answer to a close leaves before the application hears of anything. What it fed
    /// itself may wait for more. That it cannot leave is told behind what has been read.
    fn write_control(&mut self, cx: &mut Context<'_>) {
        if mem::take(&mut self.unread.controls.owe_answer) {
            let _ = self.driver.poll_write(cx);
        }
    }

    /// Tells everyone that the connection has ended; the error to report, if it did not end as it should.
    fn end(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        self.driver.core.end();
        self.driver.end_transport(cx);
        self.has_ended = true;
        self.fault()
    }

    /// What ended the connection, where it was not the closing handshake.
    fn fault(&self) -> Option<Error> {
        let closed = self.driver.core.connection.closed()?;
        closed.cause.clone().map(Error::Ended)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> MessageStream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.queue(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_flush_all(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.close_once(CloseCode::NORMAL, "")?;
        while ready!(self.poll_recv(cx)).is_some() {}
        Poll::Ready(Ok(()))
    }
}
