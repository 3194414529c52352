//! Bytes in pieces of any size, and the messages that they are.

use super::*;

fn cutter(bounds: Bounds, code: Code, kind: Kind) -> Cutter {
    Cutter::new(Framing { bounds, code, kind })
}

fn lines_of(kind: Kind) -> Cutter {
    delimited("\n", kind)
}

fn delimited(end: &str, kind: Kind) -> Cutter {
    cutter(
        Bounds::Delimiter(end.as_bytes().to_vec()),
        Code::Plain,
        kind,
    )
}

/// What comes of the input, which arrives in pieces of so many bytes.
fn cut(mut cutter: Cutter, input: &[u8], size: usize) -> Vec<Result<Vec<u8>, String>> {
    let mut made = Vec::new();
    let mut take = |cutter: &mut Cutter| {
        while let Some(message) = cutter.next() {
            made.push(message.map(|message| message.as_bytes().to_vec()));
        }
    };
    for chunk in input.chunks(size) {
        cutter.push(chunk);
        take(&mut cutter);
    }
    cutter.end();
    take(&mut cutter);
    made
}

/// As above for every size of pieces, which must make no difference.
fn cut_anyhow(make: impl Fn() -> Cutter, input: &[u8]) -> Vec<Result<Vec<u8>, String>> {
    let whole = cut(make(), input, input.len().max(1));
    for size in 1..input.len() {
        assert_eq!(cut(make(), input, size), whole, "in pieces of {size}");
    }
    whole
}

fn messages(texts: &[&[u8]]) -> Vec<Result<Vec<u8>, String>> {
    texts.iter().map(|text| Ok(text.to_vec())).collect()
}

#[test]
fn makes_a_message_of_each_line_whatever_ends_it() {
    let made = cut_anyhow(|| lines_of(Kind::Text), "a\r\n\nbü\nlast".as_bytes());
    assert_eq!(made, messages(&[b"a", b"", "bü".as_bytes(), b"last"]));
    assert_eq!(
        cut_anyhow(|| lines_of(Kind::Text), b"a\n"),
        messages(&[b"a"])
    );
    assert_eq!(cut_anyhow(|| lines_of(Kind::Text), b""), []);
    let made = cut_anyhow(|| lines_of(Kind::Binary), b"a\r\n\xff\n");
    assert_eq!(made, messages(&[b"a\r", b"\xff"]), "bytes are not touched");
}

#[test]
fn takes_a_delimiter_of_any_length() {
    let made = cut_anyhow(|| delimited("--\n", Kind::Text), b"a-\n--\n-----\nb--");
    assert_eq!(made, messages(&[b"a-\n", b"---", b"b--"]));
    let made = cut_anyhow(|| delimited("\0", Kind::Text), b"a\nb\0c\r\0");
    assert_eq!(made, messages(&[b"a\nb", b"c\r"]));
}

#[test]
fn takes_lengths_in_front() {
    let make = || cutter(Bounds::Length, Code::Plain, Kind::Binary);
    let made = cut_anyhow(make, b"\0\0\0\x02\xffa\0\0\0\0\0\0\0\x01\n");
    assert_eq!(made, messages(&[b"\xffa", b"", b"\n"]));
    for (input, fault) in [
        (
            &b"\0\0\0\0\0\0\0\x03ab"[..],
            "message 2 ends after 2 of its 3 bytes",
        ),
        (b"\0\0", "message 1 ends within its length"),
        (
            b"\xff\0\0\0a",
            "message 1 is longer than 1 GiB: 4278190080 bytes",
        ),
    ] {
        let made = cut(make(), input, 1);
        assert_eq!(made.last(), Some(&Err(fault.to_owned())));
    }
}

#[test]
fn takes_all_as_one_message_and_nothing_as_none() {
    let make = || cutter(Bounds::Nothing, Code::Plain, Kind::Text);
    assert_eq!(cut_anyhow(make, b"a\nb\n"), messages(&[b"a\nb\n"]));
    assert_eq!(cut_anyhow(make, b""), []);
}

#[test]
fn takes_json_values_over_several_lines() {
    let make = || cutter(Bounds::Json, Code::Plain, Kind::Text);
    let made = cut_anyhow(make, b"{\"a\":\n1}\n\n [2] 3");
    assert_eq!(made, messages(&[b"{\"a\":\n1}", b"[2]", b"3"]));
    let made = cut_anyhow(make, b"1\n{\n\n}\n\n{a}\n4");
    let Some(Err(fault)) = made.last() else {
        panic!("{made:?} has no fault")
    };
    assert!(
        fault.starts_with("the JSON value in line 6 is none: key must"),
        "{fault}"
    );
    assert_eq!(made.len(), 3, "nothing behind the fault is sent");
    let made = cut_anyhow(make, b"{}\n\n[1");
    let fault = "the JSON value in line 3 does not end".to_owned();
    assert_eq!(made.last(), Some(&Err(fault)));
}

#[test]
fn takes_bytes_that_are_spelled() {
    let end = || Bounds::Delimiter(b"\n".to_vec());
    let make = || cutter(end(), Code::Base64, Kind::Binary);
    assert_eq!(cut_anyhow(make, b"/wA=\r\n\n"), messages(&[b"\xff\0", b""]));
    let make = || cutter(end(), Code::Hex, Kind::Binary);
    assert_eq!(cut_anyhow(make, b"ff 00\n"), messages(&[b"\xff\0"]));
    for (code, input, fault) in [
        (Code::Base64, &b"aa\n"[..], "line 1 is not base64: "),
        (
            Code::Hex,
            b"0g\n",
            "line 1 is not hexadecimal: g is not a hexadecimal digit",
        ),
        (Code::Hex, b"\xff", "line 1 is not hexadecimal"),
    ] {
        let made = cut(cutter(end(), code, Kind::Binary), input, 8);
        let said = made.first().expect("a fault").clone().expect_err("a fault");
        assert!(said.starts_with(fault), "{said}");
    }
}

#[test]
fn names_the_line_and_the_byte_that_are_no_text_and_sends_nothing_behind_them() {
    let made = cut_anyhow(|| lines_of(Kind::Text), b"a\nbc\xff\nd\n");
    let fault = "line 2 is not UTF-8 at byte 3 (--binary sends any bytes)".to_owned();
    assert_eq!(made, [Ok(b"a".to_vec()), Err(fault)]);
    let make = || cutter(Bounds::Nothing, Code::Plain, Kind::Text);
    let fault = "the input is not UTF-8 at byte 2 (--binary sends any bytes)".to_owned();
    assert_eq!(cut_anyhow(make, b"a\xff"), [Err(fault)]);
}
