//! One read, all answers to it, one write.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem,
    os::fd::OwnedFd,
};

use bowsprit_bench_servers::handshake;
use rustix::io::{Errno, read, readv, write, writev};

use crate::{
    event_loop::wait_for,
    frame::{BINARY, CLOSE, Header, PING, PONG, Refused, TEXT, copy_unmasked, write_header},
    large::{Blocks, Large},
};

/// What is read at once. All connections share the buffer.
const READ: usize = 64 * 1024;

/// An incomplete frame with more payload than this is read into a block of its own. The part of a
/// smaller one is kept, and copied in front of the next read.
const LARGE: usize = 32 * 1024;

/// That part with its header, or the head of a request.
const MAX_KEPT: usize = LARGE + 14;

/// What is read at once of a large frame: not more than the processor's cache holds.
const LARGE_READ: usize = 256 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Raw,
    WebSocket,
}

/// What a read brought.
pub(crate) enum Outcome {
    /// Nothing that can be answered yet.
    Nothing,
    /// Messages, framed again.
    Messages,
    /// What only concerns this connection: a handshake, raw bytes.
    Own,
    /// A close frame, answered.
    Closing,
}

/// What all connections share.
pub(crate) struct Scratch {
    input: Vec<u8>,
    /// Answers, of which the first `used` bytes are there. A server's frame is shorter than a client's,
    /// so that those to one read always fit.
    output: Vec<u8>,
    used: usize,
    /// The answer to a large frame, which goes before all others: block, begin, end.
    large: Option<(Vec<u8>, usize, usize)>,
    blocks: Blocks,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            input: vec![0; READ + MAX_KEPT],
            output: vec![0; READ + MAX_KEPT],
            used: 0,
            large: None,
            blocks: Blocks::default(),
        }
    }

    /// Forgets the answers, also those to a connection that was given up before they were written.
    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.large = None;
    }

    /// Puts all answers into one buffer, for a broadcast.
    pub(crate) fn join_large(&mut self) {
        if let Some((block, begin, end)) = self.large.take() {
            let mut all = [&block[begin..end], &self.output[..self.used]].concat();
            self.used = all.len();
            all.resize(all.len().max(READ + MAX_KEPT), 0);
            self.output = all;
            self.blocks.give_back(block);
        }
    }
}

pub(crate) struct Connection {
    socket: OwnedFd,
    state: State,
    /// The beginning of what is not complete.
    rest: Vec<u8>,
    large: Option<Box<Large>>,
    unsent: Option<Box<Unsent>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Raw,
    Handshake,
    Open,
}

/// What the socket did not take.
struct Unsent {
    bytes: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Connection {
    pub(crate) const fn new(socket: OwnedFd, kind: Kind) -> Self {
        Self {
            socket,
            state: match kind {
                Kind::Raw => State::Raw,
                Kind::WebSocket => State::Handshake,
            },
            rest: Vec::new(),
            large: None,
            unsent: None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Reads once, and puts the answers into the scratch.
    pub(crate) fn read(&mut self, scratch: &mut Scratch) -> io::Result<Outcome> {
        if self.state == State::Raw {
            scratch.used = some(read(&self.socket, &mut scratch.output[..READ]))?;
            return Ok(Outcome::Own);
        }
        let mut input = mem::take(&mut scratch.input);
        let outcome = self.read_into(&mut input, scratch);
        scratch.input = input;
        outcome
    }

    fn read_into(&mut self, input: &mut [u8], scratch: &mut Scratch) -> io::Result<Outcome> {
        if let Some(large) = self.large.take() {
            return self.read_large(large, input, scratch);
        }
        let kept = self.rest.len();
        input[..kept].copy_from_slice(&self.rest);
        self.rest = Vec::new();
        let count = some(read(&self.socket, &mut input[kept..][..READ]))?;
        let input = &input[..kept + count];
        if self.state == State::Handshake {
            return self.shake_hands(input, scratch);
        }
        self.answer(input, scratch)
    }

    /// Reads the rest of a large frame; behind its end also what follows, in the same call.
    fn read_large(
        &mut self,
        mut large: Box<Large>,
        input: &mut [u8],
        scratch: &mut Scratch,
    ) -> io::Result<Outcome> {
        let room = large.room();
        let wanted = room.len().min(LARGE_READ);
        let count = if wanted == room.len() {
            let buffers = &mut [IoSliceMut::new(room), IoSliceMut::new(&mut input[..READ])];
            some(readv(&self.socket, buffers))?
        } else {
            some(read(&self.socket, &mut room[..wanted]))?
        };
        large.advance(count.min(wanted)).map_err(refused)?;
        if !large.is_complete() {
            self.large = Some(large);
            return Ok(Outcome::Nothing);
        }
        scratch.large = Some(large.into_answer());
        match self.answer(&input[..count - wanted], scratch)? {
            Outcome::Closing => Ok(Outcome::Closing),
            _ => Ok(Outcome::Messages),
        }
    }

    fn shake_hands(&mut self, input: &[u8], scratch: &mut Scratch) -> io::Result<Outcome> {
        let Some(end) = handshake::head_end(input) else {
            self.keep(input)?;
            return Ok(Outcome::Nothing);
        };
        let answer = handshake::answer(&input[..end]).ok_or(io::ErrorKind::InvalidData)?;
        scratch.output[..answer.len()].copy_from_slice(answer.as_bytes());
        scratch.used = answer.len();
        self.state = State::Open;
        // A client has to wait for the answer before it sends frames.
        Ok(Outcome::Own)
    }

    /// Answers all frames of a read, and keeps what is left of an incomplete one.
    fn answer(&mut self, mut input: &[u8], scratch: &mut Scratch) -> io::Result<Outcome> {
        let mut outcome = Outcome::Nothing;
        while let Some(header) = Header::parse(input).map_err(refused)? {
            let rest = &input[header.size..];
            let Some((payload, behind)) = rest.split_at_checked(header.length) else {
                if header.length > LARGE {
                    let large = Large::new(&header, rest, &mut scratch.blocks).map_err(refused)?;
                    self.large = Some(Box::new(large));
                    return Ok(outcome);
                }
                break;
            };
            input = behind;
            let opcode = match header.opcode {
                PING => PONG,
                PONG => continue,
                opcode => opcode,
            };
            let output = &mut scratch.output[scratch.used..];
            let size = write_header(output, opcode, payload.len());
            let answer = &mut output[size..][..payload.len()];
            copy_unmasked(answer, payload, header.mask);
            if opcode == TEXT && simdutf8::basic::from_utf8(answer).is_err() {
                return Err(refused(Refused));
            }
            scratch.used += size + payload.len();
            match opcode {
                CLOSE => return Ok(Outcome::Closing),
                TEXT | BINARY => outcome = Outcome::Messages,
                _ if matches!(outcome, Outcome::Nothing) => outcome = Outcome::Own,
                _ => {}
            }
        }
        self.keep(input)?;
        Ok(outcome)
    }

    fn keep(&mut self, input: &[u8]) -> io::Result<()> {
        if input.len() > MAX_KEPT {
            return Err(refused(Refused));
        }
        self.rest = input.to_vec();
        Ok(())
    }

    /// Writes the answers in one call. What the socket does not take, waits; until it is written,
    /// nothing more is read.
    pub(crate) fn write(&mut self, epoll: &OwnedFd, scratch: &mut Scratch) -> io::Result<()> {
        if let Some(unsent) = &mut self.unsent {
            unsent.bytes.truncate(unsent.end);
            unsent
                .bytes
                .extend_from_slice(&scratch.output[..scratch.used]);
            unsent.end = unsent.bytes.len();
            return Ok(());
        }
        let output = &scratch.output[..scratch.used];
        let Some((block, begin, end)) = scratch.large.take() else {
            let count = written(write(&self.socket, output))?;
            if count < output.len() {
                return self.wait(epoll, output[count..].to_vec(), 0, output.len() - count);
            }
            return Ok(());
        };
        let parts = [IoSlice::new(&block[begin..end]), IoSlice::new(output)];
        let count = written(writev(&self.socket, &parts))?;
        let of_block = end - begin;
        if count == of_block + output.len() {
            scratch.blocks.give_back(block);
            return Ok(());
        }
        let mut block = block;
        let begin = begin + count.min(of_block);
        let output = &output[count.saturating_sub(of_block)..];
        block.truncate(end);
        block.extend_from_slice(output);
        let end = block.len();
        self.wait(epoll, block, begin, end)
    }

    fn wait(
        &mut self,
        epoll: &OwnedFd,
        bytes: Vec<u8>,
        begin: usize,
        end: usize,
    ) -> io::Result<()> {
        self.unsent = Some(Box::new(Unsent { bytes, begin, end }));
        wait_for(epoll, &self.socket, true)
    }

    /// Goes on with what the socket did not take.
    pub(crate) fn write_unsent(
        &mut self,
        epoll: &OwnedFd,
        scratch: &mut Scratch,
    ) -> io::Result<()> {
        let Some(unsent) = &mut self.unsent else {
            return Ok(());
        };
        unsent.begin += written(write(&self.socket, &unsent.bytes[unsent.begin..unsent.end]))?;
        if unsent.begin == unsent.end {
            let bytes = mem::take(&mut unsent.bytes);
            scratch.blocks.give_back(bytes);
            self.unsent = None;
            wait_for(epoll, &self.socket, false)?;
        }
        Ok(())
    }
}

/// What was read. Nothing is the end of the connection.
fn some(result: Result<usize, Errno>) -> io::Result<usize> {
    match result? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

fn written(result: Result<usize, Errno>) -> io::Result<usize> {
    match result {
        Err(Errno::AGAIN) => Ok(0),
        result => Ok(result?),
    }
}

fn refused(_: Refused) -> io::Error {
    io::ErrorKind::InvalidData.into()
}
