//! Which messages came with one read, so that the clock is read once for all of them.

/// The read that the last message came with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Read {
    /// When it was.
    pub(super) at: u64,
    line: u32,
    /// Where the last message ended in the receive buffer; 0 where that says nothing.
    end: usize,
}

impl Read {
    /// The headers of a server's frame are so long.
    const HEADER: std::ops::RangeInclusive<usize> = 2..=10;

    /// Whether this message lies directly behind the last one, so that both came with one read: the next
    /// read begins in front again, within the length of a header.
    pub(super) fn has(&self, line: u32, message: &[u8]) -> bool {
        let gap = message.as_ptr().addr().wrapping_sub(self.end);
        self.end != 0 && self.line == line && Self::HEADER.contains(&gap)
    }

    pub(super) fn note(&mut self, line: u32, message: &[u8]) {
        self.line = line;
        self.end = if message.len() > *Self::HEADER.end() {
            message.as_ptr().addr() + message.len()
        } else {
            0
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_read_are_known_by_their_place() {
        let buffer = [0; 200];
        let message = |begin: usize, end: usize| &buffer[begin..end];
        let mut read = Read::default();
        assert!(!read.has(0, message(2, 52)));
        read.note(0, message(2, 52));
        assert!(read.has(0, message(54, 104)), "behind it");
        assert!(!read.has(1, message(54, 104)), "of another connection");
        assert!(!read.has(0, message(2, 52)), "the next read");
        assert!(
            !read.has(0, message(4, 150)),
            "the next read, with a longer header"
        );
        assert!(!read.has(0, message(70, 104)), "something lies between");
        read.note(0, message(2, 8));
        assert!(
            !read.has(0, message(10, 104)),
            "too short to tell it from a longer header"
        );
    }
}
