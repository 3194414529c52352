//! Messages that come in pieces, put together; their text checked while it arrives (RFC 6455 §8.1).

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::{mem, str};

use crate::{Kind, MessageRef, ProtocolError};

/// The beginning of a message whose end has not come yet.
#[derive(Debug)]
pub(super) enum Partial {
    Text(TextPieces),
    Binary(Vec<u8>),
}

impl Partial {
    /// With room for so many bytes.
    pub(super) fn with_capacity(kind: Kind, capacity: usize) -> Self {
        match kind {
            Kind::Text => Self::Text(TextPieces {
                text: String::with_capacity(capacity),
                carry: Carry::default(),
            }),
            Kind::Binary => Self::Binary(Vec::with_capacity(capacity)),
        }
    }

    /// Appends a piece of a message that becomes no longer than `most`.
    pub(super) fn push(&mut self, piece: &[u8], most: usize) -> Result<(), ProtocolError> {
        match self {
            Self::Text(pieces) => {
                let more = pieces.carry.len.saturating_add(piece.len());
                let text = &mut pieces.text;
                text.reserve_exact(growth(text.len(), text.capacity(), more, most));
                pieces.push(piece)?;
            }
            Self::Binary(data) => {
                data.reserve_exact(growth(data.len(), data.capacity(), piece.len(), most));
                data.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<MessageRef<'static>, ProtocolError> {
        Ok(match self {
            Self::Text(pieces) => {
                pieces.carry.must_be_empty()?;
                MessageRef::Text(Cow::Owned(pieces.text))
            }
            Self::Binary(data) => MessageRef::Binary(Cow::Owned(data)),
        })
    }
}

/// How much room to make behind `len` bytes for `more` of them: none if it is there, else twice as much as has
/// come. Left to itself the memory would grow to nearly twice the `most` that it can need.
fn growth(len: usize, capacity: usize, more: usize, most: usize) -> usize {
    let needed = len.saturating_add(more);
    if needed <= capacity {
        return 0;
    }
    needed
        .max(len.saturating_mul(2).min(most))
        .saturating_sub(len)
}

/// Text, and the beginning of a character that was cut.
#[derive(Debug, Default)]
pub(super) struct TextPieces {
    text: String,
    carry: Carry,
}

impl TextPieces {
    fn push(&mut self, piece: &[u8]) -> Result<(), ProtocolError> {
        let piece = self.carry.complete(piece, &mut self.text)?;
        let (whole, cut) = split_cut_character(piece);
        self.text.push_str(check(whole)?);
        self.carry.begin(cut)
    }
}

/// Checks the pieces of a text that is handed on piece by piece; cut characters wait here.
#[derive(Debug, Default)]
pub(super) struct Carry {
    bytes: [u8; 4],
    len: usize,
}

impl Carry {
    /// The piece as text that ends between two characters, preceded by what the last piece left over.
    pub(super) fn text<'b>(&mut self, piece: &'b [u8]) -> Result<Cow<'b, str>, ProtocolError> {
        if self.len == 0 {
            let (whole, cut) = split_cut_character(piece);
            let text = check(whole)?;
            self.begin(cut)?;
            return Ok(Cow::Borrowed(text));
        }
        let mut pieces = TextPieces {
            text: String::with_capacity(piece.len().saturating_add(4)),
            carry: mem::take(self),
        };
        pieces.push(piece)?;
        *self = pieces.carry;
        Ok(Cow::Owned(pieces.text))
    }

    /// A text that ends inside a character is not UTF-8, even if its last piece is empty.
    pub(super) const fn must_be_empty(&self) -> Result<(), ProtocolError> {
        if self.len == 0 {
            Ok(())
        } else {
            Err(ProtocolError::InvalidUtf8)
        }
    }

    /// Takes from `piece` what the cut character lacks; returns the rest.
    fn complete<'b>(
        &mut self,
        mut piece: &'b [u8],
        text: &mut String,
    ) -> Result<&'b [u8], ProtocolError> {
        while self.len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                break;
            };
            let Some(slot) = self.bytes.get_mut(self.len) else {
                return Err(ProtocolError::InvalidUtf8);
            };
            *slot = byte;
            self.len = self.len.saturating_add(1);
            piece = rest;
            match str::from_utf8(self.filled()) {
                Ok(character) => {
                    text.push_str(character);
                    self.len = 0;
                }
                // Fail fast: what can no longer become a character is refused before its end.
                Err(error) if error.error_len().is_some() => {
                    return Err(ProtocolError::InvalidUtf8);
                }
                Err(_) => {}
            }
        }
        Ok(piece)
    }

    fn begin(&mut self, cut: &[u8]) -> Result<(), ProtocolError> {
        let fault = str::from_utf8(cut)
            .err()
            .and_then(|error| error.error_len());
        if fault.is_some() {
            return Err(ProtocolError::InvalidUtf8);
        }
        for (slot, byte) in self.bytes.iter_mut().skip(self.len).zip(cut) {
            *slot = *byte;
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }

    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The text in `bytes`.
#[inline]
pub(super) fn check(bytes: &[u8]) -> Result<&str, ProtocolError> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| ProtocolError::InvalidUtf8)
}

/// The message whose payload is all of `payload`.
#[inline(always)]
pub(super) fn lend(kind: Kind, payload: &[u8]) -> Result<MessageRef<'_>, ProtocolError> {
    Ok(match kind {
        Kind::Text => MessageRef::Text(Cow::Borrowed(check(payload)?)),
        Kind::Binary => MessageRef::Binary(Cow::Borrowed(payload)),
    })
}

/// Splits the first `len` bytes off `input`, which has them.
#[inline]
pub(super) fn take<'b>(input: &mut &'b mut [u8], len: usize) -> &'b mut [u8] {
    let (taken, rest) = mem::take(input).split_at_mut(len);
    *input = rest;
    taken
}

/// Splits off a character at the end of which bytes are missing: three bytes at most.
fn split_cut_character(piece: &[u8]) -> (&[u8], &[u8]) {
    for back in 1..=piece.len().min(3) {
        let at = piece.len().saturating_sub(back);
        let needed = match piece.get(at) {
            Some(0x80..=0xBF) => continue,
            Some(0xC0..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(0xF0..) => 4,
            _ => break,
        };
        if needed > back {
            return piece.split_at(at);
        }
        break;
    }
    (piece, &[])
}
