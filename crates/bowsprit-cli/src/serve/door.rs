//! Who is let in, and what everybody else is told: the hooks of the library's server.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowsprit::proto::handshake::InvalidRequest;
use bowsprit::{Accept, HttpRequest, Response};
use ring::digest::{SHA256, digest};

use super::files::Files;
use super::modes::proxy::Target;
use super::page;
use super::visit::Visit;

/// What stands for every origin.
pub(super) const ANY: &str = "any";

/// Decides about requests.
#[derive(Debug)]
pub(super) struct Door {
    /// The value of `Authorization` that opens it.
    pub(super) login: Option<Login>,
    /// What every answer says as well.
    pub(super) headers: Vec<(String, String)>,
    /// The status that every handshake gets.
    pub(super) refuse: Option<u16>,
    /// Lets in one connection and no other.
    pub(super) once: Option<AtomicBool>,
    /// Where connections go.
    pub(super) target: Option<Arc<Target>>,
    /// Whether only this machine can reach it.
    pub(super) is_local: bool,
    /// The pages that are let in besides its own, as typed.
    pub(super) origins: Vec<String>,
    /// Whether there is the page.
    pub(super) has_page: bool,
    pub(super) files: Option<Files>,
}

/// What a client has to know.
pub(super) struct Login {
    /// Hashes compare in a time that tells nothing.
    hash: Vec<u8>,
}

impl Login {
    /// A user and a password.
    pub(super) fn new(user_and_password: &str) -> Self {
        Self {
            hash: hash(&STANDARD.encode(user_and_password)),
        }
    }

    fn is_given_by(&self, request: &HttpRequest) -> bool {
        let given = request.header("authorization").and_then(|value| {
            let (scheme, given) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("basic").then_some(given.trim())
        });
        given.is_some_and(|given| hash(given) == self.hash)
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

fn is_name_of_this_machine(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    let number = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.to_ascii_lowercase();
    number.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// Whether a rule of `--origin` is about this origin, or about this host with its port.
fn is_listed_by(rule: &str, site: &str) -> bool {
    let rule = rule.to_ascii_lowercase();
    let site = site.to_ascii_lowercase();
    let (scheme, hosts) = rule.split_once("://").unwrap_or(("", &rule));
    let (of_scheme, host) = site.split_once("://").unwrap_or((scheme, &site));
    let is_host = match hosts.strip_prefix('*') {
        // It begins with its dot, and there is a name in front of that.
        Some(below) => host.len() > below.len() && host.ends_with(below),
        None => host == hosts,
    };
    rule == ANY || (is_host && of_scheme == scheme)
}

fn hash(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

impl Door {
    /// Whether requests of plain HTTP get more than a refusal.
    pub(super) const fn answers_http(&self) -> bool {
        self.has_page || self.files.is_some()
    }

    /// Decides about a request for a WebSocket whose origin is welcome.
    ///
    /// # Errors
    ///
    /// With what the client is told instead.
    pub(super) async fn decide(self: Arc<Self>, request: HttpRequest) -> Result<Accept, Response> {
        let visit = Visit::current();
        visit.asks(&request);
        if let Some(origin) = request.origin() {
            self.check_name(&request, &visit, origin)?;
        }
        self.check_login(&request, &visit)?;
        if self.has_page && request.path() == page::LIVE {
            return self.admit_watcher(&request, &visit);
        }
        if let Some(status) = self.refuse {
            visit.refused("--refuse");
            return Err(self.signed(Response::plain(status)?));
        }
        if let Some(taken) = &self.once
            && taken.swap(true, Ordering::SeqCst)
        {
            visit.refused("--once: the one connection is taken");
            return Err(self.signed(Response::plain(503)?));
        }
        let mut accept = self.accept()?;
        if let Some(target) = &self.target {
            if target.has_sent(&request) {
                visit.refused("--proxy: the target leads back to this server");
                self.give_back();
                return Err(self.signed(Response::plain(508)?));
            }
            match target.connect(&request).await {
                Ok(upstream) => {
                    if let Some(name) = upstream.subprotocol() {
                        accept.subprotocol(name)?;
                    }
                    visit.keep(upstream);
                }
                Err(why) => {
                    visit.refused(why);
                    self.give_back();
                    return Err(self.signed(Response::plain(502)?));
                }
            }
        }
        Ok(accept)
    }

    /// The one connection did not come about.
    pub(super) fn give_back(&self) {
        if let Some(taken) = &self.once {
            taken.store(false, Ordering::SeqCst);
        }
    }

    /// Answers a request of plain HTTP.
    pub(super) async fn answer(self: Arc<Self>, request: HttpRequest) -> Response {
        let visit = Visit::current();
        visit.asks(&request);
        let checked = self
            .check_name(&request, &visit, request.authority())
            .and_then(|()| self.check_login(&request, &visit));
        let answered = match checked {
            Err(refusal) => return refusal,
            Ok(()) => self.find(&request).await,
        };
        self.signed(answered.unwrap_or_else(Response::from))
    }

    async fn find(&self, request: &HttpRequest) -> Result<Response, InvalidRequest> {
        if !matches!(request.method(), "GET" | "HEAD") {
            let mut response = Response::plain(405)?;
            response.header("Allow", "GET, HEAD")?;
            return Ok(response);
        }
        if self.has_page
            && let Some(page) = page::find(request.path())?
        {
            return Ok(page);
        }
        match &self.files {
            Some(files) => files.answer(request.path()).await,
            None => Response::plain(404),
        }
    }

    /// A server that only this machine can reach is asked for by its number, or as localhost. Any site can
    /// have its own name lead here instead (DNS rebinding), and its page would pass for this server's own.
    /// `site` is that of the page, or what may become one.
    fn check_name(&self, request: &HttpRequest, visit: &Visit, site: &str) -> Result<(), Response> {
        if !self.is_local
            || is_name_of_this_machine(request.authority())
            || self.origins.iter().any(|rule| is_listed_by(rule, site))
        {
            return Ok(());
        }
        let host = request.authority();
        visit.refused(format!(
            "{host} is not this machine; --origin lets its pages in"
        ));
        Err(self.signed(Response::plain(403)?))
    }

    fn check_login(&self, request: &HttpRequest, visit: &Visit) -> Result<(), Response> {
        match &self.login {
            Some(login) if !login.is_given_by(request) => {
                visit.refused("no login, or a wrong one");
                let mut response = Response::plain(401)?;
                response.header(
                    "WWW-Authenticate",
                    "Basic realm=\"bowsprit\", charset=\"UTF-8\"",
                )?;
                Err(self.signed(response))
            }
            _ => Ok(()),
        }
    }

    /// The page's numbers are for the page alone, whatever `--origin` says.
    fn admit_watcher(&self, request: &HttpRequest, visit: &Visit) -> Result<Accept, Response> {
        let own = request.authority();
        let is_own = request.origin().is_some_and(|origin| {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some_and(|host| host.eq_ignore_ascii_case(own))
        });
        if !is_own {
            visit.refused("these numbers are for this server's own page");
            return Err(self.signed(Response::plain(403)?));
        }
        visit.watches();
        Ok(Accept::default())
    }

    fn accept(&self) -> Result<Accept, InvalidRequest> {
        let mut accept = Accept::default();
        for (name, value) in &self.headers {
            accept.header(name, value)?;
        }
        Ok(accept)
    }

    /// The answer with the headers that every answer has.
    fn signed(&self, mut response: Response) -> Response {
        for (name, value) in &self.headers {
            // Checked when they were read; what a response owns is left to it.
            let _ = response.header(name, value);
        }
        response
    }
}
