//! Every way in which TLS fails, in a sentence that a person can act on.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use tokio_rustls::rustls::Error;

use super::TlsVersion;
use super::explain::{explain, explain_io};
use super::notes::Notes;

/// Why TLS could not be set up, or a TLS handshake failed.
///
/// Prints as one line, with a remedy at its end where there is one. `source()` is the error of
/// rustls or the system underneath.
///
/// ```
/// use bowsprit::{Tls, TlsErrorKind};
///
/// let error = Tls::client().add_ca_pem(b"not PEM").unwrap_err();
/// assert_eq!(error.kind(), TlsErrorKind::NoCertificate);
/// assert_eq!(error.to_string(), "CA certificate: no certificate in PEM form");
/// ```
pub struct TlsError {
    kind: TlsErrorKind,
    text: String,
    remedy: Option<&'static str>,
    source: Box<dyn StdError + Send + Sync>,
}

/// What went wrong, for programs. [`TlsError`] says it to people.
///
/// ```
/// use bowsprit::TlsErrorKind;
///
/// fn may_ask_to_trust(kind: TlsErrorKind) -> bool {
///     matches!(kind, TlsErrorKind::SelfSigned | TlsErrorKind::UnknownIssuer)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The system has no root certificates, and none was added.
    NoRoots,
    /// A certificate or key file cannot be read.
    Unreadable,
    /// No certificate in the PEM text.
    NoCertificate,
    /// No private key in the PEM text, or an encrypted one.
    NoKey,
    /// A certificate or key of one's own that cannot be decoded or used.
    Malformed,
    /// The private key belongs to another certificate.
    KeyMismatch,
    /// A host name that no certificate can name.
    InvalidHost,
    /// A text that is no fingerprint of a certificate.
    InvalidPin,
    /// The file for session keys cannot be opened.
    KeyLog,
    /// The server signed its certificate itself, and it is not among the trusted.
    SelfSigned,
    /// The certificate is signed by an authority that is not among the trusted.
    UnknownIssuer,
    /// The certificate is past its last day.
    Expired,
    /// The certificate is before its first day.
    NotYetValid,
    /// The certificate is for other names.
    WrongName,
    /// The certificate was revoked.
    Revoked,
    /// The certificate is none of the pinned ones.
    PinMismatch,
    /// The certificate is not acceptable for another reason.
    BadCertificate,
    /// The server demands a certificate of its clients, and this one showed none.
    ClientCertificateRequired,
    /// The server does not accept the certificate that the client showed.
    ClientCertificateRefused,
    /// What the peer sent is not TLS.
    NotTls,
    /// The peer speaks only versions of TLS that are too old.
    OldVersion,
    /// No TLS cipher or application protocol in common.
    Incompatible,
    /// The peer ended the handshake with an alert.
    Refused,
    /// The peer closed the connection during the handshake.
    UnexpectedEnd,
    /// The connection was reset during the handshake.
    Reset,
    /// The peer broke a rule of TLS.
    Protocol,
    /// Another failure of the system underneath.
    Io,
}

/// Who is at the other end of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Client,
    Server,
}

/// The handshake that failed: with whom, and what is known of it besides the error.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) peer: Peer,
    /// The oldest version that this end agrees to.
    pub(super) min_version: TlsVersion,
    pub(super) notes: Notes,
}

impl TlsError {
    pub(super) fn new(
        kind: TlsErrorKind,
        text: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            text: text.into(),
            remedy: kind.remedy(),
            source: source.into(),
        }
    }

    /// Leaves out what would be bad advice here.
    pub(super) fn without_remedy(self) -> Self {
        Self {
            remedy: None,
            ..self
        }
    }

    /// A configuration of our own that rustls refuses. No input leads here.
    pub(super) fn internal(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(TlsErrorKind::Malformed, "TLS cannot be configured", error)
    }

    /// Explains how a handshake failed.
    pub(super) fn handshake(error: io::Error, failed: &Failed) -> Self {
        let explained = match error.downcast::<Error>() {
            Ok(error) => {
                let (kind, text) = explain(&error, failed);
                Self::new(kind, text, error)
            }
            Err(error) => {
                let (kind, text) = explain_io(&error, failed.peer);
                Self::new(kind, text, error)
            }
        };
        match failed.peer {
            Peer::Server => explained,
            // The remedies are a client's.
            Peer::Client => explained.without_remedy(),
        }
    }

    /// Explains what a server said of the handshake after the client was done with it, if this is that.
    ///
    /// In TLS 1.3 a client's handshake ends before the server has seen its certificate (RFC 8446 §2).
    pub(crate) fn after_handshake(error: io::Error) -> Result<Self, io::Error> {
        match error.downcast::<Self>() {
            Ok(explained) => Ok(explained),
            Err(error) => Ok(Self::of_server(error.downcast::<Error>()?, false)),
        }
    }

    /// Puts into an error of a client that was asked for a certificate and had none that the server
    /// demands one, if that is what the server's alert means.
    pub(crate) fn to_empty_handed(error: io::Error) -> io::Error {
        let io_kind = error.kind();
        match error.downcast::<Error>() {
            Ok(error) => {
                let explained = Self::of_server(error.clone(), true);
                match explained.kind {
                    TlsErrorKind::ClientCertificateRequired => io::Error::new(io_kind, explained),
                    _ => io::Error::new(io_kind, error),
                }
            }
            Err(error) => error,
        }
    }

    fn of_server(error: Error, empty_handed: bool) -> Self {
        let failed = Failed {
            peer: Peer::Server,
            min_version: TlsVersion::default(),
            notes: Notes {
                empty_handed,
                ..Notes::default()
            },
        };
        let (kind, text) = explain(&error, &failed);
        Self::new(kind, text, error)
    }

    /// Both ends have agreed on a protocol over which there is no opening handshake of RFC 6455 §4.
    pub(super) fn http_2(peer: Peer) -> Self {
        let text = match peer {
            Peer::Server => {
                "server chose HTTP/2, and a WebSocket opens over HTTP/1.1; do not offer h2"
            }
            Peer::Client => "client wants HTTP/2, and a WebSocket opens over HTTP/1.1",
        };
        Self::new(TlsErrorKind::Incompatible, text, "h2 was agreed on")
    }

    /// Returns what went wrong, for programs.
    pub fn kind(&self) -> TlsErrorKind {
        self.kind
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsError")
            .field("kind", &self.kind)
            .field("text", &self.text)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for TlsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

impl TlsErrorKind {
    const fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::NoRoots => "install the system's CA certificates, or add a CA",
            Self::SelfSigned => "trust it as an extra CA, or skip verification",
            Self::UnknownIssuer => "trust it with an extra CA, or skip verification",
            Self::Expired => "check the clock, or skip verification",
            Self::NotYetValid => "check the clock",
            Self::ClientCertificateRequired => "give the client a certificate and its key",
            Self::PinMismatch => "if that is the server's new certificate, pin it",
            Self::WrongName => "use one of its names, or skip verification",
            Self::NotTls => "try a plain connection, or another port",
            _ => return None,
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::AlertDescription;

    use super::*;

    #[test]
    fn a_vague_alert_to_who_showed_no_certificate_demands_one() {
        let alert = |alert| {
            let error = Error::AlertReceived(alert);
            io::Error::new(io::ErrorKind::InvalidData, error)
        };
        let explained = |error| TlsError::after_handshake(error).expect("an error of TLS");
        let bad = || alert(AlertDescription::BadCertificate);
        let told = explained(TlsError::to_empty_handed(bad()));
        assert_eq!(told.kind(), TlsErrorKind::ClientCertificateRequired);
        assert_eq!(
            told.to_string(),
            "server demands a client certificate (alert: bad certificate); \
             give the client a certificate and its key"
        );
        let told = explained(bad());
        assert_eq!(told.kind(), TlsErrorKind::ClientCertificateRefused);
        // Others stay what they are.
        let other = TlsError::to_empty_handed(alert(AlertDescription::InternalError));
        assert!(other.get_ref().is_some_and(|inner| inner.is::<Error>()));
        assert_eq!(explained(other).kind(), TlsErrorKind::Refused);
        let reset = TlsError::to_empty_handed(io::ErrorKind::ConnectionReset.into());
        assert!(TlsError::after_handshake(reset).is_err());
    }
}
