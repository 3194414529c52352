//! tungstenite over a stream in memory. It knows no compression.

use std::io::{self, Read, Write};

use tungstenite::{
    Error, Message,
    protocol::{CloseFrame, Role, WebSocket, WebSocketConfig, frame::coding::CloseCode},
};

use crate::{
    case::Case,
    verdict::{End, Said, Verdict},
};

pub fn judge(case: &Case) -> Verdict {
    let config = WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_message_size(Some(case.max_message))
        .max_frame_size(Some(case.max_frame));
    let role = match case.role {
        bowsprit_proto::Role::Client => Role::Client,
        bowsprit_proto::Role::Server => Role::Server,
    };
    let stream = Memory::default();
    let mut socket = WebSocket::from_raw_socket(stream, role, Some(config));
    let mut verdict = Verdict {
        said: Vec::new(),
        end: End::Waiting,
        sent: Vec::new(),
    };
    for (at, read) in case.reads().enumerate() {
        if case.closes_before == Some(at) {
            // Refused where the peer was first.
            let _ = socket.close(Some(CloseFrame {
                code: CloseCode::Normal,
                reason: "".into(),
            }));
        }
        socket.get_mut().input.extend_from_slice(read);
        if !read_all(&mut socket, &mut verdict) {
            break;
        }
    }
    verdict.sent = sent(&socket.get_ref().output, role);
    if case.closes_before.is_some() {
        verdict.sent.retain(|(opcode, _)| *opcode != 8);
    }
    verdict
}

/// Whether there may be more.
fn read_all(socket: &mut WebSocket<Memory>, verdict: &mut Verdict) -> bool {
    loop {
        let error = match socket.read() {
            Ok(message) => {
                verdict.said.push(match message {
                    Message::Text(text) => Said::Text(text.as_bytes().to_vec()),
                    Message::Binary(data) => Said::Binary(data.to_vec()),
                    Message::Ping(payload) => Said::Ping(payload.to_vec()),
                    Message::Pong(payload) => Said::Pong(payload.to_vec()),
                    Message::Close(frame) => {
                        verdict.end = End::Closed;
                        close_said(frame.as_ref())
                    }
                    Message::Frame(_) => unreachable!("never read"),
                });
                continue;
            }
            Err(error) => error,
        };
        match error {
            Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Error::ConnectionClosed => verdict.end = End::Closed,
            Error::Protocol(_) => verdict.end = End::Failed(1002),
            Error::Utf8(_) => verdict.end = End::Failed(1007),
            Error::Capacity(_) => verdict.end = End::Failed(1009),
            other => panic!("an error that nothing here can cause: {other}"),
        }
        return false;
    }
}

fn close_said(frame: Option<&CloseFrame>) -> Said {
    frame.map_or(Said::Close(1005, Vec::new()), |frame| {
        Said::Close(frame.code.into(), frame.reason.as_bytes().to_vec())
    })
}

/// The frames on the wire. Those of this library are all short.
fn sent(mut wire: &[u8], role: Role) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = wire {
        let (key, rest) = match role {
            Role::Client => rest.split_first_chunk::<4>().expect("a key"),
            Role::Server => (&[0; 4], rest),
        };
        let (payload, rest) = rest.split_at(usize::from(second & 0x7F));
        let payload = payload.iter().zip(key.iter().cycle());
        frames.push((
            first & 0x0F,
            payload.map(|(byte, key)| byte ^ key).collect(),
        ));
        wire = rest;
    }
    frames
}

#[derive(Default)]
struct Memory {
    input: Vec<u8>,
    taken: usize,
    output: Vec<u8>,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.input[self.taken..];
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.taken += len;
        Ok(len)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
