//! Masking keys that a server or a page could foresee would let them write what a proxy sees (RFC 6455
//! section 10.3). The margins are eight standard deviations wide and more: chance does not cross them.

use std::collections::HashSet;

use bowsprit::{Client, proto::handshake::accept_value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

const FRAMES: usize = 1 << 14;

/// The keys of so many frames of one connection, as they are on the wire.
async fn keys(count: usize) -> Vec<u32> {
    let (near, mut far) = duplex(64 * 1024);
    let request = Client::new().request("ws://localhost/").expect("a URI");
    let (opened, ()) = tokio::join!(request.connect_on(near), open(&mut far));
    let mut ws = opened.expect("a connection");
    let sending = async {
        for _ in 0..count {
            ws.send("").await.expect("an open connection");
        }
        ws.flush().await.expect("an open connection");
    };
    let receiving = async {
        let mut keys = Vec::with_capacity(count);
        for _ in 0..count {
            let mut frame = [0; 6];
            far.read_exact(&mut frame).await.expect("a frame");
            let [0x81, 0x80, key @ ..] = frame else {
                panic!("{frame:?}");
            };
            keys.push(u32::from_be_bytes(key));
        }
        keys
    };
    tokio::join!(sending, receiving).1
}

async fn open(far: &mut DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(far.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8(head).expect("text");
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a key");
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept_value(key)
    );
    far.write_all(answer.as_bytes()).await.expect("a write");
}

/// How far a count of fair coins is from half of them, in standard deviations.
fn deviations(ones: u32, coins: usize) -> f64 {
    let coins = coins as f64;
    (f64::from(ones) - coins / 2.0).abs() / (coins.sqrt() / 2.0)
}

/// How often each of the 32 bits is set.
fn ones(words: impl Iterator<Item = u32>) -> [u32; 32] {
    let mut ones = [0; 32];
    for word in words {
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += word >> bit & 1;
        }
    }
    ones
}

#[tokio::test]
async fn masking_keys_show_no_pattern() {
    let keys = keys(FRAMES).await;
    // Each bit alone, and whether it is as it was one to four frames before.
    for lag in 0..=4 {
        let words = keys.iter().zip(&keys[lag..]);
        let words = words.map(|(a, b)| if lag == 0 { *a } else { a ^ b });
        for (bit, count) in ones(words).into_iter().enumerate() {
            let off = deviations(count, FRAMES - lag);
            assert!(off < 8.0, "bit {bit}, {lag} frames apart: {off}");
        }
    }
    // Neighbouring bits of one key.
    for (bit, count) in ones(keys.iter().map(|key| key ^ key.rotate_left(1)))
        .into_iter()
        .enumerate()
    {
        let off = deviations(count, FRAMES);
        assert!(off < 8.0, "bits {bit} and the next: {off}");
    }
    // The bytes, by chi-squared with 255 degrees of freedom: 255, give or take 22.6.
    let mut counts = [0_u32; 256];
    for byte in keys.iter().flat_map(|key| key.to_be_bytes()) {
        counts[usize::from(byte)] += 1;
    }
    let expected = (FRAMES * 4 / 256) as f64;
    let chi_squared: f64 = counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum();
    assert!((100.0..436.0).contains(&chi_squared), "{chi_squared}");
    // One pair alike in 32 runs is chance.
    let different = keys.iter().collect::<HashSet<_>>().len();
    assert!(FRAMES - different < 8, "{different} of {FRAMES}");
    // Steps of a counter or of a linear generator would repeat.
    let steps = keys.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let different = steps.collect::<HashSet<_>>().len();
    assert!(FRAMES - 1 - different < 8, "{different} of {FRAMES}");
}

#[tokio::test]
async fn connections_share_no_keys() {
    let mut all = HashSet::new();
    for _ in 0..8 {
        all.extend(keys(64).await);
    }
    // Of 512 keys two are alike once in 33,000 runs.
    assert!(512 - all.len() < 4, "{}", all.len());
}
