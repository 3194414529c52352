//! Who decides on a server's certificate: rustls, the pinned fingerprints, both, or nobody.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::certificate::Signer;
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
            chain.verify(
                end_entity,
                intermediates,
                server_name,
                now,
                &self.algorithms,
            )?;
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
    /// Who may sign. Empty where single certificates alone are trusted, which rustls' own verifier
    /// refuses to be built with.
    pub(super) roots: RootCertStore,
    /// Authorities, and what is trusted without being one.
    pub(super) extra: Vec<CertificateDer<'static>>,
}

impl Chain {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let (roots, all) = (&self.roots, algorithms.all);
        let signed =
            verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, all);
        if let Err(error) = signed
            && !self.is_trusted_itself(end_entity, &error)
        {
            let last = intermediates.last().map(|certificate| &**certificate);
            Notes::write(|notes| notes.rejected = Signer::of(end_entity, last));
            return Err(error);
        }
        verify_server_name(&parsed, name)
    }

    /// Tells whether the certificate is trusted, and the one objection is who signed it or that it is
    /// an authority's.
    ///
    /// It is byte for byte what was added, so that nobody needs to vouch for it. Authorities' own are
    /// among those: `openssl req -x509` makes such certificates, and people use them for servers.
    ///
    /// webpki looks at the dates first, then whether it is an authority's, then what it is for (EKU),
    /// and at signatures last. So its dates have been checked here, but not what an authority's own is
    /// for: whoever holds its key could sign a certificate for anything anyway.
    fn is_trusted_itself(&self, end_entity: &CertificateDer<'_>, error: &Error) -> bool {
        let is_about_trust = match error {
            // The second where an authority that is trusted has the name of its issuer.
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => true,
            error => is_ca_as_end_entity(error),
        };
        is_about_trust && self.extra.iter().any(|trusted| trusted == end_entity)
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
