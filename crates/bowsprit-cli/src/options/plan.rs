//! Options made ready: files read, conflicts found, before anything is dialled.

use std::fmt;

use bowsprit::{Client, Config, ConnectRequest, InvalidRequest, InvalidUri, Proxy, Tls};

use super::request::Identity;
use super::route::Route;
use super::{Keep, Options, Times};
use crate::args::uri::meant;
use crate::printer::text::escape;

/// What every connection with the same options is made from.
#[derive(Clone)]
pub(crate) struct Plan {
    config: Config,
    tls: Tls,
    pins: bool,
    identity: Identity,
    route: Route,
    times: Times,
    keep: Keep,
}

impl Plan {
    /// Reads what the options name.
    ///
    /// # Errors
    ///
    /// When that is not there or wrong, or options contradict each other. The text repeats no secret.
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        let mut config = Config::client();
        options.times.apply(&mut config)?;
        options.limits.apply(&mut config)?;
        Ok(Self {
            config,
            tls: options.tls.build()?,
            pins: options.tls.pins(),
            identity: options.request.read()?,
            route: options.route.read()?,
            times: options.times,
            keep: options.limits.keep(),
        })
    }

    /// The times that were asked for.
    pub(crate) const fn times(&self) -> Times {
        self.times
    }

    /// How many messages of a connection are kept.
    pub(crate) const fn keep(&self) -> Keep {
        self.keep
    }

    /// Whether the server's certificate is pinned.
    pub(crate) const fn pins(&self) -> bool {
        self.pins
    }

    /// Through which proxy a connection goes.
    pub(crate) const fn proxy(&self) -> &Proxy {
        self.route.proxy()
    }

    /// Whether a connection is made again when it has failed or ended.
    pub(crate) const fn reconnects(&self) -> bool {
        self.route.reconnects()
    }

    /// Tries whether a request can be made, for this URI or for any.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub(crate) fn check(&self, uri: Option<&str>) -> Result<(), String> {
        let uri = uri.unwrap_or("ws://localhost");
        self.request(&Client::new(), uri).map(drop)
    }

    /// A request for this URI.
    ///
    /// # Errors
    ///
    /// When the URI is none, or something may not stand in a request. The text is what to answer,
    /// escaped.
    pub(crate) fn request(&self, client: &Client, uri: &str) -> Result<ConnectRequest, String> {
        let request = client.request(uri).map_err(|fault| refusal(uri, &fault))?;
        let request = request.config(self.config.clone()).tls(self.tls.clone());
        let request = self.identity.apply(self.route.apply(request));
        request.map_err(|fault| refusal(uri, &fault))
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").finish_non_exhaustive()
    }
}

/// The answer to a request that cannot be made. Where a text without a scheme is no host either, there is
/// no more to say than the original said.
fn refusal(uri: &str, fault: &InvalidRequest) -> String {
    let said = escape(&fault.to_string()).into_owned();
    match fault {
        InvalidRequest::Uri(why) => {
            let hint = match why {
                InvalidUri::Userinfo => "; -u, --auth USER:PW takes them",
                _ if uri.contains(" -") => "; options stand before the URI",
                _ => "",
            };
            let detail = match meant(uri) {
                Some(meant) => format!(" ({meant})"),
                None if uri.contains(':') => format!(" ({said}{hint})"),
                None => String::new(),
            };
            format!("Connect initialization error: invalid uri{detail}")
        }
        _ => format!("Connect initialization error: {said}"),
    }
}
