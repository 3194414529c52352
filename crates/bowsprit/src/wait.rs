//! Waiting for something that others change.

use std::time::Duration;

use tokio::time::Instant;

use crate::sync::Notify;

/// Thirty years: a wait beyond the clock's range.
const ENDLESS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// When a wait that begins now is over.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).unwrap_or_else(|| now + ENDLESS)
}

/// Waits until `ready` gives an answer, asking again whenever `changed` is rung.
pub(crate) async fn wait_for<T>(changed: &Notify, mut ready: impl FnMut() -> Option<T>) -> T {
    loop {
        let change = changed.notified();
        tokio::pin!(change);
        // Registered before the look, so that no change falls between the two.
        change.as_mut().enable();
        if let Some(answer) = ready() {
            return answer;
        }
        change.await;
    }
}
