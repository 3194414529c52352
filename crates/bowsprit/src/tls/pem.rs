//! Certificates and keys out of PEM text (RFC 7468), with errors that name the file.

use std::fs;
use std::path::Path;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::{TlsError, TlsErrorKind};
use crate::dial::io_words;

/// Reads a whole file; `what` names it in the error.
pub(super) fn read(path: &Path, what: &str) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| {
        TlsError::new(
            TlsErrorKind::Unreadable,
            format!("{what}: {}", io_words(&error)),
            error,
        )
    })
}

/// Returns every certificate in this text, one at least, each of them decodable.
pub(super) fn certificates(
    pem: &[u8],
    what: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = found.map_err(|error| malformed(what, &error))?;
    if certificates.is_empty() {
        let text = format!("{what}: no certificate in PEM form");
        return Err(TlsError::new(
            TlsErrorKind::NoCertificate,
            text,
            PemError::NoItemsFound,
        ));
    }
    let mut scratch = RootCertStore::empty();
    for certificate in &certificates {
        scratch.add(certificate.clone()).map_err(|error| {
            let text = format!("{what}: certificate is damaged");
            TlsError::new(TlsErrorKind::Malformed, text, error)
        })?;
    }
    Ok(certificates)
}

/// Returns the first private key in this text that is not encrypted.
pub(super) fn private_key(pem: &[u8], what: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        _ if ENCRYPTED.iter().any(|mark| contains(pem, mark)) => {
            let text = format!("{what}: the private key is encrypted with a password");
            TlsError::new(TlsErrorKind::NoKey, text, "encrypted private key")
        }
        PemError::NoItemsFound => {
            let text = format!("{what}: no private key in PEM form");
            TlsError::new(TlsErrorKind::NoKey, text, error)
        }
        error => malformed(what, &error),
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The library's error may quote a line of the text, which may be a key's: it stays out of ours.
fn malformed(what: &str, error: &PemError) -> TlsError {
    let why = match error {
        PemError::MissingSectionEnd { .. } => "a section has no end line",
        PemError::IllegalSectionStart { .. } => "a section starts with a damaged line",
        _ => "what is between the lines is not base64",
    };
    let text = format!("{what}: malformed PEM, {why}");
    TlsError::new(TlsErrorKind::Malformed, text, "malformed PEM")
}

/// PKCS #8 (RFC 7468 §11), and what OpenSSL writes into keys of older forms (RFC 1421 §4.6.1.1).
const ENCRYPTED: [&[u8]; 2] = [
    b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
    b"Proc-Type: 4,ENCRYPTED",
];
