//! How connections end.

use bowsprit::{Cause, CloseCode, Closed, Compression, Initiator};
use serde::{Deserialize, Serialize};

use super::{CompressedBothWays, What};
use crate::status::Status;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// The peer's; 1005 where it gave none, 1006 where it sent no close frame.
    pub(crate) code: u16,
    pub(crate) reason: String,
    /// This side's, where it sent a close frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<CloseText>,
    /// `local` or `remote`: who began the closing handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) initiator: Option<Party>,
    /// Whether both sides sent a close frame.
    pub(crate) clean: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    /// The exit status that it stands for, where something was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_status: Option<u8>,
    /// What went compressed, where that was agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compressed_messages: Option<CompressedBothWays>,
}

/// A close code and a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CloseText {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Party {
    Local,
    Remote,
}

impl What {
    /// A connection that has ended.
    pub(crate) fn ended(closed: &Closed, status: Option<Status>) -> Self {
        Self::Close(Box::new(Ended::new(closed, status)))
    }

    /// The same of one on which so much was compressed.
    #[must_use]
    pub(crate) fn with_compression(mut self, told: Option<Compression>) -> Self {
        if let Self::Close(ended) = &mut self {
            ended.compressed_messages = told.map(CompressedBothWays::from);
        }
        self
    }
}

impl Ended {
    pub(crate) fn new(closed: &Closed, status: Option<Status>) -> Self {
        Self {
            code: closed.remote_code().0,
            reason: closed.remote_reason().to_owned(),
            sent: closed.local.as_ref().map(|frame| CloseText {
                code: frame.code.0,
                reason: frame.reason.to_string(),
            }),
            initiator: closed.initiator.map(|initiator| match initiator {
                Initiator::Local => Party::Local,
                Initiator::Remote => Party::Remote,
            }),
            clean: closed.is_clean(),
            cause: cause(closed),
            exit_status: status.map(|status| status as u8),
            compressed_messages: None,
        }
    }

    /// How it ended, in words: `4001 (Unknown) "bye" by peer`.
    pub(crate) fn sentence(&self) -> String {
        let code = CloseCode(self.code);
        let reason = match self.reason.as_str() {
            "" => String::new(),
            reason => format!(" \"{reason}\""),
        };
        let how = match (&self.cause, self.initiator) {
            (Some(cause), _) => format!(": {cause}{}", self.answer()),
            (None, Some(Party::Local)) => " by this side".to_owned(),
            (None, Some(Party::Remote)) => " by peer".to_owned(),
            (None, None) => String::new(),
        };
        format!("{code}{reason}{how}")
    }

    /// The code that told the peer what was wrong.
    fn answer(&self) -> String {
        let code = self.sent.as_ref().map(|sent| sent.code);
        let fault = code.filter(|code| *code > CloseCode::GOING_AWAY.0);
        fault.map_or_else(String::new, |code| format!(" (answered with {code})"))
    }
}

/// What ended a connection, if that was no closing handshake.
pub(crate) fn cause(closed: &Closed) -> Option<String> {
    Some(match closed.cause.as_ref()? {
        // The library leaves open which side's close frame is missing.
        Cause::Eof if closed.remote.is_none() => "dropped without a close frame".to_owned(),
        cause => cause.to_string(),
    })
}
