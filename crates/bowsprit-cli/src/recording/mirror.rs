//! A record of `serve`, seen from the other side: what the server received is what a client sent.

use crate::events::{CloseText, Direction, Ended, Event, Party, What};

/// No close frame came (RFC 6455 §7.1.5).
const ABNORMAL: u16 = 1006;

/// The event as the client would have written it; an opening is two, with the request in front. Nothing is
/// left of the event that tells that a server listens.
pub(super) fn mirrored(mut event: Event) -> (Option<Event>, Option<Event>) {
    let mut before = None;
    match &mut event.what {
        What::Serve { .. } => return (None, None),
        What::Open(opened) => {
            // The server has written down the request's.
            let headers = std::mem::take(&mut opened.headers);
            before = Some(Event {
                what: What::Connect {
                    uri: opened.uri.clone(),
                    headers,
                },
                ..event.clone()
            });
        }
        What::Message { direction, .. }
        | What::Ping { direction, .. }
        | What::Pong { direction, .. } => {
            *direction = match direction {
                Direction::Sent => Direction::Received,
                Direction::Received => Direction::Sent,
            };
        }
        What::Close(ended) => turn(ended),
        _ => {}
    }
    match before {
        Some(before) => (Some(before), Some(event)),
        None => (Some(event), None),
    }
}

/// How it ended for the peer.
fn turn(ended: &mut Ended) {
    let frame = ended.sent.take();
    let (code, reason) = frame.map_or((ABNORMAL, String::new()), |frame| {
        (frame.code, frame.reason)
    });
    let code = std::mem::replace(&mut ended.code, code);
    let reason = std::mem::replace(&mut ended.reason, reason);
    ended.sent = (code != ABNORMAL).then_some(CloseText { code, reason });
    ended.initiator = ended.initiator.map(|party| match party {
        Party::Local => Party::Remote,
        Party::Remote => Party::Local,
    });
    // These are the server's own.
    ended.cause = None;
    ended.exit_status = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(line: &str) -> Vec<String> {
        let event = Event::from_json(line).expect("an event");
        let (first, second) = mirrored(event);
        let events = first.into_iter().chain(second);
        events
            .map(|event| event.to_json().trim_end().to_owned())
            .collect()
    }

    #[test]
    fn sees_a_connection_from_the_other_side() {
        const HEAD: &str = r#"{"time":"2026-01-01T00:00:00.000000Z","id":3,"event":"#;
        for (line, seen) in [
            (
                r#""open","uri":"ws://h/","seconds":0.1,"status":101,"headers":[["X-A","b"]]}"#,
                &[
                    r#""connect","uri":"ws://h/","headers":[["X-A","b"]]}"#,
                    r#""open","uri":"ws://h/","seconds":0.1,"status":101,"headers":[]}"#,
                ][..],
            ),
            (r#""serve","uri":"ws://h/","mode":"echo"}"#, &[]),
            (
                r#""message","direction":"sent","opcode":"text","size":1,"text":"a"}"#,
                &[r#""message","direction":"received","opcode":"text","size":1,"text":"a"}"#],
            ),
            (
                r#""close","code":1000,"reason":"r","sent":{"code":4000,"reason":"s"},"initiator":"remote","clean":true}"#,
                &[
                    r#""close","code":4000,"reason":"s","sent":{"code":1000,"reason":"r"},"initiator":"local","clean":true}"#,
                ],
            ),
            (
                r#""close","code":1006,"reason":"","clean":false,"cause":"reset"}"#,
                &[r#""close","code":1006,"reason":"","clean":false}"#],
            ),
        ] {
            let seen: Vec<String> = seen.iter().map(|seen| format!("{HEAD}{seen}")).collect();
            assert_eq!(mirror(&format!("{HEAD}{line}")), seen);
        }
    }
}
