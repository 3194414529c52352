//! The server's end of TLS: its certificate, whom it asks for one, and the handshake.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::certificate::{PeerCertificate, is_authority};
use super::error::{Failed, Peer, TlsError, TlsErrorKind};
use super::notes::Notes;
use super::{TlsVersion, http_1_1, identity, pem, protocols, provider, roots};
use crate::stream::TlsStream;

/// How a server does TLS: its certificate and key, and whom it lets in. Cheap to clone.
///
/// Clones share their TLS sessions, so that clients can resume; a setting that is changed starts with
/// none.
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
    settings: Arc<Settings>,
    /// Made of the settings when it is first needed. Sessions are in there.
    acceptor: Arc<OnceLock<TlsAcceptor>>,
}

#[derive(Clone)]
struct Settings {
    identity: Arc<CertifiedKey>,
    /// Who decides on certificates of clients, if they are asked for one.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    alpn: Vec<Vec<u8>>,
    min_version: TlsVersion,
}

impl ServerTls {
    /// Takes a chain of certificates, the server's own first, and its private key, both in PEM.
    ///
    /// The key may be PKCS #8, PKCS #1 or SEC1; RSA, ECDSA (P-256, P-384) or Ed25519.
    ///
    /// # Errors
    ///
    /// When there is no certificate or no key, one cannot be decoded, or they do not match; when the key
    /// is encrypted.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        identity::from_pem("server", chain, key).map(Self::new)
    }

    /// Takes both from files. Reads them at once, and blocks meanwhile.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, and as [`from_pem`](Self::from_pem). The error names the file.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        identity::from_files(chain.as_ref(), key.as_ref()).map(Self::new)
    }

    /// Lets in only clients that show a certificate which one of these authorities has signed, given in
    /// PEM. What it says is in [`TlsInfo::peer`](crate::TlsInfo::peer).
    ///
    /// # Errors
    ///
    /// When there is no certificate in it, one that cannot be decoded, or one that does not say that it is
    /// an authority's (basicConstraints, RFC 5280 §4.2.1.9): a client's own cannot be listed here.
    pub fn require_client_certificates(self, ca_pem: &[u8]) -> Result<Self, TlsError> {
        self.ask_clients(ca_pem, true)
    }

    /// Asks clients for a certificate and lets in those that have none, too. One that is shown must be
    /// signed by one of these authorities, given in PEM.
    ///
    /// # Errors
    ///
    /// When there is no certificate in it, one that cannot be decoded, or one that does not say that it is
    /// an authority's (basicConstraints, RFC 5280 §4.2.1.9): a client's own cannot be listed here.
    pub fn allow_client_certificates(self, ca_pem: &[u8]) -> Result<Self, TlsError> {
        self.ask_clients(ca_pem, false)
    }

    /// Agrees to this version of TLS and newer ones. Default: TLS 1.2.
    #[must_use]
    pub fn min_version(self, version: TlsVersion) -> Self {
        self.with(|settings| settings.min_version = version)
    }

    /// Agrees to one of these application protocols, the best first, with clients that offer any (ALPN,
    /// RFC 7301). Default: `http/1.1`.
    ///
    /// A client that offers others only is refused. Without any here, what clients offer is ignored.
    /// Where both agree on `h2` the connection fails: the opening handshake is HTTP/1.1 (RFC 6455 §4.1).
    /// A name that is empty or longer than 255 bytes cannot be agreed on and is left out.
    #[must_use]
    pub fn alpn<P: Into<Vec<u8>>>(self, names: impl IntoIterator<Item = P>) -> Self {
        let names = protocols(names);
        self.with(|settings| settings.alpn = names)
    }

    /// Does the TLS handshake with a client that has just connected.
    ///
    /// # Errors
    ///
    /// When the client does not speak TLS, does not trust the certificate, has none that is demanded or
    /// one that is not trusted, or goes away.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the TCP connection.
    pub async fn accept(&self, tcp: TcpStream) -> Result<TlsStream, TlsError> {
        match self.acceptor()?.accept(tcp).await {
            Ok(stream) => {
                let verified = stream.get_ref().1.peer_certificates().is_some();
                TlsStream::new(stream.into(), verified)
                    .speaking_http_1()
                    .ok_or_else(|| TlsError::http_2(Peer::Client))
            }
            Err(error) => {
                let failed = Failed {
                    peer: Peer::Client,
                    min_version: self.settings.min_version,
                    notes: Notes::default(),
                };
                Err(TlsError::handshake(error, &failed))
            }
        }
    }

    fn new(identity: CertifiedKey) -> Self {
        let settings = Settings {
            identity: Arc::new(identity),
            clients: None,
            alpn: http_1_1(),
            min_version: TlsVersion::default(),
        };
        Self {
            settings: Arc::new(settings),
            acceptor: Arc::default(),
        }
    }

    fn ask_clients(self, ca_pem: &[u8], required: bool) -> Result<Self, TlsError> {
        let what = "CA certificate for clients";
        let authorities = pem::certificates(ca_pem, what)?;
        // webpki would let each of them sign for any client.
        if let Some(other) = authorities.iter().find(|found| !is_authority(found)) {
            let whose = PeerCertificate::read(other).map(|found| found.subject);
            let whose = whose.unwrap_or_else(|| "a certificate that cannot be read".into());
            let text =
                format!("{what}: {whose} is no authority (basicConstraints without CA:TRUE)");
            return Err(TlsError::new(TlsErrorKind::Malformed, text, "not a CA"));
        }
        let roots = Arc::new(roots::only(&authorities)?);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        let builder = if required {
            builder
        } else {
            builder.allow_unauthenticated()
        };
        let verifier = builder.build().map_err(TlsError::internal)?;
        Ok(self.with(|settings| settings.clients = Some(verifier)))
    }

    /// Changes a setting. What was built from the old ones, sessions included, stays with the clones.
    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self.acceptor = Arc::default();
        self
    }

    fn acceptor(&self) -> Result<&TlsAcceptor, TlsError> {
        if let Some(acceptor) = self.acceptor.get() {
            return Ok(acceptor);
        }
        let config = self.settings.build()?;
        Ok(self
            .acceptor
            .get_or_init(|| TlsAcceptor::from(Arc::new(config))))
    }
}

impl Settings {
    fn build(&self) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(self.min_version.and_newer())
            .map_err(TlsError::internal)?;
        let builder = match &self.clients {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let identity = SingleCertAndKey::from(Arc::clone(&self.identity));
        let mut config = builder.with_cert_resolver(Arc::new(identity));
        config.alpn_protocols.clone_from(&self.alpn);
        Ok(config)
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        let clients = settings.clients.as_ref();
        let required = clients.map(|verifier| verifier.client_auth_mandatory());
        f.debug_struct("ServerTls")
            .field("chain", &settings.identity.cert.len())
            .field("client_certificates_required", &required)
            .field("min_version", &settings.min_version)
            .finish_non_exhaustive()
    }
}
