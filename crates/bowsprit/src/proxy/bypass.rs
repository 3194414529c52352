//! The list of hosts that are connected to directly, as `NO_PROXY` has it.

use std::net::{IpAddr, Ipv6Addr};

use bowsprit_proto::Host;
use ipnet::{IpNet, Ipv4Net};

use super::InvalidProxy;

/// What is connected to without the proxy.
#[derive(Clone, Debug, Default)]
pub(super) struct Bypass(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    hosts: Hosts,
    /// Every port, if there is none.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    /// The names below this one, and itself or not.
    Below {
        name: String,
        itself: bool,
    },
    Address(IpAddr),
    Network(IpNet),
}

impl Bypass {
    pub(super) fn parse(list: &str) -> Result<Self, InvalidProxy> {
        list.split(|c: char| c == ',' || c.is_whitespace())
            .filter(|text| !text.is_empty())
            .map(|text| Entry::parse(text).ok_or_else(|| InvalidProxy::Bypass(text.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn has(&self, host: &Host, port: u16) -> bool {
        self.0.iter().any(|entry| entry.has(host, port))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text.contains('/') {
            let network = text.parse().ok()?;
            return Some(Hosts::Network(canonical(network)).on(None));
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(Hosts::Address(address.to_canonical()).on(None));
        }
        match text.rsplit_once(':') {
            // The colons inside the brackets of an IPv6 address are its own.
            Some((host, port)) if !port.ends_with(']') => {
                let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|_| is_number)?;
                Some(Hosts::parse(host)?.on(Some(port)))
            }
            _ => Some(Hosts::parse(text)?.on(None)),
        }
    }

    fn has(&self, host: &Host, port: u16) -> bool {
        self.port.is_none_or(|own| own == port) && self.hosts.has(host)
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let suffix = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
        match suffix.unwrap_or(text).parse().ok()? {
            Host::Domain(name) => {
                let itself = suffix.is_none();
                Some(Self::Below { name, itself })
            }
            host if suffix.is_none() => address(&host).map(Self::Address),
            _ => None,
        }
    }

    const fn on(self, port: Option<u16>) -> Entry {
        Entry { hosts: self, port }
    }

    fn has(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Below { name, itself }, Host::Domain(host)) => {
                match host.strip_suffix(name.as_str()) {
                    Some("") => *itself,
                    Some(before) => before.ends_with('.'),
                    None => false,
                }
            }
            (Self::Address(own), _) => address(host) == Some(*own),
            (Self::Network(network), _) => {
                address(host).is_some_and(|address| network.contains(&address))
            }
            (Self::Below { .. }, _) => false,
        }
    }
}

/// As [`address`], for the networks of such addresses.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else {
        return network;
    };
    let prefix = v6.prefix_len().checked_sub(96);
    match (v6.addr().to_ipv4_mapped(), prefix) {
        (Some(v4), Some(prefix)) => Ipv4Net::new(v4, prefix).map_or(network, IpNet::V4),
        _ => network,
    }
}

/// An IPv4 address in IPv6's clothes leads to the same machine.
fn address(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some((*ip).into()),
        Host::Ipv6(ip) => Some(ip.to_canonical()),
    }
}
