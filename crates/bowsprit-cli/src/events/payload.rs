//! Payloads in JSON: text as text, all else as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowsprit::Message;
use serde::{Deserialize, Serialize};

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
