//! What an application does with a library that has a `Stream` of messages and a `Sink` for them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt, poll};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{Failure, options::Options};

/// An open connection of messages `M`.
pub trait Connection<M>: Stream + Sink<M, Error: Into<Failure>> + Unpin {}
impl<M, C: Stream + Sink<M, Error: Into<Failure>> + Unpin> Connection<M> for C {}

/// What was received, if it is a message to be sent back; an error ends the connection.
pub type Data<I, M> = fn(I) -> Result<Option<M>, Failure>;

/// An application of a library whose messages can be cloned: an echo, or a room for all.
#[derive(Clone)]
pub struct App<M> {
    room: Option<Room<M>>,
    batch: bool,
}

impl<M: Clone> App<M> {
    pub fn of(options: &Options) -> Self {
        Self {
            room: options.broadcast.then(Room::default),
            batch: options.batch,
        }
    }

    /// Serves one connection to its end.
    pub async fn talk<C: Connection<M>>(
        self,
        connection: C,
        data: Data<C::Item, M>,
    ) -> Result<(), Failure> {
        match self.room {
            Some(room) => room.join(connection, self.batch, data).await,
            None => echo(connection, self.batch, data).await,
        }
    }
}

/// Sends every message back: one after the other, or with `batch` all that are ready at once.
pub async fn echo<M, C: Connection<M>>(
    connection: C,
    batch: bool,
    data: Data<C::Item, M>,
) -> Result<(), Failure> {
    if batch {
        echo_in_batches(connection, data).await
    } else {
        echo_each(connection, data).await
    }
}

async fn echo_each<M, C: Connection<M>>(
    mut connection: C,
    data: Data<C::Item, M>,
) -> Result<(), Failure> {
    while let Some(item) = connection.next().await {
        if let Some(message) = data(item)? {
            connection.send(message).await.map_err(Into::into)?;
        }
    }
    Ok(())
}

/// Queues the answers to all messages that are ready, and flushes before it waits for more.
async fn echo_in_batches<M, C: Connection<M>>(
    mut connection: C,
    data: Data<C::Item, M>,
) -> Result<(), Failure> {
    let mut next = Poll::Pending;
    loop {
        let item = match next {
            Poll::Ready(item) => item,
            Poll::Pending => {
                connection.flush().await.map_err(Into::into)?;
                connection.next().await
            }
        };
        let Some(item) = item else {
            return Ok(());
        };
        if let Some(message) = data(item)? {
            connection.feed(message).await.map_err(Into::into)?;
        }
        next = poll!(connection.next());
    }
}

/// All connections of a server that broadcasts: a channel to each of their tasks.
#[derive(Clone)]
struct Room<M> {
    seats: Arc<Mutex<HashMap<u64, UnboundedSender<M>>>>,
}

impl<M> Default for Room<M> {
    fn default() -> Self {
        Self {
            seats: Arc::default(),
        }
    }
}

impl<M: Clone> Room<M> {
    /// Sends what the connection receives to all, and what all receive to the connection: one message
    /// after the other, or with `batch` all that wait in the channel.
    async fn join<C: Connection<M>>(
        self,
        mut connection: C,
        batch: bool,
        data: Data<C::Item, M>,
    ) -> Result<(), Failure> {
        let (_seat, mut inbox) = self.take_seat();
        loop {
            tokio::select! {
                item = connection.next() => match item.map(data).transpose()? {
                    Some(Some(message)) => self.broadcast(&message),
                    Some(None) => {}
                    None => return Ok(()),
                },
                Some(message) = inbox.recv() => {
                    connection.feed(message).await.map_err(Into::into)?;
                    while batch && let Ok(message) = inbox.try_recv() {
                        connection.feed(message).await.map_err(Into::into)?;
                    }
                    connection.flush().await.map_err(Into::into)?;
                }
            }
        }
    }

    fn broadcast(&self, message: &M) {
        for member in self.lock().values() {
            // One that is just leaving does not get it.
            let _ = member.send(message.clone());
        }
    }
}

impl<M> Room<M> {
    fn take_seat(&self) -> (Seat<M>, UnboundedReceiver<M>) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = unbounded_channel();
        self.lock().insert(number, sender);
        let room = self.seats.clone();
        (
            Seat {
                room: Self { seats: room },
                number,
            },
            receiver,
        )
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, UnboundedSender<M>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a room, given up when dropped.
struct Seat<M> {
    room: Room<M>,
    number: u64,
}

impl<M> Drop for Seat<M> {
    fn drop(&mut self) {
        self.room.lock().remove(&self.number);
    }
}
