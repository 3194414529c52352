//! What is measured: one direction, role, kind of payload and size.

use bytes::Bytes;

/// Frames are handed out in batches of at most this, or one by one if they are larger: what is there
/// when a busy socket is read.
const BATCH: usize = 64 * 1024;

const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 1024 * 1024];
const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

const ASCII: &str = "The quick brown fox jumps over the lazy dog, and 17 more did so before. ";
const MIXED: &str =
    "Größe, où, żółć; Съешь ещё этих мягких булок; 敏捷的棕色狐狸; いろはにほへと; 🦀🌊⛵ ok. ";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Receive,
    Send,
}

/// Which end the library under test is: a server receives masked frames, a client sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    Ascii,
    /// Latin, Cyrillic, Chinese, Japanese, emoji.
    Mixed,
    Binary,
}

#[derive(Clone, Debug)]
pub struct Cell {
    pub direction: Direction,
    pub role: Role,
    pub payload: Payload,
    pub size: usize,
}

impl Cell {
    pub fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for direction in [Direction::Receive, Direction::Send] {
            for role in [Role::Server, Role::Client] {
                for payload in [Payload::Ascii, Payload::Mixed, Payload::Binary] {
                    cells.extend(SIZES.map(|size| Self {
                        direction,
                        role,
                        payload,
                        size,
                    }));
                }
            }
        }
        cells
    }

    pub fn name(&self) -> String {
        let parts = (self.direction, self.role, self.payload);
        let (direction, role, payload) = parts;
        format!("{direction:?}/{role:?}/{payload:?}/{}", self.size).to_lowercase()
    }

    pub fn is_text(&self) -> bool {
        self.payload != Payload::Binary
    }

    pub fn is_server(&self) -> bool {
        self.role == Role::Server
    }

    /// The message, text or not, as the libraries take it that share payloads.
    pub fn message(&self) -> Bytes {
        match self.payload {
            Payload::Ascii => text(ASCII, self.size).into(),
            Payload::Mixed => text(MIXED, self.size).into(),
            Payload::Binary => noise(self.size).into(),
        }
    }

    /// As many frames with the message as fit into one batch, at least one.
    pub fn frames(&self) -> Vec<u8> {
        let frame = self.frame();
        frame.repeat((BATCH / frame.len()).max(1))
    }

    fn frame(&self) -> Vec<u8> {
        let masked = u8::from(self.is_server()) << 7;
        let mut frame = vec![if self.is_text() { 0x81 } else { 0x82 }];
        match self.size {
            0..=125 => frame.push(masked | self.size as u8),
            126..=0xFFFF => {
                frame.push(masked | 126);
                frame.extend((self.size as u16).to_be_bytes());
            }
            _ => {
                frame.push(masked | 127);
                frame.extend((self.size as u64).to_be_bytes());
            }
        }
        let message = self.message();
        if self.is_server() {
            frame.extend(KEY);
            frame.extend(
                message
                    .iter()
                    .zip(KEY.iter().cycle())
                    .map(|(byte, key)| byte ^ key),
            );
        } else {
            frame.extend(message);
        }
        frame
    }

    /// Takes a message that a library received.
    #[inline]
    pub fn received(&self, payload: &[u8]) {
        assert_eq!(payload.len(), self.size, "the length of a message");
        std::hint::black_box(payload);
        if cfg!(test) {
            assert_eq!(payload, self.message(), "the content of a message");
        }
    }
}

/// The first `size` bytes of `pattern` again and again; spaces for a character that would be cut.
fn text(pattern: &str, size: usize) -> String {
    let mut text = pattern.repeat(size / pattern.len() + 1);
    text.truncate(text.floor_char_boundary(size));
    text.extend(std::iter::repeat_n(' ', size - text.len()));
    text
}

/// Bytes without a pattern that a processor could learn.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..size).map(|_| next()).collect()
}
