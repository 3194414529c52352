//! The client's side: what it asks for, and the check of the answer (RFC 6455 §4.1).

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, ops::BitAnd};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    ACCEPT, Agreed, CONNECTION, EXTENSIONS, HOST, HandshakeError, InvalidRequest, KEY, ORIGIN,
    ResponseHead, ResponseReader, SUBPROTOCOL, SUPPORTED_VERSION, UPGRADE, VERSION, accept_value,
    extensions,
    headers::{Headers, check_custom, encode_line, is_token},
};
use crate::{Config, Deflate, DeflateParams, Uri, deflate};

/// What a client is about to ask for. Every value is checked where it is set.
///
/// `Debug` leaves out the values of headers that carry credentials.
///
/// ```
/// use bowsprit_proto::{Uri, handshake::Request};
///
/// let mut request = Request::new(Uri::parse("wss://example.com/chat")?);
/// request.subprotocol("chat.v2")?.subprotocol("chat.v1")?;
/// request.header("Authorization", "Bearer secret")?;
/// assert!(request.header("Upgrade", "h2c").is_err());
/// assert!(!format!("{request:?}").contains("secret"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) uri: Uri,
    pub(super) subprotocols: Vec<String>,
    pub(super) headers: Headers,
}

impl Request {
    /// A request for this URI, without subprotocols and further headers.
    pub fn new(uri: Uri) -> Self {
        Self {
            uri,
            subprotocols: Vec::new(),
            headers: Headers::default(),
        }
    }

    /// Adds a header, after those set before.
    ///
    /// `Origin`, `User-Agent`, `Referer` and the two kinds of `Authorization` stand once in a request:
    /// setting them again replaces the value. White space around the value is dropped.
    ///
    /// # Errors
    ///
    /// When the name is no token, the value contains a control character, or the handshake writes this
    /// header itself: `Host`, `Upgrade`, `Connection`, all that begin with `Sec-WebSocket-`, and those
    /// that frame a body or speak to the next proxy.
    pub fn header(&mut self, name: &str, value: &str) -> Result<&mut Self, InvalidRequest> {
        const SINGLE: [&str; 5] = [
            ORIGIN,
            "User-Agent",
            "Referer",
            "Authorization",
            "Proxy-Authorization",
        ];
        check_custom(name, value)?;
        if SINGLE
            .iter()
            .any(|single| name.eq_ignore_ascii_case(single))
        {
            self.headers.replace(name, value);
        } else {
            self.headers.append(name, value);
        }
        Ok(self)
    }

    /// Takes a header back, all lines of it.
    pub fn remove_header(&mut self, name: &str) -> &mut Self {
        self.headers = self
            .headers
            .filtered(|other| !other.eq_ignore_ascii_case(name));
        self
    }

    /// Offers a subprotocol, less preferred than those offered before (RFC 6455 §4.1, item 10).
    ///
    /// # Errors
    ///
    /// When the name is no token, or is offered already.
    pub fn subprotocol(&mut self, name: &str) -> Result<&mut Self, InvalidRequest> {
        if !is_token(name) {
            return Err(InvalidRequest::Subprotocol(name.to_owned()));
        }
        if self.subprotocols.iter().any(|offered| offered == name) {
            return Err(InvalidRequest::DuplicateSubprotocol(name.to_owned()));
        }
        self.subprotocols.push(name.to_owned());
        Ok(self)
    }

    /// The URI to connect to.
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The offered subprotocols, the most preferred first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.subprotocols.iter().map(String::as_str)
    }

    /// Names and values of the headers that were set, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter()
    }

    /// The whole head, with this key.
    fn encode(&self, key: &str, deflate: Option<&Deflate>) -> Vec<u8> {
        let mut out = format!("GET {} HTTP/1.1\r\n", self.uri.target()).into_bytes();
        encode_line(&mut out, HOST, &self.uri.authority());
        encode_line(&mut out, UPGRADE, "websocket");
        encode_line(&mut out, CONNECTION, "Upgrade");
        encode_line(&mut out, KEY, key);
        encode_line(&mut out, VERSION, SUPPORTED_VERSION);
        if !self.subprotocols.is_empty() {
            encode_line(&mut out, SUBPROTOCOL, &self.subprotocols.join(", "));
        }
        if let Some(settings) = deflate {
            encode_line(&mut out, EXTENSIONS, &deflate::offer(settings));
        }
        self.headers.encode(&mut out);
        out.extend_from_slice(b"\r\n");
        out
    }
}

/// The client's side of one opening handshake: writes the request, then checks the response.
///
/// The [module's page](super) has the whole exchange.
///
/// ```
/// use bowsprit_proto::{Config, Uri};
/// use bowsprit_proto::handshake::{ClientHandshake, Request};
///
/// let request = Request::new(Uri::parse("ws://localhost:9002/chat")?);
/// let mut client = ClientHandshake::new(&request, [7; 16], &Config::client());
/// assert!(client.request_bytes().starts_with(b"GET /chat HTTP/1.1\r\nHost: localhost:9002\r\n"));
/// assert_eq!(client.receive(&mut &b"HTTP/1.1 101 "[..]), Ok(None), "more is needed");
/// # Ok::<(), bowsprit_proto::InvalidUri>(())
/// ```
pub struct ClientHandshake {
    request: Vec<u8>,
    subprotocols: Vec<String>,
    expected_accept: String,
    deflate: Option<Deflate>,
    response: ResponseReader,
    outcome: Option<Result<Agreed, HandshakeError>>,
}

impl ClientHandshake {
    /// Begins a handshake that asks for what `request` and `config` say.
    ///
    /// The nonce must be random, fresh for each connection (RFC 6455 §4.1, item 7): it is what keeps a
    /// cache from answering in the server's place.
    pub fn new(request: &Request, nonce: [u8; 16], config: &Config) -> Self {
        let key = BASE64_STANDARD.encode(nonce);
        let deflate = config.usable_deflate();
        Self {
            request: request.encode(&key, deflate.as_ref()),
            subprotocols: request.subprotocols.clone(),
            expected_accept: accept_value(&key),
            deflate,
            response: ResponseReader::new(&config.limits),
            outcome: None,
        }
    }

    /// Takes the head of the response from `input` and leaves there what follows it.
    ///
    /// Returns `None` as long as more is needed. Once the outcome is known it stays, and nothing more is
    /// taken. Interim responses before the last one are skipped (RFC 9110 §15.2).
    ///
    /// # Errors
    ///
    /// When the server refuses, or its answer breaks a rule or a limit. [`Self::response`] then has the
    /// head as far as it was read; after [`HandshakeError::Status`], what follows in `input` is the body.
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<Option<Agreed>, HandshakeError> {
        if self.outcome.is_none() {
            self.outcome = self.read(input).transpose();
        }
        self.outcome.clone().transpose()
    }

    /// The head of the request, to be sent as it is.
    pub fn request_bytes(&self) -> &[u8] {
        &self.request
    }

    /// The head of the response as far as it was read, also after an error.
    pub const fn response(&self) -> Option<&ResponseHead> {
        self.response.head()
    }

    /// What went wrong when the transport ends now.
    pub const fn eof(&self) -> HandshakeError {
        self.response.eof()
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<Option<Agreed>, HandshakeError> {
        let Some(head) = self.response.receive(input)? else {
            return Ok(None);
        };
        check_upgrade(head)?;
        check_accept(head, &self.expected_accept)?;
        Ok(Some(Agreed {
            subprotocol: check_subprotocol(head, &self.subprotocols)?,
            deflate: check_extensions(head, self.deflate.as_ref())?,
        }))
    }
}

/// Leaves out the request, which may carry credentials.
impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake")
            .field("response", &self.response())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// RFC 6455 §4.1, what a client does with the response, items 1 to 3.
fn check_upgrade(head: &ResponseHead) -> Result<(), HandshakeError> {
    if head.status() != 101 {
        return Err(HandshakeError::Status(head.status()));
    }
    if head.minor_version == 0 {
        return Err(HandshakeError::HttpVersion { major: 1, minor: 0 });
    }
    if head.headers.announce_body() {
        return Err(HandshakeError::Body);
    }
    // A switch to anything besides WebSocket would change what the bytes mean that follow.
    let is_websocket = |protocol: &str| protocol.eq_ignore_ascii_case("websocket");
    if head
        .headers
        .list(UPGRADE)
        .map(is_websocket)
        .reduce(bool::bitand)
        != Some(true)
    {
        return Err(HandshakeError::MissingUpgrade);
    }
    if !head
        .headers
        .list(CONNECTION)
        .any(|option| option.eq_ignore_ascii_case("upgrade"))
    {
        return Err(HandshakeError::MissingConnection);
    }
    Ok(())
}

/// RFC 6455 §4.1, item 4.
fn check_accept(head: &ResponseHead, expected: &str) -> Result<(), HandshakeError> {
    let received = head
        .headers
        .single(ACCEPT)?
        .ok_or(HandshakeError::Missing(ACCEPT))?;
    if received != expected {
        let (expected, received) = (expected.to_owned(), received.to_owned());
        return Err(HandshakeError::AcceptMismatch { expected, received });
    }
    Ok(())
}

/// RFC 6455 §4.1, item 5: a server may choose only what was offered.
fn check_extensions(
    head: &ResponseHead,
    offered: Option<&Deflate>,
) -> Result<Option<DeflateParams>, HandshakeError> {
    let mut agreed = None;
    for value in head.headers.all(EXTENSIONS) {
        let Some(extensions) = extensions::parse(value) else {
            return Err(HandshakeError::InvalidExtensions(value.to_owned()));
        };
        for extension in extensions {
            let Some(settings) = offered.filter(|_| extension.name == deflate::NAME) else {
                let name = extension.name.to_owned();
                return Err(HandshakeError::UnrequestedExtension(name));
            };
            let params = deflate::accept(settings, &extension);
            if params.is_none() || agreed.is_some() {
                return Err(HandshakeError::UnacceptableExtension(value.to_owned()));
            }
            agreed = params;
        }
    }
    Ok(agreed)
}

/// RFC 6455 §4.1, item 6.
fn check_subprotocol(
    head: &ResponseHead,
    offered: &[String],
) -> Result<Option<String>, HandshakeError> {
    match head.headers.single(SUBPROTOCOL)? {
        Some(chosen) if !offered.iter().any(|name| name == chosen) => {
            Err(HandshakeError::UnrequestedSubprotocol(chosen.to_owned()))
        }
        chosen => Ok(chosen.map(ToString::to_string)),
    }
}
