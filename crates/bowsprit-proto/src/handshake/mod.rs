//! The opening handshake (RFC 6455 §4): an HTTP/1.1 upgrade, for both roles.
//!
//! ```text
//!   client                                                     server
//!   Request --> ClientHandshake::request_bytes --------------> ServerHandshake::receive
//!               ClientHandshake::receive <-------------------- accept, or a Response
//! ```
//!
//! Both sides read a head as it arrives, within [`Limits`](crate::Limits), and leave what follows it
//! to the caller: a frame may come in the same read.
//!
//! ```
//! use bowsprit_proto::{Config, Uri};
//! use bowsprit_proto::handshake::{Accept, ClientHandshake, Request, ServerHandshake};
//!
//! let mut request = Request::new(Uri::parse("ws://localhost:9002/chat")?);
//! request.subprotocol("chat.v2")?.header("Origin", "http://localhost")?;
//! // The nonce has to be random; only a test may choose it.
//! let mut client = ClientHandshake::new(&request, [7; 16], &Config::client());
//!
//! let mut server = ServerHandshake::new(&Config::server());
//! assert!(server.receive(&mut client.request_bytes())?);
//! let mut accept = Accept::default();
//! accept.subprotocol("chat.v2")?;
//! let mut answer = Vec::new();
//! server.accept(&accept, &mut answer)?;
//!
//! let agreed = client.receive(&mut &answer[..])?.expect("the answer is complete");
//! assert_eq!(agreed.subprotocol.as_deref(), Some("chat.v2"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod credentials;
mod error;
pub(crate) mod extensions;
mod head;
mod headers;
mod reader;
mod redirect;
mod response;
mod secrets;
mod server;

use alloc::string::String;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};

use crate::DeflateParams;

pub use client::{ClientHandshake, Request};
pub use credentials::basic_credentials;
pub use error::{HandshakeError, InvalidRequest, Quoted};
pub use head::{RequestHead, ResponseHead};
pub use headers::Headers;
pub use reader::ResponseReader;
pub use redirect::InvalidRedirect;
pub use response::Response;
pub use secrets::{is_secret_header, masked_line};
pub use server::{Accept, ServerHandshake};

/// What both sides agreed on for the connection.
///
/// ```
/// use bowsprit_proto::handshake::Agreed;
///
/// assert_eq!(Agreed::default().subprotocol, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The subprotocol that the server chose from the client's offers (RFC 6455 §1.9).
    pub subprotocol: Option<String>,
    /// How messages are compressed; `None` where they are not (RFC 7692).
    pub deflate: Option<DeflateParams>,
}

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (RFC 6455 §4.2.2, step 5.4).
///
/// ```
/// use bowsprit_proto::handshake::accept_value;
///
/// assert_eq!(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_value(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    BASE64_STANDARD.encode(digest)
}

/// RFC 6455 §1.3: known to WebSocket endpoints only, so nothing else answers with the right value.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// RFC 6455 §4.1, item 9: the version of the protocol.
const SUPPORTED_VERSION: &str = "13";

const HOST: &str = "Host";
const ORIGIN: &str = "Origin";
const UPGRADE: &str = "Upgrade";
const CONNECTION: &str = "Connection";
const KEY: &str = "Sec-WebSocket-Key";
const VERSION: &str = "Sec-WebSocket-Version";
const ACCEPT: &str = "Sec-WebSocket-Accept";
const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";
