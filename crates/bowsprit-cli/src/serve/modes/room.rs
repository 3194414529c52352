//! Broadcast: each message goes to all others, and none of them can hold up the rest.

use std::sync::Arc;

use bowsprit::{
    CloseCode, Context, Handler, Hub, Membership, Message, MessageRef, Prepared, SlowReader,
};

use crate::serve::house::Caller;

/// Everybody who is to get what one of them says.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Room {
    hub: Hub,
    slow: SlowReader,
    includes_self: bool,
}

impl Room {
    /// An empty room. Those who do not keep up are closed with 1013, or miss messages.
    pub(in crate::serve) fn new(closes_slow: bool, includes_self: bool) -> Self {
        Self {
            hub: Hub::new(),
            slow: if closes_slow {
                SlowReader::Close(CloseCode::TRY_AGAIN_LATER)
            } else {
                SlowReader::Skip
            },
            includes_self,
        }
    }

    pub(super) fn join(&self, cx: &mut Context<'_>) -> Membership {
        self.hub.join(&cx.handle())
    }

    /// Queues a message for all, but for the one who says it unless that one is included.
    pub(super) fn say(&self, cx: &Context<'_>, caller: &Caller, message: Message) {
        let bytes = message.as_bytes().len();
        let message = Prepared::new(message);
        let speaker = cx.id();
        let is_meant = |id| self.includes_self || id != speaker;
        if !caller.house.is_watched() {
            let delivery = if self.includes_self {
                self.hub.broadcast(message, self.slow)
            } else {
                self.hub.broadcast_except(speaker, message, self.slow)
            };
            return tell_missed(caller, delivery.full);
        }
        let outcomes = self
            .hub
            .broadcast_each(|handle| is_meant(handle.id()), message, self.slow);
        let callers = caller.house.callers();
        let got = outcomes.iter().filter(|outcome| outcome.result.is_ok());
        for caller in got.filter_map(|outcome| callers.get(&outcome.handle.id())) {
            caller.said_to_all(bytes);
        }
        let full = |outcome: &&bowsprit::Outcome| outcome.result == Err(bowsprit::SendError::Full);
        tell_missed(caller, outcomes.iter().filter(full).count());
    }
}

fn tell_missed(caller: &Caller, count: usize) {
    if count > 0 {
        caller.tell(|| format!("was not heard by {count} who do not keep up"));
    }
}

/// One of the room.
#[derive(Debug)]
pub(super) struct Member {
    caller: Arc<Caller>,
    room: Room,
    membership: Option<Membership>,
}

impl Member {
    pub(super) const fn new(caller: Arc<Caller>, room: Room) -> Self {
        Self {
            caller,
            room,
            membership: None,
        }
    }
}

impl Handler for Member {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        self.membership = Some(self.room.join(cx));
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        self.room.say(cx, &self.caller, message.into_message());
    }

    fn on_close(&mut self, _: &mut Context<'_>, _: &bowsprit::Closed) {
        self.membership = None;
    }
}
