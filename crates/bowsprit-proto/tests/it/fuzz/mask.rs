//! Masking in pieces of any size at any place in memory, against one byte at a time (RFC 6455 §5.3).

use bowsprit_proto::frame::apply_mask;

use super::input::Input;

/// How far from a round address the payload may begin.
const SHIFT: usize = 64;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let key = [(); 4].map(|()| input.byte());
    let (shift, times) = (usize::from(input.byte()) % SHIFT, 1 + input.byte() % 16);
    let cuts = input.reads();
    let plain = input.rest().repeat(times.into());
    let mut buffer = [&[0; SHIFT][..shift], &plain].concat();
    let mut rest = &mut buffer[shift..];
    let mut next = key;
    for cut in cuts.iter().cycle() {
        let (piece, later) = rest.split_at_mut((*cut).min(rest.len()));
        next = apply_mask(piece, next);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let slow: Vec<u8> = plain
        .iter()
        .enumerate()
        .map(|(n, byte)| byte ^ key[n % 4])
        .collect();
    assert!(buffer[shift..] == slow);
    assert_eq!(
        next,
        [0, 1, 2, 3].map(|n| key[(plain.len() + n) % 4]),
        "the key for the byte after it"
    );
    apply_mask(&mut buffer[shift..], key);
    assert!(buffer[shift..] == plain, "twice is not at all");
}
