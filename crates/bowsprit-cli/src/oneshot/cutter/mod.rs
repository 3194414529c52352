//! Cuts a stream of bytes into messages, and says exactly where it cannot.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowsprit::{Kind, Message, Text};
use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::format::{Bounds, Code, Framing};
use super::json::{Outline, is_blank};
use crate::printer::{hex, text};

/// The longest message: 1 GiB, as for `send --file`. It has to be held whole.
const MAX_MESSAGE: usize = 1 << 30;

/// What was read and not sent yet.
#[derive(Debug)]
pub(super) struct Cutter {
    framing: Framing,
    bytes: BytesMut,
    /// How much at the beginning was looked at for the end of a message, in vain.
    searched: usize,
    /// How far the JSON value at the beginning goes.
    outline: Outline,
    /// How many messages were cut off.
    count: u64,
    /// How many lines the messages that were cut off had.
    lines: u64,
    has_ended: bool,
    /// Something could not be sent: nothing behind it is.
    has_failed: bool,
}

impl Cutter {
    /// A stream of messages that lie in it so.
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            bytes: BytesMut::new(),
            searched: 0,
            outline: Outline::default(),
            count: 0,
            lines: 0,
            has_ended: false,
            has_failed: false,
        }
    }

    /// Adds what was read.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        if !self.has_failed {
            self.bytes.extend_from_slice(chunk);
        }
    }

    /// No more will be read.
    pub(super) const fn end(&mut self) {
        self.has_ended = true;
    }

    /// Whether anything is left that [`next`](Self::next) has not given out.
    pub(super) fn has_more(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next message, once all of it is there; or why nothing from here on can be sent.
    pub(super) fn next(&mut self) -> Option<Result<Message, String>> {
        let cut = match &self.framing.bounds {
            Bounds::Delimiter(_) | Bounds::TextLine => Ok(self.cut_at_delimiter()),
            Bounds::Length => self.cut_by_length(),
            Bounds::Nothing => Ok(self.cut_whole()),
            Bounds::Json => self.cut_json(),
        };
        let made = match cut {
            Ok(None) if self.bytes.len() <= MAX_MESSAGE => return None,
            Ok(None) => Err("is longer than 1 GiB".to_owned()),
            Ok(Some(bytes)) => self.message(bytes),
            Err(fault) => Err(fault),
        };
        let made = made.map_err(|fault| format!("{} {fault}", self.place()));
        if made.is_err() {
            self.bytes.clear();
            self.has_failed = true;
        }
        self.count += 1;
        Some(made)
    }

    /// What the message that comes next is called.
    fn place(&self) -> String {
        match &self.framing.bounds {
            Bounds::Delimiter(end) if end == b"\n" => format!("line {}", self.count + 1),
            Bounds::Json => format!("the JSON value in line {}", self.lines + 1),
            Bounds::Nothing => "the input".to_owned(),
            _ => format!("message {}", self.count + 1),
        }
    }

    fn cut_at_delimiter(&mut self) -> Option<Bytes> {
        let Bounds::Delimiter(end) = &self.framing.bounds else {
            return None;
        };
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        let found = match end.as_slice() {
            [byte] => memchr::memchr(*byte, unsearched),
            end => memmem::find(unsearched, end),
        };
        let Some(at) = found else {
            // The delimiter may have come in part.
            self.searched = self.bytes.len().saturating_sub(end.len() - 1);
            return self.rest();
        };
        let len = end.len();
        let is_line = end == b"\n" && self.framing.kind == Kind::Text;
        let message = self.bytes.split_to(self.searched + at + len).freeze();
        self.searched = 0;
        let mut message = message.slice(..message.len() - len);
        if is_line && message.last() == Some(&b'\r') {
            message.truncate(message.len() - 1);
        }
        Some(message)
    }

    fn cut_by_length(&mut self) -> Result<Option<Bytes>, String> {
        let Some((prefix, rest)) = self.bytes.split_first_chunk::<4>() else {
            let has_part = self.has_ended && !self.bytes.is_empty();
            return match has_part {
                true => Err("ends within its length".to_owned()),
                false => Ok(None),
            };
        };
        let len = u32::from_be_bytes(*prefix) as usize;
        if len > MAX_MESSAGE {
            return Err(format!("is longer than 1 GiB: {len} bytes"));
        }
        if rest.len() < len {
            return match self.has_ended {
                true => Err(format!("ends after {} of its {len} bytes", rest.len())),
                false => Ok(None),
            };
        }
        let mut message = self.bytes.split_to(4 + len).freeze();
        Ok(Some(message.split_off(4)))
    }

    fn cut_whole(&mut self) -> Option<Bytes> {
        self.rest()
    }

    fn cut_json(&mut self) -> Result<Option<Bytes>, String> {
        if self.searched == 0 {
            let blanks = self.bytes.iter().take_while(|byte| is_blank(**byte));
            let blanks = self.bytes.split_to(blanks.count());
            self.lines += lines(&blanks);
        }
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(end) = self.outline.end(unsearched) else {
            self.searched = self.bytes.len();
            let is_cut = self.has_ended && !self.outline.may_end() && !self.bytes.is_empty();
            return match is_cut {
                true => Err("does not end".to_owned()),
                false => Ok(self.rest()),
            };
        };
        let value = self.bytes.split_to(self.searched + end).freeze();
        self.outline = Outline::default();
        self.searched = 0;
        Ok(Some(value))
    }

    /// All that is left, once no more will be read.
    fn rest(&mut self) -> Option<Bytes> {
        if !self.has_ended || self.bytes.is_empty() {
            return None;
        }
        self.searched = 0;
        self.outline = Outline::default();
        Some(self.bytes.split().freeze())
    }

    fn message(&mut self, bytes: Bytes) -> Result<Message, String> {
        if self.framing.bounds == Bounds::Json {
            serde_json::from_slice::<serde::de::IgnoredAny>(&bytes)
                .map_err(|fault| format!("is none: {}", text::escape(&fault.to_string())))?;
            self.lines += lines(&bytes);
        }
        let bytes = match self.framing.code {
            Code::Plain => bytes,
            Code::Base64 => STANDARD
                .decode(bytes.trim_ascii())
                .map_err(|fault| format!("is not base64: {fault}"))?
                .into(),
            Code::Hex => str::from_utf8(bytes.trim_ascii())
                .map_err(|_| "is not hexadecimal".to_owned())
                .and_then(hex::decode)
                .map_err(|fault| format!("is not hexadecimal: {}", text::escape(&fault)))?
                .into(),
        };
        match self.framing.kind {
            Kind::Binary => Ok(bytes.into()),
            Kind::Text => as_text(&bytes),
        }
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// The bytes as a text message.
///
/// # Errors
///
/// When they are not UTF-8; the text says at which byte.
pub(super) fn as_text(bytes: &Bytes) -> Result<Message, String> {
    let Some(text) = Text::from_utf8(bytes.clone()) else {
        let valid = str::from_utf8(bytes).map_or_else(|fault| fault.valid_up_to(), str::len);
        return Err(format!(
            "is not UTF-8 at byte {} (--binary sends any bytes)",
            valid + 1
        ));
    };
    Ok(Message::Text(text))
}

#[cfg(test)]
mod tests;
