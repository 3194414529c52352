//! A connection before it opens, as its handles see it.

use std::sync::Arc;

use bowsprit_proto::{Cause, Closed};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    ConnectError, ConnectionId, Handle, Handler, State, WebSocket, link::Link, log, open::Opened,
    roster::Member,
};

/// The link of a connection before it opens. If nothing comes of it, its handles learn so.
#[derive(Debug)]
pub(crate) struct Opening(Arc<Link>);

impl Opening {
    pub(super) fn new() -> Self {
        Self(Link::new(ConnectionId::next(), State::Connecting))
    }

    pub(crate) const fn link(&self) -> &Arc<Link> {
        &self.0
    }

    /// It came to something: a connection for whoever awaits it.
    pub(crate) fn open<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        opened: Opened<S>,
        member: Member,
    ) -> WebSocket<S> {
        let link = &self.0;
        // A handle that was taken before must go on working; else none is made.
        let has_handle = Arc::strong_count(link) > 1;
        let kept = has_handle.then(|| link.clone());
        let ws = WebSocket::new(opened, link.id, kept, Some(member));
        if !has_handle {
            // Dropping the attempt must not end the connection. With a handle it is open already, and
            // that handle may have begun to close it.
            link.set_state(State::Open);
        }
        ws
    }

    /// It came to nothing.
    pub(crate) fn fail(&self, error: &ConnectError) {
        log::fail(self.0.id, error);
        self.0.end(never_opened(error));
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        // It was dropped while it was connecting, or its `on_fail` panicked.
        if matches!(self.0.state(), State::Connecting | State::Closed) {
            self.0.end(never_opened(&ConnectError::Canceled));
        }
    }
}

/// The attempt, unless its handle is terminated or its client shut down first.
pub(super) async fn cancelable<T>(
    link: &Link,
    member: &Member,
    attempt: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    tokio::select! {
        biased;
        () = std::future::poll_fn(|cx| link.poll_terminated(cx)) => Err(ConnectError::Canceled),
        () = member.shutdown_begun() => Err(ConnectError::Canceled),
        result = attempt => result,
    }
}

pub(super) fn fail(
    handler: &mut Box<dyn Handler>,
    handle: &Handle,
    error: &ConnectError,
    link: &Link,
) {
    log::fail(handle.id(), error);
    link.set_state(State::Closed);
    handler.on_fail(handle, error);
    link.end(never_opened(error));
}

fn never_opened(error: &ConnectError) -> Closed {
    let mut closed = Closed::default();
    closed.cause = Some(Cause::Transport(error.to_string().into()));
    closed
}
