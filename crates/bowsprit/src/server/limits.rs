//! How many clients a server has at once: connections in all and per address, and handshakes.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    future::pending,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::{AcceptError, roster::Roster};

/// How many handshakes may be in progress unless told otherwise.
pub(super) const MAX_HANDSHAKES: usize = 1024;

/// The connections of a server, counted where there is a limit to them.
#[derive(Debug)]
pub(crate) struct Slots {
    max: Option<NonZeroUsize>,
    max_per_address: Option<NonZeroUsize>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_network: HashMap<Network, usize>,
}

/// What counts as one address: who has one address of IPv6 mostly has all of its /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

/// One connection's share of the limits, given back when dropped. Boxed: an idle connection grows by
/// one word, and by no memory where no limit is set.
#[derive(Debug)]
pub(crate) struct Slot(Box<Share>);

#[derive(Debug)]
struct Share {
    slots: Arc<Slots>,
    network: Option<Network>,
}

impl Slots {
    pub(super) fn new(max: Option<NonZeroUsize>, max_per_address: Option<NonZeroUsize>) -> Self {
        Self {
            max,
            max_per_address,
            taken: Mutex::default(),
        }
    }

    /// Counts a connection from this peer; `None` where nothing is limited.
    pub(super) fn take(
        self: &Arc<Self>,
        peer: Option<SocketAddr>,
    ) -> Result<Option<Slot>, AcceptError> {
        if self.max.is_none() && self.max_per_address.is_none() {
            return Ok(None);
        }
        let mut taken = self.taken();
        if self.max.is_some_and(|max| taken.all >= max.get()) {
            return Err(AcceptError::TooManyConnections);
        }
        let mut network = None;
        if let (Some(max), Some(peer)) = (self.max_per_address, peer) {
            let of_peer = Network::of(peer.ip());
            let count = taken.by_network.entry(of_peer).or_default();
            if *count >= max.get() {
                return Err(AcceptError::TooManyFromAddress);
            }
            *count += 1;
            network = Some(of_peer);
        }
        taken.all += 1;
        drop(taken);
        let slots = self.clone();
        Ok(Some(Slot(Box::new(Share { slots, network }))))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.0.slots.taken();
        taken.all -= 1;
        if let Some(network) = self.0.network
            && let Some(count) = taken.by_network.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                taken.by_network.remove(&network);
            }
        }
    }
}

impl Network {
    fn of(address: IpAddr) -> Self {
        // A socket for both families shows IPv4 clients as ::ffff:a.b.c.d: all of them in one /64.
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// The handshakes in progress, the oldest first.
///
/// A new one at the limit pushes the oldest out. Turning the new one away, or letting it wait, would
/// hand the server to whoever opens that many connections and says nothing: they would hold all places
/// for the whole of `timeouts.open`. This way they only push out each other, while an honest client is
/// done within a round trip or two. The queue holds one end of a channel for each handshake; to drop
/// that end is the signal, so pushing out costs no search and no task of its own.
#[derive(Debug)]
pub(super) struct Handshakes {
    max: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Infallible>>,
}

/// A handshake's place in the queue, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    handshakes: Arc<Handshakes>,
    number: u64,
    roster: Arc<Roster>,
    /// Ends when the place is lost; `None` from then on.
    kept: Option<oneshot::Receiver<Infallible>>,
}

impl Handshakes {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            queue: Mutex::default(),
        }
    }

    /// Takes a place, the oldest if there is no other.
    pub(super) fn enter(self: &Arc<Self>, roster: &Arc<Roster>) -> Place {
        let (keep, kept) = oneshot::channel();
        let mut queue = self.queue();
        let oldest = (queue.waiting.len() >= self.max).then(|| queue.waiting.pop_first());
        let number = queue.next;
        queue.next += 1;
        queue.waiting.insert(number, keep);
        drop(queue);
        // Wakes its task, which is better done outside the lock.
        drop(oldest);
        Place {
            handshakes: self.clone(),
            number,
            roster: roster.clone(),
            kept: Some(kept),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the handshake has to end, and tells why.
    pub(super) async fn lost(&mut self) -> AcceptError {
        let roster = self.roster.clone();
        tokio::select! {
            biased;
            () = roster.shutdown_begun() => AcceptError::ShuttingDown,
            () = self.pushed_out() => AcceptError::TooManyHandshakes,
        }
    }

    /// Waits until the client has to be let go in the middle of its answer.
    pub(super) async fn cut(&mut self) {
        let roster = self.roster.clone();
        tokio::select! {
            () = roster.cut() => {}
            () = self.pushed_out() => {}
        }
    }

    /// Waits until a later handshake needs the place. Comes once.
    async fn pushed_out(&mut self) {
        if let Some(kept) = &mut self.kept {
            // Nothing is ever sent.
            let _ = kept.await;
            self.kept = None;
        } else {
            pending().await
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.handshakes.queue().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(max: usize, max_per_address: usize) -> Arc<Slots> {
        Arc::new(Slots::new(
            NonZeroUsize::new(max),
            NonZeroUsize::new(max_per_address),
        ))
    }

    fn peer(address: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(address.parse().expect("an address"), 1))
    }

    #[test]
    fn addresses_of_ipv6_are_counted_by_their_64_bit_prefix() {
        let slots = slots(0, 1);
        let same = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2"];
        let other = ["2001:db8:0:2::1", "2001:db8::1"];
        let _first = slots.take(peer(same[0])).expect("room");
        slots.take(peer(same[1])).expect_err("the same network");
        let _others = other.map(|address| slots.take(peer(address)).expect("room"));
    }

    #[test]
    fn an_ipv4_address_is_itself_however_it_is_written() {
        let slots = slots(0, 1);
        let _first = slots.take(peer("192.0.2.1")).expect("room");
        slots
            .take(peer("::ffff:192.0.2.1"))
            .expect_err("the same address");
        let _other = slots.take(peer("::ffff:192.0.2.2")).expect("room");
    }

    #[test]
    fn peers_without_an_address_count_in_all_only() {
        let slots = slots(2, 1);
        let first = slots.take(None).expect("room");
        let _second = slots.take(None).expect("room");
        slots.take(None).expect_err("full");
        drop(first);
        let _third = slots.take(peer("192.0.2.1")).expect("room");
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_have_left() {
        let slots = slots(0, 1);
        for _ in 0..3 {
            drop(slots.take(peer("192.0.2.1")).expect("room"));
        }
        assert!(slots.taken().by_network.is_empty());
        assert_eq!(slots.taken().all, 0);
    }

    #[tokio::test]
    async fn the_oldest_handshake_is_pushed_out_and_no_other() {
        let (handshakes, roster) = (Arc::new(Handshakes::new(2)), Arc::default());
        let mut first = handshakes.enter(&roster);
        let mut second = handshakes.enter(&roster);
        let mut third = handshakes.enter(&roster);
        first.pushed_out().await;
        drop((first, handshakes.enter(&roster)));
        second.pushed_out().await;
        tokio::select! {
            biased;
            () = third.pushed_out() => panic!("there is room"),
            () = std::future::ready(()) => {}
        }
        drop((second, third));
        assert!(handshakes.queue().waiting.is_empty());
    }
}
