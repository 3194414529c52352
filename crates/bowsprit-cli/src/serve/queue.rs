//! Messages on their way from a connection's handler to a task of its own; a flood stays in the socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bowsprit::{Context, Handle, Message};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Above this weight reading pauses, below the other it goes on.
const HIGH: usize = 256 << 10;
const LOW: usize = 64 << 10;

/// What a message weighs besides its payload, so that empty messages count as well.
const OVERHEAD: usize = 128;

/// The end that the handler has.
#[derive(Debug)]
pub(super) struct Inbox {
    messages: UnboundedSender<Message>,
    level: Arc<Level>,
}

/// The end that the task has.
#[derive(Debug)]
pub(super) struct Outlet {
    messages: UnboundedReceiver<Message>,
    level: Arc<Level>,
    handle: Handle,
}

#[derive(Debug, Default)]
struct Level {
    weight: AtomicUsize,
    is_paused: AtomicBool,
}

/// A queue for the messages of this connection.
pub(super) fn queue(handle: Handle) -> (Inbox, Outlet) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let level = Arc::<Level>::default();
    let inbox = Inbox {
        messages: sender,
        level: Arc::clone(&level),
    };
    let outlet = Outlet {
        messages: receiver,
        level,
        handle,
    };
    (inbox, outlet)
}

impl Inbox {
    /// Queues a message, and pauses the reading where many wait.
    pub(super) fn push(&self, cx: &mut Context<'_>, message: Message) {
        let weight = weight(&message);
        // The mark comes before the message: whoever takes the message sees the mark.
        if self.level.weight.fetch_add(weight, Ordering::SeqCst) + weight > HIGH {
            cx.pause_reading();
            self.level.is_paused.store(true, Ordering::SeqCst);
        }
        // A task that has ended needs no more messages: it has closed the connection.
        let _ = self.messages.send(message);
    }

    /// Whether everything was taken, and dealt with.
    pub(super) fn is_empty(&self) -> bool {
        self.level.weight.load(Ordering::SeqCst) == 0
    }
}

impl Outlet {
    /// The next message; `None` when the connection has ended and all were taken.
    pub(super) async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    /// A message that was taken needs no room any more.
    pub(super) fn done(&self, message_weight: usize) {
        let before = self
            .level
            .weight
            .fetch_sub(message_weight, Ordering::SeqCst);
        if before - message_weight < LOW && self.level.is_paused.swap(false, Ordering::SeqCst) {
            self.handle.resume_reading();
        }
    }

    /// The connection.
    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// How much of the queue a message takes.
pub(super) fn weight(message: &Message) -> usize {
    message.as_bytes().len() + OVERHEAD
}
