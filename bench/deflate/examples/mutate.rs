//! Inflates mutated streams, and looks for one that makes zlib-rs panic.

use std::{env, panic};

use payload::Random;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status, Strategy};

/// As much output as a receiver with a limit would take.
const CAP: usize = 64 * 1024;

fn main() {
    let iterations: u64 = env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_000_000);
    let seeds = seeds();
    println!(
        "{} seeds, the longest of {} bytes",
        seeds.len(),
        seeds.iter().map(Vec::len).max().unwrap_or(0)
    );
    let mut inflate = Inflate::new(false, 15);
    let mut output = vec![0; 4096];
    let (mut ended, mut refused, mut starved, mut capped) = (0, 0, 0, 0);
    for iteration in 0..iterations {
        // A generator of its own, so that the number of the iteration is all that one has to know.
        let mut random = Random::new(iteration);
        let stream = mutated(&seeds, &mut random);
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            // Mostly the old state, in whatever shape the last stream left it.
            if random.below(64) == 0 {
                inflate = Inflate::new(false, 8 + random.below(8) as u8);
            } else {
                inflate.reset(false);
            }
            if random.below(4) == 0 {
                let dictionary = random.pick(&seeds);
                inflate
                    .set_dictionary(dictionary)
                    .expect("a raw stream takes a dictionary");
            }
            inflate_all(&mut inflate, &stream, &mut output, &mut random)
        }));
        match outcome {
            Ok(Outcome::Ended) => ended += 1,
            Ok(Outcome::Refused) => refused += 1,
            Ok(Outcome::Starved) => starved += 1,
            Ok(Outcome::Capped) => capped += 1,
            Err(_) => panic!("iteration {iteration} panicked on {stream:02x?}"),
        }
    }
    println!(
        "{iterations} streams: {ended} ended, {refused} refused, {starved} wanted more, {capped} capped"
    );
}

enum Outcome {
    Ended,
    Refused,
    Starved,
    Capped,
}

fn inflate_all(
    inflate: &mut Inflate,
    stream: &[u8],
    output: &mut [u8],
    random: &mut Random,
) -> Outcome {
    let flush = *random.pick(&[
        InflateFlush::NoFlush,
        InflateFlush::SyncFlush,
        InflateFlush::SyncFlush,
    ]);
    let (mut rest, mut total) = (stream, 0);
    while !rest.is_empty() {
        let (piece, after) = if random.below(4) == 0 {
            rest.split_at(random.below(rest.len() as u64 + 1) as usize)
        } else {
            (rest, &[][..])
        };
        rest = after;
        let mut input = piece;
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(input, output, flush);
            let (read, written) = (inflate.total_in() - read, inflate.total_out() - written);
            input = &input[read as usize..];
            total += written as usize;
            assert!(written as usize <= output.len());
            match status {
                Err(_) => {
                    // A receiver that does not stop must not be worse off than one that does.
                    _ = inflate.decompress(input, output, flush);
                    return Outcome::Refused;
                }
                Ok(Status::StreamEnd) => return Outcome::Ended,
                Ok(_) if total > CAP => return Outcome::Capped,
                Ok(_) if (written as usize) < output.len() => {
                    assert!(input.is_empty(), "input is left, and output has room");
                    break;
                }
                Ok(_) => {}
            }
        }
    }
    Outcome::Starved
}

/// Streams of every kind of block, most of them short: more of the mutations fall on a header.
fn seeds() -> Vec<Vec<u8>> {
    let mut random = Random::new(1);
    let payloads = payload::all();
    let strategies = [
        Strategy::Default,
        Strategy::Filtered,
        Strategy::HuffmanOnly,
        Strategy::Rle,
        Strategy::Fixed,
    ];
    let stream = |_| {
        let config = DeflateConfig {
            level: random.below(10) as i32,
            window_bits: -9 - random.below(7) as i32,
            mem_level: 1 + random.below(9) as i32,
            strategy: *random.pick(&strategies),
            ..DeflateConfig::default()
        };
        let mut deflate = Deflate::new_with_config(config);
        let mut output = vec![0; 1 << 18];
        for flush in [
            DeflateFlush::SyncFlush,
            *random.pick(&[DeflateFlush::SyncFlush, DeflateFlush::Finish]),
        ] {
            let payload = random.pick(&payloads);
            let message = random.pick(&payload.messages);
            let start = random.below(message.len() as u64) as usize;
            let length = 1 << random.below(17);
            let message = &message[start..message.len().min(start + length)];
            let written = deflate.total_out() as usize;
            deflate
                .compress(message, &mut output[written..], flush)
                .expect("deflate takes any message");
        }
        output.truncate(deflate.total_out() as usize);
        output
    };
    (0..2000).map(stream).collect()
}

fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut stream = random.pick(seeds).clone();
    for _ in 0..1 + random.below(6) {
        if stream.is_empty() {
            break;
        }
        // Half of them near the front, where a small change has the widest effect.
        let reach = if random.below(2) == 0 {
            stream.len().min(80)
        } else {
            stream.len()
        };
        let index = random.below(reach as u64) as usize;
        match random.below(6) {
            0 | 1 => stream[index] ^= 1 << random.below(8),
            2 => stream[index] = random.below(256) as u8,
            3 => stream.truncate(index),
            4 => drop(stream.drain(index..stream.len().min(index + 1 + random.below(8) as usize))),
            _ => {
                let other = random.pick(seeds);
                let start = random.below(other.len() as u64) as usize;
                let end = other.len().min(start + 1 + random.below(64) as usize);
                stream.splice(index..index, other[start..end].iter().copied());
            }
        }
    }
    stream
}
