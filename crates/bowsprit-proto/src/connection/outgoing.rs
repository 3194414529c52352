//! The write strand: messages and control frames to bytes (RFC 6455 §5.4, §6.1).

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::{iter, mem};

use bytes::{Buf, Bytes};

use crate::{
    CloseCode, CloseFrame, Compressed, Kind, Message, MessageRef, Prepared, Role, SendError,
    deflate::Compressor,
    frame::{FrameHeader, MaskingKey, Opcode, append_masked, apply_mask},
};

/// With more than this queued, one pong is enough: of further ones only the latest is kept until it
/// has left (RFC 6455 §5.5.3).
const PONG_BACKLOG: usize = 16 * 1024;

/// What is written already is cut off once it is this much and half of the buffer.
const COMPACT_FROM: usize = 64 * 1024;

/// A frame that many connections send is kept by reference from here on: what is copied leaves the
/// processor's cache sooner than what one connection sends.
const SHARE_PREPARED_FROM: usize = 1024;

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
    /// The message that is being sent in fragments.
    inside: Option<Inside>,
    /// Present where compression was agreed on.
    compressor: Option<Box<Compressor>>,
    /// How much of the queue ends with the pong that was queued last.
    up_to_pong: usize,
    /// The latest pong that waits for that one to leave.
    late_pong: Option<Box<[u8]>>,
}

/// A payload that is queued by reference, and where it goes.
#[derive(Debug)]
struct Shared {
    /// The position in the buffer in front of which the payload is written.
    at: usize,
    payload: Bytes,
}

#[derive(Clone, Copy, Debug)]
struct Inside {
    kind: Kind,
    compressed: bool,
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
            compressor: None,
            up_to_pong: 0,
            late_pong: None,
        }
    }

    pub(super) fn set_compressor(&mut self, compressor: Option<Box<Compressor>>) {
        self.compressor = compressor;
    }

    #[inline]
    pub(super) fn message(&mut self, message: &MessageRef<'_>) {
        let (opcode, payload) = (Opcode::of(message.kind()), message.as_bytes());
        if self.compressor.is_none() || !self.compressed(opcode, payload) {
            self.frame(true, opcode, payload);
        }
    }

    /// A large message, which a server does not copy.
    pub(super) fn shared(&mut self, message: Message) {
        let (opcode, len) = (Opcode::of(message.kind()), message.as_bytes().len());
        if self.compressed(opcode, message.as_bytes()) {
            return;
        }
        if self.masking_keys.is_some() {
            return self.frame(true, opcode, message.as_bytes());
        }
        let before = self.buffer.len();
        FrameHeader::new(true, opcode, len as u64).encode(&mut self.buffer);
        self.count_from(before);
        self.share(message.into_bytes());
    }

    pub(super) fn prepared(&mut self, message: &Prepared) {
        let len = message.message().as_bytes().len();
        let compressor = self.compressor.as_mut().filter(|own| own.wants(len));
        let compressed = compressor.and_then(|own| {
            let frame = message.compressed(own.kind())?;
            // It became part of the peer's context without being part of ours.
            own.forget();
            own.count_prepared(len, payload_len(frame));
            Some(frame)
        });
        let frame = compressed.unwrap_or_else(|| message.plain());
        if self.masking_keys.is_some() {
            return self.masked_copy(frame);
        }
        if frame.len() >= SHARE_PREPARED_FROM {
            return self.share(frame.clone());
        }
        self.buffer.extend_from_slice(frame);
        self.queued = self.queued.saturating_add(frame.len());
    }

    pub(super) fn fragment(
        &mut self,
        fragment: &MessageRef<'_>,
        last: bool,
    ) -> Result<(), SendError> {
        let (kind, payload) = (fragment.kind(), fragment.as_bytes());
        let (opcode, message) = match self.inside {
            None => {
                let compressor = self.compressor.as_ref();
                let compressed = compressor.is_some_and(|own| own.wants(payload.len()));
                (Opcode::of(kind), Inside { kind, compressed })
            }
            Some(begun) if begun.kind == kind => (Opcode::Continuation, begun),
            Some(_) => return Err(SendError::InsideMessage),
        };
        self.inside = (!last).then_some(message);
        match &mut self.compressor {
            Some(compressor) if message.compressed => {
                let key = self.masking_keys.map(|next_key| next_key());
                let start = self.buffer.len();
                compressor.fragment(payload, last, &mut self.buffer);
                self.finish_frame(start, last, opcode, key);
            }
            _ => self.frame(last, opcode, payload),
        }
        Ok(())
    }

    /// The connection is quiet: what makes the next message cheaper is not worth its memory.
    pub(super) fn rest(&mut self) {
        if let Some(compressor) = self.compressor.as_mut().filter(|_| self.inside.is_none()) {
            compressor.forget();
        }
    }

    pub(super) fn ping(&mut self, payload: &[u8]) {
        self.frame(true, Opcode::Ping, payload);
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        if self.queued > PONG_BACKLOG && self.up_to_pong > 0 {
            self.late_pong = Some(payload.into());
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
        let mut payload = Vec::with_capacity(frame.reason.len().saturating_add(2));
        payload.extend_from_slice(&frame.code.0.to_be_bytes());
        payload.extend_from_slice(frame.reason.as_bytes());
        self.frame(true, Opcode::Close, &payload);
    }

    /// What was compressed of all that was queued; `None` where that was not agreed on, or cannot be done.
    pub(super) fn counts(&self) -> Option<Compressed> {
        self.compressor.as_ref().map(|own| own.counts())
    }

    pub(super) const fn is_inside_message(&self) -> bool {
        self.inside.is_some()
    }

    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    #[inline]
    pub(super) fn whole(&self) -> Option<&[u8]> {
        let is_whole = self.shared.is_empty() && self.queued > 0;
        self.buffer.get(self.written..).filter(|_| is_whole)
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
        if self.late_pong.is_some() {
            self.pong_late();
        }
    }

    /// Before a newer ping is answered, and even if the queue never runs dry.
    #[cold]
    fn pong_late(&mut self) {
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
        if let Some(compressor) = &mut self.compressor {
            compressor.forget();
        }
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
        let header = FrameHeader::new(fin, opcode, payload.len() as u64);
        self.encode(header, payload);
    }

    #[inline]
    fn encode(&mut self, mut header: FrameHeader, payload: &[u8]) {
        let before = self.buffer.len();
        header.masking_key = self.masking_keys.map(|next_key| next_key());
        self.buffer
            .reserve(payload.len().saturating_add(FrameHeader::MAX_LEN));
        header.encode(&mut self.buffer);
        match header.masking_key {
            Some(key) => append_masked(&mut self.buffer, payload, key),
            None => self.buffer.extend_from_slice(payload),
        }
        self.count_from(before);
    }

    /// Whether the message was worth compressing, and so is queued.
    fn compressed(&mut self, opcode: Opcode, payload: &[u8]) -> bool {
        let start = self.buffer.len();
        match &mut self.compressor {
            Some(compressor) if compressor.wants(payload.len()) => {
                let key = self.masking_keys.map(|next_key| next_key());
                if !compressor.message(payload, &mut self.buffer) {
                    return false;
                }
                self.finish_frame(start, true, opcode, key);
                true
            }
            _ => false,
        }
    }

    /// Makes a frame of the compressed payload that stands at the end of the buffer from `start` on.
    ///
    /// The key was drawn before: drawing it is the caller's code, and may fail by a panic.
    fn finish_frame(
        &mut self,
        start: usize,
        fin: bool,
        opcode: Opcode,
        masking_key: Option<MaskingKey>,
    ) {
        let end = self.buffer.len();
        let payload_len = end.saturating_sub(start);
        let header = FrameHeader {
            // RFC 7692 §6.1: on the first frame of the message.
            compressed: opcode != Opcode::Continuation,
            masking_key,
            ..FrameHeader::new(fin, opcode, payload_len as u64)
        };
        header.encode(&mut self.buffer);
        let header_len = self.buffer.len().saturating_sub(end);
        if let Some(frame) = self.buffer.get_mut(start..) {
            // Its length, and so its header's, was not known before.
            frame.rotate_right(header_len);
            if let Some((key, payload)) = header.masking_key.zip(frame.get_mut(header_len..)) {
                apply_mask(payload, key);
            }
        }
        self.count_from(start);
    }

    /// Queues a frame that a server would send as it is.
    fn masked_copy(&mut self, frame: &[u8]) {
        if let Ok(Some((header, len))) = FrameHeader::decode(frame, Role::Client) {
            self.encode(header, frame.get(len..).unwrap_or_default());
        }
    }

    /// Counts what stands in the buffer from `before` on.
    #[inline]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "the buffer has grown since, and all that is queued lies in memory"
    )]
    fn count_from(&mut self, before: usize) {
        self.queued += self.buffer.len() - before;
    }

    fn share(&mut self, bytes: Bytes) {
        self.queued = self.queued.saturating_add(bytes.len());
        self.shared.push_back(Shared {
            at: self.buffer.len(),
            payload: bytes,
        });
    }

    fn clear(&mut self) {
        self.up_to_pong = 0;
        self.buffer.clear();
        if !self.shared.is_empty() {
            self.shared.clear();
        }
        self.written = 0;
        self.queued = 0;
    }

    fn partly_written(&mut self, mut len: usize) {
        self.queued = self.queued.saturating_sub(len);
        while len > 0 {
            let boundary = self
                .shared
                .front()
                .map_or(self.buffer.len(), |shared| shared.at);
            let unwritten = boundary.saturating_sub(self.written);
            if unwritten > 0 {
                let step = len.min(unwritten);
                self.written = self.written.saturating_add(step);
                len = len.saturating_sub(step);
            } else if let Some(shared) = self.shared.front_mut() {
                let step = len.min(shared.payload.len());
                shared.payload.advance(step);
                len = len.saturating_sub(step);
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
                shared.at = shared.at.saturating_sub(self.written);
            }
            self.written = 0;
        }
    }
}

/// How long the payload of a server's frame is.
fn payload_len(frame: &[u8]) -> usize {
    let header_len = match FrameHeader::decode(frame, Role::Client) {
        Ok(Some((_, len))) => len,
        _ => 0,
    };
    frame.len().saturating_sub(header_len)
}
