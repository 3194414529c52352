//! The options of a connection: one definition for the command line and for `connect` at the prompt.

use clap::Args;

mod display;
mod farewell;
mod limits;
mod line;
mod plan;
mod request;
mod route;
pub(crate) mod secret;
mod several;
mod times;
mod tls;
pub(crate) mod units;

pub(crate) use display::{Bound, Color, DisplayOptions, Timestamps, View};
pub(crate) use farewell::Farewell;
pub(crate) use limits::Keep;
pub(crate) use limits::LimitOptions;
pub(crate) use line::{
    carries_secret, from_words, help, is_secret, line_definition, names, of_line, parse, setting,
    takes_file,
};
pub(crate) use plan::Plan;
use request::RequestOptions;
use route::RouteOptions;
pub(crate) use several::{Count, Several};
use times::TimeOptions;
pub(crate) use times::TimeOptions as Times;
use tls::TlsOptions;
pub(crate) use tls::key_log_file;
pub(crate) use units::{Size, Time};

/// What one connection can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    tls: TlsOptions,
    #[command(flatten)]
    request: RequestOptions,
    #[command(flatten)]
    route: RouteOptions,
    #[command(flatten)]
    times: TimeOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

impl Options {
    /// Whether anything is asked for.
    pub(crate) fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// Whether certificates are not verified.
    pub(crate) const fn is_insecure(&self) -> bool {
        self.tls.is_insecure()
    }

    /// Whether compression was asked for by name.
    pub(crate) const fn asks_to_compress(&self) -> bool {
        self.limits.asks_to_compress()
    }

    /// These options, with compression only where it was asked for.
    pub(crate) const fn compressing_only_when_asked(mut self) -> Self {
        self.limits.compress_only_when_asked();
        self
    }

    /// These options, and of `defaults` those that they do not replace: one value replaces the other,
    /// lists are added to.
    pub(crate) fn over(self, defaults: &Self) -> Self {
        Self {
            tls: self.tls.over(&defaults.tls),
            request: self.request.over(&defaults.request),
            route: self.route.over(&defaults.route),
            times: self.times.over(&defaults.times),
            limits: self.limits.over(&defaults.limits),
        }
    }

    /// Whether the options fit a URI of the same line.
    ///
    /// # Errors
    ///
    /// When one can have no effect there; the text says why.
    pub(crate) fn fit(&self, uri: &str) -> Result<(), String> {
        let scheme = uri.split(':').next().unwrap_or_default();
        if self.route.is_for_networks() && scheme.eq_ignore_ascii_case("ws+unix") {
            return Err(
                "A ws+unix: URI names a socket: --proxy, --no-proxy, --resolve, -4 and -6 mean nothing there"
                    .to_owned(),
            );
        }
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        if self.tls.is_given() && (is("ws") || is("ws+unix")) {
            return Err(format!(
                "TLS options are for wss: URIs, and this one is {}:",
                scheme.to_ascii_lowercase()
            ));
        }
        Ok(())
    }
}
