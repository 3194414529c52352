//! Messages as bytes of standard output, their boundaries kept.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::format::{Bounds, Code, Framing};

/// Adds a message to what is printed.
///
/// # Errors
///
/// When its length does not fit in front of it.
pub(super) fn push(framing: &Framing, payload: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
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
    if let Bounds::Delimiter(end) = &framing.bounds {
        out.extend_from_slice(end);
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
    use bowsprit::Kind;

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
            let mut out = Vec::new();
            let framing = Framing { bounds, code, kind };
            push(&framing, b"\xff\0", &mut out).expect("a short message");
            assert_eq!(out, printed, "{framing:?}");
        }
    }
}
