//! Print: what comes is told like everything else, and waits where it cannot be printed as fast.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bowsprit::{Context, Handler, MessageRef};

use crate::serve::house::Caller;

/// Says nothing, and reads no faster than its messages are printed.
#[derive(Debug)]
pub(super) struct Printed {
    caller: Arc<Caller>,
    is_waiting: Arc<AtomicBool>,
}

impl Printed {
    pub(super) fn new(caller: Arc<Caller>) -> Self {
        Self {
            caller,
            is_waiting: Arc::default(),
        }
    }
}

impl Handler for Printed {
    /// The message has been told when it comes here.
    fn on_message(&mut self, cx: &mut Context<'_>, _: MessageRef<'_>) {
        let teller = self.caller.house.teller();
        if teller.is_crowded() && !self.is_waiting.swap(true, Ordering::SeqCst) {
            cx.pause_reading();
            let (teller, handle) = (teller.clone(), cx.handle());
            let is_waiting = Arc::clone(&self.is_waiting);
            tokio::spawn(async move {
                teller.room().await;
                is_waiting.store(false, Ordering::SeqCst);
                handle.resume_reading();
            });
        }
    }
}
