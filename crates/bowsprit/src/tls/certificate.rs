//! What an X.509 certificate (RFC 5280) says, for people who look at a connection or its failure.
//!
//! Trust is decided by rustls. This reads what a stranger sent: nothing in here can fail, it only comes
//! back without an answer, and what it hands out can be printed.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::name::Name;

use super::fingerprint;

/// The certificate that the peer has shown.
///
/// Its texts come from whoever made it. Control and invisible characters in them are replaced by
/// U+FFFD, and what is far too long is cut and ends in `...`.
///
/// ```
/// use bowsprit::TlsInfo;
/// use std::time::SystemTime;
///
/// fn describe(info: &TlsInfo) -> Option<String> {
///     let peer = info.peer.as_deref()?;
///     let days = peer.days_left(SystemTime::now());
///     let names: Vec<_> = peer.names.iter().map(ToString::to_string).collect();
///     Some(format!("{} for {}, {days} days left", peer.subject, names.join(", ")))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCertificate {
    /// Whose certificate it is, as RFC 4514 writes names: `CN=chat.example,O=Harbour`. May be empty.
    pub subject: String,
    /// Who signed it, written in the same way.
    pub issuer: String,
    /// What it is valid for. The first 256.
    pub names: Vec<CertificateName>,
    /// The first moment at which it is valid.
    pub not_before: SystemTime,
    /// The last moment at which it is valid.
    pub not_after: SystemTime,
    /// The SHA-256 of its DER.
    pub sha256: [u8; 32],
}

/// A name in a certificate (subjectAltName, RFC 5280 §4.2.1.6). Prints as the name alone.
///
/// Whoever decides by names must compare the kind as well: who may have a host named in a certificate
/// is not always who may have an e-mail address named, and both are text.
///
/// ```
/// use bowsprit::{CertificateName, PeerCertificate};
///
/// fn is_mate(peer: &PeerCertificate) -> bool {
///     peer.names.contains(&CertificateName::Email("mate@ship.example".into()))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateName {
    /// A host's name, which may have a wildcard: `*.ship.example`.
    Dns(String),
    /// A host's address.
    Ip(IpAddr),
    /// An e-mail address, in certificates of clients.
    Email(String),
    /// A URI, in certificates of clients and services.
    Uri(String),
}

impl CertificateName {
    fn read(name: &GeneralName) -> Option<Self> {
        let text = |text: &str| printable(text, MAX_NAME);
        Some(match name {
            GeneralName::DnsName(name) => Self::Dns(text(name.as_str())),
            GeneralName::Rfc822Name(name) => Self::Email(text(name.as_str())),
            GeneralName::UniformResourceIdentifier(name) => Self::Uri(text(name.as_str())),
            GeneralName::IpAddress(bytes) => Self::Ip(address(bytes.as_bytes())?),
            _ => return None,
        })
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => f.write_str(text),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

impl PeerCertificate {
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let fields = certificate.tbs_certificate();
        let names = fields.get_extension().ok().flatten();
        let names = names.map_or_else(Vec::new, |(_critical, SubjectAltName(names))| names);
        let validity = fields.validity();
        Some(Self {
            subject: printable(&fields.subject().to_string(), MAX_DISTINGUISHED_NAME),
            issuer: printable(&fields.issuer().to_string(), MAX_DISTINGUISHED_NAME),
            names: names
                .iter()
                .filter_map(CertificateName::read)
                .take(MAX_NAMES)
                .collect(),
            not_before: validity.not_before.to_system_time(),
            not_after: validity.not_after.to_system_time(),
            sha256: fingerprint::of(der),
        })
    }

    /// Whole days from `now` until it expires: 0 on its last day, negative afterwards.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        let days = |seconds: u64| i64::try_from(seconds / DAY).unwrap_or(i64::MAX);
        match self.not_after.duration_since(now) {
            Ok(left) => days(left.as_secs()),
            Err(error) => -1 - days(error.duration().as_secs()),
        }
    }

    /// The SHA-256 fingerprint as `openssl x509 -fingerprint -sha256` prints it, for
    /// [`Tls::pin_sha256`](crate::Tls::pin_sha256).
    pub fn fingerprint(&self) -> String {
        fingerprint::write(&self.sha256)
    }
}

/// Who signed a certificate that was rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signer {
    /// Whether the server's certificate is its own issuer, by name.
    pub(super) self_signed: bool,
    /// Whether no other certificate came with it.
    pub(super) alone: bool,
    /// The common name or organisation of the authority at the top of the chain.
    pub(super) name: Option<String>,
}

impl Signer {
    /// Reads it from the server's certificate and the last of those that it sent along.
    pub(super) fn of(end_entity: &[u8], last: Option<&[u8]>) -> Option<Self> {
        let end_entity = Certificate::from_der(end_entity).ok()?;
        let top = last.map(Certificate::from_der).transpose().ok()?;
        let fields = end_entity.tbs_certificate();
        let top_fields = top.as_ref().map_or(fields, Certificate::tbs_certificate);
        Some(Self {
            self_signed: fields.issuer() == fields.subject(),
            alone: top.is_none(),
            name: short(top_fields.issuer()),
        })
    }
}

/// Tells whether a certificate says that its owner may sign others (RFC 5280 §4.2.1.9). One that says it
/// in no way that can be read does not.
pub(super) fn is_authority(der: &[u8]) -> bool {
    let Ok(certificate) = Certificate::from_der(der) else {
        return false;
    };
    let constraints = certificate.tbs_certificate().get_extension();
    let constraints: Option<(bool, BasicConstraints)> = constraints.ok().flatten();
    constraints.is_some_and(|(_critical, constraints)| constraints.ca)
}

/// Makes text from a stranger fit to be printed: no control or invisible characters, at most so many.
pub(super) fn printable(text: &str, max: usize) -> String {
    let visible = |c: char| match c {
        // Zero-width and direction marks can make a line read as something else.
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '\u{fffd}',
        '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let mut printable: String = text.chars().take(max).map(visible).collect();
    if text.chars().nth(max).is_some() {
        printable.push_str("...");
    }
    printable
}

fn short(name: &Name) -> Option<String> {
    let common_name = name.common_name().ok().flatten();
    let text = common_name.or_else(|| name.organization().ok().flatten())?;
    Some(printable(&text.value(), MAX_NAME))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let ip = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    ip.ok()
}

/// In characters. RFC 5280 §A.1 allows a common name 64, a DNS name has at most 253.
pub(super) const MAX_NAME: usize = 253;
const MAX_DISTINGUISHED_NAME: usize = 1000;
/// Certificates of large sites have hundreds.
const MAX_NAMES: usize = 256;
/// In seconds.
const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SanType, date_time_ymd,
    };

    use super::*;

    fn made(params: &CertificateParams) -> Vec<u8> {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        certificate.der().to_vec()
    }

    fn params(kind: DnType, name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "NL");
        params.distinguished_name.push(kind, name);
        params
    }

    fn named(kind: DnType, name: &str) -> Vec<u8> {
        made(&params(kind, name))
    }

    #[test]
    fn reads_the_common_name_or_else_the_organization() {
        for kind in [DnType::CommonName, DnType::OrganizationName] {
            let der = named(kind, "Zeevaart CA");
            let signer = Signer::of(&der, Some(&der)).expect("a certificate");
            assert_eq!(signer.name.as_deref(), Some("Zeevaart CA"));
            assert!(signer.self_signed && !signer.alone);
            assert!(Signer::of(&der, None).expect("a certificate").alone);
        }
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let der = named(DnType::CommonName, "a\x1b[2Jb\u{202e}c\n");
        let signer = Signer::of(&der, None).expect("a certificate");
        assert_eq!(
            signer.name.as_deref(),
            Some("a\u{fffd}[2Jb\u{fffd}c\u{fffd}")
        );
        let peer = PeerCertificate::read(&der).expect("a certificate");
        for text in [peer.subject, peer.issuer] {
            assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'));
        }
        assert_eq!(
            printable(&"x".repeat(300), MAX_NAME),
            format!("{}...", "x".repeat(253))
        );
    }

    #[test]
    fn says_whose_it_is_for_what_and_how_long() {
        let mut params = params(DnType::CommonName, "a.example, inc");
        let dns = |name: &str| SanType::DnsName(name.try_into().expect("a name"));
        let email = "mate@a.example".try_into().expect("a name");
        params.subject_alt_names = vec![
            dns("a.example"),
            dns("*.a.example"),
            SanType::IpAddress([127, 0, 0, 1].into()),
            SanType::IpAddress("::1".parse().expect("an address")),
            SanType::Rfc822Name(email),
            SanType::URI("mate@a.example".try_into().expect("a name")),
        ];
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2024, 3, 1);
        let der = made(&params);
        let peer = PeerCertificate::read(&der).expect("a certificate");
        assert_eq!(peer.subject, "CN=a.example\\, inc,C=NL");
        assert_eq!(peer.issuer, peer.subject);
        let names = [
            CertificateName::Dns("a.example".into()),
            CertificateName::Dns("*.a.example".into()),
            CertificateName::Ip([127, 0, 0, 1].into()),
            CertificateName::Ip("::1".parse().expect("an address")),
            CertificateName::Email("mate@a.example".into()),
            CertificateName::Uri("mate@a.example".into()),
        ];
        assert_eq!(peer.names, names);
        let printed: Vec<_> = names.iter().map(ToString::to_string).collect();
        assert_eq!(
            printed.join(" "),
            "a.example *.a.example 127.0.0.1 ::1 mate@a.example mate@a.example"
        );
        assert_eq!(peer.sha256, fingerprint::of(&der));
        assert_eq!(
            fingerprint::parse(&peer.fingerprint()).ok(),
            Some(peer.sha256)
        );
        let lasts = peer.not_after.duration_since(peer.not_before);
        assert_eq!(lasts.expect("later").as_secs(), 60 * DAY);

        let second = Duration::from_secs(1);
        let day = Duration::from_secs(DAY);
        let end = peer.not_after;
        let moments = [
            (peer.not_before, 60),
            (end - day, 1),
            (end - second, 0),
            (end, 0),
            (end + second, -1),
            (end + day, -2),
        ];
        for (now, left) in moments {
            assert_eq!(peer.days_left(now), left);
        }
    }

    #[test]
    fn a_certificate_of_many_names_is_cut() {
        let names: Vec<_> = (0..1000).map(|n| format!("{n}.example")).collect();
        let der = made(&CertificateParams::new(names).expect("names"));
        let peer = PeerCertificate::read(&der).expect("a certificate");
        assert_eq!(peer.names.len(), MAX_NAMES);
    }

    #[test]
    fn an_authority_says_that_it_is_one() {
        for (is_ca, expected) in [
            (IsCa::NoCa, false),
            (IsCa::ExplicitNoCa, false),
            (IsCa::Ca(BasicConstraints::Unconstrained), true),
            (IsCa::Ca(BasicConstraints::Constrained(0)), true),
        ] {
            let mut params = params(DnType::CommonName, "CA");
            params.is_ca = is_ca;
            let der = made(&params);
            assert_eq!(is_authority(&der), expected);
            assert!(!is_authority(&der[1..]));
        }
    }

    #[test]
    fn no_answer_from_a_damaged_certificate() {
        let mut params = params(DnType::CommonName, "CA");
        params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
        let der = made(&params);
        for length in 0..der.len() {
            assert_eq!(Signer::of(&der[..length], Some(&der)), None);
            assert_eq!(Signer::of(&der, Some(&der[..length])), None);
            assert_eq!(PeerCertificate::read(&der[..length]), None);
        }
        for index in 0..der.len() {
            for value in [0, 1, 0x30, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff] {
                let mut damaged = der.clone();
                damaged[index] = value;
                let _ = Signer::of(&damaged, Some(&damaged));
                let _ = PeerCertificate::read(&damaged);
                let _ = is_authority(&damaged);
            }
        }
    }
}
