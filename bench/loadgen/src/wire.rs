//! Just enough of the wire format: frames are built ahead of time, and replies counted, not stored.

/// Appends one masked client frame (RFC 6455 §5.2).
pub(crate) fn client_frame(
    out: &mut Vec<u8>,
    opcode: u8,
    compressed: bool,
    payload: &[u8],
    mask: [u8; 4],
) {
    out.push(0x80 | if compressed { 0x40 } else { 0 } | opcode);
    let length = payload.len();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(0x80 | short),
        (_, Ok(medium)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
}

/// Counts the messages in a stream of server frames.
#[derive(Default)]
pub(crate) struct Counter {
    header: [u8; 10],
    have: usize,
    /// Payload bytes of the current frame still to come.
    pub(crate) skip: usize,
    /// The current frame is the last of its message.
    ends_message: bool,
    pub(crate) closed: bool,
}

/// What a read brought.
#[derive(Clone, Copy, Default)]
pub(crate) struct Progress {
    pub(crate) messages: usize,
    /// Payload bytes, as they were on the wire.
    pub(crate) payload: usize,
}

impl Counter {
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Progress {
        let mut progress = Progress::default();
        loop {
            let here = bytes.len().min(self.skip);
            bytes = &bytes[here..];
            let skipped = self.skipped(here);
            progress.messages += skipped.messages;
            progress.payload += skipped.payload;
            bytes = match bytes {
                [] => return progress,
                // The most common case: a whole short header, nothing of it seen before.
                [first, length @ 0..126, rest @ ..] if self.have == 0 => {
                    self.begin(*first, usize::from(*length));
                    rest
                }
                [byte, rest @ ..] => {
                    self.push(*byte);
                    rest
                }
            };
        }
    }

    /// Counts payload bytes of the current frame that the caller has read, or thrown away.
    pub(crate) fn skipped(&mut self, payload: usize) -> Progress {
        self.skip -= payload;
        let ends = self.ends_message && self.skip == 0;
        if ends {
            self.ends_message = false;
        }
        Progress {
            messages: usize::from(ends),
            payload,
        }
    }

    /// Takes one byte of a header that comes in pieces, or is long.
    fn push(&mut self, byte: u8) {
        self.header[self.have] = byte;
        self.have += 1;
        let seen = &self.header[..self.have];
        let length = match *seen {
            [_, length @ 0..126] => usize::from(length),
            [_, 126, a, b] => usize::from(u16::from_be_bytes([a, b])),
            [_, 127, 0, 0, 0, 0, a, b, c, d] => u32::from_be_bytes([a, b, c, d]) as usize,
            // Masked, or longer than 4 GiB: no server sends that.
            [_, 128..=255, ..] | [_, 127, _, _, _, _, _, _, _, _] => {
                self.closed = true;
                0
            }
            _ => return,
        };
        self.have = 0;
        self.begin(self.header[0], length);
    }

    fn begin(&mut self, first: u8, length: usize) {
        let opcode = first & 0x0f;
        self.ends_message = first & 0x80 != 0 && opcode < 8;
        self.closed |= opcode == 8;
        self.skip = length;
    }
}

/// One whole message, for the check at the start.
pub(crate) struct Message {
    pub(crate) opcode: u8,
    pub(crate) compressed: bool,
    pub(crate) body: Vec<u8>,
    /// Bytes of the stream up to its end.
    pub(crate) end: usize,
}

/// Reads the first message of a stream of server frames, once it is there as a whole.
pub(crate) fn first_message(bytes: &[u8]) -> Option<Message> {
    let mut message = Message {
        opcode: 0,
        compressed: false,
        body: Vec::new(),
        end: 0,
    };
    loop {
        let frame = &bytes[message.end..];
        let (header, length) = match *frame {
            [_, length @ 0..126, ..] => (2, usize::from(length)),
            [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([a, b]))),
            [_, 127, 0, 0, 0, 0, a, b, c, d, ..] => (10, u32::from_be_bytes([a, b, c, d]) as usize),
            _ => return None,
        };
        let payload = frame.get(header..header + length)?;
        let (first, opcode) = (frame[0], frame[0] & 0x0f);
        message.end += header + length;
        if opcode >= 8 {
            continue;
        }
        if opcode != 0 {
            (message.opcode, message.compressed) = (opcode, first & 0x40 != 0);
        }
        message.body.extend_from_slice(payload);
        if first & 0x80 != 0 {
            return Some(message);
        }
    }
}
