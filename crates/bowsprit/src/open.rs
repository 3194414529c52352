//! The client's opening handshake over a stream, and what leads up to it.

use std::{borrow::Cow, io, net::SocketAddr, sync::Arc};

use bowsprit_proto::{
    Config, Connection, Host, Role, Stage, Uri,
    frame::MaskingKey,
    handshake::{ClientHandshake, HandshakeError, Request},
};
use rand::RngExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    ConnectError, ConnectionId, ConnectionInfo, Defaults, DialError, Stream, TlsInfo,
    dial::{dial, dial_unix, turns},
    driver::{Core, Driver},
    link::Link,
    log, metrics,
    roster::Member,
    steps::{Step, Steps},
};

/// How much of the response is read at once.
const HEAD_READ: usize = 4 * 1024;

/// A connection that is open, and the bytes that came behind the handshake.
pub(crate) struct Opened<S> {
    pub(crate) io: S,
    pub(crate) connection: Connection,
    pub(crate) info: ConnectionInfo,
    pub(crate) early: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opened<S> {
    /// The driver that runs the connection from here on; whoever has a handle learns that it is open.
    pub(crate) fn into_driver(
        self,
        id: ConnectionId,
        link: Option<Arc<Link>>,
        member: Option<Member>,
    ) -> (Driver<S>, Arc<ConnectionInfo>, Vec<u8>) {
        let info = Arc::new(self.info);
        log::connect(id, &info);
        if let Some(link) = &link {
            link.set_info(info.clone());
            link.open(self.connection.compression());
        }
        let core = Core::new(self.connection, id, link, member);
        let mut driver = Driver::new(self.io, core);
        driver.came(&self.early);
        (driver, info, self.early)
    }
}

/// How far an opening is, and who is told.
struct Way<'a> {
    id: ConnectionId,
    stage: Stage,
    steps: &'a Steps,
}

impl<'a> Way<'a> {
    const fn new(id: ConnectionId, stage: Stage, steps: &'a Steps) -> Self {
        Self { id, stage, steps }
    }

    fn tell(&self, step: &Step<'_>) {
        log::step(self.id, step);
        self.steps.tell(step);
    }
}

/// Resolves, dials, encrypts and shakes hands, redirections included, all within `timeouts.open`.
pub(crate) async fn open(
    id: ConnectionId,
    request: &Request,
    settings: &Defaults,
) -> Result<Opened<Stream>, ConnectError> {
    let mut way = Way::new(id, Stage::Dns, &settings.steps);
    // What it takes to get there is larger than the connection will be, whose task holds this future.
    let opening = Box::pin(follow(request, settings, &mut way));
    let opening = metrics::timed(Role::Client, opening);
    let result = timeout(settings.config.timeouts.open, opening).await;
    result.unwrap_or(Err(ConnectError::Timeout(way.stage)))
}

/// Goes where it is sent, within `redirects`.
async fn follow(
    request: &Request,
    settings: &Defaults,
    way: &mut Way<'_>,
) -> Result<Opened<Stream>, ConnectError> {
    let mut request = Cow::Borrowed(request);
    let limit = settings.redirects;
    for followed in 0..=limit {
        let error = match open_once(&request, settings, way).await {
            Err(error) if limit > 0 => error,
            result => return result,
        };
        let redirected = error.response().and_then(|head| request.redirected(head));
        request = match redirected {
            Some(_) if followed == limit => break,
            Some(next) => {
                let next = next.map_err(ConnectError::Redirect)?;
                way.tell(&Step::Redirected(&next.uri().to_string()));
                Cow::Owned(next)
            }
            None => return Err(error),
        };
    }
    Err(ConnectError::TooManyRedirects { limit })
}

async fn open_once(
    request: &Request,
    settings: &Defaults,
    way: &mut Way<'_>,
) -> Result<Opened<Stream>, ConnectError> {
    let stream = reach(request.uri(), settings, way).await?;
    way.stage = Stage::Open;
    let (peer, tls) = (stream.peer_addr().ok(), stream.tls_info());
    if let Some(tls) = &tls {
        way.tell(&Step::Encrypted(tls));
    }
    shake_hands(stream, request, &settings.config, (peer, tls), way).await
}

/// A stream to the server of this URI, straight or through a proxy, and says in which stage it is.
async fn reach(uri: &Uri, settings: &Defaults, way: &mut Way<'_>) -> Result<Stream, ConnectError> {
    if let Some(path) = uri.socket_path() {
        way.stage = Stage::Connect;
        let stream = dial_unix(path).await?;
        way.tell(&Step::Connected(None));
        return Ok(stream);
    }
    let tcp = match settings.proxy.for_uri(uri)? {
        None => dial_host(uri.host(), uri.port(), settings, way).await?,
        Some(proxy) => {
            let dialled = dial_host(proxy.host(), proxy.port(), settings, way).await;
            let mut tcp = dialled.map_err(|error| proxy.unreachable(error))?;
            way.stage = Stage::Proxy;
            proxy.tunnel(&mut tcp, uri, &settings.config.limits).await?;
            way.tell(&Step::Tunneled(&proxy.to_string()));
            tcp
        }
    };
    if !uri.is_secure() {
        return Ok(tcp.into());
    }
    way.stage = Stage::Tls;
    Ok(settings.tls.connect(uri.host(), tcp).await?.into())
}

async fn dial_host(
    host: &Host,
    port: u16,
    settings: &Defaults,
    way: &mut Way<'_>,
) -> Result<TcpStream, DialError> {
    way.stage = Stage::Dns;
    let addresses = settings.dns.addresses(host, port).await?;
    way.tell(&Step::Resolved {
        host: &host.to_string(),
        addresses: &turns(&addresses),
    });
    way.stage = Stage::Connect;
    let tcp = dial(&addresses, settings.config.nodelay, way.steps).await?;
    way.tell(&Step::Connected(tcp.peer_addr().ok()));
    Ok(tcp)
}

/// Shakes hands over a transport of the caller's own, within `timeouts.open`.
pub(crate) async fn open_on<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    id: ConnectionId,
    request: &Request,
    settings: &Defaults,
) -> Result<Opened<S>, ConnectError> {
    let config = &settings.config;
    let way = Way::new(id, Stage::Open, &settings.steps);
    let shaking = shake_hands(io, request, config, (None, None), &way);
    let shaking = metrics::timed(Role::Client, shaking);
    let result = timeout(config.timeouts.open, shaking).await;
    result.unwrap_or(Err(ConnectError::Timeout(Stage::Open)))
}

async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    mut io: S,
    request: &Request,
    config: &Arc<Config>,
    (peer, tls): (Option<SocketAddr>, Option<TlsInfo>),
    way: &Way<'_>,
) -> Result<Opened<S>, ConnectError> {
    let mut handshake = ClientHandshake::new(request, rand::rng().random(), config);
    let mut gone = write(&mut io, handshake.request_bytes()).await?;
    way.tell(&Step::Requested(&String::from_utf8_lossy(
        handshake.request_bytes(),
    )));
    let mut buffer = [0; HEAD_READ];
    loop {
        let len = match (io.read(&mut buffer).await, gone.take()) {
            (Ok(0), Some(error)) => return Err(error.into()),
            (read, _) => read?,
        };
        if len == 0 {
            return Err(failed(handshake.eof(), &handshake, &[]));
        }
        let mut input = &buffer[..len];
        match handshake.receive(&mut input) {
            Ok(None) => {}
            Ok(Some(agreed)) => {
                let connection =
                    Connection::client(config.clone(), masking_key).with_agreed(&agreed);
                let Some(head) = handshake.response() else {
                    return Err(failed(handshake.eof(), &handshake, &[]));
                };
                way.tell(&Step::Answered(head));
                let uri = request.uri().to_string();
                let headers = head.application_headers();
                let info = ConnectionInfo::new(Role::Client, uri, peer, tls, agreed, headers);
                return Ok(Opened {
                    io,
                    connection,
                    info,
                    early: input.to_vec(),
                });
            }
            Err(error) => {
                if let Some(head) = handshake.response() {
                    way.tell(&Step::Answered(head));
                }
                let body = &input[..input.len().min(config.limits.http_body)];
                log::refusal(way.id, body);
                return Err(failed(error, &handshake, body));
            }
        }
    }
}

/// Writes the request, and returns with what error the server went away, if it did.
///
/// It may have said before why, in an alert of TLS or with a status of HTTP. That is still to be read.
async fn write<S: AsyncWrite + Unpin>(io: &mut S, bytes: &[u8]) -> io::Result<Option<io::Error>> {
    let written = async {
        io.write_all(bytes).await?;
        io.flush().await
    };
    match written.await {
        Err(error) if is_hang_up(&error) => Ok(Some(error)),
        written => written.map(|()| None),
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset
    )
}

/// One word of the generator; to ask it for four bytes takes four.
pub(crate) fn masking_key() -> MaskingKey {
    rand::rng().random::<u32>().to_ne_bytes()
}

pub(crate) fn failed(
    error: HandshakeError,
    handshake: &ClientHandshake,
    body: &[u8],
) -> ConnectError {
    let response = handshake.response().cloned().map(Box::new);
    ConnectError::Handshake {
        error,
        response,
        body: body.to_vec(),
    }
}
