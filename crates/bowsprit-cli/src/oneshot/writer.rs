//! Standard output on a thread of its own, which blocks where the loop must not.

use std::io::{self, Write as _};
use std::mem;
use std::sync::mpsc as threads;
use std::thread;

use tokio::sync::{mpsc, oneshot};

/// Writes batches, one at a time; what comes meanwhile is the next batch.
#[derive(Debug)]
pub(super) struct Writer {
    batches: mpsc::Sender<Vec<u8>>,
    /// Batches that were written, to be filled again.
    spare: threads::Receiver<Vec<u8>>,
    outcome: oneshot::Receiver<io::Result<()>>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When there can be none.
    pub(super) fn start() -> io::Result<Self> {
        let (batches, mut waiting) = mpsc::channel(1);
        let (written, spare) = threads::channel();
        let (tell, outcome) = oneshot::channel();
        thread::Builder::new()
            .name("standard output".to_owned())
            .spawn(move || {
                let mut write = || {
                    let mut stdout = io::stdout().lock();
                    while let Some(mut batch) = waiting.blocking_recv() {
                        let batch: &mut Vec<u8> = &mut batch;
                        stdout.write_all(batch)?;
                        stdout.flush()?;
                        batch.clear();
                        // The loop may be over.
                        let _ = written.send(mem::take(batch));
                    }
                    Ok(())
                };
                let outcome = write();
                // Whoever waits for room learns that there will be none.
                drop(waiting);
                let _ = tell.send(outcome);
            })?;
        Ok(Self {
            batches,
            spare,
            outcome,
        })
    }

    /// Takes all of `out`, or nothing while the batch before waits for its turn.
    pub(super) fn offer(&self, out: &mut Vec<u8>) -> bool {
        let Ok(permit) = self.batches.try_reserve() else {
            return false;
        };
        let spare = self.spare.try_recv().unwrap_or_default();
        permit.send(mem::replace(out, spare));
        true
    }

    /// Waits until there is room for a batch, or nobody writes any more.
    pub(super) async fn room(&self) {
        drop(self.batches.reserve().await);
    }

    /// Waits until nobody writes any more.
    pub(super) async fn gone(&self) {
        self.batches.closed().await;
    }

    /// Why nobody writes any more, the first time.
    pub(super) fn fault(&mut self) -> Option<io::Error> {
        self.outcome.try_recv().ok()?.err()
    }

    /// Whether nobody writes any more.
    pub(super) fn is_gone(&self) -> bool {
        self.batches.is_closed()
    }

    /// Writes what is left, and waits until that is done.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    pub(super) async fn finish(self, out: Vec<u8>) -> io::Result<()> {
        if !out.is_empty() {
            // Where the thread has ended, its outcome says why.
            let _ = self.batches.send(out).await;
        }
        drop(self.batches);
        self.outcome.await.unwrap_or(Ok(()))
    }
}
