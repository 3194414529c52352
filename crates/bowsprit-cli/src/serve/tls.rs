//! The certificate of a server: one that is given, or one made on the spot.

use std::net::IpAddr;
use std::path::Path;

use bowsprit::ServerTls;
use ring::digest::{SHA256, digest};

use super::address::Address;

/// How a server does TLS, and what a client may pin.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) server: ServerTls,
    /// The SHA-256 of a certificate that was made here.
    pub(super) fingerprint: Option<String>,
}

impl Tls {
    /// Reads a chain and its key.
    ///
    /// # Errors
    ///
    /// When that cannot be done; the text names the file.
    pub(super) fn read(chain: &Path, key: &Path) -> Result<Self, String> {
        let server = ServerTls::from_files(chain, key).map_err(|error| error.to_string())?;
        Ok(Self {
            server,
            fingerprint: None,
        })
    }

    /// Makes a certificate that signs itself, for this machine and the address that is listened on.
    ///
    /// # Errors
    ///
    /// When that cannot be done.
    pub(super) fn make(address: &Address) -> Result<Self, String> {
        let mut names = ["localhost", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec();
        if let Address::Tcp { host, .. } = address {
            // Nobody asks for "any address".
            let is_any = host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_unspecified());
            if !is_any && !names.contains(host) {
                names.push(host.clone());
            }
        }
        let failed = |error: &dyn std::fmt::Display| format!("--tls-self-signed: {error}");
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| failed(&error))?;
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let server = ServerTls::from_pem(chain.as_bytes(), key.as_bytes());
        let hash = digest(&SHA256, made.cert.der());
        let pairs: Vec<String> = hash
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Ok(Self {
            server: server.map_err(|error| failed(&error))?,
            fingerprint: Some(pairs.join(":")),
        })
    }
}
