//! A compressed message of any bytes: what comes out is what two other implementations make of it.

use bowsprit_proto::ProtocolError::{self, InvalidDeflate};
use flate2::{Decompress, FlushDecompress, Status};

use super::input::{Input, deflated};
use crate::{
    deflate_support::{BINARY, Bits, noise, settings},
    puff,
    support::{Seen, feed, feed_in, frame, peer_of},
};

/// The largest message: bombs must not cost the fuzzer its time.
const LIMIT: usize = 64 << 10;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (role, has_takeover) = (input.role(), input.byte() % 2 == 1);
    let reads = input.reads();
    let payload = input.rest();
    let mut connection = deflated(role, settings(has_takeover, 15, 1), |config| {
        config.limits.message = LIMIT;
    });
    let history = noise(300, 3);
    let known = Bits::default().stored(&history).payload();
    let peer = peer_of(role);
    assert_eq!(feed(&mut connection, &frame(peer, BINARY, &known)).len(), 1);
    let seen = feed_in(&mut connection, &frame(peer, BINARY, payload), &reads);
    let known: &[u8] = if has_takeover { &history } else { &[] };
    let slow = puff::inflate(known, payload);
    match &seen[..] {
        [Seen::Binary(inflated)] => {
            assert_eq!(Some(inflated), slow.map(|slow| slow.data).as_ref());
            if !has_takeover {
                assert_eq!(zlib(payload, inflated.len()).as_ref(), Some(inflated));
            }
        }
        [Seen::Failed(InvalidDeflate)] => assert_eq!(slow, None),
        [Seen::Failed(ProtocolError::MessageTooBig { .. })] => {
            assert!(payload.len() > LIMIT || slow.is_none_or(|slow| slow.data.len() > LIMIT));
        }
        other => panic!("{other:?}"),
    }
}

/// What zlib makes of a message without a history, which is known to be this long; it starts anew behind a final
/// block (RFC 7692 §7.2.3.4).
fn zlib(payload: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut inflater = Decompress::new(false);
    let mut out = Vec::with_capacity(len + 1);
    let whole = [payload, &[0, 0, 0xFF, 0xFF]].concat();
    let (mut rest, mut made) = (&whole[..], out.len());
    while !rest.is_empty() {
        let before = inflater.total_in();
        let status = inflater
            .decompress_vec(rest, &mut out, FlushDecompress::Sync)
            .ok()?;
        let used = usize::try_from(inflater.total_in() - before).ok()?;
        rest = &rest[used..];
        if status == Status::StreamEnd {
            inflater.reset(false);
        } else if used == 0 && out.len() == made {
            return None;
        }
        made = out.len();
    }
    Some(out)
}
