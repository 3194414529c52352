//! TLS for both ends, by rustls with ring: certificates, handshakes, and errors that can be read.
//!
//! Nothing here touches rustls' process-wide provider. Both ends speak TLS 1.2 and 1.3 unless told
//! otherwise, and offer `http/1.1` alone as application protocol, since the opening handshake is
//! HTTP/1.1 (RFC 6455 §4.1).

mod certificate;
mod client;
mod error;
mod explain;
mod fingerprint;
mod identity;
mod key_log;
mod notes;
mod pem;
mod roots;
mod server;
mod verify;

use std::sync::Arc;

use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::version::{TLS12, TLS13};

pub use certificate::{CertificateName, PeerCertificate};
pub use client::Tls;
pub use error::{TlsError, TlsErrorKind};
pub use server::ServerTls;

/// The oldest version of TLS that an end agrees to. Both are safe; 1.3 hides more of the handshake.
///
/// ```
/// use bowsprit::{Tls, TlsVersion};
///
/// let tls = Tls::client().min_version(TlsVersion::Tls13);
/// assert!(TlsVersion::Tls12 < TlsVersion::Tls13);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), the default. Older ones are not built in.
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    const fn and_newer(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Tls12 => TLS12_AND_NEWER,
            Self::Tls13 => TLS13_AND_NEWER,
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Application protocols by name (RFC 7301). What has no byte, or over 255, cannot be written there.
fn protocols<P: Into<Vec<u8>>>(names: impl IntoIterator<Item = P>) -> Vec<Vec<u8>> {
    let names = names.into_iter().map(Into::into);
    names
        .filter(|name| (1..=255).contains(&name.len()))
        .collect()
}

fn http_1_1() -> Vec<Vec<u8>> {
    protocols(["http/1.1"])
}

const TLS12_AND_NEWER: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const TLS13_AND_NEWER: &[&SupportedProtocolVersion] = &[&TLS13];
