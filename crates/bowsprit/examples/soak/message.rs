//! Messages that show by themselves whether they are what was sent.

use std::hash::{DefaultHasher, Hash, Hasher};

use bowsprit::Message;

/// The sender of what the server tells all.
pub(crate) const EVERYBODY: u64 = u64::MAX;

/// Three numbers of 16 digits, and a blank behind each.
pub(crate) const HEAD: usize = 51;

const WORDS: [&str; 8] = [
    "anchor ",
    "bowsprit ",
    "capstan ",
    "dinghy ",
    "ensign ",
    "fathom ",
    "galley ",
    "halyard ",
];

/// Who sent a message, and its place among all that this sender has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) sender: u64,
    pub(crate) number: u64,
}

impl Stamp {
    /// The message with this stamp, of `length` bytes or a head's: text of few words if the number is even,
    /// else bytes by chance.
    pub(crate) fn message(self, length: usize) -> Message {
        let Self { sender, number } = self;
        let mut body = Vec::with_capacity(length);
        let mut state = sender.wrapping_mul(0x9E37_79B9).wrapping_add(number);
        let is_text = number % 2 == 0;
        while body.len() < length.saturating_sub(HEAD) {
            let chance = next(&mut state);
            if is_text {
                body.extend(WORDS[usize::from(chance.to_le_bytes()[0] % 8)].bytes());
            } else {
                body.extend(chance.to_le_bytes());
            }
        }
        body.truncate(length.saturating_sub(HEAD));
        let sum = checksum(self, is_text, &body);
        let mut whole = format!("{sender:016x} {number:016x} {sum:016x} ").into_bytes();
        whole.append(&mut body);
        match String::from_utf8(whole) {
            Ok(text) if is_text => text.into(),
            Ok(text) => text.into_bytes().into(),
            Err(bytes) => bytes.into_bytes().into(),
        }
    }

    /// The stamp of a message that came; `None` if it is not what its sender has sent.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let (head, body) = message.as_bytes().split_at_checked(HEAD)?;
        let head = std::str::from_utf8(head).ok()?;
        let mut numbers = head
            .split_terminator(' ')
            .map(|part| u64::from_str_radix(part, 16));
        let mut number = || numbers.next()?.ok();
        let (sender, place, sum) = (number()?, number()?, number()?);
        let stamp = Self {
            sender,
            number: place,
        };
        (checksum(stamp, message.as_text().is_some(), body) == sum).then_some(stamp)
    }
}

/// SplitMix64.
pub(crate) const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn checksum(stamp: Stamp, is_text: bool, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (stamp.sender, stamp.number, is_text).hash(&mut hasher);
    hasher.write(body);
    hasher.finish()
}
