//! Open connections that wait for somebody to take them with [`Server::accept`](crate::Server::accept).

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    sync::mpsc::{self, error::TryRecvError},
    task::JoinHandle,
};

use super::{
    Listener,
    shared::{Face, Shared},
};
use crate::{CloseCode, WebSocket, sync::Notify, wait::wait_for};

/// How many open connections may wait. The handshakes of the next ones wait for room in front of the
/// answer, so that a client learns within `timeouts.open` that nobody takes it.
const WAITING: usize = 64;

type Taken = io::Result<WebSocket>;

/// What was accepted. Nobody holds a lock while they wait for it: a caller of `accept` that is not polled
/// for long keeps no other from it.
#[derive(Debug)]
pub(super) struct OpenedQueue {
    receiver: Mutex<mpsc::Receiver<Taken>>,
    /// Rung whenever something was sent, and whenever a sender is gone.
    changed: Notify,
}

impl OpenedQueue {
    /// The next connection; `None` once there will be no more.
    pub(super) async fn next(&self) -> Option<Taken> {
        wait_for(&self.changed, || {
            let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
            match receiver.try_recv() {
                Ok(taken) => Some(Some(taken)),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(None),
            }
        })
        .await
    }
}

/// Makes those who wait look again when it is dropped.
struct Rings(Arc<OpenedQueue>);

impl Drop for Rings {
    fn drop(&mut self) {
        self.0.changed.notify_waiters();
    }
}

/// The background task that accepts, and what it has accepted. Dropping it ends the task.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) opened: Arc<OpenedQueue>,
    task: JoinHandle<()>,
}

impl Queue {
    pub(super) fn start(listener: Arc<Listener>, shared: Arc<Shared>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let opened = Arc::new(OpenedQueue {
            receiver: Mutex::new(receiver),
            changed: Notify::new(),
        });
        let task = tokio::spawn(fill(listener, shared, sender, opened.clone()));
        Self { opened, task }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn fill(
    listener: Arc<Listener>,
    shared: Arc<Shared>,
    sender: mpsc::Sender<Taken>,
    opened: Arc<OpenedQueue>,
) {
    let greet = |stream, peer| {
        let sender = sender.clone();
        let rings = Rings(opened.clone());
        let room = async { sender.reserve_owned().await.ok() };
        let run = |id, opened, member, room: mpsc::OwnedPermit<Taken>| {
            // Dropped last, also where the handshake fails: what was sent is there then.
            let _rings = rings;
            room.send(Ok(WebSocket::new(opened, id, None, Some(member))));
        };
        shared.greet(stream, peer, Face::Messages, room, run);
    };
    let ended = listener.accept_all(&shared.roster, greet).await;
    drop(listener);
    shared.roster.notify();
    if let Err(error) = ended {
        // Nobody is left to hear of it where this fails.
        let _ = sender.send(Err(error)).await;
        opened.changed.notify_waiters();
        return;
    }
    drop(sender);
    // Nobody takes those any more: whoever would is told that the server is at its end.
    let code = shared
        .roster
        .shutdown_code()
        .unwrap_or(CloseCode::GOING_AWAY);
    while let Some(left) = opened.next().await {
        if let Ok(mut ws) = left {
            tokio::spawn(async move { ws.close(code, "").await });
        }
    }
}
