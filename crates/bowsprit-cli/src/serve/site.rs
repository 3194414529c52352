//! A server that listens: every client's way from the socket to its handler, and the end of all of them.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bowsprit::{
    AcceptError, CloseCode, ConnectionInfo, Handler, Listener, Server, ServerTls, Stage, Stream,
};
use tokio::io::duplex;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::address::Bound;
use super::door::Door;
use super::faults::{Faults, Relay};
use super::house::House;
use super::page::Watcher;
use super::visit::{VISIT, Visit};
use crate::events::What;
use crate::printer::text::fault;
use crate::printer::warn;

/// How long a shutdown waits for the clients' close frames.
pub(super) const STOP_DEADLINE: Duration = Duration::from_secs(2);

/// How long processes may take to end after that: their input ends, they are asked once, and then killed.
const LEAVE_DEADLINE: Duration = Duration::from_secs(5);

/// The first wait after the system could not accept a connection, and the longest.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Between two warnings that nobody could be accepted: clients decide how often that comes and goes.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// How many bytes are on their way between the server and its faults.
const BETWEEN: usize = 64 << 10;

/// A server that listens.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) bound: Bound,
    /// What clients connect to.
    pub(super) uri: String,
    /// What else there is to say at the start.
    pub(super) facts: Vec<String>,
    pub(super) desk: Arc<Desk>,
}

/// What it takes to receive a client.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) server: Server,
    pub(super) house: Arc<House>,
    pub(super) door: Arc<Door>,
    pub(super) tls: Option<ServerTls>,
    /// For TLS; the server has its own for the rest.
    pub(super) open_timeout: Duration,
    pub(super) faults: Option<Faults>,
}

impl Site {
    /// Takes clients until `end`, then closes every connection with 1001.
    pub(super) async fn run<T>(self, end: impl Future<Output = T>) -> T {
        let ended = tokio::select! {
            ended = end => ended,
            never = self.accept_all() => match never {},
        };
        let Self { bound, desk, .. } = self;
        drop(bound);
        desk.server
            .shutdown(CloseCode::GOING_AWAY, STOP_DEADLINE)
            .await;
        // Whatever it is: the program leaves, and takes with it what it can.
        let _ = timeout(LEAVE_DEADLINE, desk.house.mode().ended()).await;
        ended
    }

    async fn accept_all(&self) -> Infallible {
        let mut back_off = BACK_OFF.0;
        let mut told: Option<Instant> = None;
        loop {
            match accept(&self.bound.listener).await {
                Ok((stream, peer)) => {
                    back_off = BACK_OFF.0;
                    tokio::spawn(Arc::clone(&self.desk).receive(stream, peer));
                }
                // The client was gone before it was accepted.
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    let is_news = told.is_none_or(|at| at.elapsed() >= TELL_AGAIN);
                    if back_off == BACK_OFF.0 && is_news {
                        told = Some(Instant::now());
                        warn(&format!(
                            "cannot accept connections for now: {} (ulimit -n)",
                            fault(&error)
                        ));
                    }
                    sleep(back_off).await;
                    back_off = (back_off * 2).min(BACK_OFF.1);
                }
            }
        }
    }
}

async fn accept(listener: &Listener) -> io::Result<(Stream, Option<SocketAddr>)> {
    match listener {
        Listener::Tcp(listener) => {
            let (tcp, peer) = listener.accept().await?;
            // Small messages are not to wait for others.
            tcp.set_nodelay(true)?;
            Ok((tcp.into(), Some(peer)))
        }
        #[cfg(unix)]
        Listener::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            Ok((stream.into(), None))
        }
        _ => Err(ErrorKind::Unsupported.into()),
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, InvalidInput, NotConnected};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | InvalidInput | NotConnected
    )
}

impl Desk {
    /// One client, from its handshake to its end.
    async fn receive(self: Arc<Self>, stream: Stream, peer: Option<SocketAddr>) {
        let visit = Arc::new(Visit::new());
        let opened = match (&self.tls, stream) {
            // Boxed: what only a handshake needs is freed when it is done.
            (Some(tls), Stream::Tcp(tcp)) => match Box::pin(self.encrypt(tls, tcp)).await {
                Ok(stream) => self.open(stream, peer, &visit).await,
                Err(error) => Err(error),
            },
            (_, stream) => self.open(stream, peer, &visit).await,
        };
        if let Err(error) = opened {
            self.tell_refusal(&error, peer, &visit);
        }
    }

    async fn encrypt(&self, tls: &ServerTls, tcp: TcpStream) -> Result<Stream, AcceptError> {
        match timeout(self.open_timeout, tls.accept(tcp)).await {
            Ok(Ok(stream)) => Ok(stream.into()),
            Ok(Err(error)) => Err(AcceptError::Tls(error)),
            Err(_) => Err(AcceptError::Timeout(Stage::Tls)),
        }
    }

    async fn open(
        &self,
        stream: Stream,
        peer: Option<SocketAddr>,
        visit: &Arc<Visit>,
    ) -> Result<(), AcceptError> {
        if let Some(faults) = &self.faults {
            let relay = faults.relay(visit);
            // Boxed: connections without faults need no room for them.
            return Box::pin(self.open_through(relay, stream, peer, visit)).await;
        }
        let factory = |info: &Arc<ConnectionInfo>| self.handler(info, visit);
        let serving = self.server.serve_on(stream, peer, factory);
        VISIT.scope(Arc::clone(visit), serving).await
    }

    /// The same with something between the client and the server.
    async fn open_through(
        &self,
        relay: Relay,
        stream: Stream,
        peer: Option<SocketAddr>,
        visit: &Arc<Visit>,
    ) -> Result<(), AcceptError> {
        let (near, far) = duplex(BETWEEN);
        let (gone, is_gone) = oneshot::channel();
        let serving = async {
            let factory = |info: &Arc<ConnectionInfo>| self.handler(info, visit);
            let serving = self.server.serve_on(near, peer, factory);
            let ended = VISIT.scope(Arc::clone(visit), serving).await;
            drop(gone);
            ended
        };
        let (ended, ()) = tokio::join!(serving, relay.run(far, stream, is_gone));
        ended
    }

    fn handler(&self, info: &Arc<ConnectionInfo>, visit: &Visit) -> Box<dyn Handler> {
        if visit.is_watcher() {
            Box::new(Watcher::new(Arc::clone(&self.house)))
        } else {
            Box::new(self.house.receive(info, visit))
        }
    }

    fn tell_refusal(&self, error: &AcceptError, peer: Option<SocketAddr>, visit: &Visit) {
        let peer = peer.map(|peer| peer.to_string());
        let request = visit.request().map(str::to_owned);
        let was_answered = matches!(error, AcceptError::Rejected(_) | AcceptError::PlainHttp(_));
        if !was_answered && request.is_some() && !visit.is_watcher() {
            // It was let in, and did not come.
            self.door.give_back();
        }
        self.house.teller().tell(None, || match (error, request) {
            (AcceptError::PlainHttp(status), Some(request)) => What::Http {
                peer,
                request,
                status: *status,
            },
            (error, request) => What::Refuse {
                peer,
                request,
                error: match (visit.why(), error) {
                    (Some(why), _) => format!("{error} ({why})"),
                    (None, AcceptError::Origin(_)) => {
                        format!("{error}; --origin lets its pages in")
                    }
                    (None, _) => error.to_string(),
                },
            },
        });
    }
}
