//! Payloads: text that is UTF-8 and text that is just not, bodies of close frames, data.

use crate::rng::Rng;

/// Characters at the edges of what one to four bytes can say.
const CHARACTERS: &[char] = &[
    'a',
    ' ',
    '\0',
    '\u{7F}',
    '\u{80}',
    'ß',
    '\u{7FF}',
    '\u{800}',
    '€',
    '\u{D7FF}',
    '\u{E000}',
    '\u{FFFF}',
    '\u{10000}',
    '😀',
    '\u{10FFFF}',
];

/// Not UTF-8, each for a reason of its own: overlong, surrogates, too large, no beginning, no end.
const BROKEN: &[&[u8]] = &[
    b"\xC0\xAF",
    b"\xC1\xBF",
    b"\xE0\x80\xAF",
    b"\xE0\x9F\xBF",
    b"\xF0\x80\x80\xAF",
    b"\xF0\x8F\xBF\xBF",
    b"\xED\xA0\x80",
    b"\xED\xBF\xBF",
    b"\xF4\x90\x80\x80",
    b"\xF5\x80\x80\x80",
    b"\xFF",
    b"\xFE",
    b"\x80",
    b"\xBF\xBF",
    b"\xC3",
    b"\xE2\x82",
    b"\xF0\x9F\x98",
    b"\xF0\x9F",
    b"\xE2(\xA1",
    b"\xF0\x28\x8C\xBC",
];

pub fn text(rng: &mut Rng) -> Vec<u8> {
    let count = length(rng);
    let mut text = String::new();
    while text.len() < count {
        if rng.one_in(3) {
            text.push(rng.pick(CHARACTERS));
        } else {
            text.push_str("word ");
        }
    }
    let mut text = text.into_bytes();
    if rng.one_in(6) {
        let broken = rng.pick(BROKEN);
        // Anywhere, or where it decides: at the end.
        let at = if rng.one_in(2) {
            text.len()
        } else {
            rng.below(text.len() + 1)
        };
        text.splice(at..at, broken.iter().copied());
    }
    text
}

pub fn data(rng: &mut Rng) -> Vec<u8> {
    let len = length(rng);
    match rng.below(3) {
        0 => vec![rng.byte(); len],
        1 => b"abcdefg, ".iter().copied().cycle().take(len).collect(),
        _ => rng.bytes(len),
    }
}

/// Mostly short, sometimes at an edge of the forms of a length or of a limit.
fn length(rng: &mut Rng) -> usize {
    match rng.below(40) {
        0 => rng.pick(&[125, 126, 127, 128, 129]),
        1 => rng.pick(&[999, 1000, 1001, 2043, 2044, 2045, 4096, 4097]),
        2 if rng.one_in(30) => rng.pick(&[65_535, 65_536, 65_537]),
        2..=5 => rng.below(600),
        6..=9 => 0,
        _ => rng.below(24),
    }
}

/// Of a ping or a pong.
pub fn control(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.below(12) {
        0 => rng.pick(&[124, 125, 126, 127]),
        1 => 0,
        _ => rng.below(9),
    };
    rng.bytes(len)
}

/// Of a close frame: every code, reasons of every kind, and what is neither.
pub fn close(rng: &mut Rng) -> Vec<u8> {
    const EDGES: &[u16] = &[
        0, 1, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012,
        1013, 1014, 1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 32_768, 65_535,
    ];
    let code = match rng.below(8) {
        0 => return Vec::new(),
        1 if rng.one_in(3) => return vec![rng.byte()],
        1..=3 => rng.pick(EDGES),
        4 => rng.next() as u16,
        _ => 1000 + rng.below(14) as u16,
    };
    let mut body = code.to_be_bytes().to_vec();
    match rng.below(6) {
        0 => body.extend(text(rng)),
        1 => body.extend(vec![b'r'; rng.pick(&[122, 123, 124])]),
        2 => body.extend_from_slice(b"bye"),
        _ => {}
    }
    if body.len() > 125 && !rng.one_in(10) {
        body.truncate(125);
    }
    body
}
