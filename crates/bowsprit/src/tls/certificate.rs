//! The two names in an X.509 certificate (RFC 5280 §4.1), for error messages and nothing else.
//!
//! Trust is decided by rustls. This reads what a stranger sent, so that a person can be told who
//! signed it: nothing in here can fail, it only comes back without an answer.

/// Who signed a certificate that was rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signer {
    /// Whether the server's certificate is its own issuer, by name.
    pub(super) self_signed: bool,
    /// The common name or organisation of the authority at the top of the chain.
    pub(super) name: Option<String>,
}

impl Signer {
    /// Reads it from the server's certificate and the last that it sent along.
    pub(super) fn of(end_entity: &[u8], last: &[u8]) -> Option<Self> {
        let (issuer, subject) = names(end_entity)?;
        let (top, _) = names(last)?;
        Some(Self {
            self_signed: issuer == subject,
            name: attribute(top, COMMON_NAME).or_else(|| attribute(top, ORGANIZATION)),
        })
    }
}

/// Makes text from a stranger fit to be printed: no control or invisible characters, not endless.
pub(super) fn printable(text: &str) -> String {
    let visible = |c: char| match c {
        // Zero-width and direction marks can make a line read as something else.
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '\u{fffd}',
        '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let mut printable: String = text.chars().take(MAX_NAME).map(visible).collect();
    if text.chars().nth(MAX_NAME).is_some() {
        printable.push_str("...");
    }
    printable
}

/// Returns the issuer and the subject, undecoded.
fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (fields, _) = expect(SEQUENCE, certificate)?;
    let fields = match element(fields)? {
        (VERSION, _, rest) => rest,
        _ => fields,
    };
    let (_serial, fields) = expect(INTEGER, fields)?;
    let (_algorithm, fields) = expect(SEQUENCE, fields)?;
    let (issuer, fields) = expect(SEQUENCE, fields)?;
    let (_validity, fields) = expect(SEQUENCE, fields)?;
    let (subject, _) = expect(SEQUENCE, fields)?;
    Some((issuer, subject))
}

/// Returns the first attribute of this kind in a name.
fn attribute(mut name: &[u8], kind: &[u8]) -> Option<String> {
    while let Some((set, rest)) = expect(SET, name) {
        name = rest;
        let (pair, _) = expect(SEQUENCE, set)?;
        let (oid, value) = expect(OBJECT_IDENTIFIER, pair)?;
        if oid == kind {
            let (_tag, text, _) = element(value)?;
            return Some(printable(&String::from_utf8_lossy(text)));
        }
    }
    None
}

fn expect(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, contents, rest) = element(input)?;
    (found == tag).then_some((contents, rest))
}

/// Splits off one DER element: its tag, its contents, and what follows it (X.690 §8.1).
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = input.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => rest
            .split_first()
            .map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        // No certificate in a handshake is longer than rustls' limit of 64 KiB.
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// 2.5.4.3 and 2.5.4.10 (RFC 5280 §A.1).
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// In characters. RFC 5280 §A.1 allows a common name 64, a DNS name has at most 253.
const MAX_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn named(kind: DnType, name: &str) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "NL");
        params.distinguished_name.push(kind, name);
        let key = KeyPair::generate().expect("a key");
        params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .to_vec()
    }

    #[test]
    fn reads_the_common_name_or_else_the_organization() {
        for kind in [DnType::CommonName, DnType::OrganizationName] {
            let der = named(kind, "Zeevaart CA");
            let signer = Signer::of(&der, &der).expect("a certificate");
            assert_eq!(signer.name.as_deref(), Some("Zeevaart CA"));
            assert!(signer.self_signed);
        }
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let der = named(DnType::CommonName, "a\x1b[2Jb\u{202e}c\n");
        let signer = Signer::of(&der, &der).expect("a certificate");
        assert_eq!(
            signer.name.as_deref(),
            Some("a\u{fffd}[2Jb\u{fffd}c\u{fffd}")
        );
        assert_eq!(
            printable(&"x".repeat(300)),
            format!("{}...", "x".repeat(253))
        );
    }

    #[test]
    fn no_answer_from_a_damaged_certificate() {
        let der = named(DnType::CommonName, "CA");
        for length in 0..der.len() {
            assert_eq!(Signer::of(&der[..length], &der), None);
        }
        for index in 0..der.len() {
            for value in [0, 1, 0x30, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff] {
                let mut damaged = der.clone();
                damaged[index] = value;
                let _ = Signer::of(&damaged, &damaged);
            }
        }
    }
}
