//! Requests and responses as the types of the crate `http`, which hyper, axum and others speak.

use std::str;

use bowsprit_proto::{
    Uri,
    handshake::{self, Response, ResponseHead},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

use crate::{Client, ConnectError, ConnectRequest, ConnectionInfo, HttpRequest, InvalidRequest};

/// [`Response`] from and to the type of the crate `http`.
///
/// ```
/// use bowsprit::{Response, ResponseExt, http};
///
/// let mut answer = http::Response::new("who are you?\n");
/// *answer.status_mut() = http::StatusCode::UNAUTHORIZED;
/// let answer = Response::from_http(answer)?;
/// assert_eq!(answer.status(), 401);
/// assert_eq!(answer.to_http().headers()["connection"], "close");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ResponseExt: Sized {
    /// The response as it would be sent, `Connection: close` and `Content-Length` included.
    fn to_http(&self) -> http::Response<Bytes>;

    /// Takes status, headers and body over. `Connection`, `Content-Length`, `Transfer-Encoding` and
    /// `Trailer` are left out: they are about one connection, and a response writes its own.
    ///
    /// # Errors
    ///
    /// When the status is not from 200 to 599, or a header's value is not UTF-8.
    fn from_http(
        response: http::Response<impl AsRef<[u8]>>,
    ) -> Result<Self, handshake::InvalidRequest>;
}

impl ResponseExt for Response {
    fn to_http(&self) -> http::Response<Bytes> {
        let (mut head, mut whole) = (Vec::new(), Vec::new());
        self.encode_head(&mut head);
        self.encode(&mut whole);
        let body = Bytes::from(whole).slice(head.len()..);
        response(self.status(), headers_of(&head), body)
    }

    fn from_http(
        response: http::Response<impl AsRef<[u8]>>,
    ) -> Result<Self, handshake::InvalidRequest> {
        const OF_THE_CONNECTION: [HeaderName; 4] = [
            header::CONNECTION,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::TRAILER,
        ];
        let mut taken = Self::new(response.status().as_u16())?;
        for (name, value) in response.headers() {
            if !OF_THE_CONNECTION.contains(name) {
                taken.header(name.as_str(), text_of(name, value)?)?;
            }
        }
        taken.body(response.body().as_ref());
        Ok(taken)
    }
}

impl HttpRequest {
    /// The request as the type of the crate `http`, for code that is shared with other servers.
    ///
    /// The address of the client and what TLS settled are left out, and the version is always 1.1.
    ///
    /// # Errors
    ///
    /// When the target has characters that only `http` refuses, such as `<`.
    pub fn to_http(&self) -> Result<http::Request<()>, http::Error> {
        let mut request = http::Request::builder()
            .method(self.method())
            .uri(self.target())
            .body(())?;
        *request.headers_mut() = header_map(self.headers());
        Ok(request)
    }
}

impl ConnectionInfo {
    /// The headers that the peer sent, as the type of the crate `http`; see [`headers`](Self::headers).
    pub fn header_map(&self) -> HeaderMap {
        header_map(self.headers())
    }
}

impl ConnectError {
    /// The server's response, where one came, with as much of its body as was kept.
    pub fn to_http(&self) -> Option<http::Response<Bytes>> {
        let Self::Handshake { response, body, .. } = self else {
            return None;
        };
        let head: &ResponseHead = response.as_deref()?;
        let body = Bytes::copy_from_slice(body);
        Some(self::response(
            head.status(),
            header_map(head.headers()),
            body,
        ))
    }
}

impl Client {
    /// Makes a request of one of the crate `http`: its URI, its headers, and the subprotocols that its
    /// `Sec-WebSocket-Protocol` offers. `http:` and `https:` stand for `ws:` and `wss:`.
    ///
    /// ```
    /// use bowsprit::{Client, http};
    ///
    /// let wanted = http::Request::get("https://example.com/feed")
    ///     .header("authorization", "Bearer token")
    ///     .header("sec-websocket-protocol", "feed.v2, feed.v1")
    ///     .body(())?;
    /// let request = Client::new().request_from(&wanted)?;
    /// # let _ = request;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the URI is not absolute or no WebSocket's, the method is not `GET`, or a header is one that
    /// the handshake writes itself, as `Sec-WebSocket-Key` or `Host`.
    pub fn request_from<B>(
        &self,
        wanted: &http::Request<B>,
    ) -> Result<ConnectRequest, InvalidRequest> {
        if wanted.method() != Method::GET {
            return Err(InvalidRequest::Method(wanted.method().to_string()));
        }
        let uri = wanted.uri().to_string();
        let uri = match wanted.uri().scheme_str() {
            Some("http") => uri.replacen("http", "ws", 1),
            Some("https") => uri.replacen("https", "wss", 1),
            _ => uri,
        };
        let mut request = self.request(&uri)?;
        for (name, value) in wanted.headers() {
            let value = text_of(name, value)?;
            if name == header::SEC_WEBSOCKET_PROTOCOL {
                for offered in value.split(',') {
                    request = request.subprotocol(offered.trim_matches([' ', '\t']))?;
                }
            } else {
                request = request.header(name.as_str(), value)?;
            }
        }
        Ok(request)
    }
}

/// A request that a client's handshake wrote.
pub(crate) fn request_of(head: &[u8], uri: &Uri) -> Result<http::Request<()>, http::Error> {
    let mut request = http::Request::get(uri.target()).body(())?;
    *request.headers_mut() = headers_of(head);
    Ok(request)
}

/// The answer 101 that a server's handshake wrote.
pub(crate) fn switching(head: &[u8]) -> http::Response<()> {
    response(101, headers_of(head), ())
}

/// The head of a request that somebody else has read, as it came over the wire or would have: the
/// handshake judges it by the same rules as any other.
pub(crate) fn encode_request<B>(request: &http::Request<B>) -> Vec<u8> {
    let version = version_of(request.version());
    let line = format!("{} {} {version}\r\n", request.method(), request.uri());
    encode_head(line, request.headers())
}

/// As [`encode_request`], of a response.
pub(crate) fn encode_response<B>(response: &http::Response<B>) -> Vec<u8> {
    let version = version_of(response.version());
    let line = format!("{version} {} \r\n", response.status().as_str());
    encode_head(line, response.headers())
}

/// No value of these types can hold a line's end.
fn encode_head(line: String, headers: &HeaderMap) -> Vec<u8> {
    let mut head = line.into_bytes();
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// As RFC 9112 §2.3 writes them, so that the handshake knows what it refuses.
const fn version_of(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// The status is of the range that `http` knows, too.
fn response<B>(status: u16, headers: HeaderMap, body: B) -> http::Response<B> {
    let mut response = http::Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    *response.headers_mut() = headers;
    response
}

/// The header lines behind the first line of a head.
fn headers_of(head: &[u8]) -> HeaderMap {
    let head = str::from_utf8(head).unwrap_or_default();
    header_map(
        head.split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(": ")),
    )
}

/// What was checked when it was set or received is valid for `http`, too.
fn header_map<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            // Refused beyond 32,768 lines.
            let _ = map.try_append(name, value);
        }
    }
    map
}

fn text_of<'v>(
    name: &HeaderName,
    value: &'v HeaderValue,
) -> Result<&'v str, handshake::InvalidRequest> {
    str::from_utf8(value.as_bytes()).map_err(|_| {
        let name = name.as_str().to_owned();
        let forbidden = char::REPLACEMENT_CHARACTER;
        handshake::InvalidRequest::HeaderValue { name, forbidden }
    })
}
