//! Who a client says that it is: passwords, tokens and cookies in its request.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    InvalidRequest, Request,
    headers::is_token,
    secrets::{is_secret_header, masked_subprotocols},
};

const AUTHORIZATION: &str = "Authorization";
const COOKIE: &str = "Cookie";

/// A user and a password as the `Basic` scheme has them (RFC 7617 §2), for `Authorization` and
/// `Proxy-Authorization`.
///
/// ```
/// use bowsprit_proto::handshake::basic_credentials;
///
/// assert_eq!(basic_credentials("Aladdin", "open sesame")?, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
/// assert!(basic_credentials("a:b", "secret").is_err());
/// # Ok::<(), bowsprit_proto::handshake::InvalidRequest>(())
/// ```
///
/// # Errors
///
/// When the user contains a colon, or one of both a control character.
pub fn basic_credentials(user: &str, password: &str) -> Result<String, InvalidRequest> {
    if user.contains(':') {
        return Err(InvalidRequest::UserName);
    }
    if let Some(forbidden) = user
        .chars()
        .chain(password.chars())
        .find(|c| c.is_control())
    {
        let name = AUTHORIZATION.to_owned();
        return Err(InvalidRequest::HeaderValue { name, forbidden });
    }
    let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
    Ok(format!("Basic {encoded}"))
}

/// Each of these replaces what was set before, except that cookies add up.
impl Request {
    /// Names a user and a password (RFC 7617). Without TLS everybody on the way can read them.
    ///
    /// # Errors
    ///
    /// When the user contains a colon, or one of both a control character.
    pub fn basic_auth(&mut self, user: &str, password: &str) -> Result<&mut Self, InvalidRequest> {
        let credentials = basic_credentials(user, password)?;
        self.header(AUTHORIZATION, &credentials)
    }

    /// Shows a token to whose bearer the server grants access (RFC 6750 §2.1).
    ///
    /// # Errors
    ///
    /// When it is empty, or contains anything but visible ASCII.
    pub fn bearer(&mut self, token: &str) -> Result<&mut Self, InvalidRequest> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidRequest::Token);
        }
        self.header(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// Adds a cookie. All go in one header, as servers expect them (RFC 6265 §5.4).
    ///
    /// # Errors
    ///
    /// When the name is no token, or the value has a character that ends a cookie: a control character, a
    /// blank, a quotation mark inside, a comma, a semicolon, a backslash, or other than ASCII.
    pub fn cookie(&mut self, name: &str, value: &str) -> Result<&mut Self, InvalidRequest> {
        if !is_token(name) || !is_cookie_value(value) {
            return Err(InvalidRequest::Cookie(name.to_owned()));
        }
        let cookie = format!("{name}={value}");
        // `header` may have added several lines.
        let before: Vec<&str> = self.headers.all(COOKIE).collect();
        let all = [&before[..], &[&cookie]].concat().join("; ");
        self.headers.replace(COOKIE, &all);
        Ok(self)
    }

    /// Leaves out what is meant for this server alone: for a request that goes on to another. What is
    /// masked where it is printed is not given to strangers either.
    pub(super) fn without_credentials(mut self) -> Self {
        self.headers = self.headers.filtered(|name| !is_secret_header(name));
        let shown = masked_subprotocols(&self.subprotocols.join(","));
        let mut shown = shown.split(", ");
        self.subprotocols
            .retain(|name| shown.next() == Some(name.as_str()));
        self
    }
}

/// RFC 6265 §4.1.1: cookie octets, which may stand in quotation marks.
fn is_cookie_value(value: &str) -> bool {
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let is_octet =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\');
    quoted.unwrap_or(value).bytes().all(is_octet)
}
