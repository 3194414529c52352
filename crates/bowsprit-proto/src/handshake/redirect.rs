//! Where a server sends a client instead of answering it (RFC 9110 §15.4, RFC 6455 §4.1).

use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt;

use url::Url;

use super::{Request, ResponseHead};
use crate::{InvalidUri, Uri};

impl Request {
    /// The request that follows this response, if it is a redirection: 301, 302, 303, 307 or 308.
    ///
    /// `http` and `https` in the `Location` mean `ws` and `wss`. On the way to another origin (scheme, host
    /// or port) the credentials stay behind: headers that [carry some](super::is_secret_header), as
    /// `Authorization`, `Cookie` and `X-Api-Key` do, and subprotocols that are tokens. How many redirections
    /// in a row are followed is for the caller to limit.
    ///
    /// ```
    /// use bowsprit_proto::{Config, Uri};
    /// use bowsprit_proto::handshake::{ClientHandshake, Request};
    ///
    /// let request = Request::new(Uri::parse("ws://example.com/old?a=1")?);
    /// let mut client = ClientHandshake::new(&request, [7; 16], &Config::client());
    /// let answer = "HTTP/1.1 301 Moved Permanently\r\nLocation: https://example.com/new\r\n\r\n";
    /// assert!(client.receive(&mut answer.as_bytes()).is_err());
    ///
    /// let next = request.redirected(client.response().unwrap()).expect("a redirection")?;
    /// assert_eq!(next.uri().to_string(), "wss://example.com/new");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the redirection leads nowhere that a WebSocket may go, or from `wss` to `ws`.
    pub fn redirected(&self, response: &ResponseHead) -> Option<Result<Self, InvalidRedirect>> {
        matches!(response.status(), 301 | 302 | 303 | 307 | 308).then(|| self.follow(response))
    }

    fn follow(&self, response: &ResponseHead) -> Result<Self, InvalidRedirect> {
        let mut locations = response
            .headers()
            .filter_map(|(name, value)| name.eq_ignore_ascii_case("location").then_some(value));
        let (Some(location), None) = (locations.next(), locations.next()) else {
            return Err(InvalidRedirect::Location);
        };
        let uri = resolve(self.uri(), location)?;
        if self.uri().is_secure() && !uri.is_secure() {
            return Err(InvalidRedirect::Downgrade);
        }
        let is_same_origin =
            uri.is_secure() == self.uri().is_secure() && uri.authority() == self.uri().authority();
        let mut next = self.clone();
        next.uri = uri;
        Ok(if is_same_origin {
            next
        } else {
            next.without_credentials()
        })
    }
}

/// RFC 3986 §5: a reference may leave out what it has in common with the URI that it stands behind.
fn resolve(from: &Uri, location: &str) -> Result<Uri, InvalidRedirect> {
    // What a server behind a Unix socket says is meant as its clients address it.
    let base = match from.socket_path() {
        Some(_) => format!("ws://{}{}", from.authority(), from.target()),
        None => from.to_string(),
    };
    let base = Url::parse(&base).map_err(|_| InvalidRedirect::Location)?;
    let mut target = base.join(location).map_err(|_| InvalidRedirect::Location)?;
    // RFC 6455 §3: the resource name has no fragment.
    target.set_fragment(None);
    let (scheme, rest) = target.as_str().split_once(':').unwrap_or_default();
    let scheme = match scheme {
        "http" | "ws" => "ws:",
        "https" | "wss" => "wss:",
        other => return Err(InvalidRedirect::Scheme(other.to_string())),
    };
    let uri = Uri::parse(&[scheme, rest].concat()).map_err(InvalidRedirect::Uri)?;
    Ok(uri.behind_socket_of(from))
}

/// Why a redirection is not followed.
///
/// ```
/// use bowsprit_proto::handshake::InvalidRedirect;
///
/// let error = InvalidRedirect::Downgrade;
/// assert_eq!(error.to_string(), "redirection from wss to ws, which anybody could read");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRedirect {
    /// There is no `Location`, more than one, or one that is no reference to anything.
    Location,
    /// What it leads to is neither `ws` nor `wss`, `http` nor `https`.
    Scheme(String),
    /// What it leads to is not a URI of RFC 6455 §3.
    Uri(InvalidUri),
    /// It leads from an encrypted connection to one that is not.
    Downgrade,
}

impl fmt::Display for InvalidRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Location => f.write_str("redirection without one usable Location"),
            Self::Scheme(scheme) => write!(f, "redirection to the scheme {scheme:?}"),
            Self::Uri(error) => write!(f, "redirection: {error}"),
            Self::Downgrade => f.write_str("redirection from wss to ws, which anybody could read"),
        }
    }
}

impl core::error::Error for InvalidRedirect {}
