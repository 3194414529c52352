//! What all judges are given: bytes, where reads end, and the settings of the connection that reads them.

use bowsprit_proto::{
    Role,
    frame::{FrameHeader, Opcode},
};

/// What was agreed on for messages from the peer; the other direction is never used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub takeover: bool,
    pub window_bits: u8,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub seed: u64,
    /// Of the end that reads.
    pub role: Role,
    pub deflate: Option<Agreement>,
    pub max_message: usize,
    pub max_frame: usize,
    /// Before which read the reader starts the closing handshake.
    pub closes_before: Option<usize>,
    pub bytes: Vec<u8>,
    /// Where each read ends; the last one at the end of `bytes`.
    pub cuts: Vec<usize>,
}

impl Case {
    /// The bytes, read by read.
    pub fn reads(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        self.cuts.iter().map(move |&to| {
            let read = &self.bytes[from..to];
            from = to;
            read
        })
    }

    /// The same with zeros behind it: more than any frame that may be taken has left.
    pub fn followed_by_zeros(&self) -> Self {
        let mut longer = self.clone();
        longer
            .bytes
            .resize(self.bytes.len() + self.max_frame + 64, 0);
        longer.cuts.push(longer.bytes.len());
        longer
    }

    /// The same, but what is text becomes data, so that nobody looks at its characters.
    pub fn with_binary_for_text(&self) -> Self {
        let mut copy = self.clone();
        let mut at = 0;
        while let Ok(Some((header, len))) = FrameHeader::decode(&self.bytes[at..], self.role) {
            if header.opcode == Opcode::Text {
                copy.bytes[at] ^= 3;
            }
            let payload = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
            at = at
                .saturating_add(len)
                .saturating_add(payload)
                .min(self.bytes.len());
        }
        copy
    }
}
