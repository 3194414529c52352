//! Which addresses a host has: those that were named for it, else the system's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bowsprit_proto::Host;
use tokio::net::lookup_host;

use super::DialError;

/// How a client finds the addresses of hosts, those of proxies too. Default: as the system does.
///
/// ```
/// use std::net::Ipv4Addr;
/// use bowsprit::{Client, Dns};
///
/// // As curl's `--resolve feed.example:443:192.0.2.7` and `-4`.
/// let dns = Dns::default()
///     .resolve("feed.example", 443, [Ipv4Addr::new(192, 0, 2, 7).into()])
///     .only_ipv4();
/// let client = Client::builder().dns(dns).build();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Dns {
    overrides: Arc<Vec<Override>>,
    family: Option<Family>,
}

#[derive(Clone, Debug)]
struct Override {
    host: Host,
    port: u16,
    addresses: Vec<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
enum Family {
    Ipv4,
    Ipv6,
}

impl Dns {
    /// Names the addresses of a host for connections to this port, in the order to try them; nobody is
    /// asked. Without addresses the host does not exist. Default: none is named.
    ///
    /// The host is written as in a URI. Naming it again for the same port replaces its addresses; a text
    /// that is no host matches none. TLS still checks the certificate for the host's name.
    #[must_use]
    pub fn resolve(
        mut self,
        host: &str,
        port: u16,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        if let Ok(host) = host.parse() {
            let overrides = Arc::make_mut(&mut self.overrides);
            overrides.retain(|known| !known.is_for(&host, port));
            let addresses = addresses.into_iter().collect();
            overrides.push(Override {
                host,
                port,
                addresses,
            });
        }
        self
    }

    /// Uses IPv4 only. Default: both, IPv6 first.
    #[must_use]
    pub const fn only_ipv4(mut self) -> Self {
        self.family = Some(Family::Ipv4);
        self
    }

    /// Uses IPv6 only. Default: both, IPv6 first.
    #[must_use]
    pub const fn only_ipv6(mut self) -> Self {
        self.family = Some(Family::Ipv6);
        self
    }

    /// The addresses of a host, at least one, in the system's order of preference.
    ///
    /// # Errors
    ///
    /// When the name does not exist, has no address of the family that is wanted, or no name server
    /// could tell.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the answer. The system's resolver cannot be interrupted: its thread,
    /// one of tokio's blocking pool, stays busy until it gives up by itself.
    pub(crate) async fn addresses(
        &self,
        host: &Host,
        port: u16,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let named = self.overrides.iter().find(|known| known.is_for(host, port));
        let mut addresses = match (named, host) {
            (Some(named), _) => named.sockets(),
            (None, Host::Ipv4(ip)) => vec![(*ip, port).into()],
            (None, Host::Ipv6(ip)) => vec![(*ip, port).into()],
            (None, Host::Domain(name)) => lookup(name, port).await?,
        };
        if addresses.is_empty() {
            return Err(DialError::Dns {
                host: host.to_string(),
                source: io::ErrorKind::NotFound.into(),
            });
        }
        if let Some(family) = self.family {
            addresses.retain(|address| family.has(address));
            if addresses.is_empty() {
                return Err(DialError::Family {
                    host: host.to_string(),
                    wanted: family.name(),
                });
            }
        }
        Ok(addresses)
    }
}

impl Override {
    fn is_for(&self, host: &Host, port: u16) -> bool {
        self.host == *host && self.port == port
    }

    fn sockets(&self) -> Vec<SocketAddr> {
        let with_port = |ip: &IpAddr| SocketAddr::new(*ip, self.port);
        self.addresses.iter().map(with_port).collect()
    }
}

impl Family {
    const fn has(self, address: &SocketAddr) -> bool {
        match self {
            Self::Ipv4 => address.is_ipv4(),
            Self::Ipv6 => address.is_ipv6(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }
}

async fn lookup(name: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    match lookup_host((name, port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(source) => Err(DialError::Dns {
            host: name.to_owned(),
            source,
        }),
    }
}
