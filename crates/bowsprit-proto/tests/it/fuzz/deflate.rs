//! Messages of any content, compressed with any settings: another inflater gets back what was sent, message by
//! message, and so does our own; ours gets back what the other compresses.

use bowsprit_proto::Connection;
use flate2::{Decompress, FlushDecompress};

use super::input::{Input, deflated};
use crate::{
    deflate_support::{BINARY, Reference, settings},
    support::{Seen, feed_in, frame, frames, peer_of, sent},
};

/// Enough for each to refer to what several others left.
const MAX_MESSAGES: usize = 8;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (role, flags, level) = (input.role(), input.byte(), 1 + input.byte() % 9);
    let has_takeover = flags % 2 == 1;
    let deflate = settings(has_takeover, 9 + (flags >> 1) % 7, level);
    let reads = input.reads();
    let mut sender = deflated(role, deflate, |_| {});
    let mut receiver = deflated(peer_of(role), deflate, |_| {});
    let mut inflater = Decompress::new(false);
    // A window of 15 bits is what the other implementation has.
    let is_wide = deflate.server_max_window_bits == 15;
    let mut other = is_wide.then(|| deflated(role, deflate, |_| {}));
    let mut reference = Reference::new(level.into());
    let mut earlier: &[u8] = &[];
    for _ in 0..MAX_MESSAGES {
        if input.is_empty() {
            break;
        }
        let payload = payload(&mut input, earlier);
        send(&mut sender, &payload, input.byte());
        let wire = sent(&mut sender);
        if !has_takeover {
            inflater.reset(false);
        }
        assert_eq!(inflated(&mut inflater, &wire, payload.len()), payload);
        assert_eq!(
            feed_in(&mut receiver, &wire, &reads),
            [Seen::Binary(payload.clone())]
        );
        if let Some(other) = &mut other {
            if !has_takeover {
                reference = Reference::new(level.into());
            }
            // Behind a flush it has nothing to say for an empty message: that is an empty block (RFC 7692 §7.2.3.6).
            let compressed = match &payload[..] {
                [] => vec![0],
                some => reference.message(some),
            };
            let wire = frame(peer_of(role), BINARY, &compressed);
            assert_eq!(feed_in(other, &wire, &reads), [Seen::Binary(payload)]);
        }
        earlier = data;
    }
}

/// New bytes and bytes that were there before, so that there is something to refer to.
fn payload(input: &mut Input<'_>, earlier: &[u8]) -> Vec<u8> {
    let (repeat, len) = (1 + usize::from(input.byte() % 24), input.byte().into());
    let unit = [input.take(len), &earlier[..earlier.len().min(len)]].concat();
    unit.repeat(repeat)
}

/// In one frame or in two.
fn send(sender: &mut Connection, payload: &[u8], cut: u8) {
    if cut.is_multiple_of(2) {
        sender.send(payload).expect("an open connection");
    } else {
        let (one, other) = payload.split_at(usize::from(cut).min(payload.len()));
        sender
            .send_fragment(one, false)
            .expect("an open connection");
        sender
            .send_fragment(other, true)
            .expect("an open connection");
    }
}

/// What the other inflater makes of the message's frames. What would not shrink is sent as it is.
fn inflated(inflater: &mut Decompress, wire: &[u8], len: usize) -> Vec<u8> {
    let frames = frames(wire);
    let is_compressed = frames[0].first & 0x40 != 0;
    let mut payload: Vec<u8> = frames.into_iter().flat_map(|frame| frame.payload).collect();
    if !is_compressed {
        return payload;
    }
    payload.extend([0, 0, 0xFF, 0xFF]);
    let mut out = Vec::with_capacity(len + 64);
    inflater
        .decompress_vec(&payload, &mut out, FlushDecompress::Sync)
        .expect("a sound message");
    out
}
