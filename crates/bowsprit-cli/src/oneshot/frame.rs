//! Messages as bytes of standard output, their boundaries kept.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowsprit::{Kind, MessageRef};

use super::format::{Bounds, Code, Framing};

/// Adds a message to what is printed.
///
/// # Errors
///
/// When its length does not fit in front of it.
pub(super) fn push(
    framing: &Framing,
    message: &MessageRef<'_>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let payload = message.as_bytes();
    if framing.bounds == Bounds::Length {
        let len = u32::try_from(payload.len())
            .map_err(|_| "the message is longer than four bytes can say".to_owned())?;
        out.extend_from_slice(&len.to_be_bytes());
    }
    match framing.code {
        Code::Plain => out.extend_from_slice(payload),
        Code::Base64 => out.extend_from_slice(STANDARD.encode(payload).as_bytes()),
        Code::Hex => out.extend_from_slice(digits(payload).as_bytes()),
    }
    match &framing.bounds {
        Bounds::Delimiter(end) => out.extend_from_slice(end),
        Bounds::TextLine if message.kind() == Kind::Text => out.push(b'\n'),
        Bounds::TextLine | Bounds::Length | Bounds::Nothing | Bounds::Json => {}
    }
    Ok(())
}

fn digits(payload: &[u8]) -> String {
    let mut digits = String::with_capacity(payload.len() * 2);
    for byte in payload {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(framing: &Framing, message: &MessageRef<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        push(framing, message, &mut out).expect("a short message");
        out
    }

    #[test]
    fn puts_a_newline_behind_texts_only_where_binary_messages_come_raw() {
        let framing = Framing {
            bounds: Bounds::TextLine,
            code: Code::Plain,
            kind: Kind::Binary,
        };
        assert_eq!(pushed(&framing, &"text".into()), b"text\n");
        let binary = MessageRef::Binary(b"\xff\0".as_slice().into());
        assert_eq!(pushed(&framing, &binary), b"\xff\0");
    }

    #[test]
    fn keeps_the_boundaries_of_messages() {
        let end = || Bounds::Delimiter(b"\n".to_vec());
        for (bounds, code, printed) in [
            (end(), Code::Plain, &b"\xff\0\n"[..]),
            (Bounds::Length, Code::Plain, b"\0\0\0\x02\xff\0"),
            (Bounds::Nothing, Code::Plain, b"\xff\0"),
            (end(), Code::Base64, b"/wA=\n"),
            (end(), Code::Hex, b"ff00\n"),
        ] {
            let kind = Kind::Binary;
            let framing = Framing { bounds, code, kind };
            let message = MessageRef::Binary(b"\xff\0".as_slice().into());
            assert_eq!(pushed(&framing, &message), printed, "{framing:?}");
        }
    }
}
