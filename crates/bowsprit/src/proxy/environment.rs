//! The variables that name proxies.

use super::{InvalidProxy, ProxyServer, bypass::Bypass};

/// In the order in which they are looked at; the first that is not empty counts.
const PLAIN: &[&str] = &[
    "ws_proxy",
    "WS_PROXY",
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
];
const SECURE: &[&str] = &[
    "wss_proxy",
    "WSS_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];
const BYPASS: &[&str] = &["no_proxy", "NO_PROXY"];

/// The proxies that the environment names.
#[derive(Debug)]
pub(super) struct Environment {
    plain: Option<Result<ProxyServer, Unreadable>>,
    secure: Option<Result<ProxyServer, Unreadable>>,
}

/// A variable whose value is not what it should be.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    pub(super) variable: &'static str,
    pub(super) error: InvalidProxy,
}

impl Environment {
    pub(super) fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        // What a CGI program finds there may come from a header `Proxy` of its client.
        let is_cgi = lookup("REQUEST_METHOD").is_some();
        let safe = |name: &str| {
            let may_be_forged = is_cgi && name == "HTTP_PROXY";
            (!may_be_forged).then(|| lookup(name)).flatten()
        };
        Self {
            plain: first(PLAIN, safe, ProxyServer::parse),
            secure: first(SECURE, safe, ProxyServer::parse),
        }
    }

    /// The proxy for `ws`, or for `wss`.
    pub(super) fn proxy(&self, secure: bool) -> Option<Result<&ProxyServer, &Unreadable>> {
        let found = if secure { &self.secure } else { &self.plain };
        found.as_ref().map(Result::as_ref)
    }
}

/// The hosts that are connected to directly.
pub(super) fn bypass(lookup: impl Fn(&str) -> Option<String>) -> Result<Bypass, Unreadable> {
    first(BYPASS, lookup, Bypass::parse).unwrap_or_else(|| Ok(Bypass::default()))
}

fn first<T>(
    variables: &[&'static str],
    lookup: impl Fn(&str) -> Option<String>,
    parse: impl Fn(&str) -> Result<T, InvalidProxy>,
) -> Option<Result<T, Unreadable>> {
    variables.iter().find_map(|&variable| {
        let value = lookup(variable).filter(|value| !value.is_empty())?;
        Some(parse(&value).map_err(|error| Unreadable { variable, error }))
    })
}
