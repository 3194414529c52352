//! Which sites' pages may connect (RFC 6455 §10.2): without a rule any page could, with the cookies of
//! whoever looks at it.

use std::net::{Ipv4Addr, Ipv6Addr};

use bowsprit_proto::{Uri, handshake::RequestHead};

use crate::InvalidRequest;

/// The origins that a server lets in besides the host that the request asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    pub(super) any: bool,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    origin: Origin,
    /// The origin's host stands for all names below it, and not for itself.
    sub_domains: bool,
}

/// An origin in its canonical form (RFC 6454 §4): lower case, and no port where it is the scheme's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origins {
    /// Lets one more in.
    pub(super) fn allow(&mut self, text: &str) -> Result<(), InvalidRequest> {
        let rule = Rule::parse(text).ok_or_else(|| InvalidRequest::Origin(text.to_owned()))?;
        self.rules.push(rule);
        Ok(())
    }

    /// Whether a request with this `Origin` may come in.
    pub(super) fn admit(&self, origin: &str, request: &RequestHead) -> bool {
        // "null" is what pages without a site of their own send, sandboxed ones for example: no origin.
        let parsed = || Origin::parse(origin);
        self.any
            || parsed().is_some_and(|origin| {
                origin.is_host_of(request) || self.rules.iter().any(|rule| rule.matches(&origin))
            })
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (sub_domains, authority) = match authority.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, authority),
        };
        let mut origin = Origin::parse(&format!("{scheme}://{authority}"))
            // Browsers send names in ASCII, whatever the address bar shows.
            .or_else(|| Origin::parse(&format!("{scheme}://{}", in_ascii(authority)?)))?;
        // What nobody can send would be a rule that silently never matches.
        let is_sent = !matches!(origin.scheme.as_str(), "ws" | "wss");
        let is_name = !origin.host.starts_with('[') && origin.host.parse::<Ipv4Addr>().is_err();
        if sub_domains {
            origin.host.insert(0, '.');
        }
        (is_sent && (is_name || !sub_domains)).then_some(Self {
            origin,
            sub_domains,
        })
    }

    fn matches(&self, origin: &Origin) -> bool {
        let rule = &self.origin;
        let host = &origin.host;
        let is_host = if self.sub_domains {
            // The rule's host begins with its dot: "evil-example.com" is not below "example.com".
            host.len() > rule.host.len() && host.ends_with(&rule.host) && !host.starts_with('.')
        } else {
            *host == rule.host
        };
        is_host && origin.scheme == rule.scheme && origin.port == rule.port
    }
}

impl Origin {
    /// Reads `scheme://host[:port]` (RFC 6454 §6.2), and nothing more or less than that.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        // A `Host` may have a colon without a port behind it (RFC 3986 §3.2.3), an origin never.
        if !is_scheme || authority.ends_with(':') {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = split_port(authority)?;
        let port = port.filter(|port| Some(*port) != default_port(&scheme));
        Some(Self { scheme, host, port })
    }

    /// Whether a page of this origin asks the host and port that it came from.
    fn is_host_of(&self, request: &RequestHead) -> bool {
        // A page of another scheme's is nobody's own. The two of the web may differ: behind a proxy that
        // does TLS a server does not know which one its pages came by.
        let Some(default) = default_port(&self.scheme) else {
            return false;
        };
        let own = split_port(request.authority());
        own.is_some_and(|(host, port)| {
            host == self.host && port.filter(|port| *port != default) == self.port
        })
    }
}

/// The host in its canonical form, and the port; `None` where it is neither.
fn split_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        // The colons inside the brackets of an IPv6 address are its own.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let port = match port {
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = match address {
        Some(address) => format!("[{}]", address.parse::<Ipv6Addr>().ok()?),
        None => host.to_ascii_lowercase(),
    };
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = address.is_some() || (!host.is_empty() && host.bytes().all(is_of_name));
    is_host.then_some((host, port))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// A host with other than ASCII in its name, as a browser sends it (UTS 46).
fn in_ascii(authority: &str) -> Option<String> {
    let (_, port) = authority.rsplit_once(':').unwrap_or_default();
    let uri = Uri::parse(&format!("ws://{authority}")).ok()?;
    let is_bare = uri.target() == "/" && !authority.contains(['/', '?']);
    is_bare.then(|| match port {
        "" => uri.host().to_string(),
        port => format!("{}:{port}", uri.host()),
    })
}
