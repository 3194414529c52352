//! RFC 6455 §5 to §7 for any input: properties of whole connections.

use std::time::Duration;

use bowsprit_proto::{
    CloseCode, Config, Message, MessageRef,
    Role::{self, Client, Server},
    State,
    frame::{FrameHeader, Opcode},
};
use proptest::{collection::vec, prelude::*, test_runner::Config as Cases};

use crate::support::{
    Pair, ROLES, Seen, feed_in, fragments, frame, heard, judged, open_with, peer_of, plain, sent,
};

/// So many cases of a property, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(usual: u32) -> Cases {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => Cases::default(),
        None => Cases::with_cases(usual),
    }
}

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Client), Just(Server)]
}

/// Short ones above all, and some that need the longer forms of the length.
fn any_len() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0_usize..40, 3 => 100_usize..300, 1 => 60_000_usize..70_000]
}

fn any_message() -> impl Strategy<Value = Message> {
    let text = (any_len(), "[a-zé€😀]{1,7}").prop_map(|(len, unit)| {
        let text: String = unit.chars().cycle().take(len).collect();
        Message::from(text)
    });
    let binary = (any_len(), any::<u8>()).prop_map(|(len, seed)| {
        let bytes = (0..len).map(|n| n.to_le_bytes()[0].wrapping_mul(31) ^ seed);
        Message::from(bytes.collect::<Vec<u8>>())
    });
    prop_oneof![text, binary]
}

/// The sizes of reads, small ones above all.
fn any_reads() -> impl Strategy<Value = Vec<usize>> {
    vec(
        prop_oneof![4 => 1_usize..20, 1 => 1_usize..5_000, 1 => Just(usize::MAX)],
        1..8,
    )
}

/// One message on the wire, in fragments with control frames between them.
fn scripted(
    from: Role,
    message: &Message,
    cuts: &[usize],
    controls: &[(bool, Vec<u8>)],
) -> (Vec<u8>, Vec<Seen>) {
    let opcode = if message.as_text().is_some() { 1 } else { 2 };
    let mut pieces = Vec::new();
    let mut rest = message.as_bytes();
    for cut in cuts {
        let (piece, later) = rest.split_at((*cut).min(rest.len()));
        pieces.push(piece);
        rest = later;
    }
    pieces.push(rest);
    let (mut wire, mut expected) = (Vec::new(), Vec::new());
    for (i, piece) in pieces.iter().enumerate() {
        if let Some((is_ping, payload)) = controls.get(i) {
            wire.extend(frame(from, if *is_ping { 0x89 } else { 0x8A }, payload));
            let seen = if *is_ping { Seen::Ping } else { Seen::Pong };
            expected.push(seen(payload.clone()));
        }
        let fin = if i + 1 == pieces.len() { 0x80 } else { 0 };
        wire.extend(frame(from, fin | if i == 0 { opcode } else { 0 }, piece));
    }
    expected.push(Seen::from(message));
    (wire, expected)
}

fn any_control() -> impl Strategy<Value = (bool, Vec<u8>)> {
    (any::<bool>(), vec(any::<u8>(), 0..=125))
}

/// Bytes that are nearly a conversation: frames of any kind, some of them broken.
fn any_wire(from: Role) -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        6 => prop::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        3 => "[a-zé€😀]{0,12}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..12),
        1 => vec(0xE2_u8..0xF5, 0..3),
        1 => (1000_u16..1016).prop_map(|code| code.to_be_bytes().to_vec()),
        1 => vec(any::<u8>(), 100..200),
    ];
    let sound = (first, payload).prop_map(move |(first, payload)| frame(from, first, &payload));
    let part = prop_oneof![12 => sound, 1 => vec(any::<u8>(), 0..20)];
    vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn small_limits(config: &mut Config) {
    config.limits.message = 300;
    config.limits.frame = 180;
}

#[derive(Clone, Debug)]
enum Step {
    Send(Message),
    Shared(Message),
    Fragment(Message, bool),
    Ping(u8),
    Pong(u8),
    Write(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    // Around the size from which a payload is queued by reference.
    let near = prop_oneof![
        Just(8_191_usize),
        Just(8_192),
        Just(8_193),
        Just(40_000),
        0_usize..50
    ];
    let message = near.prop_map(|len| Message::from(vec![b'm'; len]));
    let written = prop_oneof![0_usize..20, 0_usize..9_000, 8_000_usize..100_000];
    prop_oneof![
        2 => message.clone().prop_map(Step::Send),
        4 => message.clone().prop_map(Step::Shared),
        1 => (message, any::<bool>()).prop_map(|(piece, last)| Step::Fragment(piece, last)),
        1 => any::<u8>().prop_map(Step::Ping),
        5 => written.prop_map(Step::Write),
    ]
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn what_is_encoded_decodes_to_the_same(
        role in any_role(),
        messages in vec((any_message(), vec(0_usize..60, 0..6), vec(any_control(), 0..4)), 0..6),
        reads in any_reads(),
    ) {
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for (message, cuts, controls) in &messages {
            let (bytes, seen) = scripted(role, message, cuts, controls);
            wire.extend(bytes);
            expected.extend(seen);
        }
        let mut receiver = open_with(peer_of(role), |_| {});
        prop_assert_eq!(feed_in(&mut receiver, &wire, &reads), expected);
    }

    #[test]
    fn what_is_sent_arrives(
        role in any_role(),
        messages in vec((any_message(), any::<bool>(), vec(0_usize..60, 0..4)), 0..6),
        reads in any_reads(),
    ) {
        let mut sender = open_with(role, |_| {});
        for (message, shared, cuts) in &messages {
            let is_text = message.as_text().is_some();
            if !is_text && !cuts.is_empty() {
                let mut rest = message.as_bytes();
                for cut in cuts {
                    let (piece, later) = rest.split_at((*cut).min(rest.len()));
                    sender.send_fragment(piece, false).expect("an open connection");
                    rest = later;
                }
                sender.send_fragment(rest, true).expect("an open connection");
            } else if *shared {
                sender.send_shared(message.clone()).expect("an open connection");
            } else {
                sender.send(message).expect("an open connection");
            }
        }
        let wire = sent(&mut sender);
        let mut receiver = open_with(peer_of(role), |_| {});
        let expected: Vec<Seen> = messages.iter().map(|(message, ..)| message.into()).collect();
        prop_assert_eq!(feed_in(&mut receiver, &wire, &reads), expected);
    }

    #[test]
    fn reads_make_no_difference(
        (role, wire) in any_role().prop_flat_map(|role| (Just(role), any_wire(peer_of(role)))),
        reads in any_reads(),
        streaming: bool,
        small: bool,
        closing: bool,
    ) {
        let make = || {
            let mut connection = open_with(role, |config| {
                config.streaming = streaming;
                if small {
                    small_limits(config);
                }
            });
            if closing {
                connection.close(CloseCode::NORMAL, "").expect("an open connection");
            }
            connection
        };
        let whole = judged(&make, &wire, &[usize::MAX]);
        prop_assert_eq!(judged(&make, &wire, &[1]), whole.clone());
        prop_assert_eq!(judged(&make, &wire, &reads), whole);
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn sends_the_same_bytes_whatever_is_shared_and_written_when(
        role in any_role(),
        steps in vec(any_step(), 0..25),
    ) {
        let unlimited = |config: &mut Config| config.limits.send_buffer = usize::MAX;
        let (mut copied, mut mixed) = (open_with(role, unlimited), open_with(role, unlimited));
        let (mut expected, mut wire) = (Vec::new(), Vec::new());
        for step in &steps {
            let (one, other) = match step {
                Step::Send(message) => (copied.send(message), mixed.send(message)),
                Step::Shared(message) => (copied.send(message), mixed.send_shared(message.clone())),
                Step::Fragment(piece, last) => {
                    (copied.send_fragment(piece, *last), mixed.send_fragment(piece, *last))
                }
                Step::Ping(payload) => (copied.ping(&[*payload]), mixed.ping(&[*payload])),
                // Which pongs are sent depends on what was written when.
                Step::Pong(_) => continue,
                Step::Write(len) => {
                    let before = wire.len();
                    wire.extend(mixed.transmit().flatten().take(*len));
                    let queued = mixed.queued_bytes();
                    mixed.transmitted(wire.len() - before);
                    prop_assert_eq!(mixed.queued_bytes(), queued - (wire.len() - before));
                    continue;
                }
            };
            prop_assert_eq!(one, other);
            let shown: usize = mixed.transmit().map(<[u8]>::len).sum();
            prop_assert_eq!(shown, mixed.queued_bytes());
            expected.extend(sent(&mut copied));
        }
        wire.extend(sent(&mut mixed));
        prop_assert!(wire == expected);
    }

    #[test]
    fn answers_pings_by_the_rule_whatever_is_queued_and_written_when(
        role in any_role(),
        steps in vec(prop_oneof![3 => any_step(), 4 => any::<u8>().prop_map(Step::Pong)], 0..40),
    ) {
        const BACKLOG: usize = 16 * 1024;
        let mut connection = open_with(role, |config| config.limits.send_buffer = usize::MAX);
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        // Where the pong ends that was queued last, and the one that waits for it.
        let (mut pong_end, mut late) = (0, None);
        for step in &steps {
            let before = connection.queued_bytes();
            match step {
                Step::Pong(payload) => {
                    connection.pong(&[*payload]).expect("an open connection");
                    if before > BACKLOG && pong_end > wire.len() {
                        late = Some(*payload);
                        prop_assert_eq!(connection.queued_bytes(), before);
                    } else {
                        expected.push(*payload);
                        prop_assert!(connection.queued_bytes() > before);
                        pong_end = wire.len() + connection.queued_bytes();
                    }
                }
                Step::Write(len) => {
                    let start = wire.len();
                    wire.extend(connection.transmit().flatten().take(*len));
                    connection.transmitted(wire.len() - start);
                    let queued = before - (wire.len() - start);
                    let due = late.take_if(|_| pong_end <= wire.len() || queued <= BACKLOG);
                    expected.extend(due);
                    let pong = due.map_or(0, |payload| frame(role, 0x8A, &[payload]).len());
                    prop_assert_eq!(connection.queued_bytes(), queued + pong);
                    if due.is_some() {
                        pong_end = wire.len() + connection.queued_bytes();
                    }
                }
                // What is refused inside a message is not queued.
                Step::Send(message) => drop(connection.send(message)),
                Step::Shared(message) => drop(connection.send_shared(message.clone())),
                Step::Fragment(piece, last) => drop(connection.send_fragment(piece, *last)),
                Step::Ping(payload) => drop(connection.ping(&[*payload])),
            }
        }
        wire.extend(sent(&mut connection));
        expected.extend(late);
        let sent = plain(&wire).into_iter();
        let pongs: Vec<u8> = sent.filter_map(|(first, payload)| (first == 0x8A).then(|| payload[0])).collect();
        prop_assert_eq!(pongs, expected);
    }

    #[test]
    fn no_bytes_make_it_panic(
        role in any_role(),
        bytes in vec(prop_oneof![any::<u8>(), 0x80_u8..0x8B, Just(0)], 0..300),
        reads in any_reads(),
        streaming: bool,
        small: bool,
    ) {
        let make = || open_with(role, |config| {
            config.streaming = streaming;
            if small {
                small_limits(config);
            }
        });
        let whole = judged(&make, &bytes, &[usize::MAX]);
        prop_assert_eq!(judged(&make, &bytes, &reads), whole);
    }

    #[test]
    fn every_header_decodes_to_itself(
        fin: bool,
        opcode in prop::sample::select(vec![Opcode::Continuation, Opcode::Text, Opcode::Binary]),
        key: Option<[u8; 4]>,
        len in prop_oneof![0_u64..70_000, 0_u64..1 << 63],
        rest in vec(any::<u8>(), 0..20),
    ) {
        let header = FrameHeader { masking_key: key, ..FrameHeader::new(fin, opcode, len) };
        let mut wire = Vec::new();
        header.encode(&mut wire);
        let end = wire.len();
        wire.extend(rest);
        let role = if key.is_some() { Server } else { Client };
        prop_assert_eq!(FrameHeader::decode(&wire, role), Ok(Some((header, end))));
        prop_assert_eq!(FrameHeader::decode(&wire[..end - 1], role), Ok(None));
    }
}

/// What happens to a pair: to one end, to the bytes between, or to the clock.
#[derive(Clone, Debug)]
enum Act {
    Send(Message),
    Shared(Message),
    Fragment(Vec<u8>, bool),
    Ping(u8),
    Close(u16),
    Transfer(usize, usize),
    Wait(u64),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => any_message().prop_map(Act::Send),
        2 => any_message().prop_map(Act::Shared),
        4 => (vec(any::<u8>(), 0..50), any::<bool>()).prop_map(|(piece, last)| Act::Fragment(piece, last)),
        3 => any::<u8>().prop_map(Act::Ping),
        1 => (4000_u16..5000).prop_map(Act::Close),
        8 => (0_usize..200, 0_usize..200).prop_map(|(write, read)| Act::Transfer(write, read)),
        4 => (0_usize..90_000, 0_usize..90_000).prop_map(|(write, read)| Act::Transfer(write, read)),
        2 => (0_u64..1_500).prop_map(Act::Wait),
        1 => (0_u64..30_000).prop_map(Act::Wait),
    ]
}

/// What one end has sent: whole messages, and the one in fragments.
#[derive(Debug, Default)]
struct Said {
    messages: Vec<Seen>,
    begun: Vec<u8>,
}

fn act(pair: &mut Pair, said: &mut Said, role: Role, act: &Act) {
    let connection = &mut pair.end(role).connection;
    match act {
        Act::Send(message) => {
            if connection.send(message).is_ok() {
                said.messages.push(Seen::from(message));
            }
        }
        Act::Shared(message) => {
            if connection.send_shared(message.clone()).is_ok() {
                said.messages.push(Seen::from(message));
            }
        }
        Act::Fragment(piece, last) => {
            if connection
                .send_fragment(MessageRef::from(&piece[..]), *last)
                .is_ok()
            {
                said.begun.extend(piece);
                if *last {
                    said.messages
                        .push(Seen::Binary(std::mem::take(&mut said.begun)));
                }
            }
        }
        // Whether these are refused depends on the state, and either is fine here.
        Act::Ping(payload) => drop(connection.ping(&[*payload])),
        Act::Close(code) => drop(connection.close(CloseCode(*code), "done")),
        Act::Transfer(write, read) => pair.transfer(role, *write, *read),
        Act::Wait(millis) => pair.advance(Duration::from_millis(*millis)),
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn two_ends_agree_on_what_was_said_and_both_end(
        acts in vec((any_role(), any_act()), 0..60),
        streaming: bool,
    ) {
        let mut pair = Pair::with(|config| config.streaming = streaming);
        let (mut client, mut server) = (Said::default(), Said::default());
        for (role, step) in &acts {
            let said = if *role == Client { &mut client } else { &mut server };
            act(&mut pair, said, *role, step);
        }
        // Whatever happened, the client says goodbye, and nobody waits for ever.
        act(&mut pair, &mut client, Client, &Act::Close(4000));
        pair.run();
        for _ in 0..3 {
            pair.advance(Duration::from_secs(5));
            pair.run();
        }

        let both_clean = ROLES.iter().all(|role| {
            let connection = &pair.end(*role).connection;
            connection.closed().is_some_and(bowsprit_proto::Closed::is_clean)
        });
        for (role, said) in [(Client, &client), (Server, &server)] {
            let (end, peer) = pair.ends(role);
            prop_assert_eq!(end.connection.state(), State::Ended);
            prop_assert!(!end.seen.iter().any(|seen| matches!(seen, Seen::Failed(_))));
            let heard = heard(&peer.seen);
            prop_assert!(said.messages.starts_with(&heard), "{:?}", role);
            if both_clean {
                prop_assert_eq!(heard.len(), said.messages.len(), "{:?}", role);
            }
        }
    }
}

#[test]
fn a_pair_that_is_left_alone_says_all_and_ends_clean() {
    let mut pair = Pair::new();
    for role in ROLES {
        for n in 0..100_usize {
            let connection = &mut pair.end(role).connection;
            connection
                .send(&*n.to_string())
                .expect("an open connection");
        }
    }
    pair.client
        .connection
        .close(CloseCode::NORMAL, "")
        .expect("an open connection");
    pair.run();
    for role in ROLES {
        assert_eq!(heard(&pair.end(role).seen).len(), 100);
        let closed = pair.end(role).connection.closed();
        assert!(closed.is_some_and(bowsprit_proto::Closed::is_clean));
    }
}

#[test]
fn a_script_of_fragments_is_what_it_seems() {
    let (wire, expected) = scripted(Server, &Message::from("abc"), &[1, 0], &[(true, vec![])]);
    let frames = [
        frame(Server, 0x89, b""),
        fragments(Server, 1, &[b"a", b"", b"bc"]),
    ];
    assert_eq!(wire, frames.concat());
    assert_eq!(expected, [Seen::Ping(vec![]), Seen::Text("abc".into())]);
}
