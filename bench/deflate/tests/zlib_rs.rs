//! What a WebSocket library may want to rely on in zlib-rs, and its documentation leaves open.

use std::panic::catch_unwind;

use payload::Random;
use zlib_rs::{
    Deflate, DeflateConfig, DeflateFlush, Inflate, InflateError, InflateFlush, Status, Strategy,
};

const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// The tail, and an empty block that is the last of its stream.
const END: [u8; 6] = [0x00, 0x00, 0xff, 0xff, 0x03, 0x00];

fn compress(deflate: &mut Deflate, message: &[u8]) -> Vec<u8> {
    let mut output = vec![0; message.len() * 2 + 64];
    let before = deflate.total_out();
    let status = deflate.compress(message, &mut output, DeflateFlush::SyncFlush);
    assert_eq!(status, Ok(Status::Ok));
    output.truncate((deflate.total_out() - before) as usize);
    assert_eq!(output.split_off(output.len() - TAIL.len()), TAIL);
    output
}

#[derive(Debug, PartialEq)]
struct Decompressed {
    status: Result<Status, InflateError>,
    all_read: bool,
    output: Vec<u8>,
}

fn decompress(inflate: &mut Inflate, input: &[u8]) -> Decompressed {
    let mut output = vec![0; 1 << 14];
    let (read, written) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, &mut output, InflateFlush::SyncFlush);
    output.truncate((inflate.total_out() - written) as usize);
    Decompressed {
        status,
        all_read: inflate.total_in() - read == input.len() as u64,
        output,
    }
}

fn text() -> Vec<u8> {
    let mut random = Random::new(1);
    let order =
        |_| format!("{{\"price\":{},\"side\":\"buy\"}},", random.below(10_000)).into_bytes();
    (0..60).flat_map(order).collect()
}

/// One message as stored, fixed and dynamic blocks.
fn kinds_of_block() -> [Vec<u8>; 3] {
    let settings = [
        (0, Strategy::Default),
        (6, Strategy::Fixed),
        (6, Strategy::Default),
    ];
    let blocks = settings.map(|(level, strategy)| {
        let config = DeflateConfig {
            level,
            window_bits: -15,
            strategy,
            ..DeflateConfig::default()
        };
        compress(&mut Deflate::new_with_config(config), &text())
    });
    for (kind, block) in blocks.iter().enumerate() {
        assert_eq!(usize::from(block[0] >> 1 & 3), kind);
    }
    blocks
}

#[test]
fn a_window_of_8_bits_panics_in_the_compressor_only() {
    assert!(catch_unwind(|| Deflate::new(6, false, 8)).is_err());
    assert!(catch_unwind(|| Inflate::new(false, 8)).is_ok());
}

#[test]
fn both_states_are_send_and_sync() {
    fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Deflate>();
    send_and_sync::<Inflate>();
}

#[test]
fn a_reset_compressor_is_as_new_and_keeps_its_level() {
    for level in 0..=9 {
        for bits in 9..=15 {
            let new = compress(&mut Deflate::new(level, false, bits), &text());
            let mut used = Deflate::new(level, false, bits);
            compress(&mut used, &text()[13..]);
            used.reset();
            assert_eq!(
                compress(&mut used, &text()),
                new,
                "level {level}, window bits {bits}"
            );
        }
    }
}

#[test]
fn a_small_window_of_an_inflater_is_no_limit() {
    let mut random = Random::new(2);
    let noise: Vec<_> = (0..1000).map(|_| random.below(256) as u8).collect();
    let repeated = [&noise[..], &noise].concat();
    let stream = compress(&mut Deflate::new(6, false, 15), &repeated);
    assert!(stream.len() < 1100, "the second half refers to the first");
    let mut inflate = Inflate::new(false, 8);
    // In pieces, or the distance would be within the output of one call.
    let output: Vec<_> = stream
        .chunks(16)
        .flat_map(|piece| decompress(&mut inflate, piece).output)
        .collect();
    assert_eq!(output, repeated);
}

#[test]
fn a_last_block_after_a_whole_message_ends_the_stream() {
    for block in kinds_of_block() {
        let mut inflate = Inflate::new(false, 15);
        let input = [&block[..], &END].concat();
        let expected = Decompressed {
            status: Ok(Status::StreamEnd),
            all_read: true,
            output: text(),
        };
        assert_eq!(decompress(&mut inflate, &input), expected);
        let expected = Decompressed {
            status: Ok(Status::StreamEnd),
            all_read: false,
            output: vec![],
        };
        assert_eq!(
            decompress(&mut inflate, &block),
            expected,
            "it takes no more"
        );
    }
}

#[test]
fn a_last_block_without_output_finds_a_cut_message_and_the_tail_alone_does_not() {
    for (kind, block) in kinds_of_block().iter().enumerate() {
        let after = |cut, end: &[u8]| {
            let mut inflate = Inflate::new(false, 15);
            decompress(&mut inflate, &block[..cut]);
            decompress(&mut inflate, end)
        };
        let cuts = 1..block.len();
        let whole = Decompressed {
            status: Ok(Status::StreamEnd),
            all_read: true,
            output: vec![],
        };
        for cut in cuts.clone().filter(|&cut| after(cut, &END) == whole) {
            // A first octet of zeros is by itself an empty message, RFC 7692, section 7.2.3.6.
            assert_eq!((cut, block[0]), (1, 0), "kind {kind}");
        }
        let accepted = |&cut: &usize| {
            let tail = after(cut, &TAIL);
            tail.status == Ok(Status::Ok) && tail.all_read
        };
        assert!(
            cuts.clone().filter(accepted).count() > cuts.len() / 2,
            "kind {kind}"
        );
    }
}

#[test]
fn a_reset_and_a_dictionary_go_on_after_the_end_of_a_stream() {
    let mut deflate = Deflate::new(6, false, 15);
    let (first, second) = (
        compress(&mut deflate, &text()),
        compress(&mut deflate, &text()),
    );
    assert!(
        second.len() < first.len() / 4,
        "the second refers to the first"
    );
    let mut inflate = Inflate::new(false, 15);
    let output = decompress(&mut inflate, &[&first[..], &END].concat()).output;
    inflate.reset(false);
    inflate
        .set_dictionary(&output)
        .expect("a raw stream takes a dictionary");
    assert_eq!(
        decompress(&mut inflate, &[&second[..], &END].concat()).output,
        text()
    );
}
