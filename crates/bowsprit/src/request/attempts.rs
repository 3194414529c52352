//! Connections that are awaited, one after the other.

use std::fmt;

use bowsprit_proto::handshake::Request;
use tokio::time::{Instant, sleep_until};

use super::ConnectRequest;
use crate::{Client, ConnectError, Defaults, WebSocket, reconnect::Row, wait::after};

impl ConnectRequest {
    /// Opens the connection as often as it is asked for, with the delays of
    /// [`reconnect`](Self::reconnect), or of the default policy where that was not called.
    ///
    /// Handlers and handles of this request are not used.
    pub fn attempts(self) -> Attempts {
        Attempts {
            row: Row::new(self.reconnect.clone().unwrap_or_default()),
            client: self.client.clone(),
            request: self.request.clone(),
            settings: self.settings.clone(),
            due: None,
            is_first: true,
        }
    }
}

/// One connection after the other, to the same place. Whether the end of one wants another is for the caller
/// to say.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use bowsprit::{Client, CloseCode, Reconnect};
///
/// let request = Client::new().request("wss://example.com/feed")?;
/// let mut attempts = request.reconnect(Reconnect::default()).attempts();
/// loop {
///     // An error is what another try cannot mend, or the last of the policy's tries.
///     let mut ws = attempts.next().await?;
///     if ws.send("subscribe").await.is_err() {
///         continue;
///     }
///     while let Ok(Some(message)) = ws.recv().await {
///         println!("<< {message:?}");
///     }
///     let closed = ws.close_info();
///     println!("lost: {closed:?}");
///     if closed.is_some_and(|closed| closed.remote_code() == CloseCode::NORMAL) {
///         return Ok(());
///     }
/// }
/// # }
/// ```
pub struct Attempts {
    client: Client,
    request: Request,
    settings: Defaults,
    row: Row,
    /// When the next try may begin, if that is settled.
    due: Option<Instant>,
    is_first: bool,
}

impl Attempts {
    /// Opens the next connection: the first at once, later ones after their delay, and again after every
    /// failure that [`ConnectError::is_retryable`], as often as the policy allows.
    ///
    /// Why the one before has ended is not asked: who calls this wants another.
    ///
    /// # Errors
    ///
    /// What another try cannot mend, and the failure of the last try. A later call begins another row.
    ///
    /// # Cancel safety
    ///
    /// The try is given up; the next call waits for what is left of the same delay.
    pub async fn next(&mut self) -> Result<WebSocket, ConnectError> {
        if !self.is_first && self.due.is_none() {
            self.due = Some(after(self.row.delay_after_end()));
        }
        loop {
            if let Some(due) = self.due {
                sleep_until(due).await;
            }
            let (request, settings) = (self.request.clone(), self.settings.clone());
            let attempt = ConnectRequest::new(self.client.clone(), request, settings);
            let outcome = attempt.connect().await;
            self.is_first = false;
            let error = match outcome {
                Ok(ws) => {
                    self.row.opened();
                    self.due = None;
                    return Ok(ws);
                }
                Err(error) => error,
            };
            let Some(retry) = self.row.after_failure(&error) else {
                self.row.start_anew();
                self.due = None;
                return Err(error);
            };
            self.due = Some(after(retry.delay));
        }
    }
}

impl fmt::Debug for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts")
            .field("request", &self.request)
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_was_given_up_goes_on_and_does_not_begin_anew() {
        let request = Client::new().request("ws://127.0.0.1:9/").expect("a URI");
        let mut attempts = request.attempts();
        // As after a connection that was handed out.
        attempts.is_first = false;
        let mut give_up = async || {
            let step = timeout(Duration::from_millis(50), attempts.next()).await;
            step.expect_err("no end of the wait");
            attempts.due
        };
        let due = give_up().await;
        assert!(due.is_some());
        assert_eq!(give_up().await, due);
    }
}
