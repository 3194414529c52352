//! Where messages come from: standard input, or words of the command line.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::thread;

use bowsprit::Message;
use tokio::sync::mpsc::{self, Receiver};

use super::cutter::Cutter;
use super::format::Framing;
#[cfg(unix)]
use crate::descriptors;
use crate::printer::text;

/// How much is read at once.
const CHUNK: usize = 1 << 16;

/// What is to be sent.
#[derive(Debug)]
pub(super) enum Source {
    Input {
        chunks: Option<Receiver<io::Result<Vec<u8>>>>,
        cutter: Cutter,
    },
    Words(VecDeque<Message>),
}

impl Source {
    /// Standard input, in which messages lie so.
    ///
    /// # Errors
    ///
    /// When no thread can be started to read it.
    pub(super) fn standard_input(framing: Framing) -> io::Result<Self> {
        Ok(Self::Input {
            chunks: Some(read_standard_input()?),
            cutter: Cutter::new(framing),
        })
    }

    /// The next message that is there; or why nothing from here on can be sent.
    pub(super) fn next(&mut self) -> Option<Result<Message, String>> {
        match self {
            Self::Input { chunks, cutter } => {
                let next = cutter.next();
                if matches!(next, Some(Err(_))) {
                    *chunks = None;
                }
                next
            }
            Self::Words(messages) => messages.pop_front().map(Ok),
        }
    }

    /// Whether nothing more will be read.
    pub(super) const fn has_ended(&self) -> bool {
        match self {
            Self::Input { chunks, .. } => chunks.is_none(),
            Self::Words(_) => true,
        }
    }

    /// Whether something was read that [`next`](Self::next) has not given out.
    pub(super) fn has_more(&mut self) -> bool {
        match self {
            Self::Input { chunks, cutter } => {
                let waits = |chunks: &mut Receiver<_>| chunks.try_recv().is_ok();
                cutter.has_more() || chunks.as_mut().is_some_and(waits)
            }
            Self::Words(messages) => !messages.is_empty(),
        }
    }

    /// Reads on.
    ///
    /// # Errors
    ///
    /// When that fails; the text says why. Nothing more is read then.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn read(&mut self) -> Result<(), String> {
        let Self::Input { chunks, cutter } = self else {
            return Ok(());
        };
        let Some(open) = chunks else {
            return Ok(());
        };
        match open.recv().await {
            Some(Ok(chunk)) => {
                cutter.push(&chunk);
                Ok(())
            }
            end => {
                *chunks = None;
                cutter.end();
                match end {
                    Some(Err(error)) => Err(format!(
                        "cannot read standard input: {}",
                        text::fault(&error)
                    )),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Reads standard input on a thread of its own. The channel is short: what nobody takes stays in the pipe.
fn read_standard_input() -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (chunks, receiver) = mpsc::channel(1);
    thread::Builder::new()
        .name("standard input".to_owned())
        .spawn(move || {
            let mut buffer = vec![0; CHUNK];
            loop {
                let chunk = match io::stdin().read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => Ok(buffer.get(..count).unwrap_or_default().to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    // Somebody who shares it made it so.
                    #[cfg(unix)]
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        descriptors::wait(io::stdin(), rustix::event::PollFlags::IN);
                        continue;
                    }
                    Err(error) => Err(error),
                };
                let is_last = chunk.is_err();
                if chunks.blocking_send(chunk).is_err() || is_last {
                    return;
                }
            }
        })?;
    Ok(receiver)
}
