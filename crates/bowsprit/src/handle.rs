//! Handles: any thread, any time, and never the owner of a connection.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

use bowsprit_proto::{
    CloseCode, CloseError, CloseFrame, Closed, Compression, Config, Message, Prepared, RoundTrips,
    SendError, frame::MAX_CONTROL_PAYLOAD,
};
use bytes::Bytes;

use crate::{
    ConnectionInfo,
    link::{Link, Order},
};

/// Names one connection: unique in the process, never used again.
///
/// ```
/// use std::collections::HashMap;
/// use bowsprit::ConnectionId;
///
/// let names: HashMap<ConnectionId, String> = HashMap::new();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a connection stands, as its handles see it.
///
/// ```no_run
/// use bowsprit::{Handle, State};
///
/// fn word(handle: &Handle) -> &'static str {
///     match handle.state() {
///         State::Connecting => "wait for it",
///         State::Open => "speak",
///         State::Closing | State::Closed => "too late",
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// The opening handshake is not done, or is to be done again.
    Connecting,
    /// Messages go both ways.
    Open,
    /// The closing handshake has begun.
    Closing,
    /// The connection has ended, or never opened.
    Closed,
}

impl State {
    pub(crate) const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Connecting,
            1 => Self::Open,
            2 => Self::Closing,
            _ => Self::Closed,
        }
    }
}

/// A reference to a connection that any thread may use at any time, before it opens and after it
/// has ended.
///
/// Handles may be copied and stored; they do not keep a connection alive, and dropping one does
/// nothing to it. On a connection that is gone every operation returns an error that says so.
/// They compare and hash by [`ConnectionId`], which is the better key of a map.
///
/// ```no_run
/// use bowsprit::{Client, CloseCode, Handlers};
///
/// let client = Client::builder().background()?;
/// let handle = client
///     .request("ws://localhost:9002")?
///     .handler(Handlers::new().on_message(|_, message| println!("<< {message:?}")))
///     .start();
/// std::thread::spawn(move || handle.close(CloseCode::NORMAL, "done"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    link: Arc<Link>,
    config: Arc<Config>,
}

impl Handle {
    pub(crate) const fn new(link: Arc<Link>, config: Arc<Config>) -> Self {
        Self { link, config }
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.link.id
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        self.link.state()
    }

    /// Whether messages can be sent.
    pub fn is_open(&self) -> bool {
        self.state() == State::Open
    }

    /// What the opening handshake settled; `None` until it is done.
    pub fn info(&self) -> Option<Arc<ConnectionInfo>> {
        self.link.info()
    }

    /// Queues one message, whole or not at all. Never waits.
    ///
    /// What is queued leaves before this side's close frame. Where the peer closes first, some of it may be
    /// dropped: the peer has said that it needs no more.
    ///
    /// # Errors
    ///
    /// When the connection is not open, or `limits.send_buffer` bytes wait already.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        let len = message.as_bytes().len();
        self.must_be_open()?;
        if self
            .link
            .push(Order::Send(message), |waiting| self.fits(waiting, len))
        {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    /// Queues one message that many connections share, whole or not at all. Never waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&self, message: &Prepared) -> Result<(), SendError> {
        let task = self.queue_prepared(message)?;
        if let Some(task) = task {
            task.wake();
        }
        Ok(())
    }

    /// As [`send_prepared`](Self::send_prepared), but leaves it to the caller to wake the task.
    pub(crate) fn queue_prepared(&self, message: &Prepared) -> Result<Option<Waker>, SendError> {
        let len = message.message().as_bytes().len();
        self.must_be_open()?;
        let order = Order::SendPrepared(message.clone());
        let queued = self
            .link
            .push_quietly(order, |waiting| self.fits(waiting, len));
        queued.ok_or_else(|| self.refusal())
    }

    /// Waits until at most `limits.send_high_water` bytes wait, then queues one message.
    ///
    /// # Errors
    ///
    /// When the connection is not open, or stops being so while this waits.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before it returns has queued nothing.
    pub async fn send_wait(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = message.into();
        let high_water = self.config.limits.send_high_water;
        self.link
            .wait_for(|| {
                if let Err(error) = self.must_be_open() {
                    return Some(Err(error));
                }
                let order = Order::Send(message.clone());
                self.link
                    .push(order, |waiting| waiting <= high_water)
                    .then_some(Ok(()))
            })
            .await
    }

    /// Queues a ping with at most 125 bytes of payload; its pong reaches `on_pong`, and its round trip
    /// [`round_trips`](Self::round_trips).
    ///
    /// # Errors
    ///
    /// When the connection is not open, or the payload is too long.
    pub fn ping(&self, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(SendError::ControlTooLong);
        }
        self.must_be_open()?;
        let limit = self.config.limits.send_buffer;
        let order = Order::Ping(Bytes::copy_from_slice(payload));
        if self.link.push(order, |waiting| waiting <= limit) {
            Ok(())
        } else {
            Err(self.refusal())
        }
    }

    /// How long the peer took to answer pings: this side's own and those of keepalive.
    pub fn round_trips(&self) -> RoundTrips {
        self.link.round_trips()
    }

    /// What compression has made of the messages so far; `None` where none was agreed on (RFC 7692). Of a
    /// connection that was made again it is the latest one's.
    ///
    /// A message that was just queued counts once the connection's task has taken it.
    pub fn compression(&self) -> Option<Compression> {
        self.link.compression()
    }

    /// Starts the closing handshake behind what is queued; `on_close` tells when it is over.
    ///
    /// A reason over 123 bytes is cut between two characters.
    ///
    /// # Errors
    ///
    /// When the code may not be sent (1006: "Invalid close code used"), or the connection is not
    /// open. It stays as it was then.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), CloseError> {
        if code.is_invalid() {
            return Err(CloseError::InvalidCode(code));
        }
        if code.is_reserved() {
            return Err(CloseError::ReservedCode(code));
        }
        self.begin_close(CloseFrame::new(code, CloseFrame::fit_reason(reason)))
    }

    /// As [`close`](Self::close), with a frame that carries no code: the peer is told 1005.
    ///
    /// # Errors
    ///
    /// When the connection is not open. It stays as it was then.
    pub fn close_without_code(&self) -> Result<(), CloseError> {
        self.begin_close(CloseFrame::new(CloseCode::NO_STATUS, ""))
    }

    fn begin_close(&self, frame: CloseFrame) -> Result<(), CloseError> {
        if !self.link.push_close(frame) {
            return Err(match self.state() {
                State::Connecting => CloseError::NotOpen,
                State::Open | State::Closing => CloseError::Closing,
                State::Closed => CloseError::Closed,
            });
        }
        Ok(())
    }

    /// Drops the transport without a closing handshake, or gives up the attempt to connect.
    pub fn terminate(&self) {
        self.link.terminate();
    }

    /// Waits until the connection has ended, and tells how. Any number of callers may wait.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost; call it again.
    pub async fn closed(&self) -> Closed {
        self.link.wait_for(|| self.link.closed().cloned()).await
    }

    /// How the connection ended, once it has; see [`closed`](Self::closed) to wait for that.
    pub fn close_info(&self) -> Option<Closed> {
        self.link.closed().cloned()
    }

    /// Bytes that are queued and not yet given to the transport, headers included.
    pub fn buffered_bytes(&self) -> usize {
        self.link.buffered()
    }

    /// Stops reading from the peer, whose sends then meet TCP's flow control.
    ///
    /// Meanwhile pings are not answered, and neither keepalive nor `timeouts.idle` counts the silence. That
    /// the peer has gone is found when reading goes on, or when something is sent: its end stands behind
    /// what it sent before, of which nothing may be lost. A
    /// close from this side ends the pause, since its answer has to be read, and what comes in front of it.
    pub fn pause_reading(&self) {
        self.link.set_paused(true);
    }

    /// Goes on reading after [`pause_reading`](Self::pause_reading).
    pub fn resume_reading(&self) {
        self.link.set_paused(false);
    }

    /// One message of any size fits an empty queue.
    fn fits(&self, waiting: usize, len: usize) -> bool {
        waiting == 0 || waiting.saturating_add(len) <= self.config.limits.send_buffer
    }

    /// Why the queue did not take an order.
    fn refusal(&self) -> SendError {
        self.must_be_open().err().unwrap_or(SendError::Full)
    }

    fn must_be_open(&self) -> Result<(), SendError> {
        match self.state() {
            State::Connecting => Err(SendError::NotOpen),
            State::Open => Ok(()),
            State::Closing => Err(SendError::Closing),
            State::Closed => Err(SendError::Closed),
        }
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Handle {}

impl Hash for Handle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("id", &self.id())
            .field("state", &self.state())
            .finish()
    }
}
