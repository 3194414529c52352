//! permessage-deflate (RFC 7692): messages compressed on the wire.
//!
//! ```text
//!   negotiation       what is offered and agreed to         handshake  <-> Deflate, DeflateParams
//!   codec::compress   payloads to DEFLATE blocks            connection::outgoing
//!   codec::inflate    blocks to payloads, within limits     connection::pieces
//!   codec::frames     a prepared message, compressed once   connection::outgoing
//!   codec::pool       compressors and inflaters of the thread, which its connections share
//!   counts            how much went compressed                connection
//! ```

#[cfg(feature = "std")]
mod codec;
#[cfg(not(feature = "std"))]
#[path = "without_codec.rs"]
mod codec;
mod counts;
mod negotiation;

pub(crate) use codec::{CompressedFrames, Compressor, Inflater};
pub use counts::{Compressed, Compression};
pub(crate) use negotiation::{NAME, accept, answer, offer};

/// RFC 7692 knows a window of 256 bytes. Compressors of zlib's kind cannot keep to it, so nobody is
/// promised one; what was compressed with it is inflated like everything else.
const TOO_SMALL_TO_COMPRESS: u8 = 8;

/// What to ask for and to agree to of permessage-deflate.
///
/// Compression trades CPU time for bytes on the wire: a compressed message costs many
/// times what a plain one does. What an endpoint pays in memory depends on context takeover, which lets
/// a message refer to those before it: small messages that resemble each other then shrink to a tenth,
/// but each connection needs a compressor of its own.
///
/// | bytes that a connection holds | idle | after a message sent | after many received |
/// |---|---|---|---|
/// | no compression | 0 | 0 | 0 |
/// | [`shared`](Self::shared) | 112 | 112 | 112 |
/// | [`dedicated`](Self::dedicated), 12 bits | 112 | 165 KB more, until it is quiet | 4 KiB more |
/// | the same with 9 bits | 112 | 151 KB more | 512 more |
/// | the same with 15 bits | 112 | 280 KB more | 32 KiB more |
///
/// A level over 2 makes a compressor 115 KB larger. Quiet is when a keepalive ping leaves: the next message
/// then starts a new context. Without keepalive a compressor stays to the end. Besides, each thread keeps up to four compressors, one inflater (48 KB) and
/// 16 KiB for what comes out of them; a connection borrows them inside a message.
///
/// Do not compress secrets together with text that somebody else chose: the length tells how alike they
/// are (the attacks CRIME and BREACH).
///
/// ```
/// use bowsprit_proto::{Config, Deflate};
///
/// let mut config = Config::server();
/// config.deflate = Some(Deflate::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deflate {
    /// Whether the server's messages may refer to earlier ones (RFC 7692 §7.1.1.1).
    pub server_context_takeover: bool,
    /// Whether the client's messages may refer to earlier ones (§7.1.1.2).
    pub client_context_takeover: bool,
    /// How far back the server's messages may refer, as a power of two from 9 to 15 (§7.1.2.1).
    pub server_max_window_bits: u8,
    /// How far back the client's messages may refer, as a power of two from 9 to 15 (§7.1.2.2).
    pub client_max_window_bits: u8,
    /// How hard to try, from 1 (fast) to 9 (small). Default: 2, which makes as few bytes as zlib does at
    /// that level. Level 1 takes a third of the time for a quarter more, level 6 saves little more.
    pub level: u8,
    /// Messages of fewer bytes are sent uncompressed. Default: 64.
    pub threshold: usize,
    /// In a client: whether to take a server that compresses but will not bound its window or do
    /// without context takeover, as a second choice. Default: true.
    ///
    /// What it sends may then make the connection hold 32 KiB.
    pub fallback: bool,
}

impl Deflate {
    /// No context takeover: connections share the compressors of their thread and hold nothing of their
    /// own between two messages. This is the default.
    pub const fn shared() -> Self {
        Self {
            server_context_takeover: false,
            client_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
            level: 2,
            threshold: 64,
            fallback: true,
        }
    }

    /// Context takeover both ways over a window of 4 KiB: for few connections, or messages that are small
    /// and alike.
    pub const fn dedicated() -> Self {
        Self {
            server_context_takeover: true,
            client_context_takeover: true,
            server_max_window_bits: 12,
            client_max_window_bits: 12,
            ..Self::shared()
        }
    }

    /// The settings with every number in its range.
    const fn clamped(self) -> Self {
        const fn clamp(value: u8, low: u8, high: u8) -> u8 {
            if value < low {
                low
            } else if value > high {
                high
            } else {
                value
            }
        }
        Self {
            server_max_window_bits: clamp(self.server_max_window_bits, 9, 15),
            client_max_window_bits: clamp(self.client_max_window_bits, 9, 15),
            level: clamp(self.level, 1, 9),
            ..self
        }
    }
}

impl Default for Deflate {
    fn default() -> Self {
        Self::shared()
    }
}

/// What both sides agreed on for permessage-deflate (RFC 7692 §7.1).
///
/// ```
/// use bowsprit_proto::{Config, Deflate, Uri};
/// use bowsprit_proto::handshake::{Accept, ClientHandshake, Request, ServerHandshake};
///
/// let mut config = Config::client();
/// config.deflate = Some(Deflate::dedicated());
/// let request = Request::new(Uri::parse("ws://localhost/")?);
/// let mut client = ClientHandshake::new(&request, [7; 16], &config);
/// let mut server = ServerHandshake::new(&config);
/// server.receive(&mut client.request_bytes())?;
/// let mut answer = Vec::new();
/// server.accept(&Accept::default(), &mut answer)?;
/// let params = client.receive(&mut &answer[..])?.and_then(|agreed| agreed.deflate).expect("agreed");
/// assert_eq!(params.server_max_window_bits, 12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateParams {
    /// No message of the server refers to an earlier one.
    pub server_no_context_takeover: bool,
    /// No message of the client refers to an earlier one.
    pub client_no_context_takeover: bool,
    /// How far back the server's messages refer, as a power of two.
    pub server_max_window_bits: u8,
    /// How far back the client's messages refer, as a power of two.
    pub client_max_window_bits: u8,
}
