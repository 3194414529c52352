//! What the tests of permessage-deflate share: ends that agreed on it, blocks made by hand, and another
//! implementation.

use std::sync::Arc;

use bowsprit_proto::{
    Config, Connection, Deflate, Role, Uri,
    handshake::{Accept, Agreed, ClientHandshake, HandshakeError, Request, ServerHandshake},
};
use flate2::{Compress, Compression, FlushCompress};

use crate::support::{KEY, frame};

/// First bytes of frames: a whole message, and the beginning of one in fragments.
pub(crate) const TEXT: u8 = 0xC1;
pub(crate) const BINARY: u8 = 0xC2;
pub(crate) const BEGIN_TEXT: u8 = 0x41;
pub(crate) const BEGIN_BINARY: u8 = 0x42;

/// Settings of both ends: context takeover both ways or none, these windows, all messages compressed.
pub(crate) fn settings(has_takeover: bool, window_bits: u8, level: u8) -> Deflate {
    let mut settings = Deflate::shared();
    settings.server_context_takeover = has_takeover;
    settings.client_context_takeover = has_takeover;
    settings.server_max_window_bits = window_bits;
    settings.client_max_window_bits = window_bits;
    settings.level = level;
    settings.threshold = 0;
    settings
}

fn config(role: Role, deflate: Option<Deflate>) -> Config {
    let mut config = Config::for_role(role);
    config.deflate = deflate;
    config
}

/// What a client asks for, and the handshake that waits for the answer.
pub(crate) fn client(deflate: Option<Deflate>) -> ClientHandshake {
    let uri = Uri::parse("ws://localhost/").expect("a URI");
    let config = config(Role::Client, deflate);
    ClientHandshake::new(&Request::new(uri), [7; 16], &config)
}

/// The values of all lines with extensions.
pub(crate) fn extensions(head: &[u8]) -> Vec<String> {
    let head = String::from_utf8(head.to_vec()).expect("a head in ASCII");
    let lines = head
        .lines()
        .filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    lines.map(str::to_owned).collect()
}

/// What a server makes of a request, and the head of its answer.
pub(crate) fn serve(
    deflate: Option<Deflate>,
    mut request: &[u8],
) -> Result<(Agreed, Vec<u8>), HandshakeError> {
    let mut server = ServerHandshake::new(&config(Role::Server, deflate));
    assert!(server.receive(&mut request)?, "the request is whole");
    let mut answer = Vec::new();
    let agreed = server
        .accept(&Accept::default(), &mut answer)
        .expect("a request that can be accepted");
    Ok((agreed, answer))
}

/// What a client and a server with these settings agree on, as each of them sees it.
pub(crate) fn agree(ours: Option<Deflate>, theirs: Option<Deflate>) -> (Agreed, Agreed) {
    let mut client = client(ours);
    let (served, answer) = serve(theirs, client.request_bytes()).expect("a sound request");
    let agreed = client.receive(&mut &answer[..]).expect("a sound answer");
    (agreed.expect("the whole answer"), served)
}

/// A connection that agreed with a peer of the same settings.
pub(crate) fn deflated(role: Role, deflate: Deflate) -> Connection {
    deflated_with(role, deflate, |_| {})
}

pub(crate) fn deflated_with(
    role: Role,
    deflate: Deflate,
    adjust: impl FnOnce(&mut Config),
) -> Connection {
    let (client, server) = agree(Some(deflate), Some(deflate));
    let mut config = config(role, Some(deflate));
    adjust(&mut config);
    let agreed = if role == Role::Client { client } else { server };
    Connection::new(role, Arc::new(config), || KEY).with_agreed(&agreed)
}

/// Compresses as another implementation does, which knows the messages before.
pub(crate) struct Reference(Compress);

impl Reference {
    pub(crate) fn new(level: u32) -> Self {
        Self(Compress::new(Compression::new(level), false))
    }

    /// The payload of a compressed message.
    pub(crate) fn message(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + data.len() / 8 + 1024);
        let before = self.0.total_in();
        self.0
            .compress_vec(data, &mut out, FlushCompress::Sync)
            .expect("valid parameters");
        assert_eq!(self.0.total_in() - before, data.len() as u64, "all of it");
        assert!(out.ends_with(&[0, 0, 0xFF, 0xFF]), "a flush");
        out.truncate(out.len() - 4);
        out
    }
}

/// The payload of a compressed message that knows no other.
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    Reference::new(6).message(data)
}

/// A compressed message in one frame.
pub(crate) fn message(from: Role, first: u8, data: &[u8]) -> Vec<u8> {
    frame(from, first, &compress(data))
}

/// Writes blocks bit by bit.
#[derive(Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    /// Numbers: their lowest bit first.
    pub(crate) fn number(mut self, value: usize, count: usize) -> Self {
        for n in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::from(value >> n & 1 == 1);
            *self.bytes.last_mut().expect("pushed above") |= bit << (self.used % 8);
            self.used += 1;
        }
        self
    }

    /// Codes: their highest bit first.
    fn code(self, value: usize, count: usize) -> Self {
        (0..count)
            .rev()
            .fold(self, |bits, n| bits.number(value >> n, 1))
    }

    /// The header of a block with the fixed codes.
    pub(crate) fn fixed(self, is_final: bool) -> Self {
        self.number(usize::from(is_final), 1).number(1, 2)
    }

    pub(crate) fn literal(self, byte: u8) -> Self {
        let byte = usize::from(byte);
        if byte < 144 {
            self.code(0x30 + byte, 8)
        } else {
            self.code(0x190 + byte - 144, 9)
        }
    }

    /// Three bytes from this far back.
    pub(crate) fn copy_three(self, distance: usize) -> Self {
        let (mut code, mut base, mut extra) = (0, 1, 0);
        while base + (1 << extra) <= distance {
            base += 1 << extra;
            code += 1;
            extra = if code < 4 { 0 } else { code / 2 - 1 };
        }
        self.code(1, 7).code(code, 5).number(distance - base, extra)
    }

    pub(crate) fn end_of_block(self) -> Self {
        self.code(0, 7)
    }

    pub(crate) fn align(mut self) -> Self {
        self.used = self.bytes.len() * 8;
        self
    }

    pub(crate) fn stored(self, data: &[u8]) -> Self {
        let mut bits = self.number(0, 3).align();
        let len = u16::try_from(data.len()).expect("a block of 64 KiB at most");
        bits.bytes.extend(len.to_le_bytes());
        bits.bytes.extend((!len).to_le_bytes());
        bits.bytes.extend(data);
        bits.align()
    }

    /// The beginning of the empty block at the end of every message.
    pub(crate) fn payload(self) -> Vec<u8> {
        self.number(0, 3).bytes
    }

    pub(crate) fn cut(self) -> Vec<u8> {
        self.bytes
    }
}

/// Bytes that nothing compresses, always the same.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// Text that compresses well, a little different for each `n`.
pub(crate) fn prose(len: usize, n: usize) -> String {
    let line = format!(
        "{{\"trade\":{n},\"symbol\":\"ABC\",\"price\":{}}};",
        n * 7919
    );
    line.chars().cycle().take(len).collect()
}
