//! Text in fragments of any size, masked with any key: taken if the standard library calls it UTF-8, else 1007.

use bowsprit_proto::{ProtocolError, Role};

use super::input::Input;
use crate::support::{Seen, coalesced, feed_in, fragments, open_with, peer_of};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (role, streaming) = (input.role(), input.byte() % 2 == 1);
    let key = [(); 4].map(|()| input.byte());
    let reads = input.reads();
    let cuts = input.reads();
    let payload = input.rest();
    let mut pieces = Vec::new();
    let mut rest = payload;
    for cut in cuts {
        let (piece, later) = rest.split_at(cut.min(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces.push(rest);
    let mut wire = fragments(peer_of(role), 1, &pieces);
    if role == Role::Server {
        wire = masked_anew(&pieces, key);
    }
    let mut connection = open_with(role, |config| {
        config.streaming = streaming;
        config.limits.message = usize::MAX;
    });
    let mut seen = feed_in(&mut connection, &wire, &reads);
    if streaming {
        seen = coalesced(seen);
    }
    match std::str::from_utf8(payload) {
        Ok(text) if streaming => assert_eq!(seen, [Seen::TextPiece(text.into(), true)]),
        Ok(text) => assert_eq!(seen, [Seen::Text(text.into())]),
        Err(_) => assert_eq!(seen.last(), Some(&Seen::Failed(ProtocolError::InvalidUtf8))),
    }
}

/// The frames as a client sends them, masked byte by byte with this key.
fn masked_anew(pieces: &[&[u8]], key: [u8; 4]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (n, piece) in pieces.iter().enumerate() {
        let fin = if n + 1 == pieces.len() { 0x80 } else { 0 };
        wire.push(fin | u8::from(n == 0));
        match u16::try_from(piece.len()) {
            Ok(len @ 0..=125) => wire.push(0x80 | len.to_le_bytes()[0]),
            Ok(len) => {
                wire.push(0x80 | 126);
                wire.extend(len.to_be_bytes());
            }
            Err(_) => {
                wire.push(0x80 | 127);
                wire.extend((piece.len() as u64).to_be_bytes());
            }
        }
        wire.extend(key);
        wire.extend(piece.iter().enumerate().map(|(n, byte)| byte ^ key[n % 4]));
    }
    wire
}
