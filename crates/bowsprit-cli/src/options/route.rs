//! The options that say which way a connection takes, and whether it is made again.

use std::net::IpAddr;
use std::str::FromStr;

use bowsprit::proto::Host;
use bowsprit::{ConnectRequest, Dns, Proxy, Reconnect};
use clap::Args;

use super::secret::Secret;
use super::units::Time;
use crate::command::codes;
use crate::printer::text::escape;

/// How to get there.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Route")]
pub(crate) struct RouteOptions {
    /// Go through a proxy, http:// or socks5://; or none [default: environment]
    #[arg(short = 'x', long, value_name = "URI")]
    proxy: Option<Secret>,

    /// Use no proxy for these hosts: .example,10.0.0.0/8 [default: environment]
    #[arg(long, value_name = "LIST")]
    no_proxy: Option<String>,

    /// Connect to ADDR where HOST:PORT is meant; ADDR may be a list (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    resolve: Vec<Place>,

    /// Use IPv4 only
    #[arg(short = '4', long)]
    ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long)]
    ipv6: bool,

    /// Follow redirections, so many in a row [default with -L: 10]
    #[arg(short = 'L', long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "10")]
    follow: Option<u8>,

    /// Connect again after an end: tries=9,first=1s,max=30s,code=4000 [default: off]
    #[arg(long, value_name = "SPEC", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    reconnect: Option<Again>,
}

impl RouteOptions {
    /// These options, and of `defaults` those that they do not replace.
    pub(super) fn over(self, defaults: &Self) -> Self {
        let chooses_family = self.ipv4 || self.ipv6;
        Self {
            proxy: self.proxy.or_else(|| defaults.proxy.clone()),
            no_proxy: self.no_proxy.or_else(|| defaults.no_proxy.clone()),
            resolve: [defaults.resolve.clone(), self.resolve].concat(),
            ipv4: self.ipv4 || defaults.ipv4 && !chooses_family,
            ipv6: self.ipv6 || defaults.ipv6 && !chooses_family,
            follow: self.follow.or(defaults.follow),
            reconnect: self.reconnect.or_else(|| defaults.reconnect.clone()),
        }
    }

    /// Whether a path to a socket, which needs none of it, makes something here meaningless.
    pub(super) const fn is_for_networks(&self) -> bool {
        self.proxy.is_some()
            || self.no_proxy.is_some()
            || !self.resolve.is_empty()
            || self.ipv4
            || self.ipv6
    }

    /// Reads what is named elsewhere.
    ///
    /// # Errors
    ///
    /// When a value is not what it should be, or two options contradict each other. The text repeats no
    /// secret.
    pub(super) fn read(&self) -> Result<Route, String> {
        if self.ipv4 && self.ipv6 {
            return Err("-4 and -6 together leave no address to connect to".to_owned());
        }
        let mut dns = Dns::default();
        for place in &self.resolve {
            dns = dns.resolve(&place.host, place.port, place.addresses.iter().copied());
        }
        if self.ipv4 {
            dns = dns.only_ipv4();
        }
        if self.ipv6 {
            dns = dns.only_ipv6();
        }
        Ok(Route {
            proxy: self.read_proxy()?,
            dns,
            redirects: self.follow.unwrap_or(0),
            reconnect: self.reconnect.clone().and_then(|Again(policy)| policy),
        })
    }

    fn read_proxy(&self) -> Result<Proxy, String> {
        let proxy = match &self.proxy {
            None => Proxy::environment(),
            Some(secret) => {
                let line = secret
                    .read_line()
                    .map_err(|why| format!("--proxy: {why}"))?;
                if line == "none" && self.no_proxy.is_some() {
                    return Err("--no-proxy means nothing where --proxy is none".to_owned());
                }
                match line.as_str() {
                    "none" => Proxy::direct(),
                    uri => Proxy::parse(uri)
                        .map_err(|fault| format!("--proxy: {}", escape(&fault.to_string())))?,
                }
            }
        };
        match &self.no_proxy {
            None => Ok(proxy),
            Some(list) => proxy
                .bypass(list)
                .map_err(|fault| format!("--no-proxy: {}", escape(&fault.to_string()))),
        }
    }
}

/// What is read of [`RouteOptions`].
#[derive(Clone)]
pub(super) struct Route {
    proxy: Proxy,
    dns: Dns,
    redirects: u8,
    reconnect: Option<Reconnect>,
}

impl Route {
    /// Through which proxy it goes.
    pub(super) const fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Whether the connection is made again when it has failed or ended.
    pub(super) const fn reconnects(&self) -> bool {
        self.reconnect.is_some()
    }

    /// Sets all of it.
    pub(super) fn apply(&self, request: ConnectRequest) -> ConnectRequest {
        let (proxy, dns) = (self.proxy.clone(), self.dns.clone());
        let request = request.proxy(proxy).dns(dns).redirects(self.redirects);
        match &self.reconnect {
            Some(policy) => request.reconnect(policy.clone()),
            None => request,
        }
    }
}

/// The addresses of a host for a port, as `--resolve` names them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected such as example.com:443:192.0.2.7,2001:db8::7";
        // The colons in the brackets of an IPv6 address are its own.
        let end = match text.strip_prefix('[').and_then(|rest| rest.find(']')) {
            Some(at) => at + 2,
            None => 0,
        };
        let colon = text
            .get(end..)
            .and_then(|rest| rest.find(':'))
            .ok_or(FORM)?;
        let (host, rest) = text.split_at(end + colon);
        let (port, addresses) = rest
            .get(1..)
            .and_then(|rest| rest.split_once(':'))
            .ok_or(FORM)?;
        host.parse::<Host>().map_err(|_| FORM)?;
        let address = |text: &str| text.trim_matches(['[', ']']).parse();
        Ok(Self {
            host: host.to_owned(),
            port: port.parse().map_err(|_| FORM)?,
            addresses: addresses
                .split(',')
                .map(address)
                .collect::<Result<_, _>>()
                .map_err(|_| FORM)?,
        })
    }
}

/// What `--reconnect` says; `None` is `off`.
#[derive(Clone, Debug, PartialEq)]
struct Again(Option<Reconnect>);

impl FromStr for Again {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        let mut policy = Reconnect::default();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let form = || "expected off, or such as tries=9,first=1s,max=30s,code=4000".to_owned();
            let (name, value) = part.split_once('=').ok_or_else(form)?;
            let time = || -> Result<_, String> {
                let time: Time = value.parse()?;
                time.get().ok_or_else(|| format!("{name} cannot be off"))
            };
            match name {
                "tries" => {
                    policy.tries = Some(value.parse().map_err(|_| "tries is a number")?);
                }
                "first" => policy.first = time()?,
                "max" => policy.max = time()?,
                "code" => policy.codes.push(codes::parse(value)?),
                _ => return Err(form()),
            }
        }
        if policy.first > policy.max {
            return Err("first is over max: the delay grows from one to the other".to_owned());
        }
        Ok(Self(Some(policy)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowsprit::CloseCode;
    use std::time::Duration;

    #[test]
    fn reads_how_to_connect_again() {
        let Ok(Again(Some(policy))) = "tries=3,first=1s,max=1m,code=4000,code=normal-close".parse()
        else {
            panic!("a policy");
        };
        assert_eq!(policy.tries, Some(3));
        assert_eq!(
            (policy.first, policy.max),
            (Duration::from_secs(1), Duration::from_secs(60))
        );
        assert!(
            policy.codes.contains(&CloseCode(4000)) && policy.codes.contains(&CloseCode::NORMAL)
        );
        assert_eq!("".parse(), Ok(Again(Some(Reconnect::default()))));
        assert_eq!("off".parse(), Ok(Again(None)));
    }

    #[test]
    fn reads_where_a_host_is() {
        for (text, host, port, addresses) in [
            (
                "h.example:443:192.0.2.7",
                "h.example",
                443,
                &["192.0.2.7"][..],
            ),
            (
                "h:80:192.0.2.7,[::1],::2",
                "h",
                80,
                &["192.0.2.7", "::1", "::2"],
            ),
            ("[::1]:80:127.0.0.1", "[::1]", 80, &["127.0.0.1"]),
        ] {
            let addresses = addresses
                .iter()
                .map(|address| address.parse().expect("an address"));
            let (host, addresses) = (host.to_owned(), addresses.collect());
            assert_eq!(
                text.parse(),
                Ok(Place {
                    host,
                    port,
                    addresses
                }),
                "{text}"
            );
        }
        for text in [
            "",
            "h",
            "h:80",
            "h:80:",
            "h:x:::1",
            "h:80:name",
            ":80:::1",
            "a b:80:::1",
            "[::1:80:::1",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_what_says_no_such_thing() {
        for text in [
            "5",
            "tries=x",
            "first=1",
            "first=off",
            "max=100ms",
            "code=bye",
            "often=1",
            ",",
        ] {
            assert!(text.parse::<Again>().is_err(), "{text}");
        }
    }
}
