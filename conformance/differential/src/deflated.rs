//! Compressed payloads: right ones, and every way to be wrong that DEFLATE has.

use flate2::{Compress, Compression, FlushCompress};

use crate::{case::Agreement, rng::Rng};

/// What a sender has said so far, which later messages may refer to.
pub struct Sender {
    compress: Compress,
}

impl Sender {
    pub fn new() -> Self {
        Self {
            compress: Compress::new(Compression::new(6), false),
        }
    }

    /// What goes over the wire for `payload`, mostly as the agreement wants it.
    pub fn message(&mut self, rng: &mut Rng, payload: &[u8], agreement: Agreement) -> Vec<u8> {
        // Once in a while it refers to what it may not refer to.
        if !agreement.takeover && !rng.one_in(8) {
            self.compress.reset();
        }
        let mut wire = match rng.below(12) {
            0 => stored(payload, false),
            1 => [stored(payload, true), vec![0]].concat(),
            2 => self.finished(payload),
            3 => {
                let mut wire = self.finished(payload);
                self.compress.reset();
                wire.extend(self.flushed(payload));
                wire
            }
            4 => empty_blocks(rng),
            5 => far_back(&mut self.compress, rng),
            _ => self.flushed(payload),
        };
        if rng.one_in(5) {
            corrupt(rng, &mut wire);
        }
        wire
    }

    /// RFC 7692 §7.2.1: flushed, and without the four bytes that every flush ends with.
    fn flushed(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut wire = run(&mut self.compress, payload, FlushCompress::Sync);
        if wire.ends_with(&[0, 0, 0xFF, 0xFF]) {
            wire.truncate(wire.len() - 4);
        }
        wire
    }

    /// §7.2.3.4: with a final block, and mostly the byte of padding behind it.
    fn finished(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut wire = run(&mut self.compress, payload, FlushCompress::Finish);
        self.compress.reset();
        if !payload.len().is_multiple_of(3) {
            wire.push(0);
        }
        wire
    }
}

fn run(compress: &mut Compress, payload: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut wire = Vec::with_capacity(payload.len() + payload.len() / 8 + 128);
    compress
        .compress_vec(payload, &mut wire, flush)
        .expect("a compressor that has room");
    wire
}

/// §7.2.3.3: a block without compression.
fn stored(payload: &[u8], last: bool) -> Vec<u8> {
    let len = payload.len().min(0xFFFF) as u16;
    let mut wire = vec![u8::from(last)];
    wire.extend(len.to_le_bytes());
    wire.extend((!len).to_le_bytes());
    wire.extend(&payload[..usize::from(len)]);
    if !last {
        wire.push(0);
    }
    wire
}

fn empty_blocks(rng: &mut Rng) -> Vec<u8> {
    let mut wire = Vec::new();
    for _ in 0..rng.below(90) {
        match rng.below(3) {
            0 => wire.extend([0x00, 0x00, 0x00, 0xFF, 0xFF]),
            1 => wire.extend([0x02, 0x00]),
            _ => wire.extend([0x03, 0x00]),
        }
    }
    wire.push(0);
    wire
}

/// A repetition of something between 300 and 3000 bytes back, further than small windows reach.
fn far_back(compress: &mut Compress, rng: &mut Rng) -> Vec<u8> {
    let needle = rng.bytes(24);
    let distance = 300 + rng.below(2700);
    let filler: Vec<u8> = (0..distance).map(|at| (at % 7) as u8).collect();
    let mut wire = run(
        compress,
        &[&needle[..], &filler, &needle].concat(),
        FlushCompress::Sync,
    );
    wire.truncate(wire.len().saturating_sub(4));
    wire
}

fn corrupt(rng: &mut Rng, wire: &mut Vec<u8>) {
    match rng.below(5) {
        0 => wire.truncate(rng.below(wire.len() + 1)),
        1 => wire.extend(rng.bytes(3)),
        2 => {
            let len = rng.below(40);
            *wire = rng.bytes(len);
        }
        3 => wire.extend([0x00, 0x00, 0xFF, 0xFF]),
        _ => {
            for _ in 0..=rng.below(3) {
                if !wire.is_empty() {
                    let at = rng.below(wire.len());
                    wire[at] ^= 1 << rng.below(8);
                }
            }
        }
    }
}
