//! Handlers: what a program does when something happens to a connection.

use std::{fmt, sync::Arc};

use bowsprit_proto::{
    CloseCode, CloseError, Closed, Compression, Message, MessageRef, Prepared, RoundTrips,
    SendError,
};

use crate::{ConnectError, ConnectionId, ConnectionInfo, Handle, Retry, driver::Core};

/// Reacts to what happens to one connection.
///
/// Handlers run in line with the processing of their connection, one at a time. That has
/// consequences:
///
/// - A handler must not block or compute for long: no other message of its connection is read
///   meanwhile, no ping is answered, and in a background [`Client`](crate::Client), which has one
///   thread, every other connection waits, too. Work that takes time goes to a thread or task of
///   the program's own and comes back through a [`Handle`].
/// - A message is lent out of the receive buffer and gone when the handler returns;
///   [`MessageRef::into_message`] keeps it.
/// - What a handler sends through its [`Context`] leaves together with the answers to all other
///   messages of the same read, in one write.
/// - Nothing that a handler sends leaves before it returns, and what it sends through its [`Context`]
///   overtakes what it sends through a [`Handle`].
/// - A handler that panics closes its connection with 1011, and is not called again, not even its
///   `on_close`. Other connections go on.
/// - Handlers of one connection never run at the same time, so `&mut self` needs no lock. Handlers
///   of different connections may run in parallel.
/// - A handler that waits for another handler of the same connection waits for ever.
///
/// Exactly one of [`on_open`](Self::on_open) and [`on_fail`](Self::on_fail) runs, and
/// [`on_close`](Self::on_close) once after `on_open`. A connection that is made again begins anew with
/// `on_open`; [`on_retry`](Self::on_retry) stands between. What has no handler is ignored, but for pings,
/// which are answered.
///
/// ```
/// use bowsprit::{Context, Handler, MessageRef};
///
/// struct Counter(u64);
///
/// impl Handler for Counter {
///     fn on_message(&mut self, cx: &mut Context<'_>, _message: MessageRef<'_>) {
///         self.0 += 1;
///         // Refused only when the connection is closing or the peer does not read.
///         let _ = cx.send(self.0.to_string().as_str());
///     }
/// }
/// ```
#[expect(
    unused_variables,
    reason = "the defaults do nothing, and their names are the documentation"
)]
pub trait Handler: Send + 'static {
    /// The opening handshake is done.
    fn on_open(&mut self, cx: &mut Context<'_>) {}

    /// A client's connection could not be opened.
    fn on_fail(&mut self, handle: &Handle, error: &ConnectError) {}

    /// With [`ConnectRequest::reconnect`](crate::ConnectRequest::reconnect): the connection did not open, or
    /// has ended, and is about to be made again. `on_fail` then tells only of the last try.
    fn on_retry(&mut self, handle: &Handle, retry: &Retry<'_>) {}

    /// A whole message has come.
    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {}

    /// With `config.streaming`: the next piece of a message has come, and whether it is the last.
    /// [`on_message`](Self::on_message) is not called then.
    fn on_fragment(&mut self, cx: &mut Context<'_>, fragment: MessageRef<'_>, last: bool) {}

    /// A ping has come; the answer decides whether a pong goes back (RFC 6455 §5.5.2).
    fn on_ping(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Pong {
        Pong::Reply
    }

    /// A pong has come, asked for or not.
    fn on_pong(&mut self, cx: &mut Context<'_>, payload: &[u8]) {}

    /// Keepalive gives up: nothing at all was heard for `keepalive.timeout` after its ping. The connection
    /// has ended, and [`on_close`](Self::on_close) is next, with `Cause::Timeout(Stage::Pong)`.
    fn on_pong_timeout(&mut self, cx: &mut Context<'_>) {}

    /// The connection has ended; nothing can be sent any more. Who waits for
    /// [`Handle::closed`] goes on after this has returned.
    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed) {}
}

/// Whether a ping is answered (RFC 6455 §5.5.3). A pong that is suppressed leaves the peer in doubt: some close
/// the connection then.
///
/// ```
/// use bowsprit::{Context, Handler, Pong};
///
/// struct Deaf;
///
/// impl Handler for Deaf {
///     fn on_ping(&mut self, _: &mut Context<'_>, payload: &[u8]) -> Pong {
///         if payload.is_empty() { Pong::Reply } else { Pong::Suppress }
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pong {
    /// With a pong of the same payload.
    Reply,
    /// Not at all, or by the program itself.
    Suppress,
}

/// The connection, inside a handler. What is sent from here takes no lock.
///
/// ```
/// use bowsprit::{Context, Handler};
///
/// struct Greeter;
///
/// impl Handler for Greeter {
///     fn on_open(&mut self, cx: &mut Context<'_>) {
///         println!("{:?} is open, server: {:?}", cx.id(), cx.info().response_header("server"));
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Context<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) info: &'a Arc<ConnectionInfo>,
}

impl Context<'_> {
    /// The connection's id.
    pub const fn id(&self) -> ConnectionId {
        self.core.id()
    }

    /// A handle to the connection, made on the first call.
    pub fn handle(&mut self) -> Handle {
        self.core.handle()
    }

    /// What the opening handshake settled.
    pub const fn info(&self) -> &Arc<ConnectionInfo> {
        self.info
    }

    /// Queues one message; a received one can be handed back as it is.
    ///
    /// # Errors
    ///
    /// When the connection is closing, or `limits.send_buffer` bytes wait already.
    pub fn send<'m>(&mut self, message: impl Into<MessageRef<'m>>) -> Result<(), SendError> {
        self.core.send(message.into())
    }

    /// Queues one message and shares a large payload instead of copying it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_shared(&mut self, message: impl Into<Message>) -> Result<(), SendError> {
        self.core.send_shared(message.into())
    }

    /// Queues one message that many connections share.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        self.core.send_prepared(message)
    }

    /// Queues one fragment of a message, so that a long one need not be held whole (RFC 6455 §5.4).
    /// Other messages wait until the `last` was queued; pings, pongs and a close do not.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and when the kind changes within the message.
    pub fn send_fragment<'m>(
        &mut self,
        fragment: impl Into<MessageRef<'m>>,
        last: bool,
    ) -> Result<(), SendError> {
        self.core.send_fragment(fragment, last)
    }

    /// Queues a ping with at most 125 bytes of payload.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and when the payload is too long.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.core.ping(payload)
    }

    /// How long the peer took to answer pings, up to the latest pong.
    pub fn round_trips(&self) -> RoundTrips {
        self.core.connection.round_trips()
    }

    /// What compression has made of the messages so far, the one that is handled among them; `None` where
    /// none was agreed on (RFC 7692). Handles know as much from then on; otherwise they learn it when all
    /// messages of a read are handled.
    ///
    /// ```
    /// use bowsprit::{Compressed, Context, Handler, MessageRef};
    ///
    /// /// Tells of each message whether it came compressed, and as how many bytes.
    /// #[derive(Default)]
    /// struct Watcher(Compressed);
    ///
    /// impl Handler for Watcher {
    ///     fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
    ///         let received = cx.compression().unwrap_or_default().received;
    ///         let own = received.since(&self.0);
    ///         self.0 = received;
    ///         let (size, is_compressed) = (message.as_bytes().len(), own.messages > 0);
    ///         println!("{size} bytes, on the wire {}", if is_compressed { own.wire_bytes } else { size as u64 });
    ///     }
    /// }
    /// ```
    pub fn compression(&self) -> Option<Compression> {
        self.core.tell_compression();
        self.core.connection.compression()
    }

    /// Starts the closing handshake behind what is queued.
    ///
    /// # Errors
    ///
    /// When the code may not be sent, or the closing has begun already.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), CloseError> {
        self.core.close(code, reason)
    }

    /// Stops reading after the messages of the current read; [`Handle::resume_reading`] goes on.
    pub fn pause_reading(&mut self) {
        self.core.link().set_paused(true);
    }

    /// Bytes that are queued and not yet written.
    pub const fn queued_bytes(&self) -> usize {
        self.core.connection.queued_bytes()
    }
}

type OnOpen = dyn Fn(&mut Context<'_>) + Send + Sync;
type OnFail = dyn Fn(&Handle, &ConnectError) + Send + Sync;
type OnRetry = dyn Fn(&Handle, &Retry<'_>) + Send + Sync;
type OnMessage = dyn Fn(&mut Context<'_>, MessageRef<'_>) + Send + Sync;
type OnFragment = dyn Fn(&mut Context<'_>, MessageRef<'_>, bool) + Send + Sync;
type OnPing = dyn Fn(&mut Context<'_>, &[u8]) -> Pong + Send + Sync;
type OnPong = dyn Fn(&mut Context<'_>, &[u8]) + Send + Sync;
type OnPongTimeout = dyn Fn(&mut Context<'_>) + Send + Sync;
type OnClose = dyn Fn(&mut Context<'_>, &Closed) + Send + Sync;

/// A [`Handler`] made of closures, any of which may be left out.
///
/// Clones share the closures: an endpoint copies its handlers into each new connection, where
/// [`map_handlers`](crate::ConnectRequest::map_handlers) replaces single ones.
///
/// ```
/// use bowsprit::{Handlers, Pong};
///
/// let handlers = Handlers::new()
///     .on_open(|cx| println!("{:?} open", cx.id()))
///     .on_message(|cx, message| println!("{:?} << {message:?}", cx.id()))
///     .on_ping(|_, _| Pong::Reply)
///     .on_close(|cx, closed| println!("{:?} {closed}", cx.id()));
/// ```
#[derive(Clone, Default)]
pub struct Handlers {
    open: Option<Arc<OnOpen>>,
    fail: Option<Arc<OnFail>>,
    retry: Option<Arc<OnRetry>>,
    message: Option<Arc<OnMessage>>,
    fragment: Option<Arc<OnFragment>>,
    ping: Option<Arc<OnPing>>,
    pong: Option<Arc<OnPong>>,
    pong_timeout: Option<Arc<OnPongTimeout>>,
    close: Option<Arc<OnClose>>,
}

impl Handlers {
    /// No handlers: everything is ignored, and pings are answered.
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`Handler::on_open`].
    #[must_use]
    pub fn on_open(mut self, f: impl Fn(&mut Context<'_>) + Send + Sync + 'static) -> Self {
        self.open = Some(Arc::new(f));
        self
    }

    /// See [`Handler::on_fail`].
    #[must_use]
    pub fn on_fail(mut self, f: impl Fn(&Handle, &ConnectError) + Send + Sync + 'static) -> Self {
        self.fail = Some(Arc::new(f));
        self
    }

    /// See [`Handler::on_retry`].
    #[must_use]
    pub fn on_retry(mut self, f: impl Fn(&Handle, &Retry<'_>) + Send + Sync + 'static) -> Self {
        self.retry = Some(Arc::new(f));
        self
    }

    /// See [`Handler::on_message`].
    #[must_use]
    pub fn on_message(
        mut self,
        f: impl Fn(&mut Context<'_>, MessageRef<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.message = Some(Arc::new(f));
        self
    }

    /// See [`Handler::on_fragment`].
    #[must_use]
    pub fn on_fragment(
        mut self,
        f: impl Fn(&mut Context<'_>, MessageRef<'_>, bool) + Send + Sync + 'static,
    ) -> Self {
        self.fragment = Some(Arc::new(f));
        self
    }

    /// See [`Handler::on_ping`].
    #[must_use]
    pub fn on_ping(
        mut self,
        f: impl Fn(&mut Context<'_>, &[u8]) -> Pong + Send + Sync + 'static,
    ) -> Self {
        self.ping = Some(Arc::new(f));
        self
    }

    /// See [`Handler::on_pong`].
    #[must_use]
    pub fn on_pong(mut self, f: impl Fn(&mut Context<'_>, &[u8]) + Send + Sync + 'static) -> Self {
        self.pong = Some(Arc::new(f));
        self
    }

    /// See [`Handler::on_pong_timeout`].
    #[must_use]
    pub fn on_pong_timeout(mut self, f: impl Fn(&mut Context<'_>) + Send + Sync + 'static) -> Self {
        self.pong_timeout = Some(Arc::new(f));
        self
    }

    /// See [`Handler::on_close`].
    #[must_use]
    pub fn on_close(
        mut self,
        f: impl Fn(&mut Context<'_>, &Closed) + Send + Sync + 'static,
    ) -> Self {
        self.close = Some(Arc::new(f));
        self
    }
}

impl Handler for Handlers {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        if let Some(f) = &self.open {
            f(cx);
        }
    }

    fn on_fail(&mut self, handle: &Handle, error: &ConnectError) {
        if let Some(f) = &self.fail {
            f(handle, error);
        }
    }

    fn on_retry(&mut self, handle: &Handle, retry: &Retry<'_>) {
        if let Some(f) = &self.retry {
            f(handle, retry);
        }
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        if let Some(f) = &self.message {
            f(cx, message);
        }
    }

    fn on_fragment(&mut self, cx: &mut Context<'_>, fragment: MessageRef<'_>, last: bool) {
        if let Some(f) = &self.fragment {
            f(cx, fragment, last);
        }
    }

    fn on_ping(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Pong {
        self.ping.as_ref().map_or(Pong::Reply, |f| f(cx, payload))
    }

    fn on_pong(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        if let Some(f) = &self.pong {
            f(cx, payload);
        }
    }

    fn on_pong_timeout(&mut self, cx: &mut Context<'_>) {
        if let Some(f) = &self.pong_timeout {
            f(cx);
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed) {
        if let Some(f) = &self.close {
            f(cx, closed);
        }
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers")
            .field("on_open", &self.open.is_some())
            .field("on_fail", &self.fail.is_some())
            .field("on_retry", &self.retry.is_some())
            .field("on_message", &self.message.is_some())
            .field("on_fragment", &self.fragment.is_some())
            .field("on_ping", &self.ping.is_some())
            .field("on_pong", &self.pong.is_some())
            .field("on_pong_timeout", &self.pong_timeout.is_some())
            .field("on_close", &self.close.is_some())
            .finish()
    }
}

impl Handler for Box<dyn Handler> {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        (**self).on_open(cx);
    }

    fn on_fail(&mut self, handle: &Handle, error: &ConnectError) {
        (**self).on_fail(handle, error);
    }

    fn on_retry(&mut self, handle: &Handle, retry: &Retry<'_>) {
        (**self).on_retry(handle, retry);
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        (**self).on_message(cx, message);
    }

    fn on_fragment(&mut self, cx: &mut Context<'_>, fragment: MessageRef<'_>, last: bool) {
        (**self).on_fragment(cx, fragment, last);
    }

    fn on_ping(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Pong {
        (**self).on_ping(cx, payload)
    }

    fn on_pong(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        (**self).on_pong(cx, payload);
    }

    fn on_pong_timeout(&mut self, cx: &mut Context<'_>) {
        (**self).on_pong_timeout(cx);
    }

    fn on_close(&mut self, cx: &mut Context<'_>, closed: &Closed) {
        (**self).on_close(cx, closed);
    }
}
