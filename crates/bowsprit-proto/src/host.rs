//! Hosts as they stand in URIs: names and addresses, each spelled in one way only.

use alloc::{borrow::ToOwned, format, string::String};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::InvalidUri;

/// The host of a [`Uri`](crate::Uri). Displayed as in a URI: an IPv6 address stands in brackets.
///
/// ```
/// use bowsprit_proto::{Host, Uri};
///
/// let uri = Uri::parse("ws://[::1]:9002/")?;
/// assert_eq!(uri.host(), &Host::Ipv6("::1".parse().unwrap()));
/// assert_eq!(uri.host().to_string(), "[::1]");
/// # Ok::<(), bowsprit_proto::InvalidUri>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name in lower-case ASCII, without a trailing dot.
    Domain(String),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address, without a zone.
    Ipv6(Ipv6Addr),
}

/// Reads a host as it stands in a URI, an IPv6 address in its brackets.
impl FromStr for Host {
    type Err = InvalidUri;

    fn from_str(text: &str) -> Result<Self, InvalidUri> {
        if text.is_empty() {
            return Err(InvalidUri::EmptyHost);
        }
        if let Some(address) = text.strip_prefix('[') {
            return Self::parse_ipv6(address).map(Self::Ipv6);
        }
        if text.contains(':') {
            return Err(InvalidUri::UnbracketedColon);
        }
        let invalid = || InvalidUri::Host(text.to_owned());
        // The `url` crate would decode it, and a name has nothing to hide.
        if text.contains('%') {
            return Err(invalid());
        }
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                is_domain(name)
                    .then(|| Self::Domain(name.to_owned()))
                    .ok_or_else(invalid)
            }
            // `127.1`, `0x7f.0.0.1` and `0177.0.0.1` mean the same to a browser and hide an address from
            // every other check.
            Ok(url::Host::Ipv4(_)) | Err(url::ParseError::InvalidIpv4Address) => text
                .parse()
                .map(Self::Ipv4)
                .map_err(|_| InvalidUri::Ipv4(text.to_owned())),
            Ok(url::Host::Ipv6(_)) | Err(_) => Err(invalid()),
        }
    }
}

impl Host {
    fn parse_ipv6(text: &str) -> Result<Ipv6Addr, InvalidUri> {
        let address = text.strip_suffix(']').unwrap_or_default();
        if address.contains('%') {
            return Err(InvalidUri::ZoneId);
        }
        address
            .parse()
            .map_err(|_| InvalidUri::Ipv6(format!("[{text}")))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(name) => f.write_str(name),
            Self::Ipv4(address) => write!(f, "{address}"),
            Self::Ipv6(address) => write!(f, "[{address}]"),
        }
    }
}

/// RFC 1123 §2.1, and the underscore that service names have.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
