//! The server's end of TLS: its certificate, and the handshake.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};

use super::error::{Peer, TlsError, TlsErrorKind};
use super::{VERSIONS, alpn, pem, provider};
use crate::stream::TlsStream;

/// How a server does TLS: its certificate and key. Cheap to clone.
///
/// ```
/// use bowsprit::ServerTls;
///
/// # fn main() -> Result<(), bowsprit::TlsError> {
/// # let own = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
/// # let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
/// let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerTls {
    acceptor: TlsAcceptor,
    chain: usize,
}

impl ServerTls {
    /// Takes a chain of certificates, the server's own first, and its private key, both in PEM.
    ///
    /// The key may be PKCS #8, PKCS #1 or SEC1; RSA, ECDSA (P-256, P-384) or Ed25519.
    ///
    /// # Errors
    ///
    /// When there is no certificate or no key, one cannot be decoded, or they do not match.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = pem::certificates(chain, "server certificate")?;
        let key = pem::private_key(key, "server key")?;
        Self::new(chain, key, "server certificate")
    }

    /// Takes both from files. Reads them at once, and blocks meanwhile.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, and as [`from_pem`](Self::from_pem). The error names the file.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let chain_name = format!("certificate file {}", chain.as_ref().display());
        let key_name = format!("key file {}", key.as_ref().display());
        let certificates =
            pem::certificates(&pem::read(chain.as_ref(), &chain_name)?, &chain_name)?;
        let key = pem::private_key(&pem::read(key.as_ref(), &key_name)?, &key_name)?;
        Self::new(certificates, key, &chain_name)
    }

    /// Does the TLS handshake with a client that has just connected.
    ///
    /// # Errors
    ///
    /// When the client does not speak TLS, does not trust the certificate, or goes away.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the TCP connection.
    pub async fn accept(&self, tcp: TcpStream) -> Result<TlsStream, TlsError> {
        match self.acceptor.accept(tcp).await {
            Ok(stream) => Ok(TlsStream::new(stream.into(), false)),
            Err(error) => Err(TlsError::handshake(error, Peer::Client, None)),
        }
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        what: &str,
    ) -> Result<Self, TlsError> {
        let length = chain.len();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(VERSIONS)
            .map_err(TlsError::internal)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    let text = format!("{what}: the private key belongs to another certificate");
                    TlsError::new(TlsErrorKind::KeyMismatch, text, error)
                }
                error => {
                    let text = format!("{what}: the private key is of an unknown kind or damaged");
                    TlsError::new(TlsErrorKind::Malformed, text, error)
                }
            })?;
        config.alpn_protocols = alpn();
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            chain: length,
        })
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}
