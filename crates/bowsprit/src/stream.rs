//! The byte stream under a connection: plain TCP, TLS over TCP, or a Unix socket.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::task::coop::poll_proceed;
use tokio_rustls::rustls::{CipherSuite, ProtocolVersion};

use crate::{PeerCertificate, TlsError};

/// A connected stream of bytes, plain or encrypted, from either end.
///
/// A TLS stream that ends without TLS's own goodbye (`close_notify`) reads as ended, like TCP: the
/// closing handshake of RFC 6455 §7 already tells a whole conversation from one cut short, and many
/// servers leave the goodbye out.
///
/// ```
/// use bowsprit::Stream;
/// use tokio::net::{TcpListener, TcpStream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let stream = Stream::from(TcpStream::connect(listener.local_addr()?).await?);
/// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
/// assert!(stream.tls_info().is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum Stream {
    /// Bytes as they are.
    Tcp(TcpStream),
    /// Encrypted bytes. Boxed, as a TLS session is far larger than a socket.
    Tls(Box<TlsStream>),
    /// Bytes as they are, from a process on the same machine.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    /// Returns the address of the peer, or of the proxy in between.
    ///
    /// # Errors
    ///
    /// When the system has forgotten it, after a reset for example, and on a Unix socket, which has none
    /// of this kind (`Unsupported`).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().ok_or_else(no_address)?.peer_addr()
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    ///
    /// When the system has forgotten it, and on a Unix socket (`Unsupported`).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().ok_or_else(no_address)?.local_addr()
    }

    /// Returns what the TLS handshake agreed on, or `None` where the bytes are not encrypted.
    pub fn tls_info(&self) -> Option<TlsInfo> {
        match self {
            Self::Tls(stream) => Some(stream.info()),
            _ => None,
        }
    }

    /// Returns the TCP socket underneath, for its options; `None` on a Unix socket. Its bytes belong to
    /// this stream.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.inner.get_ref().0),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }
}

/// Writes without asking whether the socket is ready, which it nearly always is. As every operation of
/// tokio's it counts, so that a task that only writes lets others have their turn.
fn write_now(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    write: impl Fn(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    let turn = ready!(poll_proceed(cx));
    loop {
        match write(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(stream.poll_write_ready(cx))?;
            }
            written => {
                turn.made_progress();
                return Poll::Ready(written);
            }
        }
    }
}

pub(crate) fn no_address() -> io::Error {
    let text = "a Unix socket has no address of the internet";
    io::Error::new(io::ErrorKind::Unsupported, text)
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

#[cfg(unix)]
impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl From<TlsStream> for Stream {
    fn from(stream: TlsStream) -> Self {
        Self::Tls(Box::new(stream))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => match Pin::new(&mut stream.inner).poll_read(cx, buf) {
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(()))
                }
                Poll::Ready(Err(error)) if stream.empty_handed => {
                    Poll::Ready(Err(TlsError::to_empty_handed(error)))
                }
                other => other,
            },
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => write_now(stream, cx, |stream| stream.try_write(buf)),
            Self::Tls(stream) => Pin::new(&mut stream.inner).poll_write(cx, buf),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => write_now(stream, cx, |stream| stream.try_write_vectored(bufs)),
            Self::Tls(stream) => Pin::new(&mut stream.inner).poll_write_vectored(cx, bufs),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.inner.is_write_vectored(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(&mut stream.inner).poll_flush(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut stream.inner).poll_shutdown(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A TLS session over TCP whose handshake is done. Becomes a [`Stream`] to be read and written.
///
/// Made by [`Tls::connect`](crate::Tls::connect) and
/// [`ServerTls::accept`](crate::ServerTls::accept).
///
/// ```no_run
/// use bowsprit::{Client, Stream, Tls};
///
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let tcp = tokio::net::TcpStream::connect("192.0.2.7:443").await?;
/// let host = "chat.example".parse()?;
/// let encrypted = Tls::client().connect(&host, tcp).await?;
/// let request = Client::new().request("wss://chat.example/")?;
/// let mut ws = request.connect_on(Stream::from(encrypted)).await?;
/// ws.send("hello").await?;
/// # Ok(())
/// # }
/// ```
pub struct TlsStream {
    inner: tokio_rustls::TlsStream<TcpStream>,
    verified: bool,
    /// Whether the server asked for a certificate and got none.
    empty_handed: bool,
    peer: Option<Arc<PeerCertificate>>,
}

impl TlsStream {
    /// Takes a finished handshake, and whether it has verified who the peer is.
    pub(crate) fn new(inner: tokio_rustls::TlsStream<TcpStream>, verified: bool) -> Self {
        let certificates = inner.get_ref().1.peer_certificates();
        let end_entity = certificates.and_then(<[_]>::first);
        let peer = end_entity.and_then(|der| PeerCertificate::read(der));
        Self {
            peer: peer.map(Arc::new),
            inner,
            verified,
            empty_handed: false,
        }
    }

    /// Keeps whether the server asked for a certificate and got none: in TLS 1.3 it objects later.
    pub(crate) fn empty_handed(self, empty_handed: bool) -> Self {
        Self {
            empty_handed,
            ..self
        }
    }

    /// Returns itself unless both ends have agreed on HTTP/2 (RFC 9113 §3.2).
    pub(crate) fn speaking_http_1(self) -> Option<Self> {
        (self.inner.get_ref().1.alpn_protocol() != Some(b"h2")).then_some(self)
    }

    /// Returns what the handshake agreed on.
    pub fn info(&self) -> TlsInfo {
        let session = self.inner.get_ref().1;
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "unknown",
        };
        let suite = session.negotiated_cipher_suite();
        TlsInfo {
            version,
            cipher: suite.map_or("unknown", |suite| cipher_name(suite.suite())),
            verified: self.verified,
            alpn: session.alpn_protocol().map(protocol_name),
            peer: self.peer.clone(),
        }
    }
}

/// rustls says TLS13_ where IANA's registry says TLS_ (RFC 8446 §B.4).
fn cipher_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.as_str().unwrap_or("unknown"),
    }
}

/// The usual one needs no memory in a server of many connections.
fn protocol_name(name: &[u8]) -> Cow<'static, str> {
    match name {
        b"http/1.1" => Cow::Borrowed("http/1.1"),
        other => Cow::Owned(String::from_utf8_lossy(other).into_owned()),
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("tcp", self.inner.get_ref().0)
            .field("info", &self.info())
            .finish_non_exhaustive()
    }
}

/// What a TLS handshake agreed on, and who the peer is.
///
/// ```
/// use bowsprit::TlsInfo;
///
/// fn describe(info: &TlsInfo) -> String {
///     let trust = if info.verified { "" } else { ", certificate not verified" };
///     format!("{} with {}{trust}", info.version, info.cipher)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// "TLS 1.2" or "TLS 1.3".
    pub version: &'static str,
    /// The cipher suite by its IANA name, "TLS_AES_256_GCM_SHA384" for example.
    pub cipher: &'static str,
    /// Whether the peer's certificate was verified: false in a client that accepts any, and in a
    /// server whose client has shown none.
    pub verified: bool,
    /// The application protocol that both ends agreed on (ALPN, RFC 7301), where they did.
    pub alpn: Option<Cow<'static, str>>,
    /// The server's certificate, or the client's where it has shown one. `None` also where rustls has
    /// accepted a certificate that cannot be read here.
    pub peer: Option<Arc<PeerCertificate>>,
}
