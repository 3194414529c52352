//! Whom a server lets in, and what it says of itself.

use std::{fmt, pin::Pin, sync::Arc, time::SystemTime};

use bowsprit_proto::handshake::{Accept, RequestHead, Response};

use super::{origin::Origins, request::HttpRequest};

/// What a server calls itself unless told otherwise.
const SERVER: &str = concat!("bowsprit/", env!("CARGO_PKG_VERSION"));

/// What a hook of the program's returns.
pub(super) type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A hook of the program's, called with each request that concerns it.
pub(super) type Hook<T> = Arc<dyn Fn(HttpRequest) -> Answer<T> + Send + Sync>;

/// Whom a server lets in, and what it says of itself.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(super) server_header: Option<String>,
    /// In the server's order of preference.
    pub(super) subprotocols: Vec<String>,
    pub(super) requires_subprotocol: bool,
    pub(super) origins: Origins,
    pub(super) validate: Option<Hook<Result<Accept, Response>>>,
    pub(super) http: Option<Hook<Response>>,
}

impl Terms {
    /// Adds what `validate` has left open.
    pub(super) fn complete(&self, accept: &mut Accept, head: &RequestHead) {
        if accept.chosen_subprotocol().is_none() {
            let offered =
                |ours: &&String| head.subprotocols().any(|theirs| theirs == ours.as_str());
            if let Some(chosen) = self.subprotocols.iter().find(offered) {
                // Checked when it was set, as the server header is.
                let _ = accept.subprotocol(chosen);
            }
        }
        if let Some(name) = &self.server_header
            && !have(accept.headers(), "Server")
        {
            let _ = accept.header("Server", name);
        }
    }

    /// Every answer says whose it is, and when it was made (RFC 9110 §6.6.1).
    pub(super) fn sign(&self, response: &mut Response) {
        if let Some(name) = &self.server_header
            && !have(response.headers(), "Server")
        {
            let _ = response.header("Server", name);
        }
        if !have(response.headers(), "Date") {
            let now = httpdate::fmt_http_date(SystemTime::now());
            let _ = response.header("Date", &now);
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            server_header: Some(SERVER.to_owned()),
            subprotocols: Vec::new(),
            requires_subprotocol: false,
            origins: Origins::default(),
            validate: None,
            http: None,
        }
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("server_header", &self.server_header)
            .field("subprotocols", &self.subprotocols)
            .field("requires_subprotocol", &self.requires_subprotocol)
            .field("origins", &self.origins)
            .field("validates", &self.validate.is_some())
            .field("answers_http", &self.http.is_some())
            .finish()
    }
}

fn have<'h>(mut headers: impl Iterator<Item = (&'h str, &'h str)>, name: &str) -> bool {
    headers.any(|(other, _)| other.eq_ignore_ascii_case(name))
}
