//! Every way in which TLS fails, in a sentence that a person can act on.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible,
};

use super::certificate::{Signer, printable};
use super::verify::is_ca_as_end_entity;
use crate::dial::io_words;

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
    /// The certificate is not acceptable for another reason.
    BadCertificate,
    /// What the peer sent is not TLS.
    NotTls,
    /// No TLS version, cipher or application protocol in common.
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

impl TlsError {
    pub(super) fn new(
        kind: TlsErrorKind,
        text: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            text: text.into(),
            source: source.into(),
        }
    }

    /// A configuration of our own that rustls refuses. No input leads here.
    pub(super) fn internal(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(TlsErrorKind::Malformed, "TLS cannot be configured", error)
    }

    /// Explains how a handshake failed.
    pub(super) fn handshake(error: io::Error, peer: Peer, rejected: Option<&Signer>) -> Self {
        match error.downcast::<Error>() {
            Ok(error) => {
                let (kind, text) = explain(&error, peer, rejected);
                Self::new(kind, text, error)
            }
            Err(error) => {
                let (kind, text) = explain_io(&error, peer);
                Self::new(kind, text, error)
            }
        }
    }

    /// Returns what went wrong, for programs.
    pub fn kind(&self) -> TlsErrorKind {
        self.kind
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.kind.remedy() {
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

fn explain_io(error: &io::Error, peer: Peer) -> (TlsErrorKind, String) {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            let text = format!("{peer} closed the connection during the TLS handshake");
            (TlsErrorKind::UnexpectedEnd, text)
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => {
            let text = format!("{peer} reset the connection during the TLS handshake");
            (TlsErrorKind::Reset, text)
        }
        _ => (
            TlsErrorKind::Io,
            format!("TLS handshake failed: {}", io_words(error)),
        ),
    }
}

fn explain(error: &Error, peer: Peer, rejected: Option<&Signer>) -> (TlsErrorKind, String) {
    match error {
        Error::InvalidCertificate(_) if is_ca_as_end_entity(error) => explain_ca(rejected),
        Error::InvalidCertificate(error) => explain_certificate(error, rejected),
        Error::NoCertificatesPresented => (
            TlsErrorKind::BadCertificate,
            format!("{peer} presented no certificate"),
        ),
        // The first byte of a record that is no record; "HTTP/1.1 400" and "SSH-2.0" end up here.
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => {
            let place = if peer == Peer::Server {
                " on this port"
            } else {
                ""
            };
            (
                TlsErrorKind::NotTls,
                format!("{peer} does not speak TLS{place}"),
            )
        }
        Error::AlertReceived(alert) => explain_alert(*alert, peer),
        Error::PeerIncompatible(reason) => (
            TlsErrorKind::Incompatible,
            explain_incompatible(reason, peer),
        ),
        Error::NoApplicationProtocol => (
            TlsErrorKind::Incompatible,
            format!("{peer} does not offer HTTP/1.1 over TLS"),
        ),
        Error::FailedToGetRandomBytes => (
            TlsErrorKind::Io,
            "system has no random bytes for TLS".into(),
        ),
        Error::FailedToGetCurrentTime => (
            TlsErrorKind::Io,
            "system does not know the time, which TLS needs".into(),
        ),
        other => (
            TlsErrorKind::Protocol,
            format!("{peer} broke the rules of TLS: {other}"),
        ),
    }
}

fn explain_certificate(
    error: &CertificateError,
    rejected: Option<&Signer>,
) -> (TlsErrorKind, String) {
    use CertificateError as Fault;
    match error {
        Fault::UnknownIssuer if rejected.is_some_and(|signer| signer.self_signed) => (
            TlsErrorKind::SelfSigned,
            "certificate is self-signed".into(),
        ),
        Fault::UnknownIssuer => {
            let name = rejected.and_then(|signer| signer.name.as_deref());
            let issuer = name
                .map(|name| format!(" (issuer: {name})"))
                .unwrap_or_default();
            (
                TlsErrorKind::UnknownIssuer,
                format!("certificate is signed by an unknown authority{issuer}"),
            )
        }
        Fault::Expired => (TlsErrorKind::Expired, "certificate has expired".into()),
        Fault::ExpiredContext { not_after, .. } => (
            TlsErrorKind::Expired,
            format!("certificate expired on {}", date(*not_after)),
        ),
        Fault::NotValidYet => (
            TlsErrorKind::NotYetValid,
            "certificate is not valid yet".into(),
        ),
        Fault::NotValidYetContext { not_before, .. } => {
            let text = format!("certificate is not valid before {}", date(*not_before));
            (TlsErrorKind::NotYetValid, text)
        }
        Fault::NotValidForName => (
            TlsErrorKind::WrongName,
            "certificate is for another name".into(),
        ),
        Fault::NotValidForNameContext {
            expected,
            presented,
        } => {
            let text = format!(
                "certificate is not valid for {}, {}",
                expected.to_str(),
                named(presented)
            );
            (TlsErrorKind::WrongName, text)
        }
        Fault::Revoked => (TlsErrorKind::Revoked, "certificate was revoked".into()),
        Fault::BadEncoding => (
            TlsErrorKind::BadCertificate,
            "certificate is damaged".into(),
        ),
        // The chain was accepted, so that it is the handshake's signature which does not match.
        Fault::BadSignature if rejected.is_none() => (
            TlsErrorKind::BadCertificate,
            "server does not hold the private key of its certificate".into(),
        ),
        Fault::BadSignature => (
            TlsErrorKind::BadCertificate,
            "certificate is signed with another key than that of the trusted authority".into(),
        ),
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => (
            TlsErrorKind::BadCertificate,
            "certificate is not meant for servers".into(),
        ),
        other => (
            TlsErrorKind::BadCertificate,
            format!("certificate is not acceptable: {other}"),
        ),
    }
}

fn explain_ca(rejected: Option<&Signer>) -> (TlsErrorKind, String) {
    if rejected.is_some_and(|signer| signer.self_signed) {
        return (
            TlsErrorKind::SelfSigned,
            "certificate is self-signed".into(),
        );
    }
    let text = "certificate is an authority's own, which is not for servers";
    (TlsErrorKind::BadCertificate, text.into())
}

fn explain_alert(alert: AlertDescription, peer: Peer) -> (TlsErrorKind, String) {
    let name = alert_name(alert);
    match alert {
        AlertDescription::ProtocolVersion => (
            TlsErrorKind::Incompatible,
            format!("{peer} supports neither TLS 1.2 nor TLS 1.3 (alert: {name})"),
        ),
        AlertDescription::InsufficientSecurity => (
            TlsErrorKind::Incompatible,
            format!("no TLS cipher in common with the {peer} (alert: {name})"),
        ),
        AlertDescription::NoApplicationProtocol => (
            TlsErrorKind::Incompatible,
            format!("{peer} does not offer HTTP/1.1 over TLS (alert: {name})"),
        ),
        _ => (
            TlsErrorKind::Refused,
            format!("{peer} refused the TLS handshake (alert: {name})"),
        ),
    }
}

fn explain_incompatible(reason: &PeerIncompatible, peer: Peer) -> String {
    use PeerIncompatible as Reason;
    match reason {
        Reason::ServerDoesNotSupportTls12Or13
        | Reason::ServerTlsVersionIsDisabledByOurConfig
        | Reason::SupportedVersionsExtensionRequired
        | Reason::Tls12NotOffered
        | Reason::Tls12NotOfferedOrEnabled => {
            format!("{peer} supports neither TLS 1.2 nor TLS 1.3")
        }
        Reason::NoCipherSuitesInCommon => format!("no TLS cipher in common with the {peer}"),
        other => format!("{peer} lacks a part of TLS that is needed: {other:?}"),
    }
}

/// "HandshakeFailure" becomes "handshake failure", as in RFC 8446 §6.2.
fn alert_name(alert: AlertDescription) -> String {
    let Some(camel) = alert.as_str() else {
        return format!("number {}", u8::from(alert));
    };
    let mut name = String::with_capacity(camel.len() + 4);
    let mut after_lower = false;
    for c in camel.chars() {
        if c.is_uppercase() && after_lower {
            name.push(' ');
        }
        after_lower = c.is_lowercase();
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// Lists the names of a certificate, given as rustls prints them: `DnsName("a.example")`.
fn named(presented: &[String]) -> String {
    if presented.is_empty() {
        return "and names no host at all".into();
    }
    let plain = |name: &String| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        printable(inner.unwrap_or(name).trim_matches('"'))
    };
    let shown: Vec<_> = presented.iter().take(MAX_SHOWN).map(plain).collect();
    let more = match presented.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("only for {}{more}", shown.join(", "))
}

/// The day as year, month and day, in UTC: Howard Hinnant's civil_from_days.
fn date(time: UnixTime) -> String {
    let days = time.as_secs() / 86_400 + 719_468; // since 0000-03-01, where leap days end a year
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

/// Certificates of large sites have hundreds of names.
const MAX_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn tells_the_date() {
        let days = [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_704_067_199, "2023-12-31"),
            (1_704_067_200, "2024-01-01"),
            (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"),
        ];
        for (secs, expected) in days {
            assert_eq!(
                date(UnixTime::since_unix_epoch(Duration::from_secs(secs))),
                expected
            );
        }
    }

    #[test]
    fn names_alerts_in_words() {
        let alerts = [
            (AlertDescription::HandshakeFailure, "handshake failure"),
            (AlertDescription::UnknownCA, "unknown ca"),
            (AlertDescription::Unknown(200), "number 200"),
        ];
        for (alert, expected) in alerts {
            assert_eq!(alert_name(alert), expected);
        }
    }

    #[test]
    fn lists_a_few_names_and_counts_the_rest() {
        let names: Vec<_> = (1..=7)
            .map(|n| format!("DnsName(\"{n}.example\")"))
            .collect();
        assert_eq!(named(&[]), "and names no host at all");
        assert_eq!(named(&names[..2]), "only for 1.example, 2.example");
        assert_eq!(
            named(&names),
            "only for 1.example, 2.example, 3.example, 4.example, 5.example and 2 more"
        );
        assert_eq!(
            named(&["IpAddress(127.0.0.1)".into()]),
            "only for 127.0.0.1"
        );
        assert_eq!(named(&["DnsName(\"a\x1b\")".into()]), "only for a\u{fffd}");
    }

    #[test]
    fn says_revoked() {
        let error = Error::InvalidCertificate(CertificateError::Revoked);
        let error = TlsError::handshake(
            io::Error::new(io::ErrorKind::InvalidData, error),
            Peer::Server,
            None,
        );
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (TlsErrorKind::Revoked, "certificate was revoked")
        );
    }
}
