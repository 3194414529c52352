//! All frames that a connection sends, masked and compressed ahead of time, one after another.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::{Outcome, options::Options, payload, wire};

pub(crate) struct Tape {
    pub(crate) bytes: Vec<u8>,
    /// Where each frame starts, and where the last one ends.
    bounds: Vec<usize>,
    /// What the first frame says.
    pub(crate) first: Vec<u8>,
}

/// What permessage-deflate takes off the end of a message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

impl Tape {
    pub(crate) fn new(options: &Options) -> Outcome<Self> {
        let compressed = options.deflate.is_some();
        let opcode = options.payload.opcode();
        let bodies = (0..options.variety)
            .map(|serial| {
                let plain = payload::payload(options.payload, options.size, serial);
                if compressed {
                    deflate(&plain)
                } else {
                    Ok(plain)
                }
            })
            .collect::<Outcome<Vec<_>>>()?;

        let mut noise = payload::Noise(88_172_645_463_325_252);
        let (mut bytes, mut bounds) = (Vec::new(), vec![0]);
        // Whole turns, and at least one window.
        for _ in 0..options.inflight.div_ceil(options.variety) {
            for body in &bodies {
                let [a, b, c, d, ..] = noise.next().to_le_bytes();
                // No byte of the mask is zero: a server that forgets to unmask must be found out.
                let mask = [a | 1, b | 1, c | 1, d | 1];
                wire::client_frame(&mut bytes, opcode, compressed, body, mask);
                bounds.push(bytes.len());
            }
        }
        let first = payload::payload(options.payload, options.size, 0);
        Ok(Self {
            bytes,
            bounds,
            first,
        })
    }

    pub(crate) fn frames(&self) -> usize {
        self.bounds.len() - 1
    }

    pub(crate) fn first_frame(&self) -> &[u8] {
        &self.bytes[..self.bounds[1]]
    }

    /// Bytes of `count` frames from the frame `from` on; after the last one comes the first.
    pub(crate) fn span(&self, from: usize, count: usize) -> usize {
        let end = from + count;
        match end.checked_sub(self.frames()) {
            None => self.bounds[end] - self.bounds[from],
            Some(over) => self.bytes.len() - self.bounds[from] + self.bounds[over],
        }
    }
}

/// A message compressed without any earlier context.
fn deflate(plain: &[u8]) -> Outcome<Vec<u8>> {
    let mut out = Vec::with_capacity(plain.len() * 2 + 256);
    Compress::new(Compression::new(6), false).compress_vec(plain, &mut out, FlushCompress::Sync)?;
    if !out.ends_with(&TAIL) {
        return Err("the compressor did not flush".into());
    }
    out.truncate(out.len() - TAIL.len());
    Ok(out)
}

pub(crate) fn inflate(body: &[u8], size: usize) -> Outcome<Vec<u8>> {
    let mut out = Vec::with_capacity(size + 64);
    let whole = [body, &TAIL].concat();
    Decompress::new(false).decompress_vec(&whole, &mut out, FlushDecompress::Sync)?;
    Ok(out)
}
