//! RFC 7692 for any input: properties of connections that compress.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bowsprit_proto::{
    CloseCode, Config, Connection, Deflate, Message, Prepared,
    ProtocolError::InvalidDeflate,
    Role::{self, Client, Server},
    Timestamp,
    handshake::Agreed,
};
use proptest::{collection::vec, prelude::*};

use crate::{
    deflate_support::{
        BEGIN_BINARY, BINARY, Bits, TEXT, agree, compress, deflated, deflated_with, noise, prose,
        settings,
    },
    puff,
    support::{KEY, Outcome, ROLES, Seen, feed, feed_in, frame, peer_of, sent, text},
};

fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Client), Just(Server)]
}

fn any_settings() -> impl Strategy<Value = Deflate> {
    let threshold = prop_oneof![3 => Just(0), 1 => 0_usize..200, 1 => Just(usize::MAX)];
    (
        any::<[bool; 2]>(),
        9_u8..=15,
        9_u8..=15,
        1_u8..=9,
        threshold,
    )
        .prop_map(|(takeover, server, client, level, threshold)| {
            let mut deflate = settings(true, 15, level);
            [
                deflate.server_context_takeover,
                deflate.client_context_takeover,
            ] = takeover;
            deflate.server_max_window_bits = server;
            deflate.client_max_window_bits = client;
            deflate.threshold = threshold;
            deflate
        })
}

/// Alike, so that a wrong history shows, and now and then larger than what is handed out at once.
fn any_payload() -> impl Strategy<Value = Message> {
    let len = prop_oneof![4 => 0_usize..40, 6 => 40_usize..2_000, 1 => 15_000_usize..40_000];
    (len, 0_usize..5, 0_u8..4).prop_map(|(len, n, kind)| match kind {
        0 => Message::from(noise(len, n as u64)),
        1 => Message::from([noise(len / 2, 7), prose(len / 2, n).into_bytes()].concat()),
        2 => Message::from("é€😀".repeat(len / 9) + &prose(n, n)),
        _ => Message::from(prose(len, n)),
    })
}

fn any_reads() -> impl Strategy<Value = Vec<usize>> {
    vec(
        prop_oneof![3 => 1_usize..40, 2 => 40_usize..5_000, 1 => Just(usize::MAX)],
        1..6,
    )
}

#[derive(Clone, Debug)]
enum Step {
    Send(Message),
    Shared(Message),
    Prepared(usize),
    Fragment(Message, bool),
    Ping(u8),
    Quiet,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any_payload().prop_map(Step::Send),
        2 => any_payload().prop_map(Step::Shared),
        3 => (0_usize..4).prop_map(Step::Prepared),
        5 => (any_payload(), any::<bool>()).prop_map(|(piece, last)| Step::Fragment(piece, last)),
        2 => any::<u8>().prop_map(Step::Ping),
        1 => Just(Step::Quiet),
    ]
}

/// What a peer has to see, the message that is sent in fragments, and the time.
struct Said {
    expected: Vec<Seen>,
    begun: Vec<u8>,
    now: Timestamp,
}

/// Does as the step says; adds what the peer has to see.
fn take(connection: &mut Connection, step: &Step, prepared: &[Prepared], said: &mut Said) {
    match step {
        Step::Send(message) => {
            if connection.send(message).is_ok() {
                said.expected.push(Seen::from(message));
            }
        }
        Step::Shared(message) => {
            if connection.send_shared(message.clone()).is_ok() {
                said.expected.push(Seen::from(message));
            }
        }
        Step::Prepared(n) => {
            if connection.send_prepared(&prepared[*n]).is_ok() {
                said.expected.push(Seen::from(prepared[*n].message()));
            }
        }
        Step::Fragment(piece, last) => {
            let sent = connection.send_fragment(piece.as_bytes(), *last);
            sent.expect("an open connection without a limit");
            said.begun.extend(piece.as_bytes());
            if *last {
                said.expected
                    .push(Seen::Binary(std::mem::take(&mut said.begun)));
            }
        }
        Step::Ping(n) => {
            connection
                .ping(&[*n])
                .expect("an open connection without a limit");
            said.expected.push(Seen::Ping(vec![*n]));
        }
        // Nothing is heard for long, so that a keepalive ping leaves.
        Step::Quiet => {
            connection.suppose_alive();
            // One look that finds a sign of life, and four that find none.
            for _ in 0..5 {
                let due = connection.poll_timeout(said.now).expect("a keepalive");
                connection.handle_timeout(due);
                said.now = due;
            }
            let is_keepalive =
                |seen: &&Seen| matches!(seen, Seen::Ping(payload) if payload.len() > 1);
            let number = 1 + said.expected.iter().filter(is_keepalive).count();
            let payload = format!("keepalive {number}");
            said.expected.push(Seen::Ping(payload.into()));
        }
    }
}

proptest! {
    #![proptest_config(crate::properties::cases(192))]

    #[test]
    fn what_is_sent_compressed_arrives(
        role in any_role(),
        deflate in any_settings(),
        steps in vec(any_step(), 0..25),
        reads in any_reads(),
    ) {
        let unlimited = |config: &mut Config| {
            config.limits.send_buffer = usize::MAX;
            config.timeouts.write = None;
        };
        let mut sender = deflated_with(role, deflate, unlimited);
        let mut receiver = deflated(peer_of(role), deflate);
        let prepared: Vec<Prepared> = vec![
            Prepared::new(prose(900, 2)),
            Prepared::new(noise(900, 2)),
            Prepared::uncompressed(prose(900, 3)),
            Prepared::new(prose(20_000, 4)),
        ];
        let now = Timestamp(Duration::ZERO);
        let mut said = Said { expected: Vec::new(), begun: Vec::new(), now };
        let mut seen = Vec::new();
        for (n, step) in steps.iter().enumerate() {
            take(&mut sender, step, &prepared, &mut said);
            if n % 3 == 0 {
                seen.extend(feed_in(&mut receiver, &sent(&mut sender), &reads));
            }
        }
        sender.close(CloseCode::NORMAL, "bye").expect("an open connection");
        said.expected.push(Seen::Close(1000, "bye".into()));
        seen.extend(feed_in(&mut receiver, &sent(&mut sender), &reads));
        prop_assert!(seen == said.expected);
    }

    #[test]
    fn random_bytes_are_taken_as_deflate_or_refused(
        role in any_role(),
        payload in vec(any::<u8>(), 0..200),
        first in prop::sample::select(vec![TEXT, BINARY, BEGIN_BINARY]),
        has_takeover: bool,
        streaming: bool,
        reads in any_reads(),
    ) {
        let make = || deflated_with(role, settings(has_takeover, 15, 1), |config| {
            config.limits.message = 10_000;
            config.streaming = streaming;
        });
        let wire = frame(peer_of(role), first, &payload);
        let whole = Outcome::of(make(), &wire, &[usize::MAX]);
        let cut = Outcome::of(make(), &wire, &reads);
        prop_assert_eq!(whole.state, cut.state);
        if first == BINARY && !streaming {
            let inflated = puff::inflate(&[], &payload).map(|inflated| Seen::Binary(inflated.data));
            let expected = inflated.unwrap_or(Seen::Failed(InvalidDeflate));
            if !matches!(whole.events[..], [Seen::Failed(error)] if error != InvalidDeflate) {
                prop_assert_eq!(whole.events, [expected]);
            }
        }
    }
}

/// Numbers that are always the same, for cases that are cheap and many.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).expect("32 bits") % end
    }
}

/// Sound payloads of each kind of block.
fn corpus() -> Vec<Vec<u8>> {
    let stored = Bits::default().stored(&noise(30, 1));
    let finals = stored
        .fixed(true)
        .literal(b'x')
        .copy_three(1)
        .end_of_block()
        .align();
    let mixed = finals
        .fixed(false)
        .literal(b'y')
        .end_of_block()
        .stored(b"z");
    vec![
        compress(b"Hello"),
        compress(prose(300, 1).as_bytes()),
        compress(&[prose(300, 2).into_bytes(), noise(100, 2)].concat()),
        compress(&vec![0; 5_000]),
        mixed.payload(),
        Bits::default()
            .fixed(false)
            .copy_three(50)
            .end_of_block()
            .payload(),
        vec![0],
    ]
}

fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut payload = corpus[random.below(corpus.len())].clone();
    for _ in 0..random.below(4) {
        let at = random.below(payload.len() + 1);
        match random.below(5) {
            0 => payload.truncate(at),
            1 => payload.insert(at, random.below(256).to_le_bytes()[0]),
            2 => payload.extend(&corpus[random.below(corpus.len())]),
            _ => {
                if let Some(byte) = payload.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    payload
}

/// As many cases as the environment asks for.
#[test]
fn mutated_messages_are_taken_as_deflate_or_refused() {
    let cases = std::env::var("BOWSPRIT_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let (corpus, mut random) = (corpus(), Random(0x5EED));
    let (mut accepted, history) = (0, noise(400, 3));
    for case in 0..cases.unwrap_or(20_000) {
        let payload = mutated(&mut random, &corpus);
        let (role, has_takeover) = (ROLES[case % 2], case % 3 > 0);
        let mut receiver = deflated_agreed(role, has_takeover);
        let reads = [1 + random.below(20), 1 + random.below(400)];
        let peer = peer_of(role);
        let first = frame(
            peer,
            BINARY,
            &[&Bits::default().stored(&history).cut()[..], &[0]].concat(),
        );
        assert_eq!(feed(&mut receiver, &first).len(), 1);
        let seen = feed_in(&mut receiver, &frame(peer, BINARY, &payload), &reads);
        let known: &[u8] = if has_takeover { &history } else { &[] };
        let inflated = puff::inflate(known, &payload);
        accepted += usize::from(inflated.is_some());
        match &seen[..] {
            [Seen::Failed(InvalidDeflate)] => assert_eq!(inflated, None, "{case}: {payload:x?}"),
            [Seen::Binary(data)] => {
                let inflated = inflated.map(|inflated| inflated.data);
                assert_eq!(inflated.as_ref(), Some(data), "{case}: {payload:x?}");
            }
            seen => panic!("{case}: {seen:?} of {payload:x?}"),
        }
    }
    assert!(accepted > 1_000, "{accepted}");
}

/// As `deflated`, with one handshake for each kind of connection.
fn deflated_agreed(role: Role, has_takeover: bool) -> Connection {
    type Made = (Arc<Config>, Agreed);
    static MADE: LazyLock<Vec<Made>> = LazyLock::new(|| {
        let kinds = [false, true].map(|has_takeover| settings(has_takeover, 15, 1));
        let made = kinds.map(|deflate| {
            let (client, server) = agree(Some(deflate), Some(deflate));
            [(Client, client), (Server, server)].map(|(role, agreed)| {
                let mut config = Config::for_role(role);
                config.deflate = Some(deflate);
                (Arc::new(config), agreed)
            })
        });
        made.into_iter().flatten().collect()
    });
    let at = usize::from(has_takeover) * 2 + usize::from(role == Server);
    let (config, agreed) = &MADE[at];
    Connection::new(role, Arc::clone(config), || KEY).with_agreed(agreed)
}

#[test]
fn a_mutation_can_leave_a_message_as_it_is() {
    let wire = frame(Client, TEXT, &corpus()[0]);
    assert_eq!(
        feed(&mut deflated_agreed(Server, true), &wire),
        [text("Hello")]
    );
}
