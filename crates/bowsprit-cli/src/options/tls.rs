//! The options of `wss:` connections: whom to trust, and who to be.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;

use bowsprit::{Tls, TlsVersion};
use clap::Args;

use crate::printer::text::escape;

/// What TLS is to be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "TLS (wss:)")]
pub(crate) struct TlsOptions {
    /// Trust the certificates in this PEM file as well (repeatable)
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,

    /// Trust the certificates of --ca alone, and not the system's
    #[arg(long)]
    only_ca: bool,

    /// Show this certificate, a chain in PEM, to a server that asks
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// The private key of --cert, in PEM
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Ask for this name, and verify it, in place of the URI's host
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,

    /// Offer application protocols; '' offers none [default: http/1.1]
    #[arg(long, value_name = "LIST")]
    alpn: Option<String>,

    /// The oldest version of TLS to agree to: 1.2 or 1.3 [default: 1.2]
    #[arg(long, value_name = "VERSION")]
    tls_min: Option<Version>,

    /// Take only the certificate with this SHA-256 fingerprint (repeatable)
    #[arg(long, value_name = "HEX")]
    pin: Vec<String>,

    /// DANGER: accept any certificate; anyone on the way can read and change all
    #[arg(short = 'k', long)]
    insecure: bool,
}

/// The environment variable that names the file for the keys of connections.
const KEY_LOG: &str = "SSLKEYLOGFILE";

/// Where the keys of connections are to be written, if the environment says so.
pub(crate) fn key_log_file() -> Option<PathBuf> {
    env::var_os(KEY_LOG)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

impl TlsOptions {
    /// Whether anything is asked for.
    pub(super) fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// Whether anybody is taken for the server.
    pub(crate) const fn is_insecure(&self) -> bool {
        self.insecure && self.pin.is_empty()
    }

    /// Whether certificates are pinned.
    pub(super) const fn pins(&self) -> bool {
        !self.pin.is_empty()
    }

    /// These options, and of `defaults` those that they do not replace.
    pub(super) fn over(self, defaults: &Self) -> Self {
        // A certificate and its key belong together.
        let identity = if self.cert.is_some() || self.key.is_some() {
            (self.cert, self.key)
        } else {
            (defaults.cert.clone(), defaults.key.clone())
        };
        // Who accepts any certificate has no use for authorities of the command line.
        let (ca, only_ca) = if self.insecure {
            (self.ca, self.only_ca)
        } else {
            let only_ca = self.only_ca || defaults.only_ca;
            ([defaults.ca.clone(), self.ca].concat(), only_ca)
        };
        Self {
            ca,
            only_ca,
            cert: identity.0,
            key: identity.1,
            sni: self.sni.or_else(|| defaults.sni.clone()),
            alpn: self.alpn.or_else(|| defaults.alpn.clone()),
            tls_min: self.tls_min.or(defaults.tls_min),
            pin: [defaults.pin.clone(), self.pin].concat(),
            insecure: self.insecure || defaults.insecure,
        }
    }

    /// The settings. Reads the files.
    ///
    /// # Errors
    ///
    /// When a file or a value is not what it should be, or two options contradict each other.
    pub(super) fn build(&self) -> Result<Tls, String> {
        self.check()?;
        let told = |error: bowsprit::TlsError| escape(&error.to_string()).into_owned();
        let mut tls = Tls::client();
        for path in &self.ca {
            tls = tls.add_ca_file(path).map_err(told)?;
        }
        if self.only_ca {
            tls = tls.without_system_roots();
        }
        if let (Some(chain), Some(key)) = (&self.cert, &self.key) {
            tls = tls.client_certificate_files(chain, key).map_err(told)?;
        }
        if let Some(name) = &self.sni {
            tls = tls.server_name(name).map_err(told)?;
        }
        if let Some(list) = &self.alpn {
            tls = tls.alpn(list.split(',').filter(|name| !name.is_empty()));
        }
        if let Some(Version(version)) = self.tls_min {
            tls = tls.min_version(version);
        }
        for pin in &self.pin {
            tls = tls.pin_sha256(pin).map_err(told)?;
        }
        if self.insecure {
            tls = tls.danger_accept_any_certificate();
        }
        if let Some(path) = key_log_file() {
            tls = tls.key_log_file(path).map_err(told)?;
        }
        Ok(tls)
    }

    fn check(&self) -> Result<(), String> {
        let told = match (self.cert.is_some(), self.key.is_some()) {
            (true, false) => "--cert needs its private key: --key FILE",
            (false, true) => "--key needs the certificate that it is for: --cert FILE",
            _ if self.only_ca && self.ca.is_empty() => "--only-ca trusts nobody without --ca FILE",
            _ if self.insecure && !self.ca.is_empty() => {
                "--insecure accepts any certificate, so --ca would mean nothing: give one of them"
            }
            _ => return Ok(()),
        };
        Err(told.to_owned())
    }
}

/// A version of TLS as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version(TlsVersion);

impl FromStr for Version {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1.2" => Ok(Self(TlsVersion::Tls12)),
            "1.3" => Ok(Self(TlsVersion::Tls13)),
            _ => Err("there are 1.2 and 1.3; older ones are not safe"),
        }
    }
}
