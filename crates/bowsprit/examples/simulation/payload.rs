//! Messages that anybody can make again from their number, and compare without making them.

use std::sync::LazyLock;

use bowsprit::{Message, MessageRef};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::ledger::{Side, Voice};

/// The longest body.
const LONGEST: usize = 70_000;

/// The number in front of the body, after the voice.
const STAMP: usize = 9;

/// What bodies are cut from: words, so that it can be compressed.
static WORDS: LazyLock<String> = LazyLock::new(|| {
    let mut random = SmallRng::seed_from_u64(1);
    let vocabulary: Vec<String> = (0..300)
        .map(|_| {
            let len = random.random_range(2..9);
            (0..len)
                .map(|_| random.random_range('a'..='z'))
                .chain([' '])
                .collect()
        })
        .collect();
    let mut words = String::new();
    while words.len() < LONGEST * 2 {
        words.push_str(&vocabulary[random.random_range(0..vocabulary.len())]);
    }
    words
});

/// What a message is made of.
struct Recipe {
    stamp: [u8; STAMP],
    body: &'static str,
    is_text: bool,
}

impl Recipe {
    fn of(side: Side, voice: Voice, number: u64) -> Self {
        let hash = mixed(number * 8 + voice as u64 * 2 + side as u64);
        let len = match hash % 1_000 {
            0 => hash >> 8 & 0xFF_FFFF,
            1..20 => (hash >> 8) % 2_000,
            _ => (hash >> 8) % 60,
        };
        let len = usize::try_from(len).unwrap_or_default() % LONGEST;
        let at = usize::try_from(hash >> 40 & 0xFFFF).unwrap_or_default();
        let mut stamp = [b'0' + voice as u8; STAMP];
        for (place, letter) in stamp[1..].iter_mut().enumerate() {
            *letter = b'0' + (number >> (place * 5) & 31) as u8;
        }
        Self {
            stamp,
            body: &WORDS[at..at + len],
            is_text: !(hash >> 60).is_multiple_of(4),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.stamp[..], self.body.as_bytes()].concat()
    }
}

/// The message of this number.
pub(crate) fn message(side: Side, voice: Voice, number: u64) -> Message {
    let recipe = Recipe::of(side, voice, number);
    let bytes = recipe.bytes();
    if recipe.is_text {
        // Words and digits are ASCII.
        String::from_utf8(bytes).unwrap_or_default().into()
    } else {
        bytes.into()
    }
}

/// Whether it is the message of this number, and nothing of it has changed.
pub(crate) fn is_message(side: Side, voice: Voice, number: u64, heard: &MessageRef<'_>) -> bool {
    let recipe = Recipe::of(side, voice, number);
    let bytes = heard.as_bytes();
    bytes.len() == STAMP + recipe.body.len()
        && bytes[..STAMP] == recipe.stamp
        && bytes[STAMP..] == *recipe.body.as_bytes()
        && heard.as_text().is_some() == recipe.is_text
}

/// Its beginning, for a report.
pub(crate) fn excerpt(heard: &MessageRef<'_>) -> String {
    let bytes = heard.as_bytes();
    String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned()
}

/// Who says he sent it, and its number as far as it can be told.
pub(crate) fn sender_of(heard: &MessageRef<'_>) -> Option<(Voice, u64)> {
    let (voice, number) = heard.as_bytes().get(..STAMP)?.split_first()?;
    let number = number.iter().rev().fold(0, |sum, letter| {
        sum << 5 | u64::from(letter.wrapping_sub(b'0') & 31)
    });
    let voice = [Voice::Owner, Voice::Handle, Voice::Crowd]
        .into_iter()
        .find(|known| *known as u8 == voice.wrapping_sub(b'0'))?;
    Some((voice, number))
}

/// Spreads the bits of a number (the finalizer of splitmix64).
pub(crate) const fn mixed(number: u64) -> u64 {
    let mut hash = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ hash >> 31
}
