//! Broadcasts to all connections that are there at once.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bowsprit::{CloseCode, Handle, Hub, Membership, SlowReader, broadcast_each};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::time::sleep;

use crate::{
    ledger::{Ledger, Side, Voice},
    payload::message,
};

/// The server's ends of some connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd {
    room: Hub,
    /// In the order in which they came, for a run that can be repeated: a hub has none.
    guests: Arc<Mutex<Vec<(Handle, Ledger)>>>,
}

impl Crowd {
    /// Whoever holds the place is in the room.
    pub(crate) fn join(&self, handle: &Handle, ledger: &Ledger) -> Membership {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        guests.push((handle.clone(), ledger.clone()));
        drop(guests);
        self.room.join(handle)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.room.is_empty()
    }

    /// Says so many messages to all, some to each connection if it is too slow.
    pub(crate) async fn speak(&self, count: u64, seed: u64) {
        let mut random = SmallRng::seed_from_u64(seed);
        let slow = [
            SlowReader::Report,
            SlowReader::Skip,
            SlowReader::Close(CloseCode::TRY_AGAIN_LATER),
        ][random.random_range(0..3)];
        for number in 0..count {
            let guests = self
                .guests
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let handles = guests.iter().map(|(handle, _)| handle);
            let outcomes =
                broadcast_each(handles, message(Side::Server, Voice::Crowd, number), slow);
            for (outcome, (_, ledger)) in outcomes.iter().zip(&guests) {
                if outcome.result.is_ok() {
                    ledger.said_to_all(number);
                }
            }
            sleep(Duration::from_millis(random.random_range(0..50))).await;
        }
    }
}
