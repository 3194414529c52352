//! A frame that does not fit a read: its payload is read straight into a block of its own.

use crate::frame::{self, BINARY, Header, MAX_HEADER, Refused, TEXT, unmask};

/// How many blocks are kept for the next large frames: fresh memory costs more than all work on it.
const KEPT: usize = 64;

/// Memory for a frame. Its front is for the header of the answer.
#[derive(Default)]
pub(crate) struct Blocks {
    free: Vec<Vec<u8>>,
}

impl Blocks {
    fn take(&mut self, size: usize) -> Vec<u8> {
        let mut block = self.free.pop().unwrap_or_default();
        if block.len() < size {
            block.resize(size, 0);
        }
        block
    }

    pub(crate) fn give_back(&mut self, block: Vec<u8>) {
        if self.free.len() < KEPT {
            self.free.push(block);
        }
    }
}

pub(crate) struct Large {
    block: Vec<u8>,
    received: usize,
    /// Where what is known to be UTF-8 ends.
    checked: usize,
    end: usize,
    mask: [u8; 4],
    is_text: bool,
}

impl Large {
    /// Begins with what came together with the header.
    pub(crate) fn new(header: &Header, begin: &[u8], blocks: &mut Blocks) -> Result<Self, Refused> {
        let end = MAX_HEADER + header.length;
        let mut large = Self {
            block: blocks.take(end),
            received: MAX_HEADER,
            checked: MAX_HEADER,
            end,
            mask: header.mask,
            is_text: header.opcode == TEXT,
        };
        large.block[MAX_HEADER..][..begin.len()].copy_from_slice(begin);
        large.advance(begin.len())?;
        Ok(large)
    }

    /// Where the next bytes belong.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.block[self.received..self.end]
    }

    pub(crate) const fn is_complete(&self) -> bool {
        self.received == self.end
    }

    /// Unmasks and checks what was read into the room, while the processor still has it at hand.
    pub(crate) fn advance(&mut self, count: usize) -> Result<(), Refused> {
        unmask(&mut self.block[self.received..][..count], self.mask);
        self.mask.rotate_left(count % 4);
        self.received += count;
        if !self.is_text {
            return Ok(());
        }
        let unchecked = &self.block[self.checked..self.received];
        match simdutf8::compat::from_utf8(unchecked) {
            Ok(_) => self.checked = self.received,
            // A character that is only partly here.
            Err(error) if error.error_len().is_none() && !self.is_complete() => {
                self.checked += error.valid_up_to();
            }
            Err(_) => return Err(Refused),
        }
        Ok(())
    }

    /// The block as an answer, and where in it the answer begins and ends.
    pub(crate) fn into_answer(mut self) -> (Vec<u8>, usize, usize) {
        let mut header = [0; MAX_HEADER];
        let opcode = if self.is_text { TEXT } else { BINARY };
        let size = frame::write_header(&mut header, opcode, self.end - MAX_HEADER);
        let start = MAX_HEADER - size;
        self.block[start..MAX_HEADER].copy_from_slice(&header[..size]);
        (self.block, start, self.end)
    }
}
