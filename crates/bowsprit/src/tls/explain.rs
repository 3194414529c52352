//! From the errors of rustls and the system to sentences.

use std::io;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
};

use super::TlsVersion;
use super::certificate::{MAX_NAME, Signer, printable};
use super::error::{Failed, Peer, TlsErrorKind};
use super::fingerprint;
use super::verify::{PinMismatch, is_ca_as_end_entity};
use crate::dial::io_words;

pub(super) fn explain_io(error: &io::Error, peer: Peer) -> (TlsErrorKind, String) {
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

pub(super) fn explain(error: &Error, failed: &Failed) -> (TlsErrorKind, String) {
    let peer = failed.peer;
    match error {
        Error::InvalidCertificate(_) if is_ca_as_end_entity(error) => explain_ca(failed),
        Error::InvalidCertificate(error) => explain_certificate(error, failed),
        Error::NoCertificatesPresented if peer == Peer::Client => (
            TlsErrorKind::ClientCertificateRequired,
            "client presented no certificate".into(),
        ),
        Error::NoCertificatesPresented => (
            TlsErrorKind::BadCertificate,
            "server presented no certificate".into(),
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
        Error::AlertReceived(alert) => explain_alert(*alert, failed),
        Error::PeerIncompatible(reason) => explain_incompatible(reason, failed),
        Error::NoApplicationProtocol => (
            TlsErrorKind::Incompatible,
            format!("no application protocol (ALPN) in common with the {peer}"),
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

fn explain_certificate(error: &CertificateError, failed: &Failed) -> (TlsErrorKind, String) {
    use CertificateError as Fault;
    let rejected = failed.notes.rejected.as_ref();
    let (kind, fault) = match error {
        Fault::UnknownIssuer => explain_issuer(rejected),
        Fault::Expired => (TlsErrorKind::Expired, "has expired".into()),
        Fault::ExpiredContext { not_after, .. } => (
            TlsErrorKind::Expired,
            format!("expired on {}", date(*not_after)),
        ),
        Fault::NotValidYet => (TlsErrorKind::NotYetValid, "is not valid yet".into()),
        Fault::NotValidYetContext { not_before, .. } => {
            let text = format!("is not valid before {}", date(*not_before));
            (TlsErrorKind::NotYetValid, text)
        }
        Fault::NotValidForName => (TlsErrorKind::WrongName, "is for another name".into()),
        Fault::NotValidForNameContext {
            expected,
            presented,
        } => {
            let (host, names) = (expected.to_str(), named(presented));
            let text = format!("is not valid for {host}, {names}");
            (TlsErrorKind::WrongName, text)
        }
        Fault::Revoked => (TlsErrorKind::Revoked, "was revoked".into()),
        Fault::BadEncoding => (TlsErrorKind::BadCertificate, "is damaged".into()),
        Fault::BadSignature => return explain_signature(failed),
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => {
            let purpose = match failed.peer {
                Peer::Server => "is not meant for servers",
                Peer::Client => "is not meant for clients",
            };
            (TlsErrorKind::BadCertificate, purpose.into())
        }
        other => explain_other(other),
    };
    let owner = match failed.peer {
        Peer::Server => "",
        Peer::Client => "client's ",
    };
    (kind, format!("{owner}certificate {fault}"))
}

fn explain_issuer(rejected: Option<&Signer>) -> (TlsErrorKind, String) {
    let Some(signer) = rejected else {
        let text = "is signed by an unknown authority";
        return (TlsErrorKind::UnknownIssuer, text.into());
    };
    if signer.self_signed {
        return (TlsErrorKind::SelfSigned, "is self-signed".into());
    }
    let name = signer.name.as_deref();
    let issuer = name
        .map(|name| format!(" (issuer: {name})"))
        .unwrap_or_default();
    // Browsers fetch what is missing, so that its administrators may never have noticed.
    let alone = if signer.alone {
        ", or the server does not send its intermediate certificates"
    } else {
        ""
    };
    (
        TlsErrorKind::UnknownIssuer,
        format!("is signed by an unknown authority{issuer}{alone}"),
    )
}

fn explain_signature(failed: &Failed) -> (TlsErrorKind, String) {
    let text = match (failed.peer, &failed.notes.rejected) {
        (Peer::Client, _) => {
            "client's certificate, or its proof to hold the key, is wrongly signed"
        }
        // The chain was accepted, so that it is the handshake's signature which does not match.
        (Peer::Server, None) => "server does not hold the private key of its certificate",
        (Peer::Server, Some(_)) => {
            "certificate is signed with another key than that of the trusted authority"
        }
    };
    (TlsErrorKind::BadCertificate, text.into())
}

fn explain_other(error: &CertificateError) -> (TlsErrorKind, String) {
    if let CertificateError::Other(OtherError(inner)) = error
        && let Some(PinMismatch(found)) = inner.downcast_ref()
    {
        let found = fingerprint::write(found);
        let text = format!("is not the pinned one, its SHA-256 fingerprint is {found}");
        return (TlsErrorKind::PinMismatch, text);
    }
    let text = format!("is not acceptable: {error}");
    (TlsErrorKind::BadCertificate, text)
}

fn explain_ca(failed: &Failed) -> (TlsErrorKind, String) {
    let rejected = failed.notes.rejected.as_ref();
    if rejected.is_some_and(|signer| signer.self_signed) {
        return (
            TlsErrorKind::SelfSigned,
            "certificate is self-signed".into(),
        );
    }
    let text = match failed.peer {
        Peer::Server => "certificate is an authority's own, which is not for servers",
        Peer::Client => "client's certificate is an authority's own",
    };
    (TlsErrorKind::BadCertificate, text.into())
}

fn explain_alert(alert: AlertDescription, failed: &Failed) -> (TlsErrorKind, String) {
    let (peer, name) = (failed.peer, alert_name(alert));
    let (kind, text) = match alert {
        _ if demands_certificate(alert, failed) => (
            TlsErrorKind::ClientCertificateRequired,
            "server demands a client certificate".into(),
        ),
        _ if peer == Peer::Server && is_about_a_certificate(alert) => (
            TlsErrorKind::ClientCertificateRefused,
            "server does not accept the client certificate".into(),
        ),
        AlertDescription::ProtocolVersion => (TlsErrorKind::OldVersion, too_old(failed)),
        AlertDescription::InsufficientSecurity => (
            TlsErrorKind::Incompatible,
            format!("no TLS cipher in common with the {peer}"),
        ),
        AlertDescription::NoApplicationProtocol => (
            TlsErrorKind::Incompatible,
            format!("no application protocol (ALPN) in common with the {peer}"),
        ),
        _ => (
            TlsErrorKind::Refused,
            format!("{peer} refused the TLS handshake"),
        ),
    };
    (kind, format!("{text} (alert: {name})"))
}

/// TLS 1.3 has an alert for that (RFC 8446 §6.2). In TLS 1.2 servers say what they like.
fn demands_certificate(alert: AlertDescription, failed: &Failed) -> bool {
    let is_vague = alert == AlertDescription::HandshakeFailure || is_about_a_certificate(alert);
    failed.peer == Peer::Server
        && (alert == AlertDescription::CertificateRequired || failed.notes.empty_handed && is_vague)
}

/// From a server, which has shown its own, these can only mean the client's.
fn is_about_a_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

fn explain_incompatible(reason: &PeerIncompatible, failed: &Failed) -> (TlsErrorKind, String) {
    use PeerIncompatible as Reason;
    let peer = failed.peer;
    let text = match reason {
        Reason::ServerDoesNotSupportTls12Or13
        | Reason::ServerTlsVersionIsDisabledByOurConfig
        | Reason::SupportedVersionsExtensionRequired
        | Reason::Tls12NotOffered
        | Reason::Tls12NotOfferedOrEnabled => {
            return (TlsErrorKind::OldVersion, too_old(failed));
        }
        Reason::NoCipherSuitesInCommon => format!("no TLS cipher in common with the {peer}"),
        other => format!("{peer} lacks a part of TLS that is needed: {other:?}"),
    };
    (TlsErrorKind::Incompatible, text)
}

fn too_old(failed: &Failed) -> String {
    let peer = failed.peer;
    match failed.min_version {
        TlsVersion::Tls12 => format!("{peer} supports neither TLS 1.2 nor TLS 1.3"),
        TlsVersion::Tls13 => format!("{peer} does not support TLS 1.3"),
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
        printable(inner.unwrap_or(name).trim_matches('"'), MAX_NAME)
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

    use super::super::notes::Notes;
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

    fn explained(error: &Error, peer: Peer, empty_handed: bool) -> (TlsErrorKind, String) {
        let notes = Notes {
            rejected: None,
            empty_handed,
        };
        let min_version = TlsVersion::Tls12;
        let failed = Failed {
            peer,
            min_version,
            notes,
        };
        explain(error, &failed)
    }

    #[test]
    fn says_revoked() {
        let error = Error::InvalidCertificate(CertificateError::Revoked);
        assert_eq!(
            explained(&error, Peer::Server, false),
            (TlsErrorKind::Revoked, "certificate was revoked".into())
        );
    }

    #[test]
    fn an_alert_about_a_certificate_is_about_the_clients() {
        use AlertDescription as Alert;
        let required = TlsErrorKind::ClientCertificateRequired;
        let refused = TlsErrorKind::ClientCertificateRefused;
        let alerts = [
            (Alert::CertificateRequired, true, required),
            (Alert::CertificateRequired, false, required),
            (Alert::HandshakeFailure, true, required),
            (Alert::HandshakeFailure, false, TlsErrorKind::Refused),
            (Alert::BadCertificate, true, required),
            (Alert::BadCertificate, false, refused),
            (Alert::UnknownCA, false, refused),
            (Alert::InternalError, true, TlsErrorKind::Refused),
        ];
        for (alert, empty_handed, kind) in alerts {
            let error = Error::AlertReceived(alert);
            assert_eq!(explained(&error, Peer::Server, empty_handed).0, kind);
            // A client that sends one of them means the certificate of the server, which is ours.
            let ours = explained(&error, Peer::Client, empty_handed).0;
            assert_eq!(ours, TlsErrorKind::Refused);
        }
    }
}
