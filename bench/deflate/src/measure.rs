//! Times one library over all payloads and settings, and prints a line for each.

use std::{alloc::System, hint::black_box, time::Duration};

use cpu_time::ThreadTime;
use payload::Payload;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

use crate::library::{self, TAIL};

// flate2 gives the C libraries Rust's allocator, so that this counts what they take too.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// 2 too, for level 1 of zlib-rs and zlib-ng does less than level 1 of zlib.
const LEVELS: [u8; 3] = [1, 2, 6];
const NEW_WINDOW_BITS: u8 = 15;

pub fn all(budget: Duration) {
    // After this glibc keeps what is freed; else some of the rows "new" would be of page faults.
    drop(black_box(vec![0_u8; 16 << 20]));
    let payloads = payload::all();
    for payload in &payloads {
        for level in LEVELS {
            for &bits in library::WINDOW_BITS {
                for &column in library::COLUMNS {
                    compression(payload, level, bits, column, budget);
                }
            }
        }
        for &bits in library::WINDOW_BITS {
            decompression(payload, bits, budget);
        }
    }
    for &bits in library::WINDOW_BITS {
        heap(&payloads[0].messages[0], bits);
    }
}

/// A line for the table: nanoseconds a message, and bytes a message or an object.
fn print(row: &str, column: &str, nanoseconds: Option<f64>, bytes: Option<usize>) {
    let nanoseconds = nanoseconds.map_or_else(String::new, |time| time.to_string());
    let bytes = bytes.map_or_else(String::new, |bytes| bytes.to_string());
    println!("{row}\t{column}\t{nanoseconds}\t{bytes}");
}

/// Nanoseconds of CPU time a message, in the fastest of the rounds that the budget has room for.
fn fastest(budget: Duration, messages: usize, mut work: impl FnMut(usize)) -> f64 {
    let (mut fastest, mut spent, mut rounds) = (Duration::MAX, Duration::ZERO, 0);
    while spent < budget || rounds < 2 {
        let start = ThreadTime::now();
        (0..messages).for_each(&mut work);
        let time = start.elapsed();
        fastest = fastest.min(time);
        spent += time;
        rounds += 1;
    }
    fastest.as_secs_f64() * 1e9 / messages as f64
}

fn compression(
    payload: &Payload,
    level: u8,
    bits: u8,
    (column, memory): (&str, i32),
    budget: Duration,
) {
    let messages = &payload.messages;
    let mut output = vec![0; messages[0].len() * 9 / 8 + 1024];
    let mut measure =
        |mode, takeover: bool, compress: &mut dyn FnMut(usize, &mut [u8]) -> usize| {
            let mut inflate = Inflate::new(false, 15);
            inflate
                .set_dictionary(payload.window(0, 15))
                .expect("a raw stream takes a dictionary");
            let mut bytes = 0;
            // The first round may start with an empty window, and no later one does.
            for _ in 0..2 {
                bytes = 0;
                for (index, message) in messages.iter().enumerate() {
                    let length = compress(index, &mut output);
                    if !takeover {
                        inflate.reset(false);
                    }
                    assert_eq!(
                        reference_decompress(&mut inflate, &output[..length], message.len()),
                        *message
                    );
                    bytes += length;
                }
            }
            let time = fastest(budget, messages.len(), |index| {
                compress(index, &mut output);
            });
            let row = format!("{} | compress | {mode} | {level} | {bits}", payload.name);
            print(&row, column, Some(time), Some(bytes / messages.len()));
        };

    let new = || library::compressor(level, bits, memory);
    let mut deflate = new();
    measure("takeover", true, &mut |index, output| {
        library::compress(&mut deflate, &messages[index], output)
    });
    if let Some(set_dictionary) = library::SET_DICTIONARY {
        measure("reset, dictionary", true, &mut |index, output| {
            deflate.reset();
            (set_dictionary.compress)(&mut deflate, payload.window(index, bits));
            library::compress(&mut deflate, &messages[index], output)
        });
    }
    measure("reset", false, &mut |index, output| {
        deflate.reset();
        library::compress(&mut deflate, &messages[index], output)
    });
    if bits == NEW_WINDOW_BITS {
        measure("new", false, &mut |index, output| {
            library::compress(&mut new(), &messages[index], output)
        });
    }
}

fn decompression(payload: &Payload, bits: u8, budget: Duration) {
    // A decompressor has no memory level.
    let (column, _) = library::COLUMNS[0];
    let messages = &payload.messages;
    let mut output = vec![0; messages[0].len() + 64];
    let mut measure = |mode, decompress: &mut dyn FnMut(usize, &mut [u8]) -> usize| {
        let time = fastest(budget, messages.len(), |index| {
            assert_eq!(decompress(index, &mut output), messages[index].len());
        });
        let row = format!("{} | decompress | {mode} | 6 | {bits}", payload.name);
        print(&row, column, Some(time), None);
    };

    let mut deflate = reference_compressor(bits);
    let mut round = |_| -> Vec<_> {
        messages
            .iter()
            .map(|message| reference_compress(&mut deflate, message))
            .collect()
    };
    // The window at the end of the second is that at its start: a circle that can go on for ever.
    let [first, circle] = [1, 2].map(&mut round);
    let alone: Vec<_> = messages
        .iter()
        .map(|message| reference_compress(&mut reference_compressor(bits), message))
        .collect();

    let mut inflate = library::decompressor(bits);
    for (message, stream) in messages.iter().zip(&first) {
        library::decompress(&mut inflate, stream, &mut vec![0; message.len() + 64]);
    }
    measure("takeover", &mut |index, output| {
        library::decompress(&mut inflate, &circle[index], output)
    });
    if let Some(set_dictionary) = library::SET_DICTIONARY {
        measure("reset, dictionary", &mut |index, output| {
            library::reset(&mut inflate);
            (set_dictionary.decompress)(&mut inflate, payload.window(index, bits));
            library::decompress(&mut inflate, &circle[index], output)
        });
    }
    measure("reset", &mut |index, output| {
        library::reset(&mut inflate);
        library::decompress(&mut inflate, &alone[index], output)
    });
    if bits == NEW_WINDOW_BITS {
        measure("new", &mut |index, output| {
            library::decompress(&mut library::decompressor(bits), &alone[index], output)
        });
    }
}

/// Counts after the first message, for zlib allocates the window of a decompressor when it needs one.
fn heap(message: &[u8], bits: u8) {
    let mut output = vec![0; message.len() * 2 + 64];
    for &(column, memory) in library::COLUMNS {
        let bytes = held(|| {
            let mut deflate = library::compressor(6, bits, memory);
            library::compress(&mut deflate, message, &mut output);
            deflate
        });
        print(
            &format!("any | compress | heap | 6 | {bits}"),
            column,
            None,
            Some(bytes),
        );
    }
    let stream = reference_compress(&mut reference_compressor(bits), message);
    let bytes = held(|| {
        let mut inflate = library::decompressor(bits);
        library::decompress(&mut inflate, &stream, &mut output);
        inflate
    });
    print(
        &format!("any | decompress | heap | 6 | {bits}"),
        library::COLUMNS[0].0,
        None,
        Some(bytes),
    );
}

fn held<T>(make: impl FnOnce() -> T) -> usize {
    let region = Region::new(ALLOCATOR);
    let _object = make();
    let change = region.change();
    change.bytes_allocated - change.bytes_deallocated
}

fn reference_compressor(bits: u8) -> Deflate {
    Deflate::new(6, false, bits)
}

fn reference_compress(deflate: &mut Deflate, message: &[u8]) -> Vec<u8> {
    let mut output = vec![0; message.len() * 9 / 8 + 1024];
    let before = deflate.total_out();
    deflate
        .compress(message, &mut output, DeflateFlush::SyncFlush)
        .expect("deflate takes any message");
    output.truncate(usize::try_from(deflate.total_out() - before).expect("it fits") - TAIL.len());
    output
}

fn reference_decompress(inflate: &mut Inflate, stream: &[u8], length: usize) -> Vec<u8> {
    let mut output = vec![0; length + 64];
    let before = inflate.total_out();
    let input = [stream, &TAIL].concat();
    inflate
        .decompress(&input, &mut output, InflateFlush::SyncFlush)
        .expect("the stream is valid");
    output.truncate(usize::try_from(inflate.total_out() - before).expect("it fits"));
    output
}
