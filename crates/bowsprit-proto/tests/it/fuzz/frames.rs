//! Any bytes, in both roles, at any read boundaries: the reads make no difference, what is held stays within the
//! limits, and what is answered is sound.

use bowsprit_proto::{Config, State};

use super::input::{Input, Kind};
use crate::support::{Outcome, Seen, judged, plain};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = Kind::take(&mut input);
    let reads = input.reads();
    let wire = input.rest();
    let judged = |reads: &[usize]| judged(&|| kind.open(), wire, reads);
    let whole = judged(&[usize::MAX]);
    assert_eq!(judged(&reads), whole, "in reads of {reads:?}");
    assert_eq!(judged(&[1]), whole, "one byte at a time");
    check_events(&whole, kind);
    check_answers(&whole);
}

fn check_events(outcome: &Outcome, kind: Kind) {
    for (n, event) in outcome.events.iter().enumerate() {
        let is_last = n + 1 == outcome.events.len();
        match event {
            Seen::Text(text) => assert!(text.len() <= kind.message_limit()),
            Seen::Binary(data) => assert!(data.len() <= kind.message_limit()),
            Seen::TextPiece(..) | Seen::BinaryPiece(..) => assert!(kind.streaming),
            Seen::Ping(payload) | Seen::Pong(payload) => assert!(payload.len() <= 125),
            Seen::Close(..) => assert!(is_last, "nothing is read behind a close frame"),
            Seen::Failed(_) => {
                assert!(is_last, "nothing is read behind a violation");
                assert_eq!(outcome.state, State::Failed);
            }
        }
    }
}

/// Only pongs, of the pings that came, and one close frame at the end.
fn check_answers(outcome: &Outcome) {
    let answers = plain(&outcome.sent);
    let pings: Vec<&Vec<u8>> = outcome
        .events
        .iter()
        .filter_map(|event| match event {
            Seen::Ping(payload) => Some(payload),
            _ => None,
        })
        .collect();
    let mut pings = pings.iter();
    for (n, (first, payload)) in answers.iter().enumerate() {
        match first {
            0x8A => assert!(pings.any(|ping| *ping == payload), "a pong of no ping"),
            0x88 => {
                assert_eq!(
                    n + 1,
                    answers.len(),
                    "nothing goes out behind a close frame"
                );
                assert_ne!(payload.len(), 1);
                assert!(outcome.state != State::Open);
            }
            other => panic!("it answered with {other:#x}"),
        }
    }
    let has_closed = answers.iter().any(|(first, _)| *first == 0x88);
    assert_eq!(has_closed, outcome.state != State::Open);
    assert!(outcome.sent.len() < Config::server().limits.send_buffer * 2);
}
