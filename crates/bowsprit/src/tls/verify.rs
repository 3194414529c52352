//! Who decides on a server's certificate: rustls, the pinned fingerprints, both, or nobody.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::certificate::Signer;
use super::error::TlsError;
use super::fingerprint;
use super::notes::Notes;

/// Verifies the chain where there is one to verify by, then the pins where there are any.
///
/// Whatever is left out, the server must hold the private key of its certificate.
#[derive(Debug)]
pub(super) struct Verify {
    pub(super) chain: Option<Chain>,
    /// Any of them will do.
    pub(super) pins: Vec<[u8; 32]>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl Verify {
    fn check_pins(&self, end_entity: &CertificateDer<'_>) -> Result<(), Error> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let found = fingerprint::of(end_entity);
        if self.pins.contains(&found) {
            return Ok(());
        }
        let mismatch = OtherError(Arc::new(PinMismatch(found)));
        Err(CertificateError::Other(mismatch).into())
    }
}

impl ServerCertVerifier for Verify {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify(end_entity, intermediates, server_name, now)?;
        }
        self.check_pins(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Verifies as rustls does, chain, dates and name, and lets a server present a trusted certificate.
#[derive(Debug)]
pub(super) struct Chain {
    webpki: Arc<WebPkiServerVerifier>,
    extra: Vec<CertificateDer<'static>>,
}

impl Chain {
    pub(super) fn new(
        roots: RootCertStore,
        extra: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let webpki =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(TlsError::internal)?;
        Ok(Self { webpki, extra })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let verified = self
            .webpki
            .verify_server_cert(end_entity, intermediates, name, &[], now);
        let Err(error) = verified else {
            return Ok(());
        };
        if self.is_trusted_itself(end_entity, &error) {
            return verify_server_name(&ParsedCertificate::try_from(end_entity)?, name);
        }
        let last = intermediates.last().map(|certificate| &**certificate);
        Notes::write(|notes| notes.rejected = Signer::of(end_entity, last));
        Err(error)
    }

    /// Tells whether the one objection is that a certificate is an authority's, and it is trusted.
    ///
    /// `openssl req -x509` makes such certificates, and people use them for servers. Whoever holds
    /// the key of a trusted authority could sign a certificate for this name, so that presenting the
    /// authority's own gives away nothing. rustls has checked its dates before it objects.
    fn is_trusted_itself(&self, end_entity: &CertificateDer<'_>, error: &Error) -> bool {
        is_ca_as_end_entity(error) && self.extra.iter().any(|trusted| trusted == end_entity)
    }
}

/// webpki's error is known by its text only: rustls hides its type.
pub(super) fn is_ca_as_end_entity(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.to_string() == "CaUsedAsEndEntity"
        }
        _ => false,
    }
}

/// The fingerprint that came in place of a pinned one.
#[derive(Debug)]
pub(super) struct PinMismatch(pub(super) [u8; 32]);

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = fingerprint::write(&self.0);
        write!(f, "SHA-256 fingerprint {found} is not pinned")
    }
}

impl std::error::Error for PinMismatch {}
