//! The exit statuses, and which of them an accident stands for.

use bowsprit::{Cause, CloseCode, Closed, ConnectError, Initiator, Stage};

use crate::options::Times;

/// Every status that is not a signal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// What was asked for did not come true, a line of a script for instance; or the output could not be
    /// written.
    Refused = 1,
    /// The words are wrong, or the program could not start.
    CannotStart = 2,
    /// No connection: name, address, route, or proxy.
    NotConnected = 3,
    /// TLS failed, the certificate for instance.
    Tls = 4,
    /// The opening handshake was refused, or went wrong.
    Handshake = 5,
    /// The peer broke the protocol, or went over a limit.
    Protocol = 6,
    /// The connection ended without a close frame of the peer.
    Dropped = 7,
    /// The peer closed with another code than 1000, 1001, or none.
    Closed = 8,
    /// A time that was asked for with an option is over.
    TimedOut = 124,
}

impl Status {
    /// Why a connection did not open.
    pub(crate) fn of_failure(error: &ConnectError, times: &Times) -> Option<Self> {
        Some(match error {
            ConnectError::Canceled => return None,
            ConnectError::Timeout(_) if times.is_asked(Stage::Open) => Self::TimedOut,
            ConnectError::Timeout(Stage::Tls) | ConnectError::Tls(_) => Self::Tls,
            ConnectError::Timeout(Stage::Open)
            | ConnectError::Handshake { .. }
            | ConnectError::Redirect(_)
            | ConnectError::TooManyRedirects { .. }
            | ConnectError::Io(_) => Self::Handshake,
            ConnectError::Timeout(_) | ConnectError::Dial(_) | ConnectError::Proxy(_) => {
                Self::NotConnected
            }
            _ => Self::Refused,
        })
    }

    /// What was wrong with the end of an open connection, if anything.
    pub(crate) fn of_end(closed: &Closed, times: &Times) -> Option<Self> {
        const GOOD: [CloseCode; 3] = [
            CloseCode::NORMAL,
            CloseCode::GOING_AWAY,
            CloseCode::NO_STATUS,
        ];
        match &closed.cause {
            Some(Cause::Protocol(_)) => Some(Self::Protocol),
            Some(Cause::Timeout(stage)) if times.is_asked(*stage) => Some(Self::TimedOut),
            Some(Cause::Aborted) => None,
            _ => match &closed.remote {
                None => Some(Self::Dropped),
                // Who was asked to close may answer with any code.
                Some(_) if closed.initiator == Some(Initiator::Local) => None,
                Some(frame) if GOOD.contains(&frame.code) => None,
                Some(_) => Some(Self::Closed),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowsprit::CloseFrame;

    #[test]
    fn tells_a_bad_end_from_a_good_one() {
        let times = Times::default();
        let status = |code, initiator, cause| {
            let mut closed = Closed::default();
            closed.remote = Option::map(code, |code| CloseFrame::new(CloseCode(code), ""));
            closed.initiator = Some(initiator);
            closed.cause = cause;
            Status::of_end(&closed, &times)
        };
        use Initiator::{Local, Remote};
        for (code, initiator, cause, expected) in [
            (Some(1000), Remote, None, None),
            (Some(1001), Remote, None, None),
            (Some(1005), Remote, None, None),
            (Some(1011), Remote, None, Some(Status::Closed)),
            (Some(4001), Remote, None, Some(Status::Closed)),
            (Some(4001), Remote, Some(Cause::Eof), Some(Status::Closed)),
            (Some(4001), Local, None, None),
            (None, Remote, Some(Cause::Eof), Some(Status::Dropped)),
            (
                None,
                Local,
                Some(Cause::Timeout(Stage::Close)),
                Some(Status::Dropped),
            ),
            (
                None,
                Remote,
                Some(Cause::Timeout(Stage::Pong)),
                Some(Status::Dropped),
            ),
            (None, Local, Some(Cause::Aborted), None),
        ] {
            assert_eq!(
                status(code, initiator, cause),
                expected,
                "{code:?} {initiator:?}"
            );
        }
    }
}
