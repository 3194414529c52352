//! An open connection without I/O: its two strands and the closing handshake that ties them.

mod assemble;
mod bucket;
mod event;
mod incoming;
mod outgoing;
mod pieces;
mod pings;
mod state;
mod timers;

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::time::Duration;

pub use event::Event;
pub use pings::RoundTrips;
pub use state::State;
pub use timers::Timestamp;

use crate::{
    Cause, CloseCode, CloseError, CloseFrame, Closed, Compression, Config, Initiator, Message,
    MessageRef, Prepared, ProtocolError, Role, SendError,
    deflate::{Compressor, Inflater},
    frame::{MAX_CONTROL_PAYLOAD, MaskingKey},
    handshake::Agreed,
};
use bucket::Bucket;
use incoming::Incoming;
use outgoing::Outgoing;
use pings::Pings;
use state::Input;
use timers::Timers;

/// An open WebSocket connection of either role. It is born when the opening handshake is done.
///
/// The caller moves the bytes: what arrives goes to [`receive`](Self::receive), what
/// [`transmit`](Self::transmit) shows goes to the peer. All messages of a buffer can be handled
/// before anything is written, and their answers leave together.
///
/// ```
/// use std::sync::Arc;
/// use bowsprit_proto::{CloseCode, Config, Connection, Event};
///
/// let mut server = Connection::server(Arc::new(Config::server()));
///
/// // A client's "hi", masked with 1 2 3 4, as the transport has brought it.
/// let mut read = [0x81, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2];
/// let mut input = &mut read[..];
/// while let Some(event) = server.receive(&mut input) {
///     match event {
///         Event::Message(message) => server.send(message)?,
///         other => println!("{other:?}"),
///     }
/// }
///
/// let written: Vec<u8> = server.transmit().flatten().copied().collect();
/// server.transmitted(written.len());
/// assert_eq!(written, b"\x81\x02hi");
/// # Ok::<(), bowsprit_proto::SendError>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    role: Role,
    incoming: Incoming,
    outgoing: Outgoing,
    state: State,
    /// Whether bytes of the peer still mean anything (RFC 6455 §5.5.1, §7.1.7): those that came before its
    /// transport ended do.
    reads: bool,
    /// Made when the closing begins: an open connection needs no room for it.
    closed: Option<Box<Closed>>,
    timers: Timers,
    /// Present once a ping was sent whose pong is measured.
    pings: Option<Box<Pings>>,
    /// Present where `limits.rate` is set.
    bucket: Option<Box<Bucket>>,
    /// Whether `limits.send_buffer` holds.
    has_send_limit: bool,
    /// Whether the peer's close frame is answered at once.
    answers_close: bool,
    config: Arc<Config>,
}

impl Connection {
    /// A connection of `role`. `masking_keys` must give unpredictable keys (RFC 6455 §5.3, §10.3);
    /// a server never calls it.
    pub fn new(role: Role, config: Arc<Config>, masking_keys: fn() -> MaskingKey) -> Self {
        Self {
            role,
            incoming: Incoming::new(role),
            outgoing: Outgoing::new((role == Role::Client).then_some(masking_keys)),
            state: State::Open,
            reads: true,
            closed: None,
            timers: Timers::default(),
            pings: None,
            bucket: config.limits.rate.map(|rate| Box::new(Bucket::new(rate))),
            has_send_limit: true,
            answers_close: true,
            config,
        }
    }

    /// The connection with what the opening handshake agreed on: messages are compressed if it says so.
    #[must_use]
    pub fn with_agreed(mut self, agreed: &Agreed) -> Self {
        if let Some(params) = &agreed.deflate {
            let settings = self.config.deflate.unwrap_or_default();
            self.incoming.set_inflater(Inflater::new(self.role, params));
            self.outgoing
                .set_compressor(Compressor::new(self.role, params, &settings));
        }
        self
    }

    /// A connection of the client role.
    pub fn client(config: Arc<Config>, masking_keys: fn() -> MaskingKey) -> Self {
        Self::new(Role::Client, config, masking_keys)
    }

    /// A connection of the server role.
    pub fn server(config: Arc<Config>) -> Self {
        Self::new(Role::Server, config, || [0; 4])
    }

    /// Consumes some of `input` and returns the next thing that it held; `None` once it is used up.
    ///
    /// Payloads are unmasked in place and lent out of `input`: an event borrows the caller's buffer, not
    /// the connection, so it can be answered while it is held. A message that was compressed owns its
    /// bytes. The connection keeps bytes only of a frame or message that is not complete, and of earlier
    /// ones as far as context takeover needs them.
    ///
    /// What came before the transport ended may be given after its end was told, too: it means what it
    /// says up to the peer's close frame, and nothing in it is answered.
    #[inline(always)]
    pub fn receive<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Event<'b>> {
        if input.is_empty() {
            return None;
        }
        self.timers.heard();
        if !self.reads {
            *input = &mut [];
            return None;
        }
        // Always inlined, with all but whole messages left out: what goes through memory otherwise costs
        // 80 instructions a message.
        match self.incoming.whole_message(input, &self.config) {
            Ok(Some(message)) => {
                self.timers.busy();
                if self.bucket.is_some() && !self.may_come() {
                    return Some(self.refuse_more(input));
                }
                Some(Event::Message(message))
            }
            Ok(None) => self.receive_pieces(input),
            Err(error) => Some(self.refuse(error, input)),
        }
    }

    /// What is not a whole message: pieces of one, control frames, and nothing.
    #[inline(never)]
    fn receive_pieces<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Event<'b>> {
        let event = self.incoming.next_in_pieces(input, &self.config);
        let is_data = matches!(&event, Ok(Some(Event::Message(_) | Event::Fragment(..))));
        if is_data || self.incoming.is_inside_message() {
            self.timers.busy();
        }
        let counts = matches!(&event, Ok(Some(event)) if !matches!(event, Event::Close(_)));
        if counts && !self.may_come() {
            return Some(self.refuse_more(input));
        }
        match event {
            Ok(Some(Event::Ping(payload))) => {
                if self.config.automatic_pong && self.state == State::Open {
                    self.outgoing.pong(&payload);
                }
                Some(Event::Ping(payload))
            }
            Ok(Some(Event::Close(frame))) => {
                *input = &mut [];
                self.reads = false;
                self.details().remote = Some(frame.clone());
                if self.state == State::Ended {
                    // It was sent before the transport ended, and cannot be answered any more.
                    self.details().initiator.get_or_insert(Initiator::Remote);
                }
                if self.incoming.is_inside_message() {
                    self.details().cause.get_or_insert(Cause::Unfinished);
                }
                if self.answers_close || self.state != State::Open {
                    self.answer_close();
                }
                Some(Event::Close(frame))
            }
            Ok(event) => event,
            Err(error) => Some(self.refuse(error, input)),
        }
    }

    /// Whether `limits.rate` has room for another event.
    fn may_come(&mut self) -> bool {
        self.bucket.as_mut().is_none_or(|bucket| bucket.take())
    }

    #[cold]
    fn refuse_more<'b>(&mut self, input: &mut &'b mut [u8]) -> Event<'b> {
        let bucket = self.bucket.as_ref();
        let per_second = bucket.map_or(0, |bucket| bucket.per_second());
        self.refuse(ProtocolError::TooManyMessages { per_second }, input)
    }

    #[cold]
    fn refuse<'b>(&mut self, error: ProtocolError, input: &mut &'b mut [u8]) -> Event<'b> {
        *input = &mut [];
        self.fail(error);
        Event::Failed(error)
    }

    /// How many bytes of a frame that has begun are still to come: a hint how much to read at once.
    pub fn missing_bytes(&self) -> u64 {
        self.incoming.missing()
    }

    /// The transport ended: nothing more can come or go. What has come may still be given to
    /// [`receive`](Self::receive).
    pub fn receive_eof(&mut self) {
        self.end(Cause::Eof);
    }

    /// As [`receive_eof`](Self::receive_eof), where the transport failed with a fault that `text` describes.
    pub fn transport_failed(&mut self, text: &str) {
        self.end(Cause::Transport(text.into()));
    }

    /// The caller drops the transport without a closing handshake.
    pub fn abort(&mut self) {
        // What has ended before is read to its end.
        self.reads &= self.state == State::Ended;
        self.end(Cause::Aborted);
    }

    /// Queues one message, copied and masked as the role demands.
    ///
    /// A large payload that `message` owns is kept instead of copied, where no mask forbids that.
    ///
    /// # Errors
    ///
    /// After the closing began, when the queue is full, or inside a message sent in fragments.
    #[inline]
    pub fn send<'a>(&mut self, message: impl Into<MessageRef<'a>>) -> Result<(), SendError> {
        let message = message.into();
        let len = message.as_bytes().len();
        self.may_send_message(len)?;
        if len >= SHARE_FROM && message.is_owned() {
            self.outgoing.shared(message.into_message());
        } else {
            self.outgoing.message(&message);
        }
        Ok(())
    }

    /// Queues one message and keeps a large payload instead of copying it, where no mask forbids that.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn send_shared(&mut self, message: Message) -> Result<(), SendError> {
        let len = message.as_bytes().len();
        if len < SHARE_FROM {
            return self.send(&message);
        }
        self.may_send_message(len)?;
        self.outgoing.shared(message);
        Ok(())
    }

    /// Queues one message that was framed, and compressed, for many connections at once.
    ///
    /// Its bytes are shared from 1 KiB on; copying fewer costs less. A client masks a copy.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, message: &Prepared) -> Result<(), SendError> {
        self.may_send_message(message.message().as_bytes().len())?;
        self.outgoing.prepared(message);
        Ok(())
    }

    /// From now on messages are queued even beyond `limits.send_buffer`: for a caller that has accepted
    /// some, within a limit of its own, and wants none lost when it closes.
    pub const fn lift_send_limit(&mut self) {
        self.has_send_limit = false;
    }

    /// Queues one frame of a message that is sent in fragments (RFC 6455 §5.4).
    ///
    /// With compression, the length of the first fragment decides for the whole message.
    ///
    /// The first call begins the message, the one with `last` ends it. Pings, pongs and a close may
    /// go between them, other messages may not.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and when the kind changes within the message.
    pub fn send_fragment<'a>(
        &mut self,
        fragment: impl Into<MessageRef<'a>>,
        last: bool,
    ) -> Result<(), SendError> {
        let fragment = fragment.into();
        self.may_send(fragment.as_bytes().len())?;
        self.timers.busy();
        self.outgoing.fragment(&fragment, last)
    }

    /// Whether a message sent in fragments has begun and not ended; no other can be sent meanwhile.
    pub const fn is_inside_message(&self) -> bool {
        self.outgoing.is_inside_message()
    }

    /// Queues a ping (RFC 6455 §5.5.2) of which no round trip is measured; see [`ping_at`](Self::ping_at).
    ///
    /// # Errors
    ///
    /// After the closing began, when the payload has more than 125 bytes, and when the queue is full.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        fits_control(payload)?;
        self.may_send(payload.len())?;
        self.outgoing.ping(payload);
        Ok(())
    }

    /// Queues a pong: the answer to a ping where `config.automatic_pong` is off, or an unasked sign
    /// of life (RFC 6455 §5.5.3). While one waits behind much else, only the latest is kept, so that
    /// there is always room.
    ///
    /// # Errors
    ///
    /// After the closing began, and when the payload has more than 125 bytes.
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        fits_control(payload)?;
        self.must_be_open()?;
        self.outgoing.pong(payload);
        Ok(())
    }

    /// Starts the closing handshake behind what is queued (RFC 6455 §7.1.2).
    ///
    /// A reason over 123 bytes is cut between two characters.
    ///
    /// # Errors
    ///
    /// When the code may not be sent, or the closing has begun already. Nothing is queued then.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), CloseError> {
        if code.is_invalid() {
            return Err(CloseError::InvalidCode(code));
        }
        if code.is_reserved() {
            return Err(CloseError::ReservedCode(code));
        }
        self.begin_close(CloseFrame::new(code, CloseFrame::fit_reason(reason)))
    }

    /// As [`close`](Self::close), with a frame that carries no code (RFC 6455 §5.5.1): the peer is told
    /// 1005.
    ///
    /// # Errors
    ///
    /// When the closing has begun already.
    pub fn close_without_code(&mut self) -> Result<(), CloseError> {
        self.begin_close(CloseFrame::new(CloseCode::NO_STATUS, ""))
    }

    fn begin_close(&mut self, frame: CloseFrame) -> Result<(), CloseError> {
        match self.state {
            State::Open => {}
            State::Ended => return Err(CloseError::Closed),
            State::CloseSent | State::Exchanged | State::Failed => return Err(CloseError::Closing),
        }
        self.state = self.state.next(Input::LocalClose);
        self.queue_close(frame, Initiator::Local);
        Ok(())
    }

    /// From now on the peer's close frame is answered by [`answer_close`](Self::answer_close): for a caller that
    /// has accepted messages which are to go out before the answer (RFC 6455 §5.5.1 has it sent as soon as
    /// practical).
    pub const fn hold_close_answer(&mut self) {
        self.answers_close = false;
    }

    /// Answers the peer's close frame: to be called right after [`Event::Close`] where the answer is held.
    ///
    /// Does nothing where no close frame waits for its answer.
    pub fn answer_close(&mut self) {
        let Some(frame) = self.closed().and_then(|closed| closed.remote.clone()) else {
            return;
        };
        let answer = self.state == State::Open;
        self.state = self.state.next(Input::RemoteClose);
        // Unless this side's came first.
        if answer {
            self.queue_close(frame, Initiator::Remote);
        }
    }

    /// How long the closing handshake may take, in place of `timeouts.close`, unless [`Self::poll_timeout`]
    /// has named its end already.
    pub fn set_close_timeout(&mut self, timeout: Duration) {
        self.timers.set_close_timeout(timeout);
    }

    /// What is to be written, in order, as pieces for one vectored write.
    pub fn transmit(&self) -> impl Iterator<Item = &[u8]> {
        self.outgoing.pieces()
    }

    /// As [`transmit`](Self::transmit), where all of it lies in one piece of memory.
    ///
    /// `None` if nothing is queued, or a large payload is shared.
    #[inline]
    pub fn transmit_whole(&self) -> Option<&[u8]> {
        self.outgoing.whole()
    }

    /// The first `len` bytes of what [`transmit`](Self::transmit) showed were written.
    pub fn transmitted(&mut self, len: usize) {
        self.timers.moved(len);
        self.outgoing.written(len);
    }

    /// Whether [`transmit`](Self::transmit) has anything to show.
    pub const fn wants_write(&self) -> bool {
        self.outgoing.queued() > 0
    }

    /// Bytes that are queued and not yet written, headers included.
    pub const fn queued_bytes(&self) -> usize {
        self.outgoing.queued()
    }

    /// Takes the memory that holds queued bytes, if all are written. An idle connection needs none.
    pub fn take_buffer(&mut self) -> Option<Vec<u8>> {
        self.outgoing.take_buffer()
    }

    /// Lends memory for queued bytes, so that many connections can share it.
    pub fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.outgoing.lend_buffer(buffer);
    }

    /// Whether the transport's write side should be shut down now: all is written and nothing may
    /// follow. The server ends the transport first (RFC 6455 §7.1.1); a client does so after a failure.
    pub fn wants_shutdown(&self) -> bool {
        !self.wants_write()
            && match self.state {
                State::Exchanged => self.role == Role::Server,
                State::Failed => true,
                State::Open | State::CloseSent | State::Ended => false,
            }
    }

    /// What compression has made of its messages so far; `None` where none was agreed on.
    pub fn compression(&self) -> Option<Compression> {
        // What comes can always be inflated; what goes, only for a window that is large enough.
        Some(Compression {
            received: self.incoming.counts()?,
            sent: self.outgoing.counts().unwrap_or_default(),
        })
    }

    /// Where the closing handshake stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// How the connection ended, once it has; what is known so far while it is closing.
    pub fn closed(&self) -> Option<&Closed> {
        self.closed.as_deref()
    }

    /// Which end of the connection this is.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The settings that the connection was made with.
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    const fn must_be_open(&self) -> Result<(), SendError> {
        match self.state {
            State::Open => Ok(()),
            State::Ended => Err(SendError::Closed),
            State::CloseSent | State::Exchanged | State::Failed => Err(SendError::Closing),
        }
    }

    fn may_send(&self, len: usize) -> Result<(), SendError> {
        self.must_be_open()?;
        let queued = self.outgoing.queued();
        if self.has_send_limit
            && queued > 0
            && queued.saturating_add(len) > self.config.limits.send_buffer
        {
            return Err(SendError::Full);
        }
        Ok(())
    }

    #[inline]
    fn may_send_message(&mut self, len: usize) -> Result<(), SendError> {
        self.may_send(len)?;
        if self.outgoing.is_inside_message() {
            return Err(SendError::InsideMessage);
        }
        self.timers.busy();
        Ok(())
    }

    /// RFC 6455 §7.1.7: the peer is told why, and nothing more is read.
    fn fail(&mut self, error: ProtocolError) {
        let tell = self.state == State::Open;
        self.reads = false;
        self.state = self.state.next(Input::Violation);
        if tell {
            self.queue_close(CloseFrame::new(error.close_code(), ""), Initiator::Local);
        }
        self.details().cause = Some(Cause::Protocol(error));
    }

    fn queue_close(&mut self, frame: CloseFrame, initiator: Initiator) {
        let is_unfinished = self.outgoing.is_inside_message();
        self.outgoing.close(&frame);
        let details = self.details();
        if is_unfinished {
            details.cause.get_or_insert(Cause::Unfinished);
        }
        details.local = Some(frame);
        details.initiator = Some(initiator);
    }

    fn end(&mut self, cause: Cause) {
        let before = self.state;
        self.state = before.next(Input::TransportEnd);
        // After the closing handshake or a failure the end of the transport is what was wanted, unless
        // the close frame never left.
        if matches!(before, State::Open | State::CloseSent)
            || (before == State::Exchanged && self.wants_write())
        {
            // An idle connection has its cause already. That of one which was to end inside a message tells less
            // than this.
            let known = &mut self.details().cause;
            known.take_if(|known| *known == Cause::Unfinished);
            known.get_or_insert(cause);
        }
        self.outgoing.discard();
    }

    fn details(&mut self) -> &mut Closed {
        self.closed.get_or_insert_default()
    }
}

const fn fits_control(payload: &[u8]) -> Result<(), SendError> {
    if payload.len() > MAX_CONTROL_PAYLOAD {
        return Err(SendError::ControlTooLong);
    }
    Ok(())
}

/// Payloads from here on are kept by reference on a server: a copy costs more than a further piece
/// of a vectored write.
const SHARE_FROM: usize = 8 * 1024;
