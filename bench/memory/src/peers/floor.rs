//! What the protocol alone costs: parse the header, unmask, check the text; write header and payload.

use bytes::Bytes;

use super::Run;
use crate::{cell::Cell, keys, stream::Mock};

const READ: usize = 64 * 1024;

/// As in Bowsprit: what is larger is written by reference where no mask forbids that.
const SHARE_FROM: usize = 8 * 1024;

pub fn receive(cell: &Cell, mut stream: Mock) -> Run {
    // A batch is read at once, whatever its size.
    let mut buffer = vec![0; cell.frames().len().max(READ)];
    let (mut at, mut end) = (0, 0);
    let cell = cell.clone();
    Box::new(move |messages| {
        for _ in 0..messages {
            if at == end {
                (at, end) = (0, stream.read(&mut buffer));
            }
            let frame = &mut buffer[at..end];
            let is_text = frame[0] & 0x0F == 1;
            let is_masked = frame[1] & 0x80 != 0;
            let (len, len_end) = match frame[1] & 0x7F {
                126 => (u16::from_be_bytes([frame[2], frame[3]]).into(), 4),
                127 => {
                    let mut len = [0; 8];
                    len.copy_from_slice(&frame[2..10]);
                    (u64::from_be_bytes(len) as usize, 10)
                }
                len => (len.into(), 2),
            };
            let start = len_end + if is_masked { 4 } else { 0 };
            let (header, rest) = frame.split_at_mut(start);
            let payload = &mut rest[..len];
            if is_masked {
                xor(
                    payload,
                    [
                        header[len_end],
                        header[len_end + 1],
                        header[len_end + 2],
                        header[len_end + 3],
                    ],
                );
            }
            if is_text {
                assert!(simdutf8::basic::from_utf8(payload).is_ok(), "text");
            }
            cell.received(payload);
            at += start + len;
        }
    })
}

pub fn send(cell: &Cell, mut stream: Mock) -> Run {
    let mut buffer = Vec::new();
    let message = cell.message();
    let cell = cell.clone();
    Box::new(move |messages| {
        for _ in 0..messages {
            send_one(&cell, &message, &mut buffer, &mut stream);
        }
    })
}

#[inline]
fn send_one(cell: &Cell, message: &Bytes, buffer: &mut Vec<u8>, stream: &mut Mock) {
    let mask = if cell.is_server() { 0 } else { 0x80 };
    buffer.clear();
    buffer.push(if cell.is_text() { 0x81 } else { 0x82 });
    match message.len() {
        len @ 0..=125 => buffer.push(mask | len as u8),
        len @ 126..=0xFFFF => {
            buffer.push(mask | 126);
            buffer.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            buffer.push(mask | 127);
            buffer.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if !cell.is_server() {
        let key = keys::next();
        buffer.extend_from_slice(&key);
        let start = buffer.len();
        buffer.extend_from_slice(message);
        xor(&mut buffer[start..], key);
    } else if message.len() < SHARE_FROM {
        buffer.extend_from_slice(message);
    } else {
        stream.write(buffer);
        stream.write(message);
        return;
    }
    stream.write(buffer);
}

#[inline]
fn xor(payload: &mut [u8], key: [u8; 4]) {
    let half = u64::from(u32::from_le_bytes(key));
    let word_key = half << 32 | half;
    let (words, tail) = payload.as_chunks_mut();
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ word_key).to_le_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(word_key.to_le_bytes()) {
        *byte ^= key;
    }
}
