//! The client's end of TLS: whom it trusts, and the handshake.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bowsprit_proto::Host;
use rustls_native_certs::{CertificateResult, load_native_certs};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::error::{Peer, TlsError, TlsErrorKind};
use super::verify::{AcceptAny, Verify, with_rejected};
use super::{VERSIONS, alpn, pem, provider};
use crate::stream::TlsStream;

/// How a client does TLS: which certificates it trusts. Cheap to clone.
///
/// The system's roots are loaded when the first connection needs them, once per process. Clones share
/// their TLS sessions, so that a client that reconnects resumes instead of starting over.
///
/// ```
/// use bowsprit::Tls;
///
/// # fn main() -> Result<(), bowsprit::TlsError> {
/// let tls = Tls::client();
/// assert!(tls.is_verified());
///
/// // A company's or a test's own authority, besides the system's.
/// # let pem = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap().cert.pem();
/// let tls = tls.add_ca_pem(pem.as_bytes())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls {
    extra: Vec<CertificateDer<'static>>,
    verified: bool,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Tls {
    /// Trusts the system's roots, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR` if these are set.
    pub fn client() -> Self {
        Self {
            extra: Vec::new(),
            verified: true,
            config: Arc::default(),
        }
    }

    /// Trusts these certificates too, one or more in PEM.
    ///
    /// Each may be an authority's, or the very certificate that a server presents (self-signed).
    ///
    /// # Errors
    ///
    /// When there is no certificate in it, or one that cannot be decoded.
    pub fn add_ca_pem(self, pem: &[u8]) -> Result<Self, TlsError> {
        let certificates = pem::certificates(pem, "CA certificate")?;
        Ok(self.add_ca(certificates))
    }

    /// Trusts the certificates in this PEM file too. Reads the file at once, and blocks meanwhile.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, and as [`add_ca_pem`](Self::add_ca_pem). The error names the file.
    pub fn add_ca_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let what = format!("CA file {}", path.as_ref().display());
        let certificates = pem::certificates(&pem::read(path.as_ref(), &what)?, &what)?;
        Ok(self.add_ca(certificates))
    }

    /// Accepts every certificate, whoever signed it and whatever it is for.
    ///
    /// **Danger.** Anybody between this client and the server can then read and change everything:
    /// passwords, cookies, messages. The bytes are still encrypted, but nobody knows for whom. For
    /// tests against a server of your own; prefer [`add_ca_file`](Self::add_ca_file) even there.
    pub fn danger_accept_any_certificate(self) -> Self {
        Self {
            verified: false,
            config: Arc::default(),
            ..self
        }
    }

    /// Tells whether certificates are verified: true unless it was given up dangerously.
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// Does the TLS handshake with this host over a fresh TCP connection.
    ///
    /// The host is named to the server (SNI) if it has a name, and must be named by the certificate.
    ///
    /// # Errors
    ///
    /// When the certificate is not trusted, the server does not speak TLS or refuses, the connection
    /// breaks, or this system has no roots to trust.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the TCP connection.
    pub async fn connect(&self, host: &Host, tcp: TcpStream) -> Result<TlsStream, TlsError> {
        let name = server_name(host)?;
        let config = self.config().await?;
        let handshake = TlsConnector::from(config).connect(name, tcp);
        let (result, rejected) = with_rejected(handshake).await;
        match result {
            Ok(stream) => Ok(TlsStream::new(stream.into(), self.verified)),
            Err(error) => Err(TlsError::handshake(error, Peer::Server, rejected.as_ref())),
        }
    }

    fn add_ca(mut self, certificates: Vec<CertificateDer<'static>>) -> Self {
        self.extra.extend(certificates);
        self.config = Arc::default();
        self
    }

    /// Builds the configuration on first use, off the runtime's threads: roots come from many files.
    async fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let tls = self.clone();
        let built = spawn_blocking(move || tls.build()).await;
        let config = built.map_err(|error| {
            TlsError::new(TlsErrorKind::Io, "TLS set-up was interrupted", error)
        })??;
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }

    fn build(&self) -> Result<ClientConfig, TlsError> {
        let provider = provider();
        let verifier: Arc<dyn ServerCertVerifier> = if self.verified {
            Arc::new(Verify::new(self.roots()?, self.extra.clone(), &provider)?)
        } else {
            Arc::new(AcceptAny::new(&provider))
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .map_err(TlsError::internal)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = alpn();
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let system = SYSTEM_ROOTS.get_or_init(|| SystemRoots::new(load_native_certs()));
        system.with(&self.extra)
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::client()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("extra_certificates", &self.extra.len())
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, TlsError> {
    match host {
        Host::Ipv4(ip) => Ok(ServerName::from(IpAddr::from(*ip))),
        Host::Ipv6(ip) => Ok(ServerName::from(IpAddr::from(*ip))),
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|error| {
            let text = format!("host name {name:?} cannot be in a certificate");
            TlsError::new(TlsErrorKind::InvalidHost, text, error)
        }),
    }
}

/// The roots of this system, and why there are none if so.
struct SystemRoots {
    store: RootCertStore,
    trouble: Option<String>,
}

impl SystemRoots {
    /// Takes what can be used; a system with one broken root among a hundred is a working system.
    fn new(found: CertificateResult) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(found.certs);
        let trouble = found.errors.first().map(ToString::to_string);
        Self { store, trouble }
    }

    fn with(&self, extra: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
        let mut store = self.store.clone();
        store.add_parsable_certificates(extra.iter().cloned());
        if store.is_empty() {
            let text = "no trusted root certificates on this system";
            let trouble = self.trouble.as_deref().unwrap_or("none found");
            return Err(TlsError::new(TlsErrorKind::NoRoots, text, trouble));
        }
        Ok(store)
    }
}

static SYSTEM_ROOTS: OnceLock<SystemRoots> = OnceLock::new();

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_system_without_roots_is_an_error_that_says_so() {
        let empty = SystemRoots::new(CertificateResult::default());
        let error = empty.with(&[]).expect_err("nothing to trust");
        assert_eq!(error.kind(), TlsErrorKind::NoRoots);
        assert_eq!(
            error.to_string(),
            "no trusted root certificates on this system; install the system's CA certificates, or add a CA"
        );
        assert_eq!(error.source().expect("a reason").to_string(), "none found");
    }

    #[test]
    fn an_extra_ca_makes_up_for_missing_roots() {
        let empty = SystemRoots::new(CertificateResult::default());
        let own = rcgen::generate_simple_self_signed(["a.example".into()]).expect("a certificate");
        let roots = empty.with(&[own.cert.der().clone()]).expect("one root");
        assert_eq!(roots.len(), 1);
    }
}
