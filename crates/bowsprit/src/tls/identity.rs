//! The certificates and the private key by which an end proves who it is.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys, SignatureScheme};

use super::error::{TlsError, TlsErrorKind};
use super::notes::Notes;
use super::{pem, provider};

/// Reads both from PEM; `whose` is "server" or "client".
pub(super) fn from_pem(whose: &str, chain: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let what = format!("{whose} certificate");
    let chain = pem::certificates(chain, &what)?;
    let key = pem::private_key(key, &format!("{whose} key"))?;
    join(chain, key, &what)
}

/// Reads both from files. Their errors name the file.
pub(super) fn from_files(chain: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let what = format!("certificate file {}", chain.display());
    let key_name = format!("key file {}", key.display());
    let chain = pem::certificates(&pem::read(chain, &what)?, &what)?;
    let key = pem::private_key(&pem::read(key, &key_name)?, &key_name)?;
    join(chain, key, &what)
}

fn join(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    what: &str,
) -> Result<CertifiedKey, TlsError> {
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let text = format!("{what}: the private key belongs to another certificate");
            TlsError::new(TlsErrorKind::KeyMismatch, text, error)
        }
        error => {
            let text = format!("{what}: the private key is of an unknown kind or damaged");
            TlsError::new(TlsErrorKind::Malformed, text, error)
        }
    })
}

/// What a client shows to servers that ask who it is, whomever they trust.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _issuers: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Notes::write(|notes| notes.empty_handed = self.0.is_none());
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
