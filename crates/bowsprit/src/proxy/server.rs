//! One proxy: where it is, what it speaks, and who logs in to it.

use std::fmt;

use bowsprit_proto::{Host, Limits, Uri};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{InvalidProxy, ProxyError, ProxyErrorKind, http, socks};
use crate::DialError;

/// A proxy's address, and what to say to it. Displayed and debugged without user and password.
#[derive(Clone)]
pub(crate) struct ProxyServer {
    protocol: Protocol,
    host: Host,
    port: u16,
    login: Option<Login>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Socks5,
}

#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl ProxyServer {
    /// Reads a URI. Its parts are not repeated in errors before it is known which of them is a password.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidProxy> {
        if text.len() > Uri::MAX_LENGTH {
            let limit = Uri::MAX_LENGTH;
            return Err(InvalidProxy::TooLong { limit });
        }
        let (protocol, rest) = split_scheme(text)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(InvalidProxy::Path);
        }
        let (userinfo, address) = match authority.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, authority),
        };
        let (host, port) = match address.rsplit_once(':') {
            // The colons inside the brackets of an IPv6 address are its own.
            Some((host, port)) if !port.ends_with(']') => (host, parse_port(port)?),
            _ => (address, protocol.default_port()),
        };
        let mut server = Self {
            protocol,
            host: host.parse().map_err(InvalidProxy::Host)?,
            port,
            login: None,
        };
        if let Some(userinfo) = userinfo {
            let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            server.log_in(&decode(user)?, &decode(password)?)?;
        }
        Ok(server)
    }

    pub(super) fn log_in(&mut self, user: &str, password: &str) -> Result<(), InvalidProxy> {
        if [user, password]
            .iter()
            .any(|text| text.chars().any(char::is_control))
        {
            return Err(InvalidProxy::ControlCharacter);
        }
        let is_short = |text: &str| (1..=255).contains(&text.len());
        match self.protocol {
            Protocol::Http if user.contains(':') => return Err(InvalidProxy::ColonInUser),
            Protocol::Socks5 if !is_short(user) || !is_short(password) => {
                return Err(InvalidProxy::LoginLength);
            }
            Protocol::Http | Protocol::Socks5 => {}
        }
        self.login = Some(Login {
            user: user.to_owned(),
            password: password.to_owned(),
        });
        Ok(())
    }

    pub(crate) const fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Asks for a tunnel to the server of this URI. Afterwards `io` carries that server's bytes.
    ///
    /// There is no deadline here; the answer is read within `limits`.
    ///
    /// # Cancel safety
    ///
    /// None: `io` is of no use when the future was dropped.
    pub(crate) async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: &mut S,
        uri: &Uri,
        limits: &Limits,
    ) -> Result<(), ProxyError> {
        let (host, port, login) = (uri.host(), uri.port(), self.login.as_ref());
        let result = match self.protocol {
            Protocol::Http => http::connect(io, host, port, login, limits).await,
            Protocol::Socks5 => socks::connect(io, host, port, login).await,
        };
        result.map_err(|kind| self.error(kind))
    }

    /// What it means that the proxy itself is not reached.
    pub(crate) fn unreachable(&self, error: DialError) -> ProxyError {
        self.error(ProxyErrorKind::Dial(error))
    }

    fn error(&self, kind: ProxyErrorKind) -> ProxyError {
        ProxyError::of(self.to_string(), kind)
    }
}

impl fmt::Display for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            Protocol::Http => "http",
            Protocol::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Protocol {
    /// RFC 9110 §4.2.1 and RFC 1928 §3.
    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Socks5 => 1080,
        }
    }
}

fn split_scheme(text: &str) -> Result<(Protocol, &str), InvalidProxy> {
    let is_scheme = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            let protocol = match scheme.to_ascii_lowercase().as_str() {
                "http" => Protocol::Http,
                "socks5" | "socks5h" => Protocol::Socks5,
                "https" => return Err(InvalidProxy::Https),
                _ => return Err(InvalidProxy::Scheme(scheme.to_owned())),
            };
            Ok((protocol, rest))
        }
        _ => Ok((Protocol::Http, text)),
    }
}

fn parse_port(text: &str) -> Result<u16, InvalidProxy> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(InvalidProxy::Port),
    }
}

/// RFC 3986 §2.1, strictly: what looks like an encoding and is none would be another password.
fn decode(text: &str) -> Result<String, InvalidProxy> {
    let is_encoded = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_encoded) {
        return Err(InvalidProxy::PercentEncoding);
    }
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| InvalidProxy::PercentEncoding)?;
    Ok(decoded.into_owned())
}
