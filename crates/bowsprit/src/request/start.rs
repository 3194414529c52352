//! The ways in which a request becomes a connection.

use std::{mem, sync::Arc};

use bowsprit_proto::{Cause, Closed};
use tokio::io::{AsyncRead, AsyncWrite};

use super::ConnectRequest;
use crate::{
    ConnectError, Handle, Handler, State, Stream, WebSocket,
    link::Link,
    log,
    open::{Opened, open, open_on},
    reconnect::Row,
    roster::Member,
    session::{self, Session},
    websocket::whole_messages,
};

impl ConnectRequest {
    /// Opens the connection and hands it to the caller; handlers are not used.
    ///
    /// # Errors
    ///
    /// When the connection cannot be opened within `timeouts.open`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the attempt up.
    pub async fn connect(mut self) -> Result<WebSocket, ConnectError> {
        let member = self.join_roster()?;
        self.settings.config = whole_messages(self.settings.config);
        let opened = cancelable(
            &self.attempt.0,
            &member,
            open(&self.request, &self.settings),
        )
        .await;
        self.finish(opened, member)
    }

    /// Shakes hands over a transport of the caller's own. Name, address and TLS are the caller's.
    ///
    /// # Errors
    ///
    /// When the handshake fails or `timeouts.open` is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn connect_on<S: AsyncRead + AsyncWrite + Unpin>(
        mut self,
        io: S,
    ) -> Result<WebSocket<S>, ConnectError> {
        let member = self.join_roster()?;
        self.settings.config = whole_messages(self.settings.config);
        let opened = cancelable(
            &self.attempt.0,
            &member,
            open_on(io, &self.request, &self.settings.config),
        )
        .await;
        self.finish(opened, member)
    }

    /// Opens the connection in the background and runs it with its handlers. Returns at once.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, unless the client has a thread of its own.
    pub fn start(mut self) -> Handle {
        let handle = self.handle();
        self.settings.config = session::asks_handler(self.settings.config);
        let handlers = mem::take(&mut self.settings.handlers);
        let mut handler = self.handler.take().unwrap_or_else(|| Box::new(handlers));
        let Ok(member) = self.join_roster() else {
            fail(
                &mut handler,
                &handle,
                &ConnectError::Canceled,
                &self.attempt.0,
            );
            return handle;
        };
        let client = self.client.clone();
        let task = self.run(handle.clone(), handler, member);
        match client.background() {
            Some(background) => drop(background.spawn(task)),
            None => drop(tokio::spawn(task)),
        }
        handle
    }

    async fn run(self, handle: Handle, mut handler: Box<dyn Handler>, mut member: Member) {
        let Self {
            request,
            settings,
            attempt,
            client,
            reconnect,
            ..
        } = self;
        let link = attempt.0.clone();
        // The task must not keep the endpoint alive: its end is what drops the thread.
        drop(client);
        let mut row = reconnect.map(Row::new);
        loop {
            let delay = match cancelable(&link, &member, open(&request, &settings)).await {
                Ok(opened) => {
                    let (mut driver, info, early) =
                        opened.into_driver(handle.id(), Some(link.clone()), Some(member));
                    if let Some(row) = &mut row {
                        row.opened();
                        driver.core = driver.core.outlived_by_link();
                    }
                    let mut session = Session::new(driver, handler, info, early);
                    (&mut session).await;
                    let (own, place, closed) = session.into_parts();
                    let (Some(mut own), Some(place)) = (own, place) else {
                        return link.end(closed);
                    };
                    let retry = row.as_mut().filter(|_| !link.is_to_end());
                    let Some(retry) = retry.and_then(|row| row.after_end(&closed)) else {
                        return link.end(closed);
                    };
                    own.on_retry(&handle, &retry);
                    (handler, member) = (own, place);
                    retry.delay
                }
                Err(error) => {
                    let retry = row.as_mut().and_then(|row| row.after_failure(&error));
                    let Some(retry) = retry else {
                        return fail(&mut handler, &handle, &error, &link);
                    };
                    log::fail(handle.id(), &error);
                    handler.on_retry(&handle, &retry);
                    retry.delay
                }
            };
            let wait = async {
                tokio::time::sleep(delay).await;
                Ok(())
            };
            if let Err(error) = cancelable(&link, &member, wait).await {
                return fail(&mut handler, &handle, &error, &link);
            }
        }
    }

    fn join_roster(&self) -> Result<Member, ConnectError> {
        self.client
            .roster()
            .join(self.attempt.0.id)
            .ok_or(ConnectError::Canceled)
    }

    fn finish<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        opened: Result<Opened<S>, ConnectError>,
        member: Member,
    ) -> Result<WebSocket<S>, ConnectError> {
        match opened {
            Ok(opened) => {
                let link = &self.attempt.0;
                let id = link.id;
                // A handle that was taken before must go on working; else none is made.
                let has_handle = Arc::strong_count(link) > 1;
                let kept = has_handle.then(|| link.clone());
                let ws = WebSocket::new(opened, id, kept, Some(member));
                // Also where no handle is left: dropping the attempt must not end the connection.
                link.set_state(State::Open);
                Ok(ws)
            }
            Err(error) => {
                log::fail(self.attempt.0.id, &error);
                self.attempt.0.end(never_opened(&error));
                Err(error)
            }
        }
    }
}

/// The attempt, unless its handle is terminated or its client shut down first.
async fn cancelable<T>(
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

fn fail(handler: &mut Box<dyn Handler>, handle: &Handle, error: &ConnectError, link: &Link) {
    log::fail(handle.id(), error);
    link.set_state(State::Closed);
    handler.on_fail(handle, error);
    link.end(never_opened(error));
}

pub(super) fn never_opened(error: &ConnectError) -> Closed {
    let mut closed = Closed::default();
    closed.cause = Some(Cause::Transport(error.to_string().into()));
    closed
}

impl WebSocket<Stream> {
    /// What TLS settled; `None` on a plain connection.
    pub fn tls_info(&self) -> Option<&crate::TlsInfo> {
        self.info().tls()
    }
}
