//! The payload of a close frame, judged by the rules of RFC 6455 §7.4 written down once more.

use bowsprit_proto::ProtocolError;

use super::input::Input;
use crate::support::{Seen, feed_in, frame, open_with, peer_of, plain, sent};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (role, reads) = (input.role(), input.reads());
    let payload = input.rest();
    let mut connection = open_with(role, |_| {});
    let wire = frame(peer_of(role), 0x88, payload);
    let seen = feed_in(&mut connection, &wire, &reads);
    let answer = plain(&sent(&mut connection));
    let [(0x88, answer)] = &answer[..] else {
        panic!("a close frame is answered with one: {answer:x?}");
    };
    match (expected(payload), &seen[..]) {
        (Ok((code, reason)), [seen]) => {
            assert_eq!(*seen, Seen::Close(code, reason));
            assert_eq!(answer.get(..2), payload.get(..2), "the code comes back");
        }
        (Err(code), [Seen::Failed(error)]) => {
            assert_eq!(error.close_code().0, code, "{error}");
            assert_eq!(answer.get(..2), Some(&code.to_be_bytes()[..]));
        }
        (expected, seen) => panic!("{expected:?} and not {seen:?}"),
    }
    assert!(!matches!(
        seen[..],
        [Seen::Failed(ProtocolError::InvalidDeflate)]
    ));
}

/// The code and the reason, or the code to fail with.
fn expected(payload: &[u8]) -> Result<(u16, String), u16> {
    if payload.len() > 125 {
        return Err(1002);
    }
    let (code, reason) = match payload {
        [] => return Ok((1005, String::new())),
        [_] => return Err(1002),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !may_be_sent {
        return Err(1002);
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok((code, reason.into())),
        Err(_) => Err(1007),
    }
}
