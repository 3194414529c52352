//! The server's side: the check of the request, and the answer that accepts it (RFC 6455 §4.2).

use alloc::{borrow::ToOwned, collections::BTreeSet, string::String, vec::Vec};

use base64::{
    Engine, alphabet,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    ACCEPT, Agreed, CONNECTION, EXTENSIONS, HOST, HandshakeError, InvalidRequest, KEY, ORIGIN,
    RequestHead, SUBPROTOCOL, SUPPORTED_VERSION, UPGRADE, VERSION, accept_value, extensions,
    head::{LineReader, is_authority},
    headers::{Headers, check_custom, encode_line, is_token},
};
use crate::{Config, Deflate, deflate};

/// The server's side of one opening handshake: checks the request, then writes the answer.
///
/// Whether the target, the origin and the credentials are welcome is for the caller to say, who
/// accepts, or sends a [`Response`](super::Response) and ends the transport. The [module's page](super)
/// has the whole exchange.
///
/// ```
/// use bowsprit_proto::{Config, handshake::{Response, ServerHandshake}};
///
/// let mut server = ServerHandshake::new(&Config::server());
/// assert_eq!(server.receive(&mut &b"POST / HTTP/1.1\r\n"[..]), Ok(false), "more is needed");
/// let error = server.receive(&mut &b"\r\n"[..]).unwrap_err();
/// assert_eq!(Response::for_error(&error).status(), 405);
/// ```
#[derive(Debug)]
pub struct ServerHandshake {
    lines: LineReader,
    deflate: Option<Deflate>,
    request: Option<RequestHead>,
    is_complete: bool,
    outcome: Option<Result<(), HandshakeError>>,
}

impl ServerHandshake {
    /// Waits for a request within the limits of `config`.
    pub const fn new(config: &Config) -> Self {
        Self {
            lines: LineReader::new(b"", &config.limits),
            deflate: config.usable_deflate(),
            request: None,
            is_complete: false,
            outcome: None,
        }
    }

    /// Takes the head of the request from `input` and leaves there what follows it.
    ///
    /// Returns whether the request is complete and valid and waits for an answer. Once the outcome is
    /// known it stays, and nothing more is taken.
    ///
    /// # Errors
    ///
    /// When the request breaks a rule or a limit. [`Response::for_error`](super::Response::for_error) has
    /// the answer, and [`Self::request`] the head as far as it was read.
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<bool, HandshakeError> {
        if self.outcome.is_none() {
            self.outcome = self.read(input).transpose();
        }
        self.outcome
            .clone()
            .transpose()
            .map(|outcome| outcome.is_some())
    }

    /// The head of the request as far as it was read, also after an error.
    pub const fn request(&self) -> Option<&RequestHead> {
        self.request.as_ref()
    }

    /// The request, where it is complete and plain HTTP: it has no body and does not ask for an upgrade
    /// to WebSocket, so that [`Self::receive`] has failed.
    ///
    /// HTTP/1.0 is plain HTTP, too, with or without a `Host` header.
    pub fn plain_request(&self) -> Option<&RequestHead> {
        let head = self.request.as_ref().filter(|_| self.is_complete)?;
        let is_plain = !asks_for_websocket(head) && check_message(head).is_ok();
        is_plain.then_some(head)
    }

    /// What went wrong when the transport ends now.
    pub const fn eof(&self) -> HandshakeError {
        HandshakeError::Eof {
            received: self.lines.received(),
        }
    }

    /// Appends the answer 101 to `out`, after which the connection is open.
    ///
    /// Of the extensions that the client offers, permessage-deflate is agreed to as `config.deflate`
    /// allows; what it does not allow is declined.
    ///
    /// # Errors
    ///
    /// When there is no complete and valid request, or `accept` names a subprotocol that the client
    /// does not offer. Nothing is written then, and another answer can be given.
    pub fn accept(&self, accept: &Accept, out: &mut Vec<u8>) -> Result<Agreed, InvalidRequest> {
        let (Some(Ok(())), Some(request)) = (&self.outcome, &self.request) else {
            return Err(InvalidRequest::NoRequest);
        };
        let key = request.header(KEY).ok_or(InvalidRequest::NoRequest)?;
        if let Some(chosen) = &accept.subprotocol
            && !request.subprotocols().any(|offered| offered == chosen)
        {
            return Err(InvalidRequest::SubprotocolNotOffered(chosen.clone()));
        }
        let deflate = self.deflate.and_then(|settings| {
            let offers = request
                .headers
                .all(EXTENSIONS)
                .filter_map(extensions::parse);
            deflate::answer(&settings, offers.flatten())
        });
        out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
        encode_line(out, UPGRADE, "websocket");
        encode_line(out, CONNECTION, "Upgrade");
        encode_line(out, ACCEPT, &accept_value(key));
        if let Some(chosen) = &accept.subprotocol {
            encode_line(out, SUBPROTOCOL, chosen);
        }
        if let Some((_, answer)) = &deflate {
            encode_line(out, EXTENSIONS, answer);
        }
        accept.headers.encode(out);
        out.extend_from_slice(b"\r\n");
        Ok(Agreed {
            subprotocol: accept.subprotocol.clone(),
            deflate: deflate.map(|(params, _)| params),
        })
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<Option<()>, HandshakeError> {
        loop {
            let Some(line) = self.lines.next_line(input)? else {
                return Ok(None);
            };
            match &mut self.request {
                None => self.request = Some(RequestHead::from_line(&line)?),
                Some(head) if !line.is_empty() => head.headers.append_line(&line)?,
                // Checked only now, so that an answer does not cross with a request still on its way.
                Some(head) => {
                    self.is_complete = true;
                    check_http(head)?;
                    check_upgrade(head)?;
                    check_offers(head)?;
                    return Ok(Some(()));
                }
            }
        }
    }
}

/// The answer of a server that accepts. Every value is checked where it is set.
///
/// ```
/// use bowsprit_proto::handshake::Accept;
///
/// let mut accept = Accept::default();
/// accept.subprotocol("chat.v2")?.header("Server", "demo")?;
/// # Ok::<(), bowsprit_proto::handshake::InvalidRequest>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Accept {
    subprotocol: Option<String>,
    headers: Headers,
}

impl Accept {
    /// Chooses a subprotocol, in place of one chosen before. Default: none.
    ///
    /// # Errors
    ///
    /// When the name is no token. Whether the client offers it shows in [`ServerHandshake::accept`].
    pub fn subprotocol(&mut self, name: &str) -> Result<&mut Self, InvalidRequest> {
        if !is_token(name) {
            return Err(InvalidRequest::Subprotocol(name.to_owned()));
        }
        self.subprotocol = Some(name.to_owned());
        Ok(self)
    }

    /// Adds a header, after those set before. White space around the value is dropped.
    ///
    /// # Errors
    ///
    /// As [`Request::header`](super::Request::header).
    pub fn header(&mut self, name: &str, value: &str) -> Result<&mut Self, InvalidRequest> {
        check_custom(name, value)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// The subprotocol that was chosen.
    pub fn chosen_subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Names and values of the headers that were set, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter()
    }
}

/// What any HTTP request has to have, and RFC 6455 §4.2.1, items 1 and 2.
fn check_http(head: &RequestHead) -> Result<(), HandshakeError> {
    if head.minor_version == 0 {
        return Err(HandshakeError::HttpVersion { major: 1, minor: 0 });
    }
    if head.method() != "GET" {
        return Err(HandshakeError::Method(head.method().to_owned()));
    }
    check_message(head)?;
    // RFC 6454 §7.3: once. Of two, the caller would check one, and a proxy the other.
    head.headers.single(ORIGIN).map(|_| ())
}

/// What has to be right before anybody looks at what is asked for (RFC 9112 §3.2, §6).
fn check_message(head: &RequestHead) -> Result<(), HandshakeError> {
    if !head.has_valid_target() {
        return Err(HandshakeError::Target(head.target().to_owned()));
    }
    // Behind a body, proxies and servers could disagree on where the first frame begins.
    if head.headers.announce_body() {
        return Err(HandshakeError::Body);
    }
    match head.headers.single(HOST)? {
        Some(host) if is_authority(host) && is_authority(head.authority()) => Ok(()),
        None if head.minor_version == 0 => Ok(()),
        None => Err(HandshakeError::Missing(HOST)),
        Some(_) => Err(HandshakeError::InvalidHost),
    }
}

fn asks_for_websocket(head: &RequestHead) -> bool {
    let mut protocols = head.headers.list(UPGRADE);
    protocols.any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// RFC 6455 §4.2.1, items 3 to 6. The version comes first: other versions have other keys.
fn check_upgrade(head: &RequestHead) -> Result<(), HandshakeError> {
    if !asks_for_websocket(head) {
        return Err(HandshakeError::MissingUpgrade);
    }
    if !head
        .headers
        .list(CONNECTION)
        .any(|option| option.eq_ignore_ascii_case("upgrade"))
    {
        return Err(HandshakeError::MissingConnection);
    }
    let version = head
        .headers
        .single(VERSION)?
        .ok_or(HandshakeError::Missing(VERSION))?;
    if version != SUPPORTED_VERSION {
        return Err(HandshakeError::Version(version.to_owned()));
    }
    let key = head
        .headers
        .single(KEY)?
        .ok_or(HandshakeError::Missing(KEY))?;
    match KEY_ENGINE.decode(key) {
        Ok(nonce) if nonce.len() == 16 => Ok(()),
        _ => Err(HandshakeError::InvalidKey(key.to_owned())),
    }
}

/// RFC 6455 §4.2.1, items 8 and 9: the grammar of what is offered.
fn check_offers(head: &RequestHead) -> Result<(), HandshakeError> {
    let mut offered = BTreeSet::new();
    for name in head.subprotocols() {
        if !is_token(name) {
            return Err(HandshakeError::InvalidSubprotocol(name.to_owned()));
        }
        if !offered.insert(name) {
            return Err(HandshakeError::DuplicateSubprotocol(name.to_owned()));
        }
    }
    if offered.is_empty() && head.header(SUBPROTOCOL).is_some() {
        return Err(HandshakeError::InvalidSubprotocol(String::new()));
    }
    match head
        .headers
        .all(EXTENSIONS)
        .find(|value| extensions::parse(value).is_none())
    {
        Some(malformed) => Err(HandshakeError::InvalidExtensions(malformed.to_owned())),
        None => Ok(()),
    }
}

/// RFC 6455 §4.3 lets any base64 character stand before the padding, so its spare bits may be set.
const KEY_ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
