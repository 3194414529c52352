//! The client's end of TLS: whom it trusts, what it shows of itself, and the handshake.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bowsprit_proto::Host;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::error::{Failed, Peer, TlsError, TlsErrorKind};
use super::identity::{self, Shown};
use super::key_log::KeyLogFile;
use super::notes::Notes;
use super::verify::{Chain, Verify};
use super::{TlsVersion, fingerprint, http_1_1, pem, protocols, provider, roots};
use crate::dial::io_words;
use crate::stream::TlsStream;

/// How a client does TLS: which certificates it trusts, and what it shows of itself. Cheap to clone.
///
/// The system's roots are loaded when the first connection needs them, once per process. Clones share
/// their TLS sessions, so that a client that reconnects resumes instead of starting over; a setting
/// that is changed starts with none, as an old session knows nothing of it.
///
/// ```
/// use bowsprit::{Tls, TlsVersion};
///
/// # fn main() -> Result<(), bowsprit::TlsError> {
/// let tls = Tls::client().min_version(TlsVersion::Tls13);
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
    settings: Arc<Settings>,
    /// Made of the settings when it is first needed. Sessions are in there.
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

#[derive(Clone)]
struct Settings {
    system_roots: bool,
    extra: Vec<CertificateDer<'static>>,
    verify_chain: bool,
    pins: Vec<[u8; 32]>,
    identity: Option<Arc<CertifiedKey>>,
    server_name: Option<ServerName<'static>>,
    alpn: Vec<Vec<u8>>,
    min_version: TlsVersion,
    key_log: Option<Arc<KeyLogFile>>,
}

impl Tls {
    /// Trusts the system's roots, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR` if these are set.
    pub fn client() -> Self {
        let settings = Settings {
            system_roots: true,
            extra: Vec::new(),
            verify_chain: true,
            pins: Vec::new(),
            identity: None,
            server_name: None,
            alpn: http_1_1(),
            min_version: TlsVersion::default(),
            key_log: None,
        };
        Self {
            settings: Arc::new(settings),
            config: Arc::default(),
        }
    }

    /// Trusts these certificates too, one or more in PEM.
    ///
    /// Each may be an authority's, or the very certificate that a server presents (self-signed). Only one
    /// that says that it is an authority's (basicConstraints, RFC 5280 §4.2.1.9) is trusted to sign
    /// others, which those of X.509 version 1 cannot. Names and dates count in any case.
    ///
    /// # Errors
    ///
    /// When there is no certificate in it, or one that cannot be decoded.
    pub fn add_ca_pem(self, pem: &[u8]) -> Result<Self, TlsError> {
        let certificates = pem::certificates(pem, "CA certificate")?;
        Ok(self.with(|settings| settings.extra.extend(certificates)))
    }

    /// Trusts the certificates in this PEM file too. Reads the file at once, and blocks meanwhile.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, and as [`add_ca_pem`](Self::add_ca_pem). The error names the file.
    pub fn add_ca_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let what = format!("CA file {}", path.as_ref().display());
        let certificates = pem::certificates(&pem::read(path.as_ref(), &what)?, &what)?;
        Ok(self.with(|settings| settings.extra.extend(certificates)))
    }

    /// Trusts only what was added, and not the system's roots.
    ///
    /// Without any CA that was added every connection fails with [`TlsErrorKind::NoRoots`].
    #[must_use]
    pub fn without_system_roots(self) -> Self {
        self.with(|settings| settings.system_roots = false)
    }

    /// Shows servers that ask for it this certificate: a chain in PEM, the client's own first, and its
    /// private key.
    ///
    /// The key may be PKCS #8, PKCS #1 or SEC1; RSA, ECDSA (P-256, P-384) or Ed25519. A server that asks
    /// for none gets none.
    ///
    /// # Errors
    ///
    /// When there is no certificate or no key, one cannot be decoded, or they do not match; when the key
    /// is encrypted.
    pub fn client_certificate_pem(self, chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let identity = Arc::new(identity::from_pem("client", chain, key)?);
        Ok(self.with(|settings| settings.identity = Some(identity)))
    }

    /// [`client_certificate_pem`](Self::client_certificate_pem) from files. Reads them at once, and
    /// blocks meanwhile.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, and as there. The error names the file.
    pub fn client_certificate_files(
        self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TlsError> {
        let identity = Arc::new(identity::from_files(chain.as_ref(), key.as_ref())?);
        Ok(self.with(|settings| settings.identity = Some(identity)))
    }

    /// Asks for this name in place of the URI's host: it is sent as SNI (RFC 6066 §3), and the
    /// certificate must be valid for it.
    ///
    /// An IP address is verified likewise, and not sent, as SNI has no room for it.
    ///
    /// # Errors
    ///
    /// When no certificate can have this name.
    pub fn server_name(self, name: &str) -> Result<Self, TlsError> {
        let name = parse_name(name)?;
        Ok(self.with(|settings| settings.server_name = Some(name)))
    }

    /// Offers these application protocols, the best first (ALPN, RFC 7301). Default: `http/1.1`.
    ///
    /// Without any, nothing is offered, which a few old servers need. A server that chooses what was not
    /// offered is refused, and so is one that chooses `h2`: the opening handshake is HTTP/1.1 (RFC 6455
    /// §4.1). A name that is empty or longer than 255 bytes cannot be offered and is left out.
    #[must_use]
    pub fn alpn<P: Into<Vec<u8>>>(self, names: impl IntoIterator<Item = P>) -> Self {
        let names = protocols(names);
        self.with(|settings| settings.alpn = names)
    }

    /// Agrees to this version of TLS and newer ones. Default: TLS 1.2.
    #[must_use]
    pub fn min_version(self, version: TlsVersion) -> Self {
        self.with(|settings| settings.min_version = version)
    }

    /// Accepts only the certificate with this SHA-256 fingerprint; called again, any of them.
    ///
    /// The hash is that of the end-entity certificate's DER, 64 hex digits with or without colons:
    /// `openssl x509 -noout -fingerprint -sha256` and
    /// [`PeerCertificate::fingerprint`](crate::PeerCertificate::fingerprint) print it. The certificate is
    /// verified in the normal way as well, unless that is given up with
    /// [`danger_accept_any_certificate`](Self::danger_accept_any_certificate): then the pin alone decides,
    /// and whoever holds that certificate's key is the right server, whatever name and date are in it.
    ///
    /// A server that renews its certificate has another fingerprint from then on.
    ///
    /// # Errors
    ///
    /// When the text is no such fingerprint.
    pub fn pin_sha256(self, fingerprint: &str) -> Result<Self, TlsError> {
        let pin = fingerprint::parse(fingerprint)?;
        Ok(self.with(|settings| settings.pins.push(pin)))
    }

    /// Appends the secrets of each session to this file, in the key log format of NSS, so that Wireshark
    /// can decrypt what was captured. A new file can be read by its owner alone; one that is there keeps its
    /// permissions.
    ///
    /// Whoever has the file can read the sessions. The environment's `SSLKEYLOGFILE` counts only where a
    /// program hands it in here. Opens the file at once, and blocks meanwhile; each handshake writes a few
    /// lines on the thread that it runs on, so that the file should be on a disk and not on a network.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened. If writing fails later, the secrets are missing there, and the
    /// connections work.
    pub fn key_log_file(self, path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let path = path.as_ref();
        let file = KeyLogFile::open(path).map_err(|error| {
            let text = format!("key log file {}: {}", path.display(), io_words(&error));
            TlsError::new(TlsErrorKind::KeyLog, text, error)
        })?;
        Ok(self.with(|settings| settings.key_log = Some(Arc::new(file))))
    }

    /// Accepts every certificate, whoever signed it and whatever it is for, or every pinned one.
    ///
    /// **Danger.** Without [`pin_sha256`](Self::pin_sha256) anybody between this client and the server
    /// can then read and change everything: passwords, cookies, messages. The bytes are still encrypted,
    /// but nobody knows for whom. For tests against a server of your own; prefer
    /// [`add_ca_file`](Self::add_ca_file) even there.
    #[must_use]
    pub fn danger_accept_any_certificate(self) -> Self {
        self.with(|settings| settings.verify_chain = false)
    }

    /// Tells whether servers are verified: true unless it was given up dangerously, and nothing is
    /// pinned.
    pub fn is_verified(&self) -> bool {
        self.settings.verify_chain || !self.settings.pins.is_empty()
    }

    /// Does the TLS handshake with this host over a fresh TCP connection.
    ///
    /// The host is named to the server (SNI) if it has a name, and must be named by the certificate;
    /// [`server_name`](Self::server_name) takes its place.
    ///
    /// # Errors
    ///
    /// When the certificate is not trusted, the server does not speak TLS or refuses, both agree on
    /// HTTP/2, the connection breaks, or this system has no roots to trust.
    ///
    /// A server that demands a client certificate says so after this in TLS 1.3, where the client is
    /// first to be done: whoever reads from the stream next gets an error that has rustls' inside, or a
    /// [`TlsError`] of [`TlsErrorKind::ClientCertificateRequired`] where this client had none to show.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the TCP connection.
    pub async fn connect(&self, host: &Host, tcp: TcpStream) -> Result<TlsStream, TlsError> {
        let name = match &self.settings.server_name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        let config = self.config().await?;
        let handshake = TlsConnector::from(config).connect(name, tcp);
        let (result, notes) = Notes::during(handshake).await;
        match result {
            Ok(stream) => TlsStream::new(stream.into(), self.is_verified())
                .empty_handed(notes.empty_handed)
                .speaking_http_1()
                .ok_or_else(|| TlsError::http_2(Peer::Server)),
            Err(error) => {
                let failed = Failed {
                    peer: Peer::Server,
                    min_version: self.settings.min_version,
                    notes,
                };
                Err(TlsError::handshake(error, &failed))
            }
        }
    }

    /// Changes a setting. What was built from the old ones, sessions included, stays with the clones.
    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self.config = Arc::default();
        self
    }

    /// Builds the configuration on first use, off the runtime's threads: roots come from many files.
    async fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let settings = Arc::clone(&self.settings);
        let built = spawn_blocking(move || settings.build()).await;
        let config = built.map_err(|error| {
            TlsError::new(TlsErrorKind::Io, "TLS set-up was interrupted", error)
        })??;
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

impl Settings {
    fn build(&self) -> Result<ClientConfig, TlsError> {
        let provider = provider();
        let mut verify = Verify {
            chain: None,
            pins: self.pins.clone(),
            algorithms: provider.signature_verification_algorithms,
        };
        if self.verify_chain {
            let roots = if self.system_roots {
                roots::of_system_and(&self.extra)?
            } else {
                roots::only(&self.extra)?
            };
            verify.chain = Some(Chain {
                roots,
                extra: self.extra.clone(),
            });
        }
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.min_version.and_newer())
            .map_err(TlsError::internal)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verify))
            .with_client_cert_resolver(Arc::new(Shown(self.identity.clone())));
        config.alpn_protocols.clone_from(&self.alpn);
        if let Some(file) = &self.key_log {
            config.key_log = file.clone();
        }
        Ok(config)
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::client()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        f.debug_struct("Tls")
            .field("system_roots", &settings.system_roots)
            .field("extra_certificates", &settings.extra.len())
            .field("pins", &settings.pins.len())
            .field("verified", &self.is_verified())
            .field("client_certificate", &settings.identity.is_some())
            .field("min_version", &settings.min_version)
            .field("key_log", &settings.key_log.is_some())
            .finish_non_exhaustive()
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, TlsError> {
    match host {
        Host::Ipv4(ip) => Ok(ServerName::from(IpAddr::from(*ip))),
        Host::Ipv6(ip) => Ok(ServerName::from(IpAddr::from(*ip))),
        Host::Domain(name) => parse_name(name),
    }
}

fn parse_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|error| {
        let text = format!("host name {name:?} cannot be in a certificate");
        TlsError::new(TlsErrorKind::InvalidHost, text, error)
    })
}
