//! The messages: made from a fixed seed, so that every library sees the same ones.

use std::fmt::Write;

pub struct Payload {
    pub name: &'static str,
    pub messages: Vec<Vec<u8>>,
    /// The messages, two times in a row.
    history: Vec<u8>,
}

impl Payload {
    /// What went before a message, if the messages go round in a circle.
    pub fn window(&self, index: usize, bits: u8) -> &[u8] {
        let end = self.history.len() / 2 + index * self.messages[0].len();
        &self.history[end - (1 << bits)..end]
    }
}

/// Two windows of the largest size: no message meets its own copy of the round before.
const TOTAL: usize = 64 * 1024;

pub fn all() -> Vec<Payload> {
    let mut random = Random::new(7692);
    let mut payload = |name, size: usize, make: fn(&mut Random, usize) -> Vec<u8>| {
        let messages: Vec<_> = (0..TOTAL.div_ceil(size))
            .map(|_| make(&mut random, size))
            .collect();
        let history = messages.concat().repeat(2);
        Payload {
            name,
            messages,
            history,
        }
    };
    vec![
        payload("135 B trade", 135, trade),
        payload("1 KiB JSON", 1 << 10, events),
        payload("16 KiB JSON", 16 << 10, events),
        payload("1 MiB JSON", 1 << 20, events),
        payload("16 KiB noise", 16 << 10, noise),
    ]
}

/// A trade of which nothing changes but the price.
fn trade(random: &mut Random, size: usize) -> Vec<u8> {
    let (whole, cents) = (67_000 + random.below(1_000), random.below(100));
    let text = format!(
        r#"{{"e":"trade","E":1718000000123,"s":"BTCUSDT","t":35680123450,"p":"{whole}.{cents:02}000000","q":"0.00120000","T":1718000000120,"m":true,"M":true}}"#
    );
    assert_eq!(text.len(), size);
    text.into_bytes()
}

/// A list of chat events, cut at `size`.
fn events(random: &mut Random, size: usize) -> Vec<u8> {
    let mut text = String::from("[");
    while text.len() < size {
        let id = random.next();
        let (user, name) = (random.below(100_000), random.word());
        write!(
            text,
            r#"{{"id":"{id:016x}","type":"message","room":"general","user":{{"id":{user},"name":"{name}"}},"text":""#
        )
        .expect("a String takes any text");
        for _ in 0..4 + random.below(20) {
            text.push_str(random.word());
            text.push(' ');
        }
        let (minute, second, likes) = (random.below(60), random.below(60), random.below(20));
        write!(
            text,
            r#"","at":"2026-05-04T12:{minute:02}:{second:02}Z","likes":{likes},"edited":false}},"#
        )
        .expect("a String takes any text");
    }
    text.truncate(size);
    text.into_bytes()
}

fn noise(random: &mut Random, size: usize) -> Vec<u8> {
    (0..size).map(|_| random.next().to_be_bytes()[0]).collect()
}

const WORDS: &str = "the to a and you is it in of for that have on not with this be are we can I what just \
    so but like do if now get was there my no all time how about think yes know out would need one up \
    good here really work see some should today maybe people tomorrow thanks right because still again \
    meeting sorry before after question anyone answer release change problem server message yesterday \
    morning channel update version something nothing everyone probably waiting deploy customer forward \
    weekend document actually together breakfast understand remember interesting already elsewhere";

/// xorshift64*: enough for a benchmark, and no dependency.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Odd, and so not the one state that never changes.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 32) % bound
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }

    /// The smaller of two draws, because language has few frequent words.
    fn word(&mut self) -> &'static str {
        let count = WORDS.split_whitespace().count() as u64;
        let index = self.below(count).min(self.below(count));
        WORDS
            .split_whitespace()
            .nth(usize::try_from(index).expect("an index of the list"))
            .expect("below the count")
    }
}
