//! The read strand: bytes of the peer to messages and control frames (RFC 6455 §5.4, §6.2).

use alloc::boxed::Box;

use super::{
    Event,
    assemble::{lend, take},
    pieces::Pieces,
};
use crate::{
    Compressed, Config, Kind, MessageRef, ProtocolError, Role,
    deflate::Inflater,
    frame::{FrameHeader, apply_mask},
};

#[derive(Debug)]
pub(super) struct Incoming {
    role: Role,
    /// What has begun and not ended: a connection that waits for a message needs no room for it.
    pieces: Option<Box<Pieces>>,
    /// Present where compression was agreed on.
    inflater: Option<Box<Inflater>>,
}

impl Incoming {
    pub(super) const fn new(role: Role) -> Self {
        Self {
            role,
            pieces: None,
            inflater: None,
        }
    }

    pub(super) fn set_inflater(&mut self, inflater: Option<Box<Inflater>>) {
        self.inflater = inflater;
    }

    /// What was compressed of all that came; `None` where that was not agreed on.
    pub(super) fn counts(&self) -> Option<Compressed> {
        self.inflater.as_ref().map(|inflater| inflater.counts())
    }

    /// How much of a frame that has begun is still to come.
    pub(super) fn missing(&self) -> u64 {
        self.pieces.as_ref().map_or(0, |pieces| pieces.missing())
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_inside_message(&self) -> bool {
        self.pieces
            .as_ref()
            .is_some_and(|pieces| pieces.is_inside_message())
    }

    /// The next event in what [`whole_message`](Self::whole_message) leaves; `None` once it is used up.
    pub(super) fn next_in_pieces<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        config: &Config,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let inflater = self.inflater.as_deref_mut();
        if let Some(begun) = &mut self.pieces {
            let event = begun.next(input, self.role, inflater, config)?;
            if begun.is_empty() {
                self.pieces = None;
            }
            return Ok(event);
        }
        let mut pieces = Pieces::default();
        let event = pieces.next(input, self.role, inflater, config)?;
        if !pieces.is_empty() {
            self.pieces = Some(Box::new(pieces));
        }
        Ok(event)
    }

    /// The message at the beginning of `input` that is one frame and lies there whole, as most do.
    ///
    /// It needs none of the state that pieces need; to go without saves a fifth of what
    /// `examples/message_cost.rs` counts. All else is left in `input`, what is over a limit included.
    #[inline(always)]
    pub(super) fn whole_message<'b>(
        &self,
        input: &mut &'b mut [u8],
        config: &Config,
    ) -> Result<Option<MessageRef<'b>>, ProtocolError> {
        if self.pieces.is_some() || config.streaming {
            return Ok(None);
        }
        // Its first byte: FIN, no reserved bit, and the opcode.
        let kind = match input.first() {
            Some(0x81) => Kind::Text,
            Some(0x82) => Kind::Binary,
            _ => return Ok(None),
        };
        let Some((header, header_len)) = FrameHeader::decode(input, self.role)? else {
            return Ok(None);
        };
        let there = input.len().saturating_sub(header_len);
        let limit = config.limits.message.min(config.limits.frame);
        let len = match usize::try_from(header.payload_len) {
            Ok(len) if len <= there.min(limit) => len,
            _ => return Ok(None),
        };
        take(input, header_len);
        let payload = take(input, len);
        if let Some(key) = header.masking_key {
            apply_mask(payload, key);
        }
        lend(kind, payload).map(Some)
    }
}
