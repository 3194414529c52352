//! What a server does with the messages of a connection: one room for each way.

use std::sync::Arc;

use bowsprit::Handler;

use super::house::Caller;
use super::visit::Visit;

mod chat;
mod echo;
pub(super) mod exec;
mod print;
pub(super) mod proxy;
mod replies;
mod room;

use chat::Talker;
use echo::Echo;
use exec::{Exec, Processed};
use print::Printed;
use proxy::Proxied;
pub(super) use replies::Replies;
use replies::Scripted;
use room::Member;
pub(super) use room::Room;

/// What is served.
#[derive(Debug)]
pub(super) enum Mode {
    /// Each message goes back.
    Echo,
    /// Each message goes to all others.
    Broadcast(Room),
    /// Lines of people with names.
    Chat(chat::Chat),
    /// Nothing goes back.
    Discard,
    /// The same, and what comes is shown.
    Print,
    /// Answers from a file.
    Script(Arc<Replies>),
    /// A process for each connection.
    Exec(Arc<Exec>),
    /// Another server for each connection.
    Proxy,
}

impl Mode {
    /// A chat in this room.
    pub(super) fn chat(room: Room) -> Self {
        Self::Chat(chat::Chat::new(room))
    }

    /// What it is called.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Broadcast(_) => "broadcast",
            Self::Chat(_) => "chat",
            Self::Discard => "discard",
            Self::Print => "print",
            Self::Script(_) => "a script",
            Self::Exec(_) => "a process",
            Self::Proxy => "a proxy",
        }
    }

    /// What the prompt, which tells nothing of its server's connections, has to say instead.
    pub(super) const fn unseen(&self) -> Option<&'static str> {
        match self {
            Self::Exec(_) => {
                Some("What the processes say on standard error is shown by bowsprit serve alone")
            }
            Self::Print => Some("What comes is shown by bowsprit serve alone"),
            Self::Proxy => Some("What passes is shown by bowsprit serve alone"),
            _ => None,
        }
    }

    /// Waits until nothing is left of connections that have ended.
    pub(super) async fn ended(&self) {
        if let Self::Exec(exec) = self {
            exec.ended().await;
        }
    }

    /// The handler of a connection.
    pub(super) fn handler(&self, caller: &Arc<Caller>, visit: &Visit) -> Box<dyn Handler> {
        let caller = Arc::clone(caller);
        match self {
            Self::Echo => Box::new(Echo::new(caller)),
            Self::Broadcast(room) => Box::new(Member::new(caller, room.clone())),
            Self::Chat(chat) => Box::new(Talker::new(caller, chat.clone())),
            Self::Discard => Box::new(Discard),
            Self::Print => Box::new(Printed::new(caller)),
            Self::Script(replies) => Box::new(Scripted::new(caller, Arc::clone(replies))),
            Self::Exec(exec) => Box::new(Processed::new(caller, Arc::clone(exec))),
            Self::Proxy => Box::new(Proxied::new(caller, visit.take_upstream())),
        }
    }
}

/// Takes messages, and says nothing.
#[derive(Debug)]
struct Discard;

impl Handler for Discard {}
