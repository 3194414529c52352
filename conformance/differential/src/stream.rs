//! Streams that are mostly right: frames as a peer sends them, with mutations of every field.

use bowsprit_proto::Role;

use crate::{
    case::{Agreement, Case},
    deflated::Sender,
    payload,
    rng::Rng,
};

#[derive(Clone)]
struct Frame {
    fin: bool,
    rsv: u8,
    opcode: u8,
    /// The key, and whether the bit is set that says so.
    mask: Option<[u8; 4]>,
    length: Length,
    payload: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Length {
    Shortest,
    /// In two or eight bytes, needed or not.
    In16,
    In64,
    /// What is not the length of the payload, in 16 or 64 bits.
    Lie16(u16),
    Lie64(u64),
}

pub fn generate(seed: u64, compressed: bool) -> Case {
    let mut rng = Rng::new(seed);
    let role = rng.pick(&[Role::Client, Role::Server]);
    let deflate = compressed.then(|| Agreement {
        takeover: rng.one_in(2),
        window_bits: rng.pick(&[9, 9, 10, 12, 15]),
    });
    let max_message = rng.pick(&[1000, 4096, 4096, 100_000]);
    let max_frame = if rng.one_in(4) { 600 } else { max_message };
    let mut frames = frames(&mut rng, role, deflate);
    if rng.one_in(2) {
        for _ in 0..=rng.below(3) {
            mutate(&mut rng, &mut frames);
        }
    }
    let mut bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
    match rng.below(12) {
        0 => bytes.truncate(rng.below(bytes.len() + 1)),
        1 => flip(&mut rng, &mut bytes),
        2 if rng.one_in(8) => {
            let len = rng.below(60);
            bytes = rng.bytes(len);
        }
        _ => {}
    }
    let cuts = cuts(&mut rng, bytes.len());
    Case {
        seed,
        role,
        deflate,
        max_message,
        max_frame,
        closes_before: rng.one_in(8).then(|| rng.below(cuts.len() + 1)),
        bytes,
        cuts,
    }
}

fn frames(rng: &mut Rng, role: Role, deflate: Option<Agreement>) -> Vec<Frame> {
    let mut sender = Sender::new();
    let mut frames = Vec::new();
    for _ in 0..rng.below(6) {
        match rng.below(10) {
            0 => frames.push(Frame::new(9, payload::control(rng), role, rng)),
            1 => frames.push(Frame::new(10, payload::control(rng), role, rng)),
            2 => frames.push(Frame::new(8, payload::close(rng), role, rng)),
            _ => message(rng, role, deflate, &mut sender, &mut frames),
        }
    }
    frames
}

/// In one frame or in several, which cut its characters and its compressed bytes anywhere.
fn message(
    rng: &mut Rng,
    role: Role,
    deflate: Option<Agreement>,
    sender: &mut Sender,
    frames: &mut Vec<Frame>,
) {
    let is_text = !rng.one_in(3);
    let mut rest = if is_text {
        payload::text(rng)
    } else {
        payload::data(rng)
    };
    let mut rsv = 0;
    if let Some(agreement) = deflate.filter(|_| !rng.one_in(5)) {
        rest = sender.message(rng, &rest, agreement);
        rsv = 4;
    }
    let count = if rng.one_in(2) { 1 } else { 1 + rng.below(5) };
    for at in 0..count {
        let last = at + 1 == count;
        let len = if last {
            rest.len()
        } else {
            rng.below(rest.len() + 1)
        };
        let tail = rest.split_off(len);
        let opcode = match (at, is_text) {
            (0, true) => 1,
            (0, false) => 2,
            _ => 0,
        };
        let mut frame = Frame::new(opcode, rest, role, rng);
        (frame.fin, frame.rsv) = (last, if at == 0 { rsv } else { 0 });
        frames.push(frame);
        if !last && rng.one_in(5) {
            let opcode = rng.pick(&[9, 9, 10, 8]);
            let body = if opcode == 8 {
                payload::close(rng)
            } else {
                payload::control(rng)
            };
            frames.push(Frame::new(opcode, body, role, rng));
        }
        rest = tail;
    }
}

fn mutate(rng: &mut Rng, frames: &mut Vec<Frame>) {
    if frames.is_empty() {
        return;
    }
    let at = rng.below(frames.len());
    let other = rng.below(frames.len());
    let frame = &mut frames[at];
    match rng.below(12) {
        0 => frame.fin = !frame.fin,
        1 => frame.rsv ^= 1 << rng.below(3),
        2 => frame.opcode = rng.below(16) as u8,
        3 => {
            frame.mask = match frame.mask {
                Some(_) => None,
                None => Some([1, 2, 3, 4]),
            }
        }
        4 => frame.length = rng.pick(&[Length::In16, Length::In64]),
        5 => frame.length = Length::Lie16(rng.next() as u16 >> rng.below(16)),
        6 => frame.length = Length::Lie64(rng.next() >> rng.below(64)),
        7 => {
            frames.remove(at);
        }
        8 => {
            let copy = frame.clone();
            frames.insert(other, copy);
        }
        9 => frames.swap(at, other),
        10 => frame.payload.truncate(frame.payload.len() / 2),
        _ => flip(rng, &mut frame.payload),
    }
}

fn flip(rng: &mut Rng, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
    }
}

/// Where the reads end: all at once, byte by byte, or somewhere.
fn cuts(rng: &mut Rng, len: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = match rng.below(4) {
        0 => Vec::new(),
        1 if len < 400 => (1..len).collect(),
        _ => (0..rng.below(6)).map(|_| rng.below(len + 1)).collect(),
    };
    cuts.push(len);
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

impl Frame {
    /// As the peer of `role` sends it.
    fn new(opcode: u8, payload: Vec<u8>, role: Role, rng: &mut Rng) -> Self {
        let key = rng.next().to_be_bytes();
        Self {
            fin: true,
            rsv: 0,
            opcode,
            mask: (role == Role::Server).then_some([key[0], key[1], key[2], key[3]]),
            length: Length::Shortest,
            payload,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut wire = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        let mask = u8::from(self.mask.is_some()) << 7;
        let len = self.payload.len();
        let in16 = |wire: &mut Vec<u8>, len: u16| {
            wire.push(mask | 126);
            wire.extend(len.to_be_bytes());
        };
        let in64 = |wire: &mut Vec<u8>, len: u64| {
            wire.push(mask | 127);
            wire.extend(len.to_be_bytes());
        };
        match self.length {
            Length::Shortest if len < 126 => wire.push(mask | len as u8),
            Length::Shortest | Length::In16 if len <= 0xFFFF => in16(&mut wire, len as u16),
            Length::Shortest | Length::In16 | Length::In64 => in64(&mut wire, len as u64),
            Length::Lie16(len) => in16(&mut wire, len),
            Length::Lie64(len) => in64(&mut wire, len),
        }
        let key = self.mask.unwrap_or_default();
        wire.extend(self.mask.iter().flatten());
        wire.extend(
            self.payload
                .iter()
                .zip(key.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        wire
    }
}
