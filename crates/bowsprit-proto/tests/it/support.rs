//! What the tests share: frames made by hand, what a connection made of them, and two joined ends.

use std::{sync::Arc, time::Duration};

use bowsprit_proto::{
    Closed, Config, Connection, Event, Message, MessageRef, ProtocolError, Role, State, Timestamp,
    frame::MaskingKey,
};

/// The masking key of the examples in RFC 6455 §5.7.
pub(crate) const KEY: MaskingKey = [0x37, 0xFA, 0x21, 0x3D];

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

pub(crate) const fn peer_of(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// A connection with the defaults of its role.
pub(crate) fn open(role: Role) -> Connection {
    open_with(role, |_| {})
}

pub(crate) fn open_with(role: Role, adjust: impl FnOnce(&mut Config)) -> Connection {
    let mut config = Config::for_role(role);
    adjust(&mut config);
    Connection::new(role, Arc::new(config), || KEY)
}

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16);
    digits
        .chunks(2)
        .map(|pair| byte(pair).expect("pairs of hex digits"))
        .collect()
}

/// A frame as `from` sends it, made without the code under test. `first` is its first byte.
pub(crate) fn frame(from: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = if from == Role::Client { 0x80 } else { 0 };
    let mut wire = vec![first];
    if let Ok(len @ 0..=125) = u8::try_from(payload.len()) {
        wire.push(mask | len);
    } else if let Ok(len) = u16::try_from(payload.len()) {
        wire.push(mask | 126);
        wire.extend(len.to_be_bytes());
    } else {
        wire.push(mask | 127);
        wire.extend((payload.len() as u64).to_be_bytes());
    }
    if from == Role::Client {
        wire.extend(KEY);
        wire.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k));
    } else {
        wire.extend(payload);
    }
    wire
}

/// A message in these fragments; `opcode` is that of the first.
pub(crate) fn fragments(from: Role, opcode: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        let fin = if i + 1 == pieces.len() { 0x80 } else { 0 };
        wire.extend(frame(from, fin | if i == 0 { opcode } else { 0 }, piece));
    }
    wire
}

pub(crate) fn close_frame(from: Role, code: u16, reason: &[u8]) -> Vec<u8> {
    frame(from, 0x88, &[&code.to_be_bytes(), reason].concat())
}

/// An [`Event`] to keep and to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    TextPiece(String, bool),
    BinaryPiece(Vec<u8>, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Failed(ProtocolError),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Message(MessageRef::Text(text)) => Self::Text(text.into()),
            Event::Message(MessageRef::Binary(data)) => Self::Binary(data.into()),
            Event::Fragment(MessageRef::Text(text), last) => Self::TextPiece(text.into(), last),
            Event::Fragment(MessageRef::Binary(data), last) => Self::BinaryPiece(data.into(), last),
            Event::Ping(payload) => Self::Ping(payload.into()),
            Event::Pong(payload) => Self::Pong(payload.into()),
            Event::Close(frame) => Self::Close(frame.code.0, frame.reason.as_str().into()),
            Event::Failed(error) => Self::Failed(error),
            other => panic!("an event that the tests do not know: {other:?}"),
        }
    }
}

impl From<&Message> for Seen {
    fn from(message: &Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.as_str().into()),
            Message::Binary(data) => Self::Binary(data.to_vec()),
        }
    }
}

pub(crate) fn text(text: &str) -> Seen {
    Seen::Text(text.into())
}

/// Gives all of `bytes` in one read.
pub(crate) fn feed(connection: &mut Connection, bytes: &[u8]) -> Vec<Seen> {
    let mut buffer = bytes.to_vec();
    let mut input = &mut buffer[..];
    let mut seen = Vec::new();
    while let Some(event) = connection.receive(&mut input) {
        seen.push(event.into());
    }
    assert!(input.is_empty(), "input must be used up before `None`");
    seen
}

/// Gives `bytes` in reads of these sizes, over and over.
pub(crate) fn feed_in(connection: &mut Connection, bytes: &[u8], sizes: &[usize]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at((*size).clamp(1, rest.len()));
        seen.extend(feed(connection, now));
        rest = later;
    }
    seen
}

/// Takes all that is queued for the peer.
pub(crate) fn sent(connection: &mut Connection) -> Vec<u8> {
    let mut wire = Vec::new();
    // A pong that waited for room is queued when the rest has left.
    while connection.wants_write() {
        let before = wire.len();
        wire.extend(connection.transmit().flatten());
        assert_eq!(wire.len() - before, connection.queued_bytes());
        connection.transmitted(wire.len() - before);
    }
    wire
}

/// What one input did to a fresh connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Seen>,
    pub(crate) sent: Vec<u8>,
    pub(crate) state: State,
    pub(crate) closed: Option<Closed>,
}

impl Outcome {
    pub(crate) fn of(mut connection: Connection, bytes: &[u8], sizes: &[usize]) -> Self {
        let events = feed_in(&mut connection, bytes, sizes);
        Self {
            events,
            sent: sent(&mut connection),
            state: connection.state(),
            closed: connection.closed().cloned(),
        }
    }
}

/// Gives `bytes` to fresh connections: whole, one byte at a time, and in two reads, cut at every
/// place where a frame header can be. Checks that it makes no difference.
pub(crate) fn receive(make: impl Fn() -> Connection, bytes: &[u8]) -> Outcome {
    let whole = Outcome::of(make(), bytes, &[usize::MAX]);
    assert_eq!(
        Outcome::of(make(), bytes, &[1]),
        whole,
        "one byte at a time"
    );
    for cut in 1..bytes.len().min(600) {
        let outcome = Outcome::of(make(), bytes, &[cut, usize::MAX]);
        assert_eq!(outcome, whole, "cut at {cut}");
    }
    whole
}

/// Joins neighbouring pieces of one message: reads cut them anywhere.
pub(crate) fn coalesced(seen: Vec<Seen>) -> Vec<Seen> {
    let mut joined: Vec<Seen> = Vec::new();
    for next in seen {
        match (joined.last_mut(), next) {
            (Some(Seen::TextPiece(text, last @ false)), Seen::TextPiece(more, ends)) => {
                text.push_str(&more);
                *last = ends;
            }
            (Some(Seen::BinaryPiece(data, last @ false)), Seen::BinaryPiece(more, ends)) => {
                data.extend(more);
                *last = ends;
            }
            (_, next) => joined.push(next),
        }
    }
    joined
}

/// The whole messages among the events, put together where they were streamed.
pub(crate) fn heard(events: &[Seen]) -> Vec<Seen> {
    let is_data = |seen: &&Seen| {
        !matches!(
            seen,
            Seen::Ping(_) | Seen::Pong(_) | Seen::Close(..) | Seen::Failed(_)
        )
    };
    let data: Vec<Seen> = events.iter().filter(is_data).cloned().collect();
    let whole = coalesced(data).into_iter().filter_map(|seen| match seen {
        Seen::TextPiece(text, last) => last.then_some(Seen::Text(text)),
        Seen::BinaryPiece(data, last) => last.then_some(Seen::Binary(data)),
        whole => Some(whole),
    });
    whole.collect()
}

/// What a connection does with `input`, with what depends on the reads taken out.
pub(crate) fn judged(make: &impl Fn() -> Connection, input: &[u8], reads: &[usize]) -> Outcome {
    let mut outcome = Outcome::of(make(), input, reads);
    outcome.events = coalesced(outcome.events);
    // A streamed piece that came before a fault in it may have been handed out already, or not.
    if let [
        ..,
        Seen::TextPiece(_, false) | Seen::BinaryPiece(_, false),
        Seen::Failed(_),
    ] = outcome.events[..]
    {
        outcome.events.remove(outcome.events.len() - 2);
    }
    outcome
}

/// A frame as it left: its first byte, its key and its payload in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) first: u8,
    pub(crate) key: Option<MaskingKey>,
    pub(crate) payload: Vec<u8>,
}

/// Takes what was sent apart, without the code under test.
pub(crate) fn frames(mut wire: &[u8]) -> Vec<Sent> {
    let mut frames = Vec::new();
    while !wire.is_empty() {
        let mut take = |len: usize| {
            let (taken, rest) = wire.split_at(len);
            wire = rest;
            taken.to_vec()
        };
        let head = take(2);
        let len = match head[1] & 0x7F {
            126 => take(2).iter().fold(0, |n, b| n << 8 | usize::from(*b)),
            127 => take(8).iter().fold(0, |n, b| n << 8 | usize::from(*b)),
            len => len.into(),
        };
        let key = (head[1] & 0x80 != 0).then(|| take(4).try_into().expect("four bytes"));
        let mut payload = take(len);
        for (byte, key) in payload.iter_mut().zip(key.iter().flatten().cycle()) {
            *byte ^= key;
        }
        frames.push(Sent {
            first: head[0],
            key,
            payload,
        });
    }
    frames
}

/// First bytes and payloads only.
pub(crate) fn plain(wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let frames = frames(wire).into_iter();
    frames.map(|sent| (sent.first, sent.payload)).collect()
}

/// One end of a [`Pair`], what it saw, and what is on its way to the other.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) connection: Connection,
    pub(crate) seen: Vec<Seen>,
    wire: Vec<u8>,
    finished: bool,
}

impl End {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            seen: Vec::new(),
            wire: Vec::new(),
            finished: false,
        }
    }

    /// Writes at most `len` bytes to the wire, which ends where the transport would be shut down.
    fn write(&mut self, len: usize) {
        let before = self.wire.len();
        for piece in self.connection.transmit() {
            let room = len - (self.wire.len() - before);
            self.wire
                .extend_from_slice(piece.get(..room).unwrap_or(piece));
        }
        self.connection.transmitted(self.wire.len() - before);
        self.finished |=
            self.connection.wants_shutdown() || self.connection.state() == State::Ended;
    }

    /// Reads at most `len` bytes of what `from` has put on the wire.
    fn read(&mut self, from: &mut Self, len: usize) {
        let bytes: Vec<u8> = from.wire.drain(..len.min(from.wire.len())).collect();
        self.seen.extend(feed(&mut self.connection, &bytes));
        if from.finished && from.wire.is_empty() {
            self.connection.receive_eof();
            self.finished = true;
        }
    }
}

/// A client and a server joined in memory, with a clock of their own.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: End,
    pub(crate) server: End,
    now: Timestamp,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(adjust: impl Fn(&mut Config)) -> Self {
        Self::of(ROLES.map(|role| open_with(role, &adjust)))
    }

    /// A client and a server.
    pub(crate) fn of([client, server]: [Connection; 2]) -> Self {
        let mut pair = Self {
            client: End::new(client),
            server: End::new(server),
            now: Timestamp(Duration::from_secs(1_000)),
        };
        pair.advance(Duration::ZERO);
        pair
    }

    /// The end of this role, and the other.
    pub(crate) fn ends(&mut self, role: Role) -> (&mut End, &mut End) {
        match role {
            Role::Client => (&mut self.client, &mut self.server),
            Role::Server => (&mut self.server, &mut self.client),
        }
    }

    pub(crate) fn end(&mut self, role: Role) -> &mut End {
        self.ends(role).0
    }

    /// Moves some bytes: `role` writes, and the other reads.
    pub(crate) fn transfer(&mut self, role: Role, written: usize, read: usize) {
        let (from, to) = self.ends(role);
        from.write(written);
        to.read(from, read);
    }

    /// Moves bytes both ways until nothing is left to move.
    pub(crate) fn run(&mut self) {
        loop {
            for role in ROLES {
                self.transfer(role, usize::MAX, usize::MAX);
            }
            if ROLES.map(|role| self.end(role).connection.wants_write()) == [false; 2] {
                // The ends of both directions still have to be seen.
                for role in ROLES {
                    self.transfer(role, 0, 0);
                }
                return;
            }
        }
    }

    /// Lets time pass, with each deadline at its moment, and moves no bytes.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        for role in ROLES {
            let mut now = self.now;
            let connection = &mut self.end(role).connection;
            while let Some(at) = connection.poll_timeout(now).filter(|at| *at <= end) {
                now = now.max(at);
                connection.handle_timeout(now);
                let next = connection.poll_timeout(now);
                assert!(next.is_none_or(|at| at > now), "it must not stay due");
            }
        }
        self.now = end;
    }
}
