//! The handler of each connection: it tells the traffic of its thread.

use bowsprit::{Closed, ConnectError, Context, Handle, Handler, MessageRef, Retry, RetryCause};

use super::with;

/// What a handler of the library tells the thread's traffic.
#[derive(Debug)]
pub(in crate::load) struct Probe(pub(in crate::load) u32);

impl Handler for Probe {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        with(|traffic| traffic.opened(self.0, cx));
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        with(|traffic| traffic.failed(self.0, error));
    }

    fn on_retry(&mut self, _: &Handle, retry: &Retry<'_>) {
        let error = match retry.cause {
            RetryCause::Failed(error) => Some(error),
            _ => None,
        };
        with(|traffic| traffic.retrying(self.0, error, retry.delay));
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        with(|traffic| traffic.answered(self.0, cx, message.as_bytes()));
    }

    fn on_pong(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        with(|traffic| traffic.ponged(self.0, cx, payload));
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        with(|traffic| traffic.ended(self.0, closed));
    }
}
