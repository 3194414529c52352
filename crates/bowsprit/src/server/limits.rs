//! How many clients a server has at once: connections in all and per address, and handshakes.

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    future::pending,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, task::yield_now};

use crate::{AcceptError, roster::Roster};

/// How many handshakes may be in progress unless told otherwise.
pub(super) const MAX_HANDSHAKES: usize = 1024;

/// How many bytes of heads that are not whole the server holds for each handshake that may be in progress,
/// taken together. Few requests are longer, and most come in one piece.
const PART_OF_HEAD: usize = 2 << 10;

/// How often a handshake lets others run first that have to give memory back.
const TURNS: usize = 8;

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
///
/// In the same way the oldest make room where heads that are not whole hold too much memory together: at
/// their limit of size that many would be 60 MiB.
#[derive(Debug)]
pub(super) struct Handshakes {
    max: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Infallible>>,
    /// How many bytes have come of heads that are not whole, in order of their handshakes.
    heads: BTreeMap<u64, usize>,
    /// The sum of them.
    in_heads: usize,
    /// The same with those that have been pushed out and still hold theirs.
    held: usize,
}

impl Queue {
    /// Takes this handshake out, if it is still there.
    fn push_out(&mut self, number: u64) -> Option<oneshot::Sender<Infallible>> {
        self.in_heads -= self.heads.remove(&number).unwrap_or_default();
        self.waiting.remove(&number)
    }
}

/// The part of a head that has come, counted until this is dropped.
#[derive(Debug)]
pub(super) struct PartOfHead {
    handshakes: Arc<Handshakes>,
    number: u64,
    len: usize,
}

impl PartOfHead {
    /// Waits, a few turns at most, until those that were pushed out have given their memory back.
    pub(super) async fn has_room(&self) {
        for _ in 0..TURNS {
            if self.handshakes.queue().held <= self.handshakes.max_in_heads() {
                return;
            }
            yield_now().await;
        }
    }

    /// So many more bytes are here. The oldest make room where that is too much for all together.
    pub(super) fn grows_by(&mut self, more: usize) {
        let mut pushed_out = Vec::new();
        let mut queue = self.handshakes.queue();
        self.len += more;
        queue.held += more;
        if queue.waiting.contains_key(&self.number) {
            queue.in_heads += more;
            queue.heads.insert(self.number, self.len);
        }
        while queue.in_heads > self.handshakes.max_in_heads()
            && let Some(&oldest) = queue.heads.keys().find(|other| **other != self.number)
        {
            pushed_out.push(queue.push_out(oldest));
        }
        drop(queue);
        // Wakes their tasks, which is better done outside the lock.
        drop(pushed_out);
    }
}

impl Drop for PartOfHead {
    fn drop(&mut self) {
        let mut queue = self.handshakes.queue();
        queue.held -= self.len;
        queue.in_heads -= queue.heads.remove(&self.number).unwrap_or_default();
    }
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
        let is_full = queue.waiting.len() >= self.max;
        let oldest = queue.waiting.keys().next().copied();
        let oldest = oldest
            .filter(|_| is_full)
            .map(|oldest| queue.push_out(oldest));
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

    const fn max_in_heads(&self) -> usize {
        self.max.saturating_mul(PART_OF_HEAD)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// For the head that this handshake waits for.
    pub(super) fn part_of_head(&self) -> PartOfHead {
        PartOfHead {
            handshakes: self.handshakes.clone(),
            number: self.number,
            len: 0,
        }
    }

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
        self.handshakes.queue().push_out(self.number);
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

    #[tokio::test]
    async fn the_oldest_part_of_a_head_makes_room_for_newer_ones() {
        let (handshakes, roster) = (Arc::new(Handshakes::new(3)), Arc::default());
        let silent = handshakes.enter(&roster);
        let mut first = handshakes.enter(&roster);
        let second = handshakes.enter(&roster);
        let mut of_first = first.part_of_head();
        let mut of_second = second.part_of_head();
        of_first.grows_by(2 * PART_OF_HEAD);
        of_second.grows_by(PART_OF_HEAD);
        assert_eq!(handshakes.queue().waiting.len(), 3, "that much has room");
        of_second.grows_by(1);
        first.pushed_out().await;
        let waiting: Vec<_> = handshakes.queue().waiting.keys().copied().collect();
        assert_eq!(
            waiting,
            [silent.number, second.number],
            "who holds nothing stays"
        );
        // A head alone may be as large as its own limits let it.
        of_second.grows_by(9 * PART_OF_HEAD);
        assert_eq!(handshakes.queue().waiting.len(), 2);
        drop((of_first, of_second));
        let queue = handshakes.queue();
        assert!(queue.heads.is_empty() && queue.in_heads == 0 && queue.held == 0);
    }
}
