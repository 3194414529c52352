//! SHA-256 fingerprints of certificates, as `openssl x509 -fingerprint -sha256` prints them.

use std::fmt::Write as _;

use ring::digest;

use super::error::{TlsError, TlsErrorKind};

/// Returns the SHA-256 of a certificate's DER.
pub(super) fn of(certificate: &[u8]) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, certificate);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hash.as_ref());
    fingerprint
}

/// Writes `AB:CD:...`.
pub(super) fn write(fingerprint: &[u8; 32]) -> String {
    let mut text = String::with_capacity(3 * fingerprint.len());
    for byte in fingerprint {
        let colon = if text.is_empty() { "" } else { ":" };
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

/// Reads 64 hex digits of any case; colons may stand between bytes.
pub(super) fn parse(text: &str) -> Result<[u8; 32], TlsError> {
    let invalid = || {
        let sentence = format!(
            "{:?} is not a SHA-256 fingerprint of 64 hex digits",
            text.chars().take(100).collect::<String>()
        );
        TlsError::new(TlsErrorKind::InvalidPin, sentence, "not a fingerprint")
    };
    let with_colons = text.contains(':');
    let mut fingerprint = [0; 32];
    let mut rest = text;
    for (index, byte) in fingerprint.iter_mut().enumerate() {
        if with_colons && index > 0 {
            rest = rest.strip_prefix(':').ok_or_else(invalid)?;
        }
        let (digits, behind) = rest.split_at_checked(2).ok_or_else(invalid)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid())?;
        rest = behind;
    }
    if rest.is_empty() {
        Ok(fingerprint)
    } else {
        Err(invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_hex_of_any_case() {
        // The example of FIPS 180-2.
        let fingerprint = of(b"abc");
        let text = write(&fingerprint);
        assert!(text.starts_with("BA:78:16:BF:") && text.ends_with(":15:AD"));
        let plain = text.replace(':', "");
        for text in [&text, &text.to_lowercase(), &plain, &plain.to_lowercase()] {
            assert_eq!(parse(text).expect("a fingerprint"), fingerprint);
        }
    }

    #[test]
    fn refuses_what_is_no_fingerprint() {
        let good = write(&of(b"abc"));
        let sha1 = "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D";
        let faults = [
            "".to_owned(),
            sha1.to_owned(),
            good.replacen("BA", "B", 1),
            good.replacen("BA", "+A", 1),
            good.replacen("BA", "⚓", 1),
            good.replacen(':', "", 1),
            format!("{good}:00"),
            format!("{good} "),
        ];
        for fault in faults {
            let error = parse(&fault).expect_err("no fingerprint");
            assert_eq!(error.kind(), TlsErrorKind::InvalidPin, "{error}");
        }
        let long = parse(&"\x1b".repeat(1000)).expect_err("no fingerprint");
        let text = long.to_string();
        assert!(text.len() < 1000 && !text.contains('\x1b'), "{text}");
    }
}
