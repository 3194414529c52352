//! One message to many connections, none of which can hold up the others.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    task::Waker,
};

use bowsprit_proto::{CloseCode, Prepared, SendError};

use crate::{ConnectionId, Handle};

/// What a broadcast does about a connection for which `limits.send_buffer` bytes wait already.
///
/// ```
/// use bowsprit::{CloseCode, SlowReader};
///
/// let policy = SlowReader::Close(CloseCode::TRY_AGAIN_LATER);
/// assert_ne!(policy, SlowReader::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowReader {
    /// It does not get the message, and [`Delivery::slow`] has its handle.
    #[default]
    Report,
    /// It does not get the message, and is only counted.
    Skip,
    /// It does not get the message, and is closed with this code, or with 1013 where the code may not be
    /// sent, within `timeouts.close`.
    Close(CloseCode),
}

impl SlowReader {
    /// To be called without a lock: it may wake a task.
    fn deal_with(self, handle: &Handle) {
        if let Self::Close(code) = self {
            let code = if code.can_be_sent() {
                code
            } else {
                CloseCode::TRY_AGAIN_LATER
            };
            // Refused where the closing has begun, which is as good.
            let _ = handle.close(code, "");
        }
    }
}

/// What became of a broadcast.
///
/// ```
/// use bowsprit::{Hub, SlowReader};
///
/// let delivery = Hub::new().broadcast("nobody is there", SlowReader::Skip);
/// assert_eq!(delivery.queued, 0);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Delivery {
    /// For how many connections the message was queued.
    pub queued: usize,
    /// How many had no room for it.
    pub full: usize,
    /// How many were not open.
    pub not_open: usize,
    /// Those that had no room, with [`SlowReader::Report`].
    pub slow: Vec<Handle>,
}

/// Queues one message for each of these connections. Never waits.
///
/// It is framed once, and compressed once for each window that connections agreed on. Payloads from
/// 1 KiB on are shared rather than copied. The limits of each connection hold: one that does not read
/// costs at most its `limits.send_buffer`, and the others nothing.
///
/// ```
/// use bowsprit::{Handle, SlowReader, broadcast};
///
/// fn tell_all(guests: &[Handle]) {
///     let delivery = broadcast(guests, "hello", SlowReader::Report);
///     for handle in delivery.slow {
///         println!("{:?} is behind by {} bytes", handle.id(), handle.buffered_bytes());
///     }
/// }
/// ```
pub fn broadcast<'h>(
    handles: impl IntoIterator<Item = &'h Handle>,
    message: impl Into<Prepared>,
    slow: SlowReader,
) -> Delivery {
    queue_for_all(handles, &message.into()).finish(slow)
}

/// What a broadcast came to for one connection.
///
/// ```
/// use bowsprit::{Hub, Outcome, SendError, SlowReader};
///
/// fn tell_all(room: &Hub) {
///     for Outcome { handle, result, .. } in room.broadcast_each(|_| true, "hello", SlowReader::Report) {
///         match result {
///             Ok(()) => {}
///             Err(SendError::Full) => println!("{} does not keep up", handle.id()),
///             Err(error) => println!("{}: {error}", handle.id()),
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The connection.
    pub handle: Handle,
    /// Whether the message was queued for it. [`SendError::Full`] where it had no room, and what is done
    /// about that is for the [`SlowReader`] to say.
    pub result: Result<(), SendError>,
}

/// [`broadcast`] with a result for each connection, in their order.
///
/// ```
/// use bowsprit::{Handle, SlowReader, broadcast_each};
///
/// fn count(guests: &[Handle]) -> usize {
///     let outcomes = broadcast_each(guests, "hello", SlowReader::Skip);
///     outcomes.iter().filter(|outcome| outcome.result.is_ok()).count()
/// }
/// ```
pub fn broadcast_each<'h>(
    handles: impl IntoIterator<Item = &'h Handle>,
    message: impl Into<Prepared>,
    slow: SlowReader,
) -> Vec<Outcome> {
    let message = message.into();
    let mut tasks = Vec::new();
    let queue = |handle: &Handle| Outcome {
        handle: handle.clone(),
        result: handle
            .queue_prepared(&message)
            .map(|task| tasks.extend(task)),
    };
    let outcomes: Vec<Outcome> = handles.into_iter().map(queue).collect();
    tasks.into_iter().for_each(Waker::wake);
    for outcome in &outcomes {
        if outcome.result == Err(SendError::Full) {
            slow.deal_with(&outcome.handle);
        }
    }
    outcomes
}

/// A broadcast whose connections have not been woken yet.
struct Queued {
    delivery: Delivery,
    tasks: Vec<Waker>,
}

fn queue_for_all<'h>(handles: impl IntoIterator<Item = &'h Handle>, message: &Prepared) -> Queued {
    let mut delivery = Delivery::default();
    let mut tasks = Vec::new();
    for handle in handles {
        match handle.queue_prepared(message) {
            Ok(task) => {
                delivery.queued += 1;
                tasks.extend(task);
            }
            Err(SendError::Full) => {
                delivery.full += 1;
                delivery.slow.push(handle.clone());
            }
            Err(_) => delivery.not_open += 1,
        }
    }
    Queued { delivery, tasks }
}

impl Queued {
    /// Wakes whoever has something to write. The caller holds no lock: a task may run at once.
    fn finish(self, slow: SlowReader) -> Delivery {
        let Self {
            mut delivery,
            tasks,
        } = self;
        tasks.into_iter().for_each(Waker::wake);
        if slow != SlowReader::Report {
            for handle in mem::take(&mut delivery.slow) {
                slow.deal_with(&handle);
            }
        }
        delivery
    }
}

/// A set of connections to broadcast to: a room, a topic, or all of a server's. Clones are the same set.
///
/// ```
/// use bowsprit::{Context, Handler, Hub, Membership, MessageRef, Message, SlowReader};
///
/// struct Guest {
///     room: Hub,
///     /// Leaves the room when the connection ends.
///     membership: Option<Membership>,
/// }
///
/// impl Handler for Guest {
///     fn on_open(&mut self, cx: &mut Context<'_>) {
///         self.membership = Some(self.room.join(&cx.handle()));
///     }
///
///     fn on_message(&mut self, _: &mut Context<'_>, message: MessageRef<'_>) {
///         self.room.broadcast(Message::from(message), SlowReader::Skip);
///     }
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Hub {
    members: Arc<Members>,
}

type Members = RwLock<HashMap<ConnectionId, Member>>;

#[derive(Debug)]
struct Member {
    handle: Handle,
    /// How many of its [`Membership`]s are left.
    places: usize,
}

/// A place in a [`Hub`], given up when dropped.
///
/// It does not keep its connection alive, nor end with it.
///
/// ```
/// use bowsprit::{Handle, Hub};
///
/// fn come_and_go(room: &Hub, guest: &Handle) {
///     let membership = room.join(guest);
///     assert_eq!(room.len(), 1);
///     drop(membership);
///     assert!(room.is_empty());
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping it leaves the hub at once"]
pub struct Membership {
    members: Arc<Members>,
    id: ConnectionId,
}

impl Hub {
    /// A set without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a connection. One that joins twice is in once, and leaves with the last of its places.
    pub fn join(&self, handle: &Handle) -> Membership {
        let id = handle.id();
        let mut members = write(&self.members);
        let member = members.entry(id).or_insert_with(|| Member {
            handle: handle.clone(),
            places: 0,
        });
        member.places += 1;
        drop(members);
        Membership {
            members: self.members.clone(),
            id,
        }
    }

    /// Queues one message for every member, as [`broadcast`] does.
    pub fn broadcast(&self, message: impl Into<Prepared>, slow: SlowReader) -> Delivery {
        // The program's own conversion, which may ask the hub for something: before the lock.
        let message = message.into();
        let queued = queue_for_all(handles_of(&read(&self.members)), &message);
        queued.finish(slow)
    }

    /// Queues one message for every member but one: the sender, mostly.
    pub fn broadcast_except(
        &self,
        except: ConnectionId,
        message: impl Into<Prepared>,
        slow: SlowReader,
    ) -> Delivery {
        let message = message.into();
        let is_other = |handle: &&Handle| handle.id() != except;
        let queued = queue_for_all(handles_of(&read(&self.members)).filter(is_other), &message);
        queued.finish(slow)
    }

    /// Queues one message for the members that `filter` likes. It is asked outside the hub's lock, about
    /// those who were members when this was called; what it knows of them it finds by [`Handle::id`].
    ///
    /// ```
    /// use std::collections::HashSet;
    ///
    /// use bowsprit::{ConnectionId, Hub, SlowReader};
    ///
    /// fn tell_the_crew(harbour: &Hub, crew: &HashSet<ConnectionId>) -> usize {
    ///     let is_crew = |handle: &bowsprit::Handle| crew.contains(&handle.id());
    ///     harbour.broadcast_if(is_crew, "all aboard", SlowReader::Skip).queued
    /// }
    /// ```
    pub fn broadcast_if(
        &self,
        mut filter: impl FnMut(&Handle) -> bool,
        message: impl Into<Prepared>,
        slow: SlowReader,
    ) -> Delivery {
        let members = self.handles();
        broadcast(
            members.iter().filter(|handle| filter(handle)),
            message,
            slow,
        )
    }

    /// As [`broadcast_if`](Self::broadcast_if), with a result for each of those members.
    pub fn broadcast_each(
        &self,
        mut filter: impl FnMut(&Handle) -> bool,
        message: impl Into<Prepared>,
        slow: SlowReader,
    ) -> Vec<Outcome> {
        let members = self.handles();
        broadcast_each(
            members.iter().filter(|handle| filter(handle)),
            message,
            slow,
        )
    }

    /// The members, in no order.
    pub fn handles(&self) -> Vec<Handle> {
        handles_of(&read(&self.members)).cloned().collect()
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        read(&self.members).len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut members = write(&self.members);
        let Some(member) = members.get_mut(&self.id) else {
            return;
        };
        member.places -= 1;
        if member.places == 0 {
            members.remove(&self.id);
        }
    }
}

fn handles_of(members: &HashMap<ConnectionId, Member>) -> impl Iterator<Item = &Handle> {
    members.values().map(|member| &member.handle)
}

fn read(members: &Members) -> RwLockReadGuard<'_, HashMap<ConnectionId, Member>> {
    members.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(members: &Members) -> RwLockWriteGuard<'_, HashMap<ConnectionId, Member>> {
    members.write().unwrap_or_else(PoisonError::into_inner)
}
