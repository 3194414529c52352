//! Events on their way to the thread that prints: a reader who is slow, or none at all, fills no memory.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::events::{Event, What};

/// How much may wait: 32 MiB, in units of what an event takes besides its payload.
const ROOM: usize = (32 << 20) / UNIT;
const UNIT: usize = 512;

/// The end of those who tell.
#[derive(Debug)]
pub(super) struct Waiting {
    events: Sender<Waiter>,
    room: Arc<Semaphore>,
    printed: Arc<Notify>,
}

/// The end of the thread.
#[derive(Debug)]
pub(super) struct Printable {
    events: Receiver<Waiter>,
    printed: Arc<Notify>,
}

/// An event, and what it takes of the room until it is dropped.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) event: Event,
    _share: OwnedSemaphorePermit,
}

/// Both ends.
pub(super) fn waiting() -> (Waiting, Printable) {
    let (sender, receiver) = mpsc::channel();
    let printed = Arc::<Notify>::default();
    let waiting = Waiting {
        events: sender,
        room: Arc::new(Semaphore::new(ROOM)),
        printed: Arc::clone(&printed),
    };
    let printable = Printable {
        events: receiver,
        printed,
    };
    (waiting, printable)
}

impl Waiting {
    /// Whether there was room for it.
    pub(super) fn push(&self, event: Event) -> bool {
        let share = Arc::clone(&self.room).try_acquire_many_owned(weight(&event.what));
        share.is_ok_and(|share| {
            let waiter = Waiter {
                event,
                _share: share,
            };
            self.events.send(waiter).is_ok()
        })
    }

    /// Whether so much waits that whoever can wait should.
    pub(super) fn is_crowded(&self) -> bool {
        self.room.available_permits() < ROOM / 2
    }

    /// Waits until it is not crowded any more.
    pub(super) async fn room(&self) {
        loop {
            let printed = self.printed.notified();
            tokio::pin!(printed);
            // What is printed behind this line is noticed.
            printed.as_mut().enable();
            if !self.is_crowded() {
                return;
            }
            printed.await;
        }
    }
}

impl Printable {
    /// The next event; a time-out at `deadline`, if there is one.
    pub(super) fn next(&self, deadline: Option<Instant>) -> Result<Waiter, RecvTimeoutError> {
        match deadline {
            None => self.events.recv().map_err(RecvTimeoutError::from),
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                self.events.recv_timeout(left)
            }
        }
    }

    /// What waits besides.
    pub(super) fn rest(&self) -> impl Iterator<Item = Waiter> {
        self.events.try_iter()
    }

    /// Tells those who wait that some events were printed.
    pub(super) fn tell_printed(&self) {
        self.printed.notify_waiters();
    }
}

impl Drop for Printable {
    fn drop(&mut self) {
        // Nobody is to wait for one who prints no more.
        self.events.try_iter().for_each(drop);
        self.tell_printed();
    }
}

/// How many units an event takes; the largest message takes all of them.
fn weight(what: &What) -> u32 {
    let payload = match what {
        What::Message { size, .. } => *size,
        _ => 0,
    };
    u32::try_from((1 + payload / UNIT).min(ROOM)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    fn event() -> Event {
        Event::now(None, None, What::answer("x", false))
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let (waiting, printable) = waiting();
        assert!((0..ROOM).all(|_| waiting.push(event())));
        assert!(!waiting.push(event()));
        drop(printable.next(None).expect("an event"));
        assert!(waiting.push(event()));
    }

    #[test]
    fn a_large_message_takes_more_of_the_room() {
        let (waiting, _printable) = waiting();
        let message = || {
            let message = bowsprit::Message::from(vec![0; 1 << 20]);
            Event::now(
                None,
                None,
                What::message(crate::events::Direction::Received, message),
            )
        };
        assert_eq!((0..100).filter(|_| waiting.push(message())).count(), 31);
    }

    #[tokio::test]
    async fn who_waits_for_room_goes_on_when_half_was_printed() {
        let (waiting, printable) = waiting();
        assert!((0..=ROOM / 2).all(|_| waiting.push(event())));
        let mut room = pin!(waiting.room());
        assert_eq!(poll(&mut room), Poll::Pending);
        printable.rest().take(1).for_each(drop);
        printable.tell_printed();
        assert_eq!(poll(&mut room), Poll::Ready(()));
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_prints_no_more() {
        let (waiting, printable) = waiting();
        assert!((0..ROOM).all(|_| waiting.push(event())));
        drop(printable);
        waiting.room().await;
        assert!(!waiting.push(event()));
    }

    fn poll(future: &mut (impl Future<Output = ()> + Unpin)) -> Poll<()> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::Pin::new(future).poll(&mut cx)
    }
}
