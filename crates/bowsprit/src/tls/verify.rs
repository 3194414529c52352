//! Who decides on a server's certificate: rustls, with a note of what it rejected, or nobody.

use std::cell::Cell;
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

/// Runs a handshake, and returns with its result who signed the certificate that it rejected.
///
/// rustls' errors do not say. The verifier is shared between connections and has no other way to
/// speak to one of them; what it returned instead would change the alert that the server receives.
pub(super) async fn with_rejected<F: Future>(handshake: F) -> (F::Output, Option<Signer>) {
    let noted = async {
        let output = handshake.await;
        (output, REJECTED.with(Cell::take))
    };
    REJECTED.scope(Cell::new(None), noted).await
}

tokio::task_local! {
    static REJECTED: Cell<Option<Signer>>;
}

/// Verifies as rustls does, chain, dates and name, and lets a server present a trusted certificate.
#[derive(Debug)]
pub(super) struct Verify {
    webpki: Arc<WebPkiServerVerifier>,
    extra: Vec<CertificateDer<'static>>,
}

impl Verify {
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

    /// Tells whether the one objection is that a certificate is an authority's, and it is trusted.
    ///
    /// `openssl req -x509` makes such certificates, and people use them for servers. Whoever holds
    /// the key of a trusted authority could sign a certificate for this name, so that presenting the
    /// authority's own gives away nothing. rustls has checked its dates before it objects.
    fn is_trusted_itself(&self, end_entity: &CertificateDer<'_>, error: &Error) -> bool {
        is_ca_as_end_entity(error) && self.extra.iter().any(|trusted| trusted == end_entity)
    }
}

impl ServerCertVerifier for Verify {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let error = match self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Err(error) => error,
            verified => return verified,
        };
        if self.is_trusted_itself(end_entity, &error) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        let signer = Signer::of(end_entity, intermediates.last().unwrap_or(end_entity));
        // Outside of `with_rejected` nobody asks.
        let _ = REJECTED.try_with(|rejected| rejected.set(signer));
        Err(error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Accepts every certificate, from anybody. The peer must still hold the certificate's key.
#[derive(Debug)]
pub(super) struct AcceptAny {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AcceptAny {
    pub(super) fn new(provider: &CryptoProvider) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
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

/// webpki's error is known by its text only: rustls hides its type.
pub(super) fn is_ca_as_end_entity(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.to_string() == "CaUsedAsEndEntity"
        }
        _ => false,
    }
}
