//! Proxies on the way to a server: which one for which URI, and the tunnel through it.

mod bypass;
mod environment;
mod error;
mod http;
mod server;
mod socks;

use std::{env, sync::Arc};

use bowsprit_proto::{Host, Uri};

pub use error::{InvalidProxy, ProxyError, ProxyErrorKind};

use bypass::Bypass;
use environment::{Environment, Unreadable};
pub(crate) use server::ProxyServer;

/// Through which proxy connections go. Default: what the environment says.
///
/// The tunnel is asked for with HTTP's `CONNECT` (RFC 9110 §9.3.6) or SOCKS 5 (RFC 1928), for `ws` and
/// `wss` alike; in it `wss` is encrypted from end to end. The proxy resolves the server's name. `Debug`
/// and errors name a proxy without user and password.
///
/// ```
/// use bowsprit::{Client, Proxy};
///
/// let proxy = Proxy::parse("socks5://proxy.example")?
///     .basic_auth("ann", "s3cret")?
///     .bypass("localhost, .internal.example, 10.0.0.0/8")?;
/// assert!(!format!("{proxy:?}").contains("s3cret"));
/// let client = Client::builder().proxy(proxy).build();
/// # Ok::<(), bowsprit::InvalidProxy>(())
/// ```
#[derive(Clone, Debug)]
pub struct Proxy {
    choice: Choice,
    /// A list of the environment that cannot be read is told when a connection is to be made.
    bypass: Arc<Result<Bypass, Unreadable>>,
}

#[derive(Clone, Debug)]
enum Choice {
    Direct,
    Server(Arc<ProxyServer>),
    Environment(Arc<Environment>),
}

impl Proxy {
    /// The proxies that the environment names now: it is not read again for each connection.
    ///
    /// The first of these variables that is not empty, in lower case before upper case:
    /// `ws_proxy`, `http_proxy`, `all_proxy` for `ws`, and `wss_proxy`, `https_proxy`, `all_proxy` for
    /// `wss`. Each holds what [`parse`](Self::parse) takes. `no_proxy` has what
    /// [`bypass`](Self::bypass) takes. `localhost`, names below it and loopback addresses are always
    /// connected to directly. `HTTP_PROXY` in upper case is ignored in a CGI program, where
    /// `REQUEST_METHOD` is set and a header of the request could have set it ("httpoxy").
    ///
    /// A value that cannot be read fails the connections that it is for, with an error that names the
    /// variable.
    #[must_use]
    pub fn environment() -> Self {
        Self::from_lookup(|name| {
            let value = env::var_os(name)?.into_string();
            // What is no text can be no proxy either: this is refused wherever it stands.
            Some(value.unwrap_or_else(|_| "\0".to_owned()))
        })
    }

    /// No proxy, whatever the environment says.
    #[must_use]
    pub fn direct() -> Self {
        Self::with(Choice::Direct)
    }

    /// This proxy for every connection, those to this machine too.
    ///
    /// `http://[user[:password]@]host[:port]`, or the same with `socks5://` or `socks5h://`, which mean
    /// the same here: the proxy resolves the server's name. Default ports: 80 and 1080. Without a scheme
    /// it is `http`. User and password are percent-encoded; an IPv6 address stands in brackets.
    ///
    /// # Errors
    ///
    /// When the text is no such URI. `https://`, TLS to the proxy itself, is not supported.
    pub fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let server = ProxyServer::parse(text)?;
        Ok(Self::with(Choice::Server(server.into())))
    }

    /// Sets user and password, in place of those in the URI.
    ///
    /// # Errors
    ///
    /// When one of them contains a control character, or the user of an HTTP proxy a colon (RFC 7617
    /// §2); when one of those of a SOCKS proxy is not 1 to 255 bytes long (RFC 1929 §2); when no proxy
    /// was named with [`parse`](Self::parse).
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Self, InvalidProxy> {
        match &mut self.choice {
            Choice::Server(server) => Arc::make_mut(server).log_in(user, password)?,
            Choice::Direct | Choice::Environment(_) => return Err(InvalidProxy::NoServer),
        }
        Ok(self)
    }

    /// Lists what is connected to directly, in place of any earlier list and the environment's.
    ///
    /// The entries stand between commas or blanks. `*` is every host; `example.com` that host and the
    /// names below it; `.example.com` or `*.example.com` only those below it; `192.0.2.7`, `::1` or
    /// `[::1]` an address and `10.0.0.0/8` a network, where a URI has an address and not a name. All but
    /// networks may end in `:port`.
    ///
    /// # Errors
    ///
    /// When an entry is none of these.
    pub fn bypass(mut self, list: &str) -> Result<Self, InvalidProxy> {
        self.bypass = Arc::new(Ok(Bypass::parse(list)?));
        Ok(self)
    }

    /// What a connection to this URI goes through, as `http://host:port` without user and password. `None`
    /// where it is made directly, where the text is no URI, and where no connection can be made because a
    /// variable of the environment cannot be read.
    ///
    /// ```
    /// use bowsprit::Proxy;
    ///
    /// let proxy = Proxy::parse("socks5://ann:s3cret@proxy.example")?.bypass("localhost")?;
    /// let server = proxy.server_for("ws://chat.example/");
    /// assert_eq!(server.as_deref(), Some("socks5://proxy.example:1080"));
    /// assert_eq!(proxy.server_for("ws://localhost/"), None);
    /// # Ok::<(), bowsprit::InvalidProxy>(())
    /// ```
    #[must_use]
    pub fn server_for(&self, uri: &str) -> Option<String> {
        let uri = Uri::parse(uri).ok()?;
        if uri.socket_path().is_some() {
            return None;
        }
        let server = self.for_uri(&uri).ok().flatten()?;
        Some(server.to_string())
    }

    /// The proxy for a connection to this URI, or none.
    pub(crate) fn for_uri(&self, uri: &Uri) -> Result<Option<&ProxyServer>, ProxyError> {
        let server = match &self.choice {
            Choice::Direct => None,
            Choice::Server(server) => Some(Ok(&**server)),
            // As in Go: what runs on this machine is not the proxy's business.
            Choice::Environment(_) if is_loopback(uri.host()) => None,
            Choice::Environment(environment) => environment.proxy(uri.is_secure()),
        };
        let Some(server) = server else {
            return Ok(None);
        };
        let bypass = self.bypass.as_ref().as_ref()?;
        if bypass.has(uri.host(), uri.port()) {
            return Ok(None);
        }
        Ok(Some(server?))
    }

    fn with(choice: Choice) -> Self {
        let bypass = Arc::new(Ok(Bypass::default()));
        Self { choice, bypass }
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let environment = Environment::read(&lookup);
        Self {
            choice: Choice::Environment(environment.into()),
            bypass: environment::bypass(&lookup).into(),
        }
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self::environment()
    }
}

/// RFC 6761 §6.3 for names.
fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.to_canonical().is_loopback(),
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
