//! What went wrong with a connection, as the name that it is counted under.

use std::io::ErrorKind;

use bowsprit::{Closed, ConnectError, DialError, Initiator, Stage};

use crate::events::cause;
use crate::network::Failure;
use crate::options::Times;
use crate::status::Status;

/// The first thing that went wrong, and what it means for the exit status.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) name: String,
    pub(super) status: Option<Status>,
}

impl Fault {
    /// Why a connection did not open.
    pub(super) fn of_failure(error: &ConnectError, times: &Times) -> Self {
        let failure = Failure::new(error, times);
        let name = if lacks_a_port(error) {
            "tcp: no local port is free for a further connection to this address and port"
                .to_owned()
        } else {
            format!("{}: {}", stage(error), failure.line())
        };
        Self {
            name,
            status: failure.status,
        }
    }

    /// How a connection ended before it was to.
    pub(super) fn of_end(closed: &Closed, times: &Times) -> Self {
        let name = match (cause(closed), &closed.remote) {
            (Some(cause), None) => format!("connection: {cause}"),
            (_, Some(frame)) if closed.initiator == Some(Initiator::Remote) => {
                format!("connection: closed by the peer with {}", frame.code.0)
            }
            (Some(cause), _) => format!("connection: {cause}"),
            _ => "connection: ended".to_owned(),
        };
        Self {
            name: crate::printer::text::harmless(&name).into_owned(),
            status: Status::of_end(closed, times),
        }
    }
}

fn lacks_a_port(error: &ConnectError) -> bool {
    let ConnectError::Dial(DialError::Tcp { attempts }) = error else {
        return false;
    };
    attempts
        .iter()
        .any(|(_, error)| error.kind() == ErrorKind::AddrNotAvailable)
}

const fn stage(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Dial(DialError::Dns { .. } | DialError::Family { .. })
        | ConnectError::Timeout(Stage::Dns) => "name",
        ConnectError::Dial(_) | ConnectError::Timeout(Stage::Connect) => "tcp",
        ConnectError::Proxy(_) | ConnectError::Timeout(Stage::Proxy) => "proxy",
        ConnectError::Tls(_) | ConnectError::Timeout(Stage::Tls) => "tls",
        _ => "handshake",
    }
}
