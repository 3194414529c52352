//! Reads the head of a response as it arrives, from a WebSocket server or from a proxy on the way.

use super::{HandshakeError, ResponseHead, head::LineReader};
use crate::Limits;

/// Takes the head of one response out of the bytes that arrive, within limits.
///
/// Interim responses before it are skipped (RFC 9110 §15.2); they count towards the limits.
///
/// ```
/// use bowsprit_proto::{Config, handshake::ResponseReader};
///
/// let mut reader = ResponseReader::new(&Config::client().limits);
/// assert!(reader.receive(&mut &b"HTTP/1.1 200 Connection est"[..])?.is_none(), "more is needed");
/// let mut input = &b"ablished\r\n\r\nbehind it"[..];
/// assert_eq!(reader.receive(&mut input)?.map(|head| head.status()), Some(200));
/// assert_eq!(input, b"behind it");
/// # Ok::<(), bowsprit_proto::handshake::HandshakeError>(())
/// ```
#[derive(Debug)]
pub struct ResponseReader {
    lines: LineReader,
    head: Option<ResponseHead>,
}

impl ResponseReader {
    /// A reader of one head within `head_line`, `head` and `headers` of these limits.
    pub const fn new(limits: &Limits) -> Self {
        Self {
            lines: LineReader::new(b"HTTP/", limits),
            head: None,
        }
    }

    /// Takes the head from `input` and leaves there what follows it; `None` as long as more is needed.
    ///
    /// Once it has returned the head or an error, it is not to be called again.
    ///
    /// # Errors
    ///
    /// When what comes is not the head of an HTTP response, or goes over a limit.
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<Option<&ResponseHead>, HandshakeError> {
        while let Some(line) = self.lines.next_line(input)? {
            match &mut self.head {
                None => self.head = Some(ResponseHead::from_line(&line)?),
                Some(head) if !line.is_empty() => head.headers.append_line(&line)?,
                Some(head) if is_interim(head.status()) => self.head = None,
                Some(_) => return Ok(self.head.as_ref()),
            }
        }
        Ok(None)
    }

    /// The head as far as it was read, also after an error.
    pub const fn head(&self) -> Option<&ResponseHead> {
        self.head.as_ref()
    }

    /// What went wrong when the transport ends now.
    pub const fn eof(&self) -> HandshakeError {
        HandshakeError::Eof {
            received: self.lines.received(),
        }
    }
}

/// RFC 9110 §15.2: 100 and 103, for example. 101 is the answer that a WebSocket client waits for.
const fn is_interim(status: u16) -> bool {
    matches!(status, 100 | 102..=199)
}
