//! Why a connection could not be made, and why one that was open stopped working.

use std::{error::Error as StdError, fmt, io, time::Duration};

use bowsprit_proto::{
    Cause, CloseError, InvalidUri, ProtocolError, SendError, Stage,
    handshake::{self, HandshakeError, InvalidRedirect, Quoted, ResponseHead},
};

use crate::{DialError, ProxyError, TlsError, TlsErrorKind, dial::io_words};

/// Why a client's connection never opened.
///
/// ```no_run
/// # async fn f() {
/// use bowsprit::ConnectError;
///
/// match bowsprit::connect("ws://localhost:9002").await {
///     Ok(_) => println!("open"),
///     Err(ConnectError::Timeout(stage)) => println!("gave up in the {stage}"),
///     Err(error) => match error.response() {
///         Some(head) => println!("{error}; the server is {:?}", head.header("server")),
///         None => println!("{error}"),
///     },
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// Found before anything was dialled.
    Request(InvalidRequest),
    /// The name was not found, or no address answered, or nobody at a Unix socket.
    Dial(DialError),
    /// The proxy gave no tunnel, or was not reached itself.
    Proxy(ProxyError),
    /// TLS failed: the certificate, or the handshake itself.
    Tls(TlsError),
    /// The transport failed during the opening handshake.
    Io(io::Error),
    /// The opening handshake failed: the server refused, or broke a rule.
    Handshake {
        /// Which rule, or which refusal.
        error: HandshakeError,
        /// The head of the response as far as it came.
        response: Option<Box<ResponseHead>>,
        /// What came of the body of a refusal along with its head, up to `limits.http_body`.
        body: Vec<u8>,
    },
    /// A redirection was to be followed and cannot be.
    Redirect(InvalidRedirect),
    /// There were more redirections in a row than are followed.
    TooManyRedirects {
        /// How many are followed.
        limit: u8,
    },
    /// `timeouts.open` was over in this stage.
    Timeout(Stage),
    /// The attempt was given up: its handle was terminated, or its client shut down.
    Canceled,
}

impl ConnectError {
    /// Whether another try may end better: the network failed, a wait was too long, or the server answered
    /// 408, 425, 429, 500, 502, 503 or 504. A name that does not exist, a certificate that is not trusted
    /// and a refusal will be the same the next time.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Dial(error) => error.is_retryable(),
            Self::Tls(error) => matches!(
                error.kind(),
                TlsErrorKind::Io | TlsErrorKind::Reset | TlsErrorKind::UnexpectedEnd
            ),
            Self::Io(_) | Self::Timeout(_) => true,
            Self::Proxy(error) => error.kind().is_retryable(),
            Self::Handshake { error, .. } => match error {
                HandshakeError::Status(status) => is_passing(*status),
                HandshakeError::Eof { .. } => true,
                _ => false,
            },
            _ => false,
        }
    }

    /// How long the server asks to wait before the next try: the seconds of a `Retry-After` (RFC 9110
    /// §10.2.3). A date there is not looked at.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.response()?.header("retry-after")?;
        seconds.parse().ok().map(Duration::from_secs)
    }

    /// The head of the server's response, where one came.
    pub fn response(&self) -> Option<&ResponseHead> {
        match self {
            Self::Handshake { response, .. } => response.as_deref(),
            _ => None,
        }
    }
}

/// Statuses that say "not now" rather than "no" (RFC 9110 §15.5 and §15.6).
pub(crate) const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504)
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => write!(f, "{error}"),
            Self::Dial(error) => write!(f, "{error}"),
            Self::Proxy(error) => write!(f, "{error}"),
            Self::Tls(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "{} during the opening handshake", io_words(error)),
            Self::Handshake {
                error: HandshakeError::Status(status),
                response,
                ..
            } => {
                write!(f, "server answered with HTTP {status}")?;
                match response.as_deref().map(ResponseHead::reason) {
                    Some(reason) if !reason.is_empty() => write!(f, " {}", reason.escape_debug()),
                    _ => Ok(()),
                }
            }
            Self::Handshake { error, .. } => write!(f, "{error}"),
            Self::Redirect(error) => write!(f, "{error}"),
            Self::TooManyRedirects { limit } => {
                write!(f, "redirected more than {limit} times in a row")
            }
            Self::Timeout(stage) => write!(f, "{stage} timed out"),
            Self::Canceled => f.write_str("attempt was given up"),
        }
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Request(error) => Some(error),
            Self::Dial(error) => Some(error),
            Self::Proxy(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Handshake { error, .. } => Some(error),
            Self::Redirect(error) => Some(error),
            Self::TooManyRedirects { .. } | Self::Timeout(_) | Self::Canceled => None,
        }
    }
}

impl From<InvalidRequest> for ConnectError {
    fn from(error: InvalidRequest) -> Self {
        Self::Request(error)
    }
}

impl From<DialError> for ConnectError {
    fn from(error: DialError) -> Self {
        Self::Dial(error)
    }
}

impl From<ProxyError> for ConnectError {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
}

impl From<TlsError> for ConnectError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<io::Error> for ConnectError {
    /// What rustls finds when the opening handshake is read belongs to TLS.
    fn from(error: io::Error) -> Self {
        TlsError::after_handshake(error).map_or_else(Self::Io, Self::Tls)
    }
}

/// What is wrong with a setting of a request or an answer, found when it is set.
///
/// ```
/// use bowsprit::{Client, InvalidRequest};
///
/// let error = Client::new().request("not a websocket uri").unwrap_err();
/// assert!(matches!(error, InvalidRequest::Uri(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The URI is not one of RFC 6455 §3.
    Uri(InvalidUri),
    /// A header or subprotocol that may not be sent.
    Header(handshake::InvalidRequest),
    /// What a server was told to let in is not an origin (RFC 6454 §6.2).
    Origin(String),
    /// A WebSocket is asked for with `GET` and no other method (RFC 6455 §4.1, item 2).
    Method(String),
    /// The path and query are not what the crate `http` takes; a connection of our own may ask for them.
    Target(String),
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => write!(f, "{error}"),
            Self::Header(error) => write!(f, "{error}"),
            Self::Origin(text) => write!(
                f,
                "{text:?} is not an origin such as \"https://example.com\" or \"https://*.example.com\""
            ),
            Self::Method(method) => write!(f, "method is {method:?}, expected GET"),
            Self::Target(target) => write!(f, "target {target:?} is none of the crate http's"),
        }
    }
}

impl StdError for InvalidRequest {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Uri(error) => Some(error),
            Self::Header(error) => Some(error),
            Self::Origin(_) | Self::Method(_) | Self::Target(_) => None,
        }
    }
}

impl From<InvalidUri> for InvalidRequest {
    fn from(error: InvalidUri) -> Self {
        Self::Uri(error)
    }
}

impl From<handshake::InvalidRequest> for InvalidRequest {
    fn from(error: handshake::InvalidRequest) -> Self {
        Self::Header(error)
    }
}

/// Why a server's connection never opened.
///
/// ```
/// use bowsprit::{AcceptError, Stage};
///
/// assert_eq!(AcceptError::Timeout(Stage::Open).to_string(), "opening handshake timed out");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The transport failed.
    Io(io::Error),
    /// TLS failed.
    Tls(TlsError),
    /// The request broke a rule; it was answered with the status that says so.
    Handshake(HandshakeError),
    /// The request came from another site; it was answered with 403 (RFC 6455 §10.2).
    Origin(String),
    /// `timeouts.open` was over in this stage. A client that had sent its request was answered with 503,
    /// else with 408.
    Timeout(Stage),
    /// `validate` refused, with this status.
    Rejected(u16),
    /// `validate` chose what cannot be answered; the client was told 500 and nothing else.
    Answer(handshake::InvalidRequest),
    /// A request of plain HTTP, which the hook for those answered with this status.
    PlainHttp(u16),
    /// `validate` or `http` panicked; the client got a 500.
    HookPanicked,
    /// `max_connections` are open; answered with 503.
    TooManyConnections,
    /// `max_per_address` are open from this client's address; answered with 429.
    TooManyFromAddress,
    /// `max_handshakes` others have begun since; answered with 503 where there was room for it.
    TooManyHandshakes,
    /// The server shuts down; answered with 503.
    ShuttingDown,
    /// The client offers none of the subprotocols of a server that requires one; answered with 400.
    Subprotocol,
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{} during the opening handshake", io_words(error)),
            Self::Tls(error) => write!(f, "{error}"),
            Self::Handshake(error) => write!(f, "{error}"),
            Self::Origin(origin) => {
                write!(f, "origin {} is not this server's own", Quoted(origin))
            }
            Self::Timeout(stage) => write!(f, "{stage} timed out"),
            Self::Rejected(status) => write!(f, "refused with HTTP {status}"),
            Self::Answer(error) => write!(f, "cannot answer as told: {error}"),
            Self::PlainHttp(status) => write!(f, "plain HTTP, answered with {status}"),
            Self::HookPanicked => f.write_str("the decision about the request panicked"),
            Self::TooManyConnections => f.write_str("too many connections"),
            Self::TooManyFromAddress => f.write_str("too many connections from this address"),
            Self::TooManyHandshakes => f.write_str("too many handshakes in progress"),
            Self::ShuttingDown => f.write_str("server is shutting down"),
            Self::Subprotocol => f.write_str("client offers none of this server's subprotocols"),
        }
    }
}

impl StdError for AcceptError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Answer(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Why an open connection stopped working. The details are in `WebSocket::close_info`.
///
/// ```
/// use bowsprit::{Error, SendError};
///
/// assert_eq!(Error::from(SendError::Closed).to_string(), "connection is closed");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// What ended the connection.
    Ended(Cause),
    /// The message was not queued.
    Send(SendError),
    /// The closing handshake was not started.
    Close(CloseError),
}

impl Error {
    /// The rule that the peer broke, if that is what happened.
    pub const fn protocol_error(&self) -> Option<ProtocolError> {
        match self {
            Self::Ended(Cause::Protocol(error)) => Some(*error),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(cause) => write!(f, "{cause}"),
            Self::Send(error) => write!(f, "{error}"),
            Self::Close(error) => write!(f, "{error}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Ended(Cause::Protocol(error)) => Some(error),
            Self::Ended(_) => None,
            Self::Send(error) => Some(error),
            Self::Close(error) => Some(error),
        }
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<CloseError> for Error {
    fn from(error: CloseError) -> Self {
        Self::Close(error)
    }
}

/// For `tokio_util` and other code that moves bytes.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Ended(Cause::Protocol(_)) => io::ErrorKind::InvalidData,
            Error::Ended(Cause::Timeout(_)) => io::ErrorKind::TimedOut,
            Error::Ended(Cause::Eof) => io::ErrorKind::UnexpectedEof,
            Error::Ended(Cause::Transport(_)) => io::ErrorKind::ConnectionReset,
            Error::Ended(_) => io::ErrorKind::ConnectionAborted,
            Error::Send(SendError::NotOpen) | Error::Close(CloseError::NotOpen) => {
                io::ErrorKind::NotConnected
            }
            Error::Send(SendError::Closing | SendError::Closed)
            | Error::Close(CloseError::Closing | CloseError::Closed) => io::ErrorKind::BrokenPipe,
            Error::Send(SendError::Full) => io::ErrorKind::WouldBlock,
            Error::Send(_) | Error::Close(_) => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
