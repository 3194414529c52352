//! Waiting for something that others change.

use tokio::sync::Notify;

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
