//! Binary messages as hexadecimal digits, in and out.

use std::fmt::Write as _;

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
    fn reads_pairs_of_digits_only() {
        assert_eq!(decode("00ff 7F"), Ok(vec![0, 0xff, 0x7f]));
        assert_eq!(decode(""), Ok(vec![]));
        assert_eq!(decode("0"), Err("the number of digits is odd".to_owned()));
        assert_eq!(decode("0g"), Err("g is not a hexadecimal digit".to_owned()));
    }
}
