//! Binary messages as hexadecimal digits, in and out.

use std::fmt::Write as _;

use super::palette::{Palette, Role};

/// Two upper-case digits and a blank for each byte, the last one too.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(
        String::with_capacity(bytes.len() * 3),
        |mut digits, byte| {
            // Writing to a string cannot fail.
            let _ = write!(digits, "{byte:02X} ");
            digits
        },
    )
}

/// The first `limit` bytes, with `…` where the rest was left out.
pub(crate) fn excerpt(bytes: &[u8], limit: usize) -> String {
    let mut digits = encode(bytes.get(..limit).unwrap_or(bytes));
    digits.truncate(digits.trim_end().len());
    if bytes.len() > limit {
        digits.push('…');
    }
    digits
}

/// How many bytes a row of a dump has.
pub(crate) const ROW: usize = 16;

/// One row of a dump: where it begins, its bytes in two halves, and what of them is printable ASCII.
pub(crate) fn row(offset: usize, bytes: &[u8], palette: Palette) -> String {
    let (left, right) = bytes.split_at_checked(ROW / 2).unwrap_or((bytes, &[]));
    let digits = format!("{:<24} {:<24}", encode(left), encode(right));
    let ascii: String = bytes
        .iter()
        .map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        })
        .collect();
    let offset = format!("{offset:06x}");
    format!("{}  {digits}|{ascii}|", palette.paint(Role::Aside, &offset))
}

/// The bytes that pairs of digits stand for, blanks between them or not.
///
/// # Errors
///
/// When something else stands there, or a digit is left over; the text says which.
pub(crate) fn decode(digits: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut high = None;
    for c in digits.chars().filter(|c| !matches!(c, ' ' | '\t')) {
        let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let Some(digit) = digit else {
            return Err(format!("{c} is not a hexadecimal digit"));
        };
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err("the number of digits is odd".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_a_blank_behind_each_byte() {
        assert_eq!(encode(&[0, 0x7f, 0xff]), "00 7F FF ");
        assert_eq!(encode(&[]), "");
        assert_eq!(excerpt(&[1, 2, 3], 2), "01 02…");
        assert_eq!(excerpt(&[1, 2], 2), "01 02");
    }

    #[test]
    fn prints_rows_of_sixteen_with_what_they_say() {
        assert_eq!(
            row(16, b"GET / HTTP/1.1\r\n", Palette::PLAIN),
            "000010  47 45 54 20 2F 20 48 54  54 50 2F 31 2E 31 0D 0A |GET / HTTP/1.1..|"
        );
        assert_eq!(
            row(0, &[0x1b, b'[', 0xff], Palette::PLAIN),
            format!("000000  1B 5B FF {}|.[.|", " ".repeat(40))
        );
    }

    #[test]
    fn reads_pairs_of_digits_only() {
        assert_eq!(decode("00ff 7F"), Ok(vec![0, 0xff, 0x7f]));
        assert_eq!(decode(""), Ok(vec![]));
        assert_eq!(decode("0"), Err("the number of digits is odd".to_owned()));
        assert_eq!(decode("0g"), Err("g is not a hexadecimal digit".to_owned()));
    }
}
