//! A client and a server joined by a wire: any order of sends, reads, closes, pings and silence. A model of what
//! was sent says what must arrive.

use std::time::Duration;

use bowsprit_proto::{
    CloseCode, Closed, Message, MessageRef, Prepared,
    Role::{self, Client, Server},
    State,
};

use super::input::{Input, Kind};
use crate::support::{Pair, ROLES, Seen, heard};

/// What one end has sent: whole messages, the one in fragments, and the payloads of its pings and pongs.
#[derive(Debug, Default)]
struct Said {
    messages: Vec<Seen>,
    begun: Vec<u8>,
    controls: Vec<Vec<u8>>,
}

/// So many things happen at most: what goes wrong does so early, and a fuzzer learns from short runs.
const MAX_ACTS: usize = 40;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = Kind::take(&mut input);
    let mut pair = Pair::of(ROLES.map(|role| kind.of(role).open()));
    let (mut client, mut server) = (Said::default(), Said::default());
    for _ in 0..MAX_ACTS {
        if input.is_empty() {
            break;
        }
        let role = input.role();
        let said = if role == Client {
            &mut client
        } else {
            &mut server
        };
        act(&mut pair, said, role, &mut input);
    }
    // Whatever happened, the client says goodbye, and nobody waits for ever.
    let _ = pair.client.connection.close(CloseCode::NORMAL, "");
    pair.run();
    for _ in 0..3 {
        pair.advance(Duration::from_secs(5));
        pair.run();
    }
    check(&mut pair, [(Client, &client), (Server, &server)], kind);
}

/// One thing that happens at the end of this role. What is refused is no part of the model.
fn act(pair: &mut Pair, said: &mut Said, role: Role, input: &mut Input<'_>) {
    let choice = input.byte() % 16;
    let connection = &mut pair.end(role).connection;
    match choice {
        0..=2 => {
            let message = message(input);
            if connection.send(&message).is_ok() {
                said.messages.push(Seen::from(&message));
            }
        }
        3 => {
            let message = message(input);
            if connection.send_shared(message.clone()).is_ok() {
                said.messages.push(Seen::from(&message));
            }
        }
        4 => {
            let message = message(input);
            if connection
                .send_prepared(&Prepared::new(message.clone()))
                .is_ok()
            {
                said.messages.push(Seen::from(&message));
            }
        }
        5 | 6 => {
            let is_last = choice == 6;
            let piece = bytes(input);
            if connection
                .send_fragment(MessageRef::from(&piece[..]), is_last)
                .is_ok()
            {
                said.begun.extend(piece);
                if is_last {
                    said.messages
                        .push(Seen::Binary(std::mem::take(&mut said.begun)));
                }
            }
        }
        7 | 8 => {
            let payload = vec![input.byte(); usize::from(input.byte() % 126)];
            let done = if choice == 7 {
                connection.ping(&payload)
            } else {
                connection.pong(&payload)
            };
            if done.is_ok() {
                said.controls.push(payload);
            }
        }
        9 => {
            let _ = connection.close(CloseCode(input.short()), "so it goes");
        }
        10 => pair.transfer(role, usize::MAX, usize::MAX),
        11 | 12 => {
            let (written, read) = (input.short().into(), input.short().into());
            pair.transfer(role, written, read);
        }
        13 => pair.transfer(role, input.byte().into(), input.byte().into()),
        14 => pair.advance(Duration::from_millis(u64::from(input.short()))),
        _ => {
            // Rarely, or nothing else would be tried.
            if input.short() == 0xFFFF {
                connection.abort();
            }
        }
    }
}

/// Of any kind and size, with little of the input.
fn message(input: &mut Input<'_>) -> Message {
    if input.byte().is_multiple_of(2) {
        let unit = ["a", "é", "€", "😀", "{\"id\":7}"][usize::from(input.byte() % 5)];
        Message::from(unit.repeat(len(input) / unit.len()))
    } else {
        Message::from(bytes(input))
    }
}

/// A few bytes of the input over and over.
fn bytes(input: &mut Input<'_>) -> Vec<u8> {
    let len = len(input);
    let period = usize::from(input.byte() % 32);
    let unit = input.take(period);
    if unit.is_empty() {
        vec![0; len]
    } else {
        let mut bytes = unit.repeat(len / unit.len() + 1);
        bytes.truncate(len);
        bytes
    }
}

/// Mostly short; now and then one of those at which the header of a frame becomes another.
fn len(input: &mut Input<'_>) -> usize {
    let len = match input.byte() {
        len @ 0..=0xBF => len.into(),
        0xC0..=0xFB => usize::from(input.short() % 2_048),
        0xFC => 0xFFFF,
        0xFD => 0x1_0000,
        _ => 125,
    };
    input.spend(len)
}

fn check(pair: &mut Pair, said: [(Role, &Said); 2], kind: Kind) {
    let is_clean = |closed: Option<&Closed>| closed.is_some_and(Closed::is_clean);
    let both_clean = ROLES
        .iter()
        .all(|role| is_clean(pair.end(*role).connection.closed()));
    for (role, said) in said {
        let (end, peer) = pair.ends(role);
        assert_eq!(end.connection.state(), State::Ended);
        assert_eq!(
            end.connection.queued_bytes(),
            0,
            "nothing is kept for a wire that ended"
        );
        let failed = peer.seen.iter().any(|seen| matches!(seen, Seen::Failed(_)));
        let fits = |seen: &Seen| size(seen) <= kind.message_limit();
        assert!(!failed || !said.messages.iter().all(fits) || kind.has_frame_limits());
        let heard = heard(&peer.seen);
        assert!(
            said.messages.starts_with(&heard),
            "{role:?} said something else"
        );
        if both_clean {
            assert_eq!(
                heard.len(),
                said.messages.len(),
                "what {role:?} said was lost"
            );
        }
        check_controls(&peer.seen, said);
    }
}

/// Pings and pongs come in the order in which they were sent, but for the pongs that answer pings.
fn check_controls(events: &[Seen], said: &Said) {
    let mut sent = said.controls.iter();
    for event in events {
        let Seen::Ping(payload) = event else { continue };
        let is_keepalive = payload.starts_with(b"keepalive");
        assert!(
            is_keepalive || sent.any(|sent| sent == payload),
            "a ping that nobody sent"
        );
    }
}

const fn size(seen: &Seen) -> usize {
    match seen {
        Seen::Text(text) => text.len(),
        Seen::Binary(data) => data.len(),
        _ => 0,
    }
}
