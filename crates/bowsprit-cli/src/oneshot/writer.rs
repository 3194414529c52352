//! Standard output: at once what it takes, and the rest on a thread, which blocks where the loop must not.

use std::io;
use std::mem;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::stdout::Stdout;

/// Writes batches, one at a time; what comes meanwhile is the next batch.
#[derive(Debug)]
pub(super) struct Writer {
    stdout: Stdout,
    batches: mpsc::Sender<Vec<u8>>,
    /// Batches that were written, to be filled again.
    written: mpsc::UnboundedReceiver<Vec<u8>>,
    spare: Vec<u8>,
    /// How many batches the thread has not written yet.
    waiting: usize,
    outcome: oneshot::Receiver<io::Result<()>>,
    /// Why nothing could be written at once.
    fault: Option<io::Error>,
    /// Nothing can be written any more.
    has_failed: bool,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When there can be none.
    pub(super) fn start() -> io::Result<Self> {
        let stdout = Stdout::new()?;
        let (batches, mut waiting) = mpsc::channel(1);
        let (done, written) = mpsc::unbounded_channel();
        let (tell, outcome) = oneshot::channel();
        let output = stdout.clone();
        thread::Builder::new()
            .name("standard output".to_owned())
            .spawn(move || {
                let mut write = || {
                    while let Some(mut batch) = waiting.blocking_recv() {
                        let batch: &mut Vec<u8> = &mut batch;
                        output.write_all(batch)?;
                        batch.clear();
                        // The loop may be over.
                        let _ = done.send(mem::take(batch));
                    }
                    Ok(())
                };
                let outcome = write();
                // Whoever waits for room learns that there will be none.
                drop(waiting);
                let _ = tell.send(outcome);
            })?;
        Ok(Self {
            stdout,
            batches,
            written,
            spare: Vec::new(),
            waiting: 0,
            outcome,
            fault: None,
            has_failed: false,
        })
    }

    /// Takes all of `out`, or nothing while the batch before waits for its turn.
    pub(super) fn offer(&mut self, out: &mut Vec<u8>) -> bool {
        while let Ok(batch) = self.written.try_recv() {
            self.waiting -= 1;
            self.spare = batch;
        }
        if self.waiting == 0 && self.stdout.takes(out.len()) {
            // To wake the thread for a few lines costs more than they do.
            self.fault = self.stdout.write_all(out).err();
            self.has_failed = self.fault.is_some();
            out.clear();
            return true;
        }
        let Ok(permit) = self.batches.try_reserve() else {
            return false;
        };
        self.waiting += 1;
        permit.send(mem::replace(out, mem::take(&mut self.spare)));
        true
    }

    /// Waits until there is room for a batch, or nobody writes any more.
    pub(super) async fn room(&self) {
        drop(self.batches.reserve().await);
    }

    /// Waits until the thread writes no more.
    pub(super) async fn gone(&self) {
        self.batches.closed().await;
    }

    /// Why nobody writes any more, the first time.
    pub(super) fn fault(&mut self) -> Option<io::Error> {
        self.fault
            .take()
            .or_else(|| self.outcome.try_recv().ok()?.err())
    }

    /// Whether nobody writes any more.
    pub(super) fn is_gone(&self) -> bool {
        self.has_failed || self.batches.is_closed()
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
