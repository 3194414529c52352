//! Messages that do not lie whole in the input: cut frames, fragments, compressed ones; control frames.

use alloc::{borrow::Cow, vec::Vec};
use core::mem;

use super::{
    Event,
    assemble::{self, Carry, Partial, lend, take},
};
use crate::{
    CloseCode, CloseFrame, Config, Kind, MessageRef, ProtocolError, Role, Text,
    deflate::Inflater,
    frame::{FrameHeader, MaskingKey, Opcode, apply_mask},
};

/// Each frame after the first costs its message this at least, so that floods of tiny ones meet the
/// limit.
const MIN_FRAME_COST: usize = 64;

/// With streaming, compressed bytes are inflated in steps of this many: they may become a thousand times
/// as many.
const INFLATE_STEP: usize = 1024;

/// What has begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Bytes of a header that the end of the input cut.
    header: Vec<u8>,
    /// The frame whose payload has not all come.
    frame: Option<Frame>,
    /// The message that has begun and not ended.
    message: Option<Open>,
    /// What came of it, where it could not be lent whole.
    partial: Option<Partial>,
    /// What came of a control frame that the end of the input cut.
    control: Vec<u8>,
    /// With streaming: the beginning of a character that was cut.
    carry: Carry,
}

#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    /// The key as it stands for the next byte of the payload.
    key: Option<MaskingKey>,
    remaining: u64,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    kind: Kind,
    /// What has come, each frame after the first at its least price.
    cost: usize,
    /// In how many frames it has come.
    frames: usize,
    /// What it has become, if it is compressed.
    inflated: Option<usize>,
}

impl Open {
    /// What may come for a message within `limit`. Of a compressed one what it becomes is counted while
    /// it is inflated; what cannot be compressed takes up to an eighth more than itself, and a flush for
    /// each fragment.
    const fn max_cost(self, limit: usize) -> usize {
        match self.inflated {
            None => limit,
            Some(_) => limit.saturating_add(limit / 4).saturating_add(1024),
        }
    }
}

impl Pieces {
    /// Whether nothing has begun: what else there is belongs to the frame or the message.
    pub(super) const fn is_empty(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    pub(super) const fn is_inside_message(&self) -> bool {
        self.message.is_some()
    }

    pub(super) fn missing(&self) -> u64 {
        self.frame.as_ref().map_or(0, |frame| frame.remaining)
    }

    /// The next event in `input`; `None` once it is used up.
    pub(super) fn next<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        role: Role,
        mut inflater: Option<&mut Inflater>,
        config: &Config,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.begin_frame(input, role, inflater.is_some(), config)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            if frame.remaining > 0 && input.is_empty() {
                self.frame = Some(frame);
                return Ok(None);
            }
            let is_compressed = self
                .message
                .is_some_and(|message| message.inflated.is_some());
            let most = if config.streaming && is_compressed {
                INFLATE_STEP
            } else {
                usize::MAX
            };
            let piece = frame.take_payload(input, most);
            let event = if frame.opcode.is_control() {
                self.control_piece(&frame, piece)?
            } else if is_compressed {
                self.compressed_piece(&frame, piece, inflater.as_deref_mut(), config)?
            } else if config.streaming {
                let fragment = self.streamed_piece(&frame, piece)?;
                fragment.map(|fragment| Event::Fragment(fragment, frame.ends_message()))
            } else {
                self.data_piece(&frame, piece, config.limits.message)?
            };
            if frame.remaining > 0 {
                self.frame = Some(frame);
            }
            if event.is_some() || input.is_empty() {
                return Ok(event);
            }
        }
    }

    /// Reads the header of the next frame and holds it against the message that it belongs to.
    fn begin_frame(
        &mut self,
        input: &mut &mut [u8],
        role: Role,
        may_be_compressed: bool,
        config: &Config,
    ) -> Result<Option<Frame>, ProtocolError> {
        let Some(header) = self.read_header(input, role, may_be_compressed)? else {
            return Ok(None);
        };
        let limit = config.limits.frame;
        let len = match usize::try_from(header.payload_len) {
            Ok(len) if len <= limit || header.opcode.is_control() => len,
            _ => return Err(ProtocolError::FrameTooBig { limit }),
        };
        match (header.opcode, self.message.as_mut()) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {}
            (Opcode::Continuation, None) => return Err(ProtocolError::UnexpectedContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(ProtocolError::ExpectedContinuation);
            }
            (Opcode::Continuation, Some(message)) => {
                message.cost = message.cost.saturating_add(len.max(MIN_FRAME_COST));
                message.frames = message.frames.saturating_add(1);
                let limit = config.limits.fragments;
                if !config.streaming && message.frames > limit.max(1) {
                    return Err(ProtocolError::TooManyFragments { limit });
                }
            }
            (Opcode::Text | Opcode::Binary, None) => {
                self.message = header.opcode.kind().map(|kind| Open {
                    kind,
                    cost: len,
                    frames: 1,
                    inflated: header.compressed.then_some(0),
                });
            }
        }
        let limit = config.limits.message;
        let is_over = |message: Open| message.cost > message.max_cost(limit);
        if !config.streaming && self.message.is_some_and(is_over) {
            return Err(ProtocolError::MessageTooBig { limit });
        }
        Ok(Some(Frame {
            opcode: header.opcode,
            fin: header.fin,
            key: header.masking_key,
            remaining: header.payload_len,
        }))
    }

    fn read_header(
        &mut self,
        input: &mut &mut [u8],
        role: Role,
        may_be_compressed: bool,
    ) -> Result<Option<FrameHeader>, ProtocolError> {
        if self.header.is_empty() {
            return match decode(input, role, may_be_compressed)? {
                Some((header, len)) => {
                    take(input, len);
                    Ok(Some(header))
                }
                None => {
                    self.header.extend_from_slice(input);
                    *input = &mut [];
                    Ok(None)
                }
            };
        }
        // Rare: the header was cut. Byte by byte, so that no byte of the payload is taken with it.
        while let Some(&byte) = input.first() {
            take(input, 1);
            self.header.push(byte);
            if let Some((header, _)) = decode(&self.header, role, may_be_compressed)? {
                self.header = Vec::new();
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    fn data_piece<'b>(
        &mut self,
        frame: &Frame,
        piece: &'b [u8],
        limit: usize,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let Some(message) = self.message else {
            return Err(ProtocolError::UnexpectedContinuation);
        };
        let ends = frame.ends_message();
        let whole = match self.partial.take() {
            None if ends => lend(message.kind, piece)?,
            partial => {
                let mut partial = partial.unwrap_or_else(|| {
                    // What the peer only announces costs it nothing, so it buys no more than what came.
                    let missing = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
                    let room = piece.len().saturating_add(missing.min(piece.len()));
                    Partial::with_capacity(message.kind, room)
                });
                partial.push(piece, limit)?;
                if !ends {
                    self.partial = Some(partial);
                    return Ok(None);
                }
                partial.finish()?
            }
        };
        self.message = None;
        Ok(Some(Event::Message(whole)))
    }

    fn compressed_piece<'b>(
        &mut self,
        frame: &Frame,
        piece: &[u8],
        inflater: Option<&mut Inflater>,
        config: &Config,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        let (Some(message), Some(inflater)) = (&mut self.message, inflater) else {
            return Err(ProtocolError::ReservedBits);
        };
        let ends = frame.ends_message();
        if config.streaming {
            let mut inflated = Vec::new();
            let done = inflater.inflate(piece, ends, |piece| {
                inflated.extend_from_slice(piece);
                Ok(())
            });
            if let Err(fault) = done {
                // The first fault counts, however much was read at once.
                if message.kind == Kind::Text {
                    self.carry.text(&inflated)?;
                }
                return Err(fault);
            }
            let fragment = self.streamed_piece(frame, &inflated)?;
            return Ok(fragment.map(|fragment| Event::Fragment(fragment.into_owned(), ends)));
        }
        let mut partial = match self.partial.take() {
            Some(partial) => partial,
            None => Partial::with_capacity(message.kind, 0),
        };
        let (limit, mut total) = (config.limits.message, message.inflated.unwrap_or(0));
        inflater.inflate(piece, ends, |piece| {
            let room = limit.saturating_sub(total);
            total = total.saturating_add(piece.len());
            // The first fault counts, however much was read at once.
            partial.push(piece.get(..room).unwrap_or(piece), limit)?;
            if total > limit {
                return Err(ProtocolError::MessageTooBig { limit });
            }
            Ok(())
        })?;
        message.inflated = Some(total);
        if !ends {
            self.partial = Some(partial);
            return Ok(None);
        }
        self.message = None;
        Ok(Some(Event::Message(partial.finish()?)))
    }

    fn streamed_piece<'b>(
        &mut self,
        frame: &Frame,
        piece: &'b [u8],
    ) -> Result<Option<MessageRef<'b>>, ProtocolError> {
        let Some(message) = self.message else {
            return Err(ProtocolError::UnexpectedContinuation);
        };
        let ends = frame.ends_message();
        let fragment = match message.kind {
            Kind::Text => MessageRef::Text(self.carry.text(piece)?),
            Kind::Binary => MessageRef::Binary(Cow::Borrowed(piece)),
        };
        if ends {
            self.carry.must_be_empty()?;
            self.message = None;
        } else if fragment.as_bytes().is_empty() {
            return Ok(None);
        }
        Ok(Some(fragment))
    }

    fn control_piece<'b>(
        &mut self,
        frame: &Frame,
        piece: &'b [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        if frame.remaining > 0 {
            self.control.extend_from_slice(piece);
            return Ok(None);
        }
        let payload = if self.control.is_empty() {
            Cow::Borrowed(piece)
        } else {
            self.control.extend_from_slice(piece);
            Cow::Owned(mem::take(&mut self.control))
        };
        Ok(Some(match frame.opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => Event::Close(close_frame(&payload)?),
        }))
    }
}

impl Frame {
    /// Whether its message ends with what was taken of it.
    const fn ends_message(&self) -> bool {
        self.fin && self.remaining == 0
    }

    /// Takes from `input` what it has of the payload, unmasked, at most `most` bytes.
    #[inline]
    fn take_payload<'b>(&mut self, input: &mut &'b mut [u8], most: usize) -> &'b [u8] {
        let most = most.min(input.len());
        let len = usize::try_from(self.remaining).map_or(most, |remaining| remaining.min(most));
        let piece = take(input, len);
        self.remaining = self.remaining.saturating_sub(len as u64);
        if let Some(key) = &mut self.key {
            *key = apply_mask(piece, *key);
        }
        piece
    }
}

/// RFC 6455 §5.2 and RFC 7692 §6: RSV1 has a meaning only where compression was agreed on.
fn decode(
    bytes: &[u8],
    role: Role,
    may_be_compressed: bool,
) -> Result<Option<(FrameHeader, usize)>, ProtocolError> {
    if !may_be_compressed && FrameHeader::begins_compressed(bytes) {
        return Err(ProtocolError::ReservedBits);
    }
    FrameHeader::decode(bytes, role)
}

/// RFC 6455 §5.5.1, §7.4: nothing, or a code that may be sent and a reason in UTF-8.
fn close_frame(payload: &[u8]) -> Result<CloseFrame, ProtocolError> {
    let (code, reason) = match payload {
        [] => return Ok(CloseFrame::new(CloseCode::NO_STATUS, "")),
        [_] => return Err(ProtocolError::InvalidCloseLength),
        [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
    };
    if !code.can_be_sent() {
        return Err(ProtocolError::InvalidCloseCode(code.0));
    }
    match assemble::check(reason) {
        Ok(reason) => Ok(CloseFrame {
            code,
            reason: Text::from(reason),
        }),
        Err(_) => Err(ProtocolError::InvalidCloseReason),
    }
}
