//! The authorities that a client trusts: the system's, its own, or both.

use std::sync::OnceLock;

use rustls_native_certs::{CertificateResult, load_native_certs};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::certificate::is_authority;
use super::error::{TlsError, TlsErrorKind};

/// The system's roots and these. Blocks for many files the first time that it is called.
pub(super) fn of_system_and(extra: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    SYSTEM_ROOTS
        .get_or_init(|| SystemRoots::new(load_native_certs()))
        .with(extra)
}

/// These alone. Without an authority among them the store is empty.
pub(super) fn only(extra: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    if extra.is_empty() {
        let text = "no trusted root certificates: the system's are not used, and no CA was added";
        return Err(TlsError::new(TlsErrorKind::NoRoots, text, "none added").without_remedy());
    }
    let mut store = RootCertStore::empty();
    add_authorities(&mut store, extra);
    Ok(store)
}

/// Adds those that may sign others.
///
/// webpki lets whatever is in a store sign for every name, so that with its own self-signed certificate
/// in there a printer could speak for a bank. A certificate of X.509 version 1 cannot say that it is an
/// authority's: old private roots are such, but so is what `openssl x509 -req -signkey` makes for one
/// host, and nothing tells them apart.
fn add_authorities(store: &mut RootCertStore, extra: &[CertificateDer<'static>]) {
    let authorities = extra.iter().filter(|certificate| is_authority(certificate));
    store.add_parsable_certificates(authorities.cloned());
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
        add_authorities(&mut store, extra);
        if store.is_empty() && extra.is_empty() {
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

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

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
        let roots = empty.with(&[made(IsCa::Ca(BasicConstraints::Unconstrained))]);
        assert_eq!(roots.expect("one root").len(), 1);
    }

    #[test]
    fn what_is_no_authority_is_no_root() {
        let empty = SystemRoots::new(CertificateResult::default());
        for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
            let own = [made(is_ca)];
            assert!(empty.with(&own).expect("something trusted").is_empty());
            assert!(only(&own).expect("something trusted").is_empty());
        }
    }

    fn made(is_ca: IsCa) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["a.example".into()]).expect("a name");
        params.is_ca = is_ca;
        let key = KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        made.der().clone()
    }
}
