//! Where a JSON value ends that goes over several lines.

use std::mem;

/// Follows the brackets and strings of a JSON text, to find where a value may end.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
}

impl Scanner {
    /// Whether the value goes on after this piece of it.
    pub(crate) fn is_open_after(&mut self, piece: &str) -> bool {
        for byte in piece.bytes() {
            match byte {
                _ if mem::take(&mut self.is_escaped) => {}
                b'\\' if self.is_in_string => self.is_escaped = true,
                b'"' => self.is_in_string = !self.is_in_string,
                // No string has a line feed in it: the fault is told where it is.
                b'\n' if self.is_in_string => return false,
                _ if self.is_in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.depth > 0 || self.is_in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_a_json_value_goes_on() {
        for open in [
            "{",
            "[1, [2]",
            "{\"a\": \"}",
            "[\"\\\"]\"",
            "\"half",
            "[\"\\\\\", ",
        ] {
            assert!(Scanner::default().is_open_after(open), "{open}");
        }
        for closed in [
            "1",
            "{}",
            "[1, [2]]",
            "\"{\"",
            "}",
            "nonsense",
            "\"a\nb",
            "{\"a\": \"\\\\\"}",
        ] {
            assert!(!Scanner::default().is_open_after(closed), "{closed}");
        }
    }
}
