//! Messages and what they carry; in JSON text as text, all else as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowsprit::Message;
use serde::{Deserialize, Serialize};

use super::{Came, What};

/// Which way something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// From this side to the peer.
    Sent,
    /// From the peer to this side.
    Received,
}

/// The kind of a message (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Opcode {
    Text,
    Binary,
}

/// What a message or a control frame carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Fields", try_from = "Fields")]
pub(crate) struct Payload(Message);

/// One of these is there.
#[derive(Serialize, Deserialize)]
struct Fields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Payload {
    /// The payload of a message.
    pub(crate) const fn of(message: Message) -> Self {
        Self(message)
    }

    /// The payload of a control frame: text where it is UTF-8.
    pub(crate) fn of_control(bytes: &[u8]) -> Self {
        Self(match str::from_utf8(bytes) {
            Ok(text) => Message::from(text.to_owned()),
            Err(_) => Message::from(bytes.to_vec()),
        })
    }

    /// The payload as the message that it was, or would be.
    pub(crate) const fn message(&self) -> &Message {
        &self.0
    }
}

impl From<Payload> for Fields {
    fn from(Payload(message): Payload) -> Self {
        match message {
            Message::Text(text) => Self {
                text: Some(text.to_string()),
                base64: None,
            },
            Message::Binary(data) => Self {
                text: None,
                base64: Some(STANDARD.encode(&data)),
            },
        }
    }
}

impl TryFrom<Fields> for Payload {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        match (fields.text, fields.base64) {
            (Some(text), None) => Ok(Self(Message::from(text))),
            (None, Some(digits)) => {
                let bytes = STANDARD.decode(digits);
                Ok(Self(Message::from(
                    bytes.map_err(|fault| fault.to_string())?,
                )))
            }
            _ => Err("a payload is either text or base64".to_owned()),
        }
    }
}

impl What {
    /// A message that was sent or came.
    pub(crate) fn message(direction: Direction, message: Message) -> Self {
        Self::Message {
            direction,
            opcode: match message {
                Message::Text(_) => Opcode::Text,
                Message::Binary(_) => Opcode::Binary,
            },
            size: message.as_bytes().len(),
            compressed: None,
            wire_size: None,
            payload: Payload::of(message),
        }
    }

    /// A message that came so.
    pub(crate) fn received(message: Message, came: Came) -> Self {
        let mut what = Self::message(Direction::Received, message);
        if let Self::Message {
            compressed,
            wire_size,
            ..
        } = &mut what
        {
            (*compressed, *wire_size) = match came {
                Came::Plainly => (None, None),
                Came::Uncompressed => (Some(false), None),
                Came::Compressed { wire_bytes } => (Some(true), Some(wire_bytes)),
            };
        }
        what
    }
}
