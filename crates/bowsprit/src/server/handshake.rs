//! The server's opening handshake over a stream: read, decide, answer (RFC 6455 §4.2).

use std::{
    future::{pending, poll_fn, ready},
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

use bowsprit_proto::{
    Config, Connection, Role, Stage,
    handshake::{
        Accept, Agreed, HandshakeError, InvalidRequest, RequestHead, Response, ServerHandshake,
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, timeout, timeout_at},
};

use super::{
    limits::{PartOfHead, Place, Slot, Slots},
    request::HttpRequest,
    terms::{Hook, Terms},
};
use crate::{
    AcceptError, ConnectionInfo, Refused, TlsInfo, log, open::Opened, scratch::with_read_buffer,
    wait::after,
};

/// How much of a request is read at once. What came behind it is kept while the program decides.
const HEAD_READ: usize = 4 * 1024;

/// How long a refused client may go on sending before its connection is closed under it.
const REFUSED_LINGER: Duration = Duration::from_millis(500);

/// How much of what a refused client goes on sending is taken. More would be work for nothing.
const REFUSED_BYTES: usize = 1 << 20;

/// When a client that came at a bad time may ask again, in seconds.
const RETRY_AFTER: &str = "5";

/// One client and what its handshake goes by.
#[derive(Debug)]
pub(crate) struct Visit<'a> {
    pub(super) terms: &'a Terms,
    pub(super) config: Arc<Config>,
    pub(super) slots: Option<&'a Arc<Slots>>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) tls: Option<TlsInfo>,
    pub(super) deadline: Instant,
}

/// A connection that is open, and what it holds of the server's.
pub(crate) struct Admitted<S, R> {
    pub(crate) opened: Opened<S>,
    pub(crate) slot: Option<Slot>,
    pub(crate) room: R,
}

/// Why a client is sent away, and what it is told. `None`: nothing can be said any more.
struct Refusal {
    error: AcceptError,
    response: Option<Response>,
}

/// The client may come in: what it is told, and what it gets.
pub(super) struct Welcome<R> {
    pub(super) answer: Vec<u8>,
    pub(super) agreed: Agreed,
    pub(super) slot: Option<Slot>,
    room: R,
}

/// What becomes of a request that another HTTP server has read, if the client may come in.
pub(super) struct Answered {
    pub(super) welcome: Welcome<()>,
    pub(super) info: ConnectionInfo,
}

/// When an opening handshake that begins now has to be done.
pub(super) fn open_by(config: &Config) -> Instant {
    after(config.timeouts.open)
}

impl Visit<'_> {
    /// Reads the request and answers it, in time and as long as there is a place.
    ///
    /// `room` is waited for just before the answer; the client is refused where it gives `None`.
    pub(crate) async fn open<S, R>(
        self,
        mut io: S,
        mut place: Option<Place>,
        room: impl Future<Output = Option<R>>,
    ) -> Result<Admitted<S, R>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut handshake = ServerHandshake::new(&self.config);
        let shaken = self.shake(&mut io, &mut handshake, &mut place, room).await;
        let (welcome, early) = match shaken {
            Ok(welcome) => welcome,
            Err(refusal) => {
                let is_head = handshake
                    .request()
                    .is_some_and(|head| head.method() == "HEAD");
                self.refuse(&mut io, &mut place, &refusal, is_head).await;
                return Err(refusal.error);
            }
        };
        let info = self.info(&handshake, &welcome.agreed)?;
        let connection = Connection::server(self.config).with_agreed(&welcome.agreed);
        Ok(Admitted {
            opened: Opened {
                io,
                connection,
                info,
                early,
            },
            slot: welcome.slot,
            room: welcome.room,
        })
    }

    /// Decides about a request that another HTTP server has read, and will answer. The head is judged
    /// here as it would be had it come over a socket.
    pub(super) async fn answer(self, mut head: &[u8], place: Place) -> Result<Answered, Refused> {
        let mut handshake = ServerHandshake::new(&self.config);
        let mut place = Some(place);
        let decided = async {
            let received = handshake.receive(&mut head);
            received.map_err(AcceptError::Handshake)?;
            let deciding = self.decide(&handshake, ready(Some(())));
            let welcome = self.in_time(&mut place, || later(503), deciding).await?;
            let info = self.info(&handshake, &welcome.agreed)?;
            Ok(Answered { welcome, info })
        };
        decided.await.map_err(|refusal: Refusal| {
            log::refused(self.peer, &refusal.error);
            // Every refusal before the answer has one.
            let mut response = refusal
                .response
                .unwrap_or_else(|| InvalidRequest::NoRequest.into());
            self.terms.sign(&mut response);
            Refused::new(refusal.error, response)
        })
    }

    /// What the connection of this request keeps.
    fn info(
        &self,
        handshake: &ServerHandshake,
        agreed: &Agreed,
    ) -> Result<ConnectionInfo, AcceptError> {
        let Some(head) = handshake.request() else {
            return Err(AcceptError::Handshake(handshake.eof()));
        };
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let uri = format!("{scheme}://{}{}", head.authority(), head.target());
        let headers = head.application_headers();
        let (tls, agreed) = (self.tls.clone(), agreed.clone());
        let info = ConnectionInfo::new(Role::Server, uri, self.peer, tls, agreed, headers);
        Ok(info)
    }

    /// The three steps, each within the deadline. The client that waits for us is not to blame for a
    /// time-out: 503, not 408.
    async fn shake<S, R>(
        &self,
        io: &mut S,
        handshake: &mut ServerHandshake,
        place: &mut Option<Place>,
        room: impl Future<Output = Option<R>>,
    ) -> Result<(Welcome<R>, Vec<u8>), Refusal>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let too_late = || Response::plain(408).ok();
        let part = place.as_ref().map(Place::part_of_head);
        let reading = read_request(io, handshake, part);
        let read = self.in_time(place, too_late, reading).await;
        let early = match read {
            Ok(early) => early,
            Err(refusal) => return Err(self.answer_plain(handshake, place, refusal).await),
        };
        let deciding = self.decide(handshake, room);
        let welcome = self.in_time(place, || later(503), deciding).await?;
        let answering = async {
            io.write_all(&welcome.answer).await?;
            io.flush().await
        };
        // A shutdown does not end this step: part of the 101 may be on its way, and an open connection is
        // closed as it should be. For the same reason nothing can be said where it fails.
        let error = tokio::select! {
            biased;
            answered = timeout_at(self.deadline, answering) => match answered {
                Ok(Ok(())) => return Ok((welcome, early)),
                Ok(Err(error)) => AcceptError::Io(error),
                Err(_) => AcceptError::Timeout(Stage::Open),
            },
            () = cut(place) => AcceptError::TooManyHandshakes,
        };
        Err(Refusal {
            error,
            response: None,
        })
    }

    /// `step`, unless the deadline passes or the place is lost first.
    async fn in_time<T>(
        &self,
        place: &mut Option<Place>,
        late: fn() -> Option<Response>,
        step: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let step = timeout_at(self.deadline, step);
        let done = match place {
            None => step.await,
            Some(place) => tokio::select! {
                biased;
                error = place.lost() => return Err(error.into()),
                done = step => done,
            },
        };
        done.unwrap_or_else(|_| {
            Err(Refusal {
                error: AcceptError::Timeout(Stage::Open),
                response: late(),
            })
        })
    }

    /// Who may come in, and with what.
    async fn decide<R>(
        &self,
        handshake: &ServerHandshake,
        room: impl Future<Output = Option<R>>,
    ) -> Result<Welcome<R>, Refusal> {
        let Some(head) = handshake.request() else {
            return Err(AcceptError::Handshake(handshake.eof()).into());
        };
        if let Some(origin) = head.header("origin")
            && !self.terms.origins.admit(origin, head)
        {
            return Err(AcceptError::Origin(origin.to_owned()).into());
        }
        // Counted before the program is asked, which may cost it more than a connection does.
        let slot = match self.slots {
            Some(slots) => slots.take(self.peer)?,
            None => None,
        };
        let mut accept = match &self.terms.validate {
            Some(validate) => ask(validate, self.request(head)).await??,
            None => Accept::default(),
        };
        self.terms.complete(&mut accept, head);
        if self.terms.requires_subprotocol && accept.chosen_subprotocol().is_none() {
            return Err(AcceptError::Subprotocol.into());
        }
        let room = room.await.ok_or(AcceptError::ShuttingDown)?;
        let mut answer = Vec::new();
        let agreed = handshake
            .accept(&accept, &mut answer)
            .map_err(AcceptError::Answer)?;
        Ok(Welcome {
            answer,
            agreed,
            slot,
            room,
        })
    }

    /// The answer of the program's hook, if the request that was refused is for it.
    async fn answer_plain(
        &self,
        handshake: &ServerHandshake,
        place: &mut Option<Place>,
        refusal: Refusal,
    ) -> Refusal {
        let Some(http) = &self.terms.http else {
            return refusal;
        };
        let Some(head) = handshake.plain_request() else {
            return match (&refusal.error, handshake.request()) {
                // The hook takes any method, so that this one has a body is what is wrong with it.
                (AcceptError::Handshake(HandshakeError::Method(_)), Some(head))
                    if head.header("upgrade").is_none() =>
                {
                    AcceptError::Handshake(HandshakeError::Body).into()
                }
                _ => refusal,
            };
        };
        let request = self.request(head);
        let answering = ask(http, request);
        let response = match self.in_time(place, || later(503), answering).await {
            Ok(response) => response,
            Err(refusal) => return refusal,
        };
        log::answered(self.peer, head.target(), response.status());
        Refusal {
            error: AcceptError::PlainHttp(response.status()),
            response: Some(response),
        }
    }

    fn request(&self, head: &RequestHead) -> HttpRequest {
        HttpRequest::new(head.clone(), self.peer, self.tls.clone())
    }

    /// Answers with what is to be said, as far as the client takes it.
    async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: &mut S,
        place: &mut Option<Place>,
        refusal: &Refusal,
        is_head: bool,
    ) {
        if !matches!(refusal.error, AcceptError::PlainHttp(_)) {
            log::refused(self.peer, &refusal.error);
        }
        let Some(mut response) = refusal.response.clone() else {
            return;
        };
        self.terms.sign(&mut response);
        let mut answer = Vec::new();
        if is_head {
            response.encode_head(&mut answer);
        } else {
            response.encode(&mut answer);
        }
        // Best effort: the client may be gone. A page may be long, so it has the time of a handshake.
        let by = self.deadline.max(Instant::now() + REFUSED_LINGER);
        let farewell = async {
            let written = timeout_at(by, async {
                io.write_all(&answer).await?;
                io.shutdown().await
            });
            if matches!(written.await, Ok(Ok(()))) {
                let _ = timeout(REFUSED_LINGER, read_to_end(io)).await;
            }
        };
        let has_lost = matches!(refusal.error, AcceptError::TooManyHandshakes);
        tokio::select! {
            biased;
            () = farewell => {}
            // What the transport takes at once is all that a client gets that had to make room.
            () = ready(()), if has_lost => {}
            () = cut(place) => {}
        }
    }
}

/// An answer that asks the client to come again.
fn later(status: u16) -> Option<Response> {
    let mut response = Response::plain(status).ok()?;
    response.header("Retry-After", RETRY_AFTER).ok()?;
    Some(response)
}

impl From<AcceptError> for Refusal {
    fn from(error: AcceptError) -> Self {
        let response = match &error {
            AcceptError::Handshake(error) => Some(Response::for_error(error)),
            AcceptError::Origin(_) => Response::plain(403).ok(),
            AcceptError::Subprotocol => Response::plain(400).ok(),
            AcceptError::Answer(_) | AcceptError::HookPanicked => Response::plain(500).ok(),
            AcceptError::TooManyFromAddress => later(429),
            AcceptError::TooManyConnections
            | AcceptError::TooManyHandshakes
            | AcceptError::ShuttingDown => later(503),
            // The others come with the answer that belongs to them, or with none.
            _ => None,
        };
        Self { error, response }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        AcceptError::Io(error).into()
    }
}

/// What `validate` says instead of letting a client in.
impl From<Response> for Refusal {
    fn from(response: Response) -> Self {
        Self {
            error: AcceptError::Rejected(response.status()),
            response: Some(response),
        }
    }
}

/// What the hook answers. Its panic is a 500, and hits neither the caller nor another client.
async fn ask<T>(hook: &Hook<T>, request: HttpRequest) -> Result<T, Refusal> {
    let called = catch_unwind(AssertUnwindSafe(|| hook(request)));
    let Ok(mut answer) = called else {
        return Err(AcceptError::HookPanicked.into());
    };
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx)));
        match polled {
            Ok(answer) => answer.map(Ok),
            Err(_) => Poll::Ready(Err(AcceptError::HookPanicked.into())),
        }
    })
    .await
}

/// Waits until the client has to be let go, whatever it is in the middle of.
async fn cut(place: &mut Option<Place>) {
    match place {
        Some(place) => place.cut().await,
        None => pending().await,
    }
}

/// Takes what the client still sends. A reset for want of that would destroy the answer on its way.
async fn read_to_end<S: AsyncRead + Unpin>(io: &mut S) {
    let mut taken = 0;
    while taken < REFUSED_BYTES {
        match read(io, usize::MAX, |input| input.len()).await {
            Ok(len) if len > 0 => taken += len,
            _ => return,
        }
    }
}

/// Reads until the request is complete; returns what came behind it.
async fn read_request<S: AsyncRead + Unpin>(
    io: &mut S,
    handshake: &mut ServerHandshake,
    mut part: Option<PartOfHead>,
) -> Result<Vec<u8>, Refusal> {
    loop {
        if let Some(part) = &part {
            part.has_room().await;
        }
        let mut len = 0;
        let early = read(io, HEAD_READ, |mut input| {
            if input.is_empty() {
                return Err(handshake.eof());
            }
            len = input.len();
            let is_complete = handshake.receive(&mut input)?;
            Ok(is_complete.then(|| input.to_vec()))
        });
        if let Some(early) = early.await?.map_err(AcceptError::Handshake)? {
            return Ok(early);
        }
        if let Some(part) = &mut part {
            part.grows_by(len);
        }
    }
}

/// Reads once, so much at most, and hands the bytes to `f`; none at the end. They lie in the thread's
/// buffer, so that a client that says nothing costs none.
async fn read<S: AsyncRead + Unpin, T>(
    io: &mut S,
    max: usize,
    mut f: impl FnMut(&[u8]) -> T,
) -> io::Result<T> {
    poll_fn(|cx| {
        with_read_buffer(0, |buffer| {
            let size = buffer.len().min(max);
            let mut filled = ReadBuf::new(&mut buffer[..size]);
            let read = task::ready!(Pin::new(&mut *io).poll_read(cx, &mut filled));
            Poll::Ready(read.map(|()| f(filled.filled())))
        })
    })
    .await
}
