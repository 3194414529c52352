//! What a judge makes of a stream, in a form in which two judges can be compared.

use std::fmt;

/// One thing that the peer said, as the application hears of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Said {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// The code, 1005 for a frame without one, and the reason.
    Close(u16, Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// More bytes may come.
    Waiting,
    /// The peer's close frame was taken.
    Closed,
    /// The stream was refused; the code is what the peer is told, or would be.
    Failed(u16),
}

#[derive(Clone, PartialEq, Eq)]
pub struct Verdict {
    pub said: Vec<Said>,
    pub end: End,
    /// Pongs, and the answer to a close: opcode and payload of each frame that was sent. What tells of a
    /// failure is not among them, since not every judge sends it by itself.
    pub sent: Vec<(u8, Vec<u8>)>,
}

impl Verdict {
    pub fn is_failure(&self) -> bool {
        matches!(self.end, End::Failed(_))
    }

    /// The line in which the judge in Python tells its verdict.
    pub fn parse(line: &str) -> Option<Self> {
        let mut parts = line.trim_end().split(';');
        let said = words(parts.next()?)
            .map(parse_said)
            .collect::<Option<_>>()?;
        let end = match parts.next()? {
            "waiting" => End::Waiting,
            "closed" => End::Closed,
            code => End::Failed(code.parse().ok()?),
        };
        let sent = words(parts.next()?)
            .map(|word| {
                let (opcode, payload) = word.split_once(':')?;
                Some((opcode.parse().ok()?, unhex(payload)?))
            })
            .collect::<Option<_>>()?;
        Some(Self { said, end, sent })
    }
}

fn words(part: &str) -> impl Iterator<Item = &str> {
    part.split(' ').filter(|word| !word.is_empty())
}

fn parse_said(word: &str) -> Option<Said> {
    let mut fields = word.split(':');
    let (kind, payload) = (fields.next()?, unhex(fields.next()?)?);
    Some(match kind {
        "text" => Said::Text(payload),
        "binary" => Said::Binary(payload),
        "ping" => Said::Ping(payload),
        "pong" => Said::Pong(payload),
        "close" => Said::Close(fields.next()?.parse().ok()?, payload),
        _ => return None,
    })
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for said in &self.said {
            match said {
                Said::Text(text) => write!(f, "text {}, ", brief(text))?,
                Said::Binary(data) => write!(f, "binary {}, ", brief(data))?,
                Said::Ping(payload) => write!(f, "ping {}, ", brief(payload))?,
                Said::Pong(payload) => write!(f, "pong {}, ", brief(payload))?,
                Said::Close(code, reason) => write!(f, "close {code} {}, ", brief(reason))?,
            }
        }
        write!(f, "{:?}, sent", self.end)?;
        for (opcode, payload) in &self.sent {
            write!(f, " {opcode:x}:{}", brief(payload))?;
        }
        Ok(())
    }
}

fn brief(bytes: &[u8]) -> String {
    if bytes.len() <= 24 {
        format!("[{}]", hex(bytes))
    } else {
        format!("[{}… {} bytes]", hex(&bytes[..24]), bytes.len())
    }
}
