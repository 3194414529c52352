//! A connection in two halves, for two tasks.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use bowsprit_proto::{CloseCode, Closed, Compression, Message, RoundTrips};
use futures_core::Stream as MessageStream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Error, Handle, Stream, WebSocket};

/// The sending half of a [`WebSocket`].
///
/// Pings are answered and closes completed by whichever half is polled; keep the [`Receiver`]
/// receiving to see them.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let (mut sender, mut receiver) = bowsprit::connect("ws://localhost:9002").await?.split();
/// tokio::spawn(async move {
///     while let Ok(Some(message)) = receiver.recv().await {
///         println!("<< {message:?}");
///     }
/// });
/// sender.send("hello").await?;
/// # Ok(())
/// # }
/// ```
pub struct Sender<S = Stream> {
    shared: Arc<Shared<S>>,
}

/// The receiving half of a [`WebSocket`].
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, mut receiver) = bowsprit::connect("ws://localhost:9002").await?.split();
/// while let Some(message) = receiver.recv().await? {
///     println!("<< {message:?}");
/// }
/// # drop(sender);
/// # Ok(())
/// # }
/// ```
pub struct Receiver<S = Stream> {
    shared: Arc<Shared<S>>,
}

/// The lock is held for one non-blocking poll and never while a task waits.
struct Shared<S> {
    socket: Mutex<WebSocket<S>>,
    /// The transport knows one task for each direction, and either half may read and write: so it
    /// gets a waker that wakes both.
    wakers: Arc<Wakers>,
    both: Waker,
}

#[derive(Debug, Default)]
struct Wakers {
    tasks: Mutex<[Option<Waker>; 2]>,
}

#[derive(Clone, Copy, Debug)]
enum Half {
    Sender = 0,
    Receiver = 1,
}

pub(crate) fn split<S>(socket: WebSocket<S>) -> (Sender<S>, Receiver<S>) {
    let wakers = Arc::new(Wakers::default());
    let both = Waker::from(wakers.clone());
    let shared = Arc::new(Shared {
        socket: Mutex::new(socket),
        wakers,
        both,
    });
    (
        Sender {
            shared: shared.clone(),
        },
        Receiver { shared },
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    fn poll<T>(
        &self,
        half: Half,
        cx: &Context<'_>,
        f: impl FnOnce(&mut WebSocket<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.wakers.set(half, cx.waker());
        let mut socket = self.lock();
        let before = (socket.phase(), socket.ahead());
        let result = f(&mut socket, &mut Context::from_waker(&self.both));
        if (socket.phase(), socket.ahead()) != before {
            // The other half waits for what this state does not have, or by another deadline, or for
            // a message that this one has read, or for the room that this one has made.
            self.both.wake_by_ref();
        }
        result
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, WebSocket<S>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wakers {
    fn set(&self, half: Half, waker: &Waker) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut tasks[half as usize];
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        // Cloned out, so that no task runs under the lock.
        let tasks = self
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        tasks.into_iter().flatten().for_each(Waker::wake);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// As [`WebSocket::send`].
    ///
    /// # Errors
    ///
    /// When the connection is closing or has ended.
    ///
    /// # Cancel safety
    ///
    /// The whole message is queued or nothing of it.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// As [`WebSocket::feed`].
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
        poll_fn(|cx| self.poll(cx, WebSocket::poll_room)).await?;
        self.shared.lock().queue(message)
    }

    /// As [`WebSocket::flush`].
    ///
    /// # Errors
    ///
    /// When the connection has ended before all was written.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost; call it again.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll(cx, WebSocket::poll_flush_all)).await
    }

    /// Sends the close frame behind what is queued. The [`Receiver`] sees the answer and the end.
    ///
    /// # Errors
    ///
    /// When the code may not be sent, or the connection is closing or has ended.
    ///
    /// # Cancel safety
    ///
    /// The close frame is queued in one step and goes out with any later call of either half.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        poll_fn(|cx| {
            self.poll(cx, |socket, _| {
                Poll::Ready(socket.begin_close(code, reason))
            })
        })
        .await?;
        self.flush().await
    }

    /// As [`WebSocket::ping`].
    ///
    /// # Errors
    ///
    /// When the payload is too long, or the connection is closing or has ended.
    ///
    /// # Cancel safety
    ///
    /// The whole ping is queued or nothing of it.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.shared.lock().queue_ping(payload)?;
        self.flush().await
    }

    /// As [`WebSocket::round_trips`].
    pub fn round_trips(&self) -> RoundTrips {
        self.shared.lock().round_trips()
    }

    /// As [`WebSocket::compression`].
    pub fn compression(&self) -> Option<Compression> {
        self.shared.lock().compression()
    }

    /// A handle to the connection.
    pub fn handle(&self) -> Handle {
        self.shared.lock().handle()
    }

    /// Joins the halves again.
    ///
    /// # Errors
    ///
    /// Gives both back if they are of different connections.
    pub fn reunite(self, receiver: Receiver<S>) -> Result<WebSocket<S>, (Self, Receiver<S>)> {
        if !Arc::ptr_eq(&self.shared, &receiver.shared) {
            return Err((self, receiver));
        }
        drop(receiver);
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => Ok(shared
                .socket
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)),
            // Two halves hold two references, and one is gone.
            Err(shared) => Err((
                Self {
                    shared: shared.clone(),
                },
                Receiver { shared },
            )),
        }
    }

    fn poll<T>(
        &self,
        cx: &Context<'_>,
        f: impl FnOnce(&mut WebSocket<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.shared.poll(Half::Sender, cx, f)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Receiver<S> {
    /// As [`WebSocket::recv`].
    ///
    /// # Errors
    ///
    /// Once, when the connection did not end as it should.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: a message is either returned or still there.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await.transpose()
    }

    /// As [`WebSocket::round_trips`].
    pub fn round_trips(&self) -> RoundTrips {
        self.shared.lock().round_trips()
    }

    /// As [`WebSocket::compression`].
    pub fn compression(&self) -> Option<Compression> {
        self.shared.lock().compression()
    }

    /// How the connection ended, once it has.
    pub fn close_info(&self) -> Option<Closed> {
        self.shared.lock().close_info().cloned()
    }

    fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        self.shared.poll(Half::Receiver, cx, WebSocket::poll_recv)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> MessageStream for Receiver<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Sender<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, WebSocket::poll_room)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.shared.lock().queue(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll(cx, WebSocket::poll_flush_all)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Waiting for the peer is the receiver's part, and so are the messages that still come.
        self.poll(cx, WebSocket::poll_send_close)
    }
}

impl<S> fmt::Debug for Sender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Receiver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
