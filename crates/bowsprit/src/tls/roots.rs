//! The authorities that a client trusts: the system's, its own, or both.

use std::sync::OnceLock;

use rustls_native_certs::{CertificateResult, load_native_certs};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::error::{TlsError, TlsErrorKind};

/// The system's roots and these. Blocks for many files the first time that it is called.
pub(super) fn of_system_and(extra: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    SYSTEM_ROOTS
        .get_or_init(|| SystemRoots::new(load_native_certs()))
        .with(extra)
}

/// These alone.
pub(super) fn only(extra: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    if extra.is_empty() {
        let text = "no trusted root certificates: the system's are not used, and no CA was added";
        return Err(TlsError::new(TlsErrorKind::NoRoots, text, "none added").without_remedy());
    }
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(extra.iter().cloned());
    Ok(store)
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
