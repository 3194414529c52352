//! An open connection: where it is on the tape, and what it waits for.

use std::{io, time::Instant};

use crate::{
    client::Client,
    link::Link,
    socket,
    wire::{Counter, Progress},
};

/// From here on payload is not read but thrown away: as cheap as a message can be for its receiver.
const WORTH_DISCARDING: usize = 32 * 1024;

pub(crate) struct Connection {
    pub(crate) link: Link,
    /// Its number with the poller.
    index: usize,
    counter: Counter,
    /// Messages that are sent, or about to be, and have no reply.
    pub(crate) outstanding: usize,
    /// When the last message left.
    pub(crate) sent: Instant,
    /// The next frame to order, the next byte to write, and how many bytes of what is ordered are left.
    frame: usize,
    position: usize,
    pending: usize,
    waits_for_room: bool,
}

/// What a read brought: bytes, and messages that are whole with them.
pub(crate) struct Read {
    pub(crate) bytes: usize,
    pub(crate) progress: Progress,
}

impl Connection {
    pub(crate) fn new(link: Link, index: usize) -> Self {
        Self {
            link,
            index,
            counter: Counter::default(),
            outstanding: 0,
            sent: Instant::now(),
            frame: 0,
            position: 0,
            pending: 0,
            waits_for_room: false,
        }
    }

    /// Sends the next `count` messages, as far as there is room now.
    pub(crate) fn send(&mut self, client: &Client<'_>, count: usize) -> io::Result<()> {
        self.pending += client.tape.span(self.frame, count);
        self.frame = (self.frame + count) % client.tape.frames();
        self.outstanding += count;
        self.flush(client)
    }

    pub(crate) fn flush(&mut self, client: &Client<'_>) -> io::Result<()> {
        let tape = &client.tape.bytes;
        while self.pending > 0 {
            let end = tape.len().min(self.position + self.pending);
            let sent = self.link.send(&tape[self.position..end])?;
            if sent == 0 {
                break;
            }
            self.pending -= sent;
            self.position = (self.position + sent) % tape.len();
        }
        self.link.push()?;
        let waits_for_room = self.pending > 0 || self.link.wants_write();
        if waits_for_room != self.waits_for_room {
            self.waits_for_room = waits_for_room;
            client
                .poller
                .modify(&self.link.socket, self.index, waits_for_room)?;
        }
        Ok(())
    }

    /// Reads once.
    pub(crate) fn read(&mut self, client: &Client<'_>) -> io::Result<Read> {
        let mut buffer = client.buffer.borrow_mut();
        let discards = self.link.is_plain() && self.counter.skip > WORTH_DISCARDING;
        let bytes = if client.options.raw {
            socket::discard(&self.link.socket, &mut buffer)?
        } else if discards {
            let length = buffer.len().min(self.counter.skip);
            socket::discard(&self.link.socket, &mut buffer[..length])?
        } else {
            self.link.receive(&mut buffer)?
        };
        let progress = match bytes {
            None => Progress::default(),
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(count) if client.options.raw => {
                self.raw_progress(count, client.tape.first_frame().len())
            }
            Some(count) if discards => self.counter.skipped(count),
            Some(count) => self.counter.feed(&buffer[..count]),
        };
        if self.counter.closed {
            return Err(io::Error::other("the server sent a close frame"));
        }
        Ok(Read {
            bytes: bytes.unwrap_or(0),
            progress,
        })
    }

    /// A raw echo has no frames of its own; all messages are as long as the first.
    fn raw_progress(&mut self, count: usize, frame: usize) -> Progress {
        let total = self.counter.skip + count;
        self.counter.skip = total % frame;
        Progress {
            messages: total / frame,
            payload: count,
        }
    }
}
