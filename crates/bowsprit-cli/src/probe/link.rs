//! The one connection of a probe: started, heard, closed.

use std::sync::Arc;

use bowsprit::{CloseCode, ConnectRequest, Handle};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::network::{Change, Flow, Report, Reporter};
use crate::options::Plan;

/// A connection, and what happens on it.
#[derive(Debug)]
pub(super) struct Link {
    handle: Handle,
    flow: Arc<Flow>,
    reports: UnboundedReceiver<Report>,
}

impl Link {
    /// Begins to connect.
    pub(super) fn start(request: ConnectRequest, plan: &Plan) -> Self {
        let flow = Arc::new(Flow::default());
        let (sender, reports) = mpsc::unbounded_channel();
        let reporter = Reporter::new(0, plan, Arc::clone(&flow), sender);
        Self {
            handle: request.handler(reporter).start(),
            flow,
            reports,
        }
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What happens next; `None` once nothing more can.
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Change> {
        loop {
            match self.reports.recv().await? {
                Report::Connection(_, change) => {
                    self.heard(&change);
                    return Some(change);
                }
                // There is no server here, and the log goes elsewhere.
                Report::Stopped(_) | Report::Logged(_) | Report::Replay(_) => {}
            }
        }
    }

    /// What was told is taken: the peer may send on.
    fn heard(&self, change: &Change) {
        let size = match change {
            Change::Received(message, _) => message.as_bytes().len(),
            Change::Pinged(payload) | Change::Pong { payload, .. } => payload.len(),
            _ => return,
        };
        if self.flow.remove(size) {
            self.handle.resume_reading();
        }
    }

    /// Starts the closing handshake; false where there is nothing to close.
    pub(super) fn close(&self) -> bool {
        self.handle.close(CloseCode::NORMAL, "").is_ok()
    }
}
