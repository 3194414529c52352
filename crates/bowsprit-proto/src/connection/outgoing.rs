//! The write strand: messages and control frames to bytes (RFC 6455 §5.4, §6.1).

use alloc::{collections::VecDeque, vec::Vec};
use core::{iter, mem};

use bytes::Buf;

use super::{SHARE_FROM, Shared};
use crate::{
    CloseCode, CloseFrame, Kind, Message, MessageRef, SendError,
    frame::{FrameHeader, MaskingKey, Opcode, apply_mask},
};

/// With more than this queued, one pong is enough: of further ones only the latest is kept until it
/// has left (RFC 6455 §5.5.3).
const PONG_BACKLOG: usize = 16 * 1024;

/// What is written already is cut off once it is this much and half of the buffer.
const COMPACT_FROM: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Outgoing {
    /// Present in a client, which masks what it sends.
    masking_keys: Option<fn() -> MaskingKey>,
    /// Encoded frames; `written` bytes of them are gone.
    buffer: Vec<u8>,
    written: usize,
    /// Large payloads that go between them, in order.
    shared: VecDeque<Shared>,
    queued: usize,
    /// The kind of the message that is being sent in fragments.
    inside: Option<Kind>,
    /// How much of the queue ends with the pong that was queued last.
    up_to_pong: usize,
    /// The latest pong that waits for that one to leave.
    late_pong: Option<Vec<u8>>,
}

impl Outgoing {
    pub(super) const fn new(masking_keys: Option<fn() -> MaskingKey>) -> Self {
        Self {
            masking_keys,
            buffer: Vec::new(),
            written: 0,
            shared: VecDeque::new(),
            queued: 0,
            inside: None,
            up_to_pong: 0,
            late_pong: None,
        }
    }

    #[inline]
    pub(super) fn message(&mut self, message: &MessageRef<'_>) {
        self.frame(true, opcode(message.kind()), message.as_bytes());
    }

    pub(super) fn shared(&mut self, message: Message) {
        if self.masking_keys.is_some() || message.as_bytes().len() < SHARE_FROM {
            return self.message(&MessageRef::from(&message));
        }
        let opcode = opcode(message.kind());
        let payload = message.into_bytes();
        let before = self.buffer.len();
        self.header(true, opcode, payload.len(), None);
        self.queued += self.buffer.len() - before + payload.len();
        self.shared.push_back(Shared {
            at: self.buffer.len(),
            payload,
        });
    }

    pub(super) fn fragment(
        &mut self,
        fragment: &MessageRef<'_>,
        last: bool,
    ) -> Result<(), SendError> {
        let kind = fragment.kind();
        let opcode = match self.inside {
            None => opcode(kind),
            Some(begun) if begun == kind => Opcode::Continuation,
            Some(_) => return Err(SendError::InsideMessage),
        };
        self.inside = (!last).then_some(kind);
        self.frame(last, opcode, fragment.as_bytes());
        Ok(())
    }

    pub(super) fn ping(&mut self, payload: &[u8]) {
        self.frame(true, Opcode::Ping, payload);
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        if self.queued > PONG_BACKLOG && self.up_to_pong > 0 {
            self.late_pong = Some(payload.to_vec());
        } else {
            self.frame(true, Opcode::Pong, payload);
            self.up_to_pong = self.queued;
        }
    }

    /// The last frame of a connection; nothing may be queued behind it.
    pub(super) fn close(&mut self, frame: &CloseFrame) {
        self.late_pong = None;
        if frame.code == CloseCode::NO_STATUS {
            return self.frame(true, Opcode::Close, &[]);
        }
        let mut payload = Vec::with_capacity(2 + frame.reason.len());
        payload.extend_from_slice(&frame.code.0.to_be_bytes());
        payload.extend_from_slice(frame.reason.as_bytes());
        self.frame(true, Opcode::Close, &payload);
    }

    pub(super) const fn is_inside_message(&self) -> bool {
        self.inside.is_some()
    }

    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.written;
        let between = self.shared.iter().flat_map(move |shared| {
            let encoded = self.buffer.get(mem::replace(&mut at, shared.at)..shared.at);
            [encoded.unwrap_or_default(), &shared.payload]
        });
        let last_at = self.shared.back().map_or(self.written, |shared| shared.at);
        let rest = self.buffer.get(last_at..).unwrap_or_default();
        between
            .chain(iter::once(rest))
            .filter(|piece| !piece.is_empty())
    }

    #[inline]
    pub(super) fn written(&mut self, len: usize) {
        if len >= self.queued {
            self.clear();
        } else {
            self.partly_written(len);
        }
        self.up_to_pong = self.up_to_pong.saturating_sub(len);
        // Before a newer ping is answered, and even if the queue never runs dry.
        if (self.up_to_pong == 0 || self.queued <= PONG_BACKLOG)
            && let Some(payload) = self.late_pong.take()
        {
            self.pong(&payload);
        }
    }

    pub(super) fn discard(&mut self) {
        self.late_pong = None;
        self.clear();
        self.buffer = Vec::new();
    }

    pub(super) fn take_buffer(&mut self) -> Option<Vec<u8>> {
        (self.queued == 0 && self.buffer.capacity() > 0).then(|| mem::take(&mut self.buffer))
    }

    pub(super) fn lend_buffer(&mut self, buffer: Vec<u8>) {
        if self.buffer.capacity() == 0 {
            self.buffer = buffer;
            self.buffer.clear();
        }
    }

    #[inline]
    fn frame(&mut self, fin: bool, opcode: Opcode, payload: &[u8]) {
        let before = self.buffer.len();
        let key = self.masking_keys.map(|next_key| next_key());
        self.buffer.reserve(FrameHeader::MAX_LEN + payload.len());
        self.header(fin, opcode, payload.len(), key);
        let start = self.buffer.len();
        self.buffer.extend_from_slice(payload);
        if let Some((key, payload)) = key.zip(self.buffer.get_mut(start..)) {
            apply_mask(payload, key);
        }
        self.queued += self.buffer.len() - before;
    }

    #[inline]
    fn header(&mut self, fin: bool, opcode: Opcode, len: usize, masking_key: Option<MaskingKey>) {
        FrameHeader {
            fin,
            opcode,
            masking_key,
            payload_len: len as u64,
        }
        .encode(&mut self.buffer);
    }

    fn clear(&mut self) {
        self.up_to_pong = 0;
        self.buffer.clear();
        self.shared.clear();
        self.written = 0;
        self.queued = 0;
    }

    fn partly_written(&mut self, mut len: usize) {
        self.queued -= len;
        while len > 0 {
            let boundary = self
                .shared
                .front()
                .map_or(self.buffer.len(), |shared| shared.at);
            if self.written < boundary {
                let step = len.min(boundary - self.written);
                self.written += step;
                len -= step;
            } else if let Some(shared) = self.shared.front_mut() {
                let step = len.min(shared.payload.len());
                shared.payload.advance(step);
                len -= step;
                if shared.payload.is_empty() {
                    self.shared.pop_front();
                }
            } else {
                break;
            }
        }
        if self.written >= COMPACT_FROM && self.written >= self.buffer.len() / 2 {
            self.buffer.drain(..self.written);
            for shared in &mut self.shared {
                shared.at -= self.written;
            }
            self.written = 0;
        }
    }
}

const fn opcode(kind: Kind) -> Opcode {
    match kind {
        Kind::Text => Opcode::Text,
        Kind::Binary => Opcode::Binary,
    }
}
