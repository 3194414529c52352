//! RFC 7692 §8 and RFC 6455 §10.4, what compression costs in memory, byte by byte.
//!
//! The documentation of `Deflate` has these numbers.

use std::{sync::Arc, time::Duration};

use allocation_counter::measure;
use bowsprit_proto::{
    Config, Connection, Deflate, Event, Role, Timestamp, Uri,
    handshake::{Accept, Agreed, ClientHandshake, Request, ServerHandshake},
};
use flate2::{Compress, Compression, FlushCompress};

const MIB: usize = 1 << 20;
const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn config(role: Role, deflate: Option<Deflate>) -> Arc<Config> {
    let mut config = Config::for_role(role);
    config.deflate = deflate;
    Arc::new(config)
}

fn agree(deflate: Deflate) -> [Agreed; 2] {
    let uri = Uri::parse("ws://localhost/").expect("a URI");
    let (client, server) = (
        config(Role::Client, Some(deflate)),
        config(Role::Server, Some(deflate)),
    );
    let mut client = ClientHandshake::new(&Request::new(uri), [7; 16], &client);
    let mut server = ServerHandshake::new(&server);
    let whole = server.receive(&mut client.request_bytes());
    assert_eq!(whole, Ok(true));
    let mut answer = Vec::new();
    let served = server
        .accept(&Accept::default(), &mut answer)
        .expect("a sound request");
    let agreed = client.receive(&mut &answer[..]).expect("a sound answer");
    [agreed.expect("the whole answer"), served]
}

fn connection(role: Role, deflate: Option<Deflate>) -> Connection {
    let config = config(role, deflate);
    let connection = Connection::new(role, config, || [0; 4]);
    match deflate.map(agree) {
        Some([client, _]) if role == Role::Client => connection.with_agreed(&client),
        Some([_, server]) => connection.with_agreed(&server),
        None => connection,
    }
}

fn dedicated(window_bits: u8) -> Deflate {
    let mut deflate = Deflate::dedicated();
    deflate.server_max_window_bits = window_bits;
    deflate.client_max_window_bits = window_bits;
    deflate
}

/// A client of a server that compresses, with limits of its own.
fn limited(deflate: Deflate, adjust: impl Fn(&mut Config)) -> Connection {
    let mut config = Config::client();
    config.deflate = Some(deflate);
    adjust(&mut config);
    let [agreed, _] = agree(deflate);
    Connection::client(Arc::new(config), || [0; 4]).with_agreed(&agreed)
}

/// Takes what is queued, and the memory that held it.
fn sent(connection: &mut Connection) -> Vec<u8> {
    let wire: Vec<u8> = connection.transmit().flatten().copied().collect();
    connection.transmitted(wire.len());
    drop(connection.take_buffer());
    wire
}

/// Gives all of `wire` and returns how many messages it held, `None` where it failed.
fn receive(connection: &mut Connection, wire: &mut [u8]) -> Option<usize> {
    let mut input = wire;
    let mut messages = 0;
    while let Some(event) = connection.receive(&mut input) {
        match event {
            Event::Message(_) => messages += 1,
            Event::Failed(_) => return None,
            _ => {}
        }
    }
    Some(messages)
}

/// Messages of 1 KiB and a little more, alike but not the same.
fn message(n: usize) -> Vec<u8> {
    format!("message {n} {}", n * n)
        .bytes()
        .cycle()
        .take(1024 + n % 100)
        .collect()
}

/// What a connection holds on the heap, without the settings, which connections share.
fn held(connection: Connection) -> usize {
    let _config = Arc::clone(connection.config());
    let freed = measure(|| drop(connection)).bytes_current;
    usize::try_from(-freed).expect("a drop frees memory only")
}

/// What a connection holds once it has sent, or received, so many messages.
fn idle(role: Role, deflate: Option<Deflate>, messages: usize) -> [usize; 2] {
    [true, false].map(|sends| {
        let peer = ROLES[usize::from(role == Role::Client)];
        let (mut own, mut peer) = (connection(role, deflate), connection(peer, deflate));
        let (from, to) = if sends {
            (&mut own, &mut peer)
        } else {
            (&mut peer, &mut own)
        };
        for n in 0..messages {
            from.send(&message(n)[..]).expect("an open connection");
            assert_eq!(receive(to, &mut sent(from)), Some(1));
        }
        held(own)
    })
}

#[test]
fn an_idle_connection_holds_what_the_docs_say() {
    // What sent and what received may hold, beside two boxes, after one message and after many.
    let table = [
        ("shared", Deflate::shared(), 0, [0, 0]),
        ("dedicated, 9 bits", dedicated(9), 270_000, [1 << 9, 1 << 9]),
        ("dedicated", Deflate::dedicated(), 285_000, [1_024, 1 << 12]),
        (
            "dedicated, 15 bits",
            dedicated(15),
            400_000,
            [1_024, 1 << 15],
        ),
    ];
    for role in ROLES {
        assert_eq!(idle(role, None, 5), [0, 0]);
        for (name, deflate, compressor, history) in table {
            let [boxes, same] = idle(role, Some(deflate), 0);
            assert!(boxes == same && boxes <= 112, "{name}: {boxes}");
            for (messages, history) in [(1, history[0]), (300, history[1])] {
                let [sends, receives] = idle(role, Some(deflate), messages);
                assert!(
                    sends <= boxes + compressor,
                    "{name}: {sends} after {messages} sent"
                );
                let receives = receives - boxes;
                assert!(
                    receives >= history,
                    "{name}: {receives} after {messages} received"
                );
                // A vector may have a little more room than it needs.
                assert!(
                    receives <= history * 9 / 8,
                    "{name}: {receives} after {messages} received"
                );
            }
        }
    }
}

#[test]
fn a_keepalive_ping_gives_the_compressor_back() {
    for role in ROLES {
        let mut connection = connection(role, Some(Deflate::dedicated()));
        connection
            .send(&message(1)[..])
            .expect("an open connection");
        drop(sent(&mut connection));
        let mut now = Timestamp(Duration::ZERO);
        while !connection.wants_write() {
            now = connection.poll_timeout(now).expect("a keepalive");
            connection.handle_timeout(now);
        }
        assert_eq!(
            sent(&mut connection).len(),
            13 + 4 * usize::from(role == Role::Client)
        );
        let left = held(connection);
        assert!(left < 256, "{left}");
    }
}

/// A gibibyte of zeros in a megabyte, one flush for each mebibyte of them.
fn bomb() -> Vec<u8> {
    let mut zeros = Vec::with_capacity(4096);
    let mut compress = Compress::new(Compression::best(), false);
    compress
        .compress_vec(&vec![0; MIB], &mut zeros, FlushCompress::Full)
        .expect("valid parameters");
    assert!(zeros.len() < 1_100 && zeros.ends_with(&[0, 0, 0xFF, 0xFF]));
    zeros.repeat(1024)
}

/// Frames of a server with this payload in so many bytes each.
fn frames(payload: &[u8], size: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for (n, piece) in payload.chunks(size).enumerate() {
        wire.push(if n == 0 { 0x42 } else { 0x00 });
        wire.push(127);
        wire.extend((piece.len() as u64).to_be_bytes());
        wire.extend(piece);
    }
    wire
}

#[test]
fn a_bomb_takes_no_more_than_the_limit() {
    let payload = bomb();
    for (size, reads) in [
        (usize::MAX, usize::MAX),
        (usize::MAX, 65_536),
        (70_000, 1_448),
        (usize::MAX, 1),
    ] {
        for (has_takeover, limit) in [(false, MIB), (true, MIB), (true, MIB - 1), (true, 100_000)] {
            let deflate = if has_takeover {
                dedicated(15)
            } else {
                Deflate::shared()
            };
            let mut client = limited(deflate, |config| config.limits.message = limit);
            let mut wire = frames(&payload, size);
            let mut ended = false;
            let peak = measure(|| {
                let reads = reads.min(wire.len());
                for piece in wire.chunks_mut(reads) {
                    if receive(&mut client, piece).is_none() {
                        ended = true;
                        break;
                    }
                }
            });
            assert!(ended);
            // While the memory of a message doubles, there is half as much again; and a chunk, and the
            // history twice.
            let most = 3 * limit as u64 + 128 * 1024;
            assert!(peak.bytes_max <= most, "{} at {limit}", peak.bytes_max);
            // The history of a failed connection stays as long as it does.
            let history = if has_takeover { 1 << 15 } else { 0 };
            let kept = held(client);
            assert!(kept <= 512 + history * 9 / 8, "{kept} at {limit}");
        }
    }
}

#[test]
fn a_streamed_bomb_takes_no_more_than_a_few_pieces() {
    let mut wire = frames(&bomb(), usize::MAX);
    let mut client = limited(dedicated(15), |config| config.streaming = true);
    let mut total = 0;
    let peak = measure(|| {
        let mut input = &mut wire[..];
        while let Some(event) = client.receive(&mut input) {
            match event {
                Event::Fragment(piece, false) => total += piece.as_bytes().len(),
                event => panic!("a piece was expected, not {event:?}"),
            }
            // A tenth of it shows as much as all of it.
            if total > 100 * MIB {
                break;
            }
        }
    });
    assert!(peak.bytes_max < 4 * MIB as u64, "{}", peak.bytes_max);
}

#[test]
fn what_is_kept_of_the_past_is_no_more_than_the_window() {
    for (window_bits, len, count) in [(12, 4095, 2), (12, 3000, 3), (15, 8191, 6)] {
        let deflate = dedicated(window_bits);
        let mut sender = connection(Role::Client, Some(deflate));
        let mut receiver = connection(Role::Server, Some(deflate));
        let empty = held(connection(Role::Server, Some(deflate)));
        let message: Vec<u8> = b"abcdefgh".iter().copied().cycle().take(len).collect();
        for _ in 0..count {
            sender.send(&message[..]).expect("an open connection");
            assert_eq!(receive(&mut receiver, &mut sent(&mut sender)), Some(1));
        }
        assert_eq!(
            held(receiver) - empty,
            1 << window_bits,
            "after {count} of {len}"
        );
    }
}

#[test]
fn compressors_of_one_kind_push_out_no_other() {
    let mut shared = connection(Role::Server, Some(Deflate::shared()));
    let message = message(1);
    let mut send = || {
        let allocated = measure(|| shared.send(&message[..]).expect("an open connection"));
        shared.transmitted(usize::MAX);
        allocated.bytes_total
    };
    send();
    let mut resting: Vec<Connection> = (0..5)
        .map(|_| connection(Role::Server, Some(dedicated(12))))
        .collect();
    for connection in &mut resting {
        connection.send(&message[..]).expect("an open connection");
    }
    resting.iter_mut().for_each(Connection::abort);
    assert!(send() < 100_000, "its compressor is still there");
}
