//! Close codes and how a connection ended (RFC 6455 §7).

use alloc::sync::Arc;
use core::fmt;

use crate::{ProtocolError, Stage, Text};

/// The status code of a close frame (RFC 6455 §7.4): any 16-bit number, the registered ones by name.
///
/// ```
/// use bowsprit_proto::CloseCode;
///
/// assert_eq!(CloseCode::GOING_AWAY.to_string(), "1001 (Going away)");
/// assert!(CloseCode(4001).can_be_sent());
/// assert!(!CloseCode::ABNORMAL.can_be_sent());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server shuts down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that this endpoint does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the close frame had no code. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: text that is not UTF-8, or other payload that contradicts its kind.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a rule of the application was broken.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message over the limit.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the server did not agree to an extension that the client needs.
    pub const EXTENSION_REQUIRED: Self = Self(1010);
    /// 1011: the endpoint met a fault of its own.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got no valid answer from behind it.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never on the wire.
    pub const TLS_HANDSHAKE: Self = Self(1015);
    /// 3000: a fault that the subprotocol names. The registry has it as "Unauthorized" since; WebSocket++
    /// used it before, and so do its users.
    pub const SUBPROTOCOL_ERROR: Self = Self(3000);
    /// 3001: data that the subprotocol forbids.
    pub const INVALID_SUBPROTOCOL_DATA: Self = Self(3001);
    /// 3003: who asks may not have what was asked for.
    pub const FORBIDDEN: Self = Self(3003);
    /// 3008: the application waited too long.
    pub const TIMEOUT: Self = Self(3008);

    /// Whether the number is set aside for later versions of the protocol: 1004 and 1016 to 2999.
    pub const fn is_reserved(self) -> bool {
        matches!(self.0, 1004 | 1016..=2999)
    }

    /// Whether the number may appear in no close frame: below 1000, 1005, 1006, 1015, and from 5000.
    pub const fn is_invalid(self) -> bool {
        matches!(self.0, 0..=999 | 1005 | 1006 | 1015 | 5000..)
    }

    /// Whether a close frame may carry the number: it is neither reserved nor invalid.
    pub const fn can_be_sent(self) -> bool {
        !self.is_reserved() && !self.is_invalid()
    }

    /// Whether the number is free for applications: 4000 to 4999.
    pub const fn is_application(self) -> bool {
        matches!(self.0, 4000..=4999)
    }

    /// A short English name, "Unknown" for a number that has none.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NORMAL => "Normal close",
            Self::GOING_AWAY => "Going away",
            Self::PROTOCOL_ERROR => "Protocol error",
            Self::UNSUPPORTED_DATA => "Unsupported data",
            Self::NO_STATUS => "No status set",
            Self::ABNORMAL => "Abnormal close",
            Self::INVALID_PAYLOAD => "Invalid payload",
            Self::POLICY_VIOLATION => "Policy violation",
            Self::MESSAGE_TOO_BIG => "Message too big",
            Self::EXTENSION_REQUIRED => "Extension required",
            Self::INTERNAL_ERROR => "Internal endpoint error",
            Self::SERVICE_RESTART => "Service restart",
            Self::TRY_AGAIN_LATER => "Try again later",
            Self::BAD_GATEWAY => "Bad gateway",
            Self::TLS_HANDSHAKE => "TLS handshake failure",
            Self::SUBPROTOCOL_ERROR => "Generic subprotocol error",
            Self::INVALID_SUBPROTOCOL_DATA => "Invalid subprotocol data",
            Self::FORBIDDEN => "Forbidden",
            Self::TIMEOUT => "Timeout",
            _ => "Unknown",
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.text())
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

/// The code and the reason of one close frame (RFC 6455 §5.5.1).
///
/// ```
/// use bowsprit_proto::{CloseCode, CloseFrame};
///
/// let frame = CloseFrame::new(CloseCode::NORMAL, "done");
/// assert_eq!(frame.to_string(), "1000 (Normal close): done");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// [`CloseCode::NO_STATUS`] stands for a frame without a code.
    pub code: CloseCode,
    /// At most [`CloseFrame::MAX_REASON`] bytes; empty where none was given.
    pub reason: Text,
}

impl CloseFrame {
    /// The longest reason in bytes: a control frame's 125 less the two of the code.
    pub const MAX_REASON: usize = 123;

    /// A frame with this code and reason; neither is checked before it is sent.
    pub fn new(code: CloseCode, reason: impl Into<Text>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// The longest beginning of `reason` that fits a close frame and ends between two characters.
    pub fn fit_reason(reason: &str) -> &str {
        if reason.len() <= Self::MAX_REASON {
            return reason;
        }
        let end = (0..=Self::MAX_REASON)
            .rev()
            .find(|&end| reason.is_char_boundary(end));
        end.and_then(|end| reason.get(..end)).unwrap_or_default()
    }
}

/// The reason is the peer's text: what could drive a terminal is escaped.
impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, ": {}", Escaped(&self.reason))?;
        }
        Ok(())
    }
}

/// Who sent the first close frame.
///
/// ```
/// use bowsprit_proto::{Closed, Initiator};
///
/// fn was_ours(closed: &Closed) -> bool {
///     closed.initiator == Some(Initiator::Local)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// This endpoint.
    Local,
    /// The peer.
    Remote,
}

/// How a connection ended.
///
/// ```
/// use bowsprit_proto::{CloseCode, Closed};
///
/// let closed = Closed::default();
/// assert_eq!(closed.remote_code(), CloseCode::ABNORMAL);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The close frame that this endpoint queued, if it did. Where it never left whole, `cause` says why.
    pub local: Option<CloseFrame>,
    /// The close frame that the peer sent, if one came.
    pub remote: Option<CloseFrame>,
    /// Who sent the first close frame; `None` if there was none.
    pub initiator: Option<Initiator>,
    /// What ended the connection, where it was not the closing handshake.
    pub cause: Option<Cause>,
}

impl Closed {
    /// Whether both close frames were exchanged and nothing went wrong (RFC 6455 §7.1.4).
    pub const fn is_clean(&self) -> bool {
        self.local.is_some() && self.remote.is_some() && self.cause.is_none()
    }

    /// The peer's code: 1005 if its frame had none, 1006 if no frame came (RFC 6455 §7.1.5).
    pub fn remote_code(&self) -> CloseCode {
        self.remote
            .as_ref()
            .map_or(CloseCode::ABNORMAL, |frame| frame.code)
    }

    /// The peer's reason, empty if it gave none (RFC 6455 §7.1.6).
    pub fn remote_reason(&self) -> &str {
        self.remote.as_ref().map_or("", |frame| &frame.reason)
    }

    /// The code that this endpoint sent: 1006 if it sent no close frame.
    pub fn local_code(&self) -> CloseCode {
        self.local
            .as_ref()
            .map_or(CloseCode::ABNORMAL, |frame| frame.code)
    }

    /// The reason that this endpoint sent, empty if it gave none.
    pub fn local_reason(&self) -> &str {
        self.local.as_ref().map_or("", |frame| &frame.reason)
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cause) = &self.cause {
            return write!(f, "{cause}");
        }
        match (self.initiator, &self.local, &self.remote) {
            (Some(Initiator::Remote), _, Some(remote)) => write!(f, "closed by the peer: {remote}"),
            (Some(Initiator::Local), Some(local), _) => write!(f, "closed by this side: {local}"),
            _ => f.write_str("ended without a close frame"),
        }
    }
}

/// What ended a connection other than its closing handshake.
///
/// ```
/// use bowsprit_proto::{Cause, ProtocolError};
///
/// let cause = Cause::Protocol(ProtocolError::MaskRequired);
/// assert_eq!(cause.to_string(), "protocol violation by the peer: client frame is not masked");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The peer broke a rule.
    Protocol(ProtocolError),
    /// The peer was too slow in this stage.
    Timeout(Stage),
    /// The transport reported a fault; the text is its own.
    Transport(Arc<str>),
    /// The transport ended before both close frames had been exchanged.
    Eof,
    /// This side dropped the connection without waiting for the peer.
    Aborted,
    /// A close frame went or came in the middle of a message sent in fragments, which is lost with all that
    /// waited behind it.
    Unfinished,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Our limits, not the peer's fault.
            Self::Protocol(error)
                if matches!(
                    error.close_code(),
                    CloseCode::MESSAGE_TOO_BIG | CloseCode::POLICY_VIOLATION
                ) =>
            {
                write!(f, "{error}")
            }
            Self::Protocol(error) => write!(f, "protocol violation by the peer: {error}"),
            Self::Timeout(stage) => write!(f, "{stage} timed out"),
            Self::Transport(text) => write!(f, "{}", Escaped(text)),
            Self::Eof => f.write_str("connection ended without a complete closing handshake"),
            Self::Aborted => f.write_str("dropped by this side"),
            Self::Unfinished => f.write_str("closed in the middle of a message"),
        }
    }
}

/// Text with its control characters written out.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            // Quotes and backslashes stay; whatever cannot be printed does not.
            match c {
                '\'' | '"' | '\\' => write!(f, "{c}")?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        Ok(())
    }
}
