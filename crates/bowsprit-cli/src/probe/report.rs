//! A check as it is printed.

use std::io;

use super::stages::{Checked, Facts, Stage, Tried};
use crate::events::{CertificateFacts, HttpAnswer, TlsFacts};
use crate::printer::duration::seconds;
use crate::printer::text::{escape, excerpt};
use crate::printer::{Output as _, Printer};
use crate::status::Status;

/// How wide the column of the stages' names is, and that of what they found.
const NAMES: usize = 11;
const FOUND: usize = 58;

/// How many characters of foreign text stand in a line.
const MAX_LINE: usize = 500;

/// How many names of a certificate are shown.
const MAX_NAMES: usize = 20;

/// How many lines of a refusal's body are shown.
const MAX_BODY_LINES: usize = 5;

/// Prints one object.
///
/// # Errors
///
/// When the output was lost: the exit status.
pub(super) fn as_json(checked: &Checked) -> Result<(), u8> {
    write(&[crate::events::json::text(checked)])
}

/// Prints lines.
///
/// # Errors
///
/// As above.
pub(super) fn for_people(checked: &Checked) -> Result<(), u8> {
    let mut page = Page::default();
    page.0.push(excerpt(&checked.uri, MAX_LINE));
    checked.stages.iter().for_each(|stage| page.stage(stage));
    page.row("Total", "", Some(checked.seconds));
    for warning in &checked.warnings {
        page.row("Warning", &excerpt(&warning.text, MAX_LINE), None);
    }
    match &checked.failure {
        Some(fault) => {
            page.row("FAILED", &excerpt(&fault.error, MAX_LINE), None);
            page.row("Stage", name(&fault.stage), None);
            if let Some(remedy) = &fault.remedy {
                page.row("Try", &excerpt(remedy, MAX_LINE), None);
            }
        }
        None if checked.ok => page.row("OK", "", None),
        None => page.row("FAILED", "there are warnings, and --strict is on", None),
    }
    write(&page.0)
}

fn write(lines: &[String]) -> Result<(), u8> {
    let mut printer = Printer::new(io::stdout());
    lines.iter().for_each(|line| printer.line(line));
    printer.flush();
    match printer.has_failed() {
        true => Err(Status::Refused as u8),
        false => Ok(()),
    }
}

/// A stage by its name for people.
fn name(stage: &str) -> &str {
    match stage {
        "dns" => "DNS: from the name to addresses",
        "connect" => "TCP: the connection to an address",
        "proxy" => "proxy: the tunnel to the server",
        "tls" => "TLS: encryption and certificate",
        "http" => "HTTP: the request and its answer",
        "websocket" => "WebSocket: what the answer agrees to",
        "ping" => "ping: a round trip on the open connection",
        other => other,
    }
}

/// What a name led to.
fn names(host: Option<&str>, addresses: &[String]) -> String {
    let host = host.unwrap_or_default();
    match addresses {
        [] => "no address".to_owned(),
        // In brackets where a port could follow.
        [address] if host.trim_matches(['[', ']']) == address => {
            format!("{address} is an address already")
        }
        addresses => format!("{}: {}", escape(host), addresses.join(", ")),
    }
}

/// The lines of a report.
#[derive(Default)]
struct Page(Vec<String>);

impl Page {
    /// A name, what was found, and the time that it took.
    fn row(&mut self, name: &str, found: &str, took: Option<f64>) {
        let time = took.map_or_else(String::new, |took| format!("{:>10}", seconds(took)));
        let line = format!("{name:<NAMES$}{found:<FOUND$}{time}");
        self.0.push(line.trim_end().to_owned());
    }

    /// A line below a row.
    fn detail(&mut self, text: &str) {
        self.0.push(format!("{:NAMES$}{text}", ""));
    }

    fn stage(&mut self, stage: &Stage) {
        let took = Some(stage.seconds);
        match &stage.facts {
            Facts::Dns { host, addresses } => {
                self.row("DNS", &names(host.as_deref(), addresses), took);
            }
            Facts::Connect {
                address,
                tried,
                is_made,
            } => self.connect(address.as_deref(), tried, *is_made, took),
            Facts::Proxy { proxy } => {
                let found = proxy.as_deref().map_or_else(|| "no tunnel".into(), escape);
                self.row("Proxy", &found, took);
            }
            Facts::Tls { settled: None } => self.row("TLS", "not settled", took),
            Facts::Tls { settled: Some(tls) } => self.tls(tls, took),
            Facts::Http { request, response } => self.http(request, response.as_ref(), took),
            Facts::Redirect { to } => self.row("Redirect", &excerpt(to, MAX_LINE), None),
            Facts::Websocket {
                accept,
                subprotocol,
                compression,
                explained,
            } => {
                let accept = accept.as_deref().map(|accept| excerpt(accept, MAX_LINE));
                self.row(
                    "WebSocket",
                    &format!("accept value is right: {}", accept.unwrap_or_default()),
                    took,
                );
                let none = || "none".to_owned();
                let subprotocol = subprotocol
                    .as_deref()
                    .map_or_else(none, |name| excerpt(name, MAX_LINE));
                self.detail(&format!("subprotocol: {subprotocol}"));
                let compression = compression.as_deref().unwrap_or("none");
                self.detail(&format!("compression: {compression}"));
                explained
                    .iter()
                    .for_each(|line| self.detail(&format!("  {line}")));
            }
            Facts::Ping { answered } => {
                self.row(
                    "Ping",
                    if *answered {
                        "answered"
                    } else {
                        "not answered"
                    },
                    took,
                );
            }
            Facts::Close {
                code,
                reason,
                clean,
            } => {
                let code = bowsprit::CloseCode(*code);
                let found = if *clean {
                    format!("answered with {code} {}", excerpt(reason, MAX_LINE))
                } else {
                    "not answered with a close frame".to_owned()
                };
                self.row("Close", found.trim_end(), took);
            }
        }
    }

    fn connect(
        &mut self,
        address: Option<&str>,
        tried: &[Tried],
        is_made: bool,
        took: Option<f64>,
    ) {
        let found = match address {
            Some(address) => format!("connected to {address}"),
            None if is_made => "connected".to_owned(),
            None => "not connected".to_owned(),
        };
        self.row("TCP", &found, took);
        for tried in tried {
            match &tried.error {
                Some(error) => self.detail(&format!("{} failed: {}", tried.address, escape(error))),
                None if address == Some(&tried.address) => {}
                None => self.detail(&format!("{} did not answer in time", tried.address)),
            }
        }
    }

    fn tls(&mut self, tls: &TlsFacts, took: Option<f64>) {
        let alpn = tls.alpn.as_deref().map(escape);
        let alpn = alpn.map_or_else(String::new, |alpn| format!(", {alpn}"));
        self.row(
            "TLS",
            &format!("{}, {}{alpn}", tls.version, tls.cipher),
            took,
        );
        let verified = if tls.verified { "yes" } else { "NO" };
        self.detail(&format!("verified:    {verified}"));
        if let Some(certificate) = &tls.certificate {
            self.certificate(certificate);
        }
    }

    fn certificate(&mut self, certificate: &CertificateFacts) {
        self.detail(&format!(
            "subject:     {}",
            excerpt(&certificate.subject, MAX_LINE)
        ));
        let mut names: Vec<_> = certificate.names.iter().take(MAX_NAMES).cloned().collect();
        if names.len() < certificate.names.len() {
            names.push("…".to_owned());
        }
        self.detail(&format!(
            "names:       {}",
            excerpt(&names.join(", "), MAX_LINE)
        ));
        self.detail(&format!(
            "issuer:      {}",
            excerpt(&certificate.issuer, MAX_LINE)
        ));
        let left = match certificate.days_left {
            days @ 0.. => format!("{days} days left"),
            _ => "EXPIRED".to_owned(),
        };
        let (from, to) = (certificate.not_before, certificate.not_after);
        let day = |time: jiff::Timestamp| time.strftime("%Y-%m-%d").to_string();
        self.detail(&format!(
            "valid:       {} to {}, {left}",
            day(from),
            day(to)
        ));
        self.detail(&format!("fingerprint: {}", certificate.sha256));
    }

    fn http(&mut self, request: &[String], response: Option<&HttpAnswer>, took: Option<f64>) {
        let found = response.map_or_else(
            || "no answer".to_owned(),
            |answer| excerpt(&answer.status_line(), MAX_LINE),
        );
        self.row("HTTP", &found, took);
        for line in request {
            self.detail(&format!("> {}", excerpt(line, MAX_LINE)));
        }
        let Some(answer) = response else {
            return;
        };
        self.detail(&format!(
            "< HTTP {}",
            excerpt(&answer.status_line(), MAX_LINE)
        ));
        for (name, value) in &answer.headers {
            let line = format!("{name}: {value}");
            self.detail(&format!("< {}", excerpt(&line, MAX_LINE)));
        }
        let body = answer.body.as_deref().unwrap_or_default();
        for line in body.lines().take(MAX_BODY_LINES) {
            self.detail(&format!("| {}", excerpt(line, MAX_LINE)));
        }
    }
}
