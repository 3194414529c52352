//! What a server's connections share, and the way of each of them from a socket to being open.

use std::{
    future::ready,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use bowsprit_proto::{Config, Role, handshake::InvalidRequest};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    builder::Settings,
    handshake::{Admitted, Answered, Visit, open_by},
    limits::{Handshakes, Place, Slots},
    lock,
    terms::Terms,
};
use crate::{
    AcceptError, ConnectionId, Refused, ServerTls, Stage, Stream, Upgrade, log, metrics,
    open::Opened,
    roster::{Member, Roster},
};

/// What the tasks of connections hold. They do not keep the endpoint alive.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) terms: Terms,
    pub(super) settings: Mutex<Settings>,
    pub(super) roster: Arc<Roster>,
    pub(super) slots: Arc<Slots>,
    pub(super) handshakes: Arc<Handshakes>,
}

/// How a connection is to be run, which its config depends on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Face {
    Messages,
    Handler,
}

impl Shared {
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    fn settings_for(&self, face: Face) -> (Arc<Config>, Option<ServerTls>) {
        let settings = self.settings();
        let config = match face {
            Face::Messages => settings.configs.for_messages.clone(),
            Face::Handler => settings.configs.for_handlers.clone(),
        };
        (config, settings.defaults.tls.clone())
    }

    /// Opens a connection in a task of its own and lets `run` have it. What runs for long gets a task
    /// from there, without the memory of the handshake's.
    pub(super) fn greet<R: Send + 'static>(
        self: &Arc<Self>,
        stream: Stream,
        peer: Option<SocketAddr>,
        face: Face,
        room: impl Future<Output = Option<R>> + Send + 'static,
        run: impl FnOnce(ConnectionId, Opened<Stream>, Member, R) + Send + 'static,
    ) {
        let id = ConnectionId::next();
        // Refused only after a shutdown, which ends the accepting as well.
        let Some(mut member) = self.roster.join(id) else {
            return;
        };
        let shared = self.clone();
        tokio::spawn(async move {
            // The client has been told; nobody else has asked.
            let opening = shared.open(stream, peer, face, room);
            let Ok(admitted) = metrics::timed(Role::Server, opening).await else {
                return;
            };
            member.keep(admitted.slot);
            run(id, admitted.opened, member, admitted.room);
        });
    }

    /// The handshake of a client over a stream of the caller's own.
    pub(super) async fn open_on<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        peer: Option<SocketAddr>,
        face: Face,
    ) -> Result<Admitted<S, ()>, AcceptError> {
        let (config, _) = self.settings_for(face);
        let place = self.handshakes.enter(&self.roster);
        let visit = self.visit(config, peer);
        let opening = visit.open(io, Some(place), ready(Some(())));
        metrics::timed(Role::Server, opening).await
    }

    /// Decides about a request that another HTTP server has read: the answer, and what its connection
    /// will be once that server lets go of the transport.
    pub(super) async fn upgrade(
        &self,
        head: &[u8],
        peer: Option<SocketAddr>,
    ) -> Result<(Vec<u8>, Upgrade), Refused> {
        let configs = self.settings().configs.clone();
        let id = ConnectionId::next();
        let member = self.roster.join(id);
        let place = self.handshakes.enter(&self.roster);
        let visit = self.visit(configs.for_messages.clone(), peer);
        let answering = visit.answer(head, place);
        let Answered { welcome, info } = metrics::timed(Role::Server, answering).await?;
        // Without a member the place is lost from the start.
        let Some(mut member) = member else {
            let response = InvalidRequest::NoRequest.into();
            return Err(Refused::new(AcceptError::ShuttingDown, response));
        };
        member.keep(welcome.slot);
        let upgrade = Upgrade {
            id,
            agreed: welcome.agreed,
            info,
            configs,
            member,
            opening: None,
        };
        Ok((welcome.answer, upgrade))
    }

    /// A client whose handshake begins now.
    fn visit(&self, config: Arc<Config>, peer: Option<SocketAddr>) -> Visit<'_> {
        Visit {
            terms: &self.terms,
            deadline: open_by(&config),
            config,
            slots: Some(&self.slots),
            peer,
            tls: None,
        }
    }

    /// Everything between an accepted socket and an open connection, all within `timeouts.open`.
    pub(super) async fn open<R>(
        self: Arc<Self>,
        stream: Stream,
        peer: Option<SocketAddr>,
        face: Face,
        room: impl Future<Output = Option<R>>,
    ) -> Result<Admitted<Stream, R>, AcceptError> {
        let (config, tls) = self.settings_for(face);
        let mut place = self.handshakes.enter(&self.roster);
        let mut visit = self.visit(config, peer);
        let stream = match (stream, tls) {
            (Stream::Tcp(tcp), Some(tls)) => {
                tcp.set_nodelay(visit.config.nodelay)?;
                encrypt(&tls, tcp, visit.deadline, &mut place)
                    .await
                    .inspect_err(|error| log::refused(peer, error))?
            }
            (Stream::Tcp(tcp), None) => {
                tcp.set_nodelay(visit.config.nodelay)?;
                Stream::Tcp(tcp)
            }
            (other, _) => other,
        };
        visit.tls = stream.tls_info();
        visit.open(stream, Some(place), room).await
    }
}

/// Without TLS there is no way to tell the client why it is sent away.
async fn encrypt(
    tls: &ServerTls,
    tcp: TcpStream,
    deadline: Instant,
    place: &mut Place,
) -> Result<Stream, AcceptError> {
    let encrypting = async {
        // A client that says nothing is not worth the memory of a session.
        tcp.peek(&mut [0]).await?;
        tls.accept(tcp).await.map_err(AcceptError::Tls)
    };
    let encrypted = tokio::select! {
        biased;
        error = place.lost() => return Err(error),
        encrypted = timeout_at(deadline, encrypting) => encrypted,
    };
    match encrypted {
        Ok(Ok(stream)) => Ok(Stream::from(stream)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(AcceptError::Timeout(Stage::Tls)),
    }
}
