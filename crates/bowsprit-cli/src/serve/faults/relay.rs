//! Between the server and a client: what the server writes passes here, and meets its faults.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::frames::{Frames, Header};
use super::{Chances, Corruption, Faults};
use crate::serve::visit::Visit;
use crate::serve::words::After;

/// How many pieces may wait for their time: with the longest ones a MiB.
const MAX_WAITING: usize = 64;

/// How often a second slow bytes are written.
const STEPS: usize = 20;

/// One connection's faults.
#[derive(Debug)]
pub(in crate::serve) struct Relay {
    faults: Faults,
    visit: Arc<Visit>,
    /// Messages that were handed on.
    sent: u64,
    /// When the last piece is due: nothing overtakes.
    due: Instant,
    /// Bytes a second, once the connection is open.
    rate: Option<usize>,
}

/// Bytes, and when they are to be written.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    due: Instant,
    /// No more of them a second.
    rate: Option<usize>,
}

/// Why the server's bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The server has ended, or the client is gone.
    Over,
    Cut,
    Stalled,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passes,
    Lost,
    Cut,
    Corrupted(Corruption),
}

impl Relay {
    pub(super) fn new(faults: Faults, visit: Arc<Visit>) -> Self {
        Self {
            faults,
            visit,
            sent: 0,
            due: Instant::now(),
            rate: None,
        }
    }

    /// Carries bytes both ways until one side ends; `gone` ends with the server's part.
    pub(in crate::serve) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        mut self,
        server: DuplexStream,
        client: S,
        gone: oneshot::Receiver<Infallible>,
    ) {
        let (mut from_client, to_client) = tokio::io::split(client);
        let (from_server, mut to_server) = tokio::io::split(server);
        let inward = async {
            // A client that is gone and one that has said all end alike for the server.
            let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
            let _ = to_server.shutdown().await;
            std::future::pending::<()>().await;
        };
        let outward = async {
            let (queue, waiting) = mpsc::channel(MAX_WAITING);
            let (ending, mut to_client) = tokio::join!(
                self.sort(Frames::new(from_server), queue),
                write(waiting, to_client)
            );
            if ending == Ending::Over {
                // TLS has a goodbye of its own. Who is gone needs none.
                let _ = to_client.shutdown().await;
            }
            ending
        };
        let ending = tokio::select! {
            ending = outward => ending,
            () = inward => Ending::Over,
        };
        if ending == Ending::Stalled {
            // Nothing is sent through it: it ends.
            let _ = gone.await;
        }
    }

    /// Decides about everything that the server writes.
    async fn sort<R: AsyncRead + Unpin>(
        &mut self,
        mut frames: Frames<R>,
        queue: Sender<Piece>,
    ) -> Ending {
        let sorted = async {
            let head = frames.head().await?;
            // The page's own connection shows the others as they are.
            let is_spared = self.visit.is_watcher();
            if !is_spared {
                self.due = Instant::now() + self.faults.handshake_delay.unwrap_or_default();
            }
            let is_open = head.starts_with(b"HTTP/1.1 101");
            self.pass(&queue, head).await?;
            if is_open && !is_spared {
                self.rate = self.faults.slow;
                let chances = self.faults.chances();
                self.sort_frames(&mut frames, &queue, chances).await
            } else {
                self.pass_payload(&mut frames, &queue, u64::MAX).await?;
                Ok(Ending::Over)
            }
        };
        // The one error there is: the other end is gone.
        sorted.await.unwrap_or(Ending::Over)
    }

    async fn sort_frames<R: AsyncRead + Unpin>(
        &mut self,
        frames: &mut Frames<R>,
        queue: &Sender<Piece>,
        mut chances: Chances,
    ) -> io::Result<Ending> {
        let silent_at = match self.faults.stall {
            Some(After::Time(time)) => Some(Instant::now() + time),
            _ => None,
        };
        let mut fate = Fate::Passes;
        loop {
            if self.faults.stall == Some(After::Messages(self.sent)) {
                return Ok(Ending::Stalled);
            }
            let header = match silent_at {
                None => frames.header().await?,
                Some(at) => match timeout_at(at, frames.header()).await {
                    Ok(header) => header?,
                    Err(_) => return Ok(Ending::Stalled),
                },
            };
            let Some(header) = header else {
                return Ok(Ending::Over);
            };
            if header.begins_message() {
                fate = self.choose(&mut chances);
            }
            self.delay(&header, &mut chances);
            let of_frame = if header.begins_message() || header.continues_message() {
                fate
            } else {
                Fate::Passes
            };
            match of_frame {
                Fate::Cut => return Ok(Ending::Cut),
                Fate::Lost => skip(frames, header.payload).await?,
                Fate::Corrupted(kind) if header.begins_message() => {
                    self.corrupt(frames, queue, header, kind).await?;
                }
                Fate::Passes | Fate::Corrupted(_) => {
                    let payload = header.payload;
                    self.sent += u64::from(header.begins_message());
                    self.pass(queue, header.bytes).await?;
                    self.pass_payload(frames, queue, payload).await?;
                }
            }
        }
    }

    fn choose(&self, chances: &mut Chances) -> Fate {
        let chance = &mut chances.of_messages;
        if chance.random_bool(self.faults.cut.share()) {
            return Fate::Cut;
        }
        if chance.random_bool(self.faults.drop.share()) {
            return Fate::Lost;
        }
        match self.faults.corrupt {
            Some(corrupt) if chance.random_bool(corrupt.share.share()) => {
                let any = || {
                    let chosen = Corruption::ALL.choose(chance);
                    chosen.map_or(Corruption::Reserved, |(_, kind)| *kind)
                };
                Fate::Corrupted(corrupt.kind.unwrap_or_else(any))
            }
            _ => Fate::Passes,
        }
    }

    /// Sets when the frame is due. Those that continue a message come with it.
    fn delay(&mut self, header: &Header, chances: &mut Chances) {
        let chance = if header.begins_message() {
            &mut chances.of_messages
        } else {
            &mut chances.of_control
        };
        let delay = match self.faults.delay {
            Some(span) if !header.continues_message() => chance.random_range(span.range()),
            _ => Duration::ZERO,
        };
        self.due = self.due.max(Instant::now() + delay);
    }

    async fn corrupt<R: AsyncRead + Unpin>(
        &mut self,
        frames: &mut Frames<R>,
        queue: &Sender<Piece>,
        mut header: Header,
        kind: Corruption,
    ) -> io::Result<()> {
        self.sent += 1;
        let payload = header.payload;
        match kind {
            Corruption::Utf8 => {
                skip(frames, payload).await?;
                let mut broken = Header::short_text(1).bytes;
                // No character begins with it (RFC 3629 §1).
                broken.push(0xff);
                return self.pass(queue, broken).await;
            }
            Corruption::Reserved => header.set_first(|first| first | 0x10),
            Corruption::Mask => header.mask(),
            Corruption::Opcode => header.set_opcode(3),
            Corruption::Fragment => header.set_opcode(0),
        }
        self.pass(queue, header.bytes).await?;
        self.pass_payload(frames, queue, payload).await
    }

    async fn pass_payload<R: AsyncRead + Unpin>(
        &self,
        frames: &mut Frames<R>,
        queue: &Sender<Piece>,
        mut left: u64,
    ) -> io::Result<()> {
        while left > 0 {
            let bytes = frames.bytes(left).await?;
            if bytes.is_empty() {
                break;
            }
            left -= bytes.len() as u64;
            self.pass(queue, bytes).await?;
        }
        Ok(())
    }

    async fn pass(&self, queue: &Sender<Piece>, bytes: Vec<u8>) -> io::Result<()> {
        let (due, rate) = (self.due, self.rate);
        let sent = queue.send(Piece { bytes, due, rate }).await;
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

async fn skip<R: AsyncRead + Unpin>(frames: &mut Frames<R>, mut left: u64) -> io::Result<()> {
    while left > 0 {
        let bytes = frames.bytes(left).await?;
        if bytes.is_empty() {
            break;
        }
        left -= bytes.len() as u64;
    }
    Ok(())
}

/// Writes each piece when it is due, no faster than it may be, and gives the client back.
async fn write<W: AsyncWrite + Unpin>(mut waiting: Receiver<Piece>, mut client: W) -> W {
    let writing = async {
        while let Some(Piece { bytes, due, rate }) = waiting.recv().await {
            sleep_until(due).await;
            match rate {
                None => client.write_all(&bytes).await?,
                Some(rate) => write_slowly(&mut client, &bytes, rate).await?,
            }
        }
        client.flush().await
    };
    // Who is gone needs no more; what is sorted afterwards finds this end closed.
    let _: io::Result<()> = writing.await;
    client
}

async fn write_slowly(
    client: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    rate: usize,
) -> io::Result<()> {
    // The last bytes of a piece take their time as well.
    for piece in bytes.chunks((rate / STEPS).max(1)) {
        let share = piece.len() as f64 / rate as f64;
        tokio::time::sleep(Duration::from_secs_f64(share)).await;
        client.write_all(piece).await?;
    }
    Ok(())
}
