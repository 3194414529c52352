//! Where a JSON value ends (RFC 8259), in text that comes in pieces.

/// How far a value was read. Only its outline is looked at; whether it is JSON is for a parser.
#[derive(Debug, Default)]
pub(super) struct Outline {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    /// A number or a word: it ends in front of the first byte that cannot belong to it.
    is_bare: bool,
}

impl Outline {
    /// Reads on; where the value ends, behind its last byte, if that is there.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_in_string {
                match (self.is_escaped, byte) {
                    (true, _) => self.is_escaped = false,
                    (false, b'\\') => self.is_escaped = true,
                    (false, b'"') => {
                        self.is_in_string = false;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' | b'{' | b'[' if self.is_bare => return Some(at),
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth <= 1 => return Some(at + 1),
                b'}' | b']' => self.depth -= 1,
                byte if is_blank(*byte) && self.is_bare => return Some(at),
                byte if self.depth == 0 && !is_blank(*byte) => self.is_bare = true,
                _ => {}
            }
        }
        None
    }

    /// Whether the end of the text can be the end of the value.
    pub(super) const fn may_end(&self) -> bool {
        self.is_bare
    }
}

/// Whether the byte is one that may stand between two values.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values in the text, which comes byte by byte.
    fn values(text: &str) -> Vec<&str> {
        let (mut values, mut start, mut outline) = (Vec::new(), 0, Outline::default());
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at..=at) {
            if start == at && is_blank(bytes[at]) {
                start += 1;
                at += 1;
                continue;
            }
            match outline.end(byte) {
                Some(behind) => {
                    at += behind;
                    values.push(&text[start..at]);
                    start = at;
                    outline = Outline::default();
                }
                None => at += 1,
            }
        }
        if outline.may_end() {
            values.push(&text[start..]);
        }
        values
    }

    #[test]
    fn finds_values_of_every_kind_with_or_without_blanks_between_them() {
        assert_eq!(
            values("{\"a\":\n [1, \"}]\\\"\"]}[ ]\"x\" 1 true{}null 2.5"),
            [
                "{\"a\":\n [1, \"}]\\\"\"]}",
                "[ ]",
                "\"x\"",
                "1",
                "true",
                "{}",
                "null",
                "2.5"
            ]
        );
        assert_eq!(values("] x"), ["]", "x"]);
        assert_eq!(values("\"open"), [""; 0]);
    }
}
