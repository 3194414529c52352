//! TLS for both ends, by rustls with ring: certificates, handshakes, and errors that can be read.
//!
//! Nothing here touches rustls' process-wide provider. Both ends speak TLS 1.2 and 1.3 and offer
//! `http/1.1` alone as application protocol, since the opening handshake is HTTP/1.1 (RFC 6455 §4.1).

mod certificate;
mod client;
mod error;
mod pem;
mod server;
mod verify;

use std::sync::Arc;

use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::version::{TLS12, TLS13};

pub use client::Tls;
pub use error::{TlsError, TlsErrorKind};
pub use server::ServerTls;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn alpn() -> Vec<Vec<u8>> {
    vec![b"http/1.1".to_vec()]
}

const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
