//! The server's opening handshake over a stream.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bowsprit_proto::{
    Config, Connection, Role, Stage,
    handshake::{Accept, RequestHead, Response, ServerHandshake},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

use crate::{AcceptError, ConnectionInfo, TlsInfo, info::Head, log, open::Opened};

/// How much of the request is read at once.
const HEAD_READ: usize = 4 * 1024;

/// How long a refused client may go on sending before its connection is closed under it. A reset
/// would destroy the answer on its way.
const REFUSED_LINGER: Duration = Duration::from_millis(500);

/// Thirty years: a wait beyond the clock's range.
const ENDLESS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// What a server lets in, and what it says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) config: Arc<Config>,
    pub(crate) server_header: Option<String>,
    pub(crate) any_origin: bool,
}

impl Policy {
    /// When an opening handshake that begins now has to be done.
    pub(crate) fn open_by(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.config.timeouts.open)
            .unwrap_or_else(|| now + ENDLESS)
    }
}

/// Reads the request and answers it before `deadline`.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    mut io: S,
    policy: &Policy,
    peer: Option<SocketAddr>,
    tls: Option<TlsInfo>,
    deadline: Instant,
) -> Result<Opened<S>, AcceptError> {
    let mut handshake = ServerHandshake::new(&policy.config);
    let read = timeout_at(deadline, read_request(&mut io, &mut handshake)).await;
    let checked = match read {
        Ok(Ok(early)) => check_origin(&handshake, policy).map(|()| early),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(AcceptError::Timeout(Stage::Open)),
    };
    let early = match checked {
        Ok(early) => early,
        Err(error) => {
            log::refused(peer, &error);
            refuse(&mut io, &error).await;
            return Err(error);
        }
    };
    let Some(head) = handshake.request().cloned() else {
        return Err(AcceptError::Handshake(handshake.eof()));
    };
    let mut accept = Accept::default();
    if let Some(name) = &policy.server_header {
        // Checked when it was set.
        let _ = accept.header("Server", name);
    }
    let mut answer = Vec::new();
    // Cannot be refused: the request is complete, and no subprotocol was chosen.
    let agreed = handshake.accept(&accept, &mut answer).unwrap_or_default();
    let answered = timeout_at(deadline, write_all(&mut io, &answer)).await;
    answered.map_err(|_| AcceptError::Timeout(Stage::Open))??;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let uri = format!("{scheme}://{}{}", head.authority(), head.target());
    let connection = Connection::server(policy.config.clone()).with_agreed(&agreed);
    let mut info = ConnectionInfo::new(Role::Server, uri, peer, agreed, Head::Request(head));
    info.tls = tls;
    Ok(Opened {
        io,
        connection,
        info,
        early,
    })
}

/// Reads until the request is complete; returns what came behind it.
async fn read_request<S: AsyncRead + Unpin>(
    io: &mut S,
    handshake: &mut ServerHandshake,
) -> Result<Vec<u8>, AcceptError> {
    let mut buffer = [0; HEAD_READ];
    loop {
        let len = io.read(&mut buffer).await?;
        if len == 0 {
            return Err(AcceptError::Handshake(handshake.eof()));
        }
        let mut input = &buffer[..len];
        if handshake
            .receive(&mut input)
            .map_err(AcceptError::Handshake)?
        {
            return Ok(input.to_vec());
        }
    }
}

async fn write_all<S: AsyncWrite + Unpin>(io: &mut S, answer: &[u8]) -> io::Result<()> {
    io.write_all(answer).await?;
    io.flush().await
}

/// RFC 6455 §10.2: a browser tells which site asks; another site's page must not get in.
fn check_origin(handshake: &ServerHandshake, policy: &Policy) -> Result<(), AcceptError> {
    let Some(request) = handshake.request() else {
        return Ok(());
    };
    match request.header("origin") {
        Some(origin) if !policy.any_origin && !is_same_host(origin, request) => {
            Err(AcceptError::Origin(origin.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Whether `origin` names the host and port that the request asks for.
fn is_same_host(origin: &str, request: &RequestHead) -> bool {
    let (authority, default_port) = match origin.split_once("://") {
        Some((scheme, authority)) if scheme.eq_ignore_ascii_case("http") => (authority, ":80"),
        Some((scheme, authority)) if scheme.eq_ignore_ascii_case("https") => (authority, ":443"),
        // Other schemes, "null" and whatever else is nobody's own.
        _ => return false,
    };
    let strip = |authority: &str| {
        authority
            .strip_suffix(default_port)
            .unwrap_or(authority)
            .to_ascii_lowercase()
    };
    strip(authority) == strip(request.authority())
}

/// Answers with the status that says what was wrong, as far as the client takes it.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S, error: &AcceptError) {
    let refusal = match error {
        AcceptError::Handshake(error) => Ok(Response::for_error(error)),
        AcceptError::Origin(_) => Response::new(403),
        AcceptError::Timeout(_) => Response::new(408),
        AcceptError::Io(_) | AcceptError::Tls(_) => return,
    };
    let Ok(refusal) = refusal else { return };
    let mut answer = Vec::new();
    refusal.encode(&mut answer);
    let farewell = async {
        io.write_all(&answer).await?;
        io.shutdown().await?;
        let mut rest = [0; HEAD_READ];
        while io.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Best effort: the client may be gone, and gets no more time than this.
    let _ = timeout(REFUSED_LINGER, farewell).await;
}
