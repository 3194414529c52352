//! A tunnel through a SOCKS proxy: version 5 (RFC 1928), with user and password (RFC 1929) or without.

use bowsprit_proto::Host;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{ProxyErrorKind, server::Login};

const VERSION: u8 = 5;
/// The version of the exchange of user and password (RFC 1929 §2).
const LOGIN_VERSION: u8 = 1;

/// RFC 1928 §3: ways to log in.
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xFF;

/// RFC 1928 §4.
const CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;

/// Logs in and asks for a tunnel. A name goes to the proxy as it is, for the proxy to resolve.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    host: &Host,
    port: u16,
    login: Option<&Login>,
) -> Result<(), ProxyErrorKind> {
    let mut proxy = Exchange::new(io);
    match login {
        None => proxy.send(&[VERSION, 1, NO_LOGIN]).await?,
        Some(_) => {
            proxy
                .send(&[VERSION, 2, NO_LOGIN, USER_AND_PASSWORD])
                .await?;
        }
    }
    let [version, method] = proxy.take().await?;
    check_version(version, VERSION)?;
    match (method, login) {
        (NO_LOGIN, _) => {}
        (USER_AND_PASSWORD, Some(login)) => proxy.log_in(login).await?,
        (NONE_ACCEPTABLE, None) => return Err(login_error(false)),
        (method, _) => return Err(ProxyErrorKind::SocksMethod(method)),
    }
    proxy.send(&request(host, port)?).await?;
    let [version, reply, _reserved, address_type] = proxy.take().await?;
    check_version(version, VERSION)?;
    if reply != 0 {
        return Err(ProxyErrorKind::SocksReply(reply));
    }
    // The address that the proxy connects from, and its port: nobody here needs them.
    match address_type {
        IPV4 => proxy.skip(4 + 2).await?,
        IPV6 => proxy.skip(16 + 2).await?,
        DOMAIN => {
            let [len] = proxy.take().await?;
            proxy.skip(usize::from(len) + 2).await?;
        }
        other => return Err(ProxyErrorKind::SocksAddress(other)),
    }
    // The server has not been spoken to, so it cannot have said anything.
    if proxy.received.is_empty() {
        Ok(())
    } else {
        Err(ProxyErrorKind::SpokeFirst)
    }
}

/// RFC 1928 §4.
fn request(host: &Host, port: u16) -> Result<Vec<u8>, ProxyErrorKind> {
    let mut request = vec![VERSION, CONNECT, RESERVED];
    match host {
        Host::Ipv4(ip) => {
            request.push(IPV4);
            request.extend(ip.octets());
        }
        Host::Ipv6(ip) => {
            request.push(IPV6);
            request.extend(ip.octets());
        }
        Host::Domain(name) => {
            request.push(DOMAIN);
            push_counted(&mut request, name)?;
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

/// A text behind its length in one byte. What does not fit was refused where it was set.
fn push_counted(out: &mut Vec<u8>, text: &str) -> Result<(), ProxyErrorKind> {
    let len = u8::try_from(text.len()).map_err(std::io::Error::other)?;
    out.push(len);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

const fn check_version(received: u8, expected: u8) -> Result<(), ProxyErrorKind> {
    if received == expected {
        Ok(())
    } else {
        Err(ProxyErrorKind::NotSocks(received))
    }
}

const fn login_error(refused: bool) -> ProxyErrorKind {
    let realm = None;
    ProxyErrorKind::Login { refused, realm }
}

/// What is said and heard. Everything that is heard is bounded by a length in one byte.
struct Exchange<'a, S> {
    io: &'a mut S,
    /// What has come and was not taken.
    received: Vec<u8>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Exchange<'a, S> {
    fn new(io: &'a mut S) -> Self {
        let received = Vec::with_capacity(512);
        Self { io, received }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), ProxyErrorKind> {
        self.io.write_all(bytes).await?;
        Ok(self.io.flush().await?)
    }

    async fn take<const N: usize>(&mut self) -> Result<[u8; N], ProxyErrorKind> {
        loop {
            if let Some((bytes, _)) = self.received.split_first_chunk() {
                let bytes = *bytes;
                self.received.drain(..N);
                return Ok(bytes);
            }
            if self.io.read_buf(&mut self.received).await? == 0 {
                return Err(ProxyErrorKind::Ended);
            }
        }
    }

    async fn skip(&mut self, len: usize) -> Result<(), ProxyErrorKind> {
        for _ in 0..len {
            let [_] = self.take().await?;
        }
        Ok(())
    }

    /// RFC 1929 §2.
    async fn log_in(&mut self, login: &Login) -> Result<(), ProxyErrorKind> {
        let mut request = vec![LOGIN_VERSION];
        push_counted(&mut request, &login.user)?;
        push_counted(&mut request, &login.password)?;
        self.send(&request).await?;
        let [version, status] = self.take().await?;
        check_version(version, LOGIN_VERSION)?;
        if status == 0 {
            Ok(())
        } else {
            Err(login_error(true))
        }
    }
}
