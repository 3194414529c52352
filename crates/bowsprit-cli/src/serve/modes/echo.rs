//! Echo: each message goes back, in order, however slowly the client reads.

use std::sync::Arc;

use bowsprit::{Context, Handler, Message, MessageRef, SendError};

use crate::serve::house::Caller;
use crate::serve::queue::{Inbox, Outlet, queue, weight};

/// Sends each message back.
#[derive(Debug)]
pub(super) struct Echo {
    caller: Arc<Caller>,
    /// Messages that wait for room; made when the first one has to.
    backlog: Option<Inbox>,
}

impl Echo {
    pub(super) const fn new(caller: Arc<Caller>) -> Self {
        Self {
            caller,
            backlog: None,
        }
    }
}

impl Handler for Echo {
    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        let is_behind = self
            .backlog
            .as_ref()
            .is_some_and(|backlog| !backlog.is_empty());
        // Any other error means that the connection is ending: there is nobody to echo to.
        if is_behind || cx.send(message.clone()) == Err(SendError::Full) {
            let backlog = self.backlog.get_or_insert_with(|| {
                let (inbox, outlet) = queue(cx.handle());
                tokio::spawn(catch_up(outlet, Arc::clone(&self.caller)));
                inbox
            });
            backlog.push(cx, message.into_message());
        } else {
            self.caller.said(message);
        }
    }
}

async fn catch_up(mut outlet: Outlet, caller: Arc<Caller>) {
    while let Some(message) = outlet.next().await {
        let weight = weight(&message);
        // On a connection that has ended the echo has no addressee.
        if send(&outlet, &message).await {
            caller.said(&message);
        }
        outlet.done(weight);
    }
}

async fn send(outlet: &Outlet, message: &Message) -> bool {
    outlet.handle().send_wait(message.clone()).await.is_ok()
}
