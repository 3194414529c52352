//! What `connect` takes behind its URI: the settings of one request.

use std::{error::Error, time::Duration};

use bowsprit::{Config, ConnectRequest, KeepAlive, Proxy};

use crate::MAX_MESSAGE;

/// For `help` and for a bare `connect`.
pub(crate) const CONNECT: &str = "connect <ws uri> [<option>=<value>]...";

/// The options, for `help`.
pub(crate) const LIST: &str = "  options: subprotocol, header (\"header=Name: value\"), user-agent, origin, proxy, \
                        keepalive (seconds)";

/// The words of a line. Blanks between double quotes belong to their word.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            _ => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Each option in turn, onto the request. Nothing is dialled before all of them have passed.
pub(crate) fn apply(
    mut request: ConnectRequest,
    options: impl Iterator<Item = String>,
) -> Result<ConnectRequest, Box<dyn Error>> {
    for option in options {
        request = match option.split_once('=') {
            Some(("subprotocol", name)) => request.subprotocol(name)?,
            Some(("header", line)) => {
                let (name, value) = line.split_once(": ").ok_or("a header is \"Name: value\"")?;
                request.header(name, value)?
            }
            Some(("user-agent", name)) => request.user_agent(name)?,
            Some(("origin", origin)) => request.origin(origin)?,
            Some(("proxy", "none")) => request.proxy(Proxy::direct()),
            Some(("proxy", uri)) => request.proxy(Proxy::parse(uri)?),
            Some(("keepalive", seconds)) => {
                let seconds = seconds
                    .parse()
                    .map_err(|_| "keepalive is a number of seconds")?;
                request.config(config(seconds))
            }
            _ => return Err(format!("not an option: {option}").into()),
        };
    }
    Ok(request)
}

/// That of the endpoint, but for how soon a silent server is found.
fn config(seconds: u64) -> Config {
    let wait = Duration::from_secs(seconds);
    let mut config = Config::client();
    config.limits.message = MAX_MESSAGE;
    config.keepalive = Some(KeepAlive {
        interval: wait,
        timeout: wait,
    });
    config
}
