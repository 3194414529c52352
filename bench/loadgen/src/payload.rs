//! What the messages say: made up, the same in every run, and as long as asked for.

use std::str::FromStr;

use crate::options::Options;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ascii,
    Mixed,
    Json,
    Binary,
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Ascii, Self::Mixed, Self::Json, Self::Binary]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(())
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Mixed => "mixed",
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }

    pub(crate) fn opcode(self) -> u8 {
        if self == Self::Binary { 2 } else { 1 }
    }
}

/// All payloads, one after another, for programs that want to know what was sent.
pub(crate) fn all(options: &Options) -> Vec<u8> {
    (0..options.variety)
        .flat_map(|serial| payload(options.payload, options.size, serial))
        .collect()
}

/// The payload with this serial number, of exactly `size` bytes; text kinds are valid UTF-8.
pub(crate) fn payload(kind: Kind, size: usize, serial: usize) -> Vec<u8> {
    let mut noise =
        Noise(0x9e37_79b9_7f4a_7c15 ^ (serial as u64).wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut bytes = Vec::with_capacity(size + 128);
    match kind {
        Kind::Binary => {
            while bytes.len() < size {
                bytes.extend_from_slice(&noise.next().to_le_bytes());
            }
        }
        Kind::Ascii => bytes.extend((0..size).map(|_| b' ' + noise.below(95).to_le_bytes()[0])),
        Kind::Mixed => mixed(&mut bytes, size, &mut noise),
        Kind::Json => json(&mut bytes, size, &mut noise),
    }
    bytes.truncate(size);
    bytes
}

/// Mostly Latin with accents, some Cyrillic, CJK and emoji.
fn mixed(bytes: &mut Vec<u8>, size: usize, noise: &mut Noise) {
    const LETTERS: [&str; 15] = [
        "e", "t", "a", "o", "n", " ", "é", "ü", "ß", "д", "и", "漢", "字", "か", "😀",
    ];
    while bytes.len() < size {
        let index = usize::from(noise.below(LETTERS.len() as u64).to_le_bytes()[0]);
        let letter = LETTERS[index].as_bytes();
        let fits = bytes.len() + letter.len() <= size;
        bytes.extend_from_slice(if fits { letter } else { b"." });
    }
}

fn json(bytes: &mut Vec<u8>, size: usize, noise: &mut Noise) {
    bytes.extend_from_slice(b"{\"type\":\"update\",\"items\":[");
    let mut id = 0;
    while bytes.len() < size {
        let (user, price, cents) = (noise.below(1_000), noise.below(10_000), noise.below(100));
        let (active, a, b) = (noise.below(2) == 0, noise.below(10), noise.below(10));
        let item = format!(
            "{{\"id\":{id},\"user\":\"user{user}\",\"price\":{price}.{cents:02},\
             \"active\":{active},\"tags\":[\"a{a}\",\"b{b}\"]}},"
        );
        bytes.extend_from_slice(item.as_bytes());
        id += 1;
    }
    bytes.truncate(size.saturating_sub(2));
    bytes.extend_from_slice(b"]}");
}

/// Numbers that look random (xorshift64*), from a seed.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 32) % limit
    }
}
