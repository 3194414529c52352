//! The closing handshake as one state machine (RFC 6455 §7).

/// Where a connection stands between the opening handshake and the end of its transport.
///
/// ```text
///            close()                peer's close frame
///   Open --------------> CloseSent --------------------> Exchanged
///    | \                     |                              ^   |
///    |  \--- peer's close frame, answered at once ----------/   |
///    |                       |                                  |
///    \----- violation -------+-----> Failed                     |
///                                      |                        |
///   (any) -------------------- end of the transport ------> Ended
/// ```
///
/// ```
/// use std::sync::Arc;
/// use bowsprit_proto::{CloseCode, Config, Connection, State};
///
/// let mut server = Connection::server(Arc::new(Config::server()));
/// server.close(CloseCode::NORMAL, "")?;
/// assert_eq!(server.state(), State::CloseSent);
/// # Ok::<(), bowsprit_proto::CloseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Messages go both ways.
    Open,
    /// This side has queued or sent its close frame and waits for the peer's. Messages still come.
    CloseSent,
    /// Both close frames are on their way or exchanged; the transport is about to end.
    Exchanged,
    /// The peer broke a rule and was told; the transport is about to end.
    Failed,
    /// The transport has ended.
    Ended,
}

/// What moves a connection from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    LocalClose,
    RemoteClose,
    Violation,
    TransportEnd,
}

impl State {
    pub(super) const fn next(self, input: Input) -> Self {
        match (self, input) {
            (_, Input::TransportEnd) => Self::Ended,
            (Self::Open, Input::LocalClose) => Self::CloseSent,
            (Self::Open | Self::CloseSent, Input::RemoteClose) => Self::Exchanged,
            (Self::Open | Self::CloseSent, Input::Violation) => Self::Failed,
            (Self::CloseSent | Self::Exchanged | Self::Failed | Self::Ended, _) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Input::*, State::*};

    #[test]
    fn every_state_meets_every_input() {
        let table = [
            (Open, [CloseSent, Exchanged, Failed, Ended]),
            (CloseSent, [CloseSent, Exchanged, Failed, Ended]),
            (Exchanged, [Exchanged, Exchanged, Exchanged, Ended]),
            (Failed, [Failed, Failed, Failed, Ended]),
            (Ended, [Ended, Ended, Ended, Ended]),
        ];
        for (state, expected) in table {
            let reached = [LocalClose, RemoteClose, Violation, TransportEnd].map(|i| state.next(i));
            assert_eq!(reached, expected, "from {state:?}");
        }
    }
}
