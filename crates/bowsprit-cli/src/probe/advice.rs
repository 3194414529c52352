//! What a person should know of a connection that works all the same.

use std::net::IpAddr;

use super::stages::{Facts, Stage, Warning};
use crate::events::TlsFacts;

/// A certificate that has no more days left than this is about to expire.
const FEW_DAYS: i64 = 14;

/// What is worth a warning in these stages of a connection to this URI.
pub(super) fn warnings(uri: &str, stages: &[Stage]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut add = |kind, text: String| warnings.push(Warning { kind, text });
    let is_encrypted = stages
        .iter()
        .any(|stage| matches!(stage.facts, Facts::Tls { .. }));
    let mut is_local = uri.to_ascii_lowercase().starts_with("ws+unix:");
    for stage in stages {
        match &stage.facts {
            Facts::Connect { address, tried, .. } => {
                is_local |= address.as_deref().is_some_and(is_private);
                for (address, error) in failed(tried) {
                    let text = format!("{address} did not take the connection: {error}");
                    add("address", text);
                }
            }
            Facts::Tls { settled: Some(tls) } => of_tls(tls, &mut add),
            Facts::Http { request, .. } if !is_encrypted && !is_local => {
                let names = request.iter().filter_map(|line| line.split_once(": "));
                let mut names = names.map(|(name, _)| name);
                if names.any(bowsprit::proto::handshake::is_secret_header) {
                    add(
                        "credentials",
                        "credentials were sent without TLS".to_owned(),
                    );
                }
            }
            Facts::Redirect { to } => {
                add(
                    "redirect",
                    format!("the server redirects to {to}: connect there"),
                );
            }
            Facts::Websocket {
                compression: None, ..
            } if offers(stages, "sec-websocket-extensions") => {
                add(
                    "compression",
                    "the server does not compress: it chose no extension".to_owned(),
                );
            }
            Facts::Close { clean: false, .. } => {
                add(
                    "close",
                    "the closing handshake was not answered as it should be".to_owned(),
                );
            }
            _ => {}
        }
        if let Facts::Websocket {
            subprotocol: None, ..
        } = &stage.facts
            && offers(stages, "sec-websocket-protocol")
        {
            add(
                "subprotocol",
                "the server chose none of the subprotocols".to_owned(),
            );
        }
    }
    if !is_encrypted && !is_local {
        add(
            "plain",
            "ws: to a public host: anyone on the way reads and changes it; use wss:".to_owned(),
        );
    }
    warnings
}

fn of_tls(tls: &TlsFacts, add: &mut impl FnMut(&'static str, String)) {
    if !tls.verified {
        add(
            "unverified",
            "the certificate is NOT VERIFIED: anyone may answer".to_owned(),
        );
    }
    let Some(certificate) = &tls.certificate else {
        return;
    };
    match certificate.days_left {
        days if days < 0 => add("expired", "the certificate has expired".to_owned()),
        days if days <= FEW_DAYS => {
            add("expires", format!("the certificate expires in {days} days"));
        }
        _ => {}
    }
}

fn failed(tried: &[super::stages::Tried]) -> impl Iterator<Item = (&str, &str)> {
    tried
        .iter()
        .filter_map(|tried| Some((tried.address.as_str(), tried.error.as_deref()?)))
}

/// Whether the last request had a header of this name.
fn offers(stages: &[Stage], name: &str) -> bool {
    let requests = stages.iter().rev().find_map(|stage| match &stage.facts {
        Facts::Http { request, .. } => Some(request),
        _ => None,
    });
    let mut lines = requests.into_iter().flatten();
    lines.any(|line| {
        line.split_once(": ")
            .is_some_and(|(other, _)| other.eq_ignore_ascii_case(name))
    })
}

/// Whether the address, with its port, is one that no stranger stands before.
fn is_private(address: &str) -> bool {
    let address: Option<std::net::SocketAddr> = address.parse().ok();
    match address.map(|address| address.ip().to_canonical()) {
        Some(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(facts: Facts) -> Stage {
        Stage {
            facts,
            seconds: 0.0,
        }
    }

    fn connected(address: &str) -> Stage {
        stage(Facts::Connect {
            address: Some(address.to_owned()),
            tried: Vec::new(),
            is_made: true,
        })
    }

    fn kinds(uri: &str, stages: &[Stage]) -> Vec<&'static str> {
        warnings(uri, stages)
            .iter()
            .map(|warning| warning.kind)
            .collect()
    }

    #[test]
    fn warns_of_plain_connections_to_public_hosts_only() {
        for (address, expected) in [
            ("192.0.2.7:80", &["plain"][..]),
            ("[2001:db8::7]:80", &["plain"]),
            ("127.0.0.1:80", &[]),
            ("[::1]:80", &[]),
            ("[::ffff:10.0.0.1]:80", &[]),
            ("192.168.1.2:80", &[]),
        ] {
            assert_eq!(
                kinds("ws://h", &[connected(address)]),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn warns_of_credentials_in_the_open_and_of_what_was_not_chosen() {
        let request = [
            "GET / HTTP/1.1",
            "Authorization: ***",
            "Sec-WebSocket-Extensions: x",
        ];
        let stages = [
            connected("192.0.2.7:80"),
            stage(Facts::Http {
                request: request.map(str::to_owned).into(),
                response: None,
            }),
            stage(Facts::Websocket {
                accept: None,
                subprotocol: None,
                compression: None,
                explained: Vec::new(),
            }),
        ];
        assert_eq!(
            kinds("ws://h", &stages),
            ["credentials", "compression", "plain"]
        );
    }
}
